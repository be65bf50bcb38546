//! Alertmanager's API v2.
//!
//! Sources: `api/v2/openapi.yaml` of prometheus/alertmanager, and "Sending alerts" of Prometheus' documentation: labels are what an alert
//! is known by, and whoever sends it sends it again as long as it lasts, with an end in the future by which it is over should the
//! sender be gone.

use serde_json::{Map, Value, json};

use super::client::Outgoing;
use super::content::{Notice, inert};
use super::target::Endpoint;
use crate::model::{AlertRule, UnixNanos};

/// How long it lasts without being told again: five times as long as that takes.
const LASTS: UnixNanos = UnixNanos(5 * 60_000_000_000);
/// How long something that is over as soon as it is told stays: groups are told of within minutes.
const STAYS: UnixNanos = UnixNanos(60 * 60_000_000_000);

/// The request that tells of these.
pub(super) fn request(url: &Endpoint, notices: &[Notice<'_>]) -> Outgoing {
    Outgoing::new(url.route("/api/v2/alerts"), &notices.iter().map(alert).collect())
}

fn alert(notice: &Notice<'_>) -> Value {
    let after = |from: UnixNanos, by: UnixNanos| UnixNanos(from.0.saturating_add(by.0));
    let end = match notice.ended_at {
        _ if !notice.rule.lasts() => after(notice.at, STAYS),
        Some(ended_at) => ended_at,
        None => after(notice.now, LASTS),
    };
    json!({
        "labels": labels(notice),
        "annotations": {
            "title": inert(&notice.content.title, 300),
            "summary": inert(&notice.content.summary, 700),
            "pull_request": notice.content.fix.as_ref().and_then(|fix| fix.pull_request.as_deref()).unwrap_or_default(),
        },
        "startsAt": notice.at,
        "endsAt": end.max(notice.at),
    })
}

/// What it is known by: the same for as long as it lasts. An empty label is none.
fn labels(notice: &Notice<'_>) -> Map<String, Value> {
    let content = notice.content;
    let (error, empty) = (content.error.as_ref(), String::new());
    let mut labels = Map::new();
    for (name, value) in [
        ("alertname", &name(notice.rule).to_owned()),
        ("severity", &content.severity.to_string()),
        ("service", error.map_or(&empty, |error| &error.service)),
        ("environment", error.map_or(&empty, |error| &error.environment)),
        ("category", error.map_or(&empty, |error| &error.category)),
        ("fingerprint", error.map_or(&empty, |error| &error.id)),
        ("limit", content.limit.as_ref().unwrap_or(&empty)),
        ("instance", content.instance.as_ref().unwrap_or(&empty)),
    ] {
        if !value.is_empty() {
            labels.insert(name.to_owned(), value.as_str().into());
        }
    }
    labels
}

fn name(rule: AlertRule) -> &'static str {
    match rule {
        AlertRule::New => "LogmendNewError",
        AlertRule::Regressed => "LogmendErrorRegressed",
        AlertRule::Rate => "LogmendErrorRate",
        AlertRule::FixOpened => "LogmendFixOpened",
        AlertRule::FixMerged => "LogmendFixMerged",
        AlertRule::FixFailed => "LogmendFixFailed",
        AlertRule::Budget => "LogmendBudgetSpent",
        AlertRule::Refusing => "LogmendRefusing",
        AlertRule::Digest => "LogmendDigest",
        AlertRule::Test => "LogmendTest",
    }
}

#[cfg(test)]
mod tests {
    use super::super::content::tests::{hostile, notice};
    use super::*;
    use crate::store::DeliveryAction;

    #[test]
    fn an_alert_keeps_its_labels_until_it_is_over() {
        let content = hostile();
        let firing = alert(&notice(&content, AlertRule::New, DeliveryAction::Firing));
        let over = alert(&notice(&content, AlertRule::New, DeliveryAction::Resolved));
        assert_eq!((&firing["labels"], &firing["startsAt"]), (&over["labels"], &over["startsAt"]));
        assert_eq!(
            (&firing["endsAt"], &over["endsAt"]),
            (&json!("2025-11-16T10:36:00Z"), &json!("2025-11-16T10:40:00Z"))
        );
        let merged = alert(&notice(&content, AlertRule::FixMerged, DeliveryAction::Firing));
        assert_eq!(merged["endsAt"], "2025-11-16T11:30:00Z", "it ends by itself");
        insta::assert_json_snapshot!(firing);
    }
}
