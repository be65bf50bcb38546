//! The request's bytes, read where they lie.
//!
//! In comes one `ExportLogsServiceRequest` as it was sent. Out go its log records as borrowed slices
//! ([`LogRecord`](crate::model::LogRecord)), each with its resource and its scope: no message struct is built, nothing is copied.
//! The framing of the whole request is checked on the way, so that a caller counts all of it or none of it.
//!
//! A record whose severity may matter is then [`Unfolded`]: what loggers tell under names of their own, in a map or in JSON
//! inside a string, is put where OpenTelemetry has a place for it.
//!
//! [`splice()`] goes the same way once more and cuts the bytes: records leave or gain attributes, all else stays as it was sent.
//!
//! This room knows nothing of rules, fingerprints or transports.

mod embedded;
mod json;
mod limits;
mod malformed;
mod splice;
mod tally;
mod value;
mod walk;
mod wire;

pub use embedded::{Unfolded, Value, attributes, resource_attributes};
pub use json::{Transcoded, transcode};
pub use limits::{Limits, Unreadable};
pub use malformed::Malformed;
pub use splice::{Attributes, Fate, Spliced, halves, splice};
pub use tally::Walked;
pub use walk::walk;
