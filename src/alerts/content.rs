//! What is told, once for all targets: gathered when it is decided, and kept, so that every try tells the same.
//!
//! All text of it is redacted. It is still somebody's log text: each target escapes it in its own way, and [`inert`] takes the
//! effect out of what people read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Alerts;
use crate::model::{AlertRule, Cluster, Fix, MASK, Severity, UnixNanos};
use crate::redact;
use crate::store::{DeliveryAction, FoundAlert, StoreError};

/// The most that is told of a message, in bytes.
const TEXT_BYTES_MAX: usize = 600;
/// The most that is told of a name.
const NAME_BYTES_MAX: usize = 120;
/// How many alerts a digest names.
pub(super) const NAMED_MAX: u32 = 10;

/// What an alert says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Content {
    /// One line.
    pub(super) title: String,
    /// What happened; often a log message with its values masked.
    pub(super) summary: String,
    pub(super) severity: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<ErrorFacts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<FixFacts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<RateFacts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<DigestFacts>,
    /// Which limit is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<String>,
    /// Which process refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) instance: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ErrorFacts {
    pub(super) id: String,
    pub(super) service: String,
    pub(super) environment: String,
    pub(super) category: String,
    pub(super) count: u64,
    pub(super) first_seen: String,
    pub(super) last_seen: String,
    /// Where the API tells more.
    pub(super) path: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FixFacts {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) repository: String,
    pub(super) pull_request: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct RateFacts {
    pub(super) per_hour: f64,
    pub(super) usual_per_hour: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DigestFacts {
    pub(super) counts: BTreeMap<AlertRule, u64>,
    /// The titles of the first ones.
    pub(super) named: Vec<String>,
}

/// What a delivery tells, and of what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Notice<'a> {
    /// The delivery's id; empty for a reminder.
    pub(super) id: &'a str,
    pub(super) action: DeliveryAction,
    pub(super) key: &'a str,
    pub(super) rule: AlertRule,
    pub(super) at: UnixNanos,
    pub(super) ended_at: Option<UnixNanos>,
    pub(super) now: UnixNanos,
    pub(super) content: &'a Content,
}

impl Notice<'_> {
    pub(super) fn is_over(&self) -> bool {
        self.action == DeliveryAction::Resolved
    }
}

/// One line for people in which nothing takes effect: no mention, no link, no markup.
pub(super) fn inert(text: &str, chars_max: usize) -> String {
    redact::neutralise_inline(&text.replace(MASK, "…"), chars_max)
}

/// A stored text once more redacted, on one line, and bounded.
fn line(text: &str, bytes_max: usize) -> String {
    let text = redact::plain(redact::cut(text, 4 * bytes_max));
    let text = redact::redact(&text).split_whitespace().collect::<Vec<_>>().join(" ");
    redact::cut(&text, bytes_max).to_owned()
}

impl Content {
    fn of(title: impl Into<String>, summary: impl Into<String>, severity: Severity) -> Self {
        let (title, summary) = (title.into(), summary.into());
        Self {
            title,
            summary,
            severity,
            error: None,
            fix: None,
            rate: None,
            digest: None,
            limit: None,
            instance: None,
        }
    }

    pub(super) fn of_test() -> Self {
        let summary = "People try whether alerts of logmend arrive here. They do.";
        Self::of("Test alert of logmend", summary, Severity::Info)
    }

    pub(super) fn of_digest(counts: BTreeMap<AlertRule, u64>, named: Vec<String>) -> Self {
        let all: u64 = counts.values().sum();
        let parts: Vec<_> = counts.iter().map(|(rule, count)| format!("{count} {rule}")).collect();
        let summary = format!(
            "Held back, since as many were told as may be in an hour (LOGMEND_ALERTS_PER_HOUR), or the same was told within the hour: {}",
            parts.join(", ")
        );
        let title = if all == 1 { "1 more alert".to_owned() } else { format!("{all} more alerts") };
        Self { digest: Some(DigestFacts { counts, named }), ..Self::of(title, summary, Severity::Medium) }
    }

