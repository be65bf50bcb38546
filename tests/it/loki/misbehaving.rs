//! A Loki that is away, busy, slow, or answers what it should not.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use logmend::loki::{Client, LokiError, NotTaken, Settings, read_back};
use logmend::model::{Hole, UnixNanos};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::now;
use crate::support::collector::free_port;
use crate::support::otlp::{self, record, request};
use crate::support::server::{self, Server};
use crate::support::service::Service;

const PATIENCE: Duration = Duration::from_secs(30);
/// A secret that no message may hold.
const TOKEN: &str = "glsa_k3ptOutOfLogs0123456789";

/// What a stand-in does with a question.
#[derive(Clone, Copy)]
enum Deed {
    Fail(StatusCode),
    Garbage,
    Endless,
    DropTheConnection,
}

#[derive(Deserialize)]
struct Asked {
    start: u64,
    end: u64,
    limit: usize,
    direction: String,
}

/// A Loki of one stream, with an entry at each of `times`, that answers `deeds` before it answers.
#[derive(Clone)]
struct Script {
    times: Arc<Vec<u64>>,
    deeds: Arc<Mutex<VecDeque<Deed>>>,
    headers: Arc<Mutex<HeaderMap>>,
}

async fn answer(State(script): State<Script>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    *script.headers.lock().unwrap() = headers;
    let deed = script.deeds.lock().unwrap().pop_front();
    match deed {
        Some(Deed::Fail(status)) => {
            return (status, [(header::RETRY_AFTER, "1")], format!("no, {TOKEN}")).into_response();
        }
        Some(Deed::Garbage) => return "<html>we are busy</html>".into_response(),
        Some(Deed::Endless) => return "9".repeat(9 * 1024 * 1024).into_response(),
        Some(Deed::DropTheConnection) => server::drop_connection(),
        None => {}
    }
    assert_eq!(asked.direction, "forward");
    let in_range = script.times.iter().filter(|time| (asked.start..asked.end).contains(time));
    let values: Vec<_> = in_range
        .take(asked.limit)
        .map(|time| json!([time.to_string(), format!("line {time}"), {}]))
        .collect();
    let result = json!([{"stream": {"service_name": "shop"}, "values": values}]);
    axum::Json(json!({"status": "success", "data": {"resultType": "streams", "result": result}}))
        .into_response()
}

async fn stand_in(times: Vec<u64>, deeds: &[Deed]) -> (Server, Script) {
    let deeds = Arc::new(Mutex::new(deeds.iter().copied().collect()));
    let script = Script { times: Arc::new(times), deeds, headers: Arc::default() };
    let router = Router::new().route("/loki/api/v1/query_range", get(answer)).with_state(script.clone());
    (Server::start(server::listener().await, router), script)
}

fn client(query_url: String) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings {
        query_url,
        tenant: Some("acme".to_owned()),
        token: Some(TOKEN.into()),
        query: Settings::QUERY.to_owned(),
    };
    Client::new(settings, || UnixNanos(now())).unwrap()
}

/// Every entry is handed on once, whatever Loki does before it answers and however often the taker refuses.
#[tokio::test(flavor = "multi_thread")]
async fn a_hole_is_read_to_its_end_through_every_fault() {
    use StatusCode as Status;
    for deeds in [
        &[][..],
        &[Deed::Fail(Status::INTERNAL_SERVER_ERROR), Deed::Fail(Status::TOO_MANY_REQUESTS)],
        &[Deed::Garbage, Deed::DropTheConnection],
        &[Deed::Endless, Deed::Endless],
        &[Deed::Fail(Status::UNAUTHORIZED), Deed::Fail(Status::NOT_FOUND)],
    ] {
        let (server, script) = stand_in((1_000..3_500).collect(), deeds).await;
        let client = client(server.url());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (kept, refusals) = (Arc::clone(&taken), Arc::new(Mutex::new(0)));
        let take = move |request| {
            let (kept, refusals) = (Arc::clone(&kept), Arc::clone(&refusals));
            async move {
                let mut refused = refusals.lock().unwrap();
                *refused += 1;
                if *refused == 7 {
                    return Err(NotTaken::NotNow("the store is busy".to_owned()));
                }
                kept.lock().unwrap().push(request);
                Ok(1)
            }
        };
        let hole = Hole { from: UnixNanos(999), to: UnixNanos(3_400) };
        let report = read_back(&client, hole, take, |_| async {}, &CancellationToken::new()).await;
        assert!(report.is_whole && report.incomplete == 0, "{report:?}");
        assert_eq!((report.entries, report.taken, report.counted), (2_400, 2_400, 2_400));
        let mut requests = taken.lock().unwrap().clone();
        requests.sort();
        requests.dedup();
        assert_eq!(requests.len(), 2_400);
        assert_eq!(*client.trouble().borrow(), None, "it answers again");
        let headers = script.headers.lock().unwrap().clone();
        assert_eq!(headers["x-scope-orgid"], "acme");
        assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(headers["x-loki-response-encoding-flags"], "categorize-labels");
    }
}

/// Lines for a prompt are not waited for long, and a fault of Loki is told without the token.
#[tokio::test(flavor = "multi_thread")]
async fn lines_around_an_error_fail_soon_and_tell_no_secret() {
    let refused = Deed::Fail(StatusCode::UNAUTHORIZED);
    let (server, _) = stand_in(Vec::new(), &[refused, Deed::Garbage]).await;
    let client = client(server.url());
    let begun = Instant::now();
    let error = client.around("shop", UnixNanos(now())).await.unwrap_err();
    assert!(matches!(error, LokiError::Admission { .. }), "{error}");
    assert!(error.to_string().contains("set valid LOKI_TOKEN"));
    let told = format!("{error} {error:?} {client:?}");
    assert!(!told.contains(TOKEN), "{told}");
    let error = client.around("shop", UnixNanos(now())).await.unwrap_err();
    assert!(matches!(error, LokiError::Malformed(_)), "{error}");
    assert!(client.trouble().borrow().is_some());
    assert!(begun.elapsed() < PATIENCE);
}

/// The stop does not wait for a Loki that is away.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_reading() {
    let client = client(format!("http://127.0.0.1:{}", free_port()));
    let stop = CancellationToken::new();
    stop.cancel();
    let hole = Hole { from: UnixNanos(0), to: UnixNanos(9) };
    let report = read_back(&client, hole, |_| async { Ok(0) }, |_| async {}, &stop).await;
    assert_eq!((report.is_whole, report.pages), (false, 0));
}

/// With Loki away from the start on errors are taken in, health tells why it is degraded, and a restart is as good.
#[tokio::test(flavor = "multi_thread")]
async fn with_loki_down_errors_are_taken_in_and_health_says_so() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let mut service = Service::start(&[("LOKI_ENABLED", "true"), ("LOKI_QUERY_URL", &url)]).await;
    for count in 1..=2 {
        service.wait_for_log("Loki does not answer", usize::try_from(count).unwrap()).await;
        let health = service.get("/error-monitor/health").await;
        assert_eq!(
            (&health["status"], &health["components"]["loki"]["status"]),
            (&json!("degraded"), &json!("degraded"))
        );
        let detail = health["components"]["loki"]["detail"].as_str().unwrap();
        assert!(detail.starts_with("Loki was not reached: "), "{detail}");
        let error = request("shop", vec![record(17, "connection refused by db-1")]);
        otlp::export(&service.grpc_url(), error).await.unwrap();
        service.wait_until_counted(count, PATIENCE).await;
        service = service.restart().await;
    }
}
