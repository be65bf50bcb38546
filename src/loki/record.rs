//! One entry as one OTLP request, as its exporter would have sent it.
//!
//! The same entry gives the same bytes whenever it is read: labels come in order, and nothing of the moment is in it. That is
//! what makes it count once, since a request is known by the digest of its bytes. An entry is a request of its own for the
//! same reason: where a page ends depends on when it is read, and a request of several entries would be another one then.

use bytes::Bytes;
use prost::Message as _;

use super::names;
use super::wire::Entry;
use crate::model::SeverityNumber;
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use crate::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::proto::resource::v1::Resource;

/// What Loki calls a service that did not say its name.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// Labels that name the service where `service_name` does not, as older versions of Loki leave it; the first that is there.
const SERVICE_LABELS: [&str; 3] = ["service", "app", "job"];

/// An entry on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    /// Which stream it is of: entries of one resource stay in order.
    pub(super) resource: Bytes,
    /// An OTLP `ExportLogsServiceRequest`.
    pub(super) bytes: Bytes,
}

/// Turns an entry into a request.
pub(super) fn request(entry: Entry) -> Request {
    let mut parts = Parts::default();
    for (label, value) in entry.stream.iter() {
        parts.take(label, value, true);
    }
    for (key, value) in &entry.metadata {
        parts.take(key, value, false);
    }
    parts.name_the_service(&entry);
    let Parts { resource, mut record, scope, .. } = parts;
    record.time_unix_nano = entry.time.0;
    record.body = Some(text(entry.line));
    let resource = Resource { attributes: resource, ..Resource::default() };
    let bytes = resource.encode_to_vec().into();
    let scope_logs = ScopeLogs { scope, log_records: vec![record], ..ScopeLogs::default() };
    let logs =
        ResourceLogs { resource: Some(resource), scope_logs: vec![scope_logs], ..ResourceLogs::default() };
    let request = ExportLogsServiceRequest { resource_logs: vec![logs] };
    Request { resource: bytes, bytes: request.encode_to_vec().into() }
}

#[derive(Default)]
struct Parts {
    resource: Vec<KeyValue>,
    record: LogRecord,
    scope: Option<InstrumentationScope>,
    has_service: bool,
}

impl Parts {
    fn take(&mut self, label: &str, value: &str, is_of_stream: bool) {
        let record = &mut self.record;
        match label {
            "severity_number" => {
                let number = value.parse().map_or(SeverityNumber::UNSPECIFIED, SeverityNumber::from_wire);
                record.severity_number = i32::from(number.get());
            }
            "severity_text" => value.clone_into(&mut record.severity_text),
            // Loki makes out `detected_level`, after the label or key `level` where there is one.
            "detected_level" | "level" => {
                let is_known = !SeverityNumber::from_text(value.as_bytes()).is_unspecified();
                if is_known && record.severity_text.is_empty() {
                    value.clone_into(&mut record.severity_text);
                }
            }
            "trace_id" => id(value, &mut record.trace_id, 16),
            "span_id" => id(value, &mut record.span_id, 8),
            "flags" => record.flags = value.parse().unwrap_or_default(),
            // Of no matter for what an error is, and times that differ between two deliveries of one record.
            "observed_timestamp" | "dropped_attributes_count" => {}
            "scope_name" => value.clone_into(&mut self.scope.get_or_insert_default().name),
            "scope_version" => value.clone_into(&mut self.scope.get_or_insert_default().version),
            "service_name" if value == UNKNOWN_SERVICE => {}
            _ => {
                let name = names::attribute(label);
                self.has_service |= name == "service.name";
                let is_of_resource =
                    !names::is_of_record(name) && (is_of_stream || names::is_of_resource(name));
                let attributes = if is_of_resource { &mut self.resource } else { &mut record.attributes };
                attributes.push(key_value(name, value));
            }
        }
    }

    fn name_the_service(&mut self, entry: &Entry) {
        let name = SERVICE_LABELS.iter().find_map(|label| entry.stream.get(*label));
        if let Some(name) = name.filter(|_| !self.has_service) {
            self.resource.push(key_value("service.name", name));
        }
    }
}

fn key_value(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(text(value.to_owned())), ..KeyValue::default() }
}

fn text(value: String) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(value)) }
}

