//! What whoever sets logmend up is promised of `logmend check`: what is wrong is told, with the mend, before the service runs;
//! and nothing is changed by it.

use std::path::Path;
use std::process::Command;

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::support::claude::ClaudeStandIn;
use crate::support::engines::{Postgres, Redis};
use crate::support::github::{Fault, GitHubStandIn, app};
use crate::support::next_hop::NextHop;
use crate::support::prism::Prism;
use crate::support::server::{self, Server};
use crate::support::service::Service;

/// What it printed, and how it ended.
struct Checked {
    code: i32,
    out: String,
    errors: String,
}

impl Checked {
    /// The check of a peer.
    #[track_caller]
    fn of(&self, peer: &str) -> (String, String) {
        let told: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{} {}", self.out, self.errors));
        let checks = told["checks"].as_array().unwrap();
        let found = checks.iter().find(|check| check["peer"] == peer);
        let found = found.unwrap_or_else(|| panic!("{peer} in {told:#}"));
        assert!(found["took_ms"].is_u64(), "{found}");
        (found["state"].as_str().unwrap().to_owned(), found["seen"].as_str().unwrap().to_owned())
    }

    #[track_caller]
    fn holds(&self, peer: &str, state: &str, seen: &str) {
        let (found_state, found_seen) = self.of(peer);
        assert!(found_state == state && found_seen.contains(seen), "{peer}: {found_state}: {found_seen}");
    }
}

async fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Checked {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logmend"));
    command.arg("check").args(arguments).env_clear().envs(settings.iter().copied());
    let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Checked {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

const FREE: [(&str, &str); 3] = [
    ("LOGMEND_GRPC_ADDR", "127.0.0.1:0"),
    ("LOGMEND_HTTP_ADDR", "127.0.0.1:0"),
    ("LOGMEND_API_ADDR", "127.0.0.1:0"),
];

/// Checks with ports of its own and a store in `folder`.
async fn check(folder: &Path, settings: &[(&str, &str)]) -> Checked {
    let database = format!("sqlite://{}", folder.join("logmend.db").display());
    let own = [&FREE[..], &[("DATABASE_URL", database.as_str())], settings].concat();
    run(&["--format", "json"], &own).await
}

fn of_github<'a>(github: &'a GitHubStandIn, url: &'a str) -> [(&'static str, &'a str); 3] {
    [("GITHUB_TOKEN", github.token()), ("GITHUB_API_URL", url), ("GITHUB_REPOSITORY", "acme/shop")]
}

/// Each peer that is set up can do what it is there for. GitHub is asked in its own words, and nothing comes of it.
#[tokio::test(flavor = "multi_thread")]
async fn every_peer_that_is_set_up_is_reached_and_none_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (github, claude) =
        (GitHubStandIn::start(&[("a.py", "")]).await, ClaudeStandIn::start(Vec::new()).await);
    let (prism, hop) = (Prism::before(&github.url()).await, NextHop::start().await);
    let answer = json!({"status": "success", "data": {"resultType": "streams", "result": []}}).to_string();
    let route = Router::new().route("/loki/api/v1/query_range", get(async move || answer));
    let loki = Server::start(server::listener().await, route);
    let peers = [
        ("ANTHROPIC_API_KEY", claude.key()),
        ("ANTHROPIC_BASE_URL", &claude.url()),
        ("LOGMEND_FORWARD_ENDPOINT", hop.url()),
        ("LOKI_ENABLED", "true"),
        ("LOKI_QUERY_URL", &loki.url()),
    ];
    let checked = check(folder.path(), &[&of_github(&github, &prism.url())[..], &peers].concat()).await;
    assert_eq!(checked.code, 0, "{} {}", checked.out, checked.errors);
    for (peer, state, seen) in [
        ("settings", "ok", "nothing wrong"),
        ("rules", "ok", "0 wrong"),
        ("store", "ok", "a start makes its tables"),
        ("redis", "off", "REDIS_URL"),
        ("next hop", "ok", "takes an empty request"),
        ("anthropic", "ok", "the key is good"),
        ("github acme/shop", "ok", "a fine-grained token may read main"),
        ("loki", "ok", "is ready"),
        ("telemetry", "off", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("api port", "ok", "is free"),
        ("clock", "ok", "as that of anthropic"),
    ] {
        checked.holds(peer, state, seen);
    }
    for secret in [claude.key(), github.token()] {
        assert!(!checked.out.contains(secret) && !checked.errors.contains(secret));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no store was made");
    assert_eq!((github.pull_requests(), github.branches()), (Vec::new(), vec!["main".to_owned()]));
    assert_eq!((github.violations(), prism.violations()), (Vec::new(), Vec::<String>::new()));
    assert_eq!(claude.violations(), Vec::<String>::new());
    assert!(hop.records().is_empty());
}

/// What a peer refuses ends the check with 1 and is told with the mend; the others are checked all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_refuses_is_told_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let (github, claude) =
        (GitHubStandIn::start(&[("a.py", "")]).await, ClaudeStandIn::start(Vec::new()).await);
    github.hide_checks();
    github.fail_next("POST", "/git/refs", Fault::Status(403, &[]));
    github.fail_next("POST", "/pulls", Fault::Status(403, &[]));
    let url = github.url();
    let peers = [
        ("ANTHROPIC_API_KEY", "sk-ant-an-old-one"),
        ("ANTHROPIC_BASE_URL", &claude.url()),
        ("LOGMEND_FORWARD_ENDPOINT", "http://127.0.0.1:1"),
        ("DATABASE_URL", "sqlite:///nonexistent/logmend.db"),
    ];
    let checked = check(folder.path(), &[&of_github(&github, &url)[..], &peers].concat()).await;
    assert_eq!(checked.code, 1, "{}", checked.errors);
    checked.holds("store", "failed", "look at DATABASE_URL");
    checked.holds("anthropic", "failed", "set a valid ANTHROPIC_API_KEY");
    checked.holds("next hop", "failed", "look at LOGMEND_FORWARD_ENDPOINT");
    checked.holds(
        "github acme/shop",
        "failed",
        "lacks checks: read, contents: write, pull_requests: write: grant",
    );
    assert!(!checked.out.contains("an-old-one"));

    let no_branch = [&of_github(&github, &url)[..], &[("GITHUB_BASE_BRANCH", "develop")]].concat();
    check(folder.path(), &no_branch).await.holds("github acme/shop", "failed", "GITHUB_BASE_BRANCH");
}

/// A classic token tells its scopes, and one too many is a warning; an App tells its permissions.
#[tokio::test(flavor = "multi_thread")]
async fn a_classic_token_and_an_app_are_judged_by_what_they_were_granted() {
    let folder = tempfile::tempdir().unwrap();
    let github = GitHubStandIn::start(&[("a.py", "")]).await;
    let url = github.url();
    let (id, place) =
        (app::ID.to_string(), [("GITHUB_API_URL", url.as_str()), ("GITHUB_REPOSITORY", "acme/shop")]);
    let as_app = [("GITHUB_APP_ID", id.as_str()), ("GITHUB_APP_PRIVATE_KEY", app::PRIVATE_KEY)];
    let checked = check(folder.path(), &[&place[..], &as_app].concat()).await;
    checked.holds("github acme/shop", "ok", "a GitHub App may read main");

    github.give_scopes("repo, workflow");
    let checked = check(folder.path(), &of_github(&github, &url)).await;
    checked.holds("github acme/shop", "warning", "it may change workflows too, which is never done");
    assert_eq!(checked.code, 0, "a warning is no failure");
    github.give_scopes("read:org");
    let checked = check(folder.path(), &of_github(&github, &url)).await;
    checked.holds("github acme/shop", "failed", "lacks contents: write, pull_requests: write");
    assert!(github.calls().iter().all(|call| call.method == "GET" || call.path.ends_with("/access_tokens")));
    assert_eq!(github.violations(), Vec::<String>::new());
}

/// Settings that are wrong end it as they end `logmend run`; offline nobody is reached.
#[tokio::test(flavor = "multi_thread")]
async fn settings_alone_are_checked_without_reaching_anybody() {
    let wrong = run(&["--offline", "--format", "json"], &[("LOGMEND_MIN_EVENT", "3")]).await;
    assert_eq!(wrong.code, 78);
    assert!(wrong.errors.contains("did you mean LOGMEND_MIN_EVENTS?"), "{}", wrong.errors);
    wrong.holds("settings", "failed", "LOGMEND_MIN_EVENTS");
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.toml");
    let rule = "[[rule]]\nid = \"till\"\ncategory = \"till_error\"\nseverity = \"high\"\nfixable = false\nsuggested_fix = \"Count.\"\nany = [\"till is open\"]\nmust = [\"the till is closed\"]\n";
    std::fs::write(&rules, rule).unwrap();
    let settings =
        [("LOGMEND_RULES", rules.to_str().unwrap()), ("LOGMEND_FORWARD_ENDPOINT", "http://127.0.0.1:1")];
    let offline = run(&["--offline"], &settings).await;
    assert_eq!(offline.code, 0, "{}", offline.errors);
    assert_eq!(offline.out.lines().count(), 2, "{}", offline.out);
    assert!(
        offline.out.contains("2 wrong, ") && offline.out.contains("logmend rules lint"),
        "{}",
        offline.out
    );
}

/// Beside a service that runs the check disturbs nothing, and tells whose the ports are.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_runs_is_known_by_its_ports() {
    let service = Service::start(&[]).await;
    let addr = |url: String| url.strip_prefix("http://").unwrap().to_owned();
    let (grpc, api) = (addr(service.grpc_url()), addr(service.api_url()));
    let held = [("LOGMEND_GRPC_ADDR", grpc.as_str()), ("LOGMEND_API_ADDR", &api)];
    let checked = check(service.folder(), &held).await;
    checked.holds("otlp/grpc port", "ok", "held by a logmend that runs");
    checked.holds("store", "ok", "nothing to migrate");
    let checked = check(service.folder(), &held[..1]).await;
    checked.holds("otlp/grpc port", "failed", "set LOGMEND_GRPC_ADDR to another one");
    assert_eq!(checked.code, 1);
    assert_eq!(service.get("/error-monitor/health").await["status"], "healthy");
}

