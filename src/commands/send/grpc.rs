//! OTLP/gRPC, from the sender's side.
//!
//! Requests are framed and compressed beforehand ([`super::encode`]), so a call is one HTTP/2 request on tonic's channel,
//! which connects anew by itself.

use std::error::Error;
use std::future::poll_fn;

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use prost::Message as _;
use tonic::codegen::Service as _;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};

use super::answer::Answer;
use super::{ANSWER_BYTES_MAX, CONNECT_TIME_MAX, USER_AGENT, root_cause};
use crate::proto::collector::logs::v1::ExportLogsServiceResponse;

const EXPORT_PATH: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// One connection.
#[derive(Debug, Clone)]
pub(super) struct Grpc {
    channel: Channel,
    headers: HeaderMap,
}

impl Grpc {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Where nobody answers there, or the certificate is not trusted.
    pub(super) async fn connect(
        target: &Uri,
        mut headers: HeaderMap,
        encoding: Option<&'static str>,
    ) -> Result<Self, tonic::transport::Error> {
        let mut endpoint = Endpoint::from(target.clone())
            .user_agent(USER_AGENT)?
            .connect_timeout(CONNECT_TIME_MAX)
            .tcp_nodelay(true);
        if target.scheme_str() == Some("https") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?;
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        if let Some(encoding) = encoding {
            headers.insert("grpc-encoding", HeaderValue::from_static(encoding));
        }
        Ok(Self { channel: endpoint.connect().await?, headers })
    }

    /// Sends a framed request.
    pub(super) async fn send(&self, frame: Bytes) -> Answer {
        let mut request = Request::new(tonic::body::Body::new(Full::new(frame)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static(EXPORT_PATH);
        *request.headers_mut() = self.headers.clone();
        let mut channel = self.channel.clone();
        if let Err(error) = poll_fn(|cx| channel.poll_ready(cx)).await {
            return Answer::lost(root_cause(&error));
        }
        match channel.call(request).await {
            Ok(response) => {
                answer(response).await.unwrap_or_else(|error| Answer::lost(root_cause(error.as_ref())))
            }
            Err(error) => Answer::lost(root_cause(&error)),
        }
    }
}

async fn answer(response: Response<tonic::body::Body>) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        // A proxy that speaks no gRPC; the mapping is that of gRPC's "HTTP to gRPC Status Code Mapping".
        let code = match head.status.as_u16() {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 | 502 | 503 | 504 => Code::Unavailable,
            _ => Code::Unknown,
        };
        return Ok(Answer::of_status(&Status::new(code, format!("HTTP {}", head.status))));
    }
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?;
    let status =
        body.trailers().and_then(Status::from_header_map).or_else(|| Status::from_header_map(&head.headers));
    match status {
        Some(status) if status.code() == Code::Ok => Ok(Answer::of_response(&response_of(body.to_bytes()))),
        Some(status) => Ok(Answer::of_status(&status)),
        None => Ok(Answer::lost("an answer without a gRPC status")),
    }
}

/// The message behind the frame's head. One that cannot be read says nothing about rejected records.
fn response_of(mut frame: Bytes) -> ExportLogsServiceResponse {
    frame.advance(frame.len().min(5));
    ExportLogsServiceResponse::decode(frame).unwrap_or_default()
}
