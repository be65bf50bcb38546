//! A point in time.

use std::fmt;

use utoipa::ToSchema;

/// Nanoseconds since 1970-01-01T00:00:00Z, as OTLP counts them. 0 means unknown on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub struct UnixNanos(pub u64);

impl UnixNanos {
    /// The last time the store can hold: 2262-04-11.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// The time of so many whole seconds since 1970.
    #[must_use]
    pub fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// What time it was for whoever answered with these headers; `None` where they do not tell (RFC 9110, section 6.6.1).
    #[must_use]
    pub fn of_date_header(headers: &http::HeaderMap) -> Option<Self> {
        let date = headers.get(http::header::DATE)?.to_str().ok()?;
        let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second();
        u64::try_from(date).ok().map(Self::from_secs)
    }

    /// The number that the store keeps; times past 2262 are kept as the last one it can hold.
    #[must_use]
    pub fn to_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// The time of a number that the store kept; a negative one is read as 1970.
    #[must_use]
    pub fn from_i64(nanos: i64) -> Self {
        Self(u64::try_from(nanos).unwrap_or(0))
    }
}

/// RFC 3339 in UTC to the millisecond, such as `2026-11-16T10:30:00.000Z`; whole seconds have no fraction.
impl fmt::Display for UnixNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.to_i64() / 1_000_000 * 1_000_000)) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

impl serde::Serialize for UnixNanos {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_prints_as_rfc_3339() {
        assert_eq!(UnixNanos::from_secs(1_763_289_000).to_string(), "2025-11-16T10:30:00Z");
        assert_eq!(UnixNanos(1_763_289_000_123_456_789).to_string(), "2025-11-16T10:30:00.123Z");
        assert!(UnixNanos(u64::MAX).to_string().starts_with("2262-"));
    }
}
