//! What goes to GitHub and Claude, and what is made of their answers, held against what the two publish themselves.
//!
//! Prism stands between the service and the stand-in for GitHub, and refuses what either gets wrong; the stand-in keeps a real
//! repository, in which the application's own test fails before the fix and passes after it.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::end_to_end::{mending, repository};
use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::{GitHubStandIn, app};
use crate::support::prism::Prism;
use crate::support::service::Service;
use crate::support::{programs, python, server};

/// The application's own test, which finds the bug.
const TEST: &str = "import unittest

from emit import charge


class Charge(unittest.TestCase):
    def test_an_order_without_an_amount_costs_nothing(self):
        self.assertEqual(charge({\"id\": 1}), 0)
";

/// GitHub with the application and its test.
async fn github() -> GitHubStandIn {
    GitHubStandIn::start(&[repository(), vec![("test_emit.py", TEST)]].concat()).await
}

/// Whether the application's own test passes on a branch.
async fn passes(github: &GitHubStandIn, branch: &str) -> bool {
    let clone = github.clone_branch(branch);
    let mut test = Command::new(programs::prepared("LOGMEND_PYTHON"));
    test.args(["-m", "unittest", "test_emit"]).current_dir(clone.path());
    let told = programs::attempt(test, "").await;
    assert!(told.as_ref().unwrap_or_else(|told| told).contains("Ran 1 test"), "{told:?}");
    told.is_ok()
}

async fn emit_and_scan(service: &Service) {
    python::run(&python::script("emit.py"), &[&service.grpc_url(), "payments", "3"]).await;
    service.post("/error-monitor/monitor/scan").await;
}

/// Waits until the newest fix has left the states in which it is worked on.
async fn fix(service: &Service) -> Value {
    for _ in 0..600 {
        let fixes = service.get("/error-monitor/fixes/generated").await;
        if let Some(fix) = fixes["fixes"].get(0)
            && !matches!(fix["status"].as_str(), Some("pending" | "generating"))
        {
            return fix.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the fix was not finished; the log:\n{}", service.logs());
}

/// Waits until a part of the service is in a state, and answers what health tells of it.
async fn health(service: &Service, part: &str, status: &str) -> Value {
    for _ in 0..400 {
        let told = service.get("/error-monitor/health").await["components"][part].clone();
        if told["status"] == status {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{part} is not {status}; the log:\n{}", service.logs());
}

/// Neither side got anything wrong in what went by Prism, which was every call. Prism writes down what it did a little later, and the
/// service may be calling.
async fn assert_as_published(prism: &Prism, github: &GitHubStandIn) {
    for _ in 0..200 {
        if prism.calls().len() == github.calls().len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(prism.violations(), Vec::<String>::new());
    assert_eq!(prism.calls().len(), github.calls().len());
    assert_eq!(github.violations(), Vec::<String>::new());
}

/// With a token: the whole way to the pull request in GitHub's own words, and the bug is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_fix_goes_through_githubs_own_description_and_mends_the_bug() {
    let (github, claude) = (github().await, ClaudeStandIn::start(mending()).await);
    let prism = Prism::before(&github.url()).await;
    let service = Service::start(&[
        ("ANTHROPIC_API_KEY", claude.key()),
        ("ANTHROPIC_BASE_URL", &claude.url()),
        ("GITHUB_TOKEN", github.token()),
        ("GITHUB_API_URL", &prism.url()),
        ("GITHUB_REPOSITORY", "acme/shop"),
    ])
    .await;
    emit_and_scan(&service).await;
    let fix = fix(&service).await;
    assert_eq!(fix["status"], "draft", "{fix:#}\n{:#?}", prism.violations());
    assert_as_published(&prism, &github).await;
    let branches = github.branches();
    assert!(branches[0].starts_with("logmend/"), "{branches:?}");
    assert_eq!((passes(&github, "main").await, passes(&github, &branches[0]).await), (false, true));
    assert_eq!(claude.violations(), Vec::<String>::new());
}

/// As a GitHub App: it is given a token for the one repository, a new one where GitHub knows the old one no more, and leaves
/// it to GitHub to sign its commits.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_opens_the_pull_request_with_tokens_that_it_renews() {
    let (github, claude) = (github().await, ClaudeStandIn::start(mending()).await);
    let prism = Prism::before(&github.url()).await;
    let service = Service::start(&[
        ("ANTHROPIC_API_KEY", claude.key()),
        ("ANTHROPIC_BASE_URL", &claude.url()),
        ("GITHUB_APP_ID", &app::ID.to_string()),
        ("GITHUB_APP_PRIVATE_KEY", app::PRIVATE_KEY),
        ("GITHUB_API_URL", &prism.url()),
        ("GITHUB_REPOSITORY", "acme/shop"),
    ])
    .await;
    emit_and_scan(&service).await;
    assert_eq!(fix(&service).await["status"], "draft", "{:#?}", prism.violations());
    assert_eq!(github.tokens_granted(), 1);
    let calls = github.calls();
    let commit =
        calls.iter().find(|call| call.method == "POST" && call.path.ends_with("/git/commits")).unwrap();
    assert!(commit.body.get("author").is_none() && commit.body.get("committer").is_none(), "{}", commit.body);

    github.revoke_tokens();
    github.close_pull_request(1);
    service.post("/error-monitor/monitor/scan").await;
    for _ in 0..200 {
        if github.tokens_granted() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(github.tokens_granted(), 2);
    assert_as_published(&prism, &github).await;
    let shown = service.logs();
    assert!(!shown.contains("ghs_") && !shown.contains("PRIVATE KEY") && !shown.contains("eyJ"), "{shown}");
    python::feed(
        &python::script("github_openapi.py"),
        &[&python::github_openapi()],
        &github.calls_as_lines(),
    )
    .await;
}

/// What may never be called is refused before it reaches GitHub, and what is called wrongly is, too; an answer that GitHub does
/// not give is found out.
#[tokio::test(flavor = "multi_thread")]
async fn merging_and_deleting_are_no_routes_and_wrong_calls_are_refused() {
    let github = github().await;
    let prism = Prism::before(&github.url()).await;
    for (method, path, body, status) in [
        ("PUT", "/pulls/1/merge", json!({}), 404),
        ("POST", "/merges", json!({"base": "main", "head": "x"}), 404),
        ("PUT", "/contents/emit.py", json!({"message": "m", "content": "eA=="}), 405),
        ("DELETE", "", Value::Null, 405),
        ("PATCH", "", json!({"archived": true}), 405),
        ("PUT", "/pulls/1/update-branch", json!({}), 404),
        ("POST", "/git/trees", json!({"base_tree": "9fb0"}), 422),
        ("POST", "/pulls", json!({"head": "x", "base": "main", "draft": "yes"}), 422),
    ] {
        let request = server::client()
            .request(method.parse().unwrap(), format!("{}/repos/acme/shop{path}", prism.url()))
            .header("authorization", format!("Bearer {}", github.token()));
        let request = if body.is_null() { request } else { request.json(&body) };
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{method} {path}");
    }
    assert_eq!(github.calls().len(), 0);
    for _ in 0..200 {
        if prism.violations().len() >= 8 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not every call was written down: {:#?}", prism.violations());
}

/// An answer that was cut is asked for anew as a stream, and streams break off: what is put together goes back to the letter,
/// and nothing of what broke off is ever run.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_comes_as_a_stream_that_may_break() {
    let look = || json!({"path": "", "note": null});
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let mut script = vec![
        Turn::cut_off("submit_fix", json!({"title": "Half a fix"})),
        Turn::broken_stream("list_files", look(), 6, overloaded),
        Turn::broken_stream("list_files", look(), 8, Value::Null),
    ];
    script.extend(mending().into_iter().map(Turn::with_unknown_block));
    let (github, claude) = (github().await, ClaudeStandIn::start(script).await);
    // What broke off counts as the most that it may have cost.
    let service = Service::mending(&github, &claude, &[("LOGMEND_MAX_USD_PER_FIX", "10")]).await;
    emit_and_scan(&service).await;
    let fix = fix(&service).await;
    assert_eq!(fix["status"], "draft", "{fix:#}\n{}", service.logs());
    let asked = claude.requests();
    let shapes: Vec<_> =
        asked.iter().map(|body| (body["max_tokens"].as_u64().unwrap(), body["stream"] == true)).collect();
    let streamed = (32_000, true);
    assert_eq!(shapes, [(16_000, false), streamed, streamed, streamed, streamed, streamed]);
    for again in 1..=3 {
        assert_eq!(
            asked[0]["messages"], asked[again]["messages"],
            "what broke off is no part of the history"
        );
    }
    // That includes blocks which did not come back as the text they were.
    assert_eq!(claude.violations(), Vec::<String>::new());
    let types = python::script("anthropic_types.py");
    python::feed(&types, &["requests"], &python::lines(&asked)).await;
}

/// A model that comes to its end, and a key that is refused, are told at the start.
#[tokio::test(flavor = "multi_thread")]
async fn the_model_and_the_key_are_looked_at_at_the_start() {
    let claude = ClaudeStandIn::start(Vec::new()).await;
    claude.deprecate("2026-11-30T00:00:00Z");
    let settings =
        |key| [("ANTHROPIC_API_KEY", key), ("GITHUB_REPOSITORY", "acme/shop"), ("AUTO_FIX_ENABLED", "false")];
    let url = claude.url();
    let service =
        Service::start(&[&settings(claude.key())[..], &[("ANTHROPIC_BASE_URL", &url)]].concat()).await;
    let told = health(&service, "claude", "degraded").await;
    assert!(
        told["detail"].as_str().unwrap().contains("is deprecated and is retired on 2026-11-30"),
        "{told}"
    );
    service.wait_for_log("set ANTHROPIC_MODEL to a newer one", 1).await;
    assert_eq!(claude.violations(), Vec::<String>::new());

    let wrong = "sk-ant-api03-wrong0wrong0wrong0";
    let service = Service::start(&[&settings(wrong)[..], &[("ANTHROPIC_BASE_URL", &url)]].concat()).await;
    let told = health(&service, "claude", "degraded").await;
    assert!(told["detail"].as_str().unwrap().contains("ANTHROPIC_API_KEY"), "{told}");
    assert!(!service.logs().contains(wrong), "the key is in the log");
}

/// Credentials of its own for a repository, from a file; those for all others are not even looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_has_an_account_of_its_own() {
    let (github, claude) = (github().await, ClaudeStandIn::start(mending()).await);
    let folder = tempfile::tempdir().unwrap();
    let (accounts, token) = (folder.path().join("accounts.toml"), folder.path().join("token"));
    std::fs::write(&token, format!("{}\n", github.token())).unwrap();
    let table = format!(
        "[[github]]\nrepository = \"Acme\"\napi_url = \"{}\"\ntoken_file = {token:?}\n",
        github.url()
    );
    std::fs::write(&accounts, table).unwrap();
    let service = Service::start(&[
        ("ANTHROPIC_API_KEY", claude.key()),
        ("ANTHROPIC_BASE_URL", &claude.url()),
        ("GITHUB_TOKEN", "ghp_of-another-account"),
        ("GITHUB_API_URL", "http://127.0.0.1:9"),
        ("LOGMEND_GITHUB_ACCOUNTS", accounts.to_str().unwrap()),
        ("GITHUB_REPOSITORY", "acme/shop"),
    ])
    .await;
    emit_and_scan(&service).await;
    assert_eq!(fix(&service).await["status"], "draft", "{}", service.logs());
    assert_eq!(github.violations(), Vec::<String>::new());
}
