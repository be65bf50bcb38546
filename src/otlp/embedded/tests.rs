use std::time::{Duration, Instant};

use proptest::prelude::*;
use prost::Message;
use serde_json::json;

use super::*;
use crate::model::SeverityNumber;
use crate::otlp::{Limits, walk};
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::{
    AnyValue as Any, ArrayValue, KeyValue, KeyValueList, any_value::Value as Kind,
};
use crate::proto::logs::v1 as logs;

const NODE: &str = "TypeError: x is not a function\n    at total (/app/src/cart.js:12:5)";
const PYTHON: &str =
    "Traceback (most recent call last):\n  File \"/app/cart.py\", line 12, in total\nKeyError: 'sku'";

/// What is read of a record, as text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    severity: u8,
    body: String,
    template: String,
    type_name: String,
    message: String,
    stacktrace: String,
}

fn read(record: logs::LogRecord) -> Read {
    let mut found = Read::default();
    with_record(record, |record| {
        let unfolded = Unfolded::new(record);
        let record = unfolded.record();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        found = Read {
            severity: record.severity().get(),
            body: text(record.body),
            template: text(record.template),
            type_name: text(record.exception.type_name),
            message: text(record.exception.message),
            stacktrace: text(record.exception.stacktrace),
        };
    });
    found
}

fn with_record(record: logs::LogRecord, mut visit: impl FnMut(&LogRecord<'_>)) {
    let scope_logs = vec![logs::ScopeLogs { log_records: vec![record], ..Default::default() }];
    let resource_logs = vec![logs::ResourceLogs { scope_logs, ..Default::default() }];
    let bytes = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    let walked = walk(&bytes, &Limits::default(), |_, _, record| visit(record));
    assert_eq!(walked.map(|walked| walked.records), Ok(1));
}

fn of_text(body: &str) -> logs::LogRecord {
    logs::LogRecord { body: Some(any(&json!(body))), ..Default::default() }
}

/// The value as the SDKs would send it.
fn any(value: &serde_json::Value) -> Any {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String};
    let kind = match value {
        Null => None,
        Bool(truth) => Some(Kind::BoolValue(*truth)),
        Number(number) => {
            Some(number.as_i64().map_or(Kind::DoubleValue(number.as_f64().unwrap()), Kind::IntValue))
        }
        String(text) => Some(Kind::StringValue(text.clone())),
        Array(list) => Some(Kind::ArrayValue(ArrayValue { values: list.iter().map(any).collect() })),
        Object(_) => Some(Kind::KvlistValue(KeyValueList { values: attributes_of(value) })),
    };
    Any { value: kind }
}

fn attributes_of(object: &serde_json::Value) -> Vec<KeyValue> {
    let entries = object.as_object().unwrap().iter();
    entries
        .map(|(key, value)| KeyValue { key: key.clone(), value: Some(any(value)), key_strindex: 0 })
        .collect()
}

/// Reads the object as JSON in a string and as a map; both tell the same.
#[track_caller]
fn check(object: &serde_json::Value, expected: &Read) {
    assert_eq!(read(of_text(&format!(" {object}\n"))), *expected, "of JSON {object}");
    let as_map = logs::LogRecord { body: Some(any(object)), ..Default::default() };
    assert_eq!(read(as_map), *expected, "of a map {object}");
}

fn expected(severity: u8, body: &str, type_name: &str, message: &str, stacktrace: &str) -> Read {
    let [body, type_name, message, stacktrace] = [body, type_name, message, stacktrace].map(str::to_owned);
    Read { severity, body, type_name, message, stacktrace, template: String::new() }
}

