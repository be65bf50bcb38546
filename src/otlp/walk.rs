//! From a request to its log records: resource → scope → record.
//!
//! Field numbers: opentelemetry-proto 1.11, `logs/v1/logs.proto` and `common/v1/common.proto`.

use super::value::{AnyValue, key_value, text_in_map};
use super::wire::{Fields, Malformed};
use crate::model::{LogRecord, Resource, Scope, SeverityNumber, UnixNanos};

/// What a walk passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walked {
    /// How many log records.
    pub records: u64,
}

/// Walks one `ExportLogsServiceRequest` and hands each record to `visit`, with its resource and scope.
///
/// Unknown fields are passed over; text is not checked for UTF-8. Fields may stand in any order: of a field that
/// stands twice the last one counts, and of a resource that stands behind its records they are told all the same.
///
/// # Errors
///
/// [`Malformed`] where the framing is broken anywhere in the request. `visit` may have seen records by then:
/// what it gathered is not to be used.
pub fn walk<'a>(
    request: &'a [u8],
    mut visit: impl FnMut(&Resource<'a>, &Scope<'a>, &LogRecord<'a>),
) -> Result<Walked, Malformed> {
    let mut walked = Walked::default();
    let mut fields = Fields::new(request, "ExportLogsServiceRequest");
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            resource_logs(fields.bytes(value)?, &mut walked, &mut visit)?;
        }
    }
    Ok(walked)
}

fn resource_logs<'a>(
    bytes: &'a [u8],
    walked: &mut Walked,
    visit: &mut impl FnMut(&Resource<'a>, &Scope<'a>, &LogRecord<'a>),
) -> Result<(), Malformed> {
    // The resource may stand behind its records: one pass over the envelope finds it, a second one reads the records.
    let mut fields = Fields::new(bytes, "ResourceLogs");
    let mut found = Resource::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => found = resource(fields.bytes(value)?)?,
            2 | 3 => {
                fields.bytes(value)?;
            }
            _ => {}
        }
    }
    let mut fields = Fields::new(bytes, "ResourceLogs");
    while let Some((number, value)) = fields.next()? {
        if number == 2 {
            scope_logs(fields.bytes(value)?, &found, walked, visit)?;
        }
    }
    Ok(())
}

fn scope_logs<'a>(
    bytes: &'a [u8],
    resource: &Resource<'a>,
    walked: &mut Walked,
    visit: &mut impl FnMut(&Resource<'a>, &Scope<'a>, &LogRecord<'a>),
) -> Result<(), Malformed> {
    let mut fields = Fields::new(bytes, "ScopeLogs");
    let mut found = Scope::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => found = scope(fields.bytes(value)?)?,
            2 | 3 => {
                fields.bytes(value)?;
            }
            _ => {}
        }
    }
    let mut fields = Fields::new(bytes, "ScopeLogs");
    while let Some((number, value)) = fields.next()? {
        if number == 2 {
            let record = log_record(fields.bytes(value)?)?;
            walked.records += 1;
            visit(resource, &found, &record);
        }
    }
    Ok(())
}

fn resource(bytes: &[u8]) -> Result<Resource<'_>, Malformed> {
    let mut fields = Fields::new(bytes, "Resource");
    let mut found = Resource::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => {
                let (key, value) = key_value(fields.bytes(value)?)?;
                resource_attribute(&mut found, key, value.text());
            }
            2 => {
                fields.number(value)?;
            }
            3 => check_entity_ref(fields.bytes(value)?)?,
            _ => {}
        }
    }
    Ok(found)
}

fn resource_attribute<'a>(resource: &mut Resource<'a>, key: &[u8], text: &'a [u8]) {
    match key {
        b"service.name" => resource.service_name = text,
        b"service.namespace" => resource.service_namespace = text,
        b"service.version" => resource.service_version = text,
        b"deployment.environment.name" => resource.environment = text,
        b"deployment.environment" if resource.environment.is_empty() => resource.environment = text,
        b"vcs.repository.url.full" => resource.vcs_repository_url = text,
        b"vcs.ref.head.revision" => resource.vcs_revision = text,
        _ => {}
    }
}

