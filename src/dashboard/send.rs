//! How logs get here: the lines that an application or a Collector needs, with the ports of this process, and a test record that
//! takes the way of every other.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use prost::Message as _;

use super::answer;
use super::problem::Trouble;
use super::shell::{Place, Shell};
use crate::model::{Token, UnixNanos};
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::{AnyValue, KeyValue, any_value};
use crate::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::proto::resource::v1::Resource;

/// The service that the test record is of.
const TEST_SERVICE: &str = "logmend-test";
/// OTLP's number for WARN: the test is no reason to write a fix.
const WARN: i32 = 13;

/// Where this process takes logs.
#[derive(Debug, Clone)]
pub struct Intake {
    /// OTLP/gRPC.
    pub grpc_addr: SocketAddr,
    /// OTLP/HTTP.
    pub http_addr: SocketAddr,
    /// Whether the two speak TLS.
    pub tls: bool,
    /// What exporters must present.
    pub token: Token,
}

/// What an exporter is told.
pub(super) struct Guide {
    pub(super) grpc: String,
    pub(super) http: String,
    /// Without a scheme, as a Collector's gRPC exporter has it.
    pub(super) grpc_authority: String,
    pub(super) tls: bool,
    pub(super) token: bool,
}

/// Hands a request to the pipeline, as the receivers do; an error is a sentence for people.
type Export = dyn Fn(Bytes) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync;

/// The way of the test record.
#[derive(Clone)]
pub struct Test(Arc<Export>);

impl Test {
    /// A test that hands its request to `export`.
    pub fn new<F>(export: impl Fn(Bytes) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(export(request))))
    }
}

impl fmt::Debug for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Test").finish_non_exhaustive()
    }
}

impl Intake {
    /// The addresses as the reader reaches them: where the listeners are on all addresses, by the name that the page was asked by.
    pub(super) fn guide(&self, headers: &HeaderMap) -> Guide {
        let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok()).and_then(host_of);
        let authority = |addr: SocketAddr| match (&asked, addr.ip().is_unspecified()) {
            (Some(host), true) => format!("{host}:{}", addr.port()),
            (None, true) => format!("localhost:{}", addr.port()),
            (_, false) => addr.to_string(),
        };
        let scheme = if self.tls { "https" } else { "http" };
        let grpc_authority = authority(self.grpc_addr);
        Guide {
            grpc: format!("{scheme}://{grpc_authority}"),
            http: format!("{scheme}://{}", authority(self.http_addr)),
            grpc_authority,
            tls: self.tls,
            token: self.token.is_set(),
        }
    }
}

/// The name in a `Host` header, without its port; what is no name is not shown.
fn host_of(host: &str) -> Option<String> {
    let name = match host.strip_prefix('[') {
        Some(rest) => format!("[{}]", rest.split_once(']')?.0),
        None => host.split(':').next()?.to_owned(),
    };
    let is_name = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte));
    is_name.then_some(name)
}

#[derive(Template)]
#[template(path = "send.html")]
struct SendLogs {
    shell: Shell,
    guide: Guide,
}

/// `GET /send-logs`.
pub(super) async fn page(State(state): State<super::State>, headers: HeaderMap) -> Result<Response, Trouble> {
    let shell = Shell::of(&state.api, Place::Send, "Send logs", &headers).await.at_rest();
    answer::page(&SendLogs { shell, guide: state.intake.guide(&headers) }, &headers)
}

/// `POST /send-test`: sends a record through the pipeline, and shows it in the list.
pub(super) async fn test(State(state): State<super::State>) -> Response {
    match (state.test.0)(record(state.api.store.now())).await {
        Ok(()) => Redirect::to("/").into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("the test record was not taken: {why}\n"))
            .into_response(),
    }
}

/// One record of now, as an SDK would send it.
fn record(now: UnixNanos) -> Bytes {
    let attribute = |key: &str, value: &str| KeyValue {
        key: key.to_owned(),
        value: Some(text(value)),
        ..KeyValue::default()
    };
    let record = LogRecord {
        time_unix_nano: now.0,
        observed_time_unix_nano: now.0,
        severity_number: WARN,
        severity_text: "WARN".to_owned(),
        body: Some(text("Test record from the dashboard: 429 Too Many Requests")),
        attributes: vec![attribute("test.sent_by", "the dashboard's button")],
        ..LogRecord::default()
    };
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource {
                attributes: vec![attribute("service.name", TEST_SERVICE)],
                ..Resource::default()
            }),
            scope_logs: vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }],
            ..ResourceLogs::default()
        }],
    };
    request.encode_to_vec().into()
}

fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_the_reader_reaches() {
        let intake = |addr: &str| Intake {
            grpc_addr: addr.parse().unwrap(),
            http_addr: addr.parse().unwrap(),
            tls: false,
            token: Token::default(),
        };
        for (addr, host, expected) in [
            ("127.0.0.1:4317", "dash.example:8080", "http://127.0.0.1:4317"),
            ("0.0.0.0:4317", "dash.example:8080", "http://dash.example:4317"),
            ("[::]:4317", "[::1]:8080", "http://[::1]:4317"),
            ("[::]:4317", "<script>", "http://localhost:4317"),
            ("[::]:4317", "", "http://localhost:4317"),
        ] {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            assert_eq!(intake(addr).guide(&headers).grpc, expected, "{addr} {host}");
        }
        let secret = Intake { tls: true, ..intake("10.0.0.1:1") };
        assert_eq!(secret.guide(&HeaderMap::new()).http, "https://10.0.0.1:1");
    }
}
