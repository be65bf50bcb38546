//! Rules for errors that no rule knows: proposed by Claude, tried out, approved by people, used without a restart.
//!
//! At a window's end the most frequent error at ERROR or above that no rule matched is shown to Claude once, redacted and
//! marked as data. What comes back is a [`draft`]: its [`literals`] must be pieces of the error's own template, and the rule
//! made of them must pass a [`trial`] against everything else in the window. Then it waits in the store for people, or is
//! used at once where they said so. A rule in use is tried after the catalogue's, so it can only speak where nobody spoke.
//!
//! Everything learned is a row in the store: visible, and taken back with one call.

pub mod budget;
pub mod draft;
mod learned;
pub mod literals;
pub mod prompt;
pub mod question;
mod study;
mod task;
pub mod trial;

pub use learned::{Learned, LearnedRule, Undecided};
pub use study::Study;
pub use task::run;

use std::fmt;
use std::str::FromStr;

use crate::classify::RulesError;
use crate::model::UnknownName;
use crate::purse::PurseError;
use crate::store::StoreError;

/// What is done about errors that no rule knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing is asked. Rules that were approved stay in use until they are revoked.
    Off,
    /// Rules are proposed, and used once people approve them.
    #[default]
    Propose,
    /// Rules that pass their trial are used at once.
    Auto,
}

impl Mode {
    /// The name in settings and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Propose => "propose",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        [Self::Off, Self::Propose, Self::Auto]
            .into_iter()
            .find(|mode| mode.as_str() == name)
            .ok_or_else(|| UnknownName { given: name.to_owned(), allowed: "off, propose, auto" })
    }
}

/// What went wrong with learning. Whatever it is, errors are taken in and classified as before.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What Claude may cost is used up, or Claude or the store did not answer.
    #[error(transparent)]
    Purse(#[from] PurseError),
    /// No automaton can be built with the learned rules; the rules in use stay.
    #[error("the learned rules cannot be used")]
    Rules(#[from] RulesError),
    /// Work off the async threads ended without a result.
    #[error("the work was cut off, by a stop or a defect")]
    CutOff,
}
