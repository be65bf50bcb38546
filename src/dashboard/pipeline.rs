//! The pipeline: what comes in and what becomes of it, how long it waits, who is up, and what may still be spent.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

use super::problem::Trouble;
use super::recent::{Flow, KEPT, Rate, Recent};
use super::shell::{Place, Shell};
use super::text::{self, LINE_MAX, Markup};
use super::{answer, chart, moment, words};
use crate::api;
use crate::model::UnixNanos;
use crate::store::Usage;
use crate::triage;

#[derive(Template)]
#[template(path = "pipeline.html")]
struct Pipeline {
    shell: Shell,
    flows: Vec<Gauge>,
    totals: Vec<(&'static str, String)>,
    waits: Vec<(&'static str, Markup, &'static str)>,
    parts: Vec<Part>,
    budgets: Vec<Budget>,
    breaker: Option<String>,
    replicas: String,
    leads: bool,
    /// Whether windows are closed on time; `None` where that cannot be told or changed.
    is_running: Option<bool>,
}

/// A number with its last ten minutes.
struct Gauge {
    name: &'static str,
    value: String,
    unit: &'static str,
    chart: Markup,
    help: &'static str,
}

/// A component as health tells it.
struct Part {
    name: String,
    status: String,
    detail: String,
}

/// What is used of a limit.
struct Budget {
    name: String,
    used: String,
    limit: String,
    left: String,
    /// Of a thousand, for the bar.
    share: u32,
    is_spent: bool,
}

/// `GET /pipeline`.
pub(super) async fn page(State(state): State<super::State>, headers: HeaderMap) -> Result<Response, Trouble> {
    let store = &state.api.store;
    let now = store.now();
    let health = api::health(&state.api).await;
    let usage = store.usage(now).await?;
    let replicas = &health["components"]["replicas"];
    let page = Pipeline {
        shell: Shell::of(&state.api, Place::Pipeline, "Pipeline", &headers).await,
        flows: flows(&state.recent),
        totals: totals(&state.recent.now()),
        waits: waits(&state, now).await?,
        parts: parts(&health),
        breaker: usage.breaker.as_ref().map(|breaker| text::line(&breaker.told(), LINE_MAX * 2)),
        budgets: budgets(&state.api.triage.settings(), &usage),
        replicas: replicas["count"].as_u64().map_or_else(|| "?".to_owned(), text::number),
        leads: replicas["leads"].as_bool().unwrap_or(false),
        is_running: match health["components"]["monitor"]["status"].as_str() {
            Some("ok") => Some(true),
            Some("paused") => Some(false),
            _ => None,
        },
    };
    answer::page(&page, &headers)
}

fn flows(recent: &Recent) -> Vec<Gauge> {
    let rate = |name, help, of: fn(&Flow) -> u64| {
        let Rate { by_reading, now } = recent.rate(of);
        let chart = chart::area(&by_reading, KEPT - 1, name);
        Gauge { name, value: per_second(now), unit: "/s", chart, help }
    };
    let level = |name, unit, help, of: fn(&Flow) -> u64| {
        let levels = recent.level(of);
        let value = text::brief(of(&recent.now()));
        Gauge { name, value, unit, chart: chart::area(&levels, KEPT, name), help }
    };
    vec![
        rate("Received", "records in acknowledged requests", |flow| flow.received),
        rate("Matched", "counted into errors", |flow| flow.matched),
        rate("Dropped", "no errors: looked at and let go", |flow| flow.dropped),
        rate("Refused", "their senders were told to send again, or that they can't be taken", |flow| {
            flow.refused
        }),
        level("Waiting requests", "", "for the commit that acknowledges them", |flow| flow.waiting),
        level("Bytes in hand", "B", "of requests that are being worked on", |flow| flow.bytes_in_hand),
    ]
}

fn per_second(rate: f64) -> String {
    if rate >= 1_000.0 {
        // A rate of records is far below what a float holds exactly.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is above 0 and rounded"
        )]
        return text::brief(rate.round() as u64);
    }
    if rate >= 10.0 || rate == 0.0 { format!("{rate:.0}") } else { format!("{rate:.1}") }
}

