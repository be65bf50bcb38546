//! Windows: what each one's end found and did.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::fixes::{Pull, label, pull};
use super::problem::Trouble;
use super::shell::{Place, Shell};
use super::text::{self, LINE_MAX, Markup};
use super::{answer, chart, moment};
use crate::model::UnixNanos;
use crate::store::{Audited, FixBrief, WindowHeld};

/// How many windows a page shows: at the default length five hours of them.
const LISTED: u32 = 60;

#[derive(Template)]
#[template(path = "windows.html")]
struct Windows {
    shell: Shell,
    length: String,
    chart: Markup,
    windows: Vec<Window>,
    next: Option<String>,
    can_close: bool,
}

struct Window {
    is_open: bool,
    start: Markup,
    ago: Markup,
    length: String,
    errors: u64,
    fresh: u64,
    urgent: u64,
    records: String,
    state: &'static str,
    actor: String,
    outcome: String,
    fixes: Vec<Begun>,
}

/// A fix that a window's end began.
struct Begun {
    id: String,
    error: Markup,
    label: &'static str,
    status: &'static str,
    pull: Option<Pull>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    before: String,
}

/// `GET /windows`.
pub(super) async fn list(
    State(state): State<super::State>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let store = &state.api.store;
    let now = store.now();
    let unreadable = || Trouble::BadRequest("before must be a number of nanoseconds.".to_owned());
    let before = match asked.before.as_str() {
        "" => UnixNanos::MAX,
        given => given.parse().map(UnixNanos).map_err(|_| unreadable())?,
    };
    let held = store.windows_before(before, LISTED).await?;
    let fixes = store.fixes_begun_since(held.last().map(|of| of.start).unwrap_or_default()).await?;
    let taken = store.taken_on(held.iter().map(|of| of.start.to_string()), LISTED * 2).await?;
    let mut ends = ends(taken);
    let mut begun = begun(&held, &fixes);
    let counts: Vec<_> = held.iter().rev().map(|of| of.records).collect();
    let page = Windows {
        shell: Shell::of(&state.api, Place::Windows, "Windows", &headers).await,
        length: moment::length(state.api.setup.interval_secs),
        chart: chart::area(&counts, LISTED as usize, "Records by window"),
        next: (held.len() == LISTED as usize)
            .then(|| held.last().map(|of| format!("/windows?before={}", of.start.0)))
            .flatten(),
        can_close: state.api.setup.monitoring,
        windows: held
            .iter()
            .map(|of| Window::of(of, ends.remove(&of.start.to_string()), begun.remove(&of.start), now))
            .collect(),
    };
    answer::page(&page, &headers)
}

/// Who closed which window, and what came of it.
fn ends(taken: Vec<Audited>) -> BTreeMap<String, Audited> {
    let ends = taken.into_iter().filter(|taken| taken.action == "close_window");
    ends.map(|taken| (taken.subject.clone(), taken)).collect()
}

/// Which fixes began at the end of which window: the latest that was closed before.
fn begun(held: &[WindowHeld], fixes: &[FixBrief]) -> BTreeMap<UnixNanos, Vec<Begun>> {
    let mut by_window = BTreeMap::<_, Vec<_>>::new();
    for fix in fixes {
        let closed_before = |of: &&WindowHeld| of.closed_at.is_some_and(|closed| closed <= fix.created_at);
        if let Some(window) = held.iter().find(closed_before) {
            by_window.entry(window.start).or_default().push(Begun {
                id: text::line(&fix.id, LINE_MAX),
                error: text::template(&fix.error_message, 120),
                label: label(fix.status),
                status: fix.status.as_str(),
                pull: pull(fix.pr_url.as_deref()),
            });
        }
    }
    by_window
}

impl Window {
    fn of(held: &WindowHeld, end: Option<Audited>, fixes: Option<Vec<Begun>>, now: UnixNanos) -> Self {
        let (actor, outcome) = end.map(|end| (end.actor, end.outcome)).unwrap_or_default();
        let until = held.closed_at.unwrap_or(now);
        Self {
            is_open: held.closed_at.is_none(),
            start: moment::exact(held.start),
            ago: moment::ago(held.start, now),
            length: moment::length(until.as_secs().saturating_sub(held.start.as_secs())),
            errors: held.errors,
            fresh: held.fresh,
            urgent: held.urgent,
            records: text::number(held.records),
            state: match (held.closed_at, held.triaged_at) {
                (None, _) => "open",
                (_, None) => "waits for triage",
                _ => "triaged",
            },
            actor: text::line(&actor, LINE_MAX),
            outcome: text::line(&outcome, LINE_MAX),
            fixes: fixes.unwrap_or_default(),
        }
    }
}
