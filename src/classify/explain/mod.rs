//! Why a record is of its class: the rule that holds, with each of its literals where it stands, and what nearly held.
//!
//! Off the hot path: for `logmend rules test`, the API and whoever else has to tell a person. It reads the record by the same
//! automaton and the same tests as [`Classifier::classify`], which a property test holds it to; it allocates, within bounds.

mod scan;
mod trace;

use serde::Serialize;

use self::scan::Seen;
use super::class::Class;
use super::engine::{Classifier, Scratch};
use super::rule::Rule;
use crate::model::{LogRecord, Resource};

pub use self::scan::{Field, Found};
pub use self::trace::{Check, RuleTrace};

/// How many rules that nearly held are told: those behind are no nearer.
const NEARLY_MAX: usize = 10;
/// How many later rules that hold as well are told.
const ALSO_MAX: usize = 20;

/// What became of a record and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What it is.
    pub outcome: Outcome,
    /// One sentence that says why.
    pub why: String,
    /// The rule that holds, where one does.
    pub rule: Option<RuleTrace>,
    /// The ids of rules that hold too but stand behind it.
    pub also_hold: Vec<String>,
    /// Rules of which a text was found and that lack one thing only, in the catalogue's order.
    pub nearly_held: Vec<RuleTrace>,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An error that a rule knows.
    Rule,
    /// An error that no rule knows.
    Unmatched,
    /// No error.
    None,
}

impl Classifier {
    /// Tells why the record is of its class. Hand in the record as it would be classified: unfolded.
    #[must_use]
    pub fn explain(&self, record: &LogRecord<'_>, resource: &Resource<'_>) -> Explanation {
        let mut scratch = Scratch::default();
        let class = self.classify(record, resource, &mut scratch);
        let seen = Seen::of(self, record);
        // Pairs are numbered in the order of the rules.
        let mut pairs = 0;
        let traces = self.rules.iter().zip(1..).filter_map(|(rule, position)| {
            let first_pair = pairs;
            pairs += rule.conditions.near.len();
            RuleTrace::of(rule, (position, first_pair), record, resource, &seen)
        });
        let (holding, others): (Vec<_>, Vec<_>) = traces.partition(RuleTrace::holds);
        let mut nearly_held: Vec<_> = others.into_iter().filter(RuleTrace::nearly_holds).collect();
        nearly_held.truncate(NEARLY_MAX);
        let (outcome, why, rule) = match class {
            Some(Class::Rule(rule)) => (Outcome::Rule, why_rule(rule), Some(rule.id())),
            Some(Class::Unmatched) => (Outcome::Unmatched, why_unmatched(record), None),
            None => (Outcome::None, self.why_none(record, &holding), None),
        };
        let (first, later): (Vec<_>, Vec<_>) =
            holding.into_iter().partition(|trace| Some(trace.id.as_str()) == rule);
        let also_hold = if rule.is_some() {
            later.into_iter().map(|trace| trace.id).take(ALSO_MAX).collect()
        } else {
            Vec::new()
        };
        Explanation { outcome, why, rule: first.into_iter().next(), also_hold, nearly_held }
    }

    fn why_none(&self, record: &LogRecord<'_>, holding: &[RuleTrace]) -> String {
        if self.may_hold(record) || !holding.is_empty() {
            return "no rule holds, and neither severity nor exception nor text says that it is an error"
                .to_owned();
        }
        let given = record.severity().get();
        format!(
            "its severity number, {given}, is below {}, the least that any rule asks for, and it has no exception: its text is not read",
            self.floor.get()
        )
    }
}

fn why_rule(rule: &Rule) -> String {
    format!("`{}` is the first rule that holds", rule.id())
}

fn why_unmatched(record: &LogRecord<'_>) -> String {
    let reason = if record.has_exception() {
        "it tells of an exception"
    } else if record.severity().is_unspecified() {
        "a stack trace or a word of failure stands in its text"
    } else {
        "its severity is ERROR or above"
    };
    format!("no rule holds, and {reason}")
}

#[cfg(test)]
mod tests;
