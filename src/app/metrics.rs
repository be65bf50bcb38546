//! What `/metrics` shows and OpenTelemetry is told: each number under its name, read where it lives.
//!
//! Names that begin with `otelcol_` are the OpenTelemetry Collector's own, so that its dashboards and alerts fit.

mod claude;
mod standing;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::standing::Standing;
use crate::alerts::Alerts;
use crate::api::Setup;
use crate::config::Config;
use crate::forward::{self, NextHop};
use crate::ingest::{Reason, Receiver, Refusals};
use crate::model::Transport;
use crate::pipeline::{Counts, Pipeline};
use crate::store::{Commits, Store};
use crate::telemetry::{self, Metrics};

/// Where the numbers live.
pub(super) struct Counted<'a> {
    pub(super) config: &'a Config,
    pub(super) setup: &'a Setup,
    pub(super) pipeline: &'a Pipeline,
    pub(super) receiver: &'a Receiver,
    pub(super) store: &'a Store,
    pub(super) standing: &'a Standing,
    pub(super) next_hop: Option<&'a NextHop>,
    pub(super) alerts: &'a Alerts,
}

/// What is counted. The numbers of [`Counts`] are read at one moment, since they add up.
pub(super) fn metrics(of: &Counted<'_>) -> Metrics<Counts> {
    let Counted { config, setup, pipeline, receiver, store, standing, next_hop, alerts } = of;
    let totals = (*pipeline).clone();
    let mut metrics = Metrics::new(move || totals.totals().now());
    receivers(&mut metrics);
    requests(&mut metrics, receiver.refusals());
    records(&mut metrics, receiver);
    bounds(&mut metrics);
    commits(&mut metrics, &store.commits());
    if let Some(hop) = next_hop {
        exporter(&mut metrics, hop);
    }
    super::alerting::count(&mut metrics, alerts);
    standing::store(&mut metrics, store, standing);
    standing::errors(&mut metrics, standing);
    standing::fixes(&mut metrics, standing);
    standing::budgets(&mut metrics, standing, &config.triage.limits);
    if let Some(settings) = &config.claude {
        claude::claude(&mut metrics, settings);
    }
    components(&mut metrics, setup);
    let interval = config.alignment.length().as_secs();
    metrics
        .gauge("logmend_window_interval_seconds", "The length of windows.", "s")
        .with([], move |_| interval);
    let clusters = (*pipeline).clone();
    metrics
        .gauge("logmend_live_clusters", "Clusters that are in the dedupe cache, roughly.", "{cluster}")
        .with([], move |_| clusters.live_clusters());
    let in_hand = (*receiver).clone();
    metrics
        .gauge("logmend_in_flight_bytes", "Bytes of all requests in hand.", "By")
        .with([], move |_| in_hand.bytes_in_flight() as u64);
    metrics.add_process(telemetry::now());
    metrics
}

fn receivers(metrics: &mut Metrics<Counts>) {
    let accepted = metrics.counter(
        "otelcol_receiver_accepted_log_records",
        "Log records in requests that were acknowledged.",
        "{record}",
    );
    for transport in Transport::ALL {
        let labels = [("receiver", transport.receiver()), ("transport", transport.name())];
        accepted.with(labels, move |counts| counts.of(transport).accepted);
    }
    let refused = metrics.counter(
        "otelcol_receiver_refused_log_records",
        "Log records in requests that could be read and were refused.",
        "{record}",
    );
    for transport in Transport::ALL {
        let labels = [("receiver", transport.receiver()), ("transport", transport.name())];
        refused.with(labels, move |counts| counts.of(transport).refused);
    }
}

fn requests(metrics: &mut Metrics<Counts>, refusals: &Arc<Refusals>) {
    let acknowledged = metrics.counter("logmend_requests", "Requests that were acknowledged.", "{request}");
    for transport in Transport::ALL {
        acknowledged.with([("transport", transport.name())], move |counts| counts.of(transport).requests);
    }
    let refused = metrics.counter("logmend_requests_refused", "Requests that were refused.", "{request}");
    for (transport, reason) in
        Transport::LISTENING.into_iter().flat_map(|transport| Reason::ALL.map(|reason| (transport, reason)))
    {
        let refusals = Arc::clone(refusals);
        let labels = [("transport", transport.name()), ("reason", reason.name())];
        refused.with(labels, move |_| refusals.of(transport, reason));
    }
}

