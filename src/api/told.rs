//! What pages show of the API's own answers, and the door that they stand behind too.

use axum::{Json, Router, middleware};
use serde_json::Value;

use super::{Access, access};

/// What `GET /error-monitor/health` answers.
pub async fn health(state: &super::State) -> Value {
    let Json(told) = super::health::components(axum::extract::State(state.clone())).await;
    told
}

/// The routes behind the door of the API: whoever may not call it may not see them.
pub fn behind_door(routes: Router, access: Access) -> Router {
    routes.layer(middleware::from_fn_with_state(access, access::door))
}
