//! What a pipeline is promised with a next hop behind logmend: what goes on, what does not, and whose acknowledgement counts.

use std::time::Duration;

use bytes::Bytes;
use logmend::proto::collector::logs::v1::logs_service_client::LogsServiceClient;
use logmend::proto::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceRequest};
use logmend::proto::logs::v1::LogRecord;
use prost::Message;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::next_hop::{Answer, NextHop, number, text};
use crate::support::otlp;
use crate::support::server;
use crate::support::service::Service;

const SCAN: &str = "/error-monitor/monitor/scan";

async fn start(hop: &NextHop, settings: &[(&str, &str)]) -> Service {
    let mut all = vec![("LOGMEND_FORWARD_ENDPOINT", hop.url())];
    all.extend(settings);
    Service::start(&all).await
}

/// An error of the same cluster whatever `n` is; the bytes differ.
fn error(n: u64) -> LogRecord {
    LogRecord {
        trace_id: vec![u8::try_from(n + 1).unwrap(); 16],
        ..otlp::exception_record("ValueError", &format!("bad total {n}"), otlp::TRACEBACK)
    }
}

fn healthy(text: &str) -> LogRecord {
    otlp::record(9, text)
}

async fn send(service: &Service, records: Vec<LogRecord>) -> Result<(), Status> {
    otlp::export(&service.grpc_url(), otlp::request("checkout", records)).await
}

/// What the sender is told of a request that was taken.
async fn partial(service: &Service, records: Vec<LogRecord>) -> Option<ExportLogsPartialSuccess> {
    let mut client = LogsServiceClient::connect(service.grpc_url()).await.unwrap();
    client.export(otlp::request("checkout", records)).await.unwrap().into_inner().partial_success
}

async fn counted(service: &Service) -> u64 {
    let recent = service.get("/error-monitor/errors/recent").await;
    recent["errors"].as_array().unwrap().iter().map(|error| error["count"].as_u64().unwrap()).sum()
}

async fn next_hop_health(service: &Service) -> String {
    let health = service.get("/error-monitor/health").await;
    health["components"]["next_hop"]["status"].as_str().unwrap().to_owned()
}

async fn wait_for_health(service: &Service, expected: &str) {
    let begun = std::time::Instant::now();
    while next_hop_health(service).await != expected {
        assert!(begun.elapsed() < Duration::from_secs(40), "the next hop never was {expected}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A length-delimited field.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// What did not match arrives byte for byte, fields that nobody here knows included; what matched gains four attributes.
#[tokio::test(flavor = "multi_thread")]
async fn the_stream_goes_on_unchanged_but_for_marks_on_what_matched() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[]).await;
    let newer = field(77, b"newer than the schema");
    let plain = field(2, &[healthy("started").encode_to_vec(), newer.clone()].concat());
    let resource_logs = [field(2, &plain), field(1000, b"reserved")].concat();
    let request = [field(1, &resource_logs), newer.clone()].concat();
    otlp::export_bytes(&service.grpc_url(), request.clone()).await.unwrap();
    assert_eq!(hop.requests(), [Bytes::from(request)]);

    let matched = field(2, &[error(1).encode_to_vec(), newer.clone()].concat());
    let resource_logs = [field(2, &[plain.clone(), matched].concat()), field(1000, b"reserved")].concat();
    let request = [field(1, &resource_logs), newer.clone()].concat();
    otlp::export_bytes(&service.grpc_url(), request).await.unwrap();
    let went_on = hop.requests().pop().unwrap();
    assert!(holds(&went_on, &plain) && went_on.ends_with(&newer) && holds(&went_on, b"reserved"));
    assert_eq!(went_on.windows(newer.len()).filter(|window| *window == newer).count(), 3);

    let records = hop.records();
    assert_eq!(records.len(), 3);
    assert_eq!(text(&records[1].1, "logmend.fingerprint"), None);
    let marked = &records[2].1;
    let recent = service.get("/error-monitor/errors/recent").await;
    let known = &recent["errors"][0];
    assert_eq!(text(marked, "logmend.fingerprint").unwrap(), known["id"].as_str().unwrap());
    assert_eq!(text(marked, "logmend.category").unwrap(), known["category"].as_str().unwrap());
    assert_eq!(text(marked, "logmend.severity").unwrap(), known["severity"].as_str().unwrap());
    assert!(!text(marked, "logmend.rule").unwrap().is_empty());
    assert_eq!(text(marked, "exception.type").unwrap(), "ValueError");
    assert_eq!(next_hop_health(&service).await, "ok");
}

/// With `matched` the rest ends here, and a request of which nothing goes on is not sent.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_matched_goes_on_where_that_is_asked() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[("LOGMEND_FORWARD_MODE", "matched")]).await;
    send(&service, vec![healthy("started"), healthy("ready")]).await.unwrap();
    assert_eq!(hop.asked(), 0);
    send(&service, vec![healthy("one"), error(1), healthy("two"), error(2)]).await.unwrap();
    let records = hop.records();
    assert_eq!(records.len(), 2);
    assert!(
        records.iter().all(|(service, record)| {
            service == "checkout" && text(record, "logmend.fingerprint").is_some()
        })
    );
}