fn records(metrics: &mut Metrics<Counts>, receiver: &Receiver) {
    // JSON is mended while it becomes protobuf, protobuf while it is walked.
    let (cut, dropped) = (receiver.clone(), receiver.clone());
    metrics
        .counter(
            "logmend_log_records",
            "Accepted log records by what became of them; their sum is what all receivers accepted.",
            "{record}",
        )
        .with([("outcome", "classified")], |counts| counts.classified)
        .with([("outcome", "joined")], |counts| counts.joined)
        .with([("outcome", "ignored")], |counts| counts.ignored)
        .with([("outcome", "rejected")], |counts| counts.rejected)
        .with([("outcome", "replayed")], |counts| counts.replayed);
    metrics
        .counter(
            "logmend_values_cut",
            "Values that were nested too deeply and are taken as opaque.",
            "{value}",
        )
        .with([], move |counts| counts.values_cut + cut.mended().values_cut.load(Ordering::Relaxed));
    metrics
        .counter("logmend_ids_dropped", "Trace and span ids of a wrong length, taken as absent.", "{id}")
        .with([], move |counts| counts.ids_dropped + dropped.mended().ids_dropped.load(Ordering::Relaxed));
    metrics
        .counter(
            "logmend_references_dropped",
            "Keys and values that refer to a table, taken as empty.",
            "{value}",
        )
        .with([], |counts| counts.references_dropped);
}

/// What the dedupe cache is good for, and what the bounds on errors and their texts took.
fn bounds(metrics: &mut Metrics<Counts>) {
    metrics
        .counter(
            "logmend_dedupe",
            "Classified records whose error was described already (hit), and those that described it (miss).",
            "{record}",
        )
        .with([("result", "hit")], |counts| counts.looked_up.hits)
        .with([("result", "miss")], |counts| counts.looked_up.misses);
    metrics
        .counter(
            "logmend_overflow_records",
            "Classified records of too many distinct errors, counted with others by service or by category.",
            "{record}",
        )
        .with([("by", "service")], |counts| counts.overflow.with_service)
        .with([("by", "category")], |counts| counts.overflow.with_many);
    metrics
        .counter(
            "logmend_truncations",
            "Parts of examples and descriptions that were too long to be kept whole.",
            "{part}",
        )
        .with([("part", "body")], |counts| counts.cuts.bodies)
        .with([("part", "stack_trace")], |counts| counts.cuts.stack_traces)
        .with([("part", "attribute_value")], |counts| counts.cuts.values)
        .with([("part", "attribute")], |counts| counts.cuts.attributes);
}

/// The parts that are watched, where they are set up.
fn components(metrics: &mut Metrics<Counts>, setup: &Setup) {
    let parts = [
        ("next_hop", &setup.next_hop),
        ("rules", &setup.rules),
        ("settings", &setup.settings),
        ("redis", &setup.redis),
        ("loki", &setup.loki),
        ("claude", &setup.claude),
    ];
    let degraded = metrics.gauge(
        "logmend_component_degraded",
        "1 for a part that is degraded; /error-monitor/health has the reason.",
        "1",
    );
    for (name, part) in parts.into_iter().filter(|(_, part)| part.is_watched()) {
        let part = part.clone();
        degraded.with([("component", name)], move |_| part.is_degraded().into());
    }
}

fn commits(metrics: &mut Metrics<Counts>, commits: &Arc<Commits>) {
    let (transactions, requests) = (Arc::clone(commits), Arc::clone(commits));
    let failures = Arc::clone(commits);
    metrics
        .counter("logmend_commit_failures", "Transactions that failed after every try.", "{transaction}")
        .with([], move |_| failures.failures.load(Ordering::Relaxed));
    metrics
        .histogram("logmend_commit_seconds", "How long such a transaction took, further tries included.")
        .with_durations([], Arc::clone(&commits.took));
    metrics
        .counter("logmend_commits", "Transactions in which errors were counted.", "{transaction}")
        .with([], move |_| transactions.transactions.load(Ordering::Relaxed));
    metrics
        .counter("logmend_committed_requests", "Requests that those transactions were for.", "{request}")
        .with([], move |_| requests.requests.load(Ordering::Relaxed));
}

/// The next hop, as the Collector names its exporters; without one there are no such metrics there either.
fn exporter(metrics: &mut Metrics<Counts>, hop: &NextHop) {
    let mut counter = |name, help, unit, read: fn(&forward::Totals) -> &AtomicU64| {
        let hop = hop.clone();
        metrics
            .counter(name, help, unit)
            .with([("exporter", "otlp")], move |_| read(hop.totals()).load(Ordering::Relaxed));
    };
    counter(
        "otelcol_exporter_sent_log_records",
        "Log records that the next hop took.",
        "{record}",
        |totals| &totals.sent,
    );
    counter(
        "otelcol_exporter_send_failed_log_records",
        "Log records that the next hop did not take, each time that it did not.",
        "{record}",
        |totals| &totals.send_failed,
    );
    counter(
        "logmend_held_back_log_records",
        "Repeats that were held back from the next hop.",
        "{record}",
        |totals| &totals.held_back,
    );
    counter(
        "logmend_summaries",
        "Summaries of what was held back that the next hop took.",
        "{record}",
        |totals| &totals.summaries,
    );
    counter(
        "logmend_splits",
        "Requests that were too large for the next hop and were parted.",
        "{request}",
        |totals| &totals.splits,
    );
}
