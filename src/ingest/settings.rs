//! Where the receivers listen and what they bear.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::Token;
use crate::otlp::Limits;

use super::TlsSettings;

/// Where to listen and whom to let in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen for gRPC. Default: `127.0.0.1:4317`, the port that the OTLP specification gives to it.
    pub grpc_addr: SocketAddr,
    /// Where to listen for HTTP. Default: `127.0.0.1:4318`, likewise.
    pub http_addr: SocketAddr,
    /// What exporters must present.
    pub token: Token,
    /// TLS of both listeners; `None` is plain text.
    pub tls: Option<TlsSettings>,
    /// What a connection and a request may cost.
    pub bounds: Bounds,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grpc_addr: SocketAddr::from(([127, 0, 0, 1], 4317)),
            http_addr: SocketAddr::from(([127, 0, 0, 1], 4318)),
            token: Token::default(),
            tls: None,
            bounds: Bounds::default(),
        }
    }
}

/// What a connection and a request may cost. Each bound is a setting; the reasons stand with the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The longest request in bytes, before and after decompression. Default: 16 MiB, four times what SDKs and Collectors
    /// send at most; at most 64 MiB, the OTLP specification's recommendation.
    pub request_bytes_max: usize,
    /// Bytes of all requests in hand, as received and as decompressed. Default: 64 MiB, so that the process stays within
    /// some 100 MB. When they are taken, a request waits for a moment and is then refused for later.
    pub bytes_in_flight_max: usize,
    /// What one request may hold.
    pub limits: Limits,
    /// Concurrent calls on one connection. Default: 128, more than any exporter uses (OpenTelemetry's JavaScript SDK: 30).
    pub streams_max: u32,
    /// Connections of one listener. Default: 1,024, below the 1,024 open files that systems give at least, with what logmend
    /// itself needs. More wait in the system's queue until one ends.
    pub connections_max: usize,
    /// From the first byte of a request's head, or a connection's beginning, to the head's end. Default: 10 s, as long as
    /// SDKs give a whole call.
    pub header_timeout: Duration,
    /// For a request's body, and for a peer to begin to read an answer. Default: 30 s, 16 MiB at 4.5 Mbit/s.
    pub body_timeout: Duration,
    /// How long a connection may rest without a call. Default: 60 s, twice the longest export interval of SDKs' defaults.
    pub idle_timeout: Duration,
    /// For the work on a request, from its last byte to the answer. Default: 10 s, when SDKs give up.
    pub handler_timeout: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            request_bytes_max: 16 * 1024 * 1024,
            bytes_in_flight_max: 64 * 1024 * 1024,
            limits: Limits::default(),
            streams_max: 128,
            connections_max: 1_024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(1),
            handler_timeout: Duration::from_secs(10),
        }
    }
}
