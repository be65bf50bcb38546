//! The errors: recent, critical, fixable, unclassified, all, and one; and what people say of how they were merged.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::access::Caller;
use super::error::Problem;
use super::json::ErrorJson;
use super::openapi::{self, Changing, ErrorQuery, Problems, RecentQuery, Unhandled};
use super::query::{Given, In, Params};
use crate::model::{Cluster, Fingerprint, UnixNanos};
use crate::store::{AuditEntry, ClusterFilter, Likely, Named};

type Answer = Result<Json<Value>, Problem>;

/// A list of errors under the name that it always had.
macro_rules! list {
    ($name:ident, $key:ident) => {
        #[doc = concat!("The errors of `", stringify!($key), "`, latest first.")]
        #[derive(Debug, Serialize, ToSchema)]
        pub(super) struct $name {
            count: usize,
            hours: u64,
            $key: Vec<ErrorJson>,
            next_cursor: Option<String>,
        }

        impl $name {
            async fn answer(
                state: &super::State,
                given: Given,
                also: ClusterFilter,
            ) -> Result<Json<Self>, Problem> {
                let (hours, $key, next_cursor) = list(state, &given.into(), also).await?;
                Ok(Json(Self { count: $key.len(), hours, $key, next_cursor }))
            }
        }
    };
}

list!(Recent, errors);
list!(Critical, critical_errors);
list!(Fixable, fixable_errors);
list!(Unclassified, unclassified_errors);

/// All errors, latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Patterns {
    total_patterns: u64,
    matching: u64,
    patterns: Vec<ErrorJson>,
    next_cursor: Option<String>,
}

#[utoipa::path(get, path = "/error-monitor/errors/recent", tag = "errors", params(RecentQuery, ErrorQuery), responses((status = 200, description = "Errors, latest first", body = Recent), Problems, Unhandled))]
pub(super) async fn recent(State(state): State<super::State>, given: Given) -> Result<Json<Recent>, Problem> {
    Recent::answer(&state, given, ClusterFilter::default()).await
}

#[utoipa::path(get, path = "/error-monitor/errors/critical", tag = "errors", params(RecentQuery, ErrorQuery), responses((status = 200, description = "Errors, latest first", body = Critical), Problems, Unhandled))]
pub(super) async fn critical(
    State(state): State<super::State>,
    given: Given,
) -> Result<Json<Critical>, Problem> {
    Critical::answer(&state, given, ClusterFilter { urgent: true, ..ClusterFilter::default() }).await
}

#[utoipa::path(get, path = "/error-monitor/errors/fixable", tag = "errors", params(RecentQuery, ErrorQuery), responses((status = 200, description = "Errors, latest first", body = Fixable), Problems, Unhandled))]
pub(super) async fn fixable(
    State(state): State<super::State>,
    given: Given,
) -> Result<Json<Fixable>, Problem> {
    Fixable::answer(&state, given, ClusterFilter { fixable: true, ..ClusterFilter::default() }).await
}

#[utoipa::path(get, path = "/error-monitor/errors/unclassified", tag = "errors", params(RecentQuery, ErrorQuery), responses((status = 200, description = "Errors, latest first", body = Unclassified), Problems, Unhandled))]
pub(super) async fn unclassified(
    State(state): State<super::State>,
    given: Given,
) -> Result<Json<Unclassified>, Problem> {
    Unclassified::answer(&state, given, ClusterFilter { unclassified: true, ..ClusterFilter::default() })
        .await
}

/// Errors that are read at once.
const STEP: u32 = 100;
/// The samples and traces of one answer, in bytes: whoever logs chooses how long they are, and memory is small.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// As many errors as the filter's limit says, or as one answer holds, and where the list goes on.
async fn gather(
    state: &super::State,
    mut filter: ClusterFilter,
) -> Result<(Vec<ErrorJson>, Option<String>), Problem> {
    let wanted = filter.limit.unwrap_or(u32::MAX);
    let (mut errors, mut bytes) = (Vec::new(), 0);
    loop {
        let left = wanted.saturating_sub(u32::try_from(errors.len()).unwrap_or(u32::MAX));
        filter.limit = Some(left.min(STEP));
        let page = state.store.page(filter.clone()).await?;
        bytes += page.clusters.iter().map(Cluster::text_bytes).sum::<usize>();
        errors.extend(ErrorJson::all(&state.store, page.clusters).await?);
        match page.next {
            Some(next) if left > STEP && bytes < ANSWER_BYTES_MAX => filter.after = Some(next),
            next => return Ok((errors, next.map(|next| next.to_string()))),
        }
    }
}

/// The hours that a list looks back, its errors, and where it goes on. A time that is named stands before the hours.
async fn list(
    state: &super::State,
    params: &Params,
    also: ClusterFilter,
) -> Result<(u64, Vec<ErrorJson>, Option<String>), Problem> {
    let (hours, filter) = (params.hours()?, params.filter()?);
    let back = UnixNanos((state.clock)().0.saturating_sub(UnixNanos::from_secs(hours * 3_600).0));
    let filter = ClusterFilter {
        seen_since: Some(filter.seen_since.unwrap_or(back)),
        urgent: filter.urgent || also.urgent,
        fixable: filter.fixable || also.fixable,
        unclassified: filter.unclassified || also.unclassified,
        ..filter
    };
    let (errors, next) = gather(state, filter).await?;
    Ok((hours, errors, next))
}

