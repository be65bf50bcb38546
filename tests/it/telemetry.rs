//! What logmend tells of itself: metrics that add up, telemetry that arrives, never into itself, and never in its own way.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use prost::Message;

use crate::support::backend::Backend;
use crate::support::collector::free_port;
use crate::support::service::Service;
use crate::support::{otlp, server};

/// Metrics of the service: the type of each name, the value of each series whose number is whole.
struct Scraped {
    types: BTreeMap<String, String>,
    values: BTreeMap<String, u64>,
    reals: BTreeMap<String, f64>,
}

impl Scraped {
    /// Scrapes and reads the text format strictly: help and type before the samples of a name, one sample a series.
    async fn of(service: &Service) -> Self {
        let response = server::client().get(service.api_url() + "/metrics").send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        Self::read(&response.text().await.unwrap())
    }

    fn read(text: &str) -> Self {
        let (mut helped, mut scraped) =
            (None, Self { types: BTreeMap::new(), values: BTreeMap::new(), reals: BTreeMap::new() });
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                assert!(help.ends_with('.'), "{line}");
                helped = Some(name.to_owned());
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(helped.as_deref(), Some(name), "help stands before type");
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
                assert!(kind != "histogram" || name.ends_with("_seconds"), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(
                    scraped.types.insert(name.to_owned(), kind.to_owned()).is_none(),
                    "{name} stands twice"
                );
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let name = series.split('{').next().unwrap();
                let of_histogram =
                    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
                let family =
                    of_histogram.filter(|family| scraped.types.contains_key(*family)).unwrap_or(name);
                assert!(scraped.types.contains_key(family), "{series} has a type");
                let real = value.parse().unwrap_or_else(|_| panic!("{line}"));
                assert!(scraped.reals.insert(series.to_owned(), real).is_none(), "{series} stands twice");
                if let Ok(whole) = value.parse() {
                    scraped.values.insert(series.to_owned(), whole);
                }
            }
        }
        scraped
    }

    fn value(&self, series: &str) -> u64 {
        *self.values.get(series).unwrap_or_else(|| panic!("{series} is not in {:?}", self.values.keys()))
    }

    fn sum(&self, name: &str) -> u64 {
        let of_name = |series: &&String| series.split('{').next() == Some(name);
        self.values.iter().filter(|(series, _)| of_name(series)).map(|(_, value)| value).sum()
    }
}

fn outcome(name: &str) -> String {
    format!("logmend_log_records_total{{outcome=\"{name}\"}}")
}

/// Whatever came in: what was accepted is what was classified, ignored, rejected and replayed.
#[tokio::test(flavor = "multi_thread")]
async fn accepted_records_are_the_sum_of_what_became_of_them() {
    let service = Service::start(&[]).await;
    let mixed = || {
        otlp::request(
            "checkout",
            vec![
                otlp::exception_record("ValueError", "bad total", otlp::TRACEBACK),
                otlp::exception_record("ValueError", "bad total", otlp::TRACEBACK),
                otlp::record(9, "Connected to database in 3 ms"),
            ],
        )
    };
    let first = mixed();
    for request in [first.clone(), first, otlp::request("healthy", vec![otlp::record(9, "all is well")])] {
        otlp::export(&service.grpc_url(), request).await.unwrap();
    }
    otlp::export(&service.grpc_url(), otlp::request("empty", Vec::new())).await.unwrap();
    let over_http = otlp::request("healthy", vec![otlp::record(9, "all is well over HTTP")]).encode_to_vec();
    let post = server::client().post(service.api_url() + "/v1/logs").body(over_http);
    assert_eq!(post.header("content-type", "application/x-protobuf").send().await.unwrap().status(), 200);
    let mut broken = mixed().encode_to_vec();
    broken.truncate(broken.len() - 3);
    otlp::export_bytes(&service.grpc_url(), broken).await.unwrap_err();

    let scraped = Scraped::of(&service).await;
    assert_eq!(scraped.value(&outcome("classified")), 2);
    assert_eq!(scraped.value(&outcome("ignored")), 3);
    assert_eq!(scraped.value(&outcome("rejected")), 0);
    assert_eq!(scraped.value(&outcome("replayed")), 3);
    assert_eq!(scraped.sum("otelcol_receiver_accepted_log_records_total"), 8);
    let grpc = "{receiver=\"otlp\",transport=\"grpc\"}";
    assert_eq!(scraped.value(&format!("otelcol_receiver_accepted_log_records_total{grpc}")), 7);
    let http = "{receiver=\"otlp\",transport=\"http\"}";
    assert_eq!(scraped.value(&format!("otelcol_receiver_accepted_log_records_total{http}")), 1);
    assert_eq!(scraped.value(&format!("otelcol_receiver_refused_log_records_total{grpc}")), 0);
    assert_eq!(scraped.sum("logmend_requests_total"), 5);
    assert_eq!(scraped.sum("logmend_requests_refused_total"), 1);
    assert_eq!(scraped.value("logmend_requests_refused_total{transport=\"grpc\",reason=\"malformed\"}"), 1);
    assert_eq!(scraped.value("logmend_in_flight_bytes"), 0);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(scraped.value(&format!("logmend_build_info{{version=\"{version}\"}}")), 1);
    assert!(scraped.value("process_start_time_seconds") > 1_700_000_000);
    assert!(scraped.value("process_resident_memory_bytes") > 1 << 20);
}

