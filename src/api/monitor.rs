//! The monitor itself: its status, the overview, the windows' end on demand, and the fixes.

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::access::Caller;
use super::budgets;
use super::error::Problem;
use super::json::{ErrorJson, FixJson};
use super::openapi::{self, Problems, Unhandled};
use super::outcomes;
use super::query::{Given, Params};
use crate::store::{AuditEntry, ClusterFilter, FixFilter};

/// How many entries each list of the overview has.
const OVERVIEW_LENGTH: u32 = 10;

type Answer = Result<Json<Value>, Problem>;

#[utoipa::path(get, path = "/error-monitor/autonomous/status", tag = "monitor", responses((status = 200, description = "How the monitor stands", body = openapi::Status), Problems, Unhandled))]
pub(super) async fn status(State(state): State<super::State>) -> Answer {
    let since = state.store.last_fix_at().await?.unwrap_or_default();
    Ok(Json(json!({
        "status": "ok",
        "monitor": {
            "enabled": state.setup.monitoring,
            "running": state.setup.monitoring && state.triage.is_running().await?,
            "auto_fix_enabled": state.triage.settings().auto_fix,
            "scan_interval": state.setup.interval_secs,
            "last_scan": state.store.last_closed_at().await?,
            "errors_since_last_fix": state.store.clusters_seen_since(since).await?,
            "total_patterns": state.store.summary().await?.clusters,
            "window_start": state.store.open_window_start().await?,
        },
        "budgets": budgets::shown(&state).await?,
    })))
}

#[utoipa::path(get, path = "/error-monitor/dashboard", tag = "monitor", responses((status = 200, description = "The overview", body = openapi::Dashboard), Problems, Unhandled))]
pub(super) async fn dashboard(State(state): State<super::State>) -> Answer {
    let summary = state.store.summary().await?;
    let standings = state.triage.standings((state.clock)()).await?;
    let latest = ClusterFilter { limit: Some(OVERVIEW_LENGTH), ..ClusterFilter::default() };
    let critical = state.store.clusters(ClusterFilter { urgent: true, ..latest.clone() }).await?;
    let fixable = state.store.clusters(ClusterFilter { fixable: true, ..latest }).await?;
    let newest = FixFilter { limit: Some(OVERVIEW_LENGTH), ..FixFilter::default() };
    let (fixes, _) = state.store.fixes_page(&newest).await?;
    Ok(Json(json!({
        "timestamp": (state.clock)(),
        "summary": {
            "total_patterns": summary.clusters,
            "critical_errors": summary.urgent,
            "fixable_errors": summary.fixable,
            "generated_fixes": summary.fixes,
            "unclassified": summary.unclassified,
            "patterns_by_category": summary.by_category,
        },
        "recent_critical": ErrorJson::all(&state.store, critical).await?,
        "recent_fixable": ErrorJson::all(&state.store, fixable).await?,
        "recent_fixes": FixJson::all(&state.store, fixes).await?,
        "outcomes": outcomes::shown(&standings),
    })))
}

/// Closes the open window now and answers when it is triaged; fixes go on in the background.
#[utoipa::path(post, path = "/error-monitor/monitor/scan", tag = "monitor", params(("auto_fix" = Option<bool>, Query, description = "Whether fixes are begun; as AUTO_FIX_ENABLED says by default")), responses((status = 200, description = "The window is closed and triaged", body = openapi::Scanned), Problems, Unhandled))]
pub(super) async fn scan(State(state): State<super::State>, given: Given) -> Answer {
    let report = state.triage.scan(Params::from(given).flag("auto_fix")?).await?;
    Ok(Json(json!({
        "status": "scanned",
        "errors_found": report.clusters,
        "critical_errors": report.urgent,
        "auto_fixes_started": report.fixes_started,
    })))
}

#[utoipa::path(post, path = "/error-monitor/monitor/start", tag = "monitor", responses((status = 200, description = "Triage goes on", body = openapi::Switched), Problems, Unhandled))]
pub(super) async fn start(State(state): State<super::State>, Extension(caller): Extension<Caller>) -> Answer {
    state.triage.set_running(true).await?;
    note(&state, &caller, "start", "windows are closed on time").await?;
    Ok(Json(json!({"status": "started"})))
}

#[utoipa::path(post, path = "/error-monitor/monitor/stop", tag = "monitor", responses((status = 200, description = "Triage is paused", body = openapi::Switched), Problems, Unhandled))]
pub(super) async fn stop(State(state): State<super::State>, Extension(caller): Extension<Caller>) -> Answer {
    state.triage.set_running(false).await?;
    note(&state, &caller, "stop", "windows stay open").await?;
    Ok(Json(json!({"status": "stopped"})))
}

/// Notes in the audit trail who paused triage or had it go on.
async fn note(
    state: &super::State,
    caller: &Caller,
    action: &'static str,
    outcome: &'static str,
) -> Result<(), Problem> {
    let (at, actor) = ((state.clock)(), caller.actor());
    let entry = AuditEntry { at, actor: &actor, action, subject: "monitor", outcome };
    Ok(state.store.audit(&entry).await?)
}
