//! The HTTP API as people and programs use it: lists, errors by their ids, what people say of them, fixes on demand.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::cart;
use crate::support::claude::ClaudeStandIn;
use crate::support::github::GitHubStandIn;
use crate::support::otlp::{TRACEBACK, exception_record, export, record, request};
use crate::support::server;
use crate::support::service::Service;

fn client() -> reqwest::Client {
    server::client()
}

async fn call(service: &Service, method: &str, path: &str) -> Response {
    let url = service.api_url() + "/error-monitor" + path;
    client().request(method.parse().unwrap(), url).send().await.unwrap()
}

/// A problem, as RFC 9457 has it.
async fn problem(service: &Service, method: &str, path: &str, status: u16) -> Value {
    let response = call(service, method, path).await;
    assert_eq!(response.status(), status, "{path}");
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status, "{problem:#}");
    problem
}

/// Errors of two services: one exception, and five that are told apart by their words.
async fn shop() -> Service {
    let service = Service::start(&[]).await;
    let trace = exception_record("ValueError", "bad total 3", TRACEBACK);
    export(&service.grpc_url(), request("shop", vec![trace])).await.unwrap();
    let words =
        ["reading the ledger", "sending the mail", "opening a socket", "parsing the basket", "drawing a map"];
    let records = words.map(|what| record(17, &format!("{what} failed for good")));
    export(&service.grpc_url(), request("mailer", records.into())).await.unwrap();
    service
}