/// The sum holds at every scrape, not only when all is quiet.
#[tokio::test(flavor = "multi_thread")]
async fn the_sum_holds_in_the_middle_of_traffic() {
    let service = Service::start(&[]).await;
    let url = service.grpc_url();
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    let sender = tokio::spawn(async move {
        for n in 0..300 {
            let error = otlp::exception_record("ValueError", &format!("bad total {n}"), otlp::TRACEBACK);
            let request = otlp::request("checkout", vec![error, otlp::record(9, "all is well")]);
            otlp::export(&url, request).await.unwrap();
        }
    });
    let mut accepted = 0;
    while !sender.is_finished() {
        let scraped = Scraped::of(&service).await;
        let now = scraped.sum("otelcol_receiver_accepted_log_records_total");
        assert_eq!(scraped.sum("logmend_log_records_total"), now);
        assert!(now >= accepted, "a counter went back");
        accepted = now;
    }
    sender.await.unwrap();
    assert_eq!(Scraped::of(&service).await.sum("logmend_log_records_total"), 600);
}

/// What the dedupe cache saves, what is cut, how long commits take, and what stands in the store.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_folded_cut_and_stored_is_told() {
    let service = Service::start(&[]).await;
    for n in 0..3 {
        let error = otlp::exception_record("ValueError", &format!("bad total {n}"), otlp::TRACEBACK);
        otlp::export(&service.grpc_url(), otlp::request("checkout", vec![error])).await.unwrap();
    }
    let long = otlp::exception_record("KeyError", &"y ".repeat(20_000), otlp::TRACEBACK);
    otlp::export(&service.grpc_url(), otlp::request("checkout", vec![long])).await.unwrap();
    service.post("/error-monitor/monitor/scan").await;

    let begun = Instant::now();
    let scraped = loop {
        let scraped = Scraped::of(&service).await;
        let (closed, replicas) = ("logmend_last_window_timestamp_seconds", "logmend_replicas");
        if scraped.value(closed) > 0 && scraped.value(replicas) > 0 {
            break scraped;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "the store is not read");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(scraped.value("logmend_dedupe_total{result=\"hit\"}"), 2);
    assert_eq!(scraped.value("logmend_dedupe_total{result=\"miss\"}"), 2);
    assert_eq!(scraped.value("logmend_truncations_total{part=\"body\"}"), 1);
    assert_eq!(scraped.sum("logmend_overflow_records_total"), 0);
    assert_eq!(scraped.sum("logmend_open_clusters"), 2);
    assert_eq!(scraped.sum("logmend_fixes"), 0);
    assert_eq!(scraped.value("logmend_commit_seconds_count"), scraped.value("logmend_commits_total"));
    assert!(scraped.reals["logmend_commit_seconds_sum"] > 0.0);
    assert_eq!(scraped.value("logmend_commit_failures_total"), 0);
    for (series, expected) in [
        ("logmend_leader", 1),
        ("logmend_replicas", 1),
        ("logmend_store_healthy", 1),
        ("logmend_breaker_open", 0),
        ("logmend_commit_queue_requests", 0),
        ("logmend_component_degraded{component=\"rules\"}", 0),
        ("logmend_window_interval_seconds", 3_600),
    ] {
        assert_eq!(scraped.value(series), expected, "{series}");
    }
    let limit = scraped.reals["logmend_budget_limit_usd{period=\"day\"}"];
    assert!((limit - 20.0).abs() < 1e-9, "{limit}");
    assert!(scraped.reals["process_cpu_seconds_total"] >= 0.0);
}

