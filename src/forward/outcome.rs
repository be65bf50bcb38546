//! What the next hop's answer to one call means.
//!
//! Source: opentelemetry-proto 1.11, `docs/specification.md`, "Failures", "OTLP/gRPC Throttling", "OTLP/HTTP Throttling".

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::model::UnixNanos;
use crate::proto::collector::logs::v1::ExportLogsServiceResponse;

/// The longest answer that is read. The specification recommends this to servers.
pub(super) const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The longest delay that is passed on: whoever asks for more does not know either, and exporters give up after 5 minutes.
const DELAY_MAX: Duration = Duration::from_mins(5);

/// How much of the next hop's words is told.
const CHARS_TOLD: usize = 200;

/// What became of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It took the request, but for some records perhaps.
    Accepted { rejected: u64, message: String },
    /// Not now.
    Retry { after: Option<Duration>, why: String },
    /// Not in one piece.
    TooLarge { why: String },
    /// Never: the request is at fault.
    Refused { why: String },
    /// It lets nobody in who is set up as we are: the settings are at fault, not the request.
    NotAdmitted { why: String },
}

impl Outcome {
    /// A successful answer's body; one that is no OTLP is a success all the same.
    pub(super) fn accepted(body: Bytes) -> Self {
        let answer = ExportLogsServiceResponse::decode(body).unwrap_or_default();
        let partial = answer.partial_success.unwrap_or_default();
        Self::Accepted {
            rejected: u64::try_from(partial.rejected_log_records).unwrap_or(0),
            message: told(&partial.error_message),
        }
    }

    pub(super) fn of_status(status: &Status) -> Self {
        let why = told(&format!("{:?}: {}", status.code(), reason(status)));
        let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
        let after = after.map(|delay| delay.min(DELAY_MAX));
        match status.code() {
            // A status that wraps a cause was made on this side: the connection failed, the next hop said nothing.
            _ if std::error::Error::source(status).is_some() => Self::Retry { after: None, why },
            // tonic's servers say so, where the specification has RESOURCE_EXHAUSTED.
            Code::OutOfRange if status.message().contains("message length") => Self::TooLarge { why },
            // So memory limiters and load shedders answer too: what is not said to be too large comes again.
            Code::ResourceExhausted if after.is_none() && tells_of_size(status.message()) => {
                Self::TooLarge { why }
            }
            Code::ResourceExhausted
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => Self::Retry { after, why },
            // What tonic makes of an answer that was cut off.
            Code::Unknown if status.message().contains("missing grpc-status") => {
                Self::Retry { after: None, why }
            }
            Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::NotFound => {
                Self::NotAdmitted { why }
            }
            _ => Self::Refused { why },
        }
    }

    /// `after` is what [`retry_after`] reads.
    pub(super) fn of_http(status: http::StatusCode, after: Option<Duration>, body: Bytes) -> Self {
        if status.is_success() {
            return Self::accepted(body);
        }
        let message = tonic_types::Status::decode(body).unwrap_or_default().message;
        let why = told(format!("{status}: {message}").trim_end_matches(": "));
        match status.as_u16() {
            429 | 502 | 503 | 504 => Self::Retry { after, why },
            413 => Self::TooLarge { why },
            // A redirect is not followed: the headers are for one host.
            300..=399 | 401 | 403 | 404 | 405 | 407 | 415 => Self::NotAdmitted { why },
            _ => Self::Refused { why },
        }
    }
}

/// `Retry-After`: seconds, or a date, which is read by the answer's own `Date` where it has one.
pub(super) fn retry_after(headers: &http::HeaderMap, now: UnixNanos) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let date = |text: &str| {
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        u64::try_from(date.as_second()).ok()
    };
    let asked = text(http::header::RETRY_AFTER)?;
    let seconds = if let Ok(seconds) = asked.parse() {
        seconds
    } else {
        let now = text(http::header::DATE).and_then(date).unwrap_or(now.as_secs());
        date(asked)?.saturating_sub(now)
    };
    Some(Duration::from_secs(seconds).min(DELAY_MAX))
}

/// Whether a refusal for want of resources is one for the request's size, as gRPC's libraries and receivers word it.
fn tells_of_size(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "too large",
        "too big",
        "too long",
        "larger than",
        "longer than",
        "exceeds",
        "message length",
        "message size",
        "more than",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// The message, and the causes where the status was made on this side.
fn reason(status: &Status) -> String {
    let mut reason = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let text = error.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = error.source();
    }
    reason
}

