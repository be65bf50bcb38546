//! OTLP/gRPC: one message in, one message and a status out.
//!
//! Source: gRPC over HTTP/2 (`grpc/doc/PROTOCOL-HTTP2.md`). The frame of a unary call is five bytes, read here rather than by
//! tonic's codec, which would set memory aside for whatever length a sender claims, has no bound on a zstd frame's window,
//! and answers a long message with `OUT_OF_RANGE`, which OTLP clients send again for ever.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tonic::metadata::{BinaryMetadataValue, MetadataMap};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::body::Received;
use super::decompress::Encoding;
use super::export::{Exports, Spelling};
use super::{Accepted, Body, Reason, Refusal};
use crate::model::Transport;
use crate::proto::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};

pub(super) const EXPORT_PATH: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

const CONTENT_TYPE: &str = "application/grpc";
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Flag and length before a message.
const FRAME_HEADER_BYTES: usize = 5;

/// Where OpenTelemetry's Python exporter looks for the delay, in place of `grpc-status-details-bin`
/// (opentelemetry-python, `opentelemetry/exporter/otlp/proto/grpc/exporter.py`).
const PYTHON_RETRY_INFO: &str = "google.rpc.retryinfo-bin";

/// Whether a call is gRPC's, by its content type: `application/grpc` or `application/grpc+proto`.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(http::header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    content_type
        .strip_prefix(CONTENT_TYPE.as_bytes())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+proto") || rest.starts_with(b";"))
}

/// Takes one `Export` call.
pub(super) async fn export(
    exports: &Exports,
    request: http::Request<hyper::body::Incoming>,
) -> Result<Accepted, Refusal> {
    let (head, body) = request.into_parts();
    let encoding = encoding(&head.headers)?;
    let received = exports.receive(body, FRAME_HEADER_BYTES, announced).await?;
    let (received, compressed) = unframe(received)?;
    let encoding = match (compressed, encoding) {
        (false, _) => None,
        (true, Some(encoding)) => Some(encoding),
        (true, None) => {
            let why = "the message is flagged as compressed, but no grpc-encoding says how";
            return Err(Refusal::new(Reason::Internal, why));
        }
    };
    exports.take(received, encoding, Spelling::Protobuf, Transport::Grpc).await
}

fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Refusal> {
    let name = headers.get(ENCODING).map_or(Ok(""), |value| value.to_str()).unwrap_or("unreadable");
    Encoding::from_name(name).map_err(|error| Refusal::new(Reason::Unsupported, error.to_string()))
}

/// The whole body's length, as the frame's header announces it.
fn announced(start: &[u8]) -> Option<usize> {
    let (_, length) = frame_header(start)?;
    Some(length.saturating_add(FRAME_HEADER_BYTES))
}

fn frame_header(bytes: &[u8]) -> Option<(u8, usize)> {
    let header = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
    let [flag, a, b, c, d] = *header;
    Some((flag, usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX)))
}

/// The message of the one frame, and whether it is compressed.
fn unframe(received: Received) -> Result<(Received, bool), Refusal> {
    // gRPC's own libraries answer a broken frame with INTERNAL.
    let broken = |why: &str| Refusal::new(Reason::Internal, why);
    let Received { mut bytes, share } = received;
    let (flag, length) =
        frame_header(&bytes).ok_or_else(|| broken("the call ended before its message began"))?;
    if flag > 1 {
        return Err(broken("the message's compression flag is neither 0 nor 1"));
    }
    let message = bytes.split_off(FRAME_HEADER_BYTES);
    if message.len() != length {
        return Err(broken("the call holds more or less than one message"));
    }
    Ok((Received { bytes: message, share }, flag == 1))
}

/// Success: the response, whole or partial, and status 0 behind it.
pub(super) fn accepted(accepted: &Accepted) -> Response<Body> {
    let message = response(accepted).encode_to_vec();
    let mut frame = BytesMut::with_capacity(FRAME_HEADER_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.extend_from_slice(&message);
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

/// The answer to an accepted request: nothing is set unless something was rejected.
pub(super) fn response(accepted: &Accepted) -> ExportLogsServiceResponse {
    let partial = || ExportLogsPartialSuccess {
        rejected_log_records: i64::try_from(accepted.rejected).unwrap_or(i64::MAX),
        error_message: accepted.message.clone(),
    };
    ExportLogsServiceResponse { partial_success: (accepted.rejected > 0).then(partial) }
}

/// A refusal: no message, the status in the head.
pub(super) fn refused(refusal: &Refusal) -> Response<Body> {
    let mut response = status(refusal).into_http::<NoBody>().map(|()| empty());
    if refusal.reason == Reason::Unsupported {
        let names = HeaderValue::from_static(Encoding::NAMES);
        response.headers_mut().insert(ACCEPT_ENCODING, names);
    }
    response
}

fn empty() -> Body {
    Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync()
}

/// What [`Status::into_http`] wants a body for.
type NoBody = ();

fn status(refusal: &Refusal) -> Status {
    let code = refusal.reason.grpc();
    match (refusal.retry_delay(), code) {
        (Some(delay), _) => {
            let details = ErrorDetails::with_retry_info(Some(delay));
            Status::with_error_details_and_metadata(code, &refusal.why, details, python_retry_info(delay))
        }
        (None, Code::InvalidArgument) => {
            let details = ErrorDetails::with_bad_request_violation("request", &refusal.why);
            Status::with_error_details(code, &refusal.why, details)
        }
        (None, _) => Status::new(code, &refusal.why),
    }
}

fn python_retry_info(delay: Duration) -> MetadataMap {
    let info = tonic_types::pb::RetryInfo { retry_delay: prost_types::Duration::try_from(delay).ok() };
    let mut metadata = MetadataMap::new();
    metadata.insert_bin(PYTHON_RETRY_INFO, BinaryMetadataValue::from_bytes(&info.encode_to_vec()));
    metadata
}