/// One line of each logger as it writes it.
#[test]
fn loggers_tell_their_level_message_and_exception() {
    let node = || expected(17, "charge failed", "TypeError", "x is not a function", NODE);
    let error = json!({"type": "TypeError", "message": "x is not a function", "stack": NODE});
    let by_name = json!({"name": "TypeError", "message": "x is not a function", "stack": NODE});
    let untyped = |text| expected(17, "charge failed", "", "", text);
    let said = |text| expected(17, "charge failed", "", text, "");
    // pino, and its older versions with the fields in one name
    check(&json!({"level": 50, "time": 1, "pid": 7, "err": error, "msg": "charge failed"}), &node());
    // bunyan
    check(&json!({"name": "shop", "level": 50, "err": by_name, "msg": "charge failed", "v": 0}), &node());
    // winston
    check(&json!({"level": "error", "message": "charge failed", "stack": NODE}), &untyped(NODE));
    // zap: an error as text, with its own trace, and the logger's
    check(&json!({"level": "error", "ts": 1.5, "msg": "charge failed", "error": "EOF"}), &said("EOF"));
    check(
        &json!({"level": "error", "msg": "charge failed", "error": "EOF", "errorVerbose": "EOF\nmain.main"}),
        &expected(17, "charge failed", "", "EOF", "EOF\nmain.main"),
    );
    check(
        &json!({"L": "x", "level": "dpanic", "msg": "charge failed", "stacktrace": "main.main\n\t/app/main.go:12"}),
        &untyped("main.main\n\t/app/main.go:12"),
    );
    // logrus, slog, zerolog, hclog
    check(&json!({"error": "EOF", "level": "error", "msg": "charge failed", "time": "t"}), &said("EOF"));
    check(&json!({"time": "t", "level": "ERROR", "msg": "charge failed", "err": "EOF"}), &said("EOF"));
    check(&json!({"level": "error", "error": "EOF", "message": "charge failed"}), &said("EOF"));
    check(&json!({"@level": "error", "@message": "charge failed", "error": "EOF"}), &said("EOF"));
    // python-json-logger, structlog
    check(&json!({"levelname": "ERROR", "message": "charge failed", "exc_info": PYTHON}), &untyped(PYTHON));
    check(&json!({"levelno": 40, "message": "charge failed", "exc_text": PYTHON}), &untyped(PYTHON));
    check(&json!({"event": "charge failed", "level": "error", "exception": PYTHON}), &untyped(PYTHON));
    // logstash and ECS encoders, in flat and in nested names
    check(
        &json!({"level": "ERROR", "level_value": 40000, "message": "charge failed", "stack_trace": NODE}),
        &untyped(NODE),
    );
    check(
        &json!({"log.level": "error", "message": "charge failed", "error.type": "TypeError",
                "error.message": "x is not a function", "error.stack_trace": NODE}),
        &node(),
    );
    check(
        &json!({"log": {"level": "error"}, "message": "charge failed",
                "error": {"type": "TypeError", "message": "x is not a function", "stack_trace": NODE}}),
        &node(),
    );
    // log4j, old and new
    check(
        &json!({"level": "ERROR", "message": "charge failed", "exception": {"exception_class": "TypeError",
                "exception_message": "x is not a function", "stacktrace": NODE}}),
        &node(),
    );
    check(
        &json!({"level": "ERROR", "message": "charge failed",
                "thrown": {"name": "TypeError", "message": "x is not a function", "extendedStackTrace": NODE}}),
        &node(),
    );
    // Datadog's names
    check(
        &json!({"level": "error", "message": "charge failed",
                "error": {"kind": "TypeError", "message": "x is not a function", "stack": NODE}}),
        &node(),
    );
    // Google Cloud
    check(&json!({"severity": "ERROR", "message": "charge failed", "stack_trace": NODE}), &untyped(NODE));
    check(&json!({"severity": "ERROR", "textPayload": "charge failed"}), &untyped(""));
    // journald, through the Collector's receiver; GELF's text
    check(&json!({"PRIORITY": "3", "MESSAGE": "charge failed", "_PID": "7"}), &untyped(""));
    check(
        &json!({"severity": "error", "short_message": "charge failed", "full_message": "long"}),
        &untyped(""),
    );
}

#[test]
fn dotnet_and_serilog_tell_their_templates() {
    let of = |body: &str, template: &str, stacktrace: &str| Read {
        template: template.to_owned(),
        ..expected(17, body, "", "", stacktrace)
    };
    let trace = "System.Exception: no\n   at Shop.Cart.Total() in /src/Cart.cs:line 12";
    check(
        &json!({"EventId": 0, "LogLevel": "Error", "Category": "Shop", "Message": "user 7 left", "Exception": trace,
                "State": {"Message": "user 7 left", "Id": 7, "{OriginalFormat}": "user {Id} left"}}),
        &of("user 7 left", "user {Id} left", trace),
    );
    check(
        &json!({"@t": "t", "@m": "user 7 left", "@mt": "user {Id} left", "@l": "Error", "@x": trace, "Id": 7}),
        &of("user 7 left", "user {Id} left", trace),
    );
    check(
        &json!({"Timestamp": "t", "Level": "Error", "MessageTemplate": "user {Id} left", "RenderedMessage": "user 7 left"}),
        &of("user 7 left", "user {Id} left", ""),
    );
}

