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

/// What a rule asks of a record. At least one of `any`, `all`, `near` and `exception_types` is not empty.
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
    /// Of each both texts must occur, close to one another.
    pub near: Vec<Near>,
    /// Each of these attributes of the record must have a value that is asked for.
    pub attributes: Vec<AttributeIs>,
    /// As `attributes`, of the record's resource.
    pub resource_attributes: Vec<AttributeIs>,
    /// The record must be of one of these services; empty asks nothing.
    pub services: Vec<ServiceName>,
}

impl Conditions {
    /// All literals, those of pairs included.
    pub(super) fn literals(&self) -> impl Iterator<Item = &Literal> {
        let halves = self.near.iter().flat_map(|near| [&near.first, &near.second]);
        self.any.iter().chain(&self.all).chain(&self.none).chain(halves)
    }
}

/// Two texts that must stand in one field, in either order, with at most so many bytes between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// One of them.
    pub first: Literal,
    /// The other; neither holds the other.
    pub second: Literal,
    /// Bytes from the end of the one to the beginning of the other, at most.
    pub within: usize,
}

/// An attribute by its name, and the values of which it must have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeIs {
    /// The whole name, such as `db.system.name`.
    pub key: String,
    /// Texts as they are; numbers and booleans as OTLP's JSON writes them.
    pub one_of: Vec<String>,
}

/// The name of a service, or its beginning: `shop-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName(pub(super) String);

impl ServiceName {
    /// As the rules file writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `service.name` is meant.
    #[must_use]
    pub fn matches(&self, service_name: &[u8]) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => service_name.starts_with(beginning.as_bytes()),
            None => service_name == self.0.as_bytes(),
        }
    }
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
