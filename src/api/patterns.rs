//! The errors: recent, critical, fixable, unclassified, all, and one; and what people say of how they were merged.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Problem;
use super::json::ErrorJson;
use crate::model::{Fingerprint, UnixNanos};
use crate::store::{AuditEntry, ClusterFilter};

/// Hours that lists look back where the caller does not say.
const HOURS_DEFAULT: u64 = 24;
/// As long as clusters are kept for: 30 days.
const HOURS_MAX: u64 = 720;
const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 10_000;

type Answer = Result<Json<Value>, Problem>;

#[derive(Debug, Deserialize)]
pub(super) struct Range {
    hours: Option<String>,
    limit: Option<String>,
}

impl Range {
    fn hours(&self) -> Result<u64, Problem> {
        number("hours", self.hours.as_deref(), HOURS_DEFAULT, HOURS_MAX)
    }

    fn limit(&self) -> Result<u32, Problem> {
        let limit = number("limit", self.limit.as_deref(), u64::from(LIMIT_DEFAULT), u64::from(LIMIT_MAX))?;
        Ok(u32::try_from(limit).unwrap_or(LIMIT_MAX))
    }
}

fn number(name: &str, given: Option<&str>, default: u64, max: u64) -> Result<u64, Problem> {
    let Some(given) = given else { return Ok(default) };
    given
        .parse()
        .ok()
        .filter(|number| (1..=max).contains(number))
        .ok_or_else(|| Problem::bad_request(format!("{name} must be a whole number from 1 to {max}")))
}

pub(super) async fn recent(state: State<super::State>, range: Query<Range>) -> Answer {
    list(state, range, "errors", ClusterFilter::default()).await
}

pub(super) async fn critical(state: State<super::State>, range: Query<Range>) -> Answer {
    list(state, range, "critical_errors", ClusterFilter { urgent: true, ..ClusterFilter::default() }).await
}

pub(super) async fn fixable(state: State<super::State>, range: Query<Range>) -> Answer {
    list(state, range, "fixable_errors", ClusterFilter { fixable: true, ..ClusterFilter::default() }).await
}

pub(super) async fn unclassified(state: State<super::State>, range: Query<Range>) -> Answer {
    let filter = ClusterFilter { unclassified: true, ..ClusterFilter::default() };
    list(state, range, "unclassified_errors", filter).await
}

async fn list(
    State(state): State<super::State>,
    Query(range): Query<Range>,
    name: &str,
    filter: ClusterFilter,
) -> Answer {
    let hours = range.hours()?;
    let since = UnixNanos((state.clock)().0.saturating_sub(UnixNanos::from_secs(hours * 3_600).0));
    let filter = ClusterFilter { seen_since: Some(since), limit: Some(range.limit()?), ..filter };
    let errors = ErrorJson::all(&state.store, state.store.clusters(filter).await?).await?;
    Ok(Json(json!({"count": errors.len(), "hours": hours, name: errors})))
}

pub(super) async fn all(State(state): State<super::State>, Query(range): Query<Range>) -> Answer {
    let filter = ClusterFilter { limit: Some(range.limit()?), ..ClusterFilter::default() };
    let patterns = ErrorJson::all(&state.store, state.store.clusters(filter).await?).await?;
    let total = state.store.summary().await?.clusters;
    Ok(Json(json!({"total_patterns": total, "patterns": patterns})))
}

/// How many hours one error's occurrences go back: as long as the store keeps them.
const HOURS_SHOWN: u64 = 30 * 24;

/// Any id of an error leads to it, with how often it came in each hour and whether it goes on.
pub(super) async fn one(State(state): State<super::State>, Path(id): Path<String>) -> Answer {
    let (id, now) = (fingerprint(&id)?, state.store.now());
    let cluster = state.store.cluster(id).await?.ok_or_else(no_such_error)?;
    let since = UnixNanos(now.0.saturating_sub(UnixNanos::from_secs(HOURS_SHOWN * 3_600).0));
    let hours = state.store.hours(id, since).await?;
    let occurrences: Vec<_> =
        hours.into_iter().map(|hour| json!({"hour": hour.start, "count": hour.count})).collect();
    let activity = cluster.activity(now);
    let error = ErrorJson::one(&state.store, cluster).await?;
    Ok(Json(json!({"error": error, "activity": activity, "occurrences": occurrences})))
}

/// Takes one cluster out of its family for good, and answers with it as it stands alone.
pub(super) async fn separate(State(state): State<super::State>, Path(id): Path<String>) -> Answer {
    let (id, now) = (fingerprint(&id)?, (state.clock)());
    let noted = state.store.separate(id, now).await?.ok_or_else(no_such_error)?;
    merge_again(&state, id, "separate", noted, now).await
}

/// Takes back [`separate`].
pub(super) async fn rejoin(State(state): State<super::State>, Path(id): Path<String>) -> Answer {
    let (id, now) = (fingerprint(&id)?, (state.clock)());
    error(&state, id).await?;
    let noted = state.store.rejoin(id).await?;
    merge_again(&state, id, "rejoin", noted, now).await
}

/// Lets what people said take effect, and answers with the error that the id leads to now. Said twice it is the same.
async fn merge_again(
    state: &super::State,
    id: Fingerprint,
    action: &'static str,
    noted: bool,
    at: UnixNanos,
) -> Answer {
    let (subject, outcome) = (id.to_string(), if noted { "noted" } else { "nothing to change" });
    state.store.audit(&AuditEntry { at, actor: "api", action, subject: &subject, outcome }).await?;
    state.triage.merge(at).await?;
    let status = if action == "separate" { "separated" } else { "rejoined" };
    Ok(Json(json!({"status": status, "error": error(state, id).await?})))
}

fn fingerprint(id: &str) -> Result<Fingerprint, Problem> {
    id.parse().map_err(|_| Problem::bad_request("a fingerprint is 32 hex digits"))
}

async fn error(state: &super::State, id: Fingerprint) -> Result<ErrorJson, Problem> {
    let cluster = state.store.cluster(id).await?.ok_or_else(no_such_error)?;
    Ok(ErrorJson::one(&state.store, cluster).await?)
}

fn no_such_error() -> Problem {
    Problem::not_found("there is no error of this fingerprint")
}
