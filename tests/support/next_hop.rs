//! A stand-in for the next hop: it takes logs over OTLP/gRPC and OTLP/HTTP on one port, keeps the requests' bytes as they
//! came, and answers as it is told to.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::{BodyExt, Full};
use logmend::proto::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use logmend::proto::common::v1::any_value::Value;
use logmend::proto::logs::v1::LogRecord;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// How long what is awaited may take, on a machine that compiles meanwhile.
const AWAITED_MAX: Duration = Duration::from_secs(30);

/// How requests with records are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Taken.
    Ok,
    /// Taken, but for so many records.
    Partial(i64, &'static str),
    /// `UNAVAILABLE` with `RetryInfo`, or 503 with `Retry-After`.
    Later(u64),
    /// Taken up to this many bytes; else `RESOURCE_EXHAUSTED` without `RetryInfo`, or 413.
    UpTo(usize),
    /// This status, or this one of HTTP.
    Status(Code, u16),
    /// None.
    Never,
}

#[derive(Clone, Default)]
struct Kept {
    answer: Arc<Mutex<Option<Answer>>>,
    taken: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    asked: Arc<Mutex<usize>>,
}

/// A running stand-in.
pub struct NextHop {
    url: String,
    kept: Kept,
    task: JoinHandle<()>,
}

impl NextHop {
    /// Listens on a free port.
    pub async fn start() -> Self {
        Self::on(super::server::listener().await)
    }

