//! What whoever replays or benchmarks is promised of `logmend send`: every record has one fate, told honestly.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use logmend::proto::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use logmend::proto::logs::v1::LogRecord;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prost::Message;
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::support::collector::free_port;
use crate::support::server::{self, Server};
use crate::support::service::Service;

/// What one run printed, and how it ended.
struct Sent {
    code: i32,
    report: String,
    told: String,
}

impl Sent {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            report: String::from_utf8(output.stdout).unwrap(),
            told: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A row of the report.
    fn row(&self, name: &str) -> &str {
        let row = self.report.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        row.unwrap_or_else(|| panic!("no {name} in\n{}\n{}", self.report, self.told)).trim()
    }

    /// Checks rows of the report: `acknowledged 3, retried 2`.
    fn has(&self, rows: &str) -> &Self {
        for row in rows.split(", ") {
            let (name, value) = row.rsplit_once(' ').unwrap();
            assert_eq!(self.row(name), value, "{name} in\n{}\n{}", self.report, self.told);
        }
        self
    }

    fn ended_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{}\n{}", self.report, self.told);
        self
    }

    fn told(&self, text: &str) -> &Self {
        assert!(self.told.contains(text), "`{text}` is not in: {}", self.told);
        self
    }
}

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logmend"));
    command.env_clear().arg("send").args(flags).stdin(Stdio::null());
    command
}

/// Runs `logmend send`, off the threads that serve its receiver.
async fn send(flags: &[&str]) -> Sent {
    let mut command = command(flags);
    tokio::task::spawn_blocking(move || Sent::of(command.output().unwrap())).await.unwrap()
}

/// A file that lasts as long as its folder.
fn file(name: &str, text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

fn numbered(lines: usize) -> String {
    let mut text = String::new();
    for n in 0..lines {
        writeln!(text, "2026-11-24T10:00:00Z ERROR payment {n} failed: connection reset by peer").unwrap();
    }
    text
}

async fn errors(service: &Service) -> Vec<Value> {
    service.get("/error-monitor/errors/recent").await["errors"].as_array().unwrap().clone()
}

async fn total(service: &Service) -> u64 {
    errors(service).await.iter().map(|error| error["count"].as_u64().unwrap()).sum()
}

/// Every line arrives, once, over several connections, compressed or not; and again with `--repeat`.
#[tokio::test(flavor = "multi_thread")]
async fn numbered_lines_arrive_complete() {
    let service = Service::start(&[]).await;
    let (_folder, path) = file("payments.log", &numbered(5_000));
    let url = service.grpc_url();
    let sent = send(&[&path, "--endpoint", &url, "--connections", "2", "--batch", "333"]).await;
    sent.ended_with(0)
        .has("acknowledged 5000, rejected 0, refused 0, unacknowledged 0, bad lines 0, requests 16");
    assert_eq!(total(&service).await, 5_000);
    assert_eq!(errors(&service).await[0]["service"], "payments");

    let sent = send(&[&path, "--endpoint", &url, "--compression", "gzip", "--repeat", "3"]).await;
    sent.ended_with(0).has("acknowledged 15000, requests 15");
    assert_eq!(total(&service).await, 20_000, "no repetition is taken for a replay of the one before");
}

/// Every protocol and compression is one that the service takes.
#[tokio::test(flavor = "multi_thread")]
async fn every_protocol_and_compression_arrives() {
    let service = Service::start(&[]).await;
    let (_folder, path) = file("payments.log", &numbered(100));
    let mut sent = 0;
    for protocol in ["grpc", "http/protobuf", "http/json"] {
        for compression in ["none", "gzip", "zstd"] {
            // The API's port takes all of them.
            let flags =
                ["--endpoint", &service.api_url(), "--protocol", protocol, "--compression", compression];
            send(&[&[path.as_str()], &flags[..]].concat())
                .await
                .ended_with(0)
                .has("acknowledged 100, retried 0");
            sent += 100;
            assert_eq!(total(&service).await, sent, "{protocol} {compression}");
        }
    }
}

/// A stack trace is one record, with the line that tells of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stack_trace_stays_one_record() {
    let service = Service::start(&[]).await;
    let trace = "ERROR refund failed: java.lang.IllegalStateException: no balance\n\
                 \tat shop.Refund.pay(Refund.java:12)\n\tat shop.Main.run(Main.java:3)\n\
                 Caused by: java.io.IOException: reset\n\tat shop.Net.read(Net.java:40)\n\t... 2 more\n";
    let (_folder, path) = file("refunds.log", &format!("INFO up\n{trace}INFO fine\n{trace}"));
    let sent = send(&[&path, "--endpoint", &service.grpc_url()]).await;
    sent.ended_with(0).has("acknowledged 4, requests 1");
    let errors = errors(&service).await;
    assert_eq!((errors.len(), &errors[0]["count"]), (1, &json!(2)), "{errors:#?}");
    assert!(errors[0]["examples"][0].to_string().contains("Net.java:40"), "{errors:#?}");
}

