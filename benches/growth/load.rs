//! What is sent, and `logmend send`, which sends it from a process of its own.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::server::program;

/// More often than any run lasts: what ends it is the clock.
const UNTIL_STOPPED: u64 = 1_000_000_000;

/// Errors are told apart by words, since numbers are masked.
const WORDS: [&str; 20] = [
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo",
    "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango",
];

/// A file of lines of some 120 bytes.
pub(crate) struct Lines {
    folder: TempDir,
}

impl Lines {
    /// So many lines, of which one of so many is an error, of so many distinct ones in turn.
    pub(crate) fn write(count: usize, one_of: usize, distinct: usize) -> Self {
        let lines = Self { folder: tempfile::tempdir().unwrap() };
        let mut file = BufWriter::new(File::create(lines.file()).unwrap());
        for n in 0..count {
            if n % one_of == 0 {
                writeln!(
                    file,
                    "ERROR could not charge the card of order {n}: connection refused by the {} gateway after {} ms of waiting for an answer",
                    word(n / one_of % distinct),
                    n % 997
                )
            } else {
                writeln!(
                    file,
                    "INFO  order {n} was paid by card in {} ms and handed over to the warehouse in Rotterdam, parcel {} of 3 is on its way",
                    n % 997,
                    n % 3 + 1
                )
            }
            .unwrap();
        }
        file.flush().unwrap();
        lines
    }

    /// The usual: one line of a hundred is one of a hundred errors.
    pub(crate) fn usual() -> Self {
        Self::write(10_000, 100, 100)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shop.log")
    }
}

/// A word of words for each number.
fn word(mut number: usize) -> String {
    let mut word = String::new();
    loop {
        word = word + WORDS[number % WORDS.len()] + "_";
        number /= WORDS.len();
        if number == 0 {
            return word;
        }
    }
}

/// How it is sent.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Records a second, or [`super::effort::LIMIT`].
    pub(crate) rate: u32,
    pub(crate) connections: u32,
    /// Records of a request.
    pub(crate) batch: u32,
}

/// A `logmend send` under way.
pub(crate) struct Sender {
    child: Child,
}

/// What it told at its end.
pub(crate) struct Report {
    /// Records acknowledged in a second.
    pub(crate) rate: f64,
    pub(crate) acknowledged: f64,
    /// Records that were rejected, refused or not acknowledged.
    pub(crate) lost: f64,
    /// Milliseconds until half of the requests were acknowledged, and all but one of a hundred.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Sender {
    /// Sends the lines so many times.
    pub(crate) fn start(url: &str, lines: &Lines, pace: Pace, times: u64) -> Self {
        let child = program()
            .arg("send")
            .arg(lines.file())
            .args(["--endpoint", url])
            .args(["--rate", &pace.rate.to_string(), "--connections", &pace.connections.to_string()])
            .args(["--batch", &pace.batch.to_string(), "--repeat", &times.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child }
    }

    /// Sends the lines again and again.
    pub(crate) fn endless(url: &str, lines: &Lines, pace: Pace) -> Self {
        Self::start(url, lines, pace, UNTIL_STOPPED)
    }

    /// Lets it end what is under way.
    pub(crate) fn stop(self) -> Report {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        self.finish()
    }

    /// Waits until all is sent.
    pub(crate) fn finish(self) -> Report {
        let output = self.child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        Report::of(&told).unwrap_or_else(|| panic!("{told}\n{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// Sends for a while.
pub(crate) fn send(url: &str, lines: &Lines, pace: Pace, time: Duration) -> Report {
    let sender = Sender::endless(url, lines, pace);
    std::thread::sleep(time);
    sender.stop()
}

impl Report {
    fn of(told: &str) -> Option<Self> {
        let row = |name| told.lines().find_map(|line: &str| line.strip_prefix(name)).map(str::trim);
        let number = |name| row(name)?.parse::<f64>().ok();
        let latency = |name| {
            let mut words = row("ack latency")?.split_whitespace().skip_while(|word| *word != name);
            words.nth(1)?.parse().ok()
        };
        Some(Self {
            rate: number("records/s")?,
            acknowledged: number("acknowledged")?,
            lost: number("rejected")? + number("refused")? + number("unacknowledged")?,
            p50: latency("p50")?,
            p99: latency("p99")?,
        })
    }
}
