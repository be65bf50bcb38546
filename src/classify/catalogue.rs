//! A rules file, read into rules that are valid: whoever holds a [`Catalogue`] checks nothing again.

use std::collections::HashSet;
use std::sync::Arc;

use super::error::RulesError;
use super::rule::Rule;
use super::source;

/// Rules of one file. The built-in catalogue has some hundred; what people add by hand stays far below this.
pub(super) const RULES_MAX: usize = 10_000;
/// Bytes of one literal or exception type: longer texts carry what varies, and would never match again.
pub(super) const LITERAL_BYTES_MAX: usize = 256;
/// Bytes of a literal that need not stand alone: one byte occurs in nearly every text.
pub(super) const LITERAL_BYTES_MIN: usize = 2;
/// Entries of one list of a rule.
pub(super) const CONDITION_LITERALS_MAX: usize = 256;
/// Bytes of all literals together: bounds the time to build the automaton and its memory, some 20 MB at 19 bytes each
/// (measured on the built-in rules).
pub(super) const LITERALS_TEXT_BYTES_MAX: usize = 1 << 20;
/// Bytes between the two texts of `near`: more is not near, and a message is rarely longer.
pub(super) const NEAR_BYTES_MAX: usize = 1024;
/// Bytes of one line that a rule must or must not hold for.
pub(super) const LINE_BYTES_MAX: usize = 4096;
/// Faults of one file that are told.
pub(super) const FAULTS_MAX: usize = 100;
/// Bytes of an id, which people read in tables.
pub(super) const ID_BYTES_MAX: usize = 64;
/// Characters of a suggested fix: a sentence or two.
pub(super) const SUGGESTED_FIX_CHARS_MAX: usize = 400;

/// The rules, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    rules: Arc<[Rule]>,
}

impl Catalogue {
    /// Reads a rules file's text. The lines that its rules must and must not hold for are checked for their shape and not kept.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, with line and column.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let entries = source::read(text)?;
        Ok(Self { rules: entries.into_iter().map(|entry| entry.rule).collect() })
    }

    /// These rules. Of two with one id the first would win where both hold, as everywhere.
    #[must_use]
    pub fn of(rules: impl Iterator<Item = Rule>) -> Self {
        Self { rules: rules.collect() }
    }

    /// The rules in the file's order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// These rules, then those of `learned` whose ids are free.
    pub(super) fn followed_by(&self, learned: &[Rule]) -> Self {
        if learned.is_empty() {
            return self.clone();
        }
        let taken: HashSet<_> = self.rules.iter().map(Rule::id).collect();
        let free = learned.iter().filter(|rule| !taken.contains(rule.id()));
        Self { rules: self.rules.iter().chain(free).cloned().collect() }
    }

    /// The same rules, shared.
    pub(super) fn share(&self) -> Arc<[Rule]> {
        Arc::clone(&self.rules)
    }
}
