//! A stand-in for whoever takes telemetry: OTLP/gRPC and OTLP/HTTP of all three signals on one port. It keeps the bytes as
//! they came and decodes nothing; text stands in protobuf as it is.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::{BodyExt, Full};

use super::server::{self, Server};
use super::spans::{self, Span};

/// How long what is awaited may take, on a machine that compiles meanwhile.
const AWAITED_MAX: Duration = Duration::from_secs(30);

/// A gRPC message of no bytes: not compressed, of length 0.
const EMPTY_MESSAGE: &[u8] = &[0; 5];

/// One request for each element: its path, its headers, and the bytes of its body.
type Taken = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

/// A running stand-in.
pub struct Backend {
    server: Server,
    taken: Taken,
}

impl Backend {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let taken = Taken::default();
        let mut router = Router::new();
        for signal in ["logs", "metrics", "trace"] {
            let mut service = signal.to_owned();
            service[..1].make_ascii_uppercase();
            let grpc = format!("/opentelemetry.proto.collector.{signal}.v1.{service}Service/Export");
            router = router.route(&grpc, post(take));
        }
        for path in ["/v1/logs", "/v1/metrics", "/v1/traces"] {
            router = router.route(path, post(take));
        }
        let router = router.with_state(Arc::clone(&taken));
        Self { server: Server::start(server::listener().await, router), taken }
    }

    /// Where to send to.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Whether a request of a signal (`logs`, `metrics` or `trace`) held a text.
    pub fn has(&self, signal: &str, text: &str) -> bool {
        self.taken.lock().unwrap().iter().any(|(path, _, body)| {
            path.contains(signal)
                && (text.is_empty() || body.windows(text.len()).any(|window| window == text.as_bytes()))
        })
    }

    /// Waits until a request of a signal holds a text.
    pub async fn wait_for(&self, signal: &str, text: &str) {
        let begun = Instant::now();
        while !self.has(signal, text) {
            let paths: Vec<_> =
                self.taken.lock().unwrap().iter().map(|(path, _, body)| (path.clone(), body.len())).collect();
            assert!(begun.elapsed() < AWAITED_MAX, "no {signal} with {text:?} came: {paths:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The spans that came over HTTP so far.
    pub fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().unwrap();
        let sent = taken.iter().filter(|(path, _, _)| path == "/v1/traces");
        sent.flat_map(|(_, _, body)| spans::of(body)).collect()
    }

    /// The `service.instance.id` of whoever sends logs.
    pub fn instance_id(&self) -> String {
        const KEY: &[u8] = b"service.instance.id";
        let taken = self.taken.lock().unwrap();
        let (_, _, body) = taken.iter().find(|(path, _, _)| path.contains("logs")).unwrap();
        let at = body.windows(KEY.len()).position(|window| window == KEY).unwrap();
        // Behind the key stand tag and length of the value, then those of the text in it (opentelemetry-proto, KeyValue).
        let text = &body[at + KEY.len() + 4..][..36];
        String::from_utf8(text.to_vec()).unwrap()
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// Whether every request came with this header.
    pub fn all_had(&self, name: &str, value: &str) -> bool {
        self.taken.lock().unwrap().iter().all(|(_, headers, _)| headers.get(name).is_some_and(|v| v == value))
    }
}

async fn take(State(taken): State<Taken>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let is_grpc = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    taken.lock().unwrap().push((uri.path().to_owned(), headers, body));
    if !is_grpc {
        return [(header::CONTENT_TYPE, "application/x-protobuf")].into_response();
    }
    let ok = HeaderMap::from_iter([(
        header::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let body = Full::new(Bytes::from_static(EMPTY_MESSAGE)).with_trailers(async { Some(Ok(ok)) });
    ([(header::CONTENT_TYPE, "application/grpc")], Body::new(body)).into_response()
}
