//! OTLP/HTTP: `POST /v1/logs` in protobuf or JSON, and every fault as a `google.rpc.Status` in the request's own spelling.
//!
//! Source: opentelemetry-proto 1.11, `docs/specification.md`, "OTLP/HTTP".

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use serde_json::{Value, json};
use tonic_types::pb;

use super::decompress::Encoding;
use super::export::{Exports, Spelling};
use super::{Accepted, Body, Reason, Refusal, grpc};
use crate::model::Transport;

pub(super) const LOGS_PATH: &str = "/v1/logs";

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// How a call's content type says that it is spelled; its parameters, such as a charset, are of no matter.
pub(super) fn spelling(headers: &HeaderMap) -> Option<Spelling> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case(PROTOBUF) || media_type.eq_ignore_ascii_case("application/protobuf") {
        Some(Spelling::Protobuf)
    } else if media_type.eq_ignore_ascii_case(JSON) {
        Some(Spelling::Json)
    } else {
        None
    }
}

/// Takes one export.
pub(super) async fn export(
    exports: &Exports,
    request: http::Request<hyper::body::Incoming>,
) -> Result<Accepted, Refusal> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Err(Refusal::new(Reason::WrongMethod, "logs are sent with POST"));
    }
    let spelling = spelling(&head.headers).ok_or_else(|| {
        Refusal::new(
            Reason::Unsupported,
            "the content type must be application/x-protobuf or application/json",
        )
    })?;
    let encoding = encoding(&head.headers)?;
    let received = exports.receive(body, 0, |_| None).await?;
    if spelling == Spelling::Json && received.bytes.is_empty() {
        // An empty body is an empty request in protobuf, and in JSON what a careless sender means by one.
        return Ok(Accepted::default());
    }
    exports.take(received, encoding, spelling, Transport::Http).await
}

fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Refusal> {
    let unknown = |error| Refusal::new(Reason::Unsupported, format!("{error}"));
    let mut names = headers.get_all(header::CONTENT_ENCODING).iter();
    let name = names.next().map_or(Ok(""), |value| value.to_str()).unwrap_or("unreadable");
    let encoding = Encoding::from_name(name).map_err(unknown)?;
    // One upon the other in two headers is no different from both in one.
    if names.next().is_some() { Err(unknown(super::decompress::UnknownEncoding)) } else { Ok(encoding) }
}

/// Success, whole or partial.
pub(super) fn accepted(accepted: &Accepted, spelling: Spelling) -> Response<Body> {
    match spelling {
        Spelling::Protobuf => answer(PROTOBUF, grpc::response(accepted).encode_to_vec()),
        Spelling::Json if accepted.rejected == 0 => answer(JSON, "{}"),
        Spelling::Json => {
            let partial = json!({
                "rejectedLogRecords": accepted.rejected.to_string(),
                "errorMessage": accepted.message,
            });
            answer(JSON, json!({ "partialSuccess": partial }).to_string())
        }
    }
}

/// A refusal. A caller that names no spelling that we know is answered in JSON, which people can read.
pub(super) fn refused(refusal: &Refusal, spelling: Option<Spelling>) -> Response<Body> {
    let delay = refusal.retry_delay();
    let mut response = match spelling {
        Some(Spelling::Protobuf) => answer(PROTOBUF, status(refusal, delay).encode_to_vec()),
        Some(Spelling::Json) | None => answer(JSON, status_json(refusal, delay).to_string()),
    };
    *response.status_mut() = refusal.reason.http();
    if let Some((name, value)) = hint(refusal.reason) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Some(delay) = delay {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
    }
    response
}

/// What a refusal's head tells beside its status.
fn hint(reason: Reason) -> Option<(header::HeaderName, &'static str)> {
    match reason {
        Reason::Unauthenticated => Some((header::WWW_AUTHENTICATE, "Bearer")),
        Reason::WrongMethod => Some((header::ALLOW, "POST")),
        Reason::Unsupported => Some((header::ACCEPT_ENCODING, Encoding::NAMES)),
        _ => None,
    }
}

fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}

fn status(refusal: &Refusal, delay: Option<Duration>) -> pb::Status {
    let any = |name: &str, value: Vec<u8>| prost_types::Any {
        type_url: format!("type.googleapis.com/google.rpc.{name}"),
        value,
    };
    let retry_info = delay.map(|delay| {
        let info = pb::RetryInfo { retry_delay: prost_types::Duration::try_from(delay).ok() };
        any("RetryInfo", info.encode_to_vec())
    });
    let bad_request = (refusal.reason == Reason::Malformed).then(|| {
        let violation = pb::bad_request::FieldViolation {
            field: "request".to_owned(),
            description: refusal.why.clone(),
            ..pb::bad_request::FieldViolation::default()
        };
        any("BadRequest", pb::BadRequest { field_violations: vec![violation] }.encode_to_vec())
    });
    pb::Status {
        code: refusal.reason.grpc() as i32,
        message: refusal.why.clone(),
        details: retry_info.into_iter().chain(bad_request).collect(),
    }
}

fn status_json(refusal: &Refusal, delay: Option<Duration>) -> Value {
    let retry_info = delay.map(|delay| {
        json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{}.{:03}s", delay.as_secs(), delay.subsec_millis()),
        })
    });
    let bad_request = (refusal.reason == Reason::Malformed).then(|| {
        json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{ "field": "request", "description": refusal.why }],
        })
    });
    let details: Vec<_> = retry_info.into_iter().chain(bad_request).collect();
    json!({ "code": refusal.reason.grpc() as i32, "message": refusal.why, "details": details })
}

fn answer(content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