/// Only a message that is not there is replaced by the template, and by the event's name after that.
#[test]
fn a_template_or_an_events_name_is_the_message_where_there_is_none() {
    let compact = of_text(r#"{"@t":"t","@mt":"user {Id} left","@l":"Error","Id":7}"#);
    let found = read(compact);
    assert_eq!((found.template.as_str(), found.severity), ("user {Id} left", 17));
    let event = |attributes, body: &str| {
        let body = (!body.is_empty()).then(|| any(&json!(body)));
        read(logs::LogRecord { event_name: "cart.lost".into(), body, attributes, ..Default::default() })
    };
    assert_eq!(event(vec![], "").body, "cart.lost");
    assert_eq!(event(vec![], "said").body, "said");
    assert_eq!(event(attributes_of(&json!({"exception.message": "no"})), "").body, "");
    assert_eq!(event(attributes_of(&json!({"{OriginalFormat}": "a {B}"})), "").body, "a {B}");
}

#[test]
fn levels_are_read_on_the_scale_of_their_logger() {
    let level = |object: serde_json::Value| read(of_text(&object.to_string())).severity;
    for (object, severity) in [
        (json!({"level": 10}), 1),
        (json!({"level": 20}), 5),
        (json!({"level": 30}), 9),
        (json!({"level": 40}), 13),
        (json!({"level": 60}), 21),
        (json!({"level": 35.5}), 9),
        (json!({"level": "30"}), 9),
        (json!({"levelno": 30}), 13),
        (json!({"levelno": 50}), 21),
        (json!({"PRIORITY": "0"}), 21),
        (json!({"PRIORITY": 4}), 13),
        (json!({"PRIORITY": 5}), 10),
        (json!({"level": "WARNING"}), 13),
        (json!({"lvl": "crit"}), 21),
        (json!({"level": "INF"}), 9),
        (json!({"level": "emerg"}), 21),
        (json!({"LogLevel": "Critical"}), 21),
        (json!({"level": "loud"}), 0),
        (json!({"level": -1}), 0),
        (json!({"level": 1e300}), 0),
        (json!({"level": null}), 0),
        (json!({"level": [17]}), 0),
    ] {
        assert_eq!(level(object.clone()), severity, "{object}");
    }
}

/// What a logger calls information is no exception by what it tells; what the record itself says in `exception.*` is.
#[test]
fn the_records_own_severity_and_exception_stand() {
    let by_level = |level: &str| of_text(&json!({"level": level, "msg": "said", "stack": NODE}).to_string());
    let body =
        json!({"level": "info", "msg": "said", "err": {"type": "Told", "message": "told", "stack": NODE}});
    let record = logs::LogRecord {
        severity_number: 17,
        attributes: attributes_of(
            &json!({"exception.type": "Own", "err": {"message": "later", "type": "Later"}}),
        ),
        ..of_text(&body.to_string())
    };
    assert_eq!(read(record), expected(17, "said", "Own", "told", NODE));
    let by_text = logs::LogRecord { severity_text: "WARN".into(), ..of_text(&body.to_string()) };
    assert_eq!(read(by_text).severity, SeverityNumber::WARN.get());
    let unknown_text = logs::LogRecord { severity_text: "loud".into(), ..of_text(&body.to_string()) };
    assert_eq!((read(unknown_text).severity, read(by_level("info")).stacktrace), (9, String::new()));
    assert_eq!(read(by_level("warn")).stacktrace, NODE);
}

#[test]
fn attributes_tell_of_an_exception_too() {
    let check = |attributes: serde_json::Value, type_name: &str, message: &str, stacktrace: &str| {
        let record = logs::LogRecord { attributes: attributes_of(&attributes), ..of_text("charge failed") };
        let found = expected(0, "charge failed", type_name, message, stacktrace);
        assert_eq!(read(record), found, "{attributes}");
    };
    check(json!({"err": {"type": "TypeError", "message": "no", "stack": NODE}}), "TypeError", "no", NODE);
    check(json!({"error": "EOF", "stacktrace": "main.main"}), "", "EOF", "main.main");
    check(json!({"error.type": "E", "error.message": "no", "error.stack": NODE}), "E", "no", NODE);
    check(json!({"exc_info": PYTHON}), "", "", PYTHON);
    check(json!({"stack": NODE}), "", "", NODE);
    // A status is no exception, and neither is an error that did not happen.
    for nothing in [
        json!({"error.type": "timeout"}),
        json!({"error.type": "500"}),
        json!({"error.type": "_OTHER"}),
        json!({"error": "<nil>"}),
        json!({"error": ""}),
        json!({"error": false, "err": null, "errors": 3, "error_count": "7"}),
        json!({"level": "error", "message": "other"}),
    ] {
        check(nothing, "", "", "");
    }
    check(json!({"error.type": "java.net.UnknownHostException"}), "java.net.UnknownHostException", "", "");
}

#[test]
fn the_wrappers_of_container_runtimes_are_taken_off() {
    let line =
        |log: &str| json!({"log": format!("{log}\n"), "stream": "stderr", "time": "2026-11-24T00:00:00Z"});
    check(&line("charge failed"), &expected(0, "charge failed", "", "", ""));
    let inner = json!({"level": 50, "msg": "charge failed", "err": {"message": "no", "stack": NODE}});
    check(&line(&inner.to_string()), &expected(17, "charge failed", "", "no", NODE));
    let kubernetes = json!({"log": inner.to_string(), "level": "info", "kubernetes": {"pod_name": "shop-1"}});
    check(&kubernetes, &expected(17, "charge failed", "", "no", NODE));
}

/// What has no message says what its texts say; names say nothing.
#[test]
fn names_are_no_message() {
    let said = |object: serde_json::Value| read(of_text(&object.to_string())).body;
    for (object, body) in [
        (json!({"error": null, "database_error_count": 0}), ""),
        (json!({}), ""),
        (
            json!({"status": 500, "detail": "database is locked", "path": "/cart"}),
            "database is locked\n/cart",
        ),
        (json!({"severity": "ERROR", "timestamp": "t", "what": "cart lost"}), "cart lost"),
        (json!({"error": "EOF", "path": "/cart"}), ""),
    ] {
        assert_eq!(said(object.clone()), body, "{object}");
    }
}

#[test]
fn what_is_no_json_object_stays_the_body() {
    let long = format!("{{\"msg\":\"{}\"}}", "x".repeat(64 * 1024));
    for body in [
        "",
        "{",
        "{}}",
        "{cart} is lost {now}",
        "{\"msg\":\"lost\"",
        "{\"msg\":\"lost\"} behind {}",
        "{\"msg\":lost}",
        "[{\"msg\":\"lost\"}]",
        "{\"msg\":\"one\"}\n{\"msg\":\"two\"}",
        "said {\"msg\":\"lost\"}",
        long.as_str(),
    ] {
        assert_eq!(read(of_text(body)), expected(0, body, "", "", ""), "{body:.40}");
    }
}

#[test]
fn texts_are_unescaped_and_what_cannot_be_stays() {
    for (body, said) in [
        (r#"{"msg":"a\tb\"c\" \u00e9 \ud83d\ude00"}"#, "a\tb\"c\" \u{e9} \u{1f600}"),
        (r#"{"msg":"lone \ud800 half"}"#, r"lone \ud800 half"),
        (r#"{"m\u0073g":"escaped name"}"#, "escaped name"),
        (r#"{"msg":"first","msg":"second"}"#, "first"),
        (r#"{"message":"","msg":"second"}"#, "second"),
        (r#"{"message":7,"msg":"second"}"#, "second"),
        (r#"{"msg":"later","message":"sooner"}"#, "sooner"),
    ] {
        assert_eq!(read(of_text(body)).body, said, "{body}");
    }
}

#[test]
fn bad_utf_8_is_read_lossily() {
    for (body, said) in [(&b"{\"msg\":\"a\xffb\"}"[..], "a\u{fffd}b"), (b"a\xffb", "a\u{fffd}b")] {
        let record = logs::LogRecord {
            body: Some(Any { value: Some(Kind::BytesValue(body.to_vec())) }),
            ..Default::default()
        };
        assert_eq!(read(record).body, said);
    }
}

fn shown(record: logs::LogRecord) -> Vec<(String, String)> {
    let mut all = Vec::new();
    with_record(record, |record| {
        let unfolded = Unfolded::new(record);
        attributes(&unfolded.record(), |key, value| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            all.push((text(key), text(&value.to_text(1_000))));
        });
    });
    all
}

#[test]
fn attributes_are_shown_with_what_else_the_body_holds() {
    let own = json!({"a": "text", "b": -7, "c": 1.5, "d": true, "e": null, "f": [1, "x\"", {"y": []}],
                     "exception.stacktrace": NODE, "exception.type": "E", "err": {"stack": NODE}});
    let expected: Vec<_> = [
        ("a", "text"),
        ("b", "-7"),
        ("c", "1.5"),
        ("d", "true"),
        ("e", ""),
        ("exception.type", "E"),
        ("f", r#"[1,"x\"",{"y":[]}]"#),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let mut found = shown(logs::LogRecord { attributes: attributes_of(&own), ..Default::default() });
    found.sort();
    assert_eq!(found, expected);

    let body = json!({"msg": "said", "stack": NODE, "err": "x", "order": {"id": 7}, "level": "error"});
    let expected = [("level", "error"), ("order", r#"{"id":7}"#)];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let as_map = logs::LogRecord { body: Some(any(&body)), ..Default::default() };
    let wrapped = of_text(&json!({"log": body.to_string()}).to_string());
    for record in [of_text(&body.to_string()), as_map, wrapped] {
        let mut found = shown(record);
        found.sort();
        assert_eq!(found, expected);
    }
    assert_eq!(shown(of_text("{\"a\":1} and {}")), []);
}

#[test]
fn what_nests_deeply_or_long_is_shown_in_a_bounded_text() {
    let deep = (0..60).fold(json!("core"), |inner, _| json!([inner]));
    let long = json!((0..100_000).collect::<Vec<_>>());
    let record = logs::LogRecord {
        attributes: attributes_of(&json!({"deep": deep, "long": long})),
        ..Default::default()
    };
    let found = shown(record);
    assert_eq!(found[0].1, format!("{}\"core\"{}", "[".repeat(60), "]".repeat(60)));
    assert!((1_000..1_100).contains(&found[1].1.len()));
}

/// Any of these would take minutes if the time were not linear in the text, or overflow the stack.
#[test]
fn hostile_bodies_take_linear_time_and_no_stack() {
    let started = Instant::now();
    let deep = |open: &str, close: &str| {
        let depth = 60_000 / (open.len() + close.len());
        format!("{{\"err\":{}{}}}", open.repeat(depth), close.repeat(depth))
    };
    for body in [
        format!("{{{}}}", "\"".repeat(1 << 20)),
        format!("{{\"msg\":\"{}\"}}", "1".repeat(60_000)),
        format!("{{\"level\":{}}}", "1".repeat(60_000)),
        format!("{{\"msg\":\"{}\"}}", "\\u0041".repeat(10_000)),
        deep("[", "]"),
        deep("{\"err\":", "}"),
        deep("{\"log\":", "}"),
        format!("{{{}\"msg\":\"last\"}}", "\"err\":{\"a\":1},".repeat(4_000)),
        format!("{{{}\"x\":1}}", "\"log\":\"{}\",".repeat(5_000)),
        "{".repeat(60_000) + &"}".repeat(5_000),
    ] {
        for _ in 0..10 {
            let _ = read(of_text(&body));
            let _ = shown(of_text(&body));
        }
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(inside in "[{}\\[\\]\":,\\\\a-z0-9 é]{0,60}", name in "(msg|level|err|error|log|stack)") {
        for body in [inside.clone(), format!("{{{inside}}}"), format!("{{\"{name}\":{inside}}}"), format!("{{\"{name}\":\"{inside}\"}}")] {
            let _ = shown(of_text(&body));
            let _ = read(of_text(&body));
        }
    }

    /// Any object of texts tells the same as JSON and as a map.
    #[test]
    fn json_and_maps_tell_the_same(entries in proptest::collection::btree_map("(msg|message|level|err|error|stack|log|[a-z]{1,3})", "[ -~é]{0,12}", 0..6)) {
        let object = json!(entries);
        let as_map = logs::LogRecord { body: Some(any(&object)), ..Default::default() };
        prop_assert_eq!(read(of_text(&object.to_string())), read(as_map));
    }
}
