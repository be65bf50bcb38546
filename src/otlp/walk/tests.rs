use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::{
    AnyValue as Any, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use crate::proto::logs::v1 as logs;

const LIMITS: Limits = Limits { records_max: 50_000, attributes_max: 500_000, depth_max: 64 };

/// How many records a walk passes, under the default limits.
fn records<'a>(
    bytes: &'a [u8],
    visit: impl FnMut(&Resource<'a>, &Scope<'a>, &LogRecord<'a>),
) -> Result<u64, Unreadable> {
    walk(bytes, &LIMITS, visit).map(|walked| walked.records)
}

fn of(value: Value) -> Any {
    Any { value: Some(value) }
}

fn text(text: &str) -> Any {
    of(Value::StringValue(text.to_owned()))
}

/// A text in so many lists.
fn nested(depth: usize) -> Any {
    (0..depth).fold(text("core"), |inner, _| of(Value::ArrayValue(ArrayValue { values: vec![inner] })))
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
    let walked = records(&bytes, |resource, scope, record| {
        seen += 1;
        assert_eq!(resource.service_name, b"checkout");
        assert_eq!(resource.vcs_revision, b"abc");
        assert_eq!(resource.environment, b"prod");
        assert_eq!(scope.name, b"shop.cart");
        assert_eq!(InstrumentationScope::decode(scope.wire).unwrap().name, "shop.cart");
        assert_eq!(crate::proto::resource::v1::Resource::decode(resource.wire).unwrap().attributes.len(), 4);
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
    assert_eq!((walked, seen), (Ok(1), 1));
}

/// Each case is an attribute list and what is read of it; stable names stand before older ones in either order.
#[test]
fn older_and_other_names_are_read() {
    type Read = fn(&LogRecord<'_>) -> String;
    let function: Read = |r| String::from_utf8_lossy(r.code.function).into_owned();
    let namespace: Read = |r| String::from_utf8_lossy(r.code.namespace).into_owned();
    let file: Read = |r| String::from_utf8_lossy(r.code.file).into_owned();
    let line: Read = |r| r.code.line.to_string();
    let template: Read = |r| String::from_utf8_lossy(r.template).into_owned();
    let event: Read = |r| String::from_utf8_lossy(r.event_name).into_owned();
    let hints: Read = |r| r.has_hints.to_string();
    let int = |number| of(Value::IntValue(number));
    let log_file: Read = |r| String::from_utf8_lossy(r.log_file).into_owned();
    let output: Read = |r| String::from_utf8_lossy(r.log_iostream).into_owned();
    let cases: [(Vec<KeyValue>, Read, &str); 20] = [
        (vec![attribute("log.file.name", text("a.log"))], log_file, "a.log"),
        (
            vec![attribute("log.file.path", text("/a.log")), attribute("log.file.name", text("a.log"))],
            log_file,
            "/a.log",
        ),
        (vec![attribute("log.iostream", text("stderr"))], output, "stderr"),
        (vec![attribute("code.function", text("f")), attribute("code.namespace", text("n"))], namespace, "n"),
        (
            vec![attribute("code.function", text("old")), attribute("code.function.name", text("new"))],
            function,
            "new",
        ),
        (
            vec![attribute("code.function.name", text("new")), attribute("code.function", text("old"))],
            function,
            "new",
        ),
        (vec![attribute("code.filename", text("a.py"))], file, "a.py"),
        (
            vec![attribute("code.filepath", text("old")), attribute("code.file.path", text("new"))],
            file,
            "new",
        ),
        (vec![attribute("code.lineno", int(9))], line, "9"),
        (vec![attribute("code.line.number", int(-9))], line, "0"),
        (vec![attribute("{OriginalFormat}", text("a {B}"))], template, "a {B}"),
        (vec![attribute("log.record.template", text("a <*>"))], template, "a <*>"),
        (vec![attribute("log.body.template", text("a {}"))], template, "a {}"),
        (vec![attribute("message_template.text", text("a {B}"))], template, "a {B}"),
        (vec![attribute("event.name", text("e"))], event, "e"),
        (vec![attribute("err", text("x"))], hints, "true"),
        (vec![attribute("error.type", text("x"))], hints, "true"),
        (vec![attribute("exc_info", text("x"))], hints, "true"),
        (vec![attribute("stack", text("x")), attribute("user", text("x"))], hints, "true"),
        (vec![attribute("user", text("x")), attribute("session", text("x"))], hints, "false"),
    ];
    for (attributes, read, expected) in cases {
        let keys: Vec<_> = attributes.iter().map(|attribute| attribute.key.clone()).collect();
        let bytes = request(vec![], vec![logs::LogRecord { attributes, ..Default::default() }]);
        let walked = records(&bytes, |_, _, record| assert_eq!(read(record), expected, "{keys:?}"));
        assert_eq!(walked, Ok(1));
    }
}

#[test]
fn a_body_is_a_text_or_a_map() {
    let map = KeyValueList { values: vec![attribute("msg", text("lost"))] };
    let cases: [(Value, &[u8], bool); 5] = [
        (Value::StringValue("lost".into()), b"lost", false),
        (Value::BytesValue(b"lost".to_vec()), b"lost", false),
        (Value::KvlistValue(map), b"", true),
        (Value::IntValue(7), b"", false),
        (Value::ArrayValue(ArrayValue::default()), b"", false),
    ];
    for (value, body, is_map) in cases {
        let bytes = request(vec![], vec![logs::LogRecord { body: Some(of(value)), ..Default::default() }]);
        let walked = records(&bytes, |_, _, record| {
            assert_eq!((record.body, !record.body_map.is_empty()), (body, is_map));
        });
        assert_eq!(walked, Ok(1));
    }
}

/// As prost merges them.
#[test]
fn a_body_in_parts_keeps_what_an_empty_part_does_not_replace() {
    for (parts, expected) in [(["a", ""], "a"), (["", "b"], "b"), (["a", "b"], "b")] {
        let record: Vec<u8> = parts
            .iter()
            .flat_map(|part| {
                let value = if part.is_empty() { Any::default() } else { text(part) };
                logs::LogRecord { body: Some(value), ..Default::default() }.encode_to_vec()
            })
            .collect();
        let decoded = logs::LogRecord::decode(&record[..]).unwrap();
        assert_eq!(decoded.body, Some(text(expected)));
        let mut wire = Vec::new();
        for number in [2, 2, 1] {
            let inner = if wire.is_empty() { record.clone() } else { std::mem::take(&mut wire) };
            prost::encoding::bytes::encode(number, &inner, &mut wire);
        }
        let walked = walk(&wire, &Limits::default(), |_, _, record| {
            assert_eq!(record.body, expected.as_bytes(), "{parts:?}");
        });
        assert_eq!(walked.unwrap().records, 1);
    }
}

#[test]
fn ids_of_wrong_lengths_are_absent_and_counted() {
    for (length, expected, dropped) in
        [(0, false, 0), (1, false, 1), (15, false, 1), (16, true, 0), (17, false, 1)]
    {
        let record = logs::LogRecord { trace_id: vec![7; length], ..Default::default() };
        let bytes = request(vec![], vec![record]);
        let walked = walk(&bytes, &LIMITS, |_, _, r| assert_eq!(r.trace_id.is_some(), expected, "{length}"));
        assert_eq!(walked.map(|walked| walked.ids_dropped), Ok(dropped), "{length}");
    }
    let record = logs::LogRecord { trace_id: vec![0; 16], span_id: vec![1; 7], ..Default::default() };
    let walked = walk(&request(vec![], vec![record]), &LIMITS, |_, _, r| {
        assert_eq!((r.trace_id, r.span_id), (None, None));
    });
    assert_eq!(walked.map(|walked| walked.ids_dropped), Ok(1), "zeros say that there is none");
}

#[test]
fn severity_numbers_that_do_not_exist_are_unknown() {
    for (number, expected) in [(0, 0), (1, 1), (24, 24), (25, 0), (999, 0), (-1, 0)] {
        let bytes = request(vec![], vec![logs::LogRecord { severity_number: number, ..Default::default() }]);
        assert_eq!(records(&bytes, |_, _, r| assert_eq!(r.severity_number.get(), expected)), Ok(1));
    }
}

#[test]
fn references_into_a_table_are_empty_and_counted() {
    let by_reference = KeyValue { key_strindex: 4, ..attribute("", text("v")) };
    let attributes = vec![by_reference, attribute("exception.type", of(Value::StringValueStrindex(3)))];
    let bytes = request(vec![], vec![logs::LogRecord { attributes, ..Default::default() }]);
    let walked = walk(&bytes, &LIMITS, |_, _, r| assert_eq!(r.exception.type_name, b"")).unwrap();
    assert_eq!((walked.records, walked.references_dropped), (1, 2));
}

/// Attributes of resource, scope and record, entries of maps and elements of lists all count.
#[test]
fn records_and_attributes_are_counted_on_the_wire() {
    let map = KeyValueList { values: vec![attribute("a", nested(3)), attribute("b", text("c"))] };
    let record = logs::LogRecord {
        attributes: vec![attribute("m", of(Value::KvlistValue(map)))],
        ..Default::default()
    };
    let bytes = request(vec![attribute("service.name", text("s"))], vec![record; 2]);
    let walked = walk(&bytes, &LIMITS, |_, _, _| {}).unwrap();
    // One of the resource; in each record itself, two entries, three elements.
    assert_eq!((walked.records, walked.attributes), (2, 1 + 2 * (1 + 2 + 3)));
}

#[test]
fn a_request_past_its_limits_is_refused_before_the_record_that_is_too_many() {
    let record = logs::LogRecord { attributes: vec![attribute("a", text("b")); 3], ..Default::default() };
    let bytes = request(vec![], vec![record; 4]);
    let check = |limits: Limits, visited: u64, what: &str| {
        let mut seen = 0;
        let refused = walk(&bytes, &limits, |_, _, _| seen += 1).unwrap_err().to_string();
        assert_eq!(seen, visited);
        assert!(refused.contains(what), "{refused}");
    };
    check(Limits { records_max: 3, ..LIMITS }, 3, "more than 3 log records");
    check(Limits { records_max: 0, ..LIMITS }, 0, "more than 0 resources and scopes");
    check(Limits { attributes_max: 11, ..LIMITS }, 3, "more than 11 attributes");
    check(Limits { attributes_max: 5, ..LIMITS }, 1, "more than 5 attributes");
    let exact = Limits { records_max: 4, attributes_max: 12, ..LIMITS };
    assert!(walk(&bytes, &exact, |_, _, _| {}).is_ok());
}

/// Eight million records of no bytes fit into 16 MiB.
#[test]
fn millions_of_empty_records_are_refused_in_no_time() {
    let scope_logs = [0x12, 0].repeat(2 << 20);
    let mut resource_logs = vec![0x12];
    prost::encoding::encode_varint(scope_logs.len() as u64, &mut resource_logs);
    resource_logs.extend(scope_logs);
    let mut bytes = vec![0x0a];
    prost::encoding::encode_varint(resource_logs.len() as u64, &mut bytes);
    bytes.extend(resource_logs);
    let mut seen = 0;
    assert!(matches!(walk(&bytes, &LIMITS, |_, _, _| seen += 1), Err(Unreadable::TooMany { .. })));
    assert_eq!(seen, 50_000);
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
    let walked = records(&swapped, |resource, _, _| assert_eq!(resource.service_name, b"late"));
    assert_eq!(walked, Ok(1));
}

#[test]
fn empty_envelopes_are_counted_too() {
    let limits = Limits { records_max: 3, ..Limits::default() };
    for (request, expected) in [
        (&[0x0a, 0, 0x0a, 0, 0x0a, 0][..], None),
        (&[0x0a, 0, 0x0a, 0, 0x0a, 0, 0x0a, 0], Some("resources and scopes")),
        (&[0x0a, 6, 0x12, 0, 0x12, 0, 0x12, 0], Some("resources and scopes")),
    ] {
        let refused = expected.map(|what| Unreadable::TooMany { what, max: 3 });
        assert_eq!(walk(request, &limits, |_, _, _| panic!("a record")).err(), refused);
    }
}

#[test]
fn an_empty_request_has_no_records() {
    assert_eq!(walk(b"", &LIMITS, |_, _, _| panic!("a record")), Ok(Walked::default()));
}

#[test]
fn bad_utf_8_costs_nothing() {
    let mut bytes = request(vec![], vec![logs::LogRecord { body: Some(text("xyz")), ..Default::default() }]);
    let at = bytes.windows(3).position(|w| w == b"xyz").unwrap();
    bytes[at] = 0xff;
    assert_eq!(records(&bytes, |_, _, r| assert_eq!(r.body, b"\xffyz")), Ok(1));
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
        assert!(walk(&broken, &LIMITS, |_, _, _| {}).is_err(), "{needle}");
    }
}

#[test]
fn values_nested_beyond_the_bound_are_cut_and_counted() {
    let walked = |depth: usize, depth_max: u8| {
        let record =
            logs::LogRecord { attributes: vec![attribute("a", nested(depth))], ..Default::default() };
        let walked = walk(&request(vec![], vec![record]), &Limits { depth_max, ..LIMITS }, |_, _, _| {});
        walked.map(|walked| (walked.records, walked.values_cut))
    };
    for (depth, depth_max, cut) in
        [(0, 0, 0), (1, 0, 1), (3, 3, 0), (4, 3, 1), (40, 3, 1), (64, 64, 0), (65, 64, 1)]
    {
        assert_eq!(walked(depth, depth_max), Ok((1, cut)), "{depth} of {depth_max}");
    }
}

#[test]
fn the_deepest_value_costs_no_stack() {
    let mut value = Vec::new();
    while value.len() < 1 << 20 {
        for tag in [0x0a, 0x2a] {
            let mut outer = vec![tag];
            prost::encoding::encode_varint(value.len() as u64, &mut outer);
            outer.append(&mut value);
            value = outer;
        }
        // Doubled now and then, so that the test itself stays quick.
        if value.len() > 2_000 {
            value = [value.clone(), value].concat();
        }
    }
    let mut tally = Tally::new(&Limits { depth_max: u8::MAX, attributes_max: u64::MAX, ..LIMITS });
    assert!(matches!(AnyValue::parse(&value, &mut tally), Ok(AnyValue::Array(_))));
    assert!(tally.walked.values_cut > 0);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = walk(&bytes, &LIMITS, |_, _, record| {
                let unfolded = crate::otlp::Unfolded::new(record);
                crate::otlp::attributes(&unfolded.record(), |_, value| drop(value.to_text(100)));
            });
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
            match walk(&bytes, &LIMITS, |_, _, _| {}) {
                Ok(walked) => prop_assert_eq!(walked.records, count as u64),
                Err(error) => prop_assert!(groups, "{}", error),
            }
        }
    }
}
