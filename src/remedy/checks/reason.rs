//! Why a change is refused: a stable word for programs, a sentence for whoever reads it.

use std::fmt;

use crate::model::NoFix;

/// Why a change is refused. The codes are stored and shown, and stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It touches a file that a machine may not change.
    DeniedPath,
    /// It is larger than people review in minutes.
    TooLarge,
    /// An edit does not fit its file.
    EditFailed,
    /// A file would parse worse than before.
    Syntax,
    /// It adds a secret, or touches a place that was masked.
    SecretBlocked,
    /// Nothing but comments and white space changes.
    OnlyComments,
    /// The file holds already what the edit would put there.
    AlreadyChanged,
    /// The base branch has moved on, and the edits do not fit it any more.
    Conflict,
}

impl Reason {
    /// The stable word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DeniedPath => "denied_path",
            Self::TooLarge => "too_large",
            Self::EditFailed => "edit_failed",
            Self::Syntax => "syntax",
            Self::SecretBlocked => "secret_blocked",
            Self::OnlyComments => "only_comments",
            Self::AlreadyChanged => "already_changed",
            Self::Conflict => "conflict",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A change that does not hold. Nothing was written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{told}")]
pub struct Refusal {
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for the model and for people.
    pub told: String,
}

impl Refusal {
    /// A refusal that says `told`.
    #[must_use]
    pub fn new(reason: Reason, told: impl Into<String>) -> Self {
        Self { reason, told: told.into() }
    }
}

impl From<Reason> for NoFix {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::DeniedPath => Self::DeniedPath,
            Reason::TooLarge => Self::TooLarge,
            Reason::EditFailed | Reason::OnlyComments => Self::EditFailed,
            Reason::Syntax => Self::Syntax,
            Reason::SecretBlocked => Self::SecretBlocked,
            Reason::AlreadyChanged | Reason::Conflict => Self::AlreadyChanged,
        }
    }
}
