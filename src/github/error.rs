//! What can go wrong with GitHub, told apart by what a caller does about it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

/// A call to GitHub that did not succeed. No variant ever holds the token.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// The client could not be built from its settings.
    #[error("the GitHub client cannot be built: {0}")]
    Client(String),
    /// GitHub was not reached or did not answer in time.
    #[error("GitHub was not reached for {call}: {why}")]
    Network {
        /// Method and path.
        call: String,
        /// Why.
        why: String,
    },
    /// GitHub answered that it cannot now: an error of its own, or a rate limit.
    #[error("GitHub answered {status} to {call}: {message}")]
    Busy {
        /// Method and path.
        call: String,
        /// The status.
        status: StatusCode,
        /// GitHub's own words.
        message: String,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// GitHub refused for good.
    #[error("GitHub refused {call} ({status}): {message}{hint}")]
    Refused {
        /// Method and path.
        call: String,
        /// The status.
        status: StatusCode,
        /// GitHub's own words.
        message: String,
        /// What the person who runs logmend can do about it.
        hint: String,
    },
    /// Push protection found a secret in the change.
    #[error("GitHub's push protection refused {call}: it found a secret in the change")]
    SecretFound {
        /// Method and path.
        call: String,
    },
    /// The branch exists and is not ours.
    #[error("the branch {branch} exists and was not made for this error")]
    BranchTaken {
        /// Which branch.
        branch: String,
    },
    /// GitHub answered what it does not document.
    #[error("GitHub's answer to {call} cannot be read: {why}")]
    Malformed {
        /// Method and path.
        call: String,
        /// Why.
        why: String,
    },
}

impl GitHubError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Network { .. } | Self::Busy { .. })
    }

    /// How long GitHub asks to wait, where it does.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Busy { wait, .. } => *wait,
            _ => None,
        }
    }

    /// Whether GitHub found the request itself at fault, with these words in its answer.
    pub(super) fn is_unprocessable_with(&self, words: &str) -> bool {
        match self {
            Self::Refused { status, message, .. } => {
                matches!(*status, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT)
                    && message.to_ascii_lowercase().contains(&words.to_ascii_lowercase())
            }
            _ => false,
        }
    }

    /// The error that an answer tells.
    pub(super) fn of_answer(call: String, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let message = message(body);
        if status.is_server_error() || is_rate_limit(status, headers, &message) {
            return Self::Busy { call, status, message, wait: asked_wait(headers) };
        }
        if message.to_ascii_lowercase().contains("secret")
            && message.to_ascii_lowercase().contains("rule violation")
        {
            return Self::SecretFound { call };
        }
        let hint = hint(status, headers);
        Self::Refused { call, status, message, hint }
    }
}

/// GitHub's own words: the message and those of each error, bounded.
fn message(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else {
        return "no message".to_owned();
    };
    let mut words = vec![json["message"].as_str().unwrap_or("no message").to_owned()];
    for error in json["errors"].as_array().into_iter().flatten() {
        let text = error.as_str().or_else(|| error["message"].as_str()).or_else(|| error["code"].as_str());
        words.extend(text.map(str::to_owned));
    }
    let words = words.join("; ");
    crate::redact::cut(&crate::redact::plain(&words), 500).to_owned()
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_rate_limit(status: StatusCode, headers: &HeaderMap, message: &str) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::FORBIDDEN
            && (headers.contains_key("retry-after")
                || header(headers, "x-ratelimit-remaining") == Some("0")
                || message.to_ascii_lowercase().contains("rate limit")))
}

/// `retry-after` in seconds, else the time until the limit is reset by GitHub's own clock.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    if let Some(secs) = header(headers, "retry-after").and_then(|secs| secs.parse().ok()) {
        return Some(Duration::from_secs(secs));
    }
    if header(headers, "x-ratelimit-remaining") != Some("0") {
        return None;
    }
    let reset: i64 = header(headers, "x-ratelimit-reset")?.parse().ok()?;
    let now = jiff::fmt::rfc2822::parse(header(headers, "date")?).ok()?.timestamp().as_second();
    Some(Duration::from_secs(u64::try_from(reset - now).unwrap_or(0)))
}

/// What the person who runs logmend can do. Fine-grained tokens answer 404 where a permission is missing.
fn hint(status: StatusCode, headers: &HeaderMap) -> String {
    let needs =
        header(headers, "x-accepted-github-permissions").map(|needs| format!(" (GitHub wants {needs})"));
    match status.as_u16() {
        401 => "; GITHUB_TOKEN is wrong or has expired: set a valid one".to_owned(),
        403 | 404 => format!(
            "; check GITHUB_REPOSITORY, and that GITHUB_TOKEN may read and write contents and pull requests there{}",
            needs.unwrap_or_default()
        ),
        _ => String::new(),
    }
}
