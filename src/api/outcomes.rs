//! How pull requests ended, by service and category, and people's word that a category may be mended again.

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::access::Caller;
use super::error::Problem;
use super::openapi::{self, Problems, Unhandled};
use super::query::In;
use crate::model::{Allowance, Category};
use crate::store::AuditEntry;
use crate::triage::{CLOSED_IN_A_ROW_MAX, Standings};

type Answer = Result<Json<Value>, Problem>;

#[utoipa::path(get, path = "/error-monitor/outcomes", tag = "outcomes", responses((status = 200, description = "How pull requests ended", body = openapi::Outcomes), Problems, Unhandled))]
pub(super) async fn list(State(state): State<super::State>) -> Answer {
    let standings = state.triage.standings((state.clock)()).await?;
    Ok(Json(json!({
        "closed_in_a_row_max": CLOSED_IN_A_ROW_MAX,
        "quiet_days": state.triage.settings().quiet.as_secs() / 86_400,
        "outcomes": shown(&standings),
    })))
}

pub(super) fn shown(standings: &Standings) -> Vec<Value> {
    let one = |((service, category), standing): (&(String, Category), &crate::triage::Standing)| {
        json!({
            "service": service,
            "category": category,
            "merged": standing.merged,
            "closed": standing.closed,
            "merged_and_quiet": standing.held,
            "closed_in_a_row": standing.closed_in_a_row,
            "fixable": standing.stopped_at.is_none(),
            "stopped_at": standing.stopped_at,
            "allowed_at": standing.allowed.as_ref().map(|(at, _)| at),
            "allowed_by": standing.allowed.as_ref().map(|(_, by)| by),
        })
    };
    standings.iter().map(one).collect()
}

/// What ended before counts no more from here on.
#[utoipa::path(post, path = "/error-monitor/outcomes/{service}/{category}/allow", tag = "outcomes", params(("service" = String, Path, description = "A service"), ("category" = String, Path, description = "A category")), responses((status = 200, description = "Errors of it are mended again", body = openapi::Allowed), Problems, Unhandled))]
pub(super) async fn allow(
    State(state): State<super::State>,
    Extension(caller): Extension<Caller>,
    In((service, category)): In<(String, String)>,
) -> Answer {
    let category: Category =
        category.parse().map_err(|error| Problem::bad_request(format!("category: {error}")))?;
    let now = (state.clock)();
    let standings = state.triage.standings(now).await?;
    let (service, category) = (service.as_str(), category);
    if !standings.iter().any(|((known, of), _)| known == service && *of == category) {
        return Err(Problem::not_found(
            "no pull request for this category of this service has ended; GET /error-monitor/outcomes lists them",
        ));
    }
    let allowance =
        Allowance { service: service.to_owned(), category, allowed_at: now, allowed_by: caller.actor() };
    state.store.allow(&allowance).await?;
    let subject = format!("{service}/{}", allowance.category);
    let entry = AuditEntry {
        at: now,
        actor: &allowance.allowed_by,
        action: "allow_category",
        subject: &subject,
        outcome: "errors of it are mended again",
    };
    state.store.audit(&entry).await?;
    Ok(Json(json!({"service": service, "category": allowance.category, "status": "allowed"})))
}