/// The first of a cluster goes on at once, its repeats are told in one summary at the window's end; FATAL never waits.
#[tokio::test(flavor = "multi_thread")]
async fn repeats_are_held_back_and_told_in_one_summary() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[("LOGMEND_FORWARD_MODE", "deduplicated")]).await;
    let fatal = LogRecord { severity_number: 21, ..error(5) };
    send(&service, vec![healthy("started"), error(0), error(1)]).await.unwrap();
    send(&service, vec![error(2), error(3)]).await.unwrap();
    send(&service, vec![error(4), fatal, healthy("ready")]).await.unwrap();
    let went_on = hop.records();
    assert_eq!(went_on.len(), 4, "{went_on:#?}");
    assert_eq!(
        hop.bodies(),
        ["started", "request failed: bad total 0", "request failed: bad total 5", "ready"]
    );
    assert_eq!(counted(&service).await, 6);

    service.post(SCAN).await;
    let records = hop.wait_for_records(5).await;
    let (name, summary) = records.last().unwrap();
    assert_eq!(name, "checkout");
    assert_eq!(number(summary, "log_count"), Some(6));
    assert_eq!(number(summary, "logmend.held_back"), Some(4));
    assert_eq!(summary.severity_number, 21);
    assert_eq!(text(summary, "logmend.fingerprint"), text(&went_on[1].1, "logmend.fingerprint"));
    assert_eq!(text(summary, "exception.type").unwrap(), "ValueError");
    let first = text(summary, "first_observed_timestamp").unwrap();
    let last = text(summary, "last_observed_timestamp").unwrap();
    let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    assert!(time(&first) <= time(&last));
    assert!(time(&text(summary, "logmend.window.start").unwrap()) <= time(&first));
    assert!(time(&text(summary, "logmend.window.end").unwrap()) >= time(&last));
    let traces = format!("{:?}", summary.attributes.iter().find(|a| a.key == "logmend.trace_ids").unwrap());
    for trace in [2, 3, 4, 5] {
        assert!(traces.contains(&format!("{trace:02x}").repeat(16)), "{traces}");
    }

    // The next window begins with its first record, and nothing is told twice.
    send(&service, vec![error(7)]).await.unwrap();
    service.post(SCAN).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(hop.records().len(), 6);
    assert_eq!(next_hop_health(&service).await, "ok");
}

/// What was held back before a crash is told after it, and a next hop that is away is told when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_summary_survives_a_kill_and_waits_for_the_next_hop() {
    let hop = NextHop::start().await;
    let mut service = start(&hop, &[("LOGMEND_FORWARD_MODE", "deduplicated")]).await;
    send(&service, vec![error(0), error(1), error(2)]).await.unwrap();
    service.kill();
    service = service.restart().await;
    hop.answer(Answer::Later(1));
    service.post(SCAN).await;
    service.kill();
    service = service.restart().await;
    assert_eq!(hop.records().len(), 1);
    hop.answer(Answer::Ok);
    let records = hop.wait_for_records(2).await;
    assert_eq!(number(&records[1].1, "log_count"), Some(3));
    assert_eq!(number(&records[1].1, "logmend.held_back"), Some(2));
    let metrics = service.logs();
    assert!(!metrics.contains("ERROR"), "{metrics}");
}