/// With a next hop: what it took is sent, what it did not take is refused upstream and failed onward.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_go_on_are_counted_as_sent_or_failed() {
    let (there, away) = (Backend::start().await, format!("http://127.0.0.1:{}", free_port()));
    for (endpoint, taken) in [(there.url(), true), (away, false)] {
        let service =
            Service::start(&[("LOGMEND_FORWARD_ENDPOINT", &endpoint), ("LOGMEND_FORWARD_PROTOCOL", "grpc")])
                .await;
        let error = otlp::exception_record("ValueError", "bad total", otlp::TRACEBACK);
        let request = otlp::request("checkout", vec![error, otlp::record(9, "all is well")]);
        assert_eq!(otlp::export(&service.grpc_url(), request).await.is_ok(), taken);
        let scraped = Scraped::of(&service).await;
        let (sent, failed) = if taken { (2, 0) } else { (0, 2) };
        assert_eq!(scraped.value("otelcol_exporter_sent_log_records_total{exporter=\"otlp\"}"), sent);
        assert!(scraped.value("otelcol_exporter_send_failed_log_records_total{exporter=\"otlp\"}") >= failed);
        assert_eq!(scraped.sum("otelcol_receiver_accepted_log_records_total"), sent);
        assert_eq!(scraped.sum("logmend_log_records_total"), sent);
        assert_eq!(scraped.sum("otelcol_receiver_refused_log_records_total"), failed);
    }
}

/// With a token set, `/metrics` is behind the door like all other reading.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_behind_the_door_of_the_api() {
    let service = Service::start(&[("LOGMEND_API_TOKEN", "s3cret")]).await;
    let url = service.api_url() + "/metrics";
    assert_eq!(server::client().get(&url).send().await.unwrap().status(), 401);
    let admitted = server::client().get(&url).bearer_auth("s3cret").send().await.unwrap();
    assert_eq!(admitted.status(), 200);
}

/// Lines, metrics and spans arrive under logmend's name, over either protocol, the last ones as it stops.
#[tokio::test(flavor = "multi_thread")]
async fn own_telemetry_arrives_and_is_flushed_at_the_end() {
    for protocol in ["grpc", "http/protobuf"] {
        let backend = Backend::start().await;
        let service = Service::start(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &backend.url()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=a%20key"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.instance.id=of-another"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ])
        .await;
        let record = otlp::exception_record("ValueError", "bad total", otlp::TRACEBACK);
        otlp::export(&service.grpc_url(), otlp::request("checkout", vec![record])).await.unwrap();
        service.post("/error-monitor/monitor/scan").await;

        backend.wait_for("logs", "✓ Error monitor initialized").await;
        backend.wait_for("logs", "Detected 1 error patterns").await;
        backend.wait_for("metrics", "otelcol_receiver_accepted_log_records").await;
        backend.wait_for("metrics", "logmend_log_records").await;
        // A histogram and numbers that are not whole go another way than counts.
        backend.wait_for("metrics", "logmend_commit_seconds").await;
        backend.wait_for("metrics", "logmend_budget_limit_usd").await;
        backend.wait_for("metrics", "process_resident_memory_bytes").await;
        backend.wait_for("trace", "close_window").await;
        for signal in ["logs", "metrics", "trace"] {
            for text in ["service.name", "logmend", "service.instance.id", "deployment.environment.name"] {
                assert!(backend.has(signal, text), "{protocol}: no {text} in {signal}");
            }
            assert!(!backend.has(signal, "of-another"), "the instance's id is logmend's own");
        }
        let (status, service) = service.terminate().await;
        assert!(status.success());
        assert!(backend.has("logs", "stopping: new requests are refused"), "flushed");
        assert!(backend.all_had("x-api-key", "a key"));
        // What is sent is printed all the same, without the names of spans.
        assert!(
            service.logs().contains("Detected 1 error patterns") && !service.logs().contains("close_window")
        );
    }
}

