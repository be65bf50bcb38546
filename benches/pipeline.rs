//! How fast a request is walked, classified and fingerprinted, in records and bytes a second, beside prost on the same bytes.
//!
//! `cargo bench` uses the lines of the bundled demo log. `LOGMEND_CORPUS=FOLDER cargo bench` uses the `*.log` files of a
//! folder. Either way the lines are drawn with a fixed seed, 1,000 of them a request, each with six attributes; the share of
//! them that matches a rule is printed, since it decides what classification costs.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use logmend::classify::{Catalogue, Classifier, Scratch};
use logmend::fingerprint;
use logmend::model::{LogRecord, Resource};
use logmend::otlp::{self, Limits, Unfolded};
use logmend::proto::collector::logs::v1::ExportLogsServiceRequest;
use logmend::proto::common::v1::{AnyValue, KeyValue, any_value::Value};
use logmend::proto::logs::v1::{LogRecord as WireRecord, ResourceLogs, ScopeLogs};
use prost::Message;

const RECORDS: usize = 1_000;

/// A record of the corpus: its severity number and its text.
type Line = (i32, String);

fn corpus() -> (String, Vec<Line>) {
    match std::env::var("LOGMEND_CORPUS") {
        Ok(folder) => (folder.clone(), lines_of_folder(Path::new(&folder))),
        Err(_) => ("the bundled demo log".to_owned(), bundled_lines()),
    }
}

fn lines_of_folder(folder: &Path) -> Vec<Line> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    let text = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    // Severity 0, unknown: every record is scanned.
    files
        .into_iter()
        .flat_map(|path| text(path).lines().map(|line| (0, line.to_owned())).collect::<Vec<_>>())
        .collect()
}

fn bundled_lines() -> Vec<Line> {
    include_str!("../src/commands/demo/webshop.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| {
            let trace = line["exception"]["stacktrace"].as_str().unwrap_or_default();
            (
                0,
                format!(
                    "{}{}{trace}",
                    line["body"].as_str().unwrap(),
                    if trace.is_empty() { "" } else { "\n" }
                ),
            )
        })
        .collect()
}

/// Draws lines with a fixed seed (xorshift64*, Vigna 2016).
fn drawn(lines: &[Line]) -> Vec<Line> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap()
    };
    (0..RECORDS).map(|_| lines[next() % lines.len()].clone()).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, key_strindex: 0 }
}

fn request(lines: &[Line]) -> Vec<u8> {
    let records = lines.iter().enumerate().map(|(i, (severity, text))| WireRecord {
        time_unix_nano: 1_700_000_000_000_000_000 + i as u64,
        severity_number: *severity,
        body: Some(AnyValue { value: Some(Value::StringValue(text.clone())) }),
        attributes: vec![
            attribute("http.request.method", "GET"),
            attribute("http.route", "/cart/{id}"),
            attribute("user.id", &format!("user-{i}")),
            attribute("thread.name", "worker-3"),
            attribute("code.function.name", "shop.cart.checkout"),
            attribute("session.id", &format!("{i:032x}")),
        ],
        trace_id: vec![7; 16],
        span_id: vec![7; 8],
        ..WireRecord::default()
    });
    let scope_logs = vec![ScopeLogs { log_records: records.collect(), ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
        .encode_to_vec()
}

/// Both readers in turn over the same bytes, so that a busy machine slows both: six attributes, bodies of 200 bytes.
fn compare_with_prost() {
    const TURNS: usize = 21;
    let lines: Vec<Line> = (0..RECORDS).map(|i| (0, format!("{i:0>200}"))).collect();
    let bytes = request(&lines);
    let walk = || {
        let mut text = 0;
        otlp::walk(black_box(&bytes), &Limits::default(), |_, _, record| text += record.body.len()).unwrap();
        black_box(text);
    };
    let prost = || {
        black_box(ExportLogsServiceRequest::decode(black_box(&bytes[..])).unwrap());
    };
    let mut turns: Vec<_> = (0..TURNS).map(|_| (took(walk), took(prost))).collect();
    turns.sort_by_key(|(walk, prost)| prost.as_nanos() * 1_000 / walk.as_nanos().max(1));
    let (walk, prost) = turns[TURNS / 2];
    println!(
        "6 attributes, bodies of 200 bytes: walk {} ns a record, prost {} ns, ratio {:.1}",
        walk.as_nanos() / RECORDS as u128,
        prost.as_nanos() / RECORDS as u128,
        prost.as_secs_f64() / walk.as_secs_f64()
    );
}

/// The mean of a few rounds.
fn took(read: impl Fn()) -> Duration {
    const ROUNDS: u32 = 20;
    let begun = Instant::now();
    (0..ROUNDS).for_each(|_| read());
    begun.elapsed() / ROUNDS
}

fn throughput(bytes: usize, records: usize) -> Throughput {
    Throughput::ElementsAndBytes { elements: records as u64, bytes: bytes as u64 }
}

fn benches(criterion: &mut Criterion) {
    compare_with_prost();
    let (name, lines) = corpus();
    let lines = drawn(&lines);
    let bytes = request(&lines);
    let text_bytes = lines.iter().map(|(_, text)| text.len()).sum();
    let records: Vec<_> =
        lines.iter().map(|(_, text)| LogRecord { body: text.as_bytes(), ..LogRecord::default() }).collect();
    let classifier = Classifier::new(&Catalogue::built_in()).unwrap();
    let mut scratch = Scratch::default();
    let matched: Vec<_> = records
        .iter()
        .copied()
        .filter(|record| classifier.classify(record, &Resource::default(), &mut scratch).is_some())
        .collect();
    println!(
        "corpus: {name}; {} of {RECORDS} records match, {text_bytes} bytes of text, {} on the wire",
        matched.len(),
        bytes.len()
    );

    let mut group = criterion.benchmark_group("walk");
    group.throughput(throughput(bytes.len(), RECORDS));
    group.bench_function("borrowed", |b| {
        b.iter(|| {
            let mut text = 0;
            otlp::walk(black_box(&bytes), &Limits::default(), |_, _, record| text += record.body.len())
                .unwrap();
            text
        });
    });
    group.bench_function("prost", |b| {
        b.iter(|| ExportLogsServiceRequest::decode(black_box(&bytes[..])).unwrap());
    });
    group.finish();

    let mut group = criterion.benchmark_group("classify");
    group.throughput(throughput(text_bytes, RECORDS));
    group.bench_function("every record scanned", |b| {
        b.iter(|| {
            let none = Resource::default();
            records
                .iter()
                .filter(|r| classifier.classify(black_box(r), &none, &mut scratch).is_some())
                .count()
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("fingerprint");
    let matched_bytes = matched.iter().map(|record| record.body.len()).sum();
    group.throughput(throughput(matched_bytes, matched.len()));
    let resource = Resource { service_name: b"shop", ..Resource::default() };
    group.bench_function("matched records", |b| {
        b.iter(|| {
            for record in &matched {
                black_box(fingerprint::analyze(black_box(record), &resource));
            }
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("request");
    group.throughput(throughput(bytes.len(), RECORDS));
    group.bench_function("walk, classify, fingerprint", |b| {
        b.iter(|| {
            otlp::walk(black_box(&bytes), &Limits::default(), |resource, _, record| {
                if !classifier.may_hold(record) {
                    return;
                }
                let unfolded = Unfolded::new(record);
                let record = unfolded.record();
                if classifier.classify(&record, resource, &mut scratch).is_some() {
                    black_box(fingerprint::analyze(&record, resource));
                }
            })
            .unwrap()
        });
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
