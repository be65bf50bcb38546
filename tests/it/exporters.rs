//! Exporters in use, of each language and protocol: the same bug is the same error, whoever tells of it.

use serde_json::json;

use crate::support::peers::Peer;
use crate::support::programs;
use crate::support::service::Service;

const TIMES: u32 = 5;

/// An application fails [`TIMES`] times between healthy lines: one cluster, with all that its exception tells.
async fn check(peer: Peer) {
    let service = Service::start(&[]).await;
    let endpoint = if peer.speaks_http() { service.http_url().await } else { service.grpc_url() };
    programs::run(peer.command(&endpoint, "payments", TIMES)).await;

    let recent = service.get("/error-monitor/errors/recent").await;
    assert_eq!(recent["count"], 1, "{peer:?}: {recent:#}");
    let (error, bug) = (&recent["errors"][0], peer.bug());
    let told = json!({
        "service": error["service"],
        "error_type": error["error_type"],
        "line": error["line"],
        "function": error["function"].as_str().unwrap().rsplit('.').next(),
        "count": error["count"],
        "category": error["category"],
        "severity": error["severity"],
        "fixable": error["fixable"],
    });
    let expected = json!({
        "service": "payments",
        "error_type": bug.error_type,
        "line": bug.line,
        "function": "charge",
        "count": TIMES,
        "category": "internal_error",
        "severity": "high",
        "fixable": true,
    });
    assert_eq!(told, expected, "{peer:?}: {error:#}");
    assert!(error["file"].as_str().unwrap().ends_with(bug.file), "{peer:?}: {error:#}");
    let shown = recent.to_string();
    assert!(!shown.contains("customer1@example.com"), "{peer:?}: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_over_grpc_tells_one_error() {
    check(Peer::Python { protocol: "grpc" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_over_http_tells_one_error() {
    check(Peer::Python { protocol: "http/protobuf" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn winston_tells_one_error_over_each_protocol() {
    for protocol in ["grpc", "http/json", "http/protobuf"] {
        check(Peer::Node { protocol, library: "winston" }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pino_tells_one_error_over_each_protocol() {
    for protocol in ["grpc", "http/json", "http/protobuf"] {
        check(Peer::Node { protocol, library: "pino" }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logback_tells_one_error() {
    check(Peer::Java).await;
}
