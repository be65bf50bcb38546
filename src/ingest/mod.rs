//! The receivers: from a socket to one request's bytes, and back with an answer.
//!
//! In come OTLP exporters' calls. Out go the bytes of each request, decompressed and bounded, to the handler that
//! the composition root gives; its answer becomes a gRPC status. This room does not know what the handler does.

mod grpc;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

pub use grpc::{Settings, serve};

/// Why a request was refused, as far as its sender is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are no OTLP request: sending them again is of no use.
    Malformed(String),
    /// Not now: the sender keeps the request and sends it again.
    Unavailable(String),
}

/// What takes a request's bytes and answers when its records are safe.
pub type Handler =
    Arc<dyn Fn(Bytes) -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>> + Send + Sync>;
