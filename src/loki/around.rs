//! What a service logged around an error: a few lines for whoever looks for its cause.

use std::time::Duration;

use super::client::{Client, Direction};
use super::pages::Page;
use super::{LokiError, Settings};
use crate::model::UnixNanos;
use crate::redact;

/// How far lines may be from the error.
const REACH: Duration = Duration::from_mins(2);

/// Lines before the error and from it on. Causes come first, so most stand before; together with [`LINE_BYTES_MAX`] they are
/// at most 15 KB, some 4,000 tokens: three cents of a prompt that costs fifty.
const BEFORE: u32 = 40;
const AFTER: u32 = 20;

/// How much of a line is shown: what happened stands at its beginning.
const LINE_BYTES_MAX: usize = 240;

/// How long a fix waits for them, all tries together.
const AWAITED: Duration = Duration::from_secs(15);

impl Client {
    /// The lines that `service` logged within two minutes of `at`, earliest first, each with its time: redacted, without
    /// control codes, on one line each. None for a service without a name, since they would be anybody's.
    ///
    /// # Errors
    ///
    /// [`LokiError`]; whoever asks does without them then.
    pub async fn around(&self, service: &str, at: UnixNanos) -> Result<Vec<String>, LokiError> {
        let Some(query) = query_of(self.query(), service) else { return Ok(Vec::new()) };
        let reach = u64::try_from(REACH.as_nanos()).unwrap_or(u64::MAX);
        let before = Page { start: UnixNanos(at.0.saturating_sub(reach)), end: at, limit: BEFORE };
        let after = Page { start: at, end: UnixNanos(at.0.saturating_add(reach)), limit: AFTER };
        let asked = async {
            let mut entries = self.entries(&query, before, Direction::Backward).await?;
            entries.extend(self.entries(&query, after, Direction::Forward).await?);
            Ok(entries.iter().map(|entry| line(entry.time, &entry.line)).collect())
        };
        let late = |_| Err(LokiError::Network(format!("no answer within {AWAITED:?}")));
        tokio::time::timeout(AWAITED, Box::pin(asked)).await.unwrap_or_else(late)
    }
}

/// One line: a secret is looked for in all of what is shown and as much again, so that none is cut in two before.
fn line(time: UnixNanos, text: &str) -> String {
    let text = redact::plain(redact::cut(text, LINE_BYTES_MAX * 2)).replace(['\n', '\t'], " ");
    let text = redact::redact(&text);
    format!("{time} {}", redact::cut(text.trim_end(), LINE_BYTES_MAX))
}

/// The query of one service alone: the same with one matcher more, which is the first of its selector.
fn query_of(query: &str, service: &str) -> Option<String> {
    if service.is_empty() || service.chars().any(char::is_control) {
        return None;
    }
    let (before, rest) = query.split_once('{').unwrap_or(("", &Settings::QUERY[1..]));
    let service = service.replace('\\', r"\\").replace('"', r#"\""#);
    Some(format!("{before}{{service_name=\"{service}\", {rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_cannot_leave_its_matcher() {
        for (query, service, expected) in [
            (Settings::QUERY, "shop", Some(r#"{service_name="shop", service_name=~".+"}"#)),
            (
                r#"{env="prod"} | json"#,
                r#"a"} or {x="\"#,
                Some(r#"{service_name="a\"} or {x=\"\\", env="prod"} | json"#),
            ),
            (Settings::QUERY, "", None),
            (Settings::QUERY, "a\nb", None),
        ] {
            assert_eq!(query_of(query, service).as_deref(), expected);
        }
    }

    #[test]
    fn a_line_is_short_redacted_and_inert() {
        let shown = line(
            UnixNanos::from_secs(1_763_289_000),
            "login of jane@example.com\n\u{1b}[31m\tpassword=hunter2hunter2 \u{202e}end",
        );
        assert!(shown.starts_with("2025-11-16T10:30:00Z login of [REDACTED:"), "{shown}");
        for leak in ["jane@", "hunter2", "\n", "\u{1b}", "\u{202e}"] {
            assert!(!shown.contains(leak), "{shown}");
        }
        assert!(line(UnixNanos(0), &"é".repeat(1 << 20)).len() < 300);
    }
}
