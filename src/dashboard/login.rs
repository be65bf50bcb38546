//! The page where a token becomes a session.

use askama::Template;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::answer;
use super::problem::Trouble;
use super::shell::Shell;

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    shell: Shell,
    was_wrong: bool,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    error: String,
}

/// `GET /login`.
pub(super) async fn page(Query(asked): Query<Asked>, headers: HeaderMap) -> Result<Response, Trouble> {
    let login = Login { shell: Shell::bare("Log in").seen_by(&headers), was_wrong: !asked.error.is_empty() };
    answer::page(&login, &headers)
}