fn check_entity_ref(bytes: &[u8]) -> Result<(), Malformed> {
    let mut fields = Fields::new(bytes, "EntityRef");
    while let Some((number, value)) = fields.next()? {
        if (1..=4).contains(&number) {
            fields.bytes(value)?;
        }
    }
    Ok(())
}

fn scope(bytes: &[u8]) -> Result<Scope<'_>, Malformed> {
    let mut fields = Fields::new(bytes, "InstrumentationScope");
    let mut found = Scope::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => found.name = fields.bytes(value)?,
            2 => found.version = fields.bytes(value)?,
            3 => {
                key_value(fields.bytes(value)?)?;
            }
            4 => {
                fields.number(value)?;
            }
            _ => {}
        }
    }
    Ok(found)
}

#[inline]
fn log_record(bytes: &[u8]) -> Result<LogRecord<'_>, Malformed> {
    let mut fields = Fields::new(bytes, "LogRecord");
    let mut record = LogRecord::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => record.time = UnixNanos(fields.fixed64(value)?),
            2 => record.severity_number = SeverityNumber::from_wire(fields.number(value)?),
            3 => record.severity_text = fields.bytes(value)?,
            5 => record.body = body(AnyValue::parse(fields.bytes(value)?)?),
            6 => {
                record.attribute_count = record.attribute_count.saturating_add(1);
                let (key, value) = key_value(fields.bytes(value)?)?;
                record_attribute(&mut record, key, value);
            }
            7 => {
                fields.number(value)?;
            }
            8 => {
                fields.fixed32(value)?;
            }
            9 => record.trace_id = id(fields.bytes(value)?),
            10 => record.span_id = id(fields.bytes(value)?),
            11 => record.observed_time = UnixNanos(fields.fixed64(value)?),
            12 => record.event_name = fields.bytes(value)?,
            _ => {}
        }
    }
    Ok(record)
}

fn body(value: AnyValue<'_>) -> &[u8] {
    match value {
        AnyValue::Map(map) => text_in_map(map, &[b"message", b"msg"]),
        other => other.text(),
    }
}

#[inline]
fn record_attribute<'a>(record: &mut LogRecord<'a>, key: &[u8], value: AnyValue<'a>) {
    // Most keys are of no interest here: two prefixes decide with one comparison each.
    if let Some(name) = key.strip_prefix(b"exception.") {
        match name {
            b"type" => record.exception.type_name = value.text(),
            b"message" => record.exception.message = value.text(),
            b"stacktrace" => record.exception.stacktrace = value.text(),
            _ => {}
        }
    } else if let Some(name) = key.strip_prefix(b"code.") {
        code_attribute(record, name, value);
    }
}

/// The stable names win over the older ones, whichever stands first.
fn code_attribute<'a>(record: &mut LogRecord<'a>, name: &[u8], value: AnyValue<'a>) {
    let code = &mut record.code;
    match (name, value) {
        (b"function.name", value) => code.function = value.text(),
        (b"file.path", value) => code.file = value.text(),
        (b"line.number", AnyValue::Int(line)) => code.line = line,
        (b"function", value) if code.function.is_empty() => code.function = value.text(),
        (b"filepath", value) if code.file.is_empty() => code.file = value.text(),
        (b"lineno", AnyValue::Int(line)) if code.line == 0 => code.line = line,
        _ => {}
    }
}

