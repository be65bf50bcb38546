//! What a receiver's answer means for the request: taken, later, or never.
//!
//! Source: OTLP specification, "OTLP/gRPC Response", "OTLP/HTTP Response".

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::model::UnixNanos;
use crate::proto::collector::logs::v1::ExportLogsServiceResponse;

/// The end of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The request was taken, but for so many of its records.
    Acknowledged {
        /// Records that were rejected for good.
        rejected: u64,
        /// Why, or a warning.
        why: String,
    },
    /// Send it again, after a while that the receiver may have named.
    Later {
        /// Why not now.
        why: String,
        /// When to come back.
        after: Option<Duration>,
    },
    /// Sending it again is of no use.
    Refused {
        /// Why.
        why: String,
        /// Whether every other request would fare the same: wrong token, wrong address.
        concerns_all: bool,
    },
}

impl Answer {
    /// No answer, or none that is HTTP: OTLP has the request sent again.
    pub(super) fn lost(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after: None }
    }

    /// The answer of success.
    pub(super) fn of_response(response: &ExportLogsServiceResponse) -> Self {
        let (rejected, why) = response.partial_success.as_ref().map_or((0, ""), |partial| {
            (u64::try_from(partial.rejected_log_records).unwrap_or(0), partial.error_message.as_str())
        });
        Self::Acknowledged { rejected, why: why.to_owned() }
    }

    /// The answer of a gRPC status that is not OK.
    pub(super) fn of_status(status: &Status) -> Self {
        let why = format!("{}: {}", name(status.code()), status.message());
        let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
        let is_retryable = match status.code() {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => true,
            Code::ResourceExhausted => after.is_some(),
            _ => false,
        };
        if is_retryable {
            return Self::Later { why, after };
        }
        let concerns_all =
            matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented);
        Self::Refused { why, concerns_all }
    }

    /// The answer of an HTTP status that is no success, with what its body told.
    pub(super) fn of_http(status: StatusCode, headers: &HeaderMap, told: &str, now: UnixNanos) -> Self {
        let why = if told.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {told}") };
        match status.as_u16() {
            429 | 502 | 503 | 504 => Self::Later { why, after: retry_after(headers, now) },
            code => Self::Refused {
                why,
                concerns_all: matches!(code, 300..=399 | 401 | 403 | 404 | 405 | 407 | 415),
            },
        }
    }
}

/// The code as the gRPC documentation spells it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: UnixNanos) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = value.parse::<u64>() {
        return Some(Duration::from_secs(secs));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_nanosecond();
    let nanos = u64::try_from(at).ok()?.saturating_sub(now.0);
    Some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn kind(answer: &Answer) -> (&'static str, Option<u64>) {
        match answer {
            Answer::Acknowledged { .. } => ("acknowledged", None),
            Answer::Later { after, .. } => ("later", after.map(|after| after.as_secs())),
            Answer::Refused { concerns_all: false, .. } => ("refused", None),
            Answer::Refused { concerns_all: true, .. } => ("refused, all", None),
        }
    }

    #[test]
    fn grpc_statuses_mean_what_otlp_says() {
        let plain = |code| Answer::of_status(&Status::new(code, "x"));
        let delayed = |code| {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(3)));
            Answer::of_status(&Status::with_error_details(code, "x", details))
        };
        for (answer, expected) in [
            (plain(Code::Unavailable), ("later", None)),
            (delayed(Code::Unavailable), ("later", Some(3))),
            (plain(Code::DeadlineExceeded), ("later", None)),
            (plain(Code::OutOfRange), ("later", None)),
            (plain(Code::ResourceExhausted), ("refused", None)),
            (delayed(Code::ResourceExhausted), ("later", Some(3))),
            (plain(Code::InvalidArgument), ("refused", None)),
            (plain(Code::Internal), ("refused", None)),
            (delayed(Code::Internal), ("refused", None)),
            (plain(Code::Unauthenticated), ("refused, all", None)),
            (plain(Code::Unimplemented), ("refused, all", None)),
        ] {
            assert_eq!(kind(&answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn http_statuses_mean_what_otlp_says() {
        // Sun, 16 Nov 2025 10:30:00 GMT
        let now = UnixNanos::from_secs(1_763_289_000);
        for (status, delay, expected) in [
            (503, "2", ("later", Some(2))),
            (503, "", ("later", None)),
            (429, "Sun, 16 Nov 2025 10:30:07 GMT", ("later", Some(7))),
            (502, "Sun, 16 Nov 2025 10:29:07 GMT", ("later", Some(0))),
            (504, "soon", ("later", None)),
            (400, "2", ("refused", None)),
            (413, "", ("refused", None)),
            (500, "", ("refused", None)),
            (401, "", ("refused, all", None)),
            (404, "", ("refused, all", None)),
            (302, "", ("refused, all", None)),
        ] {
            let headers: HeaderMap = [(header::RETRY_AFTER, delay.parse().unwrap())].into_iter().collect();
            let answer = Answer::of_http(StatusCode::from_u16(status).unwrap(), &headers, "", now);
            assert_eq!(kind(&answer), expected, "{status} {delay}");
        }
    }
}
