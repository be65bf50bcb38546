//! `GET /openapi.json` tells of every route, and what it tells is so.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::cart;
use crate::support::claude::ClaudeStandIn;
use crate::support::github::GitHubStandIn;
use crate::support::otlp::{TRACEBACK, exception_record, export, record, request};
use crate::support::service::Service;
use crate::support::{programs, python, server};

const API: &str = include_str!("../../src/api/mod.rs");

/// Every route that the router has, as `get /error-monitor/audit`.
fn routes() -> BTreeSet<String> {
    let text = API.split_whitespace().collect::<Vec<_>>().join(" ").replace(".route( ", ".route(");
    let mut routes = BTreeSet::new();
    for (at, begun) in text.match_indices(".route(\"") {
        let (before, rest) = (&text[..at], &text[at + begun.len()..]);
        let begins = before.rfind("Router::new()").unwrap();
        let prefix = if before[..begins].ends_with("let monitor = ") { "/error-monitor" } else { "" };
        let (path, rest) = rest.split_once('"').unwrap();
        let handler = rest.split(".route(").next().unwrap();
        for method in ["get", "post"].into_iter().filter(|method| handler.contains(&format!(" {method}("))) {
            routes.insert(format!("{method} {prefix}{path}"));
        }
    }
    assert!(routes.contains("get /error-monitor/audit") && routes.contains("post /login"), "{routes:?}");
    routes
}

/// What is described and what is there are the same. Pages for people are no routes of the description.
#[tokio::test(flavor = "multi_thread")]
async fn no_route_is_left_out() {
    let service = Service::start(&[]).await;
    let openapi = service.get("/openapi.json").await;
    assert_eq!(openapi["openapi"], "3.1.0");
    let methods = |(path, item): (&String, &Value)| -> Vec<String> {
        item.as_object().unwrap().keys().map(|method| format!("{method} {path}")).collect()
    };
    let described: BTreeSet<_> = openapi["paths"].as_object().unwrap().iter().flat_map(methods).collect();
    let left_out: Vec<_> = routes().difference(&described).cloned().collect();
    let hint = "describe it with #[utoipa::path] at its handler, and name it in src/api/openapi/mod.rs";
    assert_eq!(left_out, Vec::<String>::new(), "{hint}");
    assert_eq!(
        described.difference(&routes()).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "there is no such route"
    );
}

/// Answers as they came.
struct Answers<'s> {
    service: &'s Service,
    openapi: Value,
    answers: Vec<Value>,
}

