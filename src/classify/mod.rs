//! Which records are errors, and of what kind.
//!
//! In comes a borrowed log record, out goes what the first rule that holds says of it: a [`Class`]. Rules are
//! data, a [`Catalogue`] read from TOML; `rules/` beside this file holds the built-in ones, `docs/rules.md` is the manual.
//! [`Rules`] are those in use, swapped whole: a [`RulesFile`] replaces the catalogue when it changes, learned rules follow it.
//!
//! Every record of the stream passes here and most are dropped, so a record costs, in this order: one comparison
//! of its severity; for what passes, one look at every few bytes of its texts for the [`Literals`] of all rules
//! (the number of rules adds next to nothing to it); and only for records in which a literal was seen, the rules that
//! name it, with their services and attributes. Nothing is built or allocated per record: facts go to a [`Scratch`] that the
//! caller keeps.
//!
//! Off the hot path, [`Classifier::explain`] tells why, [`lint()`] what is wrong with rules, [`schema`] what a file may hold.
//!
//! This room knows nothing of requests, fingerprints or who learned a rule.

mod around;
mod benign;
mod bits;
mod built_in;
mod catalogue;
mod class;
mod engine;
mod error;
mod explain;
mod file;
mod index;
mod line;
mod lint;
mod literals;
mod rule;
mod rules;
pub mod schema;
mod source;
mod telltale;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_catalogue;

pub use benign::{benign_lines, no_rule_may_match};
pub use built_in::{BUILT_IN, BuiltIn};
pub use catalogue::Catalogue;
pub use class::Class;
pub use engine::{Classifier, Scratch};
pub use error::{Fault, PlacedFault, RulesError};
pub use explain::{Check, Explanation, Field, Found, Outcome, RuleTrace};
pub use file::RulesFile;
pub use line::Line;
pub use lint::{Finding, Lint, lint, near_misses};
pub use literals::Literals;
pub use rule::{AttributeIs, Conditions, Literal, Near, Rule, ServiceName};
pub use rules::Rules;
pub use source::Place;
