//! A stream of OTLP requests end to end: the real logmend and its peers, one after the other, under the same load.
//!
//! ```text
//! cargo bench --bench e2e
//! ```
//!
//! Each receiver runs on one core, `logmend send` and the sink on the other (`taskset`); the last table gives the receiver
//! both. All are sent the same records by the same generator: 200-byte bodies with six attributes, in requests of a thousand over
//! eight connections, one record in a hundred an error. What a receiver spends is read from `/proc`.
//!
//! Beside logmend stand an OpenTelemetry Collector that does as near the same as it can (`collector.yaml`, with what differs), and
//! rotel, which takes what it is sent and drops it. `. scripts/peers.sh` has both; one that is not there is left out.
//! Looked at and left out: Vector and Open Observe (no package registry has their programs), Fluent Bit (none has its OTLP
//! input's version), otel-arrow's engine (not published).
//!
//! Whoever only wants figures of logmend on their own records uses `logmend bench`.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark")]

mod load;
#[path = "../classify/machine.rs"]
mod machine;
mod process;
mod receivers;
mod send;
mod tables;

use std::path::Path;
use std::time::Duration;

use load::Load;
use receivers::Receiver;
use send::Sending;
use tables::Row;

/// How much is done: as `cargo bench` asks for, or as a test that it works.
struct Effort {
    /// Records of the file that is sent, over and over.
    records: usize,
    /// Records a second, each for some seconds.
    rates: &'static [u64],
    seconds: u64,
    /// How long an idle receiver is watched.
    idle: Duration,
    /// Whether to look for the highest rate.
    seeks_highest: bool,
}

const MEASURE: Effort = Effort {
    records: 20_000,
    rates: &[10_000, 100_000, 200_000],
    seconds: 4,
    idle: Duration::from_secs(5),
    seeks_highest: true,
};
/// The rate at which one load is compared with another.
const COMPARED: &[u64] = &[100_000];

const TRY_OUT: Effort = Effort {
    records: 2_000,
    rates: &[4_000],
    seconds: 1,
    idle: Duration::from_millis(100),
    seeks_highest: false,
};

fn main() {
    let measures = std::env::args().any(|argument| argument == "--bench");
    let effort = if measures { MEASURE } else { TRY_OUT };
    let folder = tempfile::tempdir().unwrap();
    println!("{}", machine::shown());
    rates(folder.path(), &effort, measures);
}

/// Each receiver at each rate.
fn rates(folder: &Path, effort: &Effort, measures: bool) {
    let quiet = Load::write(folder, effort.records, 0);
    let scanned = Load::write(folder, effort.records, 100);
    let gated = Load::gated(folder, effort.records, 100);
    let receivers = Receiver::all(folder, !measures && std::env::var_os("CI").is_some());

    let idle: Vec<_> = receivers.iter().map(|receiver| idle(receiver, effort)).collect();
    tables::idle(&idle);
    let title = "1 % errors, no record says its severity: each is scanned";
    let rows: Vec<_> =
        receivers.iter().flat_map(|receiver| measure(receiver, &scanned, effort, true)).collect();
    tables::rates(title, "one core", &rows);
    let effort =
        Effort { rates: if measures { COMPARED } else { effort.rates }, seeks_highest: false, ..*effort };
    let both: Vec<_> =
        receivers.iter().flat_map(|receiver| measure(receiver, &scanned, &effort, false)).collect();
    tables::rates(title, "both cores", &both);
    for (load, title) in [
        (&gated, "1 % errors, the other records are INFO"),
        (&quiet, "no errors, no record says its severity"),
    ] {
        let rows: Vec<_> =
            receivers.iter().flat_map(|receiver| measure(receiver, load, &effort, true)).collect();
        tables::rates(title, "one core", &rows);
    }
}

fn idle(receiver: &Receiver, effort: &Effort) -> tables::Idle {
    let server = receiver.start(true);
    std::thread::sleep(Duration::from_secs(1).min(effort.idle));
    let spent = server.cpu();
    std::thread::sleep(effort.idle);
    let share = server.cpu().saturating_sub(spent).as_secs_f64() / effort.idle.as_secs_f64();
    tables::Idle { name: receiver.name, ready: server.ready_after, share, memory: server.memory() }
}

/// One fresh process for each rate, so that each has its own peak of memory.
fn measure(receiver: &Receiver, load: &Load, effort: &Effort, pinned: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for &rate in effort.rates {
        let row = run(receiver, load, rate, rate, effort.seconds, pinned);
        let is_held = row.is_held();
        rows.push(row);
        if !is_held {
            break;
        }
    }
    // One that does not hold the lowest rate has told already how many it takes.
    if effort.seeks_highest && rows.iter().any(Row::is_held) {
        let most = rows.iter().map(|row| row.sent.records_a_second).max().unwrap_or_default();
        rows.push(highest(receiver, load, most, effort.seconds, pinned));
    }
    rows
}

/// The highest rate that is held, to some percent: downwards from what is taken as fast as it can be.
fn highest(receiver: &Receiver, load: &Load, about: u64, seconds: u64, pinned: bool) -> Row {
    let mut row = run(receiver, load, 0, about * 2, seconds, pinned);
    let most = row.sent.records_a_second;
    for share in [90, 75, 60, 45, 30, 15] {
        if row.is_held() {
            break;
        }
        let rate = most / 100 * share;
        row = run(receiver, load, rate, rate, seconds, pinned);
    }
    Row { is_highest: true, ..row }
}

/// Sends for about so many seconds, at a rate or, where it is 0, as fast as it is taken, `about` so many a second.
fn run(receiver: &Receiver, load: &Load, rate: u64, about: u64, seconds: u64, pinned: bool) -> Row {
    let server = receiver.start(pinned);
    // The first requests open connections and make all clusters. They also tell of one that takes far fewer.
    let slow = about.min(20_000);
    let warm = send::send(&Sending { times: 1, rate: slow, pinned, ..Sending::of(load) }, &server.endpoint);
    let about = if warm.records_a_second < slow / 2 { warm.records_a_second } else { about };
    let before = server.cpu();
    let times = (about * seconds).div_ceil(load.records as u64).max(1);
    let sent = send::send(&Sending { rate, times, pinned, ..Sending::of(load) }, &server.endpoint);
    // What is still under way after the last answer.
    std::thread::sleep(Duration::from_millis(1_500));
    Row {
        name: receiver.name,
        rate: if rate == 0 { sent.records_a_second } else { rate },
        cpu: server.cpu().saturating_sub(before).div_f64(sent.records.max(1) as f64 / 1e6),
        peak: server.memory().peak,
        sent,
        is_highest: false,
    }
}
