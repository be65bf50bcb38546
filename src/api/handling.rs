//! What people say of an error: to leave it, that it is mended, that it is not.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Caller;
use super::error::Problem;
use super::json::ErrorJson;
use super::openapi::{Changing, Problems, Unhandled};
use super::patterns;
use super::query::In;
use crate::store::Handling;

/// An error as it stands now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Handled {
    status: &'static str,
    error: ErrorJson,
}

type Answer = Result<Json<Handled>, Problem>;

#[utoipa::path(post, path = "/error-monitor/errors/{fingerprint}/ignore", tag = "errors", params(("fingerprint" = String, Path, description = "The id of an error, or the beginning of it that no other id has")), responses((status = 200, description = "The error as it stands now", body = Handled), Changing, Problems, Unhandled))]
pub(super) async fn ignore(state: State<super::State>, caller: Extension<Caller>, id: In<String>) -> Answer {
    handle(state, caller, id, Handling::Ignore).await
}

#[utoipa::path(post, path = "/error-monitor/errors/{fingerprint}/resolve", tag = "errors", params(("fingerprint" = String, Path, description = "The id of an error, or the beginning of it that no other id has")), responses((status = 200, description = "The error as it stands now", body = Handled), Changing, Problems, Unhandled))]
pub(super) async fn resolve(state: State<super::State>, caller: Extension<Caller>, id: In<String>) -> Answer {
    handle(state, caller, id, Handling::Resolve).await
}

#[utoipa::path(post, path = "/error-monitor/errors/{fingerprint}/reopen", tag = "errors", params(("fingerprint" = String, Path, description = "The id of an error, or the beginning of it that no other id has")), responses((status = 200, description = "The error as it stands now", body = Handled), Changing, Problems, Unhandled))]
pub(super) async fn reopen(state: State<super::State>, caller: Extension<Caller>, id: In<String>) -> Answer {
    handle(state, caller, id, Handling::Reopen).await
}

async fn handle(
    State(state): State<super::State>,
    Extension(caller): Extension<Caller>,
    In(id): In<String>,
    handling: Handling,
) -> Answer {
    let id = patterns::named(&state, &id).await?;
    let status = state.store.handle(id, handling, &caller.actor(), state.store.now()).await?;
    let status = status.ok_or_else(patterns::no_such_error)?.as_str();
    Ok(Json(Handled { status, error: patterns::error(&state, id).await? }))
}
