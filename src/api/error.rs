//! Errors as callers see them: RFC 9457 problem details. The one place that turns an error into a status.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::learn::LearnError;
use crate::store::StoreError;
use crate::triage::ScanError;

/// Why a call was not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// Members of its kind of problem alone.
    more: Map<String, Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), more: Map::new() }
    }

    /// The same with one more member.
    pub(super) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.more.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn is_of(&self, status: StatusCode) -> bool {
        self.status == status
    }

    /// Whether the service is to blame, not the call.
    pub(super) fn is_of_the_service(&self) -> bool {
        self.status.is_server_error()
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }
}

/// A problem as RFC 9457 writes it.
#[derive(Debug, Serialize)]
pub(super) struct ProblemJson<'p> {
    #[serde(rename = "type")]
    kind: &'p str,
    title: &'p str,
    status: u16,
    detail: &'p str,
    #[serde(flatten)]
    more: &'p Map<String, Value>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemJson {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            more: &self.more,
        };
        let body = serde_json::to_string(&body).unwrap_or_default();
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

/// The cause is logged, not told: it names files and statements.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, cause = ?std::error::Error::source(&error), "the store did not answer an API call");
        match error {
            StoreError::Inconsistent { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the store holds a row that cannot be read")
            }
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer; try again"),
        }
    }
}

impl From<ScanError> for Problem {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Store(error) => error.into(),
            ScanError::NoLeader => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "no replica closed the window: none leads now, or the leader is busy; try again",
            ),
            ScanError::Failed => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "the leader could not close the window; try again")
            }
        }
    }
}

impl From<LearnError> for Problem {
    fn from(error: LearnError) -> Self {
        match error {
            LearnError::Store(error) => error.into(),
            LearnError::CutOff => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "the work was cut off; try again")
            }
            LearnError::Rules(_) | LearnError::Purse(_) => {
                tracing::error!(%error, cause = ?std::error::Error::source(&error), "a learned rule could not be put into use");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the learned rules cannot be used; those in use stay",
                )
            }
        }
    }
}

pub(super) async fn no_such_route(uri: Uri) -> Problem {
    Problem::not_found(format!(
        "there is no {}; routes begin with /error-monitor or /health, and there is /metrics",
        uri.path()
    ))
}

pub(super) async fn no_such_method(uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not take this method", uri.path()))
}
