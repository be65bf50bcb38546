//! What logmend counts, under the names that dashboards know: one list, read by Prometheus and by OpenTelemetry alike.
//!
//! The numbers live elsewhere, where things happen; this list names them and says how to read them. Labels come from
//! fixed sets and never from what a client sent, so that the number of series is known when the program is built.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::metrics::{AsyncInstrument, Meter};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text};
use prometheus_client::registry::Registry;

use super::family::{Family, Kind};

/// The type of [`Metrics::text`]: Prometheus' text format, which every scraper reads, and people in a terminal.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Reads the snapshot that all series of one reading share.
type Take<S> = Box<dyn Fn() -> S + Send + Sync>;

/// The list of metrics. `S` is what has to be read at one moment, because its numbers add up; other numbers are read
/// where their series stands.
pub struct Metrics<S> {
    take: Take<S>,
    families: Vec<Family<S>>,
}

impl<S> Metrics<S> {
    /// An empty list whose readings share what `take` gives.
    pub fn new(take: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Self { take: Box::new(take), families: Vec::new() }
    }

    /// Adds a number that only grows. Its name goes without `_total`, which Prometheus' format adds; `unit` is UCUM, such
    /// as `{record}` or `By`. Series are added to what is given back.
    pub fn counter(&mut self, name: &'static str, help: &'static str, unit: &'static str) -> &mut Family<S> {
        debug_assert!(!name.ends_with("_total"), "{name}: the suffix is added by the format");
        self.add(name, help, unit, Kind::Counter)
    }

    /// Adds a number that goes up and down.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, unit: &'static str) -> &mut Family<S> {
        self.add(name, help, unit, Kind::Gauge)
    }

    /// Adds durations, whose name ends with `_seconds`.
    pub fn histogram(&mut self, name: &'static str, help: &'static str) -> &mut Family<S> {
        debug_assert!(name.ends_with("_seconds"), "{name}: durations are in seconds");
        self.add(name, help, "s", Kind::Histogram)
    }

    fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        unit: &'static str,
        kind: Kind,
    ) -> &mut Family<S> {
        debug_assert!(self.families.iter().all(|family| family.name != name), "{name} is there already");
        let at = self.families.len();
        self.families.push(Family::new(name, help, unit, kind));
        &mut self.families[at]
    }
}

impl<S: Send + Sync + 'static> Metrics<S> {
    /// All of it in Prometheus' text format, version 0.0.4: [`CONTENT_TYPE`].
    #[must_use]
    pub fn text(self: &Arc<Self>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(self)));
        let mut text = String::new();
        // Writing to a `String` fails nowhere.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }

    /// Has `meter` observe all of it, for as long as it lives.
    pub fn observe(self: &Arc<Self>, meter: &Meter) {
        let shared = Arc::new(Shared { metrics: Arc::clone(self), snapshot: Mutex::default() });
        for (at, family) in self.families.iter().enumerate() {
            let shared = Arc::clone(&shared);
            match (family.kind, family.is_real()) {
                (Kind::Histogram, _) => family.tell(meter),
                (Kind::Counter, false) => {
                    let counter = meter.u64_observable_counter(family.name).with_unit(family.unit);
                    let counter = counter.with_description(family.help);
                    counter.with_callback(move |observer| shared.observe(at, observer)).build();
                }
                (Kind::Counter, true) => {
                    let counter = meter.f64_observable_counter(family.name).with_unit(family.unit);
                    let counter = counter.with_description(family.help);
                    counter.with_callback(move |observer| shared.observe_reals(at, observer)).build();
                }
                (Kind::Gauge, false) => {
                    let gauge = meter.u64_observable_gauge(family.name).with_unit(family.unit);
                    let gauge = gauge.with_description(family.help);
                    gauge.with_callback(move |observer| shared.observe(at, observer)).build();
                }
                (Kind::Gauge, true) => {
                    let gauge = meter.f64_observable_gauge(family.name).with_unit(family.unit);
                    let gauge = gauge.with_description(family.help);
                    gauge.with_callback(move |observer| shared.observe_reals(at, observer)).build();
                }
            }
        }
    }
}

/// One reading for all instruments: OpenTelemetry asks one after another, in the order in which they were added.
struct Shared<S> {
    metrics: Arc<Metrics<S>>,
    snapshot: Mutex<Option<Arc<S>>>,
}

impl<S> Shared<S> {
    fn observe(&self, at: usize, observer: &dyn AsyncInstrument<u64>) {
        let snapshot = self.snapshot(at == 0);
        for (labels, value) in self.metrics.families[at].wholes(&snapshot) {
            observer.observe(value, &labels);
        }
    }

    fn observe_reals(&self, at: usize, observer: &dyn AsyncInstrument<f64>) {
        let snapshot = self.snapshot(at == 0);
        for (labels, value) in self.metrics.families[at].reals(&snapshot) {
            observer.observe(value, &labels);
        }
    }

    /// The first instrument of a reading takes it, the others share it.
    fn snapshot(&self, first: bool) -> Arc<S> {
        let mut shared = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*shared {
            Some(snapshot) if !first => Arc::clone(snapshot),
            _ => Arc::clone(shared.insert(Arc::new((self.metrics.take)()))),
        }
    }
}

impl<S: Send + Sync + 'static> Collector for Metrics<S> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = (self.take)();
        self.families.iter().try_for_each(|family| family.encode(&mut encoder, &snapshot))
    }
}

impl<S> fmt::Debug for Metrics<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.families.iter().map(|family| family.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::model::Durations;

    fn metrics() -> (Arc<Metrics<u64>>, Arc<AtomicU64>) {
        let readings = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&readings);
        let mut metrics = Metrics::new(move || counted.fetch_add(1, Ordering::Relaxed) + 1);
        metrics
            .counter("records", "Records.", "{record}")
            .with([("outcome", "classified")], |reading| *reading)
            .with([("outcome", "ignored"), ("transport", "grpc")], |_| u64::from(u32::MAX) + 1);
        metrics.gauge("memory_bytes", "Memory.", "By").with([], |reading| *reading);
        metrics.counter("usd", "Dollars.", "{USD}").with_real([("kind", "fix")], |_| 0.25);
        let took = Arc::new(Durations::quick());
        took.note(Duration::from_millis(3));
        took.note(Duration::from_mins(1));
        metrics.histogram("commit_seconds", "Commits.").with_durations([], took);
        (Arc::new(metrics), readings)
    }

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let (metrics, readings) = metrics();
        let expected = "\
# HELP records_total Records.
# TYPE records_total counter
records_total{outcome=\"classified\"} 1
records_total{outcome=\"ignored\",transport=\"grpc\"} 4294967296
# HELP memory_bytes Memory.
# TYPE memory_bytes gauge
memory_bytes 1
# HELP usd_total Dollars.
# TYPE usd_total counter
usd_total{kind=\"fix\"} 0.25
# HELP commit_seconds Commits.
# TYPE commit_seconds histogram
commit_seconds_sum 60.003
commit_seconds_count 2
";
        let text = metrics.text();
        let (buckets, rest): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.contains("_bucket{"));
        assert_eq!(rest, expected.lines().collect::<Vec<_>>());
        assert_eq!(buckets.len(), 15);
        for cumulated in ["le=\"0.0025\"} 0", "le=\"0.005\"} 1", "le=\"10\"} 1", "le=\"+Inf\"} 2"] {
            assert!(buckets.iter().any(|line| line.ends_with(cumulated)), "{cumulated}: {buckets:?}");
        }
        assert_eq!(readings.load(Ordering::Relaxed), 1, "all series are of one reading");
    }
}
