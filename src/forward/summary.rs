//! Summaries of what was held back, as a request of its own.

use bytes::Bytes;
use prost::Message as _;

use super::onward::annotation;
use crate::model::{UnixNanos, WindowSummary};
use crate::otlp::{Fate, Malformed, Spliced, splice};
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value::Value};
use crate::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::proto::resource::v1::Resource;

/// One record for each cluster of a window, in a resource of its service.
///
/// `log_count`, `first_observed_timestamp` and `last_observed_timestamp` are named as the Collector's `logdedup` processor
/// names them; `log.record.uid` tells a summary that is sent twice.
///
/// # Errors
///
/// None in practice: what is encoded here can be walked.
pub fn summary(summaries: &[WindowSummary], now: UnixNanos) -> Result<Spliced, Malformed> {
    let resource_logs = summaries.iter().map(|summary| resource_logs(summary, now)).collect();
    let request = Bytes::from(ExportLogsServiceRequest { resource_logs }.encode_to_vec());
    let mut marks =
        summaries.iter().map(|summary| annotation(&summary.cluster.verdict, summary.cluster.fingerprint));
    splice(&request, |_| marks.next().map_or(Fate::Keep, Fate::Annotate))
}

fn resource_logs(summary: &WindowSummary, now: UnixNanos) -> ResourceLogs {
    let detail = &summary.cluster.detail;
    let attributes = [
        ("service.name", &detail.service),
        ("service.version", &detail.service_version),
        ("deployment.environment.name", &detail.environment),
        ("vcs.repository.url.full", &detail.vcs_repository_url),
        ("vcs.ref.head.revision", &detail.vcs_revision),
    ];
    let attributes = attributes.iter().filter(|(_, text)| !text.is_empty());
    let attributes = attributes.map(|(key, text)| attribute(key, string(text.as_str()))).collect();
    let scope = InstrumentationScope {
        name: "logmend".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    ResourceLogs {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_logs: vec![ScopeLogs {
            scope: Some(scope),
            log_records: vec![record(summary, now)],
            ..ScopeLogs::default()
        }],
        ..ResourceLogs::default()
    }
}

fn record(summary: &WindowSummary, now: UnixNanos) -> LogRecord {
    let cluster = &summary.cluster;
    let trace_id =
        |id: &[u8; 16]| AnyValue { value: Some(string(format!("{:032x}", u128::from_be_bytes(*id)))) };
    let trace_ids = summary.held.trace_ids.iter().map(trace_id).collect();
    let uid = format!("{}-{}", cluster.fingerprint, summary.window_start.0);
    let mut attributes = vec![
        attribute("log.record.uid", string(uid)),
        attribute("log_count", int(cluster.count)),
        attribute("first_observed_timestamp", string(cluster.first_seen.to_string())),
        attribute("last_observed_timestamp", string(cluster.last_seen.to_string())),
        attribute("logmend.held_back", int(summary.held.count)),
        attribute("logmend.window.start", string(summary.window_start.to_string())),
        attribute("logmend.window.end", string(summary.window_end.to_string())),
        attribute("logmend.trace_ids", Value::ArrayValue(ArrayValue { values: trace_ids })),
    ];
    if !cluster.detail.error_type.is_empty() {
        attributes.push(attribute("exception.type", string(cluster.detail.error_type.as_str())));
    }
    LogRecord {
        time_unix_nano: cluster.first_seen.0,
        observed_time_unix_nano: now.0,
        severity_number: i32::from(summary.severity_number.get()),
        body: Some(AnyValue { value: Some(string(cluster.detail.message.as_str())) }),
        attributes,
        ..LogRecord::default()
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

fn string(text: impl Into<String>) -> Value {
    Value::StringValue(text.into())
}

fn int(number: u64) -> Value {
    Value::IntValue(i64::try_from(number).unwrap_or(i64::MAX))
}
