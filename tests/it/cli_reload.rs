//! What operators are promised of SIGHUP: what may change does, without a connection, a request or the window lost; what is
//! wrong changes nothing, and is told.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use logmend::github::{self, Credentials, GitHub};

use crate::support::claude::ClaudeStandIn;
use crate::support::github::GitHubStandIn;
use crate::support::next_hop::NextHop;
use crate::support::otlp::{self, export_with_token, record, request};
use crate::support::service::Service;

const READ_AGAIN: &str = "the settings and the files that they name were read again; changed settings: ";
const NOT_USED: &str = "the changed settings are not used, the former ones stay";
const PATIENCE: Duration = Duration::from_secs(30);

/// A service with a file of settings.
struct House {
    service: Service,
    file: PathBuf,
    _folder: TempDir,
}

impl House {
    async fn start(text: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logmend.toml");
        std::fs::write(&file, text).unwrap();
        let service = Service::start_with(&["--config", file.to_str().unwrap()], settings).await;
        Self { service, file, _folder: folder }
    }

    /// Writes the file anew, and waits until the log says so often what came of it.
    async fn change(&self, text: &str, told: &str, times: usize) {
        std::fs::write(&self.file, text).unwrap();
        self.service.hang_up();
        self.service.wait_for_log(told, times).await;
    }

    fn path(&self) -> &Path {
        &self.file
    }

    async fn get(&self, path: &str, token: &str) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(self.service.api_url() + path).bearer_auth(token).send().await.unwrap()
    }

    async fn json(&self, path: &str, token: &str) -> Value {
        let answer = self.get(path, token).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }
}

