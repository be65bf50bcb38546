//! The receivers: from a socket to one request's bytes, and back with an answer.
//!
//! In come the calls of OTLP exporters, over gRPC and HTTP, protobuf and JSON, on any listener. Out go the bytes of each request,
//! decompressed, bounded and in protobuf, to the handler that the composition root gives; its answer becomes a gRPC status
//! or an HTTP answer. This room does not know what the handler does.
//!
//! ```text
//! server ──▶ connection ──▶ receiver ──▶ export ──▶ body ──▶ decompress ──▶ handler
//! accepts    watches        one door,    one        within the budget
//! (tls)      the clock      all routes   request
//! ```
//!
//! Sources: opentelemetry-proto 1.11, `docs/specification.md`; gRPC over HTTP/2 (`PROTOCOL-HTTP2.md`); RFC 9110.

mod activity;
mod body;
mod budget;
mod connection;
mod decompress;
mod export;
mod grpc;
mod http;
mod receiver;
mod refusal;
mod server;
mod services;
mod settings;
mod tls;
mod totals;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::model::Transport;

pub use decompress::{Encoding, Undecodable, decompress};
pub use receiver::Receiver;
pub use refusal::{Reason, Refusal};
pub use server::{Answer, Body, BoxError, Peer, Service, serve};
pub use settings::{Bounds, Settings};
pub use tls::{Tls, TlsError, TlsSettings};
pub use totals::{Mended, Refusals};

/// What an accepted request's sender is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// How many records the request held.
    pub records: u64,
    /// How many of them were not taken, and are not to be sent again.
    pub rejected: u64,
    /// Why; told only with `rejected` above 0.
    pub message: String,
}

/// What takes a request's bytes and answers when its records are safe.
///
/// The bytes are an `ExportLogsServiceRequest` in protobuf. They hold their share of the bytes in flight until the last
/// copy of them is dropped.
pub type Handler = Arc<
    dyn Fn(Bytes, Transport) -> Pin<Box<dyn Future<Output = Result<Accepted, Refusal>> + Send>> + Send + Sync,
>;
