//! What logmend counts, under the names that dashboards know: one list, read by Prometheus and by OpenTelemetry alike.
//!
//! The numbers live elsewhere, where things happen; this list names them and says how to read them. Labels come from
//! fixed sets and never from what a client sent, so that the number of series is known when the program is built.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The type of [`Metrics::text`]: Prometheus' text format, which every scraper reads, and people in a terminal.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Labels of one series.
type Labels = Vec<(&'static str, &'static str)>;

/// Reads the snapshot that all series of one reading share.
type Take<S> = Box<dyn Fn() -> S + Send + Sync>;

/// The list of metrics. `S` is what has to be read at one moment, because its numbers add up; other numbers are read
/// where their series stands.
pub struct Metrics<S> {
    take: Take<S>,
    families: Vec<Family<S>>,
}

/// Every series of one name.
pub struct Family<S> {
    name: &'static str,
    help: &'static str,
    unit: &'static str,
    kind: Kind,
    series: Vec<Series<S>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

struct Series<S> {
    labels: Labels,
    read: Box<dyn Fn(&S) -> u64 + Send + Sync>,
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

    fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        unit: &'static str,
        kind: Kind,
    ) -> &mut Family<S> {
        debug_assert!(self.families.iter().all(|family| family.name != name), "{name} is there already");
        let at = self.families.len();
        self.families.push(Family { name, help, unit, kind, series: Vec::new() });
        &mut self.families[at]
    }
}

impl<S> Family<S> {
    /// Adds the series that has these labels.
    pub fn with(
        &mut self,
        labels: impl Into<Labels>,
        read: impl Fn(&S) -> u64 + Send + Sync + 'static,
    ) -> &mut Self {
        self.series.push(Series { labels: labels.into(), read: Box::new(read) });
        self
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>, snapshot: &S) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        let mut family = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        for series in &self.series {
            let value = (series.read)(snapshot);
            let one = family.encode_family(&series.labels)?;
            match self.kind {
                Kind::Counter => ConstCounter::new(value).encode(one)?,
                Kind::Gauge => ConstGauge::new(value).encode(one)?,
            }
        }
        Ok(())
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
            let observe = move |observer: &dyn AsyncInstrument<u64>| shared.observe(at, observer);
            match family.kind {
                Kind::Counter => {
                    let counter = meter.u64_observable_counter(family.name);
                    let counter = counter.with_description(family.help).with_unit(family.unit);
                    counter.with_callback(observe).build();
                }
                Kind::Gauge => {
                    let gauge = meter.u64_observable_gauge(family.name);
                    let gauge = gauge.with_description(family.help).with_unit(family.unit);
                    gauge.with_callback(observe).build();
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
        for series in &self.metrics.families[at].series {
            let labels: Vec<_> =
                series.labels.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect();
            observer.observe((series.read)(&snapshot), &labels);
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

    use super::*;

    fn metrics() -> (Arc<Metrics<u64>>, Arc<AtomicU64>) {
        let readings = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&readings);
        let mut metrics = Metrics::new(move || counted.fetch_add(1, Ordering::Relaxed) + 1);
        metrics
            .counter("records", "Records.", "{record}")
            .with([("outcome", "classified")], |reading| *reading)
            .with([("outcome", "ignored"), ("transport", "grpc")], |_| u64::from(u32::MAX) + 1);
        metrics.gauge("memory_bytes", "Memory.", "By").with([], |reading| *reading);
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
";
        assert_eq!(metrics.text(), expected);
        assert_eq!(readings.load(Ordering::Relaxed), 1, "all series are of one reading");
    }
}
