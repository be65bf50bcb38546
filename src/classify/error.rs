//! What can be wrong with a rules file: where it stands, which key, and how it is mended.

use std::fmt;

use super::catalogue::{
    CONDITION_LITERALS_MAX, LINE_BYTES_MAX, LITERAL_BYTES_MAX, LITERAL_BYTES_MIN, LITERALS_TEXT_BYTES_MAX,
    NEAR_BYTES_MAX, RULES_MAX,
};
use super::source::Place;

/// Why rules are refused; the file's path is the caller's to add.
#[derive(Debug)]
pub enum RulesError {
    /// All that is wrong with a text, in its order, or as much as a person would read.
    Faults(Vec<PlacedFault>),
    /// The automaton could not be built from the literals.
    Automaton(Box<aho_corasick::BuildError>),
}

impl fmt::Display for RulesError {
    /// One line for each fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(faults) => {
                let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Automaton(_) => {
                f.write_str("no automaton can be built of the literals, use fewer or shorter ones")
            }
        }
    }
}

impl std::error::Error for RulesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Faults(_) => None,
            Self::Automaton(error) => Some(error),
        }
    }
}

/// One fault and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct PlacedFault {
    /// Of the key or value that is at fault; of the rule where something is missing.
    pub place: Place,
    /// The rule's id in backticks, or its position where it has no usable id.
    pub rule: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for PlacedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule}: ")?;
        }
        write!(f, "{}", self.fault)
    }
}

/// What is wrong, and how it is mended.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Fault {
    /// The text is no TOML; in the parser's words.
    #[error("{0}")]
    Syntax(String),
    /// The file holds no rule: most likely it was read while it was being written.
    #[error("there is no rule in it; write at least one `[[rule]]`")]
    Empty,
    /// More rules than a catalogue holds.
    #[error("{0} rules are more than {RULES_MAX}; join rules that say the same by `any`")]
    TooManyRules(usize),
    /// The literals together are more text than an automaton is built for.
    #[error("the literals are {0} bytes together, more than {LITERALS_TEXT_BYTES_MAX}; shorten or drop some")]
    TooMuchText(usize),
    /// A key that is not known there.
    #[error("there is no key `{given}`; {}", mend_key(given, known))]
    UnknownKey {
        /// As it is written.
        given: String,
        /// What could stand there.
        known: Vec<&'static str>,
    },
    /// A key that must be there is not.
    #[error("`{0}` is missing; add it")]
    MissingKey(&'static str),
    /// A value of another kind.
    #[error("`{key}` is {given}; write {wanted}")]
    Kind {
        /// Whose value it is.
        key: &'static str,
        /// What it is.
        given: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// The id is no kebab-case name.
    #[error(
        "`id` must be 1 to 64 lower-case letters and digits in words joined by `-`, such as `redis-read-only`"
    )]
    Id,
    /// An earlier rule has this id.
    #[error("`id` is taken by the rule in line {0}; ids are unique, rename one of them")]
    DuplicateId(usize),
    /// A name that is not of its set.
    #[error("`{key}` is `{given}`; write one of {allowed}")]
    Name {
        /// `category`, `severity` or `min_severity`.
        key: &'static str,
        /// As it is written.
        given: String,
        /// What would be right.
        allowed: String,
    },
    /// The suggested fix says nothing, or runs over lines or its bound.
    #[error("`suggested_fix` must be one line of 1 to 400 characters that tells how such an error is mended")]
    SuggestedFix,
    /// Nothing is asked of the text, so it would hold for every record.
    #[error("it asks for no text; add a literal to `any`, `all` or `near`, or a type to `exception_types`")]
    NoCondition,
    /// A list is longer than its bound.
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
        /// Whose entry it is.
        key: &'static str,
        /// The literal.
        text: String,
    },
    /// A literal, type or value beyond its bound.
    #[error(
        "`{key}` holds a text of {bytes} bytes, more than {LITERAL_BYTES_MAX}; cut it to the part that is always the same"
    )]
    LongText {
        /// Whose entry it is.
        key: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A line beyond its bound.
    #[error("`{key}` holds a line of {bytes} bytes, more than {LINE_BYTES_MAX}; cut it to what matters")]
    LongLine {
        /// `must` or `must_not`.
        key: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A literal is asked for and forbidden.
    #[error("`none` forbids {0:?}, which the rule asks for; remove one of them")]
    Contradiction(String),
    /// One text of a pair holds the other, so they are always near.
    #[error(
        "one text of `near` holds the other, so they always stand together; ask for the longer one by `all`"
    )]
    NearItself,
    /// A distance that is none.
    #[error("`within` must be a whole number of bytes from 0 to {NEAR_BYTES_MAX}")]
    Within,
    /// A star that is not at the end.
    #[error("`services` holds {0:?}; a `*` may stand at the end alone, such as \"shop-*\"")]
    Star(String),
}

/// The known key that the given one most likely means, or all of them.
fn mend_key(given: &str, known: &[&'static str]) -> String {
    let likeness = |name: &&&str| similar::TextDiff::from_chars(given, **name).ratio();
    let likely = known.iter().filter(|name| likeness(name) > 0.75);
    match likely.max_by(|one, other| likeness(one).total_cmp(&likeness(other))) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("write one of {}", known.join(", ")),
    }
}
