//! What was logged while logmend was down comes back from a real Grafana Loki and counts once; a Loki that is away or talks
//! nonsense costs what it would have told, and nothing else.

mod misbehaving;
mod replicas;

use std::time::Duration;

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::GitHubStandIn;
use crate::support::loki::{Loki, TENANT};
use crate::support::otlp::{self, exception_record, record, request};
use crate::support::python;
use crate::support::service::Service;

const ERROR: i32 = 17;
/// How long the counting of thousands of entries may take, on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);
const READ: &str = "read back from Loki: ";

pub(crate) fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap()
}

/// A service beside this Loki that has counted one error.
async fn service(loki: &Loki) -> Service {
    let url = loki.url();
    let settings = [("LOKI_ENABLED", "true"), ("LOKI_QUERY_URL", url.as_str()), ("LOKI_TENANT", TENANT)];
    let service = Service::start(&settings).await;
    let seen = request("shop", vec![record(ERROR, "connection refused by db-1")]);
    // Whoever sends to both has it in Loki too; it is not read back, since it was counted.
    loki.export(&seen).await;
    otlp::export(&service.grpc_url(), seen).await.unwrap();
    service.wait_until_counted(1, PATIENCE).await;
    service
}

/// Restarts it and waits until it has read what it missed.
async fn restarted(service: Service, times: usize) -> Service {
    let service = service.restart().await;
    service.wait_for_log(READ, times).await;
    service
}

/// An outage between two runs costs no error, and the next run does not count it again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_logged_during_an_outage_is_counted_once() {
    let loki = Loki::start().await;
    let mut service = service(&loki).await;
    service.kill();

    let down = now();
    let missed = vec![
        record(ERROR, "connection refused by db-2"),
        record(9, "order 7 was paid"),
        exception_record("ValueError", "bad total", otlp::TRACEBACK),
    ];
    loki.export(&request("shop", missed)).await;
    let at = now();
    let from_a_file = [
        (at, "java.lang.IllegalStateException: cart 7 is closed"),
        (at + 1_000, "\tat com.shop.Cart.total(Cart.java:12)"),
        (at + 2_000, "\tat com.shop.Checkout.run(Checkout.java:40)"),
        (at + 3_000, "stopped"),
    ];
    loki.push(&[("service_name", "billing"), ("filename", "/var/log/billing.log")], &from_a_file).await;

    let service = restarted(service, 1).await;
    assert_eq!(service.counted().await, 4, "{:#}", service.get("/error-monitor/errors/recent").await);
    let recent = service.get("/error-monitor/errors/recent").await;
    let errors = recent["errors"].as_array().unwrap();
    let of = |kind: &str| errors.iter().find(|error| error["error_type"] == kind).unwrap();
    assert_eq!(
        (&of("ValueError")["function"], &of("ValueError")["service"]),
        (&json!("checkout"), &json!("shop"))
    );
    let java = of("java.lang.IllegalStateException");
    assert_eq!((&java["service"], &java["line"], &java["count"]), (&json!("billing"), &json!(12), &json!(1)));
    let refused = errors.iter().find(|error| error["count"] == 2).expect("both refusals are one error");
    assert_eq!(refused["service"], "shop");

    let accepted = r#"otelcol_receiver_accepted_log_records_total{receiver="loki",transport="loki"}"#;
    assert_eq!(metric(&service, accepted).await, 7);
    assert_eq!(service.get("/error-monitor/health").await["components"]["loki"], json!({"status": "ok"}));

    let mut service = restarted(service, 2).await;
    assert_eq!(service.counted().await, 4, "{}", service.logs());

    // As if how far it was read had not been noted: every entry of the outage comes once more.
    service.kill();
    open_again(&service, down, now()).await;
    let service = restarted(service, 4).await;
    assert_eq!(service.counted().await, 4, "{}", service.logs());
    let replayed = metric(&service, r#"logmend_log_records_total{outcome="replayed"}"#).await;
    assert!(replayed >= 3, "{replayed} entries were known");
}

/// Puts a hole into the store that was closed before.
async fn open_again(service: &Service, since: u64, until: u64) {
    let file = service.folder().join("logmend.db");
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    sqlx::query("INSERT INTO hole (began, since, until, reader) VALUES (?, ?, ?, '')")
        .bind(i64::try_from(since).unwrap())
        .bind(i64::try_from(since).unwrap())
        .bind(i64::try_from(until).unwrap())
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// The number behind a name and its labels.
async fn metric(service: &Service, name: &str) -> u64 {
    let metrics = reqwest::get(service.api_url() + "/metrics").await.unwrap().text().await.unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("{name}: {metrics}"))
}

/// An exporter that had no answer sends again what is read back as well, before or after it is read.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_both_ways_counts_once() {
    let loki = Loki::start().await;
    let mut service = service(&loki).await;
    service.kill();
    let error = |n| record(ERROR, &format!("connection refused by db-{n}"));
    let missed =
        request("shop", vec![error(2), exception_record("ValueError", "bad total", otlp::TRACEBACK)]);
    loki.export(&missed).await;
    let service = restarted(service, 1).await;
    assert_eq!(service.counted().await, 3);
    otlp::export(&service.grpc_url(), missed).await.unwrap();
    assert_eq!(service.counted().await, 3, "the exporter's copy is left out");
    otlp::export(&service.grpc_url(), request("shop", vec![error(3)])).await.unwrap();
    assert_eq!(service.counted().await, 4, "what happens now counts");
}

