//! How a request came in.

/// How a request came in. The first two are named as the Collector's metrics name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP, protobuf or JSON.
    Http,
    /// Read back from Loki.
    Loki,
}

impl Transport {
    /// Every transport, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Grpc, Self::Http, Self::Loki];

    /// Those that the receivers listen on, first in [`Transport::ALL`].
    pub const LISTENING: [Self; 2] = [Self::Grpc, Self::Http];

    /// What takes it in, as metrics name it.
    #[must_use]
    pub const fn receiver(self) -> &'static str {
        match self {
            Self::Grpc | Self::Http => "otlp",
            Self::Loki => "loki",
        }
    }

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::Loki => "loki",
        }
    }
}
