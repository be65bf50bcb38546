//! What a reader is told when a page cannot be shown.

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::shell::Shell;
use crate::store::StoreError;

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template failed, which is our bug.
    #[error("a page could not be written")]
    Unwritable(#[source] askama::Error),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(&'static str),
    /// What was asked for cannot be read.
    #[error("{0}")]
    BadRequest(String),
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem {
    shell: Shell,
    title: &'static str,
    detail: String,
}

impl Trouble {
    fn told(&self) -> (StatusCode, &'static str, String) {
        match self {
            // The cause names files and statements: it is logged, not shown.
            Self::Store(error) => {
                tracing::error!(%error, cause = ?std::error::Error::source(error), "the store did not answer a page");
                let detail = "Nothing is lost: senders are told to send again, and what was acknowledged is kept. This page works \
                     again as soon as the store does; logmend looks at it twice a second.";
                (StatusCode::SERVICE_UNAVAILABLE, "The store does not answer", detail.to_owned())
            }
            Self::Unwritable(error) => {
                tracing::error!(%error, "a page could not be written");
                let detail = "The log of logmend says more. Please report it.";
                (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be written", detail.to_owned())
            }
            Self::NotFound(what) => (StatusCode::NOT_FOUND, "Not found", (*what).to_owned()),
            Self::BadRequest(what) => (StatusCode::BAD_REQUEST, "This address cannot be read", what.clone()),
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, title, detail) = self.told();
        let page = Problem { shell: Shell::bare(title).with_links(), title, detail };
        let html = page.render().unwrap_or_else(|_| title.to_owned());
        let headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, header::HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CACHE_CONTROL, header::HeaderValue::from_static("no-store")),
        ]);
        (status, headers, html).into_response()
    }
}