/// One request over a connection that stays open.
async fn ask(connection: &mut TcpStream) -> String {
    connection.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("alive") {
        assert_ne!(connection.read_buf(&mut read).await.unwrap(), 0, "the connection ended");
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_budgets_change_while_connections_and_the_window_go_on() {
    let first = "api_token = \"one\"\ningest_token = \"one\"\nmax_usd_per_day = 5\nleader_term = 15\n";
    let house = House::start(first, &[]).await;
    let grpc = house.service.grpc_url();
    let addr = house.service.api_url();
    let mut connection = TcpStream::connect(addr.strip_prefix("http://").unwrap()).await.unwrap();
    ask(&mut connection).await;
    let error = |n: usize| request("shop", vec![record(17, &format!("connection refused by db-{n}"))]);
    export_with_token(&grpc, error(1), "one").await.unwrap();
    let events = house.get("/error-monitor/events", "one").await;
    assert_eq!(events.status(), 200);

    let second = "api_token = \"two\"\ningest_token = \"two\"\nmax_usd_per_day = 7\nmin_events = 4\nleader_term = 20\n";
    house.change(second, READ_AGAIN, 1).await;
    house
        .service
        .wait_for_log("LOGMEND_LEADER_TERM differs from what the service runs with, and needs a restart", 1)
        .await;
    let log = house.service.logs();
    for name in ["LOGMEND_API_TOKEN", "LOGMEND_INGEST_TOKEN", "LOGMEND_MAX_USD_PER_DAY", "LOGMEND_MIN_EVENTS"]
    {
        let told = log.lines().find(|line| line.contains(READ_AGAIN)).unwrap();
        assert!(told.contains(name), "{told}");
    }
    assert!(!log.contains("\"two\""));

    assert_eq!(house.get("/error-monitor/health", "one").await.status(), 401);
    let heard = tokio::time::timeout(Duration::from_secs(30), events.bytes()).await;
    assert!(heard.unwrap().is_ok(), "whoever listens by the old token hears no more");
    let refused = export_with_token(&grpc, error(2), "one").await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
    export_with_token(&grpc, error(3), "two").await.unwrap();
    let status = house.json("/error-monitor/autonomous/status", "two").await;
    assert_eq!(status["budgets"]["usd_per_day"]["limit"], 7.0, "{status:#}");
    assert!(ask(&mut connection).await.starts_with("HTTP/1.1 200"), "the connection is the same");
    let recent = house.json("/error-monitor/errors/recent", "two").await;
    assert_eq!(recent["errors"][0]["count"], 2, "what was counted before is in the same window: {recent:#}");
    assert_eq!(status["monitor"]["last_scan"], Value::Null, "no window was closed: {status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_changes_nothing_and_is_told_until_it_is_mended() {
    let house = House::start("api_token = \"one\"\nmax_open_prs = 3\n", &[]).await;
    let limit = async || {
        let status = house.json("/error-monitor/autonomous/status", "one").await;
        status["budgets"]["open_pull_requests"]["limit"].clone()
    };
    house.change("api_token = \"two\"\nmax_open_prs = 4\nmin_events = 0\n", NOT_USED, 1).await;
    assert_eq!(limit().await, 3);
    let health = house.json("/error-monitor/health", "one").await;
    let settings = &health["components"]["settings"];
    assert_eq!((&health["status"], &settings["status"]), (&"degraded".into(), &"degraded".into()));
    assert!(settings["detail"].as_str().unwrap().contains("min_events is `0`"), "{settings}");

    house.change("api_token = \"two", NOT_USED, 2).await;
    assert!(!house.service.logs().contains("\"two"), "{}", house.service.logs());
    std::fs::remove_file(house.path()).unwrap();
    house.service.hang_up();
    house.service.wait_for_log(NOT_USED, 3).await;
    assert_eq!(limit().await, 3);

    house.change("api_token = \"one\"\nmax_open_prs = 4\n", READ_AGAIN, 1).await;
    assert_eq!(limit().await, 4);
    let health = house.json("/error-monitor/health", "one").await;
    assert_eq!(health["components"]["settings"]["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_headers_of_the_next_hop_change_too() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.toml");
    let rule = "[[rule]]\nid = \"till\"\ncategory = \"till_error\"\nseverity = \"high\"\nfixable = false\nsuggested_fix = \"Count.\"\nany = [\"till is open\"]\n";
    std::fs::write(&rules, rule).unwrap();
    let hop = NextHop::start().await;
    let endpoint = format!("forward_endpoint = {:?}\n", hop.url());
    let house = House::start(&format!("{endpoint}forward_headers = \"x-key=old\"\n"), &[]).await;
    let export = async |n: usize| {
        let till = request("shop", vec![record(17, &format!("the till is open {n}"))]);
        otlp::export(&house.service.grpc_url(), till).await.unwrap();
    };
    export(1).await;
    let text = format!("{endpoint}forward_headers = \"x-key=new\"\nrules = {:?}\n", rules.to_str().unwrap());
    house.change(&text, READ_AGAIN, 1).await;
    export(2).await;
    let elsewhere = NextHop::start().await;
    let other = text.replace(hop.url(), elsewhere.url()).replace("x-key=new", "x-key=of-another");
    house.change(&other, "LOGMEND_FORWARD_HEADERS differs from what the service runs with", 1).await;
    export(3).await;
    let keys: Vec<_> = hop.headers().iter().map(|headers| headers["x-key"].clone()).collect();
    assert_eq!(keys, ["old", "new", "new"], "what is meant for another endpoint is not told to this one");
    let recent = house.service.get("/error-monitor/errors/recent").await;
    let found = recent["errors"].as_array().unwrap();
    assert!(found.iter().any(|error| error["category"] == "till_error"), "{recent:#}");

    // The file that is named now is watched from now on.
    std::fs::write(&rules, rule.replace("till is open", "drawer is open")).unwrap();
    let begun = Instant::now();
    while !house.service.logs().contains("rules.toml was read again") {
        assert!(begun.elapsed() < PATIENCE, "{}", house.service.logs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A key that was refused is replaced, and health says so without a day's wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_replaced_is_tried_at_once() {
    let claude = ClaudeStandIn::start(Vec::new()).await;
    let url = claude.url();
    let settings = [("ANTHROPIC_BASE_URL", url.as_str()), ("GITHUB_REPOSITORY", "acme/shop")];
    let house = House::start("anthropic_api_key = \"sk-ant-an-old-one\"\n", &settings).await;
    let is = async |status: &str| {
        let begun = Instant::now();
        loop {
            let health = house.service.get("/error-monitor/health").await;
            if health["components"]["claude"]["status"] == status {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{health:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    is("degraded").await;
    house.change(&format!("anthropic_api_key = \"{}\"\n", claude.key()), READ_AGAIN, 1).await;
    is("ok").await;
}

/// Whoever speaks to GitHub does so by the token of now, also those that had the client before.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_github_goes_on_with_the_new_token() {
    let stand_in = GitHubStandIn::start(&[("a.py", "")]).await;
    let of = |token: &str| {
        let credentials = Some(Credentials::Token(token.to_owned().into()));
        let settings =
            github::Settings { api_url: stand_in.url(), credentials, ..github::Settings::default() };
        GitHub::new(&settings).unwrap()
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (known, repository) = (of("ghp_old"), "acme/shop".parse().unwrap());
    let holder = known.clone();
    assert!(holder.base(&repository, None).await.unwrap_err().to_string().contains("GITHUB_TOKEN is wrong"));
    known.follow(&of(stand_in.token()));
    assert_eq!(holder.base(&repository, None).await.unwrap().branch, "main");
}

/// A service manager's SIGHUP ends nothing, whether there is a file or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_a_file_outlives_the_signal() {
    let service = Service::start(&[]).await;
    service.hang_up();
    service.wait_for_log(&format!("{READ_AGAIN}none"), 1).await;
    assert_eq!(service.get("/error-monitor/health").await["status"], "healthy");
    let (status, _) = service.terminate().await;
    assert!(status.success());
}
