//! What people say of an error: to leave it, that it is mended, that it is not.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Serialize;

use super::access::Caller;
use super::error::Problem;
use super::json::ErrorJson;
use super::patterns;
use crate::store::Handling;

/// An error as it stands now.
#[derive(Debug, Serialize)]
pub(super) struct Handled {
    status: &'static str,
    error: ErrorJson,
}

type Answer = Result<Json<Handled>, Problem>;

pub(super) async fn ignore(
    state: State<super::State>,
    caller: Extension<Caller>,
    id: Path<String>,
) -> Answer {
    handle(state, caller, id, Handling::Ignore).await
}

pub(super) async fn resolve(
    state: State<super::State>,
    caller: Extension<Caller>,
    id: Path<String>,
) -> Answer {
    handle(state, caller, id, Handling::Resolve).await
}

pub(super) async fn reopen(
    state: State<super::State>,
    caller: Extension<Caller>,
    id: Path<String>,
) -> Answer {
    handle(state, caller, id, Handling::Reopen).await
}

async fn handle(
    State(state): State<super::State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    handling: Handling,
) -> Answer {
    let id = patterns::named(&state, &id).await?;
    let status = state.store.handle(id, handling, &caller.actor(), state.store.now()).await?;
    let status = status.ok_or_else(patterns::no_such_error)?.as_str();
    Ok(Json(Handled { status, error: patterns::error(&state, id).await? }))
}
