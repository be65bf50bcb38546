//! What is read, what is refused, and what holds for any text at all.

mod seeds;
mod spelling;

use std::fmt::Write as _;

use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::any_value::Value;
use crate::proto::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use crate::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::proto::resource::v1::Resource;

fn read(json: &str) -> Result<Transcoded, Unreadable> {
    transcode(json.as_bytes(), &Limits::default())
}

fn decoded(json: &str) -> ExportLogsServiceRequest {
    let transcoded = read(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    ExportLogsServiceRequest::decode(&transcoded.bytes[..]).unwrap()
}

/// A request of one record.
fn request_of(record: &str) -> String {
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#)
}

fn record(json: &str) -> LogRecord {
    decoded(&request_of(json)).resource_logs.remove(0).scope_logs.remove(0).log_records.remove(0)
}

fn value(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn text(text: &str) -> AnyValue {
    value(Value::StringValue(text.to_owned()))
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), key_strindex: 0 }
}

/// A request with every field that there is.
const EVERY_FIELD: &str = r#"{"resourceLogs":[{
    "resource":{
        "attributes":[{"key":"service.name","value":{"stringValue":"shop"}}],
        "droppedAttributesCount":1,
        "entityRefs":[{"schemaUrl":"s","type":"host","idKeys":["a","b"],"descriptionKeys":["c"]}]},
    "scopeLogs":[{
        "scope":{"name":"n","version":"v","attributes":[{"key":"k"}],"droppedAttributesCount":2},
        "logRecords":[{
            "timeUnixNano":"1544712660300000000","observedTimeUnixNano":"18446744073709551615",
            "severityNumber":17,"severityText":"ERROR","body":{"stringValue":"lost \"it\" \ud83d\ude00\n"},
            "attributes":[{"key":"x","value":{"intValue":"-1"},"keyStrindex":-7}],
            "droppedAttributesCount":4294967295,"flags":257,
            "traceId":"5b8efff798038103d269b633813fc60c","spanId":"EEE19B7EC3C1B174","eventName":"e"}],
        "schemaUrl":"scope-schema"}],
    "schemaUrl":"resource-schema"}]}"#;

#[test]
fn every_field_of_a_request_is_read() {
    let expected = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource {
                attributes: vec![attribute("service.name", text("shop"))],
                dropped_attributes_count: 1,
                entity_refs: vec![EntityRef {
                    schema_url: "s".into(),
                    r#type: "host".into(),
                    id_keys: vec!["a".into(), "b".into()],
                    description_keys: vec!["c".into()],
                }],
            }),
            scope_logs: vec![ScopeLogs {
                scope: Some(InstrumentationScope {
                    name: "n".into(),
                    version: "v".into(),
                    attributes: vec![KeyValue { key: "k".into(), ..KeyValue::default() }],
                    dropped_attributes_count: 2,
                }),
                log_records: vec![LogRecord {
                    time_unix_nano: 1_544_712_660_300_000_000,
                    observed_time_unix_nano: u64::MAX,
                    severity_number: 17,
                    severity_text: "ERROR".into(),
                    body: Some(text("lost \"it\" \u{1f600}\n")),
                    attributes: vec![KeyValue {
                        key_strindex: -7,
                        ..attribute("x", value(Value::IntValue(-1)))
                    }],
                    dropped_attributes_count: u32::MAX,
                    flags: 257,
                    trace_id: b"\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c".to_vec(),
                    span_id: b"\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74".to_vec(),
                    event_name: "e".into(),
                }],
                schema_url: "scope-schema".into(),
            }],
            schema_url: "resource-schema".into(),
        }],
    };
    assert_eq!(decoded(EVERY_FIELD), expected);
}