    pub(super) fn of_refusing(alert: &FoundAlert) -> Self {
        let told: serde_json::Value = serde_json::from_str(&alert.told_of).unwrap_or_default();
        let count = told["refused"].as_u64().unwrap_or(0);
        let summary = format!(
            "{count} requests were refused within a minute: the store does not take writes, or more comes in than is taken. Exporters are told to send again; look at /error-monitor/health."
        );
        let content = Self::of("logmend refuses what exporters send", summary, Severity::Critical);
        Self { instance: Some(alert.error_id.clone()), ..content }
    }

    /// What is kept.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what was kept; what another version wrote and cannot be read says so.
    pub(super) fn from_json(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_else(|_| {
            Self::of("An alert", "Its text cannot be read; look at /error-monitor/alerts.", Severity::Medium)
        })
    }
}

impl Alerts {
    /// What is told of an alert, as things stand now.
    pub(super) async fn content(&self, alert: &FoundAlert) -> Result<Content, StoreError> {
        match alert.rule {
            AlertRule::Budget => self.budget(alert).await,
            AlertRule::Refusing => Ok(Content::of_refusing(alert)),
            AlertRule::Test | AlertRule::Digest => Ok(Content::of_test()),
            _ => self.error(alert).await,
        }
    }

    async fn budget(&self, alert: &FoundAlert) -> Result<Content, StoreError> {
        let told: serde_json::Value = serde_json::from_str(&alert.told_of).unwrap_or_default();
        let limit = told["limit"].as_str().unwrap_or_default().to_owned();
        let summary = match limit.as_str() {
            "usd_per_day" => "The budget of a day is spent (LOGMEND_MAX_USD_PER_DAY).".to_owned(),
            "usd_per_month" => "The budget of 30 days is spent (LOGMEND_MAX_USD_PER_MONTH).".to_owned(),
            "breaker" => match self.store.breaker(self.store.now()).await? {
                Some(breaker) => line(&breaker.told(), TEXT_BYTES_MAX),
                None => "Claude's account had met a limit on spending.".to_owned(),
            },
            _ => "As many pull requests were opened, or stand open, as may be.".to_owned(),
        };
        let summary =
            format!("{summary} No fix is begun until then; errors are found and counted all the same.");
        Ok(Content { limit: Some(limit), ..Content::of("A budget is spent", summary, Severity::Medium) })
    }

    async fn error(&self, alert: &FoundAlert) -> Result<Content, StoreError> {
        let cluster = match alert.error_id.parse() {
            Ok(fingerprint) => self.store.cluster(fingerprint).await?,
            Err(_) => None,
        };
        let fix = if alert.fix_id.is_empty() { None } else { self.store.fix(&alert.fix_id).await? };
        let rate = serde_json::from_str::<RateFacts>(&alert.told_of).ok();
        let service = cluster.as_ref().map_or("a service", |cluster| cluster.detail.service.as_str());
        let service = line(service, NAME_BYTES_MAX);
        let severity = cluster.as_ref().map_or(Severity::Medium, |cluster| cluster.verdict.severity);
        let (title, severity) = match alert.rule {
            AlertRule::New => (format!("New {severity} error in {service}"), severity),
            AlertRule::Regressed => {
                (format!("An error in {service} came back after its fix"), severity.max(Severity::High))
            }
            AlertRule::Rate => (rate_title(&service, rate), severity.max(Severity::Medium)),
            AlertRule::FixOpened => {
                (format!("Pull request opened for an error in {service}"), Severity::Info)
            }
            AlertRule::FixMerged => {
                (format!("Pull request merged for an error in {service}"), Severity::Info)
            }
            _ => (format!("No fix was written for an error in {service}"), Severity::Medium),
        };
        let summary = match (&cluster, &fix) {
            (Some(cluster), _) => cluster.summary(),
            (None, Some(fix)) => fix.error_message.clone(),
            (None, None) => "It was deleted since: nothing is known of it any more.".to_owned(),
        };
        let mut content = Content::of(title, line(&summary, TEXT_BYTES_MAX), severity);
        content.error = cluster.as_ref().map(error_facts);
        content.fix = fix.as_ref().map(fix_facts);
        content.rate = rate;
        Ok(content)
    }
}