/// Another program's words, as far as they are told: cut, and without what a terminal would obey.
pub(super) fn told(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CHARS_TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    fn name(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Retry { .. } => "retry",
            Outcome::TooLarge { .. } => "too large",
            Outcome::Refused { .. } => "refused",
            Outcome::NotAdmitted { .. } => "not admitted",
        }
    }

    #[test]
    fn grpc_codes_mean_what_otlp_says() {
        for (code, expected) in [
            (Code::Cancelled, "retry"),
            (Code::Unknown, "refused"),
            (Code::InvalidArgument, "refused"),
            (Code::DeadlineExceeded, "retry"),
            (Code::NotFound, "not admitted"),
            (Code::AlreadyExists, "refused"),
            (Code::PermissionDenied, "not admitted"),
            (Code::ResourceExhausted, "retry"),
            (Code::FailedPrecondition, "refused"),
            (Code::Aborted, "retry"),
            (Code::OutOfRange, "retry"),
            (Code::Unimplemented, "not admitted"),
            (Code::Internal, "refused"),
            (Code::Unavailable, "retry"),
            (Code::DataLoss, "retry"),
            (Code::Unauthenticated, "not admitted"),
        ] {
            assert_eq!(name(&Outcome::of_status(&Status::new(code, "x"))), expected, "{code:?}");
        }
        let too_long = "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes";
        assert_eq!(name(&Outcome::of_status(&Status::out_of_range(too_long))), "too large");
        for told in [
            "grpc: received message larger than max (5 vs. 4)",
            "the request is longer than 8 bytes; send smaller batches",
        ] {
            assert_eq!(name(&Outcome::of_status(&Status::resource_exhausted(told))), "too large", "{told}");
        }
        let cut = Status::unknown("protocol error: missing grpc-status trailer, stream was terminated");
        assert_eq!(name(&Outcome::of_status(&cut)), "retry");
        let ours = Status::from_error(Box::new(std::io::Error::other("connection reset")));
        let Outcome::Retry { why, .. } = Outcome::of_status(&ours) else { panic!("{ours:?}") };
        assert!(why.contains("connection reset"), "{why}");
    }

    #[test]
    fn the_delay_of_a_refusal_is_read() {
        let with_delay = |code, delay| {
            Status::with_error_details(code, "busy", ErrorDetails::with_retry_info(Some(delay)))
        };
        for code in [Code::Unavailable, Code::ResourceExhausted] {
            let delay = Duration::from_millis(1_500);
            let Outcome::Retry { after, .. } = Outcome::of_status(&with_delay(code, delay)) else {
                panic!("{code:?}")
            };
            assert_eq!(after, Some(delay));
        }
        let status = with_delay(Code::Unavailable, Duration::from_secs(1_000_000_000));
        let Outcome::Retry { after, .. } = Outcome::of_status(&status) else { panic!("{status:?}") };
        assert_eq!(after, Some(DELAY_MAX));
    }

    #[test]
    fn http_statuses_mean_what_otlp_says() {
        for (status, expected) in [
            (200, "accepted"),
            (204, "accepted"),
            (302, "not admitted"),
            (400, "refused"),
            (401, "not admitted"),
            (403, "not admitted"),
            (404, "not admitted"),
            (413, "too large"),
            (415, "not admitted"),
            (429, "retry"),
            (500, "refused"),
            (501, "refused"),
            (502, "retry"),
            (503, "retry"),
            (504, "retry"),
        ] {
            let status = http::StatusCode::from_u16(status).unwrap();
            assert_eq!(name(&Outcome::of_http(status, None, Bytes::new())), expected, "{status}");
        }
        let body = tonic_types::Status { code: 3, message: "no\x1b[1m logs".into(), details: vec![] };
        let Outcome::Refused { why } =
            Outcome::of_http(http::StatusCode::BAD_REQUEST, None, body.encode_to_vec().into())
        else {
            panic!()
        };
        assert_eq!(why, "400 Bad Request: no [1m logs");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |headers: &[(&'static str, &'static str)], expected| {
            let headers = headers.iter().map(|(name, value)| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
            });
            let now = UnixNanos::from_secs(784_111_777 - 30);
            assert_eq!(retry_after(&headers.collect(), now), expected);
        };
        let date = ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
        check(&[], None);
        check(&[("retry-after", "7")], Some(Duration::from_secs(7)));
        check(&[("retry-after", "999999999999")], Some(DELAY_MAX));
        check(&[("retry-after", "soon")], None);
        check(&[date], Some(Duration::from_secs(30)));
        check(&[date, ("date", "Sun, 06 Nov 1994 08:49:34 GMT")], Some(Duration::from_secs(3)));
        check(&[date, ("date", "Sun, 06 Nov 1994 09:49:34 GMT")], Some(Duration::ZERO));
    }

    #[test]
    fn a_partial_success_tells_how_many_and_why() {
        use crate::proto::collector::logs::v1::ExportLogsPartialSuccess;
        let partial_success =
            Some(ExportLogsPartialSuccess { rejected_log_records: 3, error_message: "old".into() });
        let body = ExportLogsServiceResponse { partial_success }.encode_to_vec();
        let expected = Outcome::Accepted { rejected: 3, message: "old".into() };
        assert_eq!(Outcome::accepted(body.into()), expected);
        let nothing = Outcome::Accepted { rejected: 0, message: String::new() };
        assert_eq!(Outcome::accepted(Bytes::from_static(b"ok")), nothing);
    }
}