#[test]
fn values_of_every_kind_are_read() {
    let array = |values| value(Value::ArrayValue(ArrayValue { values }));
    let map = |values| value(Value::KvlistValue(KeyValueList { values }));
    let int = |int| value(Value::IntValue(int));
    let double = |double| value(Value::DoubleValue(double));
    let bytes = |bytes: &[u8]| value(Value::BytesValue(bytes.to_vec()));
    let empty = AnyValue::default;
    let check = |json: &str, expected: AnyValue| {
        let read = record(&format!(r#"{{"body":{json}}}"#)).body.unwrap();
        assert_eq!(read, expected, "{json}");
    };
    check("{}", empty());
    check(r#"{"stringValue":null}"#, empty());
    check(r#"{"stringValue":""}"#, text(""));
    check(r#"{"string_value":"a"}"#, text("a"));
    check(r#"{"boolValue":false}"#, value(Value::BoolValue(false)));
    check(r#"{"boolValue":true}"#, value(Value::BoolValue(true)));
    check(r#"{"intValue":"-9223372036854775808"}"#, int(i64::MIN));
    check(r#"{"intValue":9223372036854775807}"#, int(i64::MAX));
    check(r#"{"intValue":1e3}"#, int(1000));
    check(r#"{"intValue":"-12.0"}"#, int(-12));
    check(r#"{"intValue":-0}"#, int(0));
    check(r#"{"doubleValue":1}"#, double(1.0));
    check(r#"{"doubleValue":"1.5"}"#, double(1.5));
    check(r#"{"doubleValue":-5e-324}"#, double(-5e-324));
    check(r#"{"doubleValue":"Infinity"}"#, double(f64::INFINITY));
    check(r#"{"doubleValue":"-Infinity"}"#, double(f64::NEG_INFINITY));
    check(r#"{"bytesValue":"+/+/AQ=="}"#, bytes(b"\xfb\xff\xbf\x01"));
    check(r#"{"bytesValue":"+/+/AQ"}"#, bytes(b"\xfb\xff\xbf\x01"));
    check(r#"{"bytesValue":"-_-_AQ=="}"#, bytes(b"\xfb\xff\xbf\x01"));
    check(r#"{"bytesValue":"-_-_AQ"}"#, bytes(b"\xfb\xff\xbf\x01"));
    check(r#"{"bytesValue":""}"#, bytes(b""));
    check(r#"{"stringValueStrindex":3}"#, value(Value::StringValueStrindex(3)));
    check(r#"{"arrayValue":{}}"#, array(vec![]));
    check(r#"{"arrayValue":{"values":null}}"#, array(vec![]));
    check(r#"{"arrayValue":{"values":[{},null,{"intValue":1}]}}"#, array(vec![empty(), empty(), int(1)]));
    check(r#"{"kvlistValue":{}}"#, map(vec![]));
    check(
        r#"{"kvlist_value":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"stringValue":"b"}]}}}]}}"#,
        map(vec![attribute("a", array(vec![text("b")]))]),
    );
    let nan = record(r#"{"body":{"doubleValue":"NaN"}}"#).body.unwrap().value;
    assert!(matches!(nan, Some(Value::DoubleValue(nan)) if nan.is_nan()));
}

#[test]
fn record_fields_are_read_however_they_are_spelt() {
    let check = |json: &str, expected: LogRecord| assert_eq!(record(json), expected, "{json}");
    let none = LogRecord::default;
    check("{}", none());
    check("null", none());
    for field in [
        "timeUnixNano",
        "severityNumber",
        "severityText",
        "body",
        "attributes",
        "flags",
        "traceId",
        "spanId",
        "droppedAttributesCount",
        "eventName",
        "observed_time_unix_nano",
    ] {
        check(&format!(r#"{{"{field}":null}}"#), none());
    }
    check(r#"{"body":{}}"#, LogRecord { body: Some(AnyValue::default()), ..none() });
    check(r#"{"timeUnixNano":1}"#, LogRecord { time_unix_nano: 1, ..none() });
    check(r#"{"time_unix_nano":"1e3"}"#, LogRecord { time_unix_nano: 1000, ..none() });
    check(r#"{"timeUnixNano":1.7e18}"#, LogRecord { time_unix_nano: 1_700_000_000_000_000_000, ..none() });
    check(r#"{"severityNumber":"13"}"#, LogRecord { severity_number: 13, ..none() });
    check(r#"{"severityNumber":-1}"#, LogRecord { severity_number: -1, ..none() });
    check(r#"{"severityNumber":999}"#, LogRecord { severity_number: 999, ..none() });
    check(r#"{"severityNumber":"SEVERITY_NUMBER_ERROR2"}"#, LogRecord { severity_number: 18, ..none() });
    check(r#"{"severity_number":"warn"}"#, LogRecord { severity_number: 13, ..none() });
    check(r#"{"traceId":"","spanId":""}"#, none());
    check(r#"{"traceId":"00000000000000000000000000000000"}"#, LogRecord { trace_id: vec![0; 16], ..none() });
    // Tabs and line breaks are no JSON in a string, and yet there is no doubt what they mean.
    check("{\"eventName\":\"a\tb\"}", LogRecord { event_name: "a\tb".into(), ..none() });
}

#[test]
fn unknown_keys_are_passed_over_whatever_they_hold() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let json = format!(
        r#"{{"x":{deep},"resourceLogs":[{{"resource":{{"y":[1,{{}},"\ud800"]}},
        "scopeLogs":[{{"z":null,"logRecords":[{{"n":-1e9,"eventName":"e","body":{{"futureValue":1}}}}]}}]}}]}}"#
    );
    let read = &decoded(&json).resource_logs[0].scope_logs[0].log_records[0];
    let expected =
        LogRecord { event_name: "e".into(), body: Some(AnyValue::default()), ..LogRecord::default() };
    assert_eq!(*read, expected);
}

#[test]
fn of_a_key_that_stands_twice_the_last_one_counts() {
    let check = |json: &str, expected: LogRecord| assert_eq!(record(json), expected, "{json}");
    let body = |body| LogRecord { body: Some(body), ..LogRecord::default() };
    check(
        r#"{"eventName":"a","event_name":"b"}"#,
        LogRecord { event_name: "b".into(), ..LogRecord::default() },
    );
    check(r#"{"eventName":"a","eventName":""}"#, LogRecord::default());
    check(r#"{"body":{"stringValue":"a"},"body":{"stringValue":"b"}}"#, body(text("b")));
    check(r#"{"body":{"stringValue":"a"},"flags":0,"body":{}}"#, body(AnyValue::default()));
    check(r#"{"body":{"stringValue":"a","intValue":1,"stringValue":"c"}}"#, body(text("c")));
    check(r#"{"body":{"stringValue":"a","intValue":null}}"#, body(text("a")));
    let array = |of: &str| format!(r#"{{"arrayValue":{{"values":[{{"stringValue":"{of}"}}]}}}}"#);
    check(
        &format!(r#"{{"body":{},"body":{}}}"#, array("a"), array("b")),
        body(value(Value::ArrayValue(ArrayValue { values: vec![text("b")] }))),
    );
    // Lists are joined.
    let joined = record(r#"{"attributes":[{"key":"a"}],"attributes":[{"key":"b"}]}"#).attributes;
    assert_eq!(joined.iter().map(|attribute| &attribute.key[..]).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn an_id_of_a_wrong_length_is_absent_and_counted() {
    for (json, dropped) in [
        (r#"{"traceId":"ab","spanId":"00f067aa0ba902b"}"#, 2),
        (r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e473600","spanId":""}"#, 1),
        (r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":null}"#, 0),
    ] {
        let transcoded = read(&request_of(json)).unwrap();
        assert_eq!(transcoded.ids_dropped, dropped, "{json}");
        let trace_id = record(json).trace_id;
        assert_eq!(trace_id.is_empty(), dropped > 0, "{json}");
    }
}

#[test]
fn an_empty_request_is_empty_bytes() {
    for json in ["{}", " {\n} ", r#"{"resourceLogs":[]}"#, r#"{"resource_logs":null}"#, r#"{"spans":[{}]}"#] {
        assert_eq!(read(json), Ok(Transcoded::default()), "{json}");
    }
}

#[test]
fn malformed_text_is_refused_and_the_sender_told_where() {
    let check = |json: &str, expected: &str| {
        let error = read(json).expect_err(json).to_string();
        assert_eq!(error, format!("malformed OTLP request: {expected}"), "{json}");
    };
    let whole = "ExportLogsServiceRequest";
    check("", &format!("JSON that ends too soon in {whole} (line 1, column 0)"));
    check("[]", &format!("a value of a wrong type in {whole} (line 1, column 0)"));
    check("null", &format!("a value of a wrong type in {whole} (line 1, column 4)"));
    check("\"secret\"", &format!("a value of a wrong type in {whole} (line 1, column 8)"));
    check("\u{feff}{}", &format!("broken JSON in {whole} (line 1, column 1)"));
    check("{}\n{}", &format!("broken JSON in {whole} (line 2, column 1)"));
    check("{\"resourceLogs\":[{\n\"scopeLogs\"", "JSON that ends too soon in scopeLogs (line 2, column 11)");
    check(r#"{"resourceLogs":{}}"#, "a value of a wrong type in resourceLogs (line 1, column 16)");
}

#[test]
fn a_value_that_does_not_fit_its_field_refuses_the_request() {
    let check = |json: &str, what: &str| {
        let error = read(&request_of(json)).expect_err(json).to_string();
        assert!(error.starts_with(&format!("malformed OTLP request: {what} (line 1, column ")), "{error}");
        assert!(!error.contains("secret"), "{error}");
    };
    for time in ["-1", "\"-1\"", "1.5", "18446744073709551616", "\"\"", "true", "{}", "\"secret\""] {
        check(&format!(r#"{{"timeUnixNano":{time}}}"#), "a value that does not fit in timeUnixNano");
    }
    for int in ["9223372036854775808", "0.5", "\"1e400\"", "\"NaN\"", "\"inf\"", "[]"] {
        check(&format!(r#"{{"body":{{"intValue":{int}}}}}"#), "a value that does not fit in intValue");
    }
    for double in ["1e999", "\"inf\"", "\"nan\"", "\"\"", "false"] {
        check(
            &format!(r#"{{"body":{{"doubleValue":{double}}}}}"#),
            "a value that does not fit in doubleValue",
        );
    }
    check(r#"{"body":{"boolValue":1}}"#, "a value that does not fit in boolValue");
    check(r#"{"flags":-1}"#, "a value that does not fit in flags");
    check(r#"{"droppedAttributesCount":4294967296}"#, "a value that does not fit in droppedAttributesCount");
    check(r#"{"severityNumber":"secret"}"#, "a value that does not fit in severityNumber");
    check(r#"{"severityNumber":2147483648}"#, "a value that does not fit in severityNumber");
    check(r#"{"traceId":"secret"}"#, "text that is not hexadecimal in traceId");
    check(r#"{"spanId":"00f067aa0ba902bg"}"#, "text that is not hexadecimal in spanId");
    check(r#"{"body":{"bytesValue":"a"}}"#, "text that is not base64 in bytesValue");
    check(r#"{"body":{"bytesValue":"+_+_"}}"#, "text that is not base64 in bytesValue");
    check(r#"{"severityText":7}"#, "a value of a wrong type in severityText");
    check(r#"{"severityText":["secret"]}"#, "a value of a wrong type in severityText");
    check(r#"{"body":"secret"}"#, "a value of a wrong type in body");
    check(r#"{"attributes":{"secret":1}}"#, "a value of a wrong type in attributes");
    check(r#"{"attributes":["secret"]}"#, "a value of a wrong type in attributes");
    for lone in [r"\ud800", r"\udc00", r"\udc00\ud800", r"\ud800\ud83d\ude00", r"\ud800\n", r"a\udfffb"] {
        check(&format!(r#"{{"eventName":"{lone}"}}"#), "half a surrogate pair in eventName");
    }
    check(r#"{"eventName":"\ud8"}"#, "broken JSON in eventName");
    check(r#"{"eventName":"\x"}"#, "broken JSON in eventName");
}

#[test]
fn bytes_that_are_no_utf_8_pass_as_they_are() {
    for string in [&b"\xff"[..], b"a\xc3", b"\xed\xa0\x80", b"\\n\xff"] {
        let json = request_of(r#"{"eventName":"@"}"#).into_bytes();
        let at = json.iter().position(|byte| *byte == b'@').unwrap();
        let json = [&json[..at], string, &json[at + 1..]].concat();
        let bytes = transcode(&json, &Limits::default()).unwrap().bytes;
        let expected = string.strip_prefix(b"\\n").map_or(string.to_vec(), |rest| [b"\n", rest].concat());
        assert!(bytes.ends_with(&expected), "{bytes:?}");
    }
}

/// A body of `depth` lists, maps, or both by turns, one in another.
fn nested(depth: usize, kinds: &[(&str, &str)]) -> String {
    let kinds = || kinds.iter().cycle().take(depth);
    let open: String = kinds().map(|(open, _)| *open).collect();
    let close: String = kinds().collect::<Vec<_>>().into_iter().rev().map(|(_, close)| *close).collect();
    request_of(&format!(r#"{{"body":{open}{{"stringValue":"x"}}{close}}}"#))
}

const ARRAY: (&str, &str) = (r#"{"arrayValue":{"values":["#, "]}}");
const MAP: (&str, &str) = (r#"{"kvlistValue":{"values":[{"value":"#, "}]}}");

#[test]
fn values_nested_too_deep_are_cut_and_cost_no_stack() {
    let limits = Limits { depth_max: 3, ..Limits::default() };
    let cut = |depth| transcode(nested(depth, &[ARRAY, MAP]).as_bytes(), &limits).unwrap();
    assert_eq!(cut(3).values_cut, 0);
    assert!(cut(3).bytes.ends_with(b"x"));
    assert_eq!(cut(4).values_cut, 1);
    assert_eq!(cut(4), cut(100_000), "what is cut leaves an empty value");
    let siblings =
        nested(3, &[ARRAY]).replace(r#"{"stringValue":"x"}"#, r#"{"arrayValue":{}},{"kvlistValue":{}}"#);
    assert_eq!(
        transcode(siblings.as_bytes(), &limits).unwrap().values_cut,
        2,
        "each value that is cut counts"
    );

    let read = || transcode(nested(100_000, &[MAP]).as_bytes(), &Limits::default()).unwrap().values_cut;
    let small = std::thread::Builder::new().stack_size(1 << 20).spawn(read);
    assert_eq!(small.unwrap().join().unwrap(), 1);
}

#[test]
fn records_and_attributes_are_counted_while_they_are_read() {
    let limits = Limits { records_max: 3, attributes_max: 3, ..Limits::default() };
    let check = |record: &str, refused: Option<&'static str>| {
        let read = transcode(request_of(record).as_bytes(), &limits);
        let expected = refused.map(|what| Unreadable::TooMany { what, max: 3 });
        assert_eq!(read.err(), expected, "{record}");
    };
    check("{},{},{}", None);
    check("{},{},{},{}", Some("log records"));
    check("{},{},{},null,broken", Some("log records"));
    check(r#"{"attributes":[{},{}]},{"attributes":[{}]}"#, None);
    check(r#"{"attributes":[{},{}]},{"attributes":[{},{}]}"#, Some("attributes"));
    check(r#"{"body":{"arrayValue":{"values":[{},{},{},{}"#, Some("attributes"));
    check(r#"{"attributes":[{"value":{"kvlistValue":{"values":[{},{},{}]}}}]}"#, Some("attributes"));
    for empty in [r#"{"resourceLogs":[{},{},{},{}]}"#, r#"{"resourceLogs":[{"scopeLogs":[{},{},{}]}]}"#] {
        let refused = Unreadable::TooMany { what: "resources and scopes", max: 3 };
        assert_eq!(transcode(empty.as_bytes(), &limits), Err(refused), "{empty}");
    }
    let scope = r#"{"resourceLogs":[{"resource":{"attributes":[{},{}]},"scopeLogs":[{"scope":{"attributes":[{},{}]}}]}]}"#;
    assert_eq!(transcode(scope.as_bytes(), &limits), Err(Unreadable::TooMany { what: "attributes", max: 3 }));
}

#[test]
fn lengths_of_every_width_are_written() {
    for length in [0, 1, 100, 127, 128, 16_000, 16_384, 2_000_000, 2_097_152, 3_000_000] {
        let name = "x".repeat(length);
        assert_eq!(record(&format!(r#"{{"eventName":"{name}"}}"#)).event_name, name);
    }
}

/// Pieces that make up requests, whole and broken.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "true",
    "-1",
    "1e3",
    "\"NaN\"",
    "\"\\ud800\"",
    "\"a\"",
    "\"resourceLogs\":[{",
    "\"scopeLogs\":[{",
    "\"logRecords\":[{",
    "\"body\":{",
    "\"attributes\":[{",
    "\"key\":",
    "\"value\":{",
    "\"arrayValue\":{\"values\":[{",
    "\"kvlistValue\":{\"values\":[{",
    "\"stringValue\":\"",
    "\"intValue\":",
    "\"traceId\":\"ab\"",
    "\"x\":",
    "}]}]}]}",
    " ",
    "\u{feff}",
];

/// A request that opens some of its parts and fills them with pieces.
fn pieces() -> impl Strategy<Value = String> {
    let opened = "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{";
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES), 0..12);
    (0..=opened.len(), pieces, any::<bool>()).prop_map(move |(at, pieces, closed)| {
        let mut json = opened[..at].to_owned();
        for piece in pieces {
            let _ = write!(json, "{piece}");
        }
        json + if closed { "}]}]}]}" } else { "" }
    })
}

/// What holds for any text: no panic, no growth, and bytes that prost reads.
fn check_any(json: &[u8]) {
    let limits = Limits { depth_max: 16, ..Limits::default() };
    if let Ok(transcoded) = transcode(json, &limits) {
        assert!(transcoded.bytes.len() <= json.len());
        let decoded = ExportLogsServiceRequest::decode(&transcoded.bytes[..]);
        assert!(decoded.is_ok() || std::str::from_utf8(json).is_err(), "{decoded:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check_any(&bytes);
    }

    #[test]
    fn no_pieces_of_a_request_make_it_panic(json in pieces()) {
        check_any(json.as_bytes());
    }

    /// A request comes out as it went in, however the sender spells it.
    #[test]
    fn a_request_survives_its_way_through_json(request in spelling::request(), seed in any::<u64>()) {
        for seed in [0, seed] {
            let json = spelling::Spelling(seed).request(&request).to_string();
            let transcoded = read(&json).unwrap();
            prop_assert!(transcoded.bytes.len() <= json.len());
            let decoded = ExportLogsServiceRequest::decode(&transcoded.bytes[..]).unwrap();
            // By their bytes: NaN is not equal to itself.
            prop_assert_eq!(decoded.encode_to_vec(), request.encode_to_vec(), "{}", json);
        }
    }

    /// One changed byte: nothing panics, and nothing grows.
    #[test]
    fn a_changed_byte_makes_no_harm(request in spelling::request(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut json = spelling::Spelling(0).request(&request).to_string().into_bytes();
        let at = at.index(json.len());
        json[at] = byte;
        check_any(&json);
    }
}
