//! What stands in the store. Replicas on one store tell the same of it, so whoever adds up replicas takes the highest.

use crate::app::standing::{Standing, Stood};
use crate::model::{FixStatus, Limits, Live, Severity, UnixNanos};
use crate::pipeline::Counts;
use crate::store::Store;
use crate::telemetry::Metrics;

/// Where pull requests stand, and the fixes that are told of by each.
const OUTCOMES: [(&str, &[FixStatus]); 4] = [
    ("open", &[FixStatus::Draft, FixStatus::Ready, FixStatus::Repairing]),
    ("merged", &[FixStatus::Merged]),
    ("closed", &[FixStatus::Closed]),
    ("regressed", &[FixStatus::Regressed]),
];

pub(super) fn store(metrics: &mut Metrics<Counts>, store: &Store, standing: &Standing) {
    let (healthy, waiting) = (store.clone(), store.clone());
    metrics
        .gauge("logmend_store_healthy", "1 where the latest write to the store succeeded.", "1")
        .with([], move |_| healthy.is_healthy().into());
    metrics
        .gauge("logmend_commit_queue_requests", "Requests that wait for a commit.", "{request}")
        .with([], move |_| waiting.waiting_requests());
    let leading = standing.clone();
    metrics
        .gauge("logmend_leader", "1 where this process leads: closes windows and writes fixes.", "1")
        .with([], move |_| leading.is_leading().into());
    number(metrics, standing, "logmend_replicas", "Processes on this store.", "{replica}", |stood| {
        stood.replicas
    });
    number(
        metrics,
        standing,
        "logmend_last_window_timestamp_seconds",
        "When the latest window was closed, in seconds since 1970; 0 before the first.",
        "s",
        |stood| stood.figures.last_closed.map_or(0, UnixNanos::as_secs),
    );
}

pub(super) fn errors(metrics: &mut Metrics<Counts>, standing: &Standing) {
    let open = metrics.gauge(
        "logmend_open_clusters",
        "Errors that are neither fixed nor ignored, by severity.",
        "{cluster}",
    );
    for severity in Severity::ALL {
        let standing = standing.clone();
        open.with([("severity", severity.as_str())], move |_| standing.now().figures.open(severity));
    }
}

pub(super) fn fixes(metrics: &mut Metrics<Counts>, standing: &Standing) {
    let fixes = metrics.gauge("logmend_fixes", "Fixes by how they stand.", "{fix}");
    for status in FixStatus::ALL {
        let standing = standing.clone();
        fixes.with([("status", status.as_str())], move |_| standing.now().figures.fixes(status));
    }
    let pull_requests =
        metrics.gauge("logmend_pull_requests", "Pull requests by how they stand or ended.", "{pull_request}");
    for (outcome, statuses) in OUTCOMES {
        let standing = standing.clone();
        let count = move |_: &Counts| standing.now().figures.pull_requests(statuses);
        pull_requests.with([("outcome", outcome)], count);
    }
}

pub(super) fn budgets(metrics: &mut Metrics<Counts>, standing: &Standing, limits: &Live<Limits>) {
    let (day, month, open) = (limits.clone(), limits.clone(), limits.clone());
    metrics
        .gauge("logmend_budget_limit_usd", "US dollars that Claude may cost in a period.", "{USD}")
        .with_real([("period", "day")], move |_| day.get().usd_per_day)
        .with_real([("period", "month")], move |_| month.get().usd_per_month);
    let (day, month) = (standing.clone(), standing.clone());
    metrics
        .gauge("logmend_budget_used_usd", "US dollars of them that are used or set aside.", "{USD}")
        .with_real([("period", "day")], move |_| day.now().usage.usd_of_day)
        .with_real([("period", "month")], move |_| month.now().usage.usd_of_month);
    metrics
        .gauge("logmend_open_pull_requests_limit", "Pull requests that may stand open.", "{pull_request}")
        .with([], move |_| open.get().open_pull_requests);
    number(
        metrics,
        standing,
        "logmend_breaker_open",
        "1 where Claude is left alone, as its account has met a limit.",
        "1",
        |stood| stood.usage.breaker.is_some().into(),
    );
}

fn number(
    metrics: &mut Metrics<Counts>,
    standing: &Standing,
    name: &'static str,
    help: &'static str,
    unit: &'static str,
    read: fn(&Stood) -> u64,
) {
    let standing = standing.clone();
    metrics.gauge(name, help, unit).with([], move |_| read(&standing.now()));
}
