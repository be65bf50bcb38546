//! The generator: `logmend send`, for all the same.

use std::process::Command;
use std::time::Duration;

use super::load::Load;
use super::process::GENERATOR;

/// What is sent, and how.
pub(crate) struct Sending<'l> {
    pub(crate) load: &'l Load,
    /// Records a second, or 0 as fast as they are taken.
    pub(crate) rate: u64,
    /// How often the file is sent.
    pub(crate) times: u64,
    pub(crate) connections: u32,
    /// Whether on a core of its own.
    pub(crate) pinned: bool,
}

impl<'l> Sending<'l> {
    /// Once, as fast as it is taken, over eight connections.
    pub(crate) fn of(load: &'l Load) -> Self {
        Self { load, rate: 0, times: 1, connections: 8, pinned: true }
    }
}

/// What it tells.
pub(crate) struct Sent {
    pub(crate) records: u64,
    pub(crate) records_a_second: u64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Whether the generator itself was what kept it from more.
    pub(crate) starved: bool,
}

/// Sends a file.
pub(crate) fn send(sending: &Sending<'_>, endpoint: &str) -> Sent {
    let program = env!("CARGO_BIN_EXE_logmend");
    let mut command = if sending.pinned {
        let mut pinned = Command::new("taskset");
        pinned.args(["--cpu-list", GENERATOR, program]);
        pinned
    } else {
        Command::new(program)
    };
    command.arg("send").arg(&sending.load.file).args(["--endpoint", endpoint]);
    for (flag, value) in
        [("--connections", sending.connections.into()), ("--rate", sending.rate), ("--repeat", sending.times)]
    {
        command.arg(flag).arg(value.to_string());
    }
    let output = command.env_clear().output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    let row = |name: &str| {
        let line = report.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {report}\n{}", String::from_utf8_lossy(&output.stderr)))
            .trim()
    };
    let quantile = |name: &str| {
        let value = row("ack latency").split_once(name).unwrap().1;
        Duration::from_secs_f64(value.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e3)
    };
    Sent {
        records: row("acknowledged").parse().unwrap(),
        records_a_second: row("records/s").parse().unwrap(),
        p50: quantile("p50"),
        p99: quantile("p99"),
        starved: report.contains("the receiver can do more"),
    }
}
