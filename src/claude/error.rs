//! What can go wrong with Claude, told apart by what a caller does about it.
//!
//! Source: Claude API documentation, "Errors" and "Rate limits".

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::redact;

/// A call to Claude that did not succeed. No variant ever holds the key.
#[derive(Debug, thiserror::Error)]
pub enum ClaudeError {
    /// The client could not be built from its settings.
    #[error("the Claude client cannot be built: {0}")]
    Client(String),
    /// The API was not reached or did not answer in time.
    #[error("Claude was not reached: {0}")]
    Network(String),
    /// The API answered that it cannot now.
    #[error("Claude answered {status}: {message} (request {request_id})")]
    Busy {
        /// The status.
        status: StatusCode,
        /// The API's own words.
        message: String,
        /// The request's id, for support.
        request_id: String,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// The key was refused.
    #[error("Claude refused the key ({status}): {message}; set a valid ANTHROPIC_API_KEY")]
    Key {
        /// The status.
        status: StatusCode,
        /// The API's own words.
        message: String,
    },
    /// A limit on spending is reached at the vendor; waiting minutes does not help.
    #[error("Claude's account has reached a limit on spending: {0}")]
    SpendLimit(String),
    /// The request was at fault.
    #[error("Claude refused the request ({status}): {message} (request {request_id})")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The API's own words.
        message: String,
        /// The request's id, for support.
        request_id: String,
    },
    /// The answer is not what the API documents.
    #[error("Claude's answer cannot be read: {0}")]
    Malformed(String),
}

impl ClaudeError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Busy { .. })
    }

    /// How long the API asks to wait before the next call, where it does.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Busy { wait, .. } => *wait,
            _ => None,
        }
    }

    /// The error that an answer tells.
    pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let error = &json["error"];
        let said = error["message"].as_str().unwrap_or("no message");
        let message = redact::cut(&redact::redact(&redact::plain(said)), 500).to_owned();
        let request_id = header(headers, "request-id")
            .or_else(|| json["request_id"].as_str())
            .map_or_else(|| "unknown".to_owned(), |id| redact::cut(id, 100).to_owned());
        if matches!(status.as_u16(), 401 | 403) {
            return Self::Key { status, message };
        }
        if status.as_u16() == 402 || is_spend_limit(status, error) {
            return Self::SpendLimit(message);
        }
        if is_worth_another_try(status, headers) {
            return Self::Busy { status, message, request_id, wait: asked_wait(headers) };
        }
        Self::Refused { status, message, request_id }
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A limit of the vendor's is a 429 with its code; one that the account set is a 400 with these words.
fn is_spend_limit(status: StatusCode, error: &serde_json::Value) -> bool {
    const CODES: [&str; 3] =
        ["enforced_spend_limit_reached", "contract_spend_limit_reached", "ramp_limit_exceeded"];
    let code = error["details"]["error_code"].as_str().unwrap_or_default();
    let message = error["message"].as_str().unwrap_or_default();
    CODES.contains(&code)
        || (status == StatusCode::BAD_REQUEST
            && message.contains("usage limits")
            && message.contains("You have reached your specified"))
}

fn is_worth_another_try(status: StatusCode, headers: &HeaderMap) -> bool {
    match header(headers, "x-should-retry") {
        Some("true") => true,
        Some("false") => false,
        _ => matches!(status.as_u16(), 408 | 409 | 429) || status.is_server_error(),
    }
}

/// `retry-after-ms`, else `retry-after` in seconds or as a date, which is counted from the answer's own date.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    if let Some(millis) = header(headers, "retry-after-ms").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let text = header(headers, "retry-after")?;
    if let Ok(secs) = text.parse() {
        return Some(Duration::from_secs(secs));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second();
    let now = jiff::fmt::rfc2822::parse(header(headers, "date")?).ok()?.timestamp().as_second();
    Some(Duration::from_secs(u64::try_from(until - now).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(status: u16, headers: &[(&'static str, &'static str)], body: &serde_json::Value) -> ClaudeError {
        let headers = headers.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect();
        ClaudeError::of_answer(StatusCode::from_u16(status).unwrap(), &headers, body.to_string().as_bytes())
    }

    #[test]
    fn answers_are_told_apart_by_what_to_do() {
        let said = |message: &str| json!({"error": {"type": "x", "message": message}});
        assert!(error(529, &[], &said("Overloaded")).is_transient());
        assert!(error(500, &[], &said("")).is_transient());
        assert!(
            error(429, &[("retry-after", "7")], &said("slow down")).wait() == Some(Duration::from_secs(7))
        );
        assert!(
            error(429, &[("retry-after-ms", "30"), ("retry-after", "7")], &said("")).wait()
                == Some(Duration::from_millis(30))
        );
        let dates =
            [("retry-after", "Tue, 24 Nov 2026 03:51:42 GMT"), ("date", "Tue, 24 Nov 2026 03:51:12 GMT")];
        assert_eq!(error(503, &dates, &said("")).wait(), Some(Duration::from_secs(30)));
        assert!(!error(500, &[("x-should-retry", "false")], &said("")).is_transient());
        assert!(matches!(error(401, &[], &said("invalid x-api-key")), ClaudeError::Key { .. }));
        assert!(matches!(error(400, &[], &said("bad")), ClaudeError::Refused { .. }));
        let limit =
            said("You have reached your specified API usage limits. You will regain access on 2026-12-01.");
        assert!(matches!(error(400, &[], &limit), ClaudeError::SpendLimit(_)));
        let enforced =
            json!({"error": {"message": "m", "details": {"error_code": "enforced_spend_limit_reached"}}});
        assert!(matches!(error(429, &[], &enforced), ClaudeError::SpendLimit(_)));
    }
}