/// JSON lines keep their parts; bad lines are told with file and number, and cost nobody else anything.
#[tokio::test(flavor = "multi_thread")]
async fn json_lines_arrive_and_bad_lines_are_told() {
    let service = Service::start(&[]).await;
    let good = r#"{"level":"error","msg":"checkout failed","err":{"type":"KeyError","message":"sku","stack":"Traceback (most recent call last):\n  File \"/app/shop/cart.py\", line 41, in checkout\nKeyError: sku"}}"#;
    let (_folder, path) = file("cart.jsonl", &format!("{good}\n{{\"broken\":\n\n{good}\n[1,2]\n{good}\n"));
    let sent = send(&[&path, "--endpoint", &service.grpc_url(), "--service", "cart"]).await;
    sent.ended_with(0)
        .has("acknowledged 3, bad lines 2")
        .told(&format!("{path}:2: "))
        .told(&format!("{path}:5: "));
    let errors = errors(&service).await;
    assert_eq!((errors.len(), &errors[0]["count"]), (1, &json!(3)), "{errors:#?}");
    assert_eq!(errors[0]["file"], "/app/shop/cart.py", "{errors:#?}");
}

/// What a Collector's file exporter wrote is sent as it was: resource, times, ids. Only the observed time is that of sending.
#[tokio::test(flavor = "multi_thread")]
async fn otlp_lines_are_sent_as_they_were() {
    let receiver = Receiver::start(|_| grpc_ok()).await;
    let line = json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}]},
        "scopeLogs": [{"scope": {"name": "shop"}, "logRecords": [
            {"timeUnixNano": "1763289000000000000", "observedTimeUnixNano": "1763289000000000001", "severityNumber": 17,
             "body": {"stringValue": "lost"}, "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"},
            {"body": {}, "attributes": [{"key": "list", "value": {"arrayValue": {}}}]},
        ]}],
    }]});
    let (_folder, path) = file("logs.jsonl", &format!("{line}\n{{\"resourceSpans\":[]}}\n{line}\n"));
    let sent =
        send(&[&path, "--endpoint", &receiver.server.url(), "--service", "not-used", "--repeat", "2"]).await;
    sent.ended_with(0).has("acknowledged 8, requests 4, bad lines 2").told(":2: ");
    let seen = receiver.seen();
    for (i, (_, _, frame)) in seen.iter().enumerate() {
        assert!(seen[..i].iter().all(|(_, _, other)| other != frame), "no two requests are the same bytes");
        let request = ExportLogsServiceRequest::decode(&frame[5..]).unwrap();
        let resource = request.resource_logs[0].resource.as_ref().unwrap();
        assert_eq!(resource.attributes.len(), 1);
        let records = records(request);
        assert_eq!((records[0].time_unix_nano, records[1].time_unix_nano), (1_763_289_000_000_000_000, 0));
        assert_eq!((records[0].trace_id.len(), records[0].severity_number), (16, 17));
        assert!(records[0].observed_time_unix_nano > 1_763_289_000_000_000_001);
    }
}