impl Answers<'_> {
    /// Calls a route, with values in place of its parameters, and keeps what it answers.
    async fn call(&mut self, method: &str, route: &str, values: &[&str], query: &str) -> Value {
        let path = values.iter().fold(route.to_owned(), |path, value| {
            let (before, rest) = path.split_once('{').unwrap();
            format!("{before}{value}{}", rest.split_once('}').unwrap().1)
        });
        let url = format!("{}{path}{query}", self.service.api_url());
        let response = server::client().request(method.parse().unwrap(), url).send().await.unwrap();
        let status = response.status().as_u16();
        let kind =
            response.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        self.answers.push(json!({
            "method": method.to_ascii_lowercase(),
            "route": route,
            "status": status,
            "content_type": kind,
            "body": body,
        }));
        body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_answers_are_as_described() {
    let github = GitHubStandIn::start(&[(cart::PATH, cart::SOURCE)]).await;
    let claude = ClaudeStandIn::start(vec![cart::submission("high")]).await;
    let service = Service::mending(&github, &claude, &[("LOGMEND_LEARN", "off")]).await;
    let trace = exception_record("ValueError", "bad total 3", TRACEBACK);
    export(&service.grpc_url(), request("shop", vec![trace])).await.unwrap();
    export(&service.grpc_url(), request("shop", vec![record(17, "nobody knows this one")])).await.unwrap();
    let openapi = service.get("/openapi.json").await;
    let mut answers = Answers { service: &service, openapi, answers: Vec::new() };
    let error = answers.call("GET", "/error-monitor/errors/critical", &[], "").await;
    let error = error["critical_errors"][0]["id"].as_str().unwrap().to_owned();
    let ask = format!("?error_id={error}&create_pr=false");
    let begun = answers.call("POST", "/error-monitor/fixes/generate-for-error", &[], &ask).await;
    service.finished_fix(std::time::Duration::from_secs(30)).await;
    answers.call("POST", "/error-monitor/fixes/generate-for-error", &[], &ask).await;
    answers.call("POST", "/error-monitor/monitor/scan", &[], "?auto_fix=false").await;
    let fix = begun["fix_ids"][0].as_str().unwrap().to_owned();

    for route in [
        "/health/live",
        "/health/ready",
        "/openapi.json",
        "/metrics",
        "/error-monitor/health",
        "/error-monitor/autonomous/status",
        "/error-monitor/dashboard",
        "/error-monitor/errors/recent",
        "/error-monitor/errors/fixable",
        "/error-monitor/errors/unclassified",
        "/error-monitor/errors/patterns",
        "/error-monitor/fixes/generated",
        "/error-monitor/rules",
        "/error-monitor/outcomes",
        "/error-monitor/audit",
    ] {
        answers.call("GET", route, &[], "").await;
    }
    for (route, query) in [
        ("/error-monitor/errors/recent", "?limit=0"),
        ("/error-monitor/errors/recent", "?limit=1"),
        ("/error-monitor/audit", "?limit=1"),
        ("/error-monitor/audit", "?cursor=x"),
        ("/error-monitor/events", "?last_event_id=x"),
    ] {
        answers.call("GET", route, &[], query).await;
    }
    for id in [error.as_str(), &error[..9], "x", "00000000000000000000000000000000", "%ff"] {
        answers.call("GET", "/error-monitor/errors/{fingerprint}", &[id], "").await;
        for what in ["ignore", "resolve", "reopen", "separate", "rejoin"] {
            let route = format!("/error-monitor/errors/{{fingerprint}}/{what}");
            answers.call("POST", &route, &[id], "").await;
        }
    }
    answers.call("GET", "/error-monitor/fixes/{id}", &[&fix], "").await;
    answers.call("GET", "/error-monitor/fixes/{id}", &["none"], "").await;
    for route in [
        "/error-monitor/monitor/stop",
        "/error-monitor/monitor/start",
        "/logout",
        "/login",
        "/webhooks/github",
    ] {
        answers.call("POST", route, &[], "").await;
    }
    for what in ["approve", "reject", "revoke"] {
        answers.call("POST", &format!("/error-monitor/rules/{{id}}/{what}"), &["none"], "").await;
    }
    answers.call("POST", "/error-monitor/outcomes/{service}/{category}/allow", &["shop", "x!"], "").await;
    answers
        .call("POST", "/error-monitor/outcomes/{service}/{category}/allow", &["shop", "unknown"], "")
        .await;
    let given = json!({"openapi": answers.openapi, "answers": answers.answers}).to_string();
    println!("{}", python::feed(&python::script("openapi.py"), &[], &given).await);
}

/// Schemathesis makes calls of the description, good ones and bad ones, and holds every answer against it.
#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_answer_that_is_not_as_described() {
    let service = Service::start(&[]).await;
    let trace = exception_record("ValueError", "bad total 3", TRACEBACK);
    export(&service.grpc_url(), request("shop", vec![trace])).await.unwrap();
    let mut schemathesis = Command::new(programs::prepared("LOGMEND_PYTHON"));
    schemathesis.args(["-m", "schemathesis.cli", "run", &format!("{}/openapi.json", service.api_url())]);
    schemathesis.args(["--phases", "coverage,fuzzing", "--max-examples", "5", "--seed", "1", "--no-shrink"]);
    // Events go on for ever, and at `GET /login` there is a page for people.
    schemathesis.args([
        "--exclude-path",
        "/error-monitor/events",
        "--exclude-path",
        "/login",
        "--continue-on-failure",
        "--warnings",
        "off",
    ]);
    schemathesis.args([
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
         unsupported_method,allow_header_conformance",
    ]);
    schemathesis.current_dir(service.folder()).env("NO_COLOR", "1");
    let told = programs::attempt(schemathesis, "").await;
    assert!(told.is_ok(), "{}", told.unwrap_err());
    assert!(!service.logs().contains("panicked"), "{}", service.logs());
}
