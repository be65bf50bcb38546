//! How cost grows with the rate, the literals, the distinct errors, the connections and the replicas: a table and a curve of each.
//!
//! `cargo bench --bench e2e -- growth` writes the curves into `target/bench`, `… growth --write FOLDER` into a folder.

mod plot;
mod postgres;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use logmend::classify::Literals;

use super::Effort;
use super::load::Load;
use super::process::Server;
use super::receivers;
use super::send::{self, Sending};
use plot::{Curve, Plot};
use postgres::Postgres;

/// What is tried of each series.
struct Series {
    rates: &'static [u64],
    literals: &'static [usize],
    distinct: &'static [usize],
    connections: &'static [u32],
    replicas: usize,
}

const MEASURE: Series = Series {
    rates: &[1_000, 3_000, 10_000, 30_000, 100_000, 200_000, 300_000],
    literals: &[1, 10, 100, 1_000, 10_000],
    distinct: &[10, 100, 1_000, 10_000, 100_000, 1_000_000],
    connections: &[1, 2, 4, 8, 16, 32, 64],
    replicas: 4,
};
const TRY_OUT: Series = Series {
    rates: &[2_000, 4_000],
    literals: &[1, 100],
    distinct: &[10, 100],
    connections: &[1, 4],
    replicas: 1,
};

/// Measures all series.
pub(crate) fn run(folder: &Path, effort: &Effort, measures: bool, write: Option<PathBuf>) {
    let series = if measures { MEASURE } else { TRY_OUT };
    let into = write.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench")));
    std::fs::create_dir_all(&into).unwrap();
    let plots = [
        rates(folder, effort, series.rates),
        literals(series.literals),
        distinct(folder, effort, series.distinct),
        connections(folder, effort, series.connections),
    ];
    let replicas = Postgres::is_there().then(|| replicas(folder, effort, series.replicas));
    if replicas.is_none() {
        println!("\nleft out: replicas, as LOGMEND_POSTGRES_BIN is not set; `. scripts/peers.sh` sets it");
    }
    for plot in plots.iter().chain(&replicas) {
        plot.print();
        let file = into.join(format!("{}.svg", plot.name));
        plot.draw(&file);
        let drawn = std::fs::read_to_string(&file).unwrap();
        assert!(drawn.starts_with("<svg") && drawn.contains("polyline"), "{}", file.display());
        println!("\ncurve: {}", file.display());
    }
}

/// What one process spent.
struct Spent {
    /// Microseconds a record.
    cpu: f64,
    p99: f64,
    peak: f64,
}

fn spend(server: &Server, sending: &Sending<'_>) -> Spent {
    let before = server.cpu();
    let sent = send::send(sending, &server.endpoint);
    std::thread::sleep(Duration::from_millis(1_200));
    Spent {
        cpu: (server.cpu() - before).as_secs_f64() * 1e6 / sent.records.max(1) as f64,
        p99: sent.p99.as_secs_f64() * 1e3,
        peak: server.memory().peak,
    }
}

fn rates(folder: &Path, effort: &Effort, rates: &[u64]) -> Plot {
    let load = Load::write(folder, effort.records, 100);
    let mut plot = Plot::new(
        "rate",
        "records a second, 1 % of them errors",
        &["CPU of the server, µs a record", "ack p99, ms"],
    );
    for &rate in rates {
        let server = receivers::built_in(folder, &[]);
        let times = (rate * effort.seconds).div_ceil(load.records as u64);
        let spent = spend(&server, &Sending { rate, times, ..Sending::of(&load) });
        plot.add(rate as f64, &[spent.cpu, spent.p99]);
    }
    plot
}

fn connections(folder: &Path, effort: &Effort, connections: &[u32]) -> Plot {
    let load = Load::write(folder, effort.records, 100);
    let rate = effort.rates.last().map_or(4_000, |rate| (*rate).min(50_000));
    let mut plot = Plot::new(
        "connections",
        "connections, together 50,000 records a second",
        &["CPU of the server, µs a record", "ack p99, ms"],
    );
    for &connections in connections {
        let server = receivers::built_in(folder, &[]);
        let times = (rate * effort.seconds).div_ceil(load.records as u64);
        let spent = spend(&server, &Sending { rate, times, connections, ..Sending::of(&load) });
        plot.add(f64::from(connections), &[spent.cpu, spent.p99]);
    }
    plot
}

