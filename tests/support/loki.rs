//! A real Grafana Loki, built from its Go module, with its data in a folder of its own.

use std::process::Command;
use std::time::{Duration, Instant};

use logmend::proto::collector::logs::v1::ExportLogsServiceRequest;
use nix::sys::signal::Signal;
use prost::Message as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::collector::free_port;
use super::engines::daemon::Daemon;
use super::programs::prepared;
use super::server;

/// How long it may take to start, on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The tenant that everything is pushed for.
pub const TENANT: &str = "tests";

/// Loki in one process, as its documentation's `loki-local-config.yaml` has it; several tenants, and nothing that calls home.
fn configuration(folder: &str, http: u16, grpc: u16) -> String {
    format!(
        "
auth_enabled: true
server: {{http_listen_address: 127.0.0.1, http_listen_port: {http}, grpc_listen_address: 127.0.0.1, grpc_listen_port: {grpc}, log_level: warn}}
common:
  instance_addr: 127.0.0.1
  path_prefix: {folder}
  storage: {{filesystem: {{chunks_directory: {folder}/chunks, rules_directory: {folder}/rules}}}}
  replication_factor: 1
  ring: {{kvstore: {{store: inmemory}}}}
schema_config:
  configs: [{{from: 2020-10-24, store: tsdb, object_store: filesystem, schema: v13, index: {{prefix: index_, period: 24h}}}}]
limits_config: {{ingestion_rate_mb: 100, ingestion_burst_size_mb: 200, per_stream_rate_limit: 100MB, per_stream_rate_limit_burst: 200MB}}
ingester: {{lifecycler: {{min_ready_duration: 0s}}}}
analytics: {{reporting_enabled: false}}
"
    )
}

/// A running Loki.
pub struct Loki {
    server: Daemon,
    _folder: TempDir,
    url: String,
    client: reqwest::Client,
}

impl Loki {
    /// Starts it and waits until it is ready.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (http, grpc) = (free_port(), free_port());
        let settings = folder.path().join("loki.yaml");
        std::fs::write(&settings, configuration(&folder.path().display().to_string(), http, grpc)).unwrap();
        let mut command = Command::new(prepared("LOGMEND_LOKI"));
        command.arg(format!("-config.file={}", settings.display()));
        let server = Daemon::start(folder.path(), Signal::SIGKILL, &command);
        let url = format!("http://127.0.0.1:{http}");
        let loki = Self { server, _folder: folder, url, client: server::client() };
        let begun = Instant::now();
        while !loki.is_ready().await {
            assert!(loki.server.runs(), "it ended: {}", loki.server.output());
            assert!(begun.elapsed() < PATIENCE, "it is not ready: {}", loki.server.output());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        loki
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("{}/ready", self.url)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Pushes lines of one stream, each with its time in nanoseconds.
    pub async fn push(&self, labels: &[(&str, &str)], lines: &[(u64, &str)]) {
        let labels: Value = labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        for lines in lines.chunks(1_000) {
            let values: Vec<_> = lines.iter().map(|(time, line)| json!([time.to_string(), line])).collect();
            let streams = json!({"streams": [{"stream": labels, "values": values}]});
            self.send("/loki/api/v1/push", "application/json", streams.to_string().into_bytes()).await;
        }
    }

    /// Pushes a request of OTLP, as a Collector's exporter does.
    pub async fn export(&self, request: &ExportLogsServiceRequest) {
        self.send("/otlp/v1/logs", "application/x-protobuf", request.encode_to_vec()).await;
    }

    async fn send(&self, path: &str, kind: &str, body: Vec<u8>) {
        let request = self.client.post(self.url.clone() + path);
        let request = request.header("content-type", kind).header("x-scope-orgid", TENANT).body(body);
        let answer = request.send().await.unwrap();
        let (status, told) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status}: {told}");
    }
}