fn totals(flow: &Flow) -> Vec<(&'static str, String)> {
    let totals = [
        ("Records received", flow.received),
        ("counted into errors", flow.matched),
        ("no errors", flow.dropped),
        ("had been counted before", flow.repeated),
        ("refused", flow.refused),
        ("Requests acknowledged", flow.requests),
        ("Commits", flow.commits),
    ];
    totals.into_iter().map(|(name, count)| (name, text::number(count))).collect()
}

/// What lags behind, and by how much.
async fn waits(
    state: &super::State,
    now: UnixNanos,
) -> Result<Vec<(&'static str, Markup, &'static str)>, Trouble> {
    let store = &state.api.store;
    let none = || Markup::new("none yet".to_owned());
    let told = |at: Option<UnixNanos>| at.map_or_else(none, |at| moment::ago(at, now));
    let unfinished = store.unfinished_fixes().await?;
    let count = |count: usize| Markup::new(text::number(count as u64));
    let (waiting, most) = store.waiting();
    let window = *store.window().borrow();
    Ok(vec![
        ("Latest record", told(store.latest_record_at().await?), "how far what is counted is behind now"),
        ("Open window", moment::ago(window, now), "when it began"),
        ("Last window closed", told(store.last_closed_at().await?), ""),
        ("Windows that wait for triage", count(store.untriaged_windows().await?.len()), ""),
        ("Fixes that wait or are being written", count(unfinished.len()), ""),
        (
            "Commit queue",
            Markup::new(format!("{} of {}", text::number(waiting as u64), text::number(most as u64))),
            "past it senders are told to come again",
        ),
    ])
}

fn parts(health: &Value) -> Vec<Part> {
    let Some(components) = health["components"].as_object() else { return Vec::new() };
    let part = |(name, part): (&String, &Value)| Part {
        name: words::component(name),
        status: part["status"].as_str().unwrap_or("unknown").to_owned(),
        detail: text::line(part["detail"].as_str().unwrap_or_default(), LINE_MAX * 2),
    };
    components.iter().map(part).collect()
}

fn budgets(settings: &triage::Settings, usage: &Usage) -> Vec<Budget> {
    let limits = settings.limits.get();
    let mut all = vec![
        dollars("Claude, 24 hours", usage.usd_of_day, limits.usd_per_day),
        dollars("Claude, 30 days", usage.usd_of_month, limits.usd_per_month),
        count("Fixes in this window", usage.fixes_of_window, settings.fixes_per_window_max.into()),
        count("Pull requests, 1 hour", usage.pull_requests_of_hour, limits.pull_requests_per_hour),
        count("Pull requests, 24 hours", usage.pull_requests_of_day, limits.pull_requests_per_day),
        count("Open pull requests", usage.open_pull_requests, limits.open_pull_requests),
    ];
    let of = |(repository, open): &(String, u64)| {
        let name = format!("Open in {}", text::line(repository, LINE_MAX));
        count(&name, *open, limits.open_pull_requests_per_repository)
    };
    all.extend(usage.open_by_repository.iter().map(of));
    all
}

fn count(name: &str, used: u64, limit: u64) -> Budget {
    let share = used.saturating_mul(1_000).checked_div(limit).unwrap_or(1_000).min(1_000);
    Budget {
        name: name.to_owned(),
        used: text::number(used),
        limit: text::number(limit),
        left: text::number(limit.saturating_sub(used)),
        share: u32::try_from(share).unwrap_or(1_000),
        is_spent: used >= limit,
    }
}

fn dollars(name: &str, used: f64, limit: f64) -> Budget {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 1,000")]
    let share = if limit > 0.0 { (used / limit * 1_000.0).clamp(0.0, 1_000.0) as u32 } else { 1_000 };
    Budget {
        name: name.to_owned(),
        used: text::usd(used),
        limit: text::usd(limit),
        left: text::usd((limit - used).max(0.0)),
        share,
        is_spent: used >= limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_and_no_bar_is_too_long() {
        let spent = dollars("x", 25.0, 20.0);
        assert_eq!((spent.share, spent.is_spent, spent.left.as_str()), (1_000, true, "$0.00"));
        let half = count("x", 2, 4);
        assert_eq!((half.share, half.is_spent, half.left.as_str()), (500, false, "2"));
        assert_eq!(count("x", 0, 0).share, 1_000, "a limit of none is spent");
        assert_eq!([0.0, 0.4, 12.6, 45_000.0].map(per_second), ["0", "0.4", "13", "45k"]);
    }
}
