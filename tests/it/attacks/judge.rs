//! What an answer must say, by the OTLP specification and the table of refusals: the one place that knows statuses.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use prost::Message as _;
use serde_json::Value;
use tonic_types::pb;

use super::row::Via;
use crate::support::wire::Answer;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Taken,
    Malformed,
    TooLarge,
    TimedOut,
    Unauthenticated,
    NotThere,
    WrongMethod,
    Unsupported,
    BadFrame,
    Later,
}

impl Told {
    /// The status of HTTP, the code of gRPC, and whether the sender is told when to come back.
    fn expected(self) -> (u16, i32, bool) {
        match self {
            Self::Taken => (200, 0, false),
            Self::Malformed => (400, 3, false),
            Self::TooLarge => (413, 8, false),
            Self::TimedOut => (408, 4, false),
            Self::Unauthenticated => (401, 16, false),
            Self::NotThere => (404, 12, false),
            Self::WrongMethod => (405, 12, false),
            Self::Unsupported => (415, 12, false),
            Self::BadFrame => (500, 13, false),
            Self::Later => (503, 14, true),
        }
    }
}

/// What is wrong with an answer, in a sentence.
pub type Verdict = Result<(), String>;

pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}

/// Holds an answer against what the sender of `via` must be told.
pub fn judge(answer: &Answer, via: Via, told: Told) -> Verdict {
    match via {
        Via::Grpc => judge_grpc(answer, told),
        Via::Protobuf | Via::Json => judge_http(answer, via, told),
    }
    .map_err(|why| format!("{why}: {answer:?}"))
}

fn judge_grpc(answer: &Answer, told: Told) -> Verdict {
    let (_, code, for_later) = told.expected();
    ensure(answer.status == 200, || "gRPC answers with 200".to_owned())?;
    ensure(answer.header("content-type") == "application/grpc", || "no gRPC content type".to_owned())?;
    let status: i32 = answer.header("grpc-status").parse().map_err(|_| "no grpc-status".to_owned())?;
    ensure(status == code, || format!("grpc-status {status} in place of {code}"))?;
    if told == Told::Taken {
        // Success says nothing: one empty message.
        return ensure(answer.body == [0; 5], || "success is not an empty message".to_owned());
    }
    ensure(!answer.header("grpc-message").is_empty(), || "no grpc-message".to_owned())?;
    let details = match answer.header("grpc-status-details-bin") {
        "" => None,
        encoded => {
            let bytes = STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).map_err(|e| e.to_string())?;
            let status = pb::Status::decode(&bytes[..]).map_err(|e| e.to_string())?;
            ensure(status.code == code, || format!("the details say {}", status.code))?;
            retry_delay(&status)
        }
    };
    ensure(details.is_some() == for_later, || format!("RetryInfo: {details:?}"))?;
    let python = answer.header("google.rpc.retryinfo-bin");
    ensure(python.is_empty() != for_later, || "RetryInfo for Python".to_owned())?;
    details.map_or(Ok(()), in_bounds)
}

fn judge_http(answer: &Answer, via: Via, told: Told) -> Verdict {
    let (status, code, for_later) = told.expected();
    ensure(answer.status == status, || format!("status {} in place of {status}", answer.status))?;
    let content_type = answer.header("content-type");
    ensure(content_type == via.content_type(), || format!("content type {content_type}"))?;
    if told == Told::Taken {
        let whole: &[u8] = if via == Via::Json { b"{}" } else { b"" };
        return ensure(answer.body == whole, || "success says more than nothing".to_owned());
    }
    let (told_code, message, delay) = told_in_body(&answer.body, via)?;
    ensure(told_code == code, || format!("code {told_code} in place of {code}"))?;
    ensure(!message.is_empty(), || "no message".to_owned())?;
    ensure(delay.is_some() == for_later, || format!("RetryInfo: {delay:?}"))?;
    let retry_after = answer.header("retry-after");
    ensure(retry_after.is_empty() != for_later, || format!("Retry-After: {retry_after}"))?;
    match told {
        Told::WrongMethod => ensure(answer.header("allow") == "POST", || "no Allow".to_owned())?,
        Told::Unauthenticated => {
            ensure(answer.header("www-authenticate") == "Bearer", || "no challenge".to_owned())?;
        }
        _ => {}
    }
    delay.map_or(Ok(()), in_bounds)
}

/// The code, the message and the delay of a `google.rpc.Status` in the request's own spelling.
fn told_in_body(body: &[u8], via: Via) -> Result<(i32, String, Option<Duration>), String> {
    if via == Via::Protobuf {
        let status = pb::Status::decode(body).map_err(|error| format!("no Status: {error}"))?;
        return Ok((status.code, status.message.clone(), retry_delay(&status)));
    }
    let status: Value = serde_json::from_slice(body).map_err(|error| format!("no Status: {error}"))?;
    let code = status["code"].as_i64().and_then(|code| i32::try_from(code).ok()).ok_or("no code")?;
    let message = status["message"].as_str().ok_or("no message")?.to_owned();
    let details = status["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let delay =
        details.iter().find_map(|detail| detail["retryDelay"].as_str()?.strip_suffix('s')?.parse().ok());
    Ok((code, message, delay.map(Duration::from_secs_f64)))
}

fn retry_delay(status: &pb::Status) -> Option<Duration> {
    let info =
        status.details.iter().find(|detail| detail.type_url == "type.googleapis.com/google.rpc.RetryInfo")?;
    let info = pb::RetryInfo::decode(&info.value[..]).ok()?;
    info.retry_delay?.try_into().ok()
}

fn in_bounds(delay: Duration) -> Verdict {
    ensure((1.0..=3.0).contains(&delay.as_secs_f64()), || format!("a delay of {delay:?}"))
}
