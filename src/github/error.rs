//! What can go wrong with GitHub, told apart by what a caller does about it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::RepoName;
use crate::redact;

/// How long to wait at a rate limit that names no time: "at least one minute" (GitHub's "Rate limits for the REST API").
const UNNAMED_WAIT: Duration = Duration::from_mins(1);

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
    #[error("the branch {branch} of {repository} exists and was not made for this error")]
    BranchTaken {
        /// Where.
        repository: RepoName,
        /// Which branch.
        branch: String,
    },
    /// The repository cannot take a change.
    #[error("the repository {repository} {why}")]
    Unfit {
        /// Where.
        repository: RepoName,
        /// Why, and what can be done.
        why: String,
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

    /// How long GitHub asks to wait before the next call, where it does: up to an hour for the limit of its REST API.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Busy { wait, .. } => *wait,
            _ => None,
        }
    }

    /// Whether the token is at fault, or the App's key.
    #[must_use]
    pub fn is_about_the_credentials(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::UNAUTHORIZED)
    }

    /// Whether what was asked for is not there: removed, moved, or not to be seen with these credentials.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if matches!(status.as_u16(), 301 | 307 | 308 | 404 | 410))
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
        if is_rate_limit(status, headers, &message) {
            return Self::Busy { call, status, message, wait: asked_wait(headers).or(Some(UNNAMED_WAIT)) };
        }
        if status.is_server_error() {
            return Self::Busy { call, status, message, wait: asked_wait(headers) };
        }
        if is_secret_found(body, &message) {
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
    shown(&words.join("; "), 500)
}

/// A text of the server as an error may hold it: bounded, without control codes or anything that looks like a secret.
fn shown(text: &str, bytes_max: usize) -> String {
    let plain = redact::plain(redact::cut(text, 8 * bytes_max));
    redact::cut(&redact::redact(&plain), bytes_max).to_owned()
}

/// A violated rule of the repository comes with what was scanned where it is push protection's ("repository-rule-violation-error"
/// of GitHub's published description of its API).
fn is_secret_found(body: &[u8], message: &str) -> bool {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let message = message.to_ascii_lowercase();
    json["metadata"]["secret_scanning"].is_object()
        || (message.contains("secret") && message.contains("rule violation"))
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
    Some(Duration::from_secs(u64::try_from(reset.saturating_sub(now)).unwrap_or(0)))
}

/// What the person who runs logmend can do. Fine-grained tokens answer 404 where a permission is missing.
fn hint(status: StatusCode, headers: &HeaderMap) -> String {
    let needs = header(headers, "x-accepted-github-permissions")
        .map_or_else(String::new, |needs| format!(" (GitHub wants {})", shown(needs, 200)));
    match status.as_u16() {
        300..=399 => {
            "; the repository was renamed or moved: set GITHUB_REPOSITORY to its new name".to_owned()
        }
        401 => "; GITHUB_TOKEN is wrong or has expired: set a valid one, or for an App look at GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY".to_owned(),
        403 | 404 => format!(
            "; check GITHUB_REPOSITORY and GITHUB_BASE_BRANCH, and that GITHUB_TOKEN, or the App, may read and write contents and pull requests there{needs}"
        ),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> GitHubError {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap())
        });
        let status = StatusCode::from_u16(status).unwrap();
        GitHubError::of_answer("GET /repos/acme/shop".into(), status, &headers.collect(), body.as_bytes())
    }

    #[test]
    fn what_may_succeed_later_says_when() {
        let date = ("date", "Tue, 24 Nov 2026 04:00:00 GMT");
        let reset = ("x-ratelimit-reset", "1795492830"); // Thirty seconds after `date`.
        let secondary = r#"{"message": "You have exceeded a secondary rate limit."}"#;
        let cases: &[(u16, &[_], &str, Option<u64>)] = &[
            (429, &[("retry-after", "7")], "{}", Some(7)),
            (403, &[("retry-after", "7")], "{}", Some(7)),
            (403, &[("x-ratelimit-remaining", "0"), reset, date], "{}", Some(30)),
            (403, &[("x-ratelimit-remaining", "0")], "{}", Some(60)),
            (403, &[], secondary, Some(60)),
            (503, &[("retry-after", "Tue, 24 Nov 2026 04:00:00 GMT")], "<html>", None),
            (500, &[], "", None),
        ];
        for (status, headers, body, secs) in cases {
            let error = answer(*status, headers, body);
            assert!(error.is_transient(), "{error}");
            assert_eq!(error.wait(), secs.map(Duration::from_secs), "{error}");
        }
    }

    #[test]
    fn what_is_refused_for_good_says_what_to_do() {
        let needs = ("x-accepted-github-permissions", "contents=write");
        let cases: &[(u16, &[_], &str)] = &[
            (401, &[], "GITHUB_TOKEN is wrong"),
            (403, &[needs], "(GitHub wants contents=write)"),
            (404, &[needs], "check GITHUB_REPOSITORY"),
            (307, &[], "renamed or moved"),
            (422, &[], "(422 Unprocessable Entity): no message"),
        ];
        for (status, headers, expected) in cases {
            let error = answer(*status, headers, "{}");
            assert!(!error.is_transient() && error.to_string().contains(expected), "{error}");
            assert!(error.to_string().contains("GET /repos/acme/shop"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_told_from_other_rules() {
        let scanned =
            r#"{"message": "Repository rule violations found", "metadata": {"secret_scanning": {}}}"#;
        let worded = r#"{"message": "Repository rule violations found\n\nSecret detected in content"}"#;
        for body in [scanned, worded] {
            assert!(matches!(answer(422, &[], body), GitHubError::SecretFound { .. }), "{body}");
        }
        let other = r#"{"message": "Repository rule violations found\n\nCannot create ref"}"#;
        assert!(matches!(answer(422, &[], other), GitHubError::Refused { .. }));
    }

    #[test]
    fn the_words_of_the_server_are_bounded_and_masked() {
        let token = ["ghp_", &"a1B2".repeat(9)].concat();
        let long = "x".repeat(100_000);
        for words in [format!("you sent {token}"), long] {
            let error =
                answer(422, &[], &serde_json::json!({"message": words, "errors": [words]}).to_string());
            assert!(error.to_string().len() < 1_000 && !format!("{error:?}").contains(&token), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_panics(status in 100_u16..600, body in ".{0,200}", retry in "[ -~]{0,20}") {
            let headers = [("retry-after", retry.as_str()), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &retry)];
            let _ = answer(status, &headers, &body).to_string();
        }
    }
}
