//! Fixes: lists of them, one, and those that people ask for.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Caller;
use super::error::Problem;
use super::json::FixJson;
use super::openapi::{Changing, FixQuery, Problems, Unhandled};
use super::patterns;
use super::query::{Given, In, Params};
use crate::model::{Cluster, Fingerprint};
use crate::store::{FixCursor, FixFilter};
use crate::triage::NotBegun;

/// How many errors one call may ask fixes for: each costs money.
const BATCH_MAX: usize = 20;
const LIMIT_DEFAULT: u64 = 1_000;
const LIMIT_MAX: u64 = 10_000;

/// The fixes, the latest claim first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Fixes {
    total_fixes: u64,
    fixes: Vec<FixJson>,
    next_cursor: Option<String>,
}

/// One fix.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OneFix {
    fix: FixJson,
}

/// What came of asking for fixes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Accepted {
    status: &'static str,
    fix_ids: Vec<String>,
    fixes: Vec<Begun>,
    not_started: Vec<NotStarted>,
}

/// A fix that is begun.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Begun {
    error_id: Fingerprint,
    fix_id: String,
}

/// An error that none is begun for, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotStarted {
    error_id: String,
    code: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix_id: Option<String>,
}

#[utoipa::path(get, path = "/error-monitor/fixes/generated", tag = "fixes", params(FixQuery), responses((status = 200, description = "Fixes, the latest claim first", body = Fixes), Changing, Problems, Unhandled))]
pub(super) async fn list(State(state): State<super::State>, given: Given) -> Result<Json<Fixes>, Problem> {
    let params = Params::from(given);
    let error = match params.get("error_id") {
        None => None,
        Some(id) => {
            let id = patterns::named(&state, id).await?;
            // Fixes are of the error that an alias leads to.
            Some(state.store.cluster(id).await?.map_or(id, |cluster| cluster.fingerprint))
        }
    };
    let limit = params.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let filter = FixFilter {
        ids: None,
        statuses: params.list("status")?,
        error,
        after: params.parsed::<FixCursor>("cursor")?,
        limit: u32::try_from(limit).ok(),
    };
    let (fixes, next) = state.store.fixes_page(&filter).await?;
    Ok(Json(Fixes {
        total_fixes: state.store.count_fixes(&filter).await?,
        fixes: FixJson::all(&state.store, fixes).await?,
        next_cursor: next.map(|next| next.to_string()),
    }))
}

#[utoipa::path(get, path = "/error-monitor/fixes/{id}", tag = "fixes", params(("id" = String, Path, description = "The id of a fix")), responses((status = 200, description = "One fix", body = OneFix), Problems, Unhandled))]
pub(super) async fn one(
    State(state): State<super::State>,
    In(id): In<String>,
) -> Result<Json<OneFix>, Problem> {
    let none =
        || Problem::not_found("there is no fix of this id; GET /error-monitor/fixes/generated lists them");
    let fix = state.store.fix(&id).await?.ok_or_else(none)?;
    let fix = FixJson::all(&state.store, vec![fix]).await?.pop().ok_or_else(none)?;
    Ok(Json(OneFix { fix }))
}

type Asked = Result<(StatusCode, Json<Accepted>), Problem>;

/// Begins a fix for one error; it goes on in the background.
#[utoipa::path(post, path = "/error-monitor/fixes/generate-for-error", tag = "fixes", params(("error_id" = String, Query, description = "The id of the error, or its beginning"), ("create_pr" = Option<bool>, Query, description = "false: the change is stored, and no pull request opened; true by default")), responses((status = 202, description = "The fix is begun", body = Accepted), Changing, Problems, Unhandled))]
pub(super) async fn generate_for_error(
    State(state): State<super::State>,
    Extension(caller): Extension<Caller>,
    given: Given,
) -> Asked {
    let params = Params::from(given);
    let id = params.get("error_id").ok_or_else(|| Problem::bad_request("error_id names the error"))?;
    let cluster = wanted(&state, id).await?;
    let begun = begin(&state, &caller, &cluster, create_pr(&params)?).await;
    accepted(vec![begun.map_err(|error| Ok((cluster.fingerprint, error)))])
}

