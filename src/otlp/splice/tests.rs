//! The splice against prost: what is decoded after it is what was meant, and what is not touched keeps its bytes.

use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use crate::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::proto::resource::v1::Resource;

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), key_strindex: 0 }
}

fn record(body: &str) -> LogRecord {
    LogRecord {
        time_unix_nano: 7,
        body: Some(AnyValue { value: Some(Value::StringValue(body.to_owned())) }),
        attributes: vec![attribute("user", "u1"), attribute("logmend.category", "forged")],
        ..LogRecord::default()
    }
}

/// A request of that many records in each scope of each resource.
fn request(shape: &[Vec<usize>]) -> ExportLogsServiceRequest {
    let mut n = 0;
    let mut records = |count| {
        (0..count)
            .map(|_| {
                n += 1;
                record(&"x".repeat(n * 37 % 300))
            })
            .collect::<Vec<_>>()
    };
    let mut scope = |count| ScopeLogs {
        scope: Some(InstrumentationScope { name: format!("scope {count}"), ..Default::default() }),
        log_records: records(count),
        schema_url: "https://opentelemetry.io/schemas/1.44.0".into(),
    };
    let resource_logs = shape
        .iter()
        .map(|scopes| ResourceLogs {
            resource: Some(Resource {
                attributes: vec![attribute("service.name", "shop")],
                ..Default::default()
            }),
            scope_logs: scopes.iter().map(|count| scope(*count)).collect(),
            schema_url: String::new(),
        })
        .collect();
    ExportLogsServiceRequest { resource_logs }
}

fn marks() -> Attributes {
    Attributes::default().with("logmend.category", "auth_error").with("logmend.rule", &"r".repeat(200))
}

fn fate(choice: u8) -> Fate {
    match choice % 3 {
        0 => Fate::Keep,
        1 => Fate::Drop,
        _ => Fate::Annotate(marks()),
    }
}

/// What [`splice`] must come to, said with message structs.
fn expected(mut request: ExportLogsServiceRequest, fates: &[Fate]) -> ExportLogsServiceRequest {
    let mut fates = fates.iter();
    request.resource_logs.retain_mut(|resource| {
        let before: usize = resource.scope_logs.iter().map(|scope| scope.log_records.len()).sum();
        resource.scope_logs.retain_mut(|scope| {
            let before = scope.log_records.len();
            scope.log_records.retain_mut(|record| match fates.next().unwrap() {
                Fate::Keep => true,
                Fate::Drop => false,
                Fate::Annotate(_) => {
                    record.attributes.retain(|attribute| attribute.key != "logmend.category");
                    record.attributes.push(attribute("logmend.category", "auth_error"));
                    record.attributes.push(attribute("logmend.rule", &"r".repeat(200)));
                    true
                }
            });
            before == 0 || !scope.log_records.is_empty()
        });
        before == 0 || resource.scope_logs.iter().any(|scope| !scope.log_records.is_empty())
    });
    request
}

proptest! {
    #[test]
    fn what_is_decoded_after_it_is_what_was_meant(
        shape in prop::collection::vec(prop::collection::vec(0..5_usize, 0..4), 0..4),
        choices in prop::collection::vec(any::<u8>(), 64),
    ) {
        let request = request(&shape);
        let fates: Vec<_> = choices.iter().map(|choice| fate(*choice)).collect();
        let bytes = Bytes::from(request.encode_to_vec());
        let spliced = splice(&bytes, |index| fates[usize::try_from(index).unwrap()].clone()).unwrap();
        let expected = expected(request, &fates);
        let records: usize =
            expected.resource_logs.iter().flat_map(|r| &r.scope_logs).map(|s| s.log_records.len()).sum();
        prop_assert_eq!(spliced.records, records as u64);
        // Where everything is kept, empty envelopes stay too; else those above a loss go with it.
        let decoded = ExportLogsServiceRequest::decode(spliced.request).unwrap();
        prop_assert_eq!(without_empty(decoded), without_empty(expected));
    }

    #[test]
    fn the_halves_are_the_whole(shape in prop::collection::vec(prop::collection::vec(1..5_usize, 1..4), 1..4)) {
        let request = request(&shape);
        let records: usize = shape.iter().flatten().sum();
        prop_assume!(records >= 2);
        let [one, two] = halves(&Bytes::from(request.encode_to_vec()), records as u64).unwrap();
        prop_assert_eq!((one.records + two.records, one.records), (records as u64, records as u64 / 2));
        let bodies = |request: &ExportLogsServiceRequest| -> Vec<_> {
            request.resource_logs.iter().flat_map(|r| &r.scope_logs).flat_map(|s| s.log_records.clone()).collect()
        };
        let decoded = |part: &Spliced| ExportLogsServiceRequest::decode(&part.request[..]).unwrap();
        let mut both = bodies(&decoded(&one));
        both.extend(bodies(&decoded(&two)));
        prop_assert_eq!(both, bodies(&request));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), choice in any::<u8>()) {
        let _ = splice(&Bytes::from(bytes), |index| fate(choice.wrapping_add(u8::try_from(index).unwrap_or(0))));
    }
}

