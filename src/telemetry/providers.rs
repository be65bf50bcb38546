//! The way out of logmend's own telemetry: log lines, metrics and spans over OTLP, through the OpenTelemetry SDK.
//!
//! The SDK's queues are bounded and its threads are its own: a peer that is slow or away costs telemetry, nothing else.
//! The SDK reads the sizes of its queues (`OTEL_BLRP_*`, `OTEL_BSP_*`), the limits of spans, `OTEL_TRACES_SAMPLER` and
//! `OTEL_EXPORTER_OTLP_COMPRESSION` (gzip, over gRPC) from the environment by itself; all else is given to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::SdkTracerProvider;
use secrecy::ExposeSecret;
use tokio::sync::oneshot;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::settings::{Peer, Protocol, Settings};
use super::watch::Watch;
use super::{Metrics, instance_id};

/// The name of logmend's own spans and metrics among those of other libraries.
const SCOPE: &str = "logmend";

/// Why the way out cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The exporter does not take the settings.
    #[error("no exporter of logmend's own telemetry can be built for {endpoint}")]
    Exporter {
        /// Where it would have sent to.
        endpoint: String,
        /// Why not.
        #[source]
        source: ExporterBuildError,
    },
    /// The endpoint is no gRPC peer.
    #[error("no channel for logmend's own telemetry can be made to {endpoint}")]
    Channel {
        /// Where it would have led to.
        endpoint: String,
        /// Why not.
        #[source]
        source: tonic::transport::Error,
    },
}

/// What takes logmend's own telemetry, signal by signal; by default none is taken.
#[derive(Debug, Default)]
pub struct Providers {
    logs: Option<SdkLoggerProvider>,
    metrics: Option<SdkMeterProvider>,
    traces: Option<SdkTracerProvider>,
}

impl Providers {
    /// Builds what `settings` ask for; nothing is sent yet. Called in a runtime, which the gRPC connections live on.
    ///
    /// # Errors
    ///
    /// [`TelemetryError`] where an exporter cannot be built. A peer that is away is no error.
    pub fn new(settings: &Settings) -> Result<Self, TelemetryError> {
        // The HTTP client wants one; where the service has installed it before, it stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (resource, watch) = (resource(settings), Watch::default());
        let mut providers = Self::default();
        if let Some(peer) = &settings.logs {
            let exporter = watch.over("logs", &peer.endpoint, log_exporter(peer)?);
            let builder = SdkLoggerProvider::builder().with_resource(resource.clone());
            providers.logs = Some(builder.with_batch_exporter(exporter).build());
        }
        if let Some(peer) = &settings.metrics {
            let exporter = watch.over("metrics", &peer.endpoint, metric_exporter(peer)?);
            let reader = PeriodicReader::builder(exporter).with_interval(settings.metrics_interval).build();
            let builder = SdkMeterProvider::builder().with_resource(resource.clone());
            providers.metrics = Some(builder.with_reader(reader).build());
        }
        if let Some(peer) = &settings.traces {
            let exporter = watch.over("traces", &peer.endpoint, span_exporter(peer)?);
            let builder = SdkTracerProvider::builder().with_resource(resource);
            providers.traces = Some(builder.with_batch_exporter(exporter).build());
        }
        Ok(providers)
    }

    /// Has `metrics` sent from now on.
    pub fn observe<S: Send + Sync + 'static>(&self, metrics: &Arc<Metrics<S>>) {
        if let Some(provider) = &self.metrics {
            metrics.observe(&provider.meter(SCOPE));
        }
    }

    /// What makes log records of log lines.
    pub(super) fn logs_layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        self.logs.as_ref().map(OpenTelemetryTracingBridge::new)
    }

    /// What makes spans of spans.
    pub(super) fn traces_layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = self.traces.as_ref()?.tracer(SCOPE);
        Some(tracing_opentelemetry::layer().with_tracer(tracer).with_threads(false).with_location(false))
    }

    /// Sends what is still here, for at most so long; what is not taken by then is lost.
    pub async fn shutdown(self, patience: Duration) {
        let Self { logs, metrics, traces } = self;
        let mut pending = Vec::new();
        if let Some(provider) = metrics {
            pending.push(aside(move || drop(provider.shutdown_with_timeout(patience))));
        }
        if let Some(provider) = traces {
            pending.push(aside(move || drop(provider.shutdown_with_timeout(patience))));
        }
        if let Some(provider) = logs {
            pending.push(aside(move || drop(provider.shutdown_with_timeout(patience))));
        }
        let all = async {
            for done in pending {
                // A thread that ended otherwise has nothing more to send.
                let _ = done.await;
            }
        };
        // What failed was told by the exporter's watch.
        let _ = tokio::time::timeout(patience, all).await;
    }
}