/// A refusal travels upstream with its delay; sent again, the request counts once and goes on once.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_travels_upstream_and_the_retry_counts_and_goes_on_once() {
    for mode in ["all", "matched", "deduplicated"] {
        for (protocol, path) in [("grpc", ""), ("http/protobuf", "/v1/logs")] {
            let hop = NextHop::start().await;
            let url = format!("{}{path}", hop.url());
            let settings = [
                ("LOGMEND_FORWARD_ENDPOINT", url.as_str()),
                ("LOGMEND_FORWARD_MODE", mode),
                ("LOGMEND_FORWARD_PROTOCOL", protocol),
            ];
            let service = Service::start(&settings).await;
            let request = otlp::request("checkout", vec![error(0)]);
            hop.answer(Answer::Later(7));
            for _ in 0..2 {
                let refusal = otlp::export(&service.grpc_url(), request.clone()).await.unwrap_err();
                assert_eq!(refusal.code(), Code::Unavailable, "{mode} {protocol}: {refusal:?}");
                let delay = refusal.get_details_retry_info().and_then(|info| info.retry_delay);
                assert_eq!(delay, Some(Duration::from_secs(7)), "{mode} {protocol}");
            }
            assert_eq!(next_hop_health(&service).await, "degraded");
            hop.answer(Answer::Ok);
            for _ in 0..3 {
                otlp::export(&service.grpc_url(), request.clone()).await.unwrap();
            }
            assert_eq!((hop.records().len(), hop.asked()), (1, 3), "{mode} {protocol}");
            assert_eq!(counted(&service).await, 1, "{mode} {protocol}");
            assert_eq!(next_hop_health(&service).await, "ok");
        }
    }
}

/// Records without any time may be equal and mean two events: both go on.
#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_without_times_all_go_on() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[]).await;
    let timeless = LogRecord { time_unix_nano: 0, observed_time_unix_nano: 0, ..healthy("tick") };
    for _ in 0..3 {
        send(&service, vec![timeless.clone()]).await.unwrap();
    }
    assert_eq!(hop.records().len(), 3);
}

/// What the next hop refuses for good is refused for good here.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_good_travels_upstream() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[]).await;
    hop.answer(Answer::Status(Code::InvalidArgument, 400));
    let refusal = send(&service, vec![healthy("odd")]).await.unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal:?}");
    assert!(refusal.message().contains("so it was told"), "{refusal:?}");
}

/// Where the store did not commit either, the sender is to keep the request: its errors are not counted yet.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_counted_is_not_refused_for_good() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[]).await;
    hop.answer(Answer::Status(Code::InvalidArgument, 400));
    let file = service.folder().join("logmend.db");
    let mut other = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let refusal = send(&service, vec![error(0)]).await.unwrap_err();
    assert_eq!(refusal.code(), Code::Unavailable, "{refusal:?}");
    other.execute("ROLLBACK").await.unwrap();
    let refusal = send(&service, vec![error(0)]).await.unwrap_err();
    assert_eq!((refusal.code(), counted(&service).await), (Code::InvalidArgument, 1), "{refusal:?}");
}

/// What the next hop rejects is told to the sender, as it told us.
#[tokio::test(flavor = "multi_thread")]
async fn a_partial_success_travels_upstream() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[]).await;
    hop.answer(Answer::Partial(1, "too old"));
    let told = partial(&service, vec![error(0), healthy("x")]).await.unwrap();
    assert_eq!((told.rejected_log_records, told.error_message.as_str()), (1, "too old"));
    hop.answer(Answer::Ok);
    assert_eq!(partial(&service, vec![healthy("y")]).await, None);
}

/// A request over the next hop's limit arrives in parts; one record over it is rejected, the others are not.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_the_next_hop_goes_in_parts() {
    for protocol in ["grpc", "http/protobuf"] {
        let hop = NextHop::start().await;
        let service = start(&hop, &[("LOGMEND_FORWARD_PROTOCOL", protocol)]).await;
        hop.answer(Answer::UpTo(4_000));
        let bodies: Vec<_> = (0..37).map(|n| format!("{n:02} {}", "x".repeat(500))).collect();
        send(&service, bodies.iter().map(|body| healthy(body)).collect()).await.unwrap();
        assert_eq!(hop.bodies(), bodies, "{protocol}");
        assert!(hop.requests().iter().all(|request| request.len() <= 4_000));

        let records = vec![healthy("before"), healthy(&"x".repeat(9_000)), healthy("after")];
        let told = partial(&service, records).await.unwrap();
        assert_eq!(told.rejected_log_records, 1, "{told:?}");
        assert_eq!(hop.bodies()[37..], ["before", "after"]);
    }
}