/// Pages end in the midst of a nanosecond, and one nanosecond alone is longer than a page.
#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_entries_with_few_times_are_all_counted() {
    let loki = Loki::start().await;
    let mut service = service(&loki).await;
    service.kill();

    let at = now();
    let lines: Vec<_> = (0..3_500).map(|n| format!("connection refused by db-{n}")).collect();
    let spread: Vec<_> = (0..).zip(&lines).map(|(n, line)| (at + n / 40, line.as_str())).collect();
    loki.push(&[("service_name", "shop"), ("level", "error")], &spread).await;
    let at_once: Vec<_> = lines.iter().take(1_500).map(|line| (at + 20, line.as_str())).collect();
    loki.push(&[("service_name", "cart"), ("level", "error")], &at_once).await;

    let service = restarted(service, 1).await;
    assert_eq!(service.counted().await, 5_001, "{}", service.logs());
    let told = service.logs();
    assert!(told.contains("5000 errors that were missed") && !told.contains("entries were lost"), "{told}");
    let service = restarted(service, 2).await;
    assert_eq!(service.counted().await, 5_001, "{}", service.logs());
}

/// A crash in the midst of the reading loses nothing and doubles nothing, also of what was counted live meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_a_crash_cut_off_goes_on() {
    let loki = Loki::start().await;
    let mut service = service(&loki).await;
    service.kill();
    let at = now();
    let lines: Vec<_> = (0..4_000).map(|n| format!("connection refused by db-{n}")).collect();
    let missed: Vec<_> = (0..).zip(&lines).map(|(n, line)| (at + n / 7, line.as_str())).collect();
    loki.push(&[("service_name", "shop"), ("level", "error")], &missed).await;

    let mut service = service.restart().await;
    let live = request("shop", vec![record(ERROR, "connection refused by db-live")]);
    loki.export(&live).await;
    otlp::export(&service.grpc_url(), live).await.unwrap();
    service.wait_until_counted(1_200, PATIENCE).await;
    service.kill();
    assert!(!service.logs().contains(READ), "the crash came in the midst of it");
    // The rest of this hole, and the one that the crash made.
    let service = restarted(service, 2).await;
    assert_eq!(service.counted().await, 4_002, "{}", service.logs());
}

/// Claude sees what the service logged around the error, and nothing secret of it, and nothing of other services.
#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_holds_what_the_service_logged_around_the_error() {
    let loki = Loki::start().await;
    let emitter = include_str!("../support/emit.py");
    let github = GitHubStandIn::start(&[("emit.py", emitter)]).await;
    let claude =
        ClaudeStandIn::start(vec![Turn::tool_use("decline", json!({"reason": "enough seen"}))]).await;
    let service = Service::mending(
        &github,
        &claude,
        &[("LOKI_ENABLED", "true"), ("LOKI_QUERY_URL", &loki.url()), ("LOKI_TENANT", TENANT)],
    )
    .await;
    let at = now();
    let lines = [
        (at - 200_000_000_000, "too long ago"),
        (at - 1_000_000_000, "price list reloaded: 0 of 9 amounts"),
        (at - 900_000_000, "login of jane@example.com with password=hunter2hunter2 \u{1b}[31m"),
    ];
    loki.push(&[("service_name", "payments")], &lines).await;
    loki.push(&[("service_name", "other")], &[(at, "a line of another service")]).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/emit.py");
    python::run(script, &[&service.grpc_url(), "payments", "1"]).await;
    service.post("/error-monitor/monitor/scan").await;
    service.wait_for_log("no fix was written", 1).await;

    let requests = claude.requests();
    let prompt = requests[0]["messages"][0]["content"][0]["text"].as_str().unwrap();
    let (_, around) = prompt.split_once("What the same service logged within two minutes").expect(prompt);
    assert!(around.contains("price list reloaded: 0 of 9 amounts\n"), "{around}");
    assert!(around.contains("login of [REDACTED:"), "{around}");
    // People see the same on the error's page, when they ask for it.
    let errors = service.get("/error-monitor/errors/recent").await;
    let url = format!("{}/errors/{}", service.api_url(), errors["errors"][0]["id"].as_str().unwrap());
    let page = reqwest::get(&url).await.unwrap().text().await.unwrap();
    assert!(page.contains("?context=1") && !page.contains("price list reloaded"), "{page}");
    let page = reqwest::get(url + "?context=1").await.unwrap().text().await.unwrap();
    assert!(page.contains("price list reloaded: 0 of 9 amounts"), "{page}");
    for leak in ["jane@", "hunter2", "\u{1b}", "another service", "too long ago"] {
        assert!(!prompt.contains(leak), "{leak}: {prompt}");
        assert!(!page.contains(leak), "{leak}: {page}");
    }
    assert_eq!(claude.violations(), Vec::<String>::new());
}
