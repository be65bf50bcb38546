//! A real Collector between the demo's exporters and logmend, with the configuration that people are given.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::{Instant, sleep};

use crate::config::{KEYS, Sources};
use crate::model::Token;

/// The configuration of the repository's root.
const CONFIGURATION: &str = include_str!("../../../otel-collector.yaml");

/// The names that Collectors are installed under, the one that holds everything first.
const NAMES: [&str; 2] = ["otelcol-contrib", "otelcol"];

/// How long the Collector may take to start, and to hand over the demo's log.
const WAITED_MAX: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What it counts of the records that logmend acknowledged to it.
const SENT_METRIC: &str = "otelcol_exporter_sent_log_records";

/// So many of its last lines are shown where it fails.
const LINES_SHOWN: usize = 5;

/// Finds the Collector: `given`, or where that is empty one on the `PATH`.
///
/// # Errors
///
/// Where there is none; the message says where to get one.
pub(super) fn find(given: &Path, sources: &Sources) -> anyhow::Result<PathBuf> {
    if !given.as_os_str().is_empty() {
        if is_program(given) {
            // The demo runs it in a folder of its own.
            return Ok(given.canonicalize()?);
        }
        bail!("--collector: {} is no program", given.display());
    }
    let folders = sources.environment.get("PATH").map(String::as_str).unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(folders).collect();
    let mut candidates = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.find(|path| is_program(path)).context(
        "there is no otelcol-contrib or otelcol on the PATH; get one from \
         https://github.com/open-telemetry/opentelemetry-collector-releases/releases, or name one: --collector=PATH",
    )
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// A running Collector, which is ended by its process id when this is dropped.
pub(super) struct Collector {
    child: Child,
    folder: PathBuf,
    client: reqwest::Client,
    /// Where it takes OTLP/gRPC.
    pub(super) grpc: SocketAddr,
    health: SocketAddr,
    metrics: SocketAddr,
}

impl Collector {
    /// Starts `program` in front of logmend at `logmend`, and waits until it takes records.
    ///
    /// # Errors
    ///
    /// Where it cannot be started or ends at once; the message has its last lines.
    pub(super) async fn start(
        program: &Path,
        folder: &Path,
        logmend: SocketAddr,
        token: &Token,
    ) -> anyhow::Result<Self> {
        let folder = folder.join("collector");
        fs::create_dir(&folder)?;
        let configuration = folder.join("otel-collector.yaml");
        fs::write(&configuration, CONFIGURATION)?;
        let output = File::create(folder.join("collector.log"))?;
        let [grpc, http, from_logmend, health, metrics] = free_addrs()?;
        let mut command = Command::new(program);
        command
            .arg("--config")
            .arg(&configuration)
            .env("OTLP_GRPC_ENDPOINT", grpc.to_string())
            .env("OTLP_HTTP_ENDPOINT", http.to_string())
            .env("FROM_LOGMEND_ENDPOINT", from_logmend.to_string())
            .env("HEALTH_ENDPOINT", health.to_string())
            .env("METRICS_PORT", metrics.port().to_string())
            .env("LOGMEND_ENDPOINT", logmend.to_string())
            .env("STORAGE_DIR", folder.join("storage"))
            .env("LOG_FILES", folder.join("*.none"))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        // Of our secrets it is given the one that it must send.
        for key in KEYS.iter().filter(|key| key.secret) {
            command.env_remove(key.variable);
        }
        if let Some(token) = token.authorization().as_deref().and_then(|value| value.strip_prefix("Bearer "))
        {
            command.env("LOGMEND_INGEST_TOKEN", token);
        }
        let child = command.spawn().with_context(|| format!("{} cannot be started", program.display()))?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let mut collector = Self { child, folder, client, grpc, health, metrics };
        collector.wait_until_ready().await?;
        Ok(collector)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let url = format!("http://{}/", self.health);
        while !self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            self.still_runs(begun, "take records")?;
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Waits until logmend has acknowledged so many records to it.
    ///
    /// # Errors
    ///
    /// Where it ends or takes too long; the message has its last lines.
    pub(super) async fn wait_until_sent(&mut self, records: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        let url = format!("http://{}/metrics", self.metrics);
        loop {
            let metrics = self.client.get(&url).send().await?.text().await?;
            if sent(&metrics) >= records {
                return Ok(());
            }
            self.still_runs(begun, "hand the records on")?;
            sleep(LOOK_AGAIN).await;
        }
    }

    fn still_runs(&mut self, begun: Instant, to: &str) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!(
                "the Collector ended ({status}); it needs what otelcol-contrib holds:\n{}",
                self.last_lines()
            );
        }
        if begun.elapsed() > WAITED_MAX {
            bail!("the Collector did not {to} within {} s:\n{}", WAITED_MAX.as_secs(), self.last_lines());
        }
        Ok(())
    }

    fn last_lines(&self) -> String {
        let log = fs::read_to_string(self.folder.join("collector.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        crate::redact::plain(&lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n"))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may have ended before. What it had to hand on is handed on: the demo waited for that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that are free now: it has to be told them before it listens. They are held together, so that they differ.
fn free_addrs<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let listeners: Vec<_> = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let addrs: Vec<_> = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    addrs.try_into().map_err(|_| anyhow::anyhow!("no free ports"))
}

/// The records sent to logmend, out of the Collector's metrics.
fn sent(metrics: &str) -> usize {
    let to_logmend = metrics
        .lines()
        .filter(|line| line.starts_with(SENT_METRIC) && line.contains("exporter=\"otlp/logmend\""));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast saturates, and it is a count"
    )]
    let counts = to_logmend.filter_map(|line| Some(line.rsplit(' ').next()?.parse::<f64>().ok()? as usize));
    counts.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_that_went_to_logmend_are_counted() {
        let metrics = "# HELP otelcol_exporter_sent_log_records_total Number of log records successfully sent.\n\
                       otelcol_exporter_sent_log_records_total{exporter=\"debug\"} 9\n\
                       otelcol_exporter_sent_log_records_total{exporter=\"otlp/logmend\",otel_scope_name=\"x\"} 306\n\
                       otelcol_receiver_accepted_log_records_total{receiver=\"otlp\"} 306\n";
        assert_eq!((sent(metrics), sent("")), (306, 0));
    }

    #[test]
    fn a_collector_is_found_on_the_path_or_where_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let sources = Sources { environment: [("PATH".to_owned(), path)].into(), ..Sources::default() };
        let otelcol = folder.path().join("otelcol");
        fs::write(&otelcol, "").unwrap();
        let missing = find(Path::new(""), &sources).unwrap_err().to_string();
        assert!(
            missing.contains("opentelemetry-collector-releases"),
            "what cannot be run is none: {missing}"
        );
        fs::set_permissions(&otelcol, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find(Path::new(""), &sources).unwrap(), otelcol);
        assert_eq!(find(&otelcol, &Sources::default()).unwrap(), otelcol.canonicalize().unwrap());
        let error = find(folder.path(), &sources).unwrap_err().to_string();
        assert!(error.starts_with("--collector: ") && error.ends_with("is no program"), "{error}");
    }
}