/// Standard input is followed: what was written is sent while the writer is still there.
#[tokio::test(flavor = "multi_thread")]
async fn standard_input_is_followed() {
    let service = Service::start(&[]).await;
    let url = service.grpc_url();
    let mut child = command(&["-", "--endpoint", &url, "--service", "payments"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(numbered(10).as_bytes()).unwrap();
    let begun = Instant::now();
    while total(&service).await < 10 {
        assert!(begun.elapsed() < Duration::from_secs(20), "they are held back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(input);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    Sent::of(output).ended_with(0).has("acknowledged 10");
}

/// Without the token nothing is taken, and it does not go on knocking; with it all is.
#[tokio::test(flavor = "multi_thread")]
async fn headers_reach_the_receiver() {
    let service = Service::start(&[("LOGMEND_INGEST_TOKEN", "s3cret")]).await;
    let (_folder, path) = file("payments.log", &numbered(20));
    let url = service.grpc_url();
    let flags = [path.as_str(), "--endpoint", &url, "--batch", "1", "--concurrency", "1"];
    let sent = send(&flags).await;
    sent.ended_with(1).has("acknowledged 0, refused 1").told("UNAUTHENTICATED");
    let sent = send(&[&flags[..], &["--header", "authorization=Bearer s3cret"]].concat()).await;
    sent.ended_with(0).has("acknowledged 20, requests 20");
}

/// What a receiver of our own answers to the n-th request, from 0.
type Answers = fn(usize) -> Response;

/// A receiver that keeps what it is sent.
struct Receiver {
    server: Server,
    seen: Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>,
}

impl Receiver {
    async fn start(answers: Answers) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let router = Router::new().fallback(move |request: Request| {
            let kept = Arc::clone(&kept);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let mut kept = kept.lock().unwrap();
                kept.push((head.uri.path().to_owned(), head.headers, body));
                answers(kept.len() - 1)
            }
        });
        Self { server: Server::start(server::listener().await, router), seen }
    }

    fn seen(&self) -> Vec<(String, HeaderMap, Bytes)> {
        self.seen.lock().unwrap().clone()
    }
}

/// A gRPC answer: the status where it is none of success, else the response.
fn grpc(status: &Status, response: &ExportLogsServiceResponse) -> Response {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).unwrap();
    let message = response.encode_to_vec();
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    let frame = if status.code() == Code::Ok { frame } else { Vec::new() };
    let body = Full::new(Bytes::from(frame)).with_trailers(async move { Some(Ok(trailers)) });
    Response::builder().header("content-type", "application/grpc").body(Body::new(body)).unwrap()
}

fn grpc_ok() -> Response {
    grpc(&Status::ok(""), &ExportLogsServiceResponse::default())
}

fn unavailable() -> Response {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(20)));
    grpc(
        &Status::with_error_details(Code::Unavailable, "busy", details),
        &ExportLogsServiceResponse::default(),
    )
}

fn partial(rejected: i64) -> ExportLogsServiceResponse {
    let partial =
        ExportLogsPartialSuccess { rejected_log_records: rejected, error_message: "too old".to_owned() };
    ExportLogsServiceResponse { partial_success: Some(partial) }
}

fn answer(status: u16, header: (&'static str, &'static str), body: impl Into<Body>) -> Response {
    let header = (HeaderName::from_static(header.0), HeaderValue::from_static(header.1));
    let mut response = Response::new(body.into());
    *response.status_mut() = status.try_into().unwrap();
    response.headers_mut().extend([header]);
    response
}

/// A request that was refused twice for now counts once as acknowledged, with its two retries, and waits as it was told.
#[tokio::test(flavor = "multi_thread")]
async fn retries_are_counted_apart_from_records() {
    let receiver = Receiver::start(|n| if n < 2 { unavailable() } else { grpc_ok() }).await;
    let (_folder, path) = file("a.log", &numbered(10));
    let begun = Instant::now();
    let sent = send(&[&path, "--endpoint", &receiver.server.url()]).await;
    sent.ended_with(0).has("acknowledged 10, retried 2, requests 1, refused 0").told("UNAVAILABLE: busy");
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "RetryInfo's 20 ms, not the back-off, on a busy machine"
    );
    let seen = receiver.seen();
    assert_eq!(seen.len(), 3);
    assert!(
        seen.iter().all(|(_, _, body)| *body == seen[0].2),
        "the same bytes, so that a receiver can tell"
    );
}

/// A receiver that never takes a request is given up; what was not acknowledged is told so.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_acknowledged_is_told_so() {
    let receiver = Receiver::start(|_| unavailable()).await;
    let (_folder, path) = file("a.log", &numbered(10));
    let url = receiver.server.url();
    let sent = send(&[&path, "--endpoint", &url, "--retries", "2"]).await;
    sent.ended_with(1)
        .has("acknowledged 0, retried 2, unacknowledged 10, refused 0")
        .told("UNAVAILABLE: busy");
}

/// Rejected records are told apart from acknowledged ones.
#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_are_counted() {
    let receiver = Receiver::start(|n| grpc(&Status::ok(""), &partial(if n == 0 { 3 } else { 0 }))).await;
    let (_folder, path) = file("a.log", &numbered(20));
    let sent = send(&[&path, "--endpoint", &receiver.server.url(), "--batch", "10"]).await;
    sent.ended_with(1).has("acknowledged 17, rejected 3, refused 0").told("partial success: too old");
}