/// An id of a wrong length or of zeros alone says "none"; it never costs the record.
fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok().filter(|id: &[u8; N]| id.iter().any(|byte| *byte != 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
    use crate::proto::common::v1::{
        AnyValue as Any, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    };
    use crate::proto::logs::v1 as logs;

    fn text(text: &str) -> Any {
        Any { value: Some(Value::StringValue(text.to_owned())) }
    }

    fn attribute(key: &str, value: Any) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(value), key_strindex: 0 }
    }

    fn request(resource: Vec<KeyValue>, records: Vec<logs::LogRecord>) -> Vec<u8> {
        ExportLogsServiceRequest {
            resource_logs: vec![logs::ResourceLogs {
                resource: Some(crate::proto::resource::v1::Resource {
                    attributes: resource,
                    ..Default::default()
                }),
                scope_logs: vec![logs::ScopeLogs {
                    scope: Some(InstrumentationScope { name: "shop.cart".into(), ..Default::default() }),
                    log_records: records,
                    schema_url: String::new(),
                }],
                schema_url: String::new(),
            }],
        }
        .encode_to_vec()
    }

    #[test]
    fn every_field_that_later_rooms_read_is_found() {
        let record = logs::LogRecord {
            time_unix_nano: 7,
            observed_time_unix_nano: 8,
            severity_number: 17,
            severity_text: "ERROR".into(),
            body: Some(text("no cart")),
            attributes: vec![
                attribute("user.id", Any { value: Some(Value::IntValue(-1)) }),
                attribute("exception.type", text("KeyError")),
                attribute("exception.message", text("'cart'")),
                attribute("exception.stacktrace", text("Traceback")),
                attribute("code.function", text("old")),
                attribute("code.function.name", text("new")),
                attribute("code.line.number", Any { value: Some(Value::IntValue(12)) }),
                attribute("code.lineno", Any { value: Some(Value::IntValue(99)) }),
            ],
            flags: 1,
            trace_id: vec![1; 16],
            span_id: vec![0; 8],
            event_name: "cart.lost".into(),
            ..Default::default()
        };
        let resource = vec![
            attribute("service.name", text("checkout")),
            attribute("vcs.ref.head.revision", text("abc")),
            attribute("deployment.environment.name", text("prod")),
            attribute("deployment.environment", text("old")),
        ];
        let bytes = request(resource, vec![record]);
        let mut seen = 0;
        let walked = walk(&bytes, |resource, scope, record| {
            seen += 1;
            assert_eq!(resource.service_name, b"checkout");
            assert_eq!(resource.vcs_revision, b"abc");
            assert_eq!(resource.environment, b"prod");
            assert_eq!(scope.name, b"shop.cart");
            assert_eq!((record.time, record.observed_time), (UnixNanos(7), UnixNanos(8)));
            assert_eq!(record.severity(), SeverityNumber::ERROR);
            assert_eq!(record.body, b"no cart");
            assert_eq!(record.exception.type_name, b"KeyError");
            assert_eq!(record.exception.message, b"'cart'");
            assert_eq!(record.exception.stacktrace, b"Traceback");
            assert_eq!((record.code.function, record.code.line), (&b"new"[..], 12));
            assert_eq!(record.trace_id, Some([1; 16]));
            assert_eq!(record.span_id, None, "an id of zeros is none");
            assert_eq!(record.event_name, b"cart.lost");
            assert_eq!(record.attribute_count, 8);
        });
        assert_eq!((walked, seen), (Ok(Walked { records: 1 }), 1));
    }

    #[test]
    fn the_message_of_a_map_is_its_body() {
        let map =
            KeyValueList { values: vec![attribute("level", text("error")), attribute("msg", text("lost"))] };
        let record = logs::LogRecord {
            body: Some(Any { value: Some(Value::KvlistValue(map)) }),
            ..Default::default()
        };
        let bytes = request(vec![], vec![record]);
        let walked = walk(&bytes, |_, _, record| assert_eq!(record.body, b"lost"));
        assert_eq!(walked, Ok(Walked { records: 1 }));
    }

    #[test]
    fn a_resource_behind_its_records_is_theirs_all_the_same() {
        let whole = request(vec![attribute("service.name", text("late"))], vec![logs::LogRecord::default()]);
        // ResourceLogs = resource (field 1), scope_logs (field 2): the two swapped.
        let envelope = &whole[2..];
        let split = 2 + usize::from(envelope[1]);
        let mut swapped = whole[..2].to_vec();
        swapped.extend_from_slice(&envelope[split..]);
        swapped.extend_from_slice(&envelope[..split]);
        let walked = walk(&swapped, |resource, _, _| assert_eq!(resource.service_name, b"late"));
        assert_eq!(walked, Ok(Walked { records: 1 }));
    }

    #[test]
    fn an_empty_request_has_no_records() {
        assert_eq!(walk(b"", |_, _, _| panic!("a record")), Ok(Walked::default()));
    }

    #[test]
    fn bad_utf_8_costs_nothing() {
        let mut bytes =
            request(vec![], vec![logs::LogRecord { body: Some(text("xyz")), ..Default::default() }]);
        let at = bytes.windows(3).position(|w| w == b"xyz").unwrap();
        bytes[at] = 0xff;
        assert_eq!(walk(&bytes, |_, _, r| assert_eq!(r.body, b"\xffyz")), Ok(Walked { records: 1 }));
    }

    #[test]
    fn a_break_in_any_nested_message_is_found() {
        let nested =
            Any { value: Some(Value::ArrayValue(ArrayValue { values: vec![text("deep-in-an-array")] })) };
        let bytes = request(
            vec![attribute("service.name", text("deep-in-a-resource"))],
            vec![logs::LogRecord { attributes: vec![attribute("list", nested)], ..Default::default() }],
        );
        for needle in ["deep-in-an-array", "deep-in-a-resource"] {
            let at = bytes.windows(needle.len()).position(|w| w == needle.as_bytes()).unwrap();
            let mut broken = bytes.clone();
            broken[at - 1] += 1; // The string's length now reaches past its message.
            assert!(walk(&broken, |_, _, _| {}).is_err(), "{needle}");
        }
    }

    #[test]
    fn values_nested_beyond_the_bound_are_opaque_and_cost_no_stack() {
        let mut bytes = Vec::new();
        for _ in 0..20_000 {
            let mut array = vec![0x0a];
            prost::encoding::encode_varint(bytes.len() as u64, &mut array);
            array.extend(&bytes);
            let mut value = vec![0x2a];
            prost::encoding::encode_varint(array.len() as u64, &mut value);
            value.extend(&array);
            bytes = value;
            if bytes.len() > 60_000 {
                break;
            }
        }
        assert_eq!(AnyValue::parse(&bytes), Ok(AnyValue::Other));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = walk(&bytes, |_, _, _| {});
        }

        /// Whatever prost accepts, the walk accepts, with the same records; one flipped byte of a real request at a time.
        #[test]
        fn what_prost_accepts_is_accepted(at in 0_usize..200, byte in any::<u8>(), body in ".{0,20}") {
            let record = logs::LogRecord {
                severity_number: 13,
                body: Some(text(&body)),
                attributes: vec![attribute("exception.type", text("E"))],
                ..Default::default()
            };
            let mut bytes = request(vec![attribute("service.name", text("s"))], vec![record.clone(), record]);
            let at = at % bytes.len();
            bytes[at] = byte;
            let groups = bytes.iter().any(|b| matches!(b & 7, 3 | 4));
            if let Ok(decoded) = ExportLogsServiceRequest::decode(&bytes[..]) {
                let count: usize =
                    decoded.resource_logs.iter().flat_map(|r| &r.scope_logs).map(|s| s.log_records.len()).sum();
                match walk(&bytes, |_, _, _| {}) {
                    Ok(walked) => prop_assert_eq!(walked.records, count as u64),
                    Err(error) => prop_assert!(groups, "{}", error),
                }
            }
        }
    }
}
