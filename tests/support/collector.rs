//! A real OpenTelemetry Collector with the configuration that people are given, `otel-collector.yaml`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::engines::daemon::Daemon;
use super::programs::prepared;

const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/otel-collector.yaml");
/// How long it may take to start or to stop, on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a wait looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A port of this machine that was free just now, for what must know its own before it listens.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The Collector, to be run as `command` says.
pub fn otelcol(command: &[&str]) -> Command {
    let mut otelcol = Command::new(prepared("LOGMEND_OTELCOL"));
    otelcol.args(command).args(["--config", CONFIGURATION]);
    otelcol
}

/// A running Collector: it tails [`Collector::log_file`] for the service at `logmend`, and writes what comes back from
/// there to a file.
pub struct Collector {
    server: Daemon,
    folder: TempDir,
}

impl Collector {
    /// Starts it on these ports and waits until it is ready.
    pub async fn start(from_logmend: u16, logmend: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local = |port| format!("127.0.0.1:{port}");
        let mut command = otelcol(&[]);
        command
            .env("OTLP_GRPC_ENDPOINT", local(free_port()))
            .env("OTLP_HTTP_ENDPOINT", local(free_port()))
            .env("FROM_LOGMEND_ENDPOINT", local(from_logmend))
            .env("LOGMEND_ENDPOINT", local(logmend))
            .env("HEALTH_ENDPOINT", local(free_port()))
            .env("METRICS_PORT", free_port().to_string())
            .env("STORAGE_DIR", folder.path().join("storage"))
            .env("LOG_FILES", folder.path().join("app.log"))
            .env("LOG_START", "beginning")
            .env("SERVICE_NAME", "payments")
            .env("FORWARDED_TO", "file")
            .env("FORWARDED_FILE", folder.path().join("forwarded.jsonl"));
        let server = Daemon::start(folder.path(), Signal::SIGKILL, &command);
        let collector = Self { server, folder };
        let begun = Instant::now();
        while !collector.server.output().contains("Everything is ready") {
            assert!(collector.server.runs(), "it ended: {}", collector.server.output());
            assert!(begun.elapsed() < PATIENCE, "it is not ready: {}", collector.server.output());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        collector
    }

    /// The file that it tails.
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("app.log")
    }

    /// The records that came back from the service so far; a line that is still being written is left out.
    pub fn forwarded(&self) -> Vec<Value> {
        forwarded(self.folder.path())
    }

    /// Ends it in order.
    pub async fn stop(self) {
        spawn_blocking(move || self.server.end(Signal::SIGTERM)).await.unwrap();
    }
}

/// Log records in the Collector's own file format: a line is a request in OTLP's JSON.
fn forwarded(folder: &Path) -> Vec<Value> {
    let written = std::fs::read_to_string(folder.join("forwarded.jsonl")).unwrap_or_default();
    let requests = written.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    requests.flat_map(|line| records(&serde_json::from_str(line).unwrap())).collect()
}

fn records(request: &Value) -> Vec<Value> {
    let each = |parent: &Value, field: &str| parent[field].as_array().cloned().unwrap_or_default();
    let scopes = each(request, "resourceLogs").into_iter().flat_map(|logs| each(&logs, "scopeLogs"));
    scopes.flat_map(|scope| each(&scope, "logRecords")).collect()
}
