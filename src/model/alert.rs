//! What people are told of outside: which kinds of alerts there are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnknownName;

/// Why somebody is alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertRule {
    /// A critical or high error that was not known before.
    New,
    /// An error that came back after its fix.
    Regressed,
    /// An error that comes many times as often as it used to.
    Rate,
    /// A pull request stands.
    FixOpened,
    /// People merged it.
    FixMerged,
    /// A fix came to nothing.
    FixFailed,
    /// A limit on money or pull requests is met.
    Budget,
    /// Exporters are told to come again: what they send is not taken.
    Refusing,
    /// Alerts that were held back, told together.
    Digest,
    /// People try whether alerts arrive.
    Test,
}

impl AlertRule {
    /// Every rule, those that people choose from first.
    pub const ALL: [Self; 10] = [
        Self::New,
        Self::Regressed,
        Self::Rate,
        Self::FixOpened,
        Self::FixMerged,
        Self::FixFailed,
        Self::Budget,
        Self::Refusing,
        Self::Digest,
        Self::Test,
    ];

    /// The rules that people choose from; a digest and a test are told in any case.
    #[must_use]
    pub fn chosen_from() -> &'static [Self] {
        &Self::ALL[..8]
    }

    /// The name in settings, JSON and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Regressed => "regressed",
            Self::Rate => "rate",
            Self::FixOpened => "fix_opened",
            Self::FixMerged => "fix_merged",
            Self::FixFailed => "fix_failed",
            Self::Budget => "budget",
            Self::Refusing => "refusing",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }

    /// Whether it lasts until something else happens; the others are over as soon as they are told.
    #[must_use]
    pub fn lasts(self) -> bool {
        matches!(self, Self::New | Self::Regressed | Self::Rate | Self::Refusing)
    }
}

impl fmt::Display for AlertRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for AlertRule {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name).ok_or_else(|| UnknownName {
            given: name.to_owned(),
            allowed: "new, regressed, rate, fix_opened, fix_merged, fix_failed, budget, refusing",
        })
    }
}
