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
    /// The API was not reached: nothing was asked.
    #[error("Claude was not reached: {0}")]
    Unreached(String),
    /// The API did not answer in time or to the end: it may have done the work.
    #[error("Claude was not heard: {0}")]
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
    #[error("Claude's account has reached a limit on spending: {message}")]
    SpendLimit {
        /// The API's own words.
        message: String,
        /// What is told of its end.
        regained: Regained,
    },
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

/// When an account may be used again that has met a limit on spending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regained {
    /// At this second since 1970, as the API said.
    At(u64),
    /// On the first of the next month, 00:00 UTC, when the vendor's own limits begin anew.
    NextMonth,
    /// Nobody says: people have to do something.
    Unknown,
}

impl Regained {
    /// How long an account is left alone where nobody says: people see it within a day.
    const UNKNOWN_SECS: u64 = 86_400;
    /// The longest that an account is left alone on the word of an answer: a month and some days.
    const SECS_MAX: u64 = 45 * 86_400;
    /// The shortest: a date that is over already would have us ask at once.
    const SECS_MIN: u64 = 600;

    /// From when on the account is used again, in seconds since 1970.
    #[must_use]
    pub fn after(self, now_secs: u64) -> u64 {
        let until = match self {
            Self::At(secs) => secs,
            Self::NextMonth => next_month(now_secs).unwrap_or(now_secs + Self::UNKNOWN_SECS),
            Self::Unknown => now_secs + Self::UNKNOWN_SECS,
        };
        until.clamp(now_secs + Self::SECS_MIN, now_secs + Self::SECS_MAX)
    }

    /// What "You will regain access on 2026-12-01 at 00:00 UTC." says.
    fn read(message: &str) -> Self {
        let date = message.split("regain access on ").nth(1).and_then(|rest| rest.get(..10));
        date.and_then(midnight).map_or(Self::Unknown, Self::At)
    }
}

fn next_month(now_secs: u64) -> Option<u64> {
    let now = jiff::Timestamp::from_second(i64::try_from(now_secs).ok()?).ok()?.to_string();
    let year: u32 = now.get(..4)?.parse().ok()?;
    let month: u32 = now.get(5..7)?.parse().ok()?;
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    midnight(&format!("{year:04}-{month:02}-01"))
}

/// When a day such as `2026-12-01` begins in UTC, in seconds since 1970.
fn midnight(date: &str) -> Option<u64> {
    let begins: jiff::Timestamp = format!("{date}T00:00:00Z").parse().ok()?;
    u64::try_from(begins.as_second()).ok()
}

impl ClaudeError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreached(_) | Self::Network(_) | Self::Busy { .. })
    }

    /// Whether the key is at fault: whoever runs this can mend it, and the work is to wait for that.
    #[must_use]
    pub fn is_about_the_key(&self) -> bool {
        matches!(self, Self::Key { .. })
    }

    /// Whether the call may have been paid for although nothing came of it.
    #[must_use]
    pub fn may_cost(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Malformed(_))
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
        if let Some(regained) = spend_limit(status, error, &message) {
            return Self::SpendLimit { message, regained };
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

/// A limit of the vendor's is a 429 with its code; one that the account set is a 400 with these words; an unpaid bill is a 402.
fn spend_limit(status: StatusCode, error: &serde_json::Value, message: &str) -> Option<Regained> {
    let code = error["details"]["error_code"].as_str().unwrap_or_default();
    let is_own_limit = status == StatusCode::BAD_REQUEST
        && message.contains("usage limits")
        && message.contains("You have reached your specified");
    match code {
        "enforced_spend_limit_reached" | "contract_spend_limit_reached" => Some(Regained::NextMonth),
        "ramp_limit_exceeded" => Some(Regained::Unknown),
        _ if is_own_limit => Some(Regained::read(message)),
        _ if status == StatusCode::BAD_REQUEST && message.contains("credit balance is too low") => {
            Some(Regained::Unknown)
        }
        _ if status == StatusCode::PAYMENT_REQUIRED => Some(Regained::Unknown),
        _ => None,
    }
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
        let regained = |error| match error {
            ClaudeError::SpendLimit { regained, .. } => Some(regained),
            _ => None,
        };
        // 2026-12-01.
        assert_eq!(regained(error(400, &[], &limit)), Some(Regained::At(1_796_083_200)));
        let workspace = said("You have reached your specified workspace API usage limits.");
        assert_eq!(regained(error(400, &[], &workspace)), Some(Regained::Unknown));
        assert_eq!(
            regained(error(402, &[], &said("Your credit balance is too low"))),
            Some(Regained::Unknown)
        );
        assert_eq!(regained(error(429, &[("retry-after", "7")], &said("slow down"))), None);
        for (code, expected) in [
            ("enforced_spend_limit_reached", Some(Regained::NextMonth)),
            ("contract_spend_limit_reached", Some(Regained::NextMonth)),
            ("ramp_limit_exceeded", Some(Regained::Unknown)),
            ("another", None),
        ] {
            let body = json!({"error": {"message": "m", "details": {"error_code": code}}});
            assert_eq!(regained(error(429, &[("x-should-retry", "true")], &body)), expected, "{code}");
        }
    }

    #[test]
    fn an_account_is_left_alone_until_its_limit_begins_anew_and_never_for_long() {
        // 2026-11-25 12:00, 2026-12-01.
        let (now, december) = (1_795_608_000, 1_796_083_200);
        assert_eq!(Regained::NextMonth.after(now), december);
        assert_eq!(Regained::NextMonth.after(december), december + 31 * 86_400);
        assert_eq!(Regained::At(december).after(now), december);
        assert_eq!(Regained::At(5).after(now), now + 600, "a date that is over");
        assert_eq!(Regained::At(u64::MAX).after(now), now + 45 * 86_400, "a date that is far");
        assert_eq!(Regained::Unknown.after(now), now + 86_400);
        assert_eq!(Regained::read("regain access on 2026-1€"), Regained::Unknown);
    }

    #[test]
    fn only_what_was_not_heard_to_the_end_may_have_cost_something() {
        let said = json!({"error": {"type": "x", "message": "m"}});
        assert!(ClaudeError::Network("cut".into()).may_cost());
        assert!(ClaudeError::Malformed("no JSON".into()).may_cost());
        assert!(!ClaudeError::Unreached("refused".into()).may_cost());
        assert!(ClaudeError::Unreached("refused".into()).is_transient());
        for status in [400, 401, 402, 429, 500, 529] {
            assert!(!error(status, &[], &said).may_cost(), "{status}");
        }
    }
}
