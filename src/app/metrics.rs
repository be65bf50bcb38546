//! What `/metrics` shows and OpenTelemetry is told: each number under its name, read where it lives.
//!
//! Names that begin with `otelcol_` are the OpenTelemetry Collector's own, so that its dashboards and alerts fit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::alerts::Alerts;
use crate::forward::{self, NextHop};
use crate::ingest::{Reason, Receiver, Refusals};
use crate::model::Transport;
use crate::pipeline::{Counts, Pipeline};
use crate::store::{Commits, Store};
use crate::telemetry::{self, Metrics};

/// What is counted. The numbers of [`Counts`] are read at one moment, since they add up.
pub(super) fn metrics(
    pipeline: &Pipeline,
    receiver: &Receiver,
    store: &Store,
    next_hop: Option<&NextHop>,
    alerts: &Alerts,
) -> Metrics<Counts> {
    let totals = pipeline.clone();
    let mut metrics = Metrics::new(move || totals.totals().now());
    receivers(&mut metrics);
    requests(&mut metrics, receiver.refusals());
    records(&mut metrics, receiver);
    commits(&mut metrics, &store.commits());
    if let Some(hop) = next_hop {
        exporter(&mut metrics, hop);
    }
    super::alerting::count(&mut metrics, alerts);
    let clusters = pipeline.clone();
    metrics
        .gauge("logmend_live_clusters", "Clusters that are in the dedupe cache, roughly.", "{cluster}")
        .with([], move |_| clusters.live_clusters());
    let in_hand = receiver.clone();
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

fn commits(metrics: &mut Metrics<Counts>, commits: &Arc<Commits>) {
    let (transactions, requests) = (Arc::clone(commits), Arc::clone(commits));
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