/// PostgreSQL is not migrated, and the leader's lock in Redis stays with whoever holds it.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_and_redis_are_looked_at_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (database, redis) = spawn_blocking(|| (Postgres::database(), Redis::start())).await.unwrap();
    let held = redis.cli(&["SET", "logmend:leader", "somebody", "PX", "600000"]);
    assert_eq!(held, "OK");
    let peers = [("DATABASE_URL", &*database.url()), ("REDIS_URL", &*redis.url())];
    let checked = check(folder.path(), &peers).await;
    assert_eq!(checked.code, 0, "{}", checked.out);
    checked.holds("store", "ok", "a start makes its tables");
    checked.holds("redis", "ok", "PING, SET NX PX and scripts work; a replica leads");
    assert_eq!(database.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    assert_eq!(redis.cli(&["GET", "logmend:leader"]), "somebody");
    assert_eq!(redis.cli(&["KEYS", "*"]), "logmend:leader");
    assert!(!checked.out.contains("correct-horse"), "{}", checked.out);

    let service = Service::start(&peers[..1]).await;
    check(folder.path(), &peers).await.holds("store", "ok", "nothing to migrate");
    drop(service);
    let away = [
        ("DATABASE_URL", "postgres://me:s3cret@127.0.0.1:1/logmend"),
        ("REDIS_URL", "redis://:s3cret@127.0.0.1:1"),
    ];
    let checked = check(folder.path(), &away).await;
    checked.holds("redis", "failed", "look at REDIS_URL");
    checked.holds("store", "failed", "Connection refused");
    assert!(!checked.out.contains("s3cret"));
}
