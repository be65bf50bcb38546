//! The next hop: the stream goes on over OTLP, annotated, filtered or deduplicated.
//!
//! In come a request's bytes and which of its records matched. Out goes a request to the next hop, cut from those bytes,
//! and what became of it: the sender of the records is answered by that, so nothing is queued here.
//!
//! ```text
//! attempt    which records go on, which are held back; what the next hop has already
//!    ▼
//! onward     the request without the ones and with the others annotated (otlp::splice)
//!    ▼
//! hop        one delivery: bounded sends, split where the next hop takes no more
//!    ▼
//! grpc │ http   one call ──▶ outcome    what the answer means, by OTLP's tables
//! ```
//!
//! This room does not know the store: [`summary()`] encodes what it is handed, and the pipeline commits what was held back.

mod attempt;
mod claims;
mod grpc;
mod headers;
mod hop;
mod http;
mod onward;
mod outcome;
mod seldom;
mod settings;
mod summary;

pub use attempt::{Attempt, Attempts};
pub use headers::{Headers, InvalidHeaders};
pub use hop::{Delivered, NextHop, NotDelivered, Totals, watch};
pub use onward::{Hold, Matched, onward};
pub use settings::{Compression, Mode, Protocol, Settings, Tls};
pub use summary::summary;

/// The next hop's client could not be made from its settings.
#[derive(Debug, thiserror::Error)]
#[error("the client of the next hop cannot be made")]
pub struct SetupError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl SetupError {
    fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}
