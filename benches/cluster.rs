//! What it costs to name the error of a line, beside Drain3 on the same lines in the same run.
//!
//! `cargo bench --bench cluster` uses lines of our own making (`tests/data/groups.tsv`); `LOGMEND_CORPUS=FOLDER` uses the `*.log`
//! files of a folder. Drain3 0.9.11 runs where `LOGMEND_PYTHON` names a Python that has it, as `./scripts/test` makes one;
//! both use one core, and the best of several rounds counts. What is hostile is measured by the byte: each is linear.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use logmend::fingerprint::{self, Known};
use logmend::model::{LogRecord, Resource};

/// Rounds of the comparison; the best counts.
const ROUNDS: usize = 40;

fn corpus() -> (String, Vec<String>) {
    match std::env::var("LOGMEND_CORPUS") {
        Ok(folder) => (folder.clone(), lines_of_folder(Path::new(&folder))),
        Err(_) => ("lines of our own making".to_owned(), own_lines()),
    }
}

fn own_lines() -> Vec<String> {
    let lines = include_str!("../tests/data/groups.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').unwrap().1.to_owned()).collect()
}

fn lines_of_folder(folder: &Path) -> Vec<String> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    let text = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    files.into_iter().flat_map(|path| text(path).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn name_all(lines: &[String], resource: &Resource<'_>) {
    for line in lines {
        let record = LogRecord { body: line.as_bytes(), ..LogRecord::default() };
        black_box(fingerprint::analyze(black_box(&record), resource));
    }
}

fn best(rounds: usize, mut work: impl FnMut()) -> Duration {
    let time = |()| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    (0..rounds).map(|_| ()).map(time).min().unwrap()
}

/// Lines a second of both, and their ratio.
fn side_by_side(lines: &[String]) {
    let resource = Resource { service_name: b"shop", ..Resource::default() };
    let count = f64::from(u32::try_from(lines.len()).unwrap());
    let took = best(ROUNDS, || name_all(lines, &resource));
    let ours = count / took.as_secs_f64();
    println!("fingerprint: {ours:.0} lines/s, {:.0} ns a line", 1e9 / ours);
    let whole = best(ROUNDS, || cluster_all(lines));
    let clustered = count / whole.as_secs_f64();
    println!("fingerprint and families: {clustered:.0} lines/s");
    let Ok(python) = std::env::var("LOGMEND_PYTHON") else {
        println!(
            "Drain3 was not run: set LOGMEND_PYTHON to a Python with drain3 0.9.11 (`. scripts/peers.sh` does)"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.log");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let script = format!("{}/benches/run_drain3.py", env!("CARGO_MANIFEST_DIR"));
    let output =
        Command::new(python).args([script.as_ref(), file.as_os_str(), "5".as_ref()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (drain, clusters) = text.trim().split_once(' ').unwrap();
    let drain: f64 = drain.parse().unwrap();
    println!("Drain3: {drain:.0} lines/s, {clusters} clusters");
    println!("ratio: fingerprint {:.1} x, with families {:.1} x", ours / drain, clustered / drain);
}

/// What `logmend classify --all` does with lines, without reading and printing.
fn cluster_all(lines: &[String]) {
    let resource = Resource { service_name: b"shop", ..Resource::default() };
    let mut templates = HashMap::new();
    for line in lines {
        let record = LogRecord { body: line.as_bytes(), ..LogRecord::default() };
        let analysis = fingerprint::analyze(&record, &resource);
        templates.entry(analysis.fingerprint).or_insert(analysis.message);
    }
    let known: Vec<_> = templates
        .iter()
        .map(|(id, template)| Known { fingerprint: *id, service: "shop", error_type: "", template })
        .collect();
    black_box(fingerprint::families(&known));
}

/// Texts that would cost a careless reader the square of their length, each at one size and at ten times it.
fn hostile() -> Vec<(&'static str, String)> {
    let traces = |frames: usize| {
        let frame = |n: usize| format!("\tat com.example.shop.Cart.m{}(Cart.java:{n})\n", n % 7);
        format!("java.lang.IllegalStateException: no\n{}", (0..frames).map(frame).collect::<String>())
    };
    vec![
        ("100 kB of one line", "cannot do it ".repeat(8_000)),
        ("1 MB of one line", "cannot do it ".repeat(80_000)),
        ("10,000 digits", "7".repeat(10_000)),
        ("100,000 digits", "7".repeat(100_000)),
        ("100 kB of quotes", "\"'` ".repeat(25_000)),
        ("1,000 frames", traces(1_000)),
        ("10,000 frames", traces(10_000)),
    ]
}

fn benches(criterion: &mut Criterion) {
    let (name, lines) = corpus();
    println!("corpus: {name}, {} lines", lines.len());
    side_by_side(&lines);

    let bytes: usize = lines.iter().map(String::len).sum();
    let mut group = criterion.benchmark_group("cluster");
    group.throughput(Throughput::ElementsAndBytes { elements: lines.len() as u64, bytes: bytes as u64 });
    group.bench_function("template", |b| {
        b.iter(|| {
            lines.iter().map(|line| fingerprint::template(black_box(line.as_bytes())).len()).sum::<usize>()
        });
    });
    let resource = Resource { service_name: b"shop", ..Resource::default() };
    group.bench_function("fingerprint", |b| b.iter(|| name_all(&lines, &resource)));
    group.finish();

    let mut group = criterion.benchmark_group("hostile");
    for (name, text) in hostile() {
        group.throughput(Throughput::Bytes(text.len() as u64));
        let record = LogRecord { body: text.as_bytes(), ..LogRecord::default() };
        group.bench_function(name, |b| b.iter(|| fingerprint::analyze(black_box(&record), &resource)));
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
