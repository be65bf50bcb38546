//! PagerDuty's Events API v2.
//!
//! Source: "Send an alert event", PagerDuty's developer documentation: a summary has 1,024 characters at most, a key 255. All alerts of
//! one error share its key, so that they are one incident.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Secret;
use super::content::{Notice, inert};
use crate::model::Severity;

const SUMMARY_MAX: usize = 1_024;
const KEY_MAX: usize = 255;

/// The event.
pub(super) fn event(routing_key: &Secret, notice: &Notice<'_>) -> Value {
    let routing_key = routing_key.expose_secret();
    let dedup_key = dedup_key(notice);
    if notice.is_over() {
        return json!({"routing_key": routing_key, "event_action": "resolve", "dedup_key": dedup_key});
    }
    let content = notice.content;
    let summary = format!("{}: {}", inert(&content.title, 300), inert(&content.summary, 700));
    let error = content.error.as_ref();
    let source = error.map_or_else(|| "logmend".to_owned(), |error| inert(&error.service, 120));
    let mut payload = json!({
        "summary": summary.chars().take(SUMMARY_MAX).collect::<String>(),
        "source": source,
        "severity": severity(content.severity),
        "timestamp": notice.at,
        "custom_details": {
            "rule": notice.rule,
            "error": content.error,
            "rate": content.rate,
            "digest": content.digest,
            "limit": content.limit,
            "instance": content.instance,
        },
    });
    if let Some(error) = error {
        payload["component"] = source.into();
        payload["class"] = error.category.clone().into();
        if !error.environment.is_empty() {
            payload["group"] = inert(&error.environment, 120).into();
        }
    }
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": dedup_key,
        "client": "logmend",
        "payload": payload,
    })
}

fn dedup_key(notice: &Notice<'_>) -> String {
    let key = notice.content.error.as_ref().map_or(notice.key, |error| error.id.as_str());
    key.chars().take(KEY_MAX).collect()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::super::content::tests::{hostile, notice};
    use super::*;
    use crate::model::AlertRule;
    use crate::store::DeliveryAction;

    #[test]
    fn an_incident_is_opened_and_closed_by_the_error_s_id() {
        let (content, key) = (hostile(), Secret::from("R0UT1NG".to_owned()));
        let trigger = event(&key, &notice(&content, AlertRule::New, DeliveryAction::Firing));
        let resolve = event(&key, &notice(&content, AlertRule::New, DeliveryAction::Resolved));
        assert_eq!(trigger["dedup_key"], "01".repeat(16));
        assert_eq!(resolve["dedup_key"], trigger["dedup_key"]);
        assert!(trigger["payload"]["summary"].as_str().unwrap().chars().count() <= SUMMARY_MAX);
        insta::assert_json_snapshot!([trigger, resolve]);
    }
}
