//! Whether the service lives, is ready, and which of its parts are degraded.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Component;
use super::error::Problem;
use super::openapi::{self, Problems, Unhandled};
use crate::model::UnixNanos;

/// A process that was not up for so long is gone.
const SEEN: UnixNanos = UnixNanos(10_000_000_000);

/// The process answers: nothing more.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "The process answers", body = openapi::Live), Unhandled))]
pub(super) async fn live() -> Json<Value> {
    Json(json!({"status": "alive"}))
}

/// Requests can be taken: the store answers and the service is not on its way down.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses((status = 200, description = "Requests can be taken", body = openapi::Ready), Problems, Unhandled))]
pub(super) async fn ready(State(state): State<super::State>) -> Result<Json<Value>, Problem> {
    let not_ready = |reason: &str| Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason);
    if state.is_stopping() {
        return Err(not_ready("the service is stopping"));
    }
    state.store.ping().await.map_err(|_| not_ready("the store does not answer"))?;
    Ok(Json(json!({"status": "ready"})))
}

/// Each part's state. The call itself succeeds as long as errors are taken in, whatever else is down.
#[utoipa::path(get, path = "/error-monitor/health", tag = "health", responses((status = 200, description = "Each part and its state", body = openapi::Health), Problems, Unhandled))]
pub(super) async fn components(State(state): State<super::State>) -> Json<Value> {
    let store_answers = state.store.ping().await.is_ok() && state.store.is_healthy();
    let monitor = match state.triage.is_running().await {
        _ if !state.setup.monitoring => {
            json!({"status": "disabled", "detail": "ERROR_MONITORING_ENABLED is false"})
        }
        Ok(true) => json!({"status": "ok"}),
        Ok(false) => {
            json!({"status": "paused", "detail": "resume it with POST /error-monitor/monitor/start"})
        }
        Err(_) => json!({"status": "unknown", "detail": "the store does not answer"}),
    };
    let store = if store_answers {
        match &*state.store.set_aside().borrow() {
            None => json!({"status": "ok"}),
            Some(told) => json!({"status": "ok", "detail": told}),
        }
    } else {
        json!({"status": "degraded", "detail": "the store refuses commits; exporters are told to send again"})
    };
    let setup = &state.setup;
    let parts = [&setup.next_hop, &setup.rules, &setup.settings, &setup.redis, &setup.loki, &setup.claude];
    let breaker = state.store.breaker(state.store.now()).await.ok().flatten();
    let alerts = super::alerts::component(&state.alerts).await;
    let healthy = store_answers
        && breaker.is_none()
        && alerts["status"] != "degraded"
        && !parts.into_iter().any(Component::is_degraded);
    let claude = match &breaker {
        Some(breaker) => json!({"status": "degraded", "detail": breaker.told()}),
        None => component(&state.setup.claude),
    };
    Json(json!({
        "status": if healthy { "healthy" } else { "degraded" },
        "timestamp": (state.clock)(),
        "components": {
            "store": store,
            "monitor": monitor,
            "claude": claude,
            "github": component(&state.setup.github),
            "next_hop": component(&state.setup.next_hop),
            "rules": component(&state.setup.rules),
            "settings": component(&state.setup.settings),
            "redis": component(&state.setup.redis),
            "replicas": replicas(&state).await,
            "loki": component(&state.setup.loki),
            "alerts": alerts,
        },
    }))
}

/// How many processes are on the store, and whether this one leads.
async fn replicas(state: &super::State) -> Value {
    let since = UnixNanos(state.store.now().0.saturating_sub(SEEN.0));
    match state.store.replicas_since(since).await {
        Ok(count) => json!({"status": "ok", "count": count, "leads": state.terms.is_leading()}),
        Err(_) => json!({"status": "unknown", "detail": "the store does not answer"}),
    }
}

fn component(component: &Component) -> Value {
    match component {
        Component::Configured => json!({"status": "ok"}),
        Component::Disabled(why) => json!({"status": "disabled", "detail": why}),
        Component::Watched(trouble) => match &*trouble.borrow() {
            None => json!({"status": "ok"}),
            Some(why) => json!({"status": "degraded", "detail": why}),
        },
    }
}
