//! Secrets of every kind that applications log never leave: not in the store, prompts, pull requests, answers, the log, or
//! logmend's own telemetry, and not in what is told of a failure either.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{FILE, PATIENCE, submission};
use crate::support::backend::Backend;
use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::GitHubStandIn;
use crate::support::otlp::{self, attribute, exception_record, request};
use crate::support::service::Service;

/// A kind, what stands before the secret, the secret itself, and what stands behind it. Put together as the test runs, so
/// that scanners of this repository stay quiet.
fn canaries() -> Vec<(&'static str, String, String, &'static str)> {
    let random = |length: usize| -> String {
        "q7Xw2Lm9Zp4Kd8Vb3Nc6Rt1Yh5Jf0Gs".chars().cycle().take(length).collect()
    };
    let hex = |length: usize| -> String { "9f3b7c1de5a08264".chars().cycle().take(length).collect() };
    let plain = |kind, secret: String| (kind, String::new(), secret, "");
    vec![
        plain("aws-key-id", format!("AKIA{}", "Q7XW2LMZPKDVBNCR")),
        ("aws-secret", "aws_secret_access_key=".into(), random(40), ""),
        plain("github", format!("ghp_{}", random(36))),
        plain("github-app", format!("ghs_12345_{}", random(80))),
        plain("github-pat", format!("github_pat_{}", random(82))),
        plain("gitlab", format!("glpat-{}", random(20))),
        plain("anthropic", format!("sk-ant-api03-{}", random(40))),
        plain("openai", format!("sk-proj-{}T3BlbkFJ{}", random(20), random(20))),
        plain("slack", format!("xoxb-123456789012-{}", random(24))),
        (
            "slack-hook",
            "https://hooks.slack.com/services/".into(),
            format!("T0AB12CD3/B0AB12CD3/{}", random(24)),
            "",
        ),
        plain("stripe", format!("sk_live_{}", random(24))),
        plain("webhook", format!("whsec_{}", random(32))),
        plain("google", format!("AIza{}", random(35))),
        plain("google-token", format!("ya29.{}", random(60))),
        ("azure", "AccountKey=".into(), format!("{}==", random(86)), ";"),
        ("azure-sas", "https://x.blob.core.windows.net/c?sv=1&sig=".into(), random(44), "&se=1"),
        plain("npm", format!("npm_{}", random(36))),
        plain("pypi", format!("pypi-AgEIcHlwaS5vcmc{}", random(60))),
        plain("hugging-face", format!("hf_{}", random(34))),
        plain("digitalocean", format!("dop_v1_{}", hex(64))),
        plain("databricks", format!("dapi{}", hex(32))),
        plain("sendgrid", format!("SG.{}.{}", random(22), random(43))),
        plain("twilio", format!("SK{}", hex(32))),
        plain("vault", format!("hvs.{}", random(95))),
        plain("terraform", format!("{}.atlasv1.{}", random(14), random(64))),
        plain("sentry", format!("sntryu_{}", hex(64))),
        plain("jwt", format!("eyJhbGciOiJIUzI1NiJ9.eyJ{}.{}", random(40), random(43))),
        ("url", "postgres://app:".into(), "Tr0ub4dor&3xyz".into(), "@db.internal:5432/shop"),
        ("bearer", "Authorization: Bearer ".into(), random(30), ""),
        ("basic", "Authorization: Basic ".into(), format!("{}==", random(26)), ""),
        ("cookie", "Cookie: session=".into(), random(32), ""),
        ("api-key", "X-Api-Key: ".into(), random(32), ""),
        ("password", "password=".into(), "c0rrect-h0rse-batt3ry".into(), " user=jo"),
        ("json", "{\"client_secret\": \"".into(), random(28), "\"}"),
        ("repr", "{'api_key': '".into(), random(28), "'}"),
        ("query", "GET /cb?access_token=".into(), random(28), "&x=1"),
        ("e-mail", String::new(), "jane.q.public@customer-mail.org".into(), ""),
        ("card", "card ".into(), "4539 1488 0343 6467".into(), ""),
        ("iban", "account ".into(), "DE89370400440532013000".into(), ""),
        ("ssn", "ssn ".into(), "219-09-9999".into(), ""),
        (
            "private-key",
            format!("-----BEGIN RSA PRIVATE{}\n", " KEY-----"),
            format!("MIIEpAIBAAKCAQEA{}", random(64)),
            "\n-----END RSA PRIVATE KEY-----",
        ),
    ]
}

/// What is looked for: enough of the secret that nothing else holds it.
fn tell_tale(secret: &str) -> &str {
    &secret[secret.len().saturating_sub(14)..]
}

