//! What the examples of the pages need: a service with errors and a fix, one behind a token, and the files that they name.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::pages::{Block, at};
use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::{GitHubStandIn, app};
use crate::support::otlp::{exception_record, export, request};
use crate::support::programs;
use crate::support::service::Service;

const SOURCE: &str = "def checkout(request):\n    raise ValueError(request)\n";

/// What the examples need: a service with errors and a fix, one behind a token, and a folder with the files that they name.
pub(super) struct World {
    pub(super) folder: TempDir,
    service: Service,
    locked: Service,
    errors: Vec<String>,
    fix: String,
    _peers: (GitHubStandIn, ClaudeStandIn),
}

fn submission() -> Turn {
    Turn::tool_use(
        "submit_fix",
        json!({
            "title": "Refuse the request", "root_cause": "`checkout` raises.", "explanation": "It does not any more.",
            "edits": [{"path": "shop/cart.py", "find": "    raise ValueError(request)\n", "replace": "    return request\n"}],
            "new_files": null, "confidence": "high", "how_to_verify": "Run it.",
        }),
    )
}

impl World {
    pub(super) async fn start() -> Self {
        let github = GitHubStandIn::start(&[("shop/cart.py", SOURCE)]).await;
        let claude = ClaudeStandIn::start((0..9).map(|_| submission()).collect()).await;
        let settings = [
            ("AUTO_FIX_ENABLED", "false"),
            ("LOGMEND_LEARN", "off"),
            ("LOGMEND_ALERTMANAGER_URL", "http://127.0.0.1:1"),
            ("LOGMEND_ALERT_ALLOW_PRIVATE", "true"),
        ];
        let service = Service::mending(&github, &claude, &settings).await;
        for (kind, number) in
            [("ValueError", 1), ("KeyError", 2), ("TypeError", 3), ("IndexError", 4), ("OSError", 5)]
        {
            let trace = format!(
                "Traceback (most recent call last):\n  File \"/srv/shop/cart.py\", line {number}, in checkout\n    raise\n{kind}: no\n"
            );
            let logs = request("checkout", vec![exception_record(kind, "no", &trace)]);
            export(&service.grpc_url(), logs).await.unwrap();
        }
        let recent = service.get("/error-monitor/errors/recent").await;
        let ids = recent["errors"].as_array().unwrap().iter();
        let mut errors: Vec<_> = ids.map(|error| error["id"].as_str().unwrap().to_owned()).collect();
        let first = errors.remove(0);
        let ask = format!("/error-monitor/fixes/generate-for-error?error_id={first}&create_pr=false");
        let fix = service.post(&ask).await["fix_ids"][0].as_str().unwrap().to_owned();
        let locked = Service::start(&[("LOGMEND_API_TOKEN", "a-token-of-the-test")]).await;
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        Self { folder, service, locked, errors, fix, _peers: (github, claude) }
    }

    /// A line as this machine runs it: other addresses, and ids that are there.
    /// A block that sends a token is for the service that asks for one.
    pub(super) async fn localized(&self, line: &str, block: &Block, number: usize) -> String {
        let service = if block.text.contains("$LOGMEND_API_TOKEN") { &self.locked } else { &self.service };
        let authority = |url: String| url.trim_start_matches("http://").to_owned();
        let (grpc, http) = (authority(service.grpc_url()), authority(service.http_url().await));
        let mut line = line.replace('…', "placeholder").replace("/var/log/checkout/", "");
        for (theirs, ours) in [
            ("localhost:8080", authority(service.api_url())),
            ("localhost:4317", grpc.clone()),
            ("localhost:4318", http.clone()),
            ("replica:4317", grpc),
            ("collector:4318", http),
        ] {
            line = line.replace(theirs, &ours);
        }
        // An error that has a fix gets no second one: whoever asks for one names another each time.
        let error = if block.text.contains("generate-") { 1 + number % (self.errors.len() - 1) } else { 0 };
        line.replace("ERROR_ID", &self.errors[error]).replace("FIX_ID", &self.fix)
    }

    /// Runs a script in the folder, and answers what it printed where it failed.
    pub(super) async fn run(&self, script: &str) -> Result<(), String> {
        let mut bash = Command::new("bash");
        let address = |url: String| url.trim_start_matches("http://").to_owned();
        bash.args(["-c", &format!("{}\nset -x\n{script}", include_str!("prelude.sh"))])
            .env_clear()
            .envs(["PATH", "HOME"].map(|name| (name, std::env::var_os(name).unwrap_or_default())))
            .envs(["GRPC", "HTTP", "API"].map(|name| (format!("LOGMEND_{name}_ADDR"), "127.0.0.1:0")))
            .env("BINARY", env!("CARGO_BIN_EXE_logmend"))
            .env("GRPC", address(self.service.grpc_url()))
            .env("API", address(self.service.api_url()))
            .current_dir(self.folder.path());
        programs::attempt(bash, "").await.map(drop)
    }
}

/// The files that examples name.
fn fill(folder: &Path) {
    let lines =
        "2026-11-16 10:30:00 ERROR redis: dial tcp 10.0.0.5:6379: connect: connection refused\n".repeat(9);
    std::fs::create_dir(folder.join("logs")).unwrap();
    for (name, text) in [
        ("app.log", lines.as_str()),
        ("logs/app.log", &lines),
        ("parsed.csv", "LineId,Content\n1,connection refused\n"),
        ("NAME_2k.log_structured.csv", "LineId,Content\n1,connection refused\n"),
        ("app.jsonl", "{\"level\":\"error\",\"msg\":\"connection refused\"}\n"),
        ("logmend.toml", "error_monitor_interval = 60\n"),
        ("acme-shop", "github_pat_of_the_test\n"),
        ("app.pem", app::PRIVATE_KEY),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let built_in = at("src/classify/rules/caches.toml");
    std::fs::copy(built_in, folder.join("rules.toml")).unwrap();
    let zipped = Command::new("gzip").arg(folder.join("logs/app.log")).status().unwrap();
    assert!(zipped.success());
}