/// Headers, compression and the path of HTTP are as OpenTelemetry's exporters have them.
#[tokio::test(flavor = "multi_thread")]
async fn headers_and_compression_are_sent() {
    for protocol in ["grpc", "http/protobuf"] {
        let hop = NextHop::start().await;
        let settings = [
            ("LOGMEND_FORWARD_PROTOCOL", protocol),
            ("LOGMEND_FORWARD_HEADERS", "authorization=Bearer%20s3cret,x-scope-orgid=tenant"),
            ("LOGMEND_FORWARD_COMPRESSION", "gzip"),
        ];
        let service = start(&hop, &settings).await;
        send(&service, vec![healthy(&"long ".repeat(20_000))]).await.unwrap();
        let headers = hop.headers().pop().unwrap();
        assert_eq!(headers["authorization"], "Bearer s3cret");
        assert_eq!(headers["x-scope-orgid"], "tenant");
        let encoding = if protocol == "grpc" { "grpc-encoding" } else { "content-encoding" };
        assert_eq!(headers[encoding], "gzip");
        assert!(headers["user-agent"].to_str().unwrap().starts_with("logmend/"));
        assert_eq!(hop.bodies(), ["long ".repeat(20_000)]);
        assert!(!service.logs().contains("s3cret"));
    }
}

/// A next hop that does not let us in is our own settings' fault: senders keep their records, one line and health tell it.
#[tokio::test(flavor = "multi_thread")]
async fn a_next_hop_that_does_not_let_us_in_loses_nothing() {
    for protocol in ["grpc", "http/protobuf"] {
        let hop = NextHop::start().await;
        hop.answer(Answer::Status(Code::Unauthenticated, 401));
        let service = start(&hop, &[("LOGMEND_FORWARD_PROTOCOL", protocol)]).await;
        wait_for_health(&service, "degraded").await;
        for n in 0..3 {
            let refusal = send(&service, vec![error(n)]).await.unwrap_err();
            assert_eq!(refusal.code(), Code::Unavailable, "{refusal:?}");
        }
        assert_eq!(service.logs().matches("LOGMEND_FORWARD_HEADERS").count(), 1, "{}", service.logs());
        hop.answer(Answer::Ok);
        send(&service, vec![error(0)]).await.unwrap();
        assert_eq!(next_hop_health(&service).await, "ok");
    }
}

/// A next hop that is away stops neither the start nor, once it is there, anything else.
#[tokio::test(flavor = "multi_thread")]
async fn a_next_hop_that_is_away_is_waited_for_upstream() {
    for protocol in ["grpc", "http/protobuf"] {
        let listener = server::listener().await;
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let url = format!("http://{addr}");
        let settings = [("LOGMEND_FORWARD_ENDPOINT", url.as_str()), ("LOGMEND_FORWARD_PROTOCOL", protocol)];
        let service = Service::start(&settings).await;
        wait_for_health(&service, "degraded").await;
        assert_eq!(service.get("/error-monitor/health").await["status"], "degraded");
        let request = otlp::request("checkout", vec![error(0)]);
        let refusal = otlp::export(&service.grpc_url(), request.clone()).await.unwrap_err();
        assert_eq!(refusal.code(), Code::Unavailable, "{refusal:?}");
        assert!(refusal.get_details_retry_info().is_some());

        let hop = NextHop::on(tokio::net::TcpListener::bind(addr).await.unwrap());
        // Health finds it without a request.
        wait_for_health(&service, "ok").await;
        otlp::export(&service.grpc_url(), request).await.unwrap();
        assert_eq!((hop.records().len(), counted(&service).await), (1, 1));
    }
}

/// A next hop that does not answer is given up in time for the sender to hear of it; other requests go on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_next_hop_that_hangs_is_given_up_in_time() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[("LOGMEND_FORWARD_TIMEOUT", "700")]).await;
    hop.answer(Answer::Never);
    let begun = std::time::Instant::now();
    let refusal = send(&service, vec![error(0)]).await.unwrap_err();
    assert_eq!(refusal.code(), Code::Unavailable, "{refusal:?}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    hop.answer(Answer::Ok);
    send(&service, vec![error(1)]).await.unwrap();
    assert_eq!(hop.records().len(), 1);
}

