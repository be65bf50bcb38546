//! Why requests are refused, and what each protocol calls that: the one table of statuses.
//!
//! Senders act on the status alone: a wrong one makes them drop what they should keep, or send for ever what nobody can take.
//! Source: opentelemetry-proto 1.11, `docs/specification.md`, "Failures" of OTLP/gRPC and OTLP/HTTP.

use std::time::Duration;

use http::StatusCode;
use tonic::Code;

use crate::otlp::Unreadable;

/// Why a request was refused: a fixed set, for it becomes a label of a metric too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is no OTLP request, or the next hop says so.
    Malformed,
    /// It is over a bound; in parts it would be taken.
    TooLarge,
    /// The token is missing or wrong.
    Unauthenticated,
    /// More is in hand than is taken at once.
    Overloaded,
    /// It did not come in whole in time.
    TimedOut,
    /// The store or the next hop did not take it.
    Unavailable,
    /// The service is on its way down.
    Stopping,
    /// Another signal than logs, or a path that is not there.
    Unimplemented,
    /// A method that the path does not take.
    WrongMethod,
    /// A content type or an encoding that is not taken.
    Unsupported,
    /// A defect of ours.
    Internal,
}

impl Reason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::TooLarge,
        Self::Unauthenticated,
        Self::Overloaded,
        Self::TimedOut,
        Self::Unavailable,
        Self::Stopping,
        Self::Unimplemented,
        Self::WrongMethod,
        Self::Unsupported,
        Self::Internal,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Unauthenticated => "unauthenticated",
            Self::Overloaded => "overloaded",
            Self::TimedOut => "timed_out",
            Self::Unavailable => "unavailable",
            Self::Stopping => "stopping",
            Self::Unimplemented => "unimplemented",
            Self::WrongMethod => "wrong_method",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }

    /// Its status in gRPC, and in the `google.rpc.Status` of HTTP.
    #[must_use]
    pub const fn grpc(self) -> Code {
        match self {
            Self::Malformed => Code::InvalidArgument,
            // Without RetryInfo, which would make it one to send again.
            Self::TooLarge => Code::ResourceExhausted,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Overloaded | Self::Unavailable | Self::Stopping => Code::Unavailable,
            Self::TimedOut => Code::DeadlineExceeded,
            Self::Unimplemented | Self::WrongMethod | Self::Unsupported => Code::Unimplemented,
            Self::Internal => Code::Internal,
        }
    }

    /// Its status in HTTP.
    #[must_use]
    pub const fn http(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Overloaded | Self::Unavailable | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::Unimplemented => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the sender is told when to come back.
    #[must_use]
    pub const fn is_for_later(self) -> bool {
        matches!(self, Self::Overloaded | Self::Unavailable | Self::Stopping)
    }
}

/// A refused request, as its sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why, in one word.
    pub reason: Reason,
    /// Why, in a sentence for the people who run the sender.
    pub why: String,
    /// When to come back, where somebody behind us said so.
    pub retry_after: Option<Duration>,
}

/// A sender is asked to wait this long at least, and twice more at most: long enough to recover, short enough for SDKs,
/// which give up 10 seconds after their first try. It differs each time, so that they don't all come back at once.
const RETRY_DELAY_MIN: Duration = Duration::from_secs(1);
const RETRY_DELAY_SPREAD: Duration = Duration::from_secs(2);

/// What the next hop asks for is passed on up to this.
const RETRY_DELAY_MAX: Duration = Duration::from_mins(1);

impl Refusal {
    /// A refusal, in a sentence.
    #[must_use]
    pub fn new(reason: Reason, why: impl Into<String>) -> Self {
        Self { reason, why: why.into(), retry_after: None }
    }

    /// When the sender is to come back; `None` where it is not to.
    #[must_use]
    pub fn retry_delay(&self) -> Option<Duration> {
        let ours = || RETRY_DELAY_MIN + RETRY_DELAY_SPREAD.mul_f32(fastrand::f32());
        self.reason.is_for_later().then(|| {
            self.retry_after.map_or_else(ours, |delay| delay.clamp(RETRY_DELAY_MIN, RETRY_DELAY_MAX))
        })
    }
}

impl From<Unreadable> for Refusal {
    fn from(error: Unreadable) -> Self {
        let reason = match error {
            Unreadable::Malformed(_) => Reason::Malformed,
            Unreadable::TooMany { .. } => Reason::TooLarge,
        };
        Self::new(reason, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What OTLP clients send again: the specification's list, `RESOURCE_EXHAUSTED` only with a delay.
    const RETRIED: [Code; 6] = [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unavailable,
        Code::DataLoss,
    ];

    #[test]
    fn senders_keep_what_may_be_taken_later_and_drop_what_never_will() {
        for reason in Reason::ALL {
            let for_good = matches!(
                reason,
                Reason::Malformed
                    | Reason::TooLarge
                    | Reason::Unauthenticated
                    | Reason::Unimplemented
                    | Reason::WrongMethod
                    | Reason::Unsupported
                    | Reason::Internal
            );
            assert_eq!(RETRIED.contains(&reason.grpc()), !for_good, "{reason:?}");
            let refusal = Refusal::new(reason, "no");
            assert_eq!(refusal.retry_delay().is_some(), reason.is_for_later(), "{reason:?}");
            let retried_by_http = matches!(reason.http().as_u16(), 429 | 502 | 503 | 504);
            assert_eq!(retried_by_http, reason.is_for_later(), "{reason:?}");
        }
    }

    #[test]
    fn a_delay_is_one_to_three_seconds_unless_the_next_hop_says_otherwise() {
        for _ in 0..100 {
            let delay = Refusal::new(Reason::Overloaded, "").retry_delay().unwrap();
            assert!((1.0..=3.0).contains(&delay.as_secs_f32()), "{delay:?}");
        }
        let refusal = |secs| Refusal {
            retry_after: Some(Duration::from_secs(secs)),
            ..Refusal::new(Reason::Unavailable, "")
        };
        assert_eq!(refusal(7).retry_delay(), Some(Duration::from_secs(7)));
        assert_eq!(refusal(1_000_000).retry_delay(), Some(RETRY_DELAY_MAX));
    }
}
