use super::*;
use crate::model::CodeLocation;

const TRACE: &str = "Traceback (most recent call last):\n  File \"/app/cart.py\", line 12, in total\n    f()\nKeyError: 'sku'\n";

/// Protocol Buffers bytes of a field that holds bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

/// A `LogRecord` with attributes that are texts.
fn wire(attributes: &[(&str, &[u8])]) -> Vec<u8> {
    let attribute = |(key, value): &(&str, &[u8])| {
        field(6, &[field(1, key.as_bytes()), field(2, &field(1, value))].concat())
    };
    attributes.iter().flat_map(attribute).collect()
}

fn sample(record: &LogRecord<'_>) -> Sample {
    KeptLimits::default().sample(record, UnixNanos(1))
}

fn detail(record: &LogRecord<'_>, resource: &Resource<'_>) -> ClusterDetail {
    KeptLimits::default().detail(fingerprint::analyze(record, resource), resource, record)
}

#[test]
fn an_example_keeps_its_attributes_without_their_secrets() {
    let wire = wire(&[
        ("order.id", b"A7"),
        ("db.password", b"hunter2"),
        ("http.request.header.authorization", b"Bearer abcdef1234567890"),
        ("card", b"4111 1111 1111 1111"),
        ("quoted", b"say \"password=hunter2\" now"),
        ("note\x1b[31m", b"red\x1b[0m\xff"),
        ("exception.stacktrace", TRACE.as_bytes()),
        ("order.id", b"second"),
    ]);
    let attributes = sample(&LogRecord { wire: &wire, ..LogRecord::default() }).attributes;
    let shown = format!("{attributes:?}");
    assert_eq!(attributes["order.id"], "A7", "{shown}");
    assert_eq!(attributes["note"], "red\u{fffd}", "{shown}");
    for secret in ["hunter2", "abcdef1234567890", "4111", "Traceback"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert_eq!(attributes.len(), 6, "{shown}");
}

#[test]
fn what_is_kept_is_bounded_whatever_came() {
    let limits = KeptLimits::default();
    let long = "y ".repeat(1 << 19);
    let many: Vec<(String, &[u8])> =
        (0..1_000).map(|n| (format!("{n} {long}"), long.as_bytes())).take(300).collect();
    let many: Vec<(&str, &[u8])> =
        many.iter().map(|(key, value)| (&key[..2_000], &value[..20_000])).collect();
    let wire = wire(&many);
    let frames = "    at total (/app/src/cart.js:12:5)\n    at main (/app/src/main.js:1:5)\n".repeat(10_000);
    let record = LogRecord {
        body: long.as_bytes(),
        exception: crate::model::Exception { stacktrace: frames.as_bytes(), ..Default::default() },
        wire: &wire,
        ..LogRecord::default()
    };
    let sample = sample(&record);
    let cuts = limits.cuts_of_sample(&record);
    assert_eq!((cuts.bodies, cuts.values, cuts.attributes), (1, 128, 172), "what is cut is counted");
    let analysis = fingerprint::analyze(&record, &Resource::default());
    assert_eq!(limits.cuts_of_detail(&analysis, &record).stack_traces, 1);
    assert_eq!(limits.cuts_of_sample(&LogRecord::default()), Cuts::default());
    assert_eq!(sample.body.len(), limits.body_bytes_max);
    assert_eq!(sample.attributes.len(), limits.attributes_max);
    for (key, value) in &sample.attributes {
        assert!(key.len() <= limits.name_bytes_max && value.len() <= limits.value_bytes_max);
    }
    let resource = Resource { service_name: long.as_bytes(), ..Resource::default() };
    let detail = detail(&record, &resource);
    assert_eq!((detail.frames.len(), detail.service.len()), (limits.frames_max, limits.name_bytes_max));
    assert!(detail.stack_trace.len() <= limits.stack_trace_bytes_max);
}

/// A formatter that writes the trace into the body changes nothing of what is kept.
#[test]
fn a_repeated_trace_is_kept_once() {
    let exception =
        crate::model::Exception { type_name: b"KeyError", message: b"'sku'", stacktrace: TRACE.as_bytes() };
    let plain = LogRecord { body: b"charge failed", exception, ..LogRecord::default() };
    let body = format!("charge failed\n{TRACE}");
    let formatted = LogRecord { body: body.as_bytes(), ..plain };
    assert_eq!(sample(&plain), sample(&formatted));
    assert_eq!(sample(&plain).body, "charge failed");
    let resource = Resource::default();
    assert_eq!(detail(&plain, &resource), detail(&formatted, &resource));
}

#[test]
fn where_the_record_was_written_stands_for_a_trace() {
    let code =
        CodeLocation { function: b"total", file: b"/app/cart.py", line: 12, ..CodeLocation::default() };
    let record = LogRecord { body: b"no cart", code, ..LogRecord::default() };
    let kept = detail(&record, &Resource::default());
    let innermost = kept.innermost_in_app().unwrap();
    assert_eq!((innermost.file.as_str(), innermost.line), ("/app/cart.py", Some(12)));
    assert_eq!(kept.stack_trace, "");
    let exception = crate::model::Exception { stacktrace: TRACE.as_bytes(), ..Default::default() };
    let traced = detail(&LogRecord { exception, ..record }, &Resource::default());
    assert_eq!(traced.frames.len(), 1, "the trace's own frame");
}

#[test]
fn where_the_code_comes_from_is_kept() {
    let resource = Resource {
        service_name: b"checkout",
        service_namespace: b"shop",
        vcs_ref_name: b"main",
        language: b"python",
        ..Resource::default()
    };
    let kept = detail(&LogRecord::default(), &resource);
    assert_eq!(
        [kept.service, kept.service_namespace, kept.vcs_ref_name, kept.language],
        ["checkout", "shop", "main", "python"]
    );
}
