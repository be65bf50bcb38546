//! What can go wrong with Loki, told apart by what a caller does about it.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use crate::redact;

/// How much of Loki's own words is told.
const SAID_BYTES_MAX: usize = 300;

/// The longest wait that Loki may ask for; a longer one is cut, since the next question is cheap for both.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A question to Loki that had no answer. No variant ever holds the token.
#[derive(Debug, thiserror::Error)]
pub enum LokiError {
    /// The client could not be built from its settings.
    #[error("the Loki client cannot be built: {0}")]
    Client(String),
    /// Loki was not reached or did not answer in time.
    #[error("Loki was not reached: {0}")]
    Network(String),
    /// Loki answered that it cannot now.
    #[error("Loki answered {status}: {said}")]
    Busy {
        /// The status.
        status: StatusCode,
        /// Its own words.
        said: String,
        /// How long it asks to wait, 30 seconds at most.
        wait: Option<Duration>,
    },
    /// Loki, or what stands before it, does not let us in.
    #[error("Loki refused the token or the tenant ({status}): {said}; set valid LOKI_TOKEN and LOKI_TENANT")]
    Admission {
        /// The status.
        status: StatusCode,
        /// Its own words.
        said: String,
    },
    /// The question was at fault.
    #[error("Loki refused the query ({status}): {said}; look at LOKI_QUERY and LOKI_QUERY_URL")]
    Refused {
        /// The status.
        status: StatusCode,
        /// Its own words.
        said: String,
    },
    /// There is more in the answer than is read. Fewer entries may fit.
    #[error("Loki's answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer is not what the API documents.
    #[error("Loki's answer cannot be read: {0}; LOKI_QUERY_URL must lead to Loki's HTTP API")]
    Malformed(String),
}

impl LokiError {
    /// Whether the same question may be answered in a moment.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Busy { .. })
    }

    /// Whether the same question for fewer entries may be answered. Loki's words for a tenant's `max_entries_limit_per_query`
    /// are those of its `pkg/querier/queryrange/limits.go`; no code stands beside them.
    #[must_use]
    pub fn is_of_length(&self) -> bool {
        match self {
            Self::TooLong(_) => true,
            Self::Refused { said, .. } => said.contains("max entries limit per query exceeded"),
            _ => false,
        }
    }

    /// How long Loki asks to wait before the next question, where it does.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Busy { wait, .. } => *wait,
            _ => None,
        }
    }

    /// The error that an answer tells. Loki's words are a text; what stands before it may answer anything.
    pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, said: &str) -> Self {
        let said = redact::plain(redact::cut(said, 4 * SAID_BYTES_MAX));
        let said = redact::redact(&said).replace(['\n', '\t'], " ");
        let said = redact::cut(said.trim(), SAID_BYTES_MAX).to_owned();
        match status.as_u16() {
            401 | 403 => Self::Admission { status, said },
            408 | 425 | 429 | 500..=599 => Self::Busy { status, said, wait: asked_wait(headers) },
            _ => Self::Refused { status, said },
        }
    }
}

/// `Retry-After` in seconds. As a date it is left out: the planned wait is as good.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let secs = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs).min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, retry_after: Option<&str>, body: &str) -> LokiError {
        let headers = retry_after.map(|value| (header::RETRY_AFTER, value.parse().unwrap()));
        let headers = headers.into_iter().collect();
        LokiError::of_answer(StatusCode::from_u16(status).unwrap(), &headers, body)
    }

    #[test]
    fn answers_are_told_apart_by_what_to_do() {
        let busy = check(429, Some("7"), "too many outstanding requests");
        assert!(busy.is_transient() && busy.wait() == Some(Duration::from_secs(7)), "{busy}");
        assert_eq!(check(503, Some("86400"), "").wait(), Some(WAIT_MAX), "it is clamped");
        assert_eq!(check(500, Some("soon"), "").wait(), None);
        assert!(matches!(check(401, None, "no org id"), LokiError::Admission { .. }));
        let refused = check(400, None, "parse error at line 1, col 2: syntax error\n");
        assert!(!refused.is_transient() && !refused.is_of_length());
        let limit = check(
            400,
            None,
            "max entries limit per query exceeded, limit > max_entries_limit_per_query (1000 > 500)",
        );
        assert!(limit.is_of_length());
        assert!(refused.to_string().contains("syntax error; look at LOKI_QUERY"));
    }

    #[test]
    fn what_it_says_is_bounded_and_without_effect() {
        let hostile = format!("\u{1b}[31m token=abcdefgh12345678abcdefgh {}", "x".repeat(1 << 20));
        let told = check(500, None, &hostile).to_string();
        assert!(told.len() < 2 * SAID_BYTES_MAX && !told.contains('\u{1b}'), "{told}");
        assert!(!told.contains("abcdefgh12345678"), "{told}");
    }
}