/// While the next hop hangs over a request, the same one sent again is not told that it arrived.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_request_on_its_way_is_not_acknowledged_before_it() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[("LOGMEND_FORWARD_MODE", "deduplicated")]).await;
    hop.answer(Answer::Never);
    let request = otlp::request("checkout", vec![error(0)]);
    let send = || otlp::export(service.grpc_url().leak(), request.clone());
    let (one, two) = tokio::join!(send(), send());
    for outcome in [one, two] {
        assert_eq!(outcome.unwrap_err().code(), Code::Unavailable);
    }
    hop.answer(Answer::Ok);
    send().await.unwrap();
    assert_eq!((hop.records().len(), counted(&service).await), (1, 1));
}

/// Without monitoring the stream goes on as it came, whatever the mode.
#[tokio::test(flavor = "multi_thread")]
async fn without_monitoring_all_goes_on_as_it_came() {
    let hop = NextHop::start().await;
    let settings = [("ERROR_MONITORING_ENABLED", "false"), ("LOGMEND_FORWARD_MODE", "deduplicated")];
    let service = start(&hop, &settings).await;
    let request = otlp::request("checkout", vec![error(0), healthy("x"), error(1)]);
    otlp::export(&service.grpc_url(), request.clone()).await.unwrap();
    assert_eq!(hop.requests(), [Bytes::from(request.encode_to_vec())]);
    assert_eq!(counted(&service).await, 0);
}

/// JSON comes in, protobuf goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_json_goes_on_in_protobuf() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[]).await;
    let json = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":9,"body":{"stringValue":"hi"}}]}]}]}"#;
    let url = format!("{}/v1/logs", service.http_url().await);
    let posted = server::client().post(url).header("content-type", "application/json").body(json);
    assert!(posted.send().await.unwrap().status().is_success());
    assert_eq!(hop.bodies(), ["hi"]);
}

/// Certificates of an authority of one's own, in files, and a server that asks for ours.
struct Certificates {
    folder: tempfile::TempDir,
    server: ServerConfig,
}

impl Certificates {
    fn new() -> Self {
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(params, authority_key);
        let sign = |host: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (ours, our_key) = sign("logmend");
        let (server, server_key) = sign("localhost");
        let folder = tempfile::tempdir().unwrap();
        for (file, pem) in
            [("ca.pem", authority.pem()), ("client.pem", ours.pem()), ("client.key", our_key.serialize_pem())]
        {
            std::fs::write(folder.path().join(file), pem).unwrap();
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(roots.into()).build().unwrap();
        let mut server = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![server.der().clone()], server_key.into())
            .unwrap();
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self { folder, server }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

/// TLS with an authority and a certificate of one's own; without them the next hop is not trusted, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn tls_with_an_authority_of_ones_own() {
    let certificates = Certificates::new();
    let (ca, client, key) =
        (certificates.path("ca.pem"), certificates.path("client.pem"), certificates.path("client.key"));
    for protocol in ["grpc", "http/protobuf"] {
        let hop = NextHop::start_tls(certificates.server.clone()).await;
        let settings = [
            ("LOGMEND_FORWARD_PROTOCOL", protocol),
            ("LOGMEND_FORWARD_CERTIFICATE", &ca),
            ("LOGMEND_FORWARD_CLIENT_CERTIFICATE", &client),
            ("LOGMEND_FORWARD_CLIENT_KEY", &key),
        ];
        let service = start(&hop, &settings).await;
        send(&service, vec![error(0)]).await.unwrap();
        assert_eq!(hop.records().len(), 1, "{protocol}");

        let service = start(&hop, &settings[..2]).await;
        let refusal = send(&service, vec![error(1)]).await.unwrap_err();
        assert_eq!(refusal.code(), Code::Unavailable, "{protocol}: {refusal:?}");
        assert_eq!(hop.records().len(), 1, "{protocol}: without our certificate");
    }
}

/// A copy of a record goes on with what it brought, and marks that it came with are not believed.
#[tokio::test(flavor = "multi_thread")]
async fn marks_that_a_record_came_with_are_replaced() {
    let hop = NextHop::start().await;
    let service = start(&hop, &[]).await;
    let mut forged = error(0);
    forged.attributes.push(otlp::attribute("logmend.category", "forged"));
    forged.attributes.push(otlp::attribute("order.id", "7"));
    send(&service, vec![forged]).await.unwrap();
    let (_, record) = hop.records().pop().unwrap();
    assert_ne!(text(&record, "logmend.category").unwrap(), "forged");
    assert_eq!(text(&record, "order.id").unwrap(), "7");
    let whole = ExportLogsServiceRequest::decode(hop.requests().pop().unwrap()).unwrap();
    assert_eq!(whole.resource_logs.len(), 1);
}
