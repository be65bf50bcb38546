//! What the classifier found, and what is said of it.

use std::sync::{Arc, LazyLock};

use super::rule::Rule;
use crate::model::{Category, Severity, SeverityNumber, Verdict};

/// What kind of error a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class<'c> {
    /// The first rule that holds.
    Rule(&'c Rule),
    /// An error by its severity, its exception or its stack trace, of which no rule tells.
    Unmatched,
}

impl Class<'_> {
    /// What is said of the record. Of an error that no rule knows, its severity and its trace speak: a frame of the
    /// service's own code is where a fix can begin, and FATAL means that the service could not go on.
    #[must_use]
    pub fn verdict(&self, severity: SeverityNumber, has_in_app_frame: bool) -> Verdict {
        match self {
            Self::Rule(rule) => rule.verdict(),
            Self::Unmatched => UNMATCHED.verdict(severity >= SeverityNumber::FATAL, has_in_app_frame),
        }
    }
}

/// Texts of the verdict on what no rule knows, shared by all of them.
struct Unmatched {
    rule: Arc<str>,
    fixable: Arc<str>,
    not_fixable: Arc<str>,
}

static UNMATCHED: LazyLock<Unmatched> = LazyLock::new(|| {
    Unmatched {
    rule: Verdict::NO_RULE.into(),
    fixable: "Follow the stack trace to the innermost frame of the service's own code and handle the case that fails there.".into(),
    not_fixable: "Read the message and what was logged around it; there is no frame of the service's own code to begin from.".into(),
}
});

impl Unmatched {
    fn verdict(&self, fatal: bool, has_in_app_frame: bool) -> Verdict {
        Verdict {
            rule: Arc::clone(&self.rule),
            category: Category::INTERNAL_ERROR,
            severity: match (fatal, has_in_app_frame) {
                (true, _) => Severity::Critical,
                (false, true) => Severity::High,
                (false, false) => Severity::Medium,
            },
            fixable: has_in_app_frame,
            suggested_fix: Arc::clone(if has_in_app_frame { &self.fixable } else { &self.not_fixable }),
        }
    }
}
