//! The dashboard: pages for people who run services, made of what the store knows.
//!
//! In come calls of browsers. Out go pages that can be read without a script; the script adds news as they come, keys and buttons,
//! which call the [`api`]. Everything is compiled in and nothing is loaded from elsewhere. Log text is hostile: `text.rs` makes all
//! of it fit to be shown, the templates escape it, and the policy in `answer.rs` would let nothing of it run.
//!
//! This room reads the store, asks the rules in use why they hold, and has nothing written itself: what people decide goes
//! through the API, a test record through the pipeline.

mod answer;
mod asked;
mod assets;
mod chart;
mod detail;
mod diff;
mod fixes;
mod grouping;
mod list;
mod login;
mod moment;
mod overview;
mod pipeline;
mod problem;
mod recent;
mod samples;
mod send;
mod shell;
mod stack;
mod text;
mod verdict;
mod windows;
mod words;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::api::{self, Access, Component};
use crate::classify::Rules;
use crate::loki;

pub use overview::Overview;
pub use recent::{Flow, Recent};
pub use send::{Intake, Test};

/// What the pages share.
#[derive(Debug, Clone)]
pub struct State {
    /// What the API shows too.
    pub api: api::State,
    /// The rules in use.
    pub rules: Rules,
    /// Who knows what was logged around an error; `None` where nobody does.
    pub loki: Option<loki::Client>,
    /// Where logs come in.
    pub intake: Intake,
    /// The way of a test record.
    pub test: Test,
    /// The last minutes of the pipeline.
    pub recent: Recent,
    /// Counts over all errors.
    pub overview: Overview,
}

impl State {
    /// Why no fix can be written, where none can.
    fn why_no_fixes(&self) -> Option<String> {
        let setup = &self.api.setup;
        match &setup.claude {
            Component::Disabled(why) => Some((*why).to_owned()),
            _ if !setup.monitoring => Some("ERROR_MONITORING_ENABLED is false".to_owned()),
            _ => None,
        }
    }
}

/// All pages, behind the API's door, and what is needed to get through it.
pub fn router(state: State, access: Access) -> Router {
    let pages = Router::new()
        .route("/", get(list::list))
        .route("/errors/{id}", get(detail::one))
        .route("/windows", get(windows::list))
        .route("/fixes", get(fixes::list))
        .route("/pipeline", get(pipeline::page))
        .route("/send-logs", get(send::page))
        .route("/send-test", post(send::test))
        .with_state(state);
    let pages = api::behind_door(pages, access).layer(middleware::from_fn(to_login));
    let open = Router::new().route("/login", get(login::page)).route("/assets/{name}", get(assets::file));
    pages.merge(open).layer(middleware::from_fn(answer::guarded))
}

/// Whoever may not see a page is sent to where a token lets them in.
async fn to_login(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    if reads && response.status() == StatusCode::UNAUTHORIZED {
        return Redirect::to("/login").into_response();
    }
    response
}

#[cfg(test)]
mod tests {
    use std::fs;

    /// What a page shows without escaping it is [`Markup`](super::text::Markup): of each of these somebody has looked.
    const MARKUP: &[&str] = &[
        "action.at",
        "alias.message",
        "alias.since",
        "analysis",
        "at",
        "day",
        "first_seen",
        "fix.created",
        "fix.error",
        "fix.ended",
        "found",
        "gauge.chart",
        "chart",
        "last_seen",
        "latest",
        "line.code",
        "message",
        "month",
        "proposed",
        "row.first_seen",
        "row.last_seen",
        "row.message",
        "row.spark",
        "sample.ago",
        "sample.at",
        "totals.window",
        "value",
        "window.ago",
        "window.start",
    ];

    #[test]
    fn nothing_else_is_shown_without_being_escaped() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dashboard/templates");
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let template = fs::read_to_string(&path).unwrap();
            for (at, _) in template.match_indices("|safe") {
                let shown = template[..at].rsplit("{{ ").next().unwrap();
                assert!(MARKUP.contains(&shown), "{}: {shown}", path.display());
            }
        }
    }
}
