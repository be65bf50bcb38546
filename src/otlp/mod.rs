//! The request's bytes, read where they lie.
//!
//! In comes one `ExportLogsServiceRequest` as it was sent. Out go its log records as borrowed slices
//! ([`LogRecord`](crate::model::LogRecord)), each with its resource and its scope: no message struct is built, nothing is copied.
//! The framing of the whole request is checked on the way, so that a caller counts all of it or none of it.
//!
//! This room knows nothing of rules, fingerprints or transports.

mod value;
mod walk;
mod wire;

pub use walk::{Walked, walk};
pub use wire::Malformed;
