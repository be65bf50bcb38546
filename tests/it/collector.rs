//! A real Collector on both sides: what it hands over arrives, whatever happens to logmend on the way.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::collector::{Collector, free_port, otelcol};
use crate::support::programs::{self, prepared};
use crate::support::service::Service;

/// How many lines the application writes, in how many goes.
const LINES: u64 = 60_000;
const GOES: u64 = 6;
/// How long all of them may take, on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_mins(2);

/// The configuration that people are given is one that the Collector takes, with nothing set.
#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_valid() {
    programs::run(otelcol(&["validate"])).await;
}

/// Appends one go of numbered lines: one error, and no two lines alike.
fn write(collector: &Collector, go: u64) {
    let mut lines = String::new();
    for n in go * LINES / GOES..(go + 1) * LINES / GOES {
        writeln!(lines, "2026-11-24T10:00:00.000Z ERROR payment {n} failed: connection to db:5432 reset")
            .unwrap();
    }
    let mut file = OpenOptions::new().create(true).append(true).open(collector.log_file()).unwrap();
    file.write_all(lines.as_bytes()).unwrap();
}

/// The number in a line of [`write`].
fn number(record: &Value) -> u64 {
    let body = record["body"]["stringValue"].as_str().unwrap();
    body.split_once("payment ").unwrap().1.split_once(' ').unwrap().0.parse().unwrap()
}

/// Log file → Collector → logmend → Collector → file: every line arrives and is counted once, although logmend is killed
/// twice on the way, with requests in hand.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_between_two_collectors_over_two_kills() {
    let (from_logmend, logmend) = (free_port(), free_port());
    let (addr, next_hop) = (format!("127.0.0.1:{logmend}"), format!("http://127.0.0.1:{from_logmend}"));
    let collector = Collector::start(from_logmend, logmend).await;
    let settings = [
        ("LOGMEND_GRPC_ADDR", addr.as_str()),
        ("LOGMEND_FORWARD_ENDPOINT", &next_hop),
        ("LOGMEND_FORWARD_MODE", "all"),
    ];
    let mut service = Service::start(&settings).await;

    for kill in 0..2 {
        write(&collector, 3 * kill);
        write(&collector, 3 * kill + 1);
        service.wait_until_counted(kill * LINES / 2 + 1_000, PATIENCE).await;
        service.kill();
        write(&collector, 3 * kill + 2);
        service = service.restart().await;
    }
    service.wait_until_counted(LINES, PATIENCE).await;

    let begun = Instant::now();
    let mut arrived = HashSet::new();
    while arrived.len() < usize::try_from(LINES).unwrap() {
        assert!(begun.elapsed() < PATIENCE, "{} of {LINES} arrived", arrived.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
        arrived = collector.forwarded().iter().map(number).collect();
    }
    collector.stop().await;
    let recent = service.get("/error-monitor/errors/recent").await;
    assert_eq!(recent["count"], 1, "{recent:#}");
    assert_eq!(recent["errors"][0]["count"], LINES, "what was sent again is counted once");
}

/// The demo through a real Collector: the same result, by the chain that people are given.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_goes_through_a_collector() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_logmend"));
    let collector = prepared("LOGMEND_OTELCOL").into_os_string().into_string().unwrap();
    demo.env_clear().args(["demo", "--exit", &format!("--collector={collector}")]);
    let shown = programs::run(demo).await;
    for expected in ["Collector on 127.0.0.1:", "KeyError", "refund.go", "branch  logmend/"] {
        assert!(shown.contains(expected), "`{expected}` is not in:\n{shown}");
    }
}
