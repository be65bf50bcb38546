//! Log records from the lines of a file.

use serde_json::{Map, Value};

use super::super::lines::level;
use crate::model::SeverityNumber;
use crate::proto::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value};
use crate::proto::logs::v1::LogRecord;

/// Names of the fields that loggers put a record's parts under, the most telling first.
const SEVERITY: &[&str] =
    &["severity", "level", "severity_text", "levelname", "log.level", "loglevel", "lvl", "@l"];
const BODY: &[&str] = &["message", "msg", "body", "@m", "@mt", "log"];
const TIME: &[&str] = &["timestamp", "time", "ts", "@timestamp", "@t", "datetime"];
const EXCEPTION: &[&str] = &["exception", "err", "error", "@x"];
const STACK: &[&str] = &["stack", "stacktrace", "stack_trace", "traceback", "exc_info", "error.stack_trace"];
const TRACE_ID: &[&str] = &["trace_id", "traceId", "trace.id"];
const SPAN_ID: &[&str] = &["span_id", "spanId", "span.id"];

/// The record of a text line and what belongs to it.
pub(super) fn of_text(text: String) -> LogRecord {
    let (severity, word) = level(&text);
    LogRecord {
        severity_number: i32::from(severity.get()),
        severity_text: word.to_owned(),
        body: Some(string(text)),
        ..LogRecord::default()
    }
}

/// The record of a JSON line.
///
/// # Errors
///
/// Why the line is no JSON object.
pub(super) fn of_json(line: &[u8]) -> Result<LogRecord, String> {
    let mut fields: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| format!("no JSON object: {error}"))?;
    let mut record = LogRecord::default();
    set_severity(&mut record, &mut fields);
    if let Some(at) = take(&mut fields, TIME, |value| nanos(value).is_some()) {
        record.time_unix_nano = nanos(&at).unwrap_or_default();
    }
    record.trace_id = take_id(&mut fields, TRACE_ID, 16);
    record.span_id = take_id(&mut fields, SPAN_ID, 8);
    record.body = take(&mut fields, BODY, |_| true).map(any_value);
    record.attributes = exception(&mut fields);
    record.attributes.extend(fields.into_iter().map(|(key, value)| attribute(&key, any_value(value))));
    Ok(record)
}

/// Takes the first of these fields that is there and of use.
fn take(
    fields: &mut Map<String, Value>,
    names: &[&str],
    is_of_use: impl Fn(&Value) -> bool,
) -> Option<Value> {
    let name = names
        .iter()
        .find(|name| fields.get(**name).is_some_and(|value| !value.is_null() && is_of_use(value)))?;
    fields.remove(*name)
}

fn set_severity(record: &mut LogRecord, fields: &mut Map<String, Value>) {
    let Some(level) = take(fields, SEVERITY, |value| value.is_string() || value.is_u64()) else { return };
    let (number, text) = match level {
        Value::String(text) => (SeverityNumber::from_text(text.trim().as_bytes()), text),
        level => (severity_of(level.as_u64().unwrap_or_default()), level.to_string()),
    };
    record.severity_number = i32::from(number.get());
    record.severity_text = text;
}

/// A level as a number: tens as bunyan and pino count them, 0 to 7 as syslog does.
fn severity_of(level: u64) -> SeverityNumber {
    SeverityNumber::from_wire(match level {
        0..=2 | 60.. => 21,
        3 | 50..=59 => 17,
        4 | 40..=49 => 13,
        5 | 6 | 30..=39 => 9,
        7 | 20..=29 => 5,
        _ => 1,
    })
}

/// A time as text (RFC 3339), or as a number of seconds, milliseconds, microseconds or nanoseconds since 1970.
fn nanos(value: &Value) -> Option<u64> {
    if let Some(text) = value.as_str() {
        let at = text.trim().replacen(' ', "T", 1).replacen(',', ".", 1).parse::<jiff::Timestamp>().ok()?;
        return u64::try_from(at.as_nanosecond()).ok();
    }
    let number = value.as_f64().filter(|number| *number > 0.0)?;
    let unit = match number {
        ..1e11 => 1_000_000_000,
        ..1e14 => 1_000_000,
        ..1e17 => 1_000,
        _ => 1,
    };
    match value.as_u64() {
        Some(whole) => whole.checked_mul(unit),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a cast saturates; a fraction of a second has no more digits"
        )]
        None => Some((number * unit as f64) as u64),
    }
}

/// An id in hex; one of another length stays an attribute.
fn take_id(fields: &mut Map<String, Value>, names: &[&str], bytes: usize) -> Vec<u8> {
    let read = |value: &Value| value.as_str().and_then(|hex| id(hex, bytes));
    take(fields, names, |value| read(value).is_some()).as_ref().and_then(read).unwrap_or_default()
}

fn id(hex: &str, bytes: usize) -> Option<Vec<u8>> {
    if hex.len() != bytes * 2 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..bytes).map(|i| u8::from_str_radix(&hex[i * 2..i * 2 + 2], 16).ok()).collect()
}

/// The exception as the semantic conventions name its parts.
fn exception(fields: &mut Map<String, Value>) -> Vec<KeyValue> {
    let mut parts = Vec::new();
    match take(fields, EXCEPTION, |value| value.is_string() || value.is_object()) {
        Some(Value::Object(mut object)) => {
            for (key, names) in [
                ("exception.type", ["type", "name", "class", "kind"]),
                ("exception.message", ["message", "msg", "detail", "description"]),
                ("exception.stacktrace", ["stack", "stacktrace", "stack_trace", "traceback"]),
            ] {
                if let Some(Value::String(text)) = take(&mut object, &names, Value::is_string) {
                    parts.push(attribute(key, string(text)));
                }
            }
            // What else it holds is kept under its name: `err.code`.
            parts.extend(
                object
                    .into_iter()
                    .map(|(key, value)| attribute(&format!("exception.{key}"), any_value(value))),
            );
        }
        Some(Value::String(text)) if text.contains('\n') => {
            parts.push(attribute("exception.stacktrace", string(text)));
        }
        Some(Value::String(text)) => parts.push(attribute("exception.message", string(text))),
        _ => {}
    }
    let has_stack = parts.iter().any(|part| part.key == "exception.stacktrace");
    if !has_stack && let Some(Value::String(text)) = take(fields, STACK, Value::is_string) {
        parts.push(attribute("exception.stacktrace", string(text)));
    }
    parts
}