/// A bad request costs itself alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_good_does_not_stop_the_others() {
    let receiver = Receiver::start(|n| match n {
        1 => grpc(&Status::invalid_argument("odd"), &ExportLogsServiceResponse::default()),
        _ => grpc_ok(),
    })
    .await;
    let (_folder, path) = file("a.log", &numbered(30));
    let sent = send(&[&path, "--endpoint", &receiver.server.url(), "--batch", "10"]).await;
    sent.ended_with(1).has("acknowledged 20, refused 10, retried 0").told("INVALID_ARGUMENT: odd");
}

/// OTLP/HTTP with protobuf: path, types, compression, Retry-After, partial success.
#[tokio::test(flavor = "multi_thread")]
async fn http_protobuf_is_spoken() {
    let receiver = Receiver::start(|n| match n {
        0 => answer(503, ("retry-after", "0"), ""),
        1 => answer(200, ("content-type", "application/x-protobuf"), partial(1).encode_to_vec()),
        _ => answer(200, ("content-type", "application/x-protobuf"), ""),
    })
    .await;
    let (_folder, path) = file("a.log", &numbered(20));
    let url = receiver.server.url();
    let flags = ["--endpoint", &url, "--protocol", "http/protobuf", "--batch", "10", "--concurrency", "1"];
    let sent = send(&[&[path.as_str(), "--compression", "zstd"], &flags[..]].concat()).await;
    sent.ended_with(1).has("acknowledged 19, rejected 1, retried 1").told("HTTP 503");
    for (path, headers, body) in receiver.seen() {
        assert_eq!(path, "/v1/logs");
        assert_eq!(headers["content-type"], "application/x-protobuf");
        assert_eq!(headers["content-encoding"], "zstd");
        let plain = zstd::stream::decode_all(&body[..]).unwrap();
        assert_eq!(records(ExportLogsServiceRequest::decode(&plain[..]).unwrap()).len(), 10);
    }
}

/// OTLP/HTTP with JSON.
#[tokio::test(flavor = "multi_thread")]
async fn http_json_is_spoken() {
    let receiver = Receiver::start(|n| match n {
        0 => answer(
            200,
            ("content-type", "application/json"),
            r#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}"#,
        ),
        1 => answer(400, ("content-type", "application/json"), r#"{"code":3,"message":"odd"}"#),
        _ => answer(200, ("content-type", "application/json"), "{}"),
    })
    .await;
    let (_folder, path) = file("a.log", &numbered(30));
    let url = receiver.server.url();
    let sent = send(&[&path, "--endpoint", &url, "--protocol", "http/json", "--batch", "10"]).await;
    sent.ended_with(1)
        .has("acknowledged 18, rejected 2, refused 10")
        .told("HTTP 400 Bad Request: odd")
        .told("too old");
    let (_, headers, body) = &receiver.seen()[0];
    assert_eq!(headers["content-type"], "application/json");
    let body: Value = serde_json::from_slice(body).unwrap();
    let record = &body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["severityNumber"], 17, "{record:#}");
    assert!(record["body"]["stringValue"].as_str().unwrap().contains("connection reset"), "{record:#}");
}

fn records(request: ExportLogsServiceRequest) -> Vec<LogRecord> {
    let scopes = request.resource_logs.into_iter().flat_map(|logs| logs.scope_logs);
    scopes.flat_map(|logs| logs.log_records).collect()
}

/// The service is killed and started anew meanwhile: the connections come back, every record is acknowledged and counted once.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_receiver_loses_nothing() {
    let addr = format!("127.0.0.1:{}", free_port());
    let mut service = Service::start(&[("LOGMEND_GRPC_ADDR", &addr)]).await;
    let (_folder, path) = file("payments.log", &numbered(4_000));
    let endpoint = format!("http://{addr}");
    let flags = ["--endpoint", &endpoint, "--rate", "2000", "--batch", "20", "--connections", "2"];
    let mut command = command(&[&[path.as_str()], &flags[..]].concat());
    let sending = tokio::task::spawn_blocking(move || Sent::of(command.output().unwrap()));
    while total(&service).await < 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    service.kill();
    let service = service.restart().await;
    let sent = sending.await.unwrap();
    sent.ended_with(0).has("acknowledged 4000, requests 200, refused 0, unacknowledged 0");
    assert!(sent.row("retried").parse::<u64>().unwrap() > 0, "{}", sent.report);
    assert_eq!(total(&service).await, 4_000);
}

