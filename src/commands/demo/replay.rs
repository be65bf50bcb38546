//! The bundled log, and its way into logmend: one SDK logger provider for each service, over a real OTLP/gRPC exporter.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use opentelemetry::Key;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry_otlp::{LogExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchConfigBuilder, BatchLogProcessor, SdkLoggerProvider};
use serde::Deserialize;
use tonic::metadata::MetadataMap;

use crate::model::{Token, UnixNanos};

/// A few hundred lines of four services, some five minutes long: one JSON object a line, in the order of time.
const WEBSHOP: &str = include_str!("webshop.jsonl");

/// One line of the bundled log.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    /// Milliseconds since the log's first line.
    after_ms: u64,
    service: String,
    /// The logger's name.
    scope: String,
    severity: String,
    body: String,
    exception: Option<Exception>,
    #[serde(default)]
    attributes: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "type")]
    type_name: String,
    message: String,
    stacktrace: String,
}

/// Reads the bundled log.
///
/// # Errors
///
/// Where a line of it is broken, which a test rules out.
pub(super) fn bundled() -> anyhow::Result<Vec<Line>> {
    WEBSHOP
        .lines()
        .enumerate()
        .map(|(i, line)| {
            serde_json::from_str(line).with_context(|| format!("line {} of the bundled log", i + 1))
        })
        .collect()
}

/// Sends the lines to `grpc`, as if the log ended at `now`; answers when all of them are acknowledged.
///
/// # Errors
///
/// Where the exporter cannot be built or an export failed.
pub(super) async fn send(
    lines: Vec<Line>,
    grpc: SocketAddr,
    token: &Token,
    now: UnixNanos,
) -> anyhow::Result<()> {
    let length = lines.last().map_or(0, |line| line.after_ms);
    let begin = UNIX_EPOCH + Duration::from_nanos(now.0) - Duration::from_millis(length);
    let mut providers = BTreeMap::new();
    for line in &lines {
        if !providers.contains_key(&line.service) {
            providers.insert(line.service.clone(), provider(&line.service, grpc, token)?);
        }
        if let Some(provider) = providers.get(&line.service) {
            emit(provider, line, begin);
        }
    }
    // The exporter blocks the thread that waits for it.
    tokio::task::spawn_blocking(move || providers.values().try_for_each(SdkLoggerProvider::shutdown))
        .await?
        .context("not every line was acknowledged")
}

fn provider(service: &str, grpc: SocketAddr, token: &Token) -> anyhow::Result<SdkLoggerProvider> {
    let mut metadata = MetadataMap::new();
    if let Some(value) = token.authorization() {
        metadata.insert("authorization", value.parse().context("the ingest token cannot stand in a header")?);
    }
    let exporter = LogExporter::builder()
        .with_tonic()
        .with_endpoint(format!("http://{grpc}"))
        .with_metadata(metadata)
        .build()
        .context("the OTLP exporter cannot be built")?;
    // Room for the whole log: the SDK drops what does not fit its queue.
    let batches = BatchConfigBuilder::default().with_max_queue_size(4_096).build();
    Ok(SdkLoggerProvider::builder()
        .with_resource(Resource::builder().with_service_name(service.to_owned()).build())
        .with_log_processor(BatchLogProcessor::builder(exporter).with_batch_config(batches).build())
        .build())
}

fn emit(provider: &SdkLoggerProvider, line: &Line, begin: SystemTime) {
    let logger = provider.logger(line.scope.clone());
    let mut record = logger.create_log_record();
    let at = begin + Duration::from_millis(line.after_ms);
    record.set_timestamp(at);
    record.set_observed_timestamp(at);
    record.set_severity_number(severity(&line.severity));
    record.set_body(AnyValue::from(line.body.clone()));
    for (key, value) in &line.attributes {
        record.add_attribute(Key::from(key.clone()), attribute(value));
    }
    if let Some(exception) = &line.exception {
        record.add_attribute("exception.type", exception.type_name.clone());
        record.add_attribute("exception.message", exception.message.clone());
        record.add_attribute("exception.stacktrace", exception.stacktrace.clone());
    }
    logger.emit(record);
}

fn severity(name: &str) -> Severity {
    match name {
        "DEBUG" => Severity::Debug,
        "WARN" => Severity::Warn,
        "ERROR" => Severity::Error,
        "FATAL" => Severity::Fatal,
        _ => Severity::Info,
    }
}

fn attribute(value: &serde_json::Value) -> AnyValue {
    match value {
        serde_json::Value::String(text) => AnyValue::from(text.clone()),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| AnyValue::from(number.as_f64().unwrap_or(0.0)), AnyValue::from)
        }
        serde_json::Value::Bool(flag) => AnyValue::from(*flag),
        other => AnyValue::from(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_log_is_whole_and_in_order() {
        let lines = bundled().unwrap();
        assert!((200..1_000).contains(&lines.len()), "{}", lines.len());
        assert!(lines.is_sorted_by_key(|line| line.after_ms));
        assert!(lines.iter().filter(|line| line.exception.is_some()).count() >= 30);
    }
}
