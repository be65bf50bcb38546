//! What can be wrong with a rules file: where it stands, which key, and how it is mended.

use crate::model::UnknownName;

use super::catalogue::{
    CONDITION_LITERALS_MAX, LITERAL_BYTES_MAX, LITERAL_BYTES_MIN, LITERALS_TEXT_BYTES_MAX, RULES_MAX,
};

/// Why a rules file is refused. The first fault is told; the file's path is the caller's to add.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The text is no TOML, or its top level holds something else than rules.
    #[error("line {line}, column {column}: {problem}")]
    Syntax {
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What the TOML parser says.
        problem: String,
    },
    /// The file holds no rule: most likely it was read while it was being written.
    #[error("there is no rule in it; write at least one `[[rule]]`")]
    Empty,
    /// More rules than a catalogue holds.
    #[error("{count} rules are more than {RULES_MAX}; join rules that say the same by `any`")]
    TooManyRules {
        /// How many there are.
        count: usize,
    },
    /// The literals together are more text than an automaton is built for.
    #[error(
        "the literals are {bytes} bytes together, more than {LITERALS_TEXT_BYTES_MAX}; shorten or drop some"
    )]
    TooMuchText {
        /// The text of all literals.
        bytes: usize,
    },
    /// One rule is at fault.
    #[error("rule {rule}: {fault}")]
    Rule {
        /// The rule's id in backticks, or its position where it has no usable id.
        rule: String,
        /// What is wrong.
        fault: Fault,
    },
    /// The automaton could not be built from the literals.
    #[error("no automaton can be built of the literals, use fewer or shorter ones")]
    Automaton(#[source] Box<aho_corasick::BuildError>),
}

/// What is wrong with one rule.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Fault {
    /// An unknown or missing key, or a value of another kind.
    #[error("{0}")]
    Shape(String),
    /// The id is no kebab-case name.
    #[error(
        "`id` must be 1 to 64 lower-case letters and digits in words joined by `-`, such as `redis-read-only`"
    )]
    Id,
    /// An earlier rule has this id.
    #[error("`id` is taken by rule {0} already; ids are unique, rename one of them")]
    DuplicateId(usize),
    /// A name that is not of its set.
    #[error("`{key}`: {problem}")]
    Name {
        /// `category`, `severity` or `min_severity`.
        key: &'static str,
        /// What was given and what would be right.
        problem: UnknownName,
    },
    /// The suggested fix says nothing, or runs over lines or its bound.
    #[error("`suggested_fix` must be one line of 1 to 400 characters that tells how such an error is mended")]
    SuggestedFix,
    /// Nothing is asked for, so it would hold for every record.
    #[error("it asks for nothing; add a literal to `any` or `all`, or a type to `exception_types`")]
    NoCondition,
    /// A list of conditions is longer than its bound.
    #[error("`{0}` holds more than {CONDITION_LITERALS_MAX} entries; split the rule in two")]
    TooMany(&'static str),
    /// An entry is empty or blank.
    #[error("`{0}` holds an empty text; remove it")]
    EmptyText(&'static str),
    /// A literal so short that it occurs in most texts.
    #[error(
        "`{key}` holds {text:?}, shorter than {LITERAL_BYTES_MIN} bytes; lengthen it or write `{{ text = {text:?}, word = true }}`"
    )]
    ShortLiteral {
        /// `any`, `all` or `none`.
        key: &'static str,
        /// The literal.
        text: String,
    },
    /// A literal or type beyond its bound.
    #[error(
        "`{key}` holds a text of {bytes} bytes, more than {LITERAL_BYTES_MAX}; cut it to the part that is always the same"
    )]
    LongText {
        /// `any`, `all`, `none` or `exception_types`.
        key: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A literal is asked for and forbidden.
    #[error("`none` forbids {0:?}, which `any` or `all` asks for; remove one of them")]
    Contradiction(String),
}