/// The same for several errors: each as far as the limits go. An id that names none is told and stops no other.
#[utoipa::path(post, path = "/error-monitor/fixes/generate-batch", tag = "fixes", params(("error_ids" = String, Query, description = "1 to 20 ids with a comma between two"), ("create_pr" = Option<bool>, Query, description = "false: the change is stored, and no pull request opened; true by default")), responses((status = 202, description = "Fixes are begun", body = Accepted), Changing, Problems, Unhandled))]
pub(super) async fn generate_batch(
    State(state): State<super::State>,
    Extension(caller): Extension<Caller>,
    given: Given,
) -> Asked {
    let params = Params::from(given);
    let ids: Vec<String> = params.list("error_ids")?;
    if !(1..=BATCH_MAX).contains(&ids.len()) {
        let why = format!("error_ids names 1 to {BATCH_MAX} errors, with a comma between two");
        return Err(Problem::bad_request(why));
    }
    let create_pr = create_pr(&params)?;
    let mut outcomes = Vec::new();
    for id in ids {
        outcomes.push(match wanted(&state, &id).await {
            Err(problem) if problem.is_of_the_service() => return Err(problem),
            Err(problem) => Err(Err((id, problem))),
            Ok(cluster) => begin(&state, &caller, &cluster, create_pr)
                .await
                .map_err(|error| Ok((cluster.fingerprint, error))),
        });
    }
    accepted(outcomes)
}

fn create_pr(params: &Params) -> Result<bool, Problem> {
    params.flag("create_pr").map(|wanted| wanted.unwrap_or(true))
}

async fn wanted(state: &super::State, id: &str) -> Result<Cluster, Problem> {
    let id = patterns::named(state, id).await?;
    state.store.cluster(id).await?.ok_or_else(patterns::no_such_error)
}

async fn begin(
    state: &super::State,
    caller: &Caller,
    cluster: &Cluster,
    create_pr: bool,
) -> Result<Begun, NotBegun> {
    let fix = state.triage.begin_asked(cluster, create_pr, &caller.actor()).await?;
    Ok(Begun { error_id: cluster.fingerprint, fix_id: fix.id })
}

/// An error that is not begun, or an id that names none.
type Unfit = Result<(Fingerprint, NotBegun), (String, Problem)>;

/// 202 where anything was begun, a problem that lists all where nothing was.
fn accepted(outcomes: Vec<Result<Begun, Unfit>>) -> Asked {
    let (mut fixes, mut not_started) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(begun) => fixes.push(begun),
            Err(Ok((_, NotBegun::Store(error)))) => return Err(error.into()),
            Err(Ok((id, why))) => not_started.push(NotStarted::of(id, &why)),
            Err(Err((error_id, problem))) => {
                let (code, reason) = ("unknown".to_owned(), problem.detail().to_owned());
                not_started.push(NotStarted { error_id, code, reason, fix_id: None });
            }
        }
    }
    if fixes.is_empty() {
        let why = not_started.iter().map(|one| one.reason.as_str()).collect::<Vec<_>>().join("; ");
        return Err(Problem::conflict(format!("no fix is begun: {why}")).with("not_started", not_started));
    }
    let fix_ids = fixes.iter().map(|begun| begun.fix_id.clone()).collect();
    Ok((StatusCode::ACCEPTED, Json(Accepted { status: "accepted", fix_ids, fixes, not_started })))
}

impl NotStarted {
    fn of(error: Fingerprint, why: &NotBegun) -> Self {
        let code = why.code().map_or_else(|| "has_fix".to_owned(), |code| code.to_string());
        let fix_id = if let NotBegun::Standing { id, .. } = why { Some(id.clone()) } else { None };
        Self { error_id: error.to_string(), code, reason: why.to_string(), fix_id }
    }
}
