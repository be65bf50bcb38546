//! Stack traces that come line by line, as a collector reads them from files: one trace, one error.

use logmend::proto::logs::v1::LogRecord;
use serde_json::Value;

use crate::support::next_hop::NextHop;
use crate::support::otlp;
use crate::support::server;
use crate::support::service::Service;

const JAVA: &str = "2026-11-16 10:30:00 ERROR checkout failed\njava.lang.IllegalStateException: cart 7\n\tat com.shop.Cart.total(Cart.java:12)\n\tat com.shop.Main.main(Main.java:3)\nCaused by: java.lang.NullPointerException: no sku\n\tat com.shop.Cart.price(Cart.java:4)\n\t... 2 more";

/// A record for each line of a text, of unknown severity, as a file receiver makes them.
fn records(text: &str) -> Vec<LogRecord> {
    text.split('\n').map(|line| otlp::record(0, line)).collect()
}

async fn errors(service: &Service) -> Vec<Value> {
    let recent = service.get("/error-monitor/errors/recent").await;
    recent["errors"].as_array().unwrap().clone()
}

async fn send(service: &Service, records: Vec<LogRecord>) {
    otlp::export(&service.grpc_url(), otlp::request("checkout", records)).await.unwrap();
}

/// What the metrics tell of records with this outcome.
async fn outcome(service: &Service, name: &str) -> u64 {
    let text =
        server::client().get(service.api_url() + "/metrics").send().await.unwrap().text().await.unwrap();
    let series = format!("logmend_log_records_total{{outcome=\"{name}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
}

#[track_caller]
fn check(errors: &[Value], error_type: &str, count: u64, function: &str) {
    let found = errors.iter().find(|error| error["error_type"] == error_type);
    let found = found.unwrap_or_else(|| panic!("no {error_type} in {errors:#?}"));
    assert_eq!(
        (found["count"].as_u64(), found["function"].as_str()),
        (Some(count), Some(function)),
        "{found:#}"
    );
}

/// In one request and in a request for each line, among ordinary lines: two errors, three times each.
#[tokio::test(flavor = "multi_thread")]
async fn traces_that_come_line_by_line_are_one_error_each() {
    let service = Service::start(&[]).await;
    let log = format!("GET /cart 200\n{JAVA}\nGET /cart 201\n{}GET /cart 202", otlp::TRACEBACK);
    let lines = records(&log);
    let sent = 3 * lines.len() as u64;
    send(&service, lines).await;
    for line in records(&log) {
        send(&service, vec![line]).await;
    }
    let mut rest = records(&log);
    while !rest.is_empty() {
        let next = rest.split_off(rest.len().min(4));
        send(&service, std::mem::replace(&mut rest, next)).await;
    }
    let errors = errors(&service).await;
    check(&errors, "java.lang.IllegalStateException", 3, "com.shop.Cart.price");
    check(&errors, "ValueError", 3, "checkout");
    assert_eq!(errors.len(), 2, "{errors:#?}");
    let mut told = 0;
    for name in ["classified", "joined", "ignored", "rejected", "replayed"] {
        told += outcome(&service, name).await;
    }
    assert_eq!(told, sent, "each record is told of once");
}

/// A request that is sent again neither counts nor corrects again.
#[tokio::test(flavor = "multi_thread")]
async fn a_trace_over_two_requests_that_are_sent_twice_counts_once() {
    let service = Service::start(&[]).await;
    let mut head = records(JAVA);
    let rest = head.split_off(2);
    for request in [&head, &head, &rest, &rest] {
        send(&service, request.clone()).await;
    }
    let errors = errors(&service).await;
    check(&errors, "java.lang.IllegalStateException", 1, "com.shop.Cart.price");
    assert_eq!(errors.len(), 1, "{errors:#?}");
}

/// After a restart the first part stays what it was counted as, and its frames are no errors of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_two_halves_of_a_trace_loses_and_doubles_nothing() {
    let mut service = Service::start(&[]).await;
    let mut head = records("java.lang.IllegalStateException: cart 7\n\tat com.shop.Cart.total(Cart.java:12)");
    let rest = head.split_off(1);
    send(&service, head).await;
    assert_eq!(service.counted().await, 1);
    service.kill();
    let service = service.restart().await;
    send(&service, rest).await;
    assert_eq!(service.counted().await, 1);
}

/// Of a cluster the first trace goes on, all of it; of the next one no line does, and one occurrence is held back.
#[tokio::test(flavor = "multi_thread")]
async fn all_lines_of_a_trace_go_on_or_none_does() {
    for (mode, expected) in [("matched", 2 * 7), ("deduplicated", 7 + 2)] {
        let hop = NextHop::start().await;
        let settings = [("LOGMEND_FORWARD_ENDPOINT", hop.url()), ("LOGMEND_FORWARD_MODE", mode)];
        let service = Service::start(&settings).await;
        for _ in 0..2 {
            let mut lines = records(JAVA);
            lines.push(otlp::record(9, "all is well"));
            send(&service, lines).await;
        }
        assert_eq!(hop.records().len(), expected, "{mode}");
    }
}
