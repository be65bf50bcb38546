//! A store that stands still: exporters wait or come back, memory stays bounded, and nothing is lost or counted twice.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::support::programs::{self, prepared};
use crate::support::python;
use crate::support::service::Service;

/// 200 exporters in all.
const PROCESSES: usize = 8;
const EXPORTERS: usize = 25;
/// What each of them sends, and over how long: the store stalls in the midst of it.
const RECORDS: usize = 100;
const SECONDS: usize = 5;
const STALL: Duration = Duration::from_secs(3);
/// How long the exporters may take to start, on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);
/// The most memory that the service may ever have held; 46 MiB were measured, in an unoptimised build.
const RESIDENT_KIB_MAX: u64 = 128 * 1024;

/// Keeps everybody else from writing to the store for [`STALL`].
async fn stall(service: &Service) {
    let file = service.folder().join("logmend.db");
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    connection.execute("PRAGMA busy_timeout = 5000").await.unwrap();
    connection.execute("BEGIN EXCLUSIVE").await.unwrap();
    let before = service.counted().await;
    tokio::time::sleep(STALL).await;
    assert_eq!(service.counted().await, before, "the store stood still");
    connection.execute("ROLLBACK").await.unwrap();
    connection.close().await.unwrap();
}

/// The most memory that the service has held so far.
fn peak_kib(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// A process of [`EXPORTERS`] exporters, to its end; returns what it says became of its records.
async fn crowd(endpoint: String) -> Value {
    let mut command = Command::new(prepared("LOGMEND_PYTHON"));
    command.arg(python::script("crowd.py")).arg(endpoint);
    command.args([EXPORTERS, RECORDS, SECONDS].map(|number| number.to_string()));
    let told = programs::run(command).await;
    serde_json::from_str(told.lines().next_back().unwrap()).unwrap_or_else(|_| panic!("{told}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_exporters_lose_nothing_while_the_store_stalls() {
    let service = Service::start(&[]).await;
    #[expect(clippy::disallowed_methods, reason = "a test's own tasks")]
    let crowds: Vec<_> = (0..PROCESSES).map(|_| tokio::spawn(crowd(service.grpc_url()))).collect();
    service.wait_until_counted(1, PATIENCE).await;
    stall(&service).await;

    let (mut sent, mut acknowledged, mut flushed) = (0, 0, true);
    for crowd in crowds {
        let told = crowd.await.unwrap();
        sent += told["sent"].as_u64().unwrap();
        acknowledged += told["acknowledged"].as_u64().unwrap();
        flushed &= told["flushed"].as_bool().unwrap();
    }
    let counted = service.counted().await;
    assert!(acknowledged <= counted && counted <= sent, "{acknowledged} ≤ {counted} ≤ {sent}");
    // Three seconds are less than an exporter waits: 10 s for each request.
    assert!(flushed && acknowledged == sent, "{acknowledged} of {sent} acknowledged, flushed: {flushed}");
    assert!(peak_kib(&service) < RESIDENT_KIB_MAX, "{} KiB", peak_kib(&service));
}
