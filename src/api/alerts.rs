//! Who is alerted, how that goes, and a try of it.

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::access::Caller;
use super::error::Problem;
use super::openapi::{self, Changing, Problems, Unhandled};
use crate::alerts::{Alerts, TargetReport};
use crate::store::{AuditEntry, Recent, StoreError};

/// Deliveries that are listed.
const LISTED_MAX: u32 = 100;

type Answer = Result<Json<Value>, Problem>;

/// Who is alerted and how that goes: `GET /error-monitor/alerts`.
#[utoipa::path(get, path = "/error-monitor/alerts", tag = "alerts", responses((status = 200, description = "Targets and the latest deliveries", body = openapi::Alerted), Problems, Unhandled))]
pub(super) async fn list(State(state): State<super::State>) -> Answer {
    let alerts = &state.alerts;
    let settings = alerts.settings();
    let targets: Vec<_> = alerts.reports().await?.iter().map(target).collect();
    let recent: Vec<_> = alerts.recent(LISTED_MAX).await?.iter().map(delivery).collect();
    Ok(Json(json!({
        "rules": settings.rules,
        "per_hour": settings.per_hour,
        "rate_factor": settings.rate_factor,
        "targets": targets,
        "held_back": alerts.held().await?,
        "recent": recent,
    })))
}

/// Sends a test alert to every target: `POST /error-monitor/alerts/test`.
#[utoipa::path(post, path = "/error-monitor/alerts/test", tag = "alerts", responses((status = 200, description = "What came of it", body = openapi::AlertsTried), Changing, Problems, Unhandled))]
pub(super) async fn test(State(state): State<super::State>, Extension(caller): Extension<Caller>) -> Answer {
    if !state.alerts.has_targets() {
        return Err(Problem::conflict(
            "nobody is set up who is alerted: set LOGMEND_SLACK_WEBHOOK_URL, LOGMEND_WEBHOOK_URL, LOGMEND_PAGERDUTY_ROUTING_KEY or LOGMEND_ALERTMANAGER_URL",
        ));
    }
    let tried = state.alerts.test().await?;
    let arrived = tried.iter().all(|delivery| delivery.state == "sent");
    let (actor, outcome) = (caller.actor(), if arrived { "sent" } else { "not sent" });
    let entry =
        AuditEntry { at: (state.clock)(), actor: &actor, action: "test_alerts", subject: "alerts", outcome };
    state.store.audit(&entry).await?;
    let results: Vec<_> = tried.iter().map(delivery).collect();
    Ok(Json(json!({"status": if arrived { "sent" } else { "not_sent" }, "results": results})))
}

/// What health tells.
pub(super) async fn component(alerts: &Alerts) -> Value {
    if !alerts.has_targets() {
        return json!({"status": "disabled", "detail": "no target is set: nobody is alerted"});
    }
    match failing(alerts).await {
        Ok(failing) if failing.is_empty() => json!({"status": "ok"}),
        Ok(failing) => json!({"status": "degraded", "detail": failing.join("; ")}),
        Err(_) => json!({"status": "unknown", "detail": "the store does not answer"}),
    }
}

async fn failing(alerts: &Alerts) -> Result<Vec<String>, StoreError> {
    let reports = alerts.reports().await?;
    let failing = reports.iter().filter(|report| report.failing);
    Ok(failing
        .map(|report| format!("{} ({}): {}", report.kind, report.place, report.state.last_error))
        .collect())
}

fn target(report: &TargetReport) -> Value {
    json!({
        "target": report.kind,
        "place": report.place,
        "status": if report.failing { "failing" } else { "ok" },
        "waiting": report.state.waiting,
        "last_sent_at": report.state.last_sent_at,
        "last_error": some(&report.state.last_error),
    })
}

fn delivery(recent: &Recent) -> Value {
    let content: Value = serde_json::from_str(&recent.content).unwrap_or_default();
    json!({
        "delivery": recent.id,
        "target": recent.target,
        "rule": recent.rule,
        "action": recent.action,
        "state": recent.state,
        "tries": recent.tries,
        "title": content["title"],
        "severity": content["severity"],
        "error_id": some(&recent.error_id),
        "last_error": some(&recent.last_error),
        "created_at": recent.created_at,
        "next_try_at": Some(recent.next_at).filter(|_| recent.state == "waiting"),
        "ended_at": recent.ended_at,
    })
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
