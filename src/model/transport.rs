//! How a request came in.

/// How a request came in, as the Collector's metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP, protobuf or JSON.
    Http,
}

impl Transport {
    /// Every transport, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Grpc, Self::Http];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}