/// Reads an id in hexadecimal digits; another length, or anything else, is no id.
fn id(digits: &str, id: &mut Vec<u8>, bytes: usize) {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let read: Option<Vec<u8>> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect();
    *id = read.filter(|read| read.len() == bytes).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::loki::wire::tests::labels;
    use crate::model::UnixNanos;

    fn entry(stream: &[(&str, &str)], metadata: &[(&str, &str)]) -> Entry {
        Entry {
            time: UnixNanos(1_790_000_000_000_000_007),
            line: "no cart".to_owned(),
            stream: Arc::new(labels(stream)),
            metadata: labels(metadata),
        }
    }

    /// What a request says, in a few lines.
    fn check(stream: &[(&str, &str)], metadata: &[(&str, &str)]) -> Vec<String> {
        let decoded = ExportLogsServiceRequest::decode(request(entry(stream, metadata)).bytes).unwrap();
        let logs = &decoded.resource_logs[0];
        let scope_logs = &logs.scope_logs[0];
        let record = &scope_logs.log_records[0];
        assert_eq!(record.time_unix_nano, 1_790_000_000_000_000_007);
        assert_eq!(record.body, Some(text("no cart".to_owned())));
        let told = |attributes: &[KeyValue], of: &str| -> Vec<String> {
            let value = |pair: &KeyValue| match &pair.value.as_ref().unwrap().value {
                Some(any_value::Value::StringValue(value)) => value.clone(),
                other => panic!("{other:?}"),
            };
            attributes.iter().map(|pair| format!("{of} {}={}", pair.key, value(pair))).collect()
        };
        let mut lines = told(&logs.resource.as_ref().unwrap().attributes, "resource");
        lines.extend(told(&record.attributes, "record"));
        lines.push(format!("severity {} {}", record.severity_number, record.severity_text));
        if !record.trace_id.is_empty() || !record.span_id.is_empty() {
            lines.push(format!("ids {} {}", record.trace_id.len(), record.span_id.len()));
        }
        if let Some(scope) = &scope_logs.scope {
            lines.push(format!("scope {} {}", scope.name, scope.version));
        }
        lines
    }

    #[test]
    fn what_came_over_otlp_gets_its_fields_back() {
        let told = check(
            &[("service_name", "shop"), ("deployment_environment", "prod")],
            &[
                ("detected_level", "error"),
                ("exception_type", "KeyError"),
                ("observed_timestamp", "1790000000000000009"),
                ("scope_name", "shop.cart"),
                ("service_version", "1.2"),
                ("severity_number", "17"),
                ("severity_text", "ERROR"),
                ("span_id", "00f067aa0ba902b7"),
                ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
                ("user_id", "7"),
            ],
        );
        assert_eq!(
            told,
            [
                "resource deployment.environment=prod",
                "resource service.name=shop",
                "resource service.version=1.2",
                "record exception.type=KeyError",
                "record user_id=7",
                "severity 17 ERROR",
                "ids 16 8",
                "scope shop.cart ",
            ]
        );
    }

    #[test]
    fn what_came_from_files_says_what_it_can() {
        for (stream, metadata, expected) in [
            (
                &[("app", "shop"), ("filename", "/var/log/shop.log"), ("job", "logs")][..],
                &[("detected_level", "warn")][..],
                &[
                    "resource app=shop",
                    "resource job=logs",
                    "resource service.name=shop",
                    "record log.file.path=/var/log/shop.log",
                    "severity 0 warn",
                ][..],
            ),
            (&[("service_name", "unknown_service")], &[("detected_level", "unknown")], &["severity 0 "]),
            (
                &[("level", "fatal"), ("service_name", "a")],
                &[],
                &["resource service.name=a", "severity 0 fatal"],
            ),
            (&[], &[("severity_number", "99"), ("trace_id", "xyz"), ("span_id", "0é")], &["severity 0 "]),
        ] {
            assert_eq!(check(stream, metadata), expected);
        }
    }

    #[test]
    fn the_same_entry_is_the_same_bytes_and_another_one_is_not() {
        let one = || entry(&[("service_name", "a"), ("pod", "1")], &[("user_id", "7")]);
        assert_eq!(request(one()), request(one()));
        let later = Entry { time: UnixNanos(one().time.0 + 1), ..one() };
        assert_ne!(request(one()).bytes, request(later.clone()).bytes);
        assert_eq!(request(one()).resource, request(later).resource, "both are of one stream");
    }
}