fn assert_holds_none(place: &str, text: &str) {
    for (kind, _, secret, _) in canaries() {
        if let Some(at) = text.find(tell_tale(&secret)) {
            let from = text.floor_char_boundary(at.saturating_sub(120));
            let to = text.ceil_char_boundary((at + 60).min(text.len()));
            panic!("{place} holds the {kind}: …{}…", &text[from..to]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_every_kind_never_leave() {
    let all: Vec<_> = canaries()
        .into_iter()
        .map(|(_, before, secret, behind)| format!("{before}{secret}{behind}"))
        .collect();
    // A repository may hold secrets too, and a model may repeat what it read.
    let config = format!("SETTINGS = '''\n{}\n'''\n", all.join("\n"));
    let github = GitHubStandIn::start(&[("charge.py", FILE), ("config.py", &config)]).await;
    let read =
        Turn::tool_use("read_file", json!({"path": "config.py", "start_line": null, "end_line": null}));
    let search = Turn::tool_use("search_code", json!({"query": "AKIA", "path": null}));
    let words = all.join(" and ");
    let turns = vec![
        read,
        search,
        submission("charge.py", "* 100\n", &format!("* 100  # {}\n", all[2]), &words),
        submission("charge.py", "order[\"amount\"]", "order.get(\"amount\", 0)", &words),
    ];
    let claude = ClaudeStandIn::start(turns).await;
    let backend = Backend::start().await;
    let service = Service::mending(
        &github,
        &claude,
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &backend.url()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("RUST_LOG", "debug"),
        ],
    )
    .await;
    let trace = |said: &str| {
        format!(
            "Traceback (most recent call last):\n  File \"/srv/app/charge.py\", line 2, in charge\nKeyError: {said}"
        )
    };
    let records = all.iter().map(|said| {
        let mut record = exception_record("KeyError", said, &trace(said));
        record
            .attributes
            .extend([attribute("http.request.header", said), attribute("note", &format!("x {said} y"))]);
        record
    });
    let mut batch = request("payments", records.collect());
    let resource = batch.resource_logs[0].resource.as_mut().unwrap();
    resource
        .attributes
        .extend([attribute("deployment.environment.name", &all[2]), attribute("service.version", &all[0])]);
    otlp::export(&service.grpc_url(), batch).await.unwrap();
    // What cannot be read is told of without being shown.
    let garbage = all.join("\n").into_bytes();
    let refused = otlp::export_bytes(&service.grpc_url(), garbage).await.unwrap_err();
    assert_holds_none("a refusal", &format!("{refused:?}"));
    service.post("/error-monitor/monitor/scan").await;
    let begun = Instant::now();
    while github.pull_requests().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{}", service.logs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    for call in github.calls() {
        if call.method != "GET" {
            assert_holds_none(&call.path, &call.body.to_string());
        }
    }
    for asked in claude.requests() {
        let texts = without_own_words(&asked);
        assert_holds_none("a prompt", &texts);
    }
    let fixes = service.get("/error-monitor/fixes/generated").await;
    let fix = fixes["fixes"][0]["id"].as_str().unwrap().to_owned();
    let errors = service.get("/error-monitor/errors/recent").await;
    let error = errors["errors"][0]["id"].as_str().unwrap().to_owned();
    for route in [
        "/error-monitor/errors/recent",
        "/error-monitor/errors/critical",
        "/error-monitor/errors/patterns",
        "/error-monitor/dashboard",
        "/error-monitor/health",
        "/error-monitor/autonomous/status",
        "/error-monitor/fixes/generated",
        &format!("/error-monitor/fixes/{fix}"),
        &format!("/error-monitor/errors/{error}"),
    ] {
        assert_holds_none(route, &service.get(route).await.to_string());
    }
    let metrics = reqwest::get(service.api_url() + "/metrics").await.unwrap().text().await.unwrap();
    assert_holds_none("metrics", &metrics);
    assert_holds_none("the log", &service.logs());
    backend.wait_for("trace", "POST").await;
    for signal in ["logs", "metrics", "trace"] {
        for (kind, _, secret, _) in canaries() {
            assert!(!backend.has(signal, tell_tale(&secret)), "{signal} hold the {kind}");
        }
    }
    let (_, service) = service.terminate().await;
    for entry in std::fs::read_dir(service.folder()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert_holds_none(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
    }
}

/// What logmend says in a request; what the stand-in's model said goes back unchanged, as it must.
fn without_own_words(request: &Value) -> String {
    let messages = request["messages"].as_array().unwrap().iter().filter(|message| message["role"] == "user");
    let said: Vec<_> = messages.map(|message| message["content"].to_string()).collect();
    format!("{} {}", request["system"], said.join(" "))
}