fn distinct(folder: &Path, effort: &Effort, distinct: &[usize]) -> Plot {
    let mut plot = Plot::new(
        "distinct-errors",
        "distinct errors, every record one of them",
        &["CPU of the server, µs a record", "memory at its peak, MiB"],
    );
    for &distinct in distinct {
        let load = Load::distinct(folder, distinct, effort.records.max(distinct));
        let server = receivers::built_in(folder, &[]);
        let spent = spend(&server, &Sending { times: 1, ..Sending::of(&load) });
        std::fs::remove_file(&load.file).unwrap();
        plot.add(distinct as f64, &[spent.cpu, spent.peak]);
    }
    plot
}

/// In this process: lines of words, of which one in a hundred holds a literal.
fn literals(counts: &[usize]) -> Plot {
    let mut plot = Plot::new("literals", "literals", &["logmend, ns a record", "aho-corasick, ns a record"]);
    for &count in counts {
        let texts: Vec<String> = (0..count)
            .map(|number| format!("failed to {} the {}", word(number), word(number * 31 + 7)))
            .collect();
        let lines: Vec<String> = (0..2_000)
            .map(|number| {
                let literal =
                    if number % 100 == 0 { &texts[number % count] } else { "handed the parcel over" };
                format!(
                    "2026-03-14 INFO order {number} by {} with {literal} of shelf {} in {number} ms",
                    word(number * 7),
                    word(number * 13)
                )
            })
            .collect();
        let ours = Literals::new(&texts).unwrap();
        let plain = aho_corasick::AhoCorasick::builder().ascii_case_insensitive(true).build(&texts).unwrap();
        let mut found = Vec::new();
        let ours = nanoseconds(&lines, |line| {
            ours.find(line, &mut found);
            found.len()
        });
        let plain = nanoseconds(&lines, |line| plain.find_overlapping_iter(line).count());
        plot.add(count as f64, &[ours, plain]);
    }
    plot
}

/// The least of some passes.
fn nanoseconds(lines: &[String], mut find: impl FnMut(&[u8]) -> usize) -> f64 {
    let passes = (0..15).map(|_| {
        let begun = Instant::now();
        for line in lines {
            std::hint::black_box(find(line.as_bytes()));
        }
        begun.elapsed()
    });
    passes.min().unwrap().as_secs_f64() * 1e9 / lines.len() as f64
}

/// A word for each number below 512,000, without a digit.
fn word(number: usize) -> String {
    let syllable = |part: usize| [b"bcdfghklmnprstvz"[part % 16], b"aeiou"[part / 16 % 5]].map(char::from);
    [number, number / 80, number / 6_400].into_iter().flat_map(syllable).collect()
}

/// Each replica gets as much; all share one database, and all share this machine.
fn replicas(folder: &Path, effort: &Effort, most: usize) -> Plot {
    let mut plot = Plot::new(
        "replicas",
        "replicas on one PostgreSQL, each sent 20,000 records a second",
        &["records taken a second by all", "ack p99 of the slowest, ms"],
    );
    let load = Load::write(folder, effort.records, 100);
    let rate = effort.rates.last().map_or(4_000, |rate| (*rate).min(20_000));
    for count in 1..=most {
        let postgres = Postgres::start(folder);
        let servers: Vec<_> = (0..count).map(|_| receivers::on_postgres(folder, &postgres.url)).collect();
        let times = (rate * effort.seconds).div_ceil(load.records as u64);
        let sending = Sending { rate, times, pinned: false, ..Sending::of(&load) };
        let sent: Vec<_> = std::thread::scope(|scope| {
            let senders: Vec<_> =
                servers.iter().map(|server| scope.spawn(|| send::send(&sending, &server.endpoint))).collect();
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        let taken: u64 = sent.iter().map(|sent| sent.records_a_second).sum();
        let p99 = sent.iter().map(|sent| sent.p99).max().unwrap_or_default();
        plot.add(count as f64, &[taken as f64, p99.as_secs_f64() * 1e3]);
    }
    plot
}

/// What one column of a plot is called in its table.
impl Curve {
    fn cell(&self, index: usize) -> String {
        let value = self.points[index].1;
        if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
    }
}
