//! Most records match nothing, and cost no allocation: neither the walk, nor the rules, nor the pipeline around them.
//!
//! A test program of its own, since its allocator counts.

use std::hint::black_box;

use bytes::Bytes;
use logmend::classify::{Catalogue, Classifier, Rules, Scratch};
use logmend::model::{Transport, UnixNanos};
use logmend::otlp::{self, Limits, Unfolded};
use logmend::pipeline::Pipeline;
use logmend::proto::collector::logs::v1::ExportLogsServiceRequest;
use logmend::proto::common::v1::{AnyValue, KeyValue, any_value::Value};
use logmend::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use logmend::store::{Settings, Store};
use prost::Message as _;

const NOW: UnixNanos = UnixNanos(1_700_000_000_000_000_000);

/// For a request that matches nothing, whatever it holds: what is shared by its copies, the list of its one stream, and what
/// is remembered of how that ended.
const PER_REQUEST_MAX: u64 = 16;

fn text(text: String) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text)) }
}

fn attribute(key: &str, value: String) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(text(value)), key_strindex: 0 }
}

/// Records of which the rules read every byte, since no severity is told, and none of which matches.
fn request(records: u64, body: &str, attributes: &[&str]) -> Bytes {
    let records = (0..records).map(|i| LogRecord {
        time_unix_nano: NOW.0 + i,
        body: Some(text(format!("{body} {i:04}"))),
        attributes: attributes.iter().map(|key| attribute(key, format!("value-{i:04}"))).collect(),
        ..LogRecord::default()
    });
    let scope_logs = vec![ScopeLogs { log_records: records.collect(), ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec().into()
}

#[test]
fn the_walk_and_the_rules_allocate_nothing() {
    let attributes =
        ["http.request.method", "http.route", "user.id", "thread.name", "code.function.name", "session.id"];
    let request = request(1_000, &"served a cart from the cache ".repeat(6), &attributes);
    let classifier = Classifier::new(&Catalogue::built_in()).unwrap();
    let mut scratch = Scratch::default();
    let mut read = || {
        let (mut records, mut matched) = (0, 0);
        otlp::walk(black_box(&request), &Limits::default(), |resource, _, record| {
            records += 1;
            let unfolded = Unfolded::new(record);
            matched += u32::from(classifier.classify(&unfolded.record(), resource, &mut scratch).is_some());
        })
        .unwrap();
        (records, matched)
    };
    // The first request makes room in what is kept from record to record.
    assert_eq!(read(), (1_000, 0));
    let told = allocation_counter::measure(|| {
        read();
    });
    assert_eq!(told.count_total, 0, "{told:?}");
}

#[test]
fn the_pipeline_allocates_for_a_request_and_not_for_a_record() {
    // On one thread, whose allocations are counted; a request of this length is read on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::sqlite(folder.path().join("logmend.db"));
    let (store, _writer) = runtime.block_on(Store::open(&settings, || NOW)).unwrap();
    let pipeline = Pipeline::new(Rules::new(Catalogue::built_in()).unwrap(), store, true);
    let allocations = |records: u64| {
        let request = request(records, "served a cart", &[]);
        assert!(request.len() < 64 * 1024, "{} bytes", request.len());
        let mut receipt = None;
        let told = allocation_counter::measure(|| {
            receipt = runtime.block_on(pipeline.process(request.clone(), NOW, Transport::Grpc)).ok();
        });
        let receipt = receipt.unwrap();
        assert_eq!((receipt.records, receipt.counted), (records, 0));
        told.count_total
    };
    // The first one makes what the pipeline keeps.
    allocations(1);
    let (one, many) = (allocations(1), allocations(1_000));
    println!("a request of 1 record: {one} allocations; of 1,000: {many}");
    assert!(many <= one + 2 && many <= PER_REQUEST_MAX, "1 record: {one} allocations, 1,000: {many}");
}
