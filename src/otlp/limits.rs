//! What one request may hold, counted on the wire before anything is built of it.

use super::Malformed;

/// Bounds on one request, whatever its size in bytes: 16 MiB can hold eight million empty records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Log records at most, and envelopes (resources and scopes) at most. Default: 50,000, some fifty times what SDKs and
    /// Collectors put into one request.
    pub records_max: u64,
    /// Attributes, map entries and list elements at most, all of them together. Default: 500,000, ten a record.
    pub attributes_max: u64,
    /// How deep values may nest; what is deeper is cut. Default: 64, OpenTelemetry's `AttributeValueDepthLimit`.
    pub depth_max: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { records_max: 50_000, attributes_max: 500_000, depth_max: 64 }
    }
}

/// Why a request is refused whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Its bytes are no OTLP request.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It holds more than [`Limits`] allow.
    #[error("the request holds more than {max} {what}; send smaller batches")]
    TooMany {
        /// Records, envelopes or attributes.
        what: &'static str,
        /// How many are allowed.
        max: u64,
    },
}
