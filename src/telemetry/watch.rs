//! Watches the exporters: they fail in silence otherwise, and nothing that fails may be told without end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::logs::Severity;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// A failure is told at most this often, whichever signals fail.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// When a failure was told last; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Option<Instant>>>);

impl Watch {
    /// Watches an exporter of `signal`. What follows a `?` in the endpoint may be a key, and is not told.
    pub(super) fn over<E>(&self, signal: &'static str, endpoint: &str, inner: E) -> Watched<E> {
        let endpoint = endpoint.split('?').next().unwrap_or_default().to_owned();
        Watched { inner, signal, endpoint, watch: self.clone() }
    }

    /// Whether a failure at `now` is one to tell.
    fn is_due(&self, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|told| now.duration_since(told) >= TOLD_EVERY);
        if due {
            *told = Some(now);
        }
        due
    }
}

/// An exporter whose failures are told.
#[derive(Debug)]
pub(super) struct Watched<E> {
    inner: E,
    signal: &'static str,
    endpoint: String,
    watch: Watch,
}

impl<E> Watched<E> {
    fn note(&self, result: OTelSdkResult) -> OTelSdkResult {
        if let Err(error) = &result
            && self.watch.is_due(Instant::now())
        {
            tracing::warn!(
                signal = self.signal,
                endpoint = self.endpoint,
                %error,
                "logmend's own telemetry was not taken and is lost; the service goes on"
            );
        }
        result
    }
}

impl<E: LogExporter> LogExporter for Watched<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.note(self.inner.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.inner.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.note(self.inner.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Watched<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.note(self.inner.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_all_signals_are_told_once_a_minute() {
        let (watch, begun) = (Watch::default(), Instant::now());
        let after = |secs| begun + Duration::from_secs(secs);
        let due: Vec<_> = [0, 1, 59, 60, 61, 119, 121].map(|secs| watch.clone().is_due(after(secs))).into();
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }
}