/// An attribute.
pub(super) fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// A text as a value.
pub(super) fn string(text: String) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text)) }
}

fn any_value(value: Value) -> AnyValue {
    use any_value::Value as Any;
    let value = match value {
        Value::Null => None,
        Value::Bool(flag) => Some(Any::BoolValue(flag)),
        Value::Number(number) => Some(match number.as_i64() {
            Some(whole) => Any::IntValue(whole),
            None => Any::DoubleValue(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Value::String(text) => Some(Any::StringValue(text)),
        Value::Array(values) => {
            Some(Any::ArrayValue(ArrayValue { values: values.into_iter().map(any_value).collect() }))
        }
        Value::Object(fields) => {
            let values = fields.into_iter().map(|(key, value)| attribute(&key, any_value(value))).collect();
            Some(Any::KvlistValue(KeyValueList { values }))
        }
    };
    AnyValue { value }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// A record as text: severity, time in ms, body, attributes.
    fn shown(line: &str) -> String {
        let record = of_json(line.as_bytes()).unwrap();
        let value = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(any_value::Value::StringValue(text)) => text.clone(),
            other => format!("{other:?}"),
        };
        let mut shown = format!("{} {}", record.severity_number, record.time_unix_nano / 1_000_000);
        if record.body.is_some() {
            write!(shown, " {}", value(&record.body)).unwrap();
        }
        for attribute in &record.attributes {
            write!(shown, " {}={}", attribute.key, value(&attribute.value)).unwrap();
        }
        shown
    }

    #[test]
    fn known_fields_become_parts_of_the_record() {
        for (line, expected) in [
            (r#"{"level":"error","msg":"lost","time":"2025-11-16T10:30:00Z"}"#, "17 1763289000000 lost"),
            (r#"{"severity":"WARNING","message":"slow","timestamp":1763289000.5}"#, "13 1763289000500 slow"),
            (r#"{"level":50,"time":1763289000123,"msg":"lost"}"#, "17 1763289000123 lost"),
            (r#"{"level":3,"ts":1763289000123000000,"msg":"lost"}"#, "17 1763289000123 lost"),
            (r#"{"levelname":"CRITICAL","message":"down","asctime":"x"}"#, "21 0 down asctime=x"),
            (r#"{"@t":"2025-11-16T10:30:00.5Z","@m":"lost","@l":"Fatal"}"#, "21 1763289000500 lost"),
            (r#"{"time":"2025-11-16 10:30:00,5Z","msg":"x"}"#, "0 1763289000500 x"),
            (r#"{"time":"noon","msg":"x"}"#, "0 0 x time=noon"),
            (r#"{"level":null,"msg":null,"user":"a"}"#, "0 0 level=None msg=None user=a"),
            ("{}", "0 0"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }

    #[test]
    fn exceptions_become_the_attributes_that_the_conventions_name() {
        for (line, expected) in [
            (
                r#"{"msg":"m","err":{"type":"TypeError","message":"x","stack":"TypeError: x\n  at f","code":"E1"}}"#,
                "0 0 m exception.type=TypeError exception.message=x exception.stacktrace=TypeError: x\n  at f exception.code=E1",
            ),
            (r#"{"msg":"m","error":"refused"}"#, "0 0 m exception.message=refused"),
            (r#"{"msg":"m","exc_info":"Traceback\n x"}"#, "0 0 m exception.stacktrace=Traceback\n x"),
            (r#"{"msg":"m","@x":"E: x\n  at f"}"#, "0 0 m exception.stacktrace=E: x\n  at f"),
            (
                r#"{"msg":"m","error":"refused","stack":"s\n t"}"#,
                "0 0 m exception.message=refused exception.stacktrace=s\n t",
            ),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }

    #[test]
    fn ids_are_read_where_they_are_ids() {
        let record =
            of_json(br#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331"}"#)
                .unwrap();
        assert_eq!((record.trace_id.len(), record.span_id.len(), record.attributes.len()), (16, 8, 0));
        let record = of_json("{\"trace_id\":\"0af7\",\"span_id\":\"ééééé331\"}".as_bytes()).unwrap();
        assert_eq!((record.trace_id.len(), record.span_id.len(), record.attributes.len()), (0, 0, 2));
    }

    #[test]
    fn what_is_no_object_is_told() {
        for line in ["", "[]", "1", "{\"a\":", "{} x", "\u{0}"] {
            assert!(of_json(line.as_bytes()).unwrap_err().starts_with("no JSON object: "), "{line:?}");
        }
    }

    #[test]
    fn text_keeps_its_level() {
        let record = of_text("10:00 ERROR lost\n\tat f".to_owned());
        assert_eq!((record.severity_number, record.severity_text.as_str()), (17, "ERROR"));
        assert_eq!(record.body, Some(string("10:00 ERROR lost\n\tat f".to_owned())));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(line in proptest::prelude::any::<Vec<u8>>()) {
            let _ = of_json(&line);
        }

        #[test]
        fn any_number_is_read_as_a_time(number in proptest::prelude::any::<f64>()) {
            nanos(&serde_json::json!(number));
        }
    }
}
