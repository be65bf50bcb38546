//! The HTTP API: health, metrics, errors, fixes, rules, outcomes, and the windows' end on demand.
//!
//! In come calls of people and programs. Out goes JSON, in the shapes of `json.rs`; errors are RFC 9457 problem details.
//! This room reads the store and asks triage and what was learned; it never sees a request of an exporter, Claude or GitHub.

mod access;
mod alerts;
mod audit;
mod budgets;
mod error;
mod etag;
mod events;
mod fixes;
mod handling;
mod health;
mod json;
mod login;
mod metrics;
mod monitor;
mod openapi;
mod outcomes;
mod patterns;
mod query;
mod rules;
mod sessions;
mod told;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::middleware;
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::sync::watch;

use crate::alerts::Alerts;
use crate::leader::Terms;
use crate::learn::{Learned, Mode};
use crate::model::{Token, TokenScope, Tokens, UnixNanos};
use crate::store::Store;
use crate::triage::Triage;

pub use access::Access;
pub use metrics::MetricsText;
pub use told::{behind_door, health};
pub use webhooks::Webhooks;

/// Where to listen and whom to let in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen. Default: `127.0.0.1:8080`.
    pub addr: SocketAddr,
    /// What callers must present; without it changing calls are taken from this machine alone.
    pub token: Token,
    /// Others that will do, as far as their scopes go.
    pub tokens: Tokens,
}

impl Default for Settings {
    fn default() -> Self {
        let addr = SocketAddr::from(([127, 0, 0, 1], 8080));
        Self { addr, token: Token::default(), tokens: Tokens::default() }
    }
}

impl Settings {
    /// Whether callers must present a token.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.token.is_set() || self.tokens.iter().any(|token| token.scope >= TokenScope::Read)
    }
}

/// What the API tells of how the service was set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Whether errors are counted at all.
    pub monitoring: bool,
    /// The length of windows in seconds.
    pub interval_secs: u64,
    /// Why no fixes are written, where none are.
    pub claude: Component,
    /// Why no pull requests are opened, where none are.
    pub github: Component,
    /// Where the stream goes on to.
    pub next_hop: Component,
    /// Where what was missed is read back from.
    pub loki: Component,
    /// The rules, and why a changed file of them is not used.
    pub rules: Component,
    /// Why changed settings are not used.
    pub settings: Component,
    /// What is done about errors that no rule knows.
    pub learn: Mode,
    /// The lock of several replicas.
    pub redis: Component,
}

/// One part of the service, as health tells it.
#[derive(Debug, Clone)]
pub enum Component {
    /// It is set up.
    Configured,
    /// It is not, and this is why.
    Disabled(&'static str),
    /// It is set up and watched: why it is degraded, `None` where it is not.
    Watched(watch::Receiver<Option<String>>),
}

impl Component {
    /// Whether it is set up and watched.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        matches!(self, Self::Watched(_))
    }

    /// Whether it is degraded now.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        matches!(self, Self::Watched(trouble) if trouble.borrow().is_some())
    }
}

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct State {
    /// What is known.
    pub store: Store,
    /// Who closes windows.
    pub triage: Triage,
    /// Whether this process leads.
    pub terms: Terms,
    /// What was learned.
    pub learned: Learned,
    /// Who is told of what.
    pub alerts: Alerts,
    /// What is counted.
    pub metrics: MetricsText,
    /// How the service was set up.
    pub setup: Arc<Setup>,
    /// The wall clock.
    pub clock: fn() -> UnixNanos,
    /// True once the service is on its way down.
    pub stopping: Arc<AtomicBool>,
    /// What takes GitHub's events; `None` where it sends none.
    pub webhooks: Option<Webhooks>,
}

impl State {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// All routes, behind one door.
pub fn router(state: State, access: Access) -> Router {
    let monitor = Router::new()
        .route("/health", get(health::components))
        .route("/autonomous/status", get(monitor::status))
        .route("/dashboard", get(monitor::dashboard))
        .route("/monitor/scan", post(monitor::scan))
        .route("/monitor/start", post(monitor::start))
        .route("/monitor/stop", post(monitor::stop))
        .route("/errors/recent", get(patterns::recent))
        .route("/errors/critical", get(patterns::critical))
        .route("/errors/fixable", get(patterns::fixable))
        .route("/errors/unclassified", get(patterns::unclassified))
        .route("/errors/patterns", get(patterns::all))
        .route("/errors/{fingerprint}", get(patterns::one))
        .route("/errors/{fingerprint}/separate", post(patterns::separate))
        .route("/errors/{fingerprint}/rejoin", post(patterns::rejoin))
        .route("/errors/{fingerprint}/ignore", post(handling::ignore))
        .route("/errors/{fingerprint}/resolve", post(handling::resolve))
        .route("/errors/{fingerprint}/reopen", post(handling::reopen))
        .route("/fixes/generate-for-error", post(fixes::generate_for_error))
        .route("/fixes/generate-batch", post(fixes::generate_batch))
        .route("/fixes/generated", get(fixes::list))
        .route("/fixes/{id}", get(fixes::one))
        .route("/audit", get(audit::list))
        .route("/events", get(events::listen))
        .route("/rules", get(rules::list))
        .route("/rules/{id}/approve", post(rules::approve))
        .route("/rules/{id}/reject", post(rules::reject))
        .route("/rules/{id}/revoke", post(rules::revoke))
        .route("/alerts", get(alerts::list))
        .route("/alerts/test", post(alerts::test))
        .route("/outcomes", get(outcomes::list))
        .route("/outcomes/{service}/{category}/allow", post(outcomes::allow))
        .layer(Extension(events::Feed::default()))
        .layer(Extension(access.tokens().changes()))
        .layer(middleware::from_fn(etag::not_modified))
        .layer(middleware::from_fn_with_state(access.clone(), access::door));
    let metrics = Router::new()
        .route("/metrics", get(metrics::text))
        .layer(middleware::from_fn_with_state(access.clone(), access::door));
    let sessions = Router::new()
        .route("/login", post(login::login))
        .route("/logout", post(login::logout))
        .layer(Extension(access));
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/openapi.json", get(openapi::describe))
        .nest("/error-monitor", monitor)
        .merge(metrics)
        .merge(sessions)
        .route("/webhooks/github", post(webhooks::github))
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::no_such_method)
        .with_state(state)
}