/// Ctrl-C ends it in order: what was sent is told, and that the rest was not.
#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_ends_in_a_report() {
    let receiver = Receiver::start(|_| grpc_ok()).await;
    let (_folder, path) = file("a.log", &numbered(1_000));
    let child = command(&[&path, "--endpoint", &receiver.server.url(), "--rate", "50"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while receiver.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let sent = Sent::of(output);
    sent.ended_with(130).has("unacknowledged 0");
    assert!(sent.report.ends_with("interrupted: the rest was not sent\n"), "{}", sent.report);
    let acknowledged: usize = sent.row("acknowledged").parse().unwrap();
    assert!((5..1_000).contains(&acknowledged), "{}", sent.report);
}

/// Records go out at the rate that is asked for, in requests small enough to measure, stamped with the time they go.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept() {
    let receiver = Receiver::start(|_| grpc_ok()).await;
    let (_folder, path) = file("a.log", &numbered(200));
    let sent = send(&[&path, "--endpoint", &receiver.server.url(), "--rate", "200"]).await;
    sent.ended_with(0).has("acknowledged 200, requests 10");
    let seconds: f64 = sent.row("seconds").parse().unwrap();
    assert!((0.9..30.0).contains(&seconds), "the last of 10 requests is due after 0.9 s, not {seconds}");
    let stamps: Vec<_> = receiver
        .seen()
        .into_iter()
        .map(|(_, _, frame)| {
            records(ExportLogsServiceRequest::decode(&frame[5..]).unwrap())[0].time_unix_nano
        })
        .collect();
    let span = stamps.iter().max().unwrap() - stamps.iter().min().unwrap();
    assert!((900_000_000..1_000_000_000).contains(&span), "{span} ns between the first and the last");
}

/// The report's names are what scripts read.
#[tokio::test(flavor = "multi_thread")]
async fn the_report_has_its_rows() {
    let receiver = Receiver::start(|_| grpc_ok()).await;
    let (_folder, path) = file("a.log", &numbered(10));
    let sent = send(&[&path, "--endpoint", &receiver.server.url()]).await;
    let names: Vec<_> = sent.report.lines().skip(1).map(|row| row.split("  ").next().unwrap()).collect();
    let expected = [
        "records/s",
        "ack latency",
        "acknowledged",
        "rejected",
        "refused",
        "unacknowledged",
        "retried",
        "bad lines",
        "requests",
        "bytes",
        "seconds",
    ];
    assert_eq!(names, expected, "{}", sent.report);
    for quantile in ["p50 ", "p90 ", "p99 ", "max "] {
        assert!(sent.row("ack latency").contains(quantile), "{}", sent.report);
    }
    assert_eq!(sent.told, "", "nothing to tell, and no live line off a terminal");
}

/// What cannot be done is one sentence and exit code 1, before anything is sent.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_told_in_a_sentence() {
    let (folder, path) = file("a.log", "ERROR lost\n");
    let closed = server::listener().await.local_addr().unwrap().to_string();
    let url = format!("http://{closed}");
    let missing = folder.path().join("b.log");
    let missing = missing.to_str().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (flags, expected) in [
        (vec![&*path, "--endpoint", &url], "cannot reach"),
        (vec![&*path, "--endpoint", &url, "--protocol", "http/json"], "cannot reach"),
        (vec![&*path, missing, "--endpoint", &url], missing),
        (vec![folder, "--endpoint", &url], "is a folder"),
        (vec!["-", "--repeat", "2"], "standard input can be read once"),
        (vec![&*path, "--endpoint", "ftp://x"], "ftp://x"),
    ] {
        let sent = send(&flags).await;
        sent.ended_with(1).told(expected);
        assert!(sent.told.lines().count() == 1 && sent.told.starts_with("logmend: "), "{}", sent.told);
        assert_eq!(sent.report, "");
    }
    for (flags, expected) in [
        (vec![&*path, "--protocol", "smtp"], "grpc, http/protobuf, http/json"),
        (vec![&*path, "--header", "nonsense"], "KEY=VALUE"),
        (vec![], "<FILE>"),
    ] {
        send(&flags).await.ended_with(2).told(expected);
    }
}
