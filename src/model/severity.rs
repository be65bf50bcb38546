//! How bad a record says it is (OTLP), how bad we say an error is, and what kind of error it is.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A name that is not one of a closed set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{given}` is not one of {allowed}")]
pub struct UnknownName {
    /// What was given.
    pub given: String,
    /// What would have been right.
    pub allowed: &'static str,
}

/// OTLP's severity number: 0 unknown, 1 to 24 from TRACE to FATAL4.
///
/// Source: OpenTelemetry specification, "Logs Data Model", field `SeverityNumber`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct SeverityNumber(u8);

impl SeverityNumber {
    /// The sender did not say.
    pub const UNSPECIFIED: Self = Self(0);
    /// The first number that warns.
    pub const WARN: Self = Self(13);
    /// The first number that tells of an error.
    pub const ERROR: Self = Self(17);
    /// The first number that tells that the program cannot go on.
    pub const FATAL: Self = Self(21);

    /// Reads a number from the wire; one outside 1 to 24 is unknown.
    ///
    /// An enum has 32 bits; what stands above them in its varint does not count (Protocol Buffers documentation, "Encoding").
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "as every Protocol Buffers library does")]
    pub fn from_wire(number: u64) -> Self {
        u8::try_from(number as u32).ok().filter(|n| (1..=24).contains(n)).map_or(Self::UNSPECIFIED, Self)
    }

    /// Reads a severity text such as `ERROR`, `warning` or `CRITICAL`; an unknown one is unspecified.
    ///
    /// Records that come from files often carry a text and no number. Names: syslog, log4j, java.util.logging, Python,
    /// npm, zap, Serilog and the console of .NET.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Self {
        const NAMES: [(&[u8], u8); 35] = [
            (b"trace", 1),
            (b"trce", 1),
            (b"verbose", 1),
            (b"vrb", 1),
            (b"silly", 1),
            (b"finest", 1),
            (b"finer", 2),
            (b"fine", 5),
            (b"debug", 5),
            (b"dbug", 5),
            (b"dbg", 5),
            (b"config", 6),
            (b"info", 9),
            (b"inf", 9),
            (b"http", 9),
            (b"information", 9),
            (b"notice", 10),
            (b"warn", 13),
            (b"warning", 13),
            (b"wrn", 13),
            (b"error", 17),
            (b"err", 17),
            (b"severe", 17),
            (b"fail", 17),
            (b"failure", 17),
            (b"dpanic", 17),
            (b"fault", 17),
            (b"critical", 21),
            (b"crit", 21),
            (b"fatal", 21),
            (b"ftl", 21),
            (b"alert", 21),
            (b"panic", 21),
            (b"emergency", 21),
            (b"emerg", 21),
        ];
        NAMES
            .iter()
            .find(|(name, _)| text.eq_ignore_ascii_case(name))
            .map_or(Self::UNSPECIFIED, |(_, number)| Self(*number))
    }

    /// The number as OTLP writes it, 0 to 24.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }

    /// Whether the sender said nothing of use.
    #[must_use]
    pub fn is_unspecified(self) -> bool {
        self == Self::UNSPECIFIED
    }
}

/// How bad an error is for the people who run the service, from mild to grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Bad input by callers.
    Low,
    /// Degraded: retried, throttled, timed out once.
    Medium,
    /// Requests fail by a defect or a refused dependency.
    High,
    /// Data is lost, or a service or its store is unusable.
    Critical,
}

impl Severity {
    /// Every severity, from mild to grave.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in JSON, rules and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// 0 for info to 4 for critical: the order in which the store compares severities.
    #[must_use]
    pub fn rank(self) -> u8 {
        self as u8
    }

    /// The severity of a rank that [`Severity::rank`] gave.
    #[must_use]
    pub fn from_rank(rank: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| i64::from(severity.rank()) == rank)
    }

    /// Whether it is counted among the critical errors: critical or high.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        self >= Self::High
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        (0..=4).filter_map(Self::from_rank).find(|severity| severity.as_str() == name).ok_or_else(|| {
            UnknownName { given: name.to_owned(), allowed: "critical, high, medium, low, info" }
        })
    }
}

/// What kind of error it is: one of the built-in names, or one that a rules file adds.
///
/// A name is lower-case ASCII letters, digits and `_`, 1 to 48 of them, since it becomes part of a branch name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[a-z0-9_]{1,48}$")]
pub struct Category(Cow<'static, str>);

impl Category {
    /// The names that are always there.
    pub const BUILT_IN: [&str; 10] = [
        "provider_error",
        "database_error",
        "rate_limit_error",
        "auth_error",
        "timeout_error",
        "validation_error",
        "cache_error",
        "external_service_error",
        "internal_error",
        "unknown",
    ];

    /// What no rule names: a defect of the service itself.
    pub const INTERNAL_ERROR: Self = Self(Cow::Borrowed("internal_error"));

    /// What is of no kind, or of many.
    pub const UNKNOWN: Self = Self(Cow::Borrowed("unknown"));

    /// The name, as in JSON and branch names.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Category {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let is_name = (1..=48).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if let Some(known) = Self::BUILT_IN.iter().find(|known| **known == name) {
            // Of a known name no copy is made, here or when a verdict is passed on.
            Ok(Self(Cow::Borrowed(known)))
        } else if is_name {
            Ok(Self(Cow::Owned(name.to_owned())))
        } else {
            Err(UnknownName {
                given: name.to_owned(),
                allowed: "names of 1 to 48 lower-case letters, digits and `_`",
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_numbers_outside_the_range_are_unknown() {
        for number in [0, 25, 999, u64::MAX] {
            assert!(SeverityNumber::from_wire(number).is_unspecified(), "{number}");
        }
        assert_eq!(SeverityNumber::from_wire(17), SeverityNumber::ERROR);
        assert_eq!(SeverityNumber::from_wire((1 << 32) + 17), SeverityNumber::ERROR);
    }

    #[test]
    fn severity_texts_are_read_in_any_case() {
        assert_eq!(SeverityNumber::from_text(b"Error"), SeverityNumber::ERROR);
        assert_eq!(SeverityNumber::from_text(b"CRITICAL"), SeverityNumber::FATAL);
        assert!(SeverityNumber::from_text(b"errors").is_unspecified());
    }

    #[test]
    fn severities_are_ordered_and_survive_their_rank() {
        assert!(Severity::Critical > Severity::High && Severity::High > Severity::Medium);
        for rank in 0..=4 {
            let severity = Severity::from_rank(rank).unwrap();
            assert_eq!(i64::from(severity.rank()), rank);
            assert_eq!(severity.as_str().parse(), Ok(severity));
        }
        assert_eq!(Severity::from_rank(5), None);
    }

    #[test]
    fn categories_fit_a_branch_name() {
        assert!("rate_limit_error".parse::<Category>().is_ok());
        for bad in ["", "Rate", "a/b", "..", "a b"] {
            assert!(bad.parse::<Category>().is_err(), "{bad:?}");
        }
    }
}