fn without_empty(mut request: ExportLogsServiceRequest) -> ExportLogsServiceRequest {
    for resource in &mut request.resource_logs {
        resource.scope_logs.retain(|scope| !scope.log_records.is_empty());
    }
    request.resource_logs.retain(|resource| !resource.scope_logs.is_empty());
    request
}

#[test]
fn where_nothing_changes_the_very_bytes_go_on() {
    let bytes = Bytes::from(request(&[vec![2, 0], vec![]]).encode_to_vec());
    let spliced = splice(&bytes, |_| Fate::Keep).unwrap();
    assert_eq!((spliced.request.as_ptr(), spliced.records), (bytes.as_ptr(), 2));
}

#[test]
fn where_every_record_leaves_nothing_is_left() {
    let bytes = Bytes::from(request(&[vec![2, 0], vec![], vec![1]]).encode_to_vec());
    let spliced = splice(&bytes, |_| Fate::Drop).unwrap();
    assert_eq!(spliced.records, 0);
    let left = ExportLogsServiceRequest::decode(spliced.request).unwrap();
    assert!(left.resource_logs.iter().all(|resource| resource.scope_logs.is_empty()), "{left:?}");
}

/// A length-delimited field.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    head(number, content.len(), &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// Fields newer than our schema, overlong varints and an odd order of fields are nobody's business here.
#[test]
fn what_is_not_touched_keeps_its_bytes() {
    let kept = field(2, &[field(77, b"newer than we are"), vec![0x10, 0x91, 0x80, 0x00]].concat());
    let scope = [field(1, b""), vec![0xa0, 0x06, 0x05]].concat();
    let resource = field(1, &field(99, b"unknown of a resource"));
    let annotated = field(5, &field(1, b"body"));
    let scope_logs =
        [kept.clone(), scope.clone(), field(2, &annotated), field(2, b""), kept.clone()].concat();
    // The resource stands behind its records.
    let resource_logs = [field(2, &scope_logs), field(1000, b"reserved"), resource.clone()].concat();
    let whole = [field(9, b"unknown"), field(1, &resource_logs), field(1, b"")].concat();

    let fates = [Fate::Keep, Fate::Annotate(marks()), Fate::Drop, Fate::Keep];
    let spliced =
        splice(&Bytes::from(whole), |index| fates[usize::try_from(index).unwrap()].clone()).unwrap();

    let annotated = [annotated, marks().encoded].concat();
    let scope_logs = [kept.clone(), scope, field(2, &annotated), kept].concat();
    let resource_logs = [field(2, &scope_logs), field(1000, b"reserved"), resource].concat();
    let whole = [field(9, b"unknown"), field(1, &resource_logs), field(1, b"")].concat();
    assert_eq!((spliced.request, spliced.records), (Bytes::from(whole), 3));
}

#[test]
fn a_broken_envelope_is_malformed() {
    assert!(splice(&Bytes::from_static(&[0x0a, 5, 1]), |_| Fate::Keep).is_err());
}