    /// Listens on `listener`.
    pub fn on(listener: TcpListener) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(listener, url)
    }

    /// Listens on a free port, over TLS, as `localhost`.
    pub async fn start_tls(config: tokio_rustls::rustls::ServerConfig) -> Self {
        let listener = super::server::listener().await;
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        Self::serve(TlsListener { listener, acceptor }, url)
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own task, ended when the stand-in is dropped")]
    fn serve<L: axum::serve::Listener>(listener: L, url: String) -> Self
    where
        L::Addr: std::fmt::Debug,
    {
        let kept = Kept::default();
        let router = Router::new()
            .route("/opentelemetry.proto.collector.logs.v1.LogsService/Export", post(grpc))
            .route("/v1/logs", post(http))
            .layer(DefaultBodyLimit::disable())
            .with_state(kept.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, kept, task }
    }

    /// Where to send to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers so from now on.
    pub fn answer(&self, answer: Answer) {
        *self.kept.answer.lock().unwrap() = Some(answer);
    }

    /// The requests that it took, as the bytes that they were.
    pub fn requests(&self) -> Vec<Bytes> {
        self.kept.taken.lock().unwrap().iter().map(|(_, bytes)| bytes.clone()).collect()
    }

    /// The headers of the requests that it took.
    pub fn headers(&self) -> Vec<HeaderMap> {
        self.kept.taken.lock().unwrap().iter().map(|(headers, _)| headers.clone()).collect()
    }

    /// How many requests with records came, taken or not.
    pub fn asked(&self) -> usize {
        *self.kept.asked.lock().unwrap()
    }

    /// The records that it took, each with its service.
    pub fn records(&self) -> Vec<(String, LogRecord)> {
        let decoded =
            self.requests().into_iter().map(|bytes| ExportLogsServiceRequest::decode(bytes).unwrap());
        let mut records = Vec::new();
        for resource_logs in decoded.flat_map(|request| request.resource_logs) {
            let attributes = resource_logs.resource.unwrap_or_default().attributes;
            let service = attributes.iter().find(|attribute| attribute.key == "service.name");
            let service = service.and_then(|attribute| string(attribute.value.as_ref()?)).unwrap_or_default();
            for scope in resource_logs.scope_logs {
                records.extend(scope.log_records.into_iter().map(|record| (service.clone(), record)));
            }
        }
        records
    }

    /// The bodies of the records that it took.
    pub fn bodies(&self) -> Vec<String> {
        self.records().iter().map(|(_, record)| string(record.body.as_ref().unwrap()).unwrap()).collect()
    }

    /// Waits until it took so many records.
    pub async fn wait_for_records(&self, count: usize) -> Vec<(String, LogRecord)> {
        let begun = Instant::now();
        loop {
            let records = self.records();
            if records.len() >= count {
                return records;
            }
            assert!(begun.elapsed() < AWAITED_MAX, "{count} records did not come: {records:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for NextHop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The attribute of a record, where it is a text.
pub fn text(record: &LogRecord, key: &str) -> Option<String> {
    let mut found = record.attributes.iter().filter(|attribute| attribute.key == key);
    let first = found.next()?;
    assert!(found.next().is_none(), "{key} stands twice");
    string(first.value.as_ref()?)
}

/// The attribute of a record, where it is a whole number.
pub fn number(record: &LogRecord, key: &str) -> Option<i64> {
    let found = record.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::IntValue(number) => Some(*number),
        _ => None,
    }
}

fn string(value: &logmend::proto::common::v1::AnyValue) -> Option<String> {
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

impl Kept {
    /// Keeps what is taken, and tells how to answer.
    async fn judge(&self, headers: HeaderMap, request: Bytes) -> Answer {
        if request.is_empty() {
            // A probe.
            let answer = self.answer.lock().unwrap().clone();
            return answer.filter(|answer| matches!(answer, Answer::Status(..))).unwrap_or(Answer::Ok);
        }
        *self.asked.lock().unwrap() += 1;
        let answer = self.answer.lock().unwrap().clone().unwrap_or(Answer::Ok);
        match &answer {
            Answer::UpTo(max) if request.len() > *max => return answer,
            Answer::Later(_) | Answer::Status(..) => return answer,
            Answer::Never => std::future::pending().await,
            Answer::Ok | Answer::Partial(..) | Answer::UpTo(_) => {}
        }
        self.taken.lock().unwrap().push((headers, request));
        if matches!(answer, Answer::UpTo(_)) { Answer::Ok } else { answer }
    }
}

fn success(answer: &Answer) -> Option<Vec<u8>> {
    let partial_success = match answer {
        Answer::Ok => None,
        Answer::Partial(rejected, message) => Some(ExportLogsPartialSuccess {
            rejected_log_records: *rejected,
            error_message: (*message).to_owned(),
        }),
        _ => return None,
    };
    Some(ExportLogsServiceResponse { partial_success }.encode_to_vec())
}

async fn grpc(State(kept): State<Kept>, headers: HeaderMap, body: Bytes) -> Response {
    let (head, message) = body.split_at(5);
    assert_eq!(u32::from_be_bytes(head[1..].try_into().unwrap()) as usize, message.len(), "one message");
    let message = if head[0] == 1 { gunzip(message) } else { Bytes::copy_from_slice(message) };
    let answer = kept.judge(headers, message).await;
    if let Some(answer) = success(&answer) {
        let mut message = vec![0];
        message.extend(u32::try_from(answer.len()).unwrap().to_be_bytes());
        message.extend(answer);
        let ok =
            HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
        let body = Full::new(Bytes::from(message)).with_trailers(async { Some(Ok(ok)) });
        return ([(header::CONTENT_TYPE, "application/grpc")], Body::new(body)).into_response();
    }
    let status = match answer {
        Answer::Later(secs) => {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(secs)));
            Status::with_error_details(Code::Unavailable, "busy", details)
        }
        Answer::UpTo(_) => Status::resource_exhausted("grpc: received message larger than max"),
        Answer::Status(code, _) => Status::new(code, "so it was told"),
        _ => unreachable!(),
    };
    status.into_http()
}

async fn http(State(kept): State<Kept>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let body =
        if headers.get("content-encoding").is_some_and(|e| e == "gzip") { gunzip(&body) } else { body };
    let answer = kept.judge(headers, body).await;
    if let Some(answer) = success(&answer) {
        return ([(header::CONTENT_TYPE, "application/x-protobuf")], answer).into_response();
    }
    match answer {
        Answer::Later(secs) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, secs.to_string())]).into_response()
        }
        Answer::UpTo(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Answer::Status(_, status) => StatusCode::from_u16(status).unwrap().into_response(),
        _ => unreachable!(),
    }
}

fn gunzip(bytes: &[u8]) -> Bytes {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain.into()
}

struct TlsListener {
    listener: TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, addr) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, addr);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