fn ids(answer: &Value, key: &str) -> Vec<String> {
    answer[key].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_come_page_by_page() {
    let service = shop().await;
    let count = async |query: &str| {
        let answer = service.get(&format!("/error-monitor/errors/patterns?{query}")).await;
        assert_eq!(answer["total_patterns"], 6);
        let count = answer["patterns"].as_array().unwrap().len();
        assert_eq!(answer["matching"], count, "{query}");
        count
    };
    assert_eq!(count("service=mailer").await, 5);
    assert_eq!(count("service=shop&severity=high,critical").await, 1);
    assert_eq!(count("text=BASKET").await, 1);
    assert_eq!(count("status=ignored,fixed").await, 0);
    assert_eq!(count("status=new&fixable=true&service=shop").await, 1);
    assert_eq!(count("since=2100-01-01T00:00:00Z").await, 0);

    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = service.get(&format!("/error-monitor/errors/recent?limit=2&cursor={cursor}")).await;
        assert_eq!((page["count"].as_u64(), page["hours"].as_u64()), (Some(2), Some(24)));
        seen.extend(ids(&page, "errors"));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let all = service.get("/error-monitor/errors/recent").await;
    assert_eq!(seen, ids(&all, "errors"));
    for query in ["cursor=x", "severity=grave", "status=gone", "limit=0", "since=now", "fixable=maybe"] {
        let told = problem(&service, "GET", &format!("/errors/recent?{query}"), 400).await;
        let name = query.split('=').next().unwrap();
        assert!(told["detail"].as_str().unwrap().contains(name), "{told:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_changed_is_not_sent_again() {
    let service = shop().await;
    let url = service.api_url() + "/error-monitor/errors/patterns";
    let first = client().get(&url).send().await.unwrap();
    let tag = first.headers()["etag"].clone();
    assert!(first.headers()["cache-control"].to_str().unwrap().contains("no-cache"));
    let again = client().get(&url).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!((again.status(), again.headers()["etag"].clone()), (StatusCode::NOT_MODIFIED, tag.clone()));
    assert_eq!(again.bytes().await.unwrap().len(), 0);
    export(&service.grpc_url(), request("mailer", vec![record(17, "a new sort of failure")])).await.unwrap();
    let changed = client().get(&url).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_goes_by_the_beginning_of_its_id_and_people_settle_it() {
    let service = shop().await;
    let critical = service.get("/error-monitor/errors/critical").await;
    let id = critical["critical_errors"][0]["id"].as_str().unwrap().to_owned();
    let short = &id[..10];
    let one = service.get(&format!("/error-monitor/errors/{short}")).await;
    assert_eq!(one["error"]["id"], id.as_str());
    problem(&service, "GET", "/errors/xyz", 400).await;
    problem(&service, "GET", "/errors/00000000000000000000000000000000", 404).await;
    let taken = ids(&service.get("/error-monitor/errors/patterns").await, "patterns");
    let free =
        (0..16).map(|digit| format!("{digit:x}")).find(|digit| !taken.iter().any(|id| id.starts_with(digit)));
    problem(&service, "GET", &format!("/errors/{}", free.unwrap()), 404).await;

    for (what, status) in [("ignore", "ignored"), ("reopen", "ongoing"), ("resolve", "fixed")] {
        let answer = service.post(&format!("/error-monitor/errors/{short}/{what}")).await;
        assert_eq!((&answer["status"], &answer["error"]["status"]), (&json!(status), &json!(status)));
    }
    service.post("/error-monitor/monitor/scan?auto_fix=false").await;
    let one = service.get(&format!("/error-monitor/errors/{id}")).await;
    assert_eq!(one["error"]["status"], "fixed", "its window had counted it before");
    let trace = exception_record("ValueError", "bad total 4", TRACEBACK);
    export(&service.grpc_url(), request("shop", vec![trace])).await.unwrap();
    service.post("/error-monitor/monitor/scan?auto_fix=false").await;
    let one = service.get(&format!("/error-monitor/errors/{id}")).await;
    assert_eq!(one["error"]["status"], "regressed", "{one:#}");
    problem(&service, "POST", "/errors/00000000000000000000000000000000/ignore", 404).await;

    let audit = service.get(&format!("/error-monitor/audit?subject={id}&limit=2")).await;
    let actions = |audit: &Value| -> Vec<String> {
        audit["audit"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["action"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(actions(&audit), ["resolve", "reopen"]);
    let cursor = audit["next_cursor"].as_str().unwrap();
    let rest = service.get(&format!("/error-monitor/audit?subject={id}&cursor={cursor}")).await;
    assert_eq!((actions(&rest), &rest["next_cursor"]), (vec!["ignore".to_owned()], &Value::Null));
    assert_eq!(rest["audit"][0]["actor"], "api");
}

/// People ask for the change first, then for its pull request; after they closed that, for another try.
#[tokio::test(flavor = "multi_thread")]
async fn people_ask_for_fixes_and_get_one_at_a_time() {
    let github = GitHubStandIn::start(&[(cart::PATH, cart::SOURCE)]).await;
    let claude = ClaudeStandIn::start(vec![cart::submission("high"), cart::submission("high")]).await;
    let service = Service::mending(&github, &claude, &[("AUTO_FIX_ENABLED", "false")]).await;
    let trace = exception_record("ValueError", "bad total 3", TRACEBACK);
    export(&service.grpc_url(), request("shop", vec![trace])).await.unwrap();
    let recent = service.get("/error-monitor/errors/recent").await;
    let error = recent["errors"][0]["id"].as_str().unwrap().to_owned();
    let ask = format!("/fixes/generate-for-error?error_id={}&create_pr=", &error[..12]);
    let fixes = "/error-monitor/fixes/generated";
    let is = |status: &'static str| move |answer: &Value| answer["fixes"][0]["status"] == status;

    let answer = call(&service, "POST", &format!("{ask}false")).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let answer: Value = answer.json().await.unwrap();
    let fix = answer["fix_ids"][0].as_str().unwrap().to_owned();
    assert_eq!(answer["fixes"][0], json!({"error_id": error, "fix_id": fix}));
    service.until(fixes, is("proposed")).await;
    assert_eq!(github.pull_requests().len(), 0, "nobody asked for one");
    let told = problem(&service, "POST", &format!("{ask}false"), 409).await;
    assert_eq!(told["not_started"][0]["fix_id"], fix.as_str(), "{told:#}");

    let answer = call(&service, "POST", &format!("{ask}true")).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    service.until(fixes, is("draft")).await;
    assert_eq!((github.pull_requests().len(), claude.requests().len()), (1, 1), "it was paid for once");
    problem(&service, "POST", &format!("{ask}true"), 409).await;

    github.close_pull_request(1);
    service.post("/error-monitor/monitor/scan").await;
    service.until(fixes, is("closed")).await;
    let batch = format!("/fixes/generate-batch?error_ids={error},00000000000000000000000000000000");
    let answer = call(&service, "POST", &batch).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["fix_ids"], json!([format!("{}-2", &error[..12])]));
    assert_eq!(answer["not_started"][0]["code"], "unknown", "{answer:#}");
    let all = service.until(fixes, is("draft")).await;
    assert_eq!((all["total_fixes"].as_u64(), all["fixes"][1]["status"].as_str()), (Some(2), Some("closed")));
    assert!(all["fixes"][0]["branch"].as_str().unwrap().ends_with("-2"), "{all:#}");
    assert_eq!(github.pull_requests().len(), 2);
    assert_eq!(github.violations(), Vec::<String>::new());

    let closed = service.get(&format!("{fixes}?status=closed&error_id={error}")).await;
    assert_eq!((closed["total_fixes"].as_u64(), ids(&closed, "fixes")), (Some(1), vec![fix]));
    let page = service.get(&format!("{fixes}?limit=1")).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = service.get(&format!("{fixes}?limit=1&cursor={cursor}")).await;
    assert_eq!((ids(&rest, "fixes"), &rest["next_cursor"]), (ids(&closed, "fixes"), &Value::Null));
}

/// A change that Claude is not sure of is stored; people who ask once more get its pull request.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_claude_is_not_sure_of_is_opened_where_people_want_it() {
    let github = GitHubStandIn::start(&[(cart::PATH, cart::SOURCE)]).await;
    let claude = ClaudeStandIn::start(vec![cart::submission("low")]).await;
    let service = Service::mending(&github, &claude, &[]).await;
    let trace = exception_record("ValueError", "bad total 3", TRACEBACK);
    export(&service.grpc_url(), request("shop", vec![trace])).await.unwrap();
    let recent = service.get("/error-monitor/errors/recent").await;
    let ask = format!("/fixes/generate-for-error?error_id={}", recent["errors"][0]["id"].as_str().unwrap());
    for status in ["proposed", "draft"] {
        assert_eq!(call(&service, "POST", &ask).await.status(), StatusCode::ACCEPTED);
        service
            .until("/error-monitor/fixes/generated", |answer| answer["fixes"][0]["status"] == status)
            .await;
    }
    assert_eq!((github.pull_requests().len(), claude.requests().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_writes_fixes_whoever_asks_is_told() {
    let service = shop().await;
    let recent = service.get("/error-monitor/errors/critical").await;
    let error = recent["critical_errors"][0]["id"].as_str().unwrap();
    let told = problem(&service, "POST", &format!("/fixes/generate-for-error?error_id={error}"), 409).await;
    assert_eq!(told["not_started"][0]["code"], "disabled", "{told:#}");
    assert!(told["detail"].as_str().unwrap().contains("ANTHROPIC_API_KEY"), "{told:#}");
    problem(&service, "POST", "/fixes/generate-for-error", 400).await;
    problem(&service, "POST", "/fixes/generate-batch?error_ids=", 400).await;
    let many = vec!["0"; 21].join(",");
    problem(&service, "POST", &format!("/fixes/generate-batch?error_ids={many}"), 400).await;
}
