//! Why an error got no pull request: a code that stays the same, and a sentence.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Fingerprint, UnixNanos, UnknownName};

/// The kinds of reasons, as the API and the dashboard name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoFix {
    /// It is neither critical nor high.
    NotUrgent,
    /// Its rule says that no change in the repository mends it.
    NotFixable,
    /// It was not seen as often as `LOGMEND_MIN_EVENTS` asks for.
    BelowMinEvents,
    /// Nobody is there to write or open a fix: a setting says so.
    Disabled,
    /// People set it aside, closed its pull request unmerged, or closed those of its category too often.
    Muted,
    /// It is part of an incident at its service, of which another error gets the fix.
    Incident,
    /// Another error with the same cause or file has a fix.
    Overlap,
    /// It waits for its turn, or for Claude or GitHub to be there again.
    Waiting,
    /// What Claude may cost is spent.
    Budget,
    /// As many pull requests as may be.
    PrCap,
    /// Claude found no change that it would stand for.
    NotActionable,
    /// No repository is known to hold its service's source, or no file of it is the one of its trace.
    Unmapped,
    /// Several files of the repository may be the one of its trace.
    AmbiguousFile,
    /// The code that failed is another on the base branch.
    AlreadyChanged,
    /// The change was in a file that none may be made in.
    DeniedPath,
    /// The change was larger than may be.
    TooLarge,
    /// The edits did not apply.
    EditFailed,
    /// The changed files did not parse.
    Syntax,
    /// The change held what looks like a secret.
    SecretBlocked,
    /// The model refused.
    Refused,
    /// The model was not sure enough.
    LowConfidence,
    /// Its checks failed, and so did the repair.
    CiFailed,
    /// It came to nothing for another reason.
    Failed,
}

impl NoFix {
    /// Every code.
    pub const ALL: [Self; 23] = [
        Self::NotUrgent,
        Self::NotFixable,
        Self::BelowMinEvents,
        Self::Disabled,
        Self::Muted,
        Self::Incident,
        Self::Overlap,
        Self::Waiting,
        Self::Budget,
        Self::PrCap,
        Self::NotActionable,
        Self::Unmapped,
        Self::AmbiguousFile,
        Self::AlreadyChanged,
        Self::DeniedPath,
        Self::TooLarge,
        Self::EditFailed,
        Self::Syntax,
        Self::SecretBlocked,
        Self::Refused,
        Self::LowConfidence,
        Self::CiFailed,
        Self::Failed,
    ];

    /// The name in JSON and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUrgent => "not_urgent",
            Self::NotFixable => "not_fixable",
            Self::BelowMinEvents => "below_min_events",
            Self::Disabled => "disabled",
            Self::Muted => "muted",
            Self::Incident => "incident",
            Self::Overlap => "overlap",
            Self::Waiting => "waiting",
            Self::Budget => "budget",
            Self::PrCap => "pr_cap",
            Self::NotActionable => "not_actionable",
            Self::Unmapped => "unmapped",
            Self::AmbiguousFile => "ambiguous_file",
            Self::AlreadyChanged => "already_changed",
            Self::DeniedPath => "denied_path",
            Self::TooLarge => "too_large",
            Self::EditFailed => "edit_failed",
            Self::Syntax => "syntax",
            Self::SecretBlocked => "secret_blocked",
            Self::Refused => "refused",
            Self::LowConfidence => "low_confidence",
            Self::CiFailed => "ci_failed",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for NoFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for NoFix {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|code| code.as_str() == name)
            .ok_or_else(|| UnknownName { given: name.to_owned(), allowed: "the codes that README lists" })
    }
}

/// What an error is told of why it has no pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NoFixReason {
    /// The code.
    pub code: NoFix,
    /// A sentence for people.
    pub reason: String,
    /// Since when that is so.
    pub at: UnixNanos,
}

/// An error with why it has no pull request.
pub type Unfixed = (Fingerprint, NoFix, String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_read_back_by_its_name() {
        for code in NoFix::ALL {
            assert_eq!(code.as_str().parse(), Ok(code));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        assert!("no_such".parse::<NoFix>().is_err());
    }
}