/// Runs what blocks on a thread of its own. The runtime would wait for one of its own threads, however long that took.
fn aside(work: impl FnOnce() + Send + 'static) -> oneshot::Receiver<()> {
    let (done, finished) = oneshot::channel();
    thread::spawn(move || {
        work();
        // Nobody waits any more where patience ran out.
        let _ = done.send(());
    });
    finished
}

/// Who logmend is. The instance's id stands last, so that nothing in the environment takes its place: records are known
/// as logmend's own by it.
fn resource(settings: &Settings) -> Resource {
    let given = settings.resource_attributes.iter();
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attributes(given.map(|(key, value)| KeyValue::new(key.clone(), value.clone())))
        .with_service_name(settings.service_name.clone())
        .with_attribute(KeyValue::new("service.instance.id", instance_id()))
        .build()
}

fn log_exporter(peer: &Peer) -> Result<LogExporter, TelemetryError> {
    let builder = LogExporter::builder();
    built(
        peer,
        match peer.protocol {
            Protocol::Grpc => grpc(builder.with_tonic(), peer)?.build(),
            Protocol::HttpProtobuf => http(builder.with_http(), peer).build(),
        },
    )
}

fn metric_exporter(peer: &Peer) -> Result<MetricExporter, TelemetryError> {
    let builder = MetricExporter::builder();
    built(
        peer,
        match peer.protocol {
            Protocol::Grpc => grpc(builder.with_tonic(), peer)?.build(),
            Protocol::HttpProtobuf => http(builder.with_http(), peer).build(),
        },
    )
}

fn span_exporter(peer: &Peer) -> Result<SpanExporter, TelemetryError> {
    let builder = SpanExporter::builder();
    built(
        peer,
        match peer.protocol {
            Protocol::Grpc => grpc(builder.with_tonic(), peer)?.build(),
            Protocol::HttpProtobuf => http(builder.with_http(), peer).build(),
        },
    )
}

fn built<E>(peer: &Peer, exporter: Result<E, ExporterBuildError>) -> Result<E, TelemetryError> {
    exporter.map_err(|source| TelemetryError::Exporter { endpoint: peer.endpoint.clone(), source })
}

fn grpc<B: WithExportConfig + WithTonicConfig>(builder: B, peer: &Peer) -> Result<B, TelemetryError> {
    let headers = peer.headers.iter().filter_map(|(name, value)| {
        Some((name.parse::<http::HeaderName>().ok()?, value.expose_secret().parse().ok()?))
    });
    let builder = builder.with_channel(channel(peer)?).with_timeout(peer.timeout);
    Ok(builder.with_metadata(MetadataMap::from_headers(headers.collect())))
}

/// The exporter's own channels know no TLS in this build, so the channel is made here, with the system's certificates.
fn channel(peer: &Peer) -> Result<Channel, TelemetryError> {
    let channel_error = |source| TelemetryError::Channel { endpoint: peer.endpoint.clone(), source };
    let endpoint = Endpoint::from_shared(peer.endpoint.clone()).map_err(channel_error)?;
    let endpoint = if peer.endpoint.starts_with("https://") {
        endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(channel_error)?
    } else {
        endpoint
    };
    Ok(endpoint.timeout(peer.timeout).connect_timeout(peer.timeout).connect_lazy())
}

fn http<B: WithExportConfig + WithHttpConfig>(builder: B, peer: &Peer) -> B {
    let headers = peer.headers.iter();
    let headers: HashMap<_, _> =
        headers.map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect();
    builder
        .with_endpoint(peer.endpoint.clone())
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .with_timeout(peer.timeout)
        .with_headers(headers)
}
