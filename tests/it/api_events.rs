//! Server-sent events: what changes is told at once, by every replica, and to whoever comes back.

use std::time::{Duration, Instant};

use reqwest::Response;
use serde_json::{Value, json};

use crate::support::engines::Postgres;
use crate::support::otlp::{export, record, request};
use crate::support::server;
use crate::support::service::Service;

const PATIENCE: Duration = Duration::from_secs(30);

/// One listener.
struct Events {
    response: Response,
    text: String,
    last_id: String,
}

impl Events {
    async fn listen(service: &Service, last_id: Option<&str>) -> Self {
        let call = server::client().get(service.api_url() + "/error-monitor/events");
        let call = if let Some(id) = last_id { call.header("last-event-id", id) } else { call };
        let response = call.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Self { response, text: String::new(), last_id: String::new() };
        events.until("ready", |_| true).await;
        events
    }

    /// The first event of this name of which something holds.
    async fn until(&mut self, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field =
                    |key: &str| event.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
                let Some(data) = field("data: ") else { continue };
                self.last_id = field("id: ").unwrap();
                let data = serde_json::from_str(&data).unwrap();
                if field("event: ").unwrap() == name && holds(&data) {
                    return data;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "no {name}");
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
        }
    }
}

async fn fail(service: &Service, what: &str) {
    export(&service.grpc_url(), request("shop", vec![record(17, what)])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_windows_are_told_as_they_change_also_after_a_restart() {
    let service = Service::start(&[]).await;
    let mut events = Events::listen(&service, None).await;
    fail(&service, "the ledger is <script>alert(1)</script> gone").await;
    let told = events.until("cluster", |_| true).await;
    assert_eq!(
        (&told["service"], &told["count"], &told["status"]),
        (&json!("shop"), &json!(1), &json!("new"))
    );
    fail(&service, "the ledger is <script>alert(1)</script> gone").await;
    events.until("cluster", |cluster| cluster["count"] == 2).await;
    let id = told["id"].as_str().unwrap();
    service.post(&format!("/error-monitor/errors/{id}/ignore")).await;
    events.until("cluster", |cluster| cluster["status"] == "ignored").await;
    service.post("/error-monitor/monitor/scan").await;
    let window = events.until("window", |window| window["triaged_at"].is_string()).await;
    assert_eq!(window["clusters"], 1);

    let last_id = events.last_id.clone();
    drop(events);
    fail(&service, "something else broke while nobody listened").await;
    let service = service.restart().await;
    let mut events = Events::listen(&service, Some(&last_id)).await;
    events.until("cluster", |cluster| cluster["message"].as_str().unwrap().contains("nobody listened")).await;

    let mut late = Events::listen(&service, Some("1")).await;
    late.until("reload", |_| true).await;
    let refused = server::client().get(service.api_url() + "/error-monitor/events?last_event_id=x");
    assert_eq!(refused.send().await.unwrap().status(), 400);
}

/// One more than may listen is told so; whoever leaves makes room. The service stops with all of them connected.
#[tokio::test(flavor = "multi_thread")]
async fn listeners_are_bounded_and_keep_nobody_from_stopping() {
    let service = Service::start(&[]).await;
    let mut all = Vec::new();
    for _ in 0..64 {
        all.push(Events::listen(&service, None).await);
    }
    let one_more = async || {
        let call = server::client().get(service.api_url() + "/error-monitor/events");
        call.send().await.unwrap().status().as_u16()
    };
    assert_eq!(one_more().await, 503);
    all.pop();
    let begun = Instant::now();
    while one_more().await == 503 {
        assert!(begun.elapsed() < PATIENCE, "its place is not given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (status, _service) = service.terminate().await;
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_replica_tells_what_any_did() {
    let database = tokio::task::spawn_blocking(Postgres::database).await.unwrap();
    let url = database.url();
    let one = Service::start(&[("DATABASE_URL", &url)]).await;
    let other = Service::start(&[("DATABASE_URL", &url)]).await;
    let mut events = Events::listen(&other, None).await;
    fail(&one, "the ledger is gone").await;
    let told = events.until("cluster", |_| true).await;
    one.post(&format!("/error-monitor/errors/{}/resolve", told["id"].as_str().unwrap())).await;
    events.until("cluster", |cluster| cluster["status"] == "fixed").await;
    // What one gave an id of, another goes on from.
    let mut elsewhere = Events::listen(&one, Some(&events.last_id)).await;
    elsewhere.until("cluster", |cluster| cluster["status"] == "fixed").await;
}