/// Sending its own lines must not make more of them: a quiet service is quiet at the other end, too.
#[tokio::test(flavor = "multi_thread")]
async fn sending_makes_nothing_to_send() {
    let backend = Backend::start().await;
    let service = Service::start(&[
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &backend.url()),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "50"),
        ("RUST_LOG", "trace"),
    ])
    .await;
    backend.wait_for("logs", "✓ Error monitor initialized").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = backend.count();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(backend.count() <= before + 1, "{before} requests, then {}", backend.count());
    assert!(!backend.has("trace", "") && !backend.has("metrics", ""), "one signal was asked for");
    drop(service);
}

/// logmend's own errors come back through a Collector: they are acknowledged, and make nothing.
#[tokio::test(flavor = "multi_thread")]
async fn own_records_that_come_back_are_ignored() {
    let backend = Backend::start().await;
    let service = Service::start(&[
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &format!("{}/v1/logs", backend.url())),
        ("OTEL_BLRP_SCHEDULE_DELAY", "50"),
    ])
    .await;
    backend.wait_for("logs", "service.instance.id").await;
    for (instance, classified, ignored) in [(backend.instance_id(), 0, 1), ("another".to_owned(), 1, 1)] {
        let error =
            otlp::exception_record("ValueError", &format!("bad total of {instance}"), otlp::TRACEBACK);
        let mut request = otlp::request("logmend", vec![error]);
        let resource = request.resource_logs[0].resource.as_mut().unwrap();
        resource.attributes.push(otlp::attribute("service.instance.id", &instance));
        otlp::export(&service.grpc_url(), request).await.unwrap();
        let scraped = Scraped::of(&service).await;
        assert_eq!(scraped.value(&outcome("classified")), classified, "{instance}");
        assert_eq!(scraped.value(&outcome("ignored")), ignored, "{instance}");
    }
}

/// An endpoint that is logmend itself would feed its log to itself for ever.
#[test]
fn telemetry_into_itself_is_refused_at_start() {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    for (listener, listens, host) in [
        ("LOGMEND_GRPC_ADDR", "127.0.0.1", "localhost"),
        ("LOGMEND_HTTP_ADDR", "0.0.0.0", "127.0.0.1"),
        ("LOGMEND_API_ADDR", "[::]", "[::1]"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_logmend"))
            .env_clear()
            .current_dir(folder.path())
            .env("LOGMEND_GRPC_ADDR", "127.0.0.1:0")
            .env("LOGMEND_HTTP_ADDR", "127.0.0.1:0")
            .env("LOGMEND_API_ADDR", "127.0.0.1:0")
            .env(listener, format!("{listens}:{port}"))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{host}:{port}"))
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{told}");
        assert!(told.contains("OTEL_EXPORTER_OTLP_ENDPOINT") && told.contains("or unset it"), "{told}");
        assert_eq!(told.lines().count(), 1, "one sentence: {told}");
    }
}

/// A peer that refuses connections, and one that takes them and never answers: the service works, says so once, and stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_away_is_in_nobodys_way() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (endpoint, protocol) in [
        (closed, "grpc"),
        (closed, "http/protobuf"),
        (silent.local_addr().unwrap(), "grpc"),
        (silent.local_addr().unwrap(), "http/protobuf"),
    ] {
        let service = Service::start(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{endpoint}")),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
        ])
        .await;
        let told = "logmend's own telemetry was not taken";
        service.wait_for_log(told, 1).await;
        let record = otlp::exception_record("ValueError", "bad total", otlp::TRACEBACK);
        otlp::export(&service.grpc_url(), otlp::request("checkout", vec![record])).await.unwrap();
        assert_eq!(service.post("/error-monitor/monitor/scan").await["errors_found"], 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begun = Instant::now();
        let (status, service) = service.terminate().await;
        assert!(status.success(), "{protocol}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{protocol}: {:?}", begun.elapsed());
        assert_eq!(service.logs().matches(told).count(), 1, "{protocol}");
    }
}