fn rate_title(service: &str, rate: Option<RateFacts>) -> String {
    let Some(RateFacts { per_hour, usual_per_hour }) = rate else {
        return format!("An error in {service} comes more often than usual");
    };
    let times = per_hour / usual_per_hour.max(0.01);
    format!("An error in {service} comes {times:.0} times as often as usual")
}

fn error_facts(cluster: &Cluster) -> ErrorFacts {
    let id = cluster.fingerprint.to_string();
    ErrorFacts {
        path: format!("/error-monitor/errors/{id}"),
        id,
        service: line(&cluster.detail.service, NAME_BYTES_MAX),
        environment: line(&cluster.detail.environment, NAME_BYTES_MAX),
        category: cluster.verdict.category.to_string(),
        count: cluster.count,
        first_seen: cluster.first_seen.to_string(),
        last_seen: cluster.last_seen.to_string(),
    }
}

fn fix_facts(fix: &Fix) -> FixFacts {
    FixFacts {
        id: fix.id.clone(),
        status: fix.status.to_string(),
        reason: line(&fix.reason, TEXT_BYTES_MAX),
        repository: line(&fix.repository, NAME_BYTES_MAX),
        pull_request: fix.pr_url.as_deref().filter(|url| is_plain_url(url)).map(str::to_owned),
    }
}

/// Whether it is an address that no target's markup could take for more.
fn is_plain_url(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && url.len() <= 500
        && url.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/.-_~#?=&%".contains(&byte))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An error whose message is as hostile as can be.
    pub(in crate::alerts) fn hostile() -> Content {
        let hostile = "<!channel> <@U123> @here <https://evil.example|click> https://evil.example & *x* \
                       `y` \"q\" <*> www.evil.example [a](http://evil.example)";
        let mut content = Content::of(format!("New high error in {hostile}"), hostile, Severity::High);
        content.error = Some(ErrorFacts {
            id: "01".repeat(16),
            service: hostile.to_owned(),
            environment: "production".to_owned(),
            category: "internal_error".to_owned(),
            count: 3,
            first_seen: "2026-11-16T10:30:00Z".to_owned(),
            last_seen: "2026-11-16T10:31:00Z".to_owned(),
            path: format!("/error-monitor/errors/{}", "01".repeat(16)),
        });
        content.fix = Some(FixFacts {
            id: "010101010101-1".to_owned(),
            status: "draft".to_owned(),
            reason: hostile.to_owned(),
            repository: "acme/shop".to_owned(),
            pull_request: Some("https://github.com/acme/shop/pull/1".to_owned()),
        });
        content
    }

    pub(in crate::alerts) fn notice(
        content: &Content,
        rule: AlertRule,
        action: DeliveryAction,
    ) -> Notice<'_> {
        Notice {
            id: "0123456789abcdef0123456789abcdef",
            action,
            key: "new:01010101010101010101010101010101",
            rule,
            at: UnixNanos::from_secs(1_763_289_000),
            ended_at: (action == DeliveryAction::Resolved).then(|| UnixNanos::from_secs(1_763_289_600)),
            now: UnixNanos::from_secs(1_763_289_060),
            content,
        }
    }

    #[test]
    fn what_is_kept_is_read_again_and_the_rest_says_so() {
        let content = hostile();
        assert_eq!(Content::from_json(&content.to_json()), content);
        assert_eq!(Content::from_json("{}").title, "An alert");
    }

    #[test]
    fn a_pull_request_is_linked_only_where_it_is_a_plain_address() {
        assert!(is_plain_url("https://github.com/acme/shop/pull/1"));
        for hostile in ["https://x|y", "javascript:alert(1)", "https://x> <!channel", "https://x y", "//x"] {
            assert!(!is_plain_url(hostile), "{hostile}");
        }
    }

    #[test]
    fn lines_are_bounded_and_hold_no_secret() {
        let told = line(&format!("a\nb password=hunter2horse {}", "é".repeat(9_000)), 100);
        assert!(told.len() <= 100 && told.starts_with("a b ") && !told.contains("hunter2"), "{told}");
    }
}
