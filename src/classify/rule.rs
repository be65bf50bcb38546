//! One rule: what it asks of a record and what it says of one that it holds for.

use std::sync::Arc;

use crate::model::{Category, Severity, SeverityNumber, Verdict};

/// A rule of a [`Catalogue`](super::Catalogue). One that exists is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) id: Arc<str>,
    pub(super) category: Category,
    pub(super) severity: Severity,
    pub(super) fixable: bool,
    pub(super) suggested_fix: Arc<str>,
    pub(super) min_severity: SeverityNumber,
    pub(super) conditions: Conditions,
}

/// What a rule asks of a record. At least one of `any`, `all` and `exception_types` is not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// One of them must occur; empty asks nothing.
    pub any: Vec<Literal>,
    /// Each of them must occur.
    pub all: Vec<Literal>,
    /// None of them may occur.
    pub none: Vec<Literal>,
    /// The exception must be of one of these types, fully named or by the last segment; empty asks nothing.
    pub exception_types: Vec<String>,
}

/// A piece of text that a rule looks for, in any ASCII case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// As the rules file writes it.
    pub text: String,
    /// Whether it must stand alone: no ASCII letter, digit or `_` touches it.
    pub word: bool,
}

impl Literal {
    /// Whether both ask for the same.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.word == other.word && self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Rule {
    /// The name, unique in its catalogue: lower-case words joined by `-`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What kind of error it tells of.
    #[must_use]
    pub fn category(&self) -> &Category {
        &self.category
    }

    /// How bad such an error is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Whether a change in the service's repository can plausibly mend it.
    #[must_use]
    pub fn fixable(&self) -> bool {
        self.fixable
    }

    /// A sentence on how such errors are mended.
    #[must_use]
    pub fn suggested_fix(&self) -> &str {
        &self.suggested_fix
    }

    /// The least severity of a record that it looks at; records of unknown severity pass.
    #[must_use]
    pub fn min_severity(&self) -> SeverityNumber {
        self.min_severity
    }

    /// What it asks of a record's text.
    #[must_use]
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// What it says of a record that it holds for.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict {
            rule: Arc::clone(&self.id),
            category: self.category.clone(),
            severity: self.severity,
            fixable: self.fixable,
            suggested_fix: Arc::clone(&self.suggested_fix),
        }
    }
}
