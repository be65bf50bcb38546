//! Every action taken, the latest first.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Problem;
use super::openapi::{AuditQuery, Problems, Unhandled};
use super::query::{Given, Params};
use crate::model::UnixNanos;
use crate::store::{AuditFilter, Audited};

const LIMIT_DEFAULT: u64 = 100;
const LIMIT_MAX: u64 = 1_000;

/// A part of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trail {
    count: usize,
    audit: Vec<AuditJson>,
    next_cursor: Option<String>,
}

/// One action.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditJson {
    id: u64,
    at: UnixNanos,
    actor: String,
    action: String,
    subject: String,
    outcome: String,
}

impl From<Audited> for AuditJson {
    fn from(audited: Audited) -> Self {
        let Audited { id, at, actor, action, subject, outcome } = audited;
        Self { id, at, actor, action, subject, outcome }
    }
}

#[utoipa::path(get, path = "/error-monitor/audit", tag = "audit", params(AuditQuery), responses((status = 200, description = "Actions, the latest first", body = Trail), Problems, Unhandled))]
pub(super) async fn list(State(state): State<super::State>, given: Given) -> Result<Json<Trail>, Problem> {
    let params = Params::from(given);
    let limit = params.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let length = usize::try_from(limit).unwrap_or(usize::MAX);
    let text = |name: &str| params.get(name).map(str::to_owned);
    let filter = AuditFilter {
        before: params.parsed("cursor")?,
        actor: text("actor"),
        action: text("action"),
        subject: text("subject"),
        limit: u32::try_from(limit + 1).unwrap_or(u32::MAX),
    };
    let mut audit = state.store.audited(&filter).await?;
    let more = audit.len() > length;
    audit.truncate(length);
    let next_cursor = audit.last().filter(|_| more).map(|last| last.id.to_string());
    let audit: Vec<_> = audit.into_iter().map(AuditJson::from).collect();
    Ok(Json(Trail { count: audit.len(), audit, next_cursor }))
}