#[utoipa::path(get, path = "/error-monitor/errors/patterns", tag = "errors", params(ErrorQuery), responses((status = 200, description = "Errors, latest first", body = Patterns), Problems, Unhandled))]
pub(super) async fn all(State(state): State<super::State>, given: Given) -> Result<Json<Patterns>, Problem> {
    let filter = Params::from(given).filter()?;
    let matching = state.store.count_clusters(&ClusterFilter { after: None, ..filter.clone() }).await?;
    let (patterns, next_cursor) = gather(&state, filter).await?;
    Ok(Json(Patterns {
        total_patterns: state.store.summary().await?.clusters,
        matching,
        patterns,
        next_cursor,
    }))
}

/// How many hours one error's occurrences go back: as long as the store keeps them.
const HOURS_SHOWN: u64 = 30 * 24;

/// Any id of an error leads to it, with how often it came in each hour and whether it goes on.
#[utoipa::path(get, path = "/error-monitor/errors/{fingerprint}", tag = "errors", params(("fingerprint" = String, Path, description = "The id of an error, or the beginning of it that no other id has")), responses((status = 200, description = "One error", body = openapi::OneError), Changing, Problems, Unhandled))]
pub(super) async fn one(State(state): State<super::State>, In(id): In<String>) -> Answer {
    let (id, now) = (named(&state, &id).await?, state.store.now());
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
#[utoipa::path(post, path = "/error-monitor/errors/{fingerprint}/separate", tag = "errors", params(("fingerprint" = String, Path, description = "The id of a cluster, 32 hex digits")), responses((status = 200, description = "It stands alone", body = openapi::Separated), Problems, Unhandled))]
pub(super) async fn separate(
    State(state): State<super::State>,
    Extension(caller): Extension<Caller>,
    In(id): In<String>,
) -> Answer {
    let (id, now) = (fingerprint(&id)?, (state.clock)());
    let noted = state.store.separate(id, now).await?.ok_or_else(no_such_error)?;
    merge_again(&state, id, "separate", noted, (&caller.actor(), now)).await
}

/// Takes back [`separate`].
#[utoipa::path(post, path = "/error-monitor/errors/{fingerprint}/rejoin", tag = "errors", params(("fingerprint" = String, Path, description = "The id of a cluster, 32 hex digits")), responses((status = 200, description = "It is compared again", body = openapi::Separated), Problems, Unhandled))]
pub(super) async fn rejoin(
    State(state): State<super::State>,
    Extension(caller): Extension<Caller>,
    In(id): In<String>,
) -> Answer {
    let (id, now) = (fingerprint(&id)?, (state.clock)());
    error(&state, id).await?;
    let noted = state.store.rejoin(id).await?;
    merge_again(&state, id, "rejoin", noted, (&caller.actor(), now)).await
}

/// Lets what people said take effect, and answers with the error that the id leads to now. Said twice it is the same.
async fn merge_again(
    state: &super::State,
    id: Fingerprint,
    action: &'static str,
    noted: bool,
    (actor, at): (&str, UnixNanos),
) -> Answer {
    let (subject, outcome) = (id.to_string(), if noted { "noted" } else { "nothing to change" });
    state.store.audit(&AuditEntry { at, actor, action, subject: &subject, outcome }).await?;
    state.triage.merge(at).await?;
    let status = if action == "separate" { "separated" } else { "rejoined" };
    Ok(Json(json!({"status": status, "error": error(state, id).await?})))
}

fn fingerprint(id: &str) -> Result<Fingerprint, Problem> {
    id.parse().map_err(|_| Problem::bad_request("a fingerprint is 32 hex digits"))
}

/// The error that a whole fingerprint means, or the beginning of one that no other error's begins with.
pub(super) async fn named(state: &super::State, text: &str) -> Result<Fingerprint, Problem> {
    if let Ok(fingerprint) = text.parse() {
        return Ok(fingerprint);
    }
    if !(1..32).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::bad_request("a fingerprint is 32 hex digits, or the first of them"));
    }
    match state.store.named(text).await? {
        Named::One(id) => Ok(id),
        Named::Nothing => Err(Problem::not_found("there is no error whose fingerprint begins so")),
        Named::Several(likely) => {
            let likely =
                likely.into_iter().map(|Likely { id, service, message }| LikelyJson { id, service, message });
            Err(Problem::conflict("several errors' fingerprints begin so; write more digits")
                .with("matches", likely.collect::<Vec<_>>()))
        }
    }
}

/// An error that the beginning of a fingerprint may mean.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LikelyJson {
    id: Fingerprint,
    service: String,
    message: String,
}

pub(super) async fn error(state: &super::State, id: Fingerprint) -> Result<ErrorJson, Problem> {
    let cluster = state.store.cluster(id).await?.ok_or_else(no_such_error)?;
    Ok(ErrorJson::one(&state.store, cluster).await?)
}

pub(super) fn no_such_error() -> Problem {
    Problem::not_found("there is no error of this fingerprint")
}
