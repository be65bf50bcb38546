//! Every series of one name, and how each is read.

use std::fmt;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::model::Durations;

/// Labels of one series.
type Labels = Vec<(&'static str, &'static str)>;

/// Every series of one name.
pub struct Family<S> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    series: Vec<Series<S>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

struct Series<S> {
    labels: Labels,
    read: Read<S>,
}

enum Read<S> {
    Whole(Box<dyn Fn(&S) -> u64 + Send + Sync>),
    Real(Box<dyn Fn(&S) -> f64 + Send + Sync>),
    Durations(Arc<Durations>),
}

impl<S> Family<S> {
    pub(super) fn new(name: &'static str, help: &'static str, unit: &'static str, kind: Kind) -> Self {
        Self { name, help, unit, kind, series: Vec::new() }
    }

    /// Adds the series that has these labels.
    pub fn with(
        &mut self,
        labels: impl Into<Labels>,
        read: impl Fn(&S) -> u64 + Send + Sync + 'static,
    ) -> &mut Self {
        self.add(labels, Read::Whole(Box::new(read)))
    }

    /// The same of a number that is not whole. A family has one sort of numbers.
    pub fn with_real(
        &mut self,
        labels: impl Into<Labels>,
        read: impl Fn(&S) -> f64 + Send + Sync + 'static,
    ) -> &mut Self {
        self.add(labels, Read::Real(Box::new(read)))
    }

    /// Adds the histogram that has these labels.
    pub fn with_durations(&mut self, labels: impl Into<Labels>, durations: Arc<Durations>) -> &mut Self {
        self.add(labels, Read::Durations(durations))
    }

    fn add(&mut self, labels: impl Into<Labels>, read: Read<S>) -> &mut Self {
        debug_assert_eq!(
            self.kind == Kind::Histogram,
            matches!(read, Read::Durations(_)),
            "{}: durations are histograms",
            self.name
        );
        self.series.push(Series { labels: labels.into(), read });
        self
    }

    /// Whether its numbers are not whole.
    pub(super) fn is_real(&self) -> bool {
        self.series.iter().any(|series| matches!(series.read, Read::Real(_)))
    }

    /// Its whole numbers with their labels, as OpenTelemetry takes them.
    pub(super) fn wholes<'f>(&'f self, snapshot: &'f S) -> impl Iterator<Item = (Vec<KeyValue>, u64)> + 'f {
        self.series.iter().filter_map(move |series| match &series.read {
            Read::Whole(read) => Some((series.attributes(), read(snapshot))),
            _ => None,
        })
    }

    /// The same of numbers that are not whole.
    pub(super) fn reals<'f>(&'f self, snapshot: &'f S) -> impl Iterator<Item = (Vec<KeyValue>, f64)> + 'f {
        self.series.iter().filter_map(move |series| match &series.read {
            Read::Real(read) => Some((series.attributes(), read(snapshot))),
            _ => None,
        })
    }

    /// Has OpenTelemetry told of each duration: it takes no histogram that somebody else has counted.
    pub(super) fn tell(&self, meter: &Meter) {
        for series in &self.series {
            let Read::Durations(durations) = &series.read else { continue };
            let histogram = meter.f64_histogram(self.name).with_unit(self.unit).with_description(self.help);
            let histogram = histogram.with_boundaries(durations.bounds().to_vec()).build();
            let attributes = series.attributes();
            durations.listen(move |took| histogram.record(took.as_secs_f64(), &attributes));
        }
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>, snapshot: &S) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let mut family = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        for series in &self.series {
            let one = family.encode_family(&series.labels)?;
            match (&series.read, self.kind) {
                (Read::Whole(read), Kind::Counter) => ConstCounter::new(read(snapshot)).encode(one)?,
                (Read::Whole(read), _) => ConstGauge::new(read(snapshot)).encode(one)?,
                (Read::Real(read), Kind::Counter) => ConstCounter::new(read(snapshot)).encode(one)?,
                (Read::Real(read), _) => ConstGauge::new(read(snapshot)).encode(one)?,
                (Read::Durations(durations), _) => histogram(durations, one)?,
            }
        }
        Ok(())
    }
}

impl<S> Series<S> {
    fn attributes(&self) -> Vec<KeyValue> {
        self.labels.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect()
    }
}

fn histogram(durations: &Durations, mut encoder: MetricEncoder<'_>) -> fmt::Result {
    let buckets = durations.buckets();
    // Of what is read, so that the last bucket and the count are one number whatever is noted meanwhile.
    let count = buckets.iter().map(|(_, count)| count).sum();
    encoder.encode_histogram::<NoLabelSet>(durations.sum().as_secs_f64(), count, &buckets, None)
}
