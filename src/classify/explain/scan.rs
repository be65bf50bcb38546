//! Where the literals of all rules stand in a record.

use std::collections::HashMap;

use serde::Serialize;

use super::super::engine::{Classifier, last_segment, stands_alone};
use super::super::rule::{Literal, Near};
use crate::model::LogRecord;

/// How many occurrences of one literal are told; the first ones.
const OCCURRENCES_MAX: usize = 8;

/// A field of a record that literals are looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Field {
    /// The body; of an unfolded record the message that it holds.
    #[serde(rename = "body")]
    Body,
    /// `exception.type`
    #[serde(rename = "exception.type")]
    ExceptionType,
    /// `exception.message`
    #[serde(rename = "exception.message")]
    ExceptionMessage,
    /// `exception.stacktrace`
    #[serde(rename = "exception.stacktrace")]
    ExceptionStacktrace,
}

impl Field {
    /// The name in JSON and for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::ExceptionType => "exception.type",
            Self::ExceptionMessage => "exception.message",
            Self::ExceptionStacktrace => "exception.stacktrace",
        }
    }
}

/// One occurrence of a literal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The literal as the rule writes it.
    pub text: String,
    /// Where it stands.
    pub field: Field,
    /// The first byte, from 0.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
}

/// One occurrence, before it is told.
#[derive(Debug, Clone, Copy)]
struct Spot {
    field: Field,
    start: usize,
    end: usize,
    alone: bool,
}

impl Spot {
    fn found(self, literal: &Literal) -> Found {
        Found { text: literal.text.clone(), field: self.field, start: self.start, end: self.end }
    }
}

/// All that a record shows.
#[derive(Debug)]
pub(super) struct Seen {
    /// By literal, lower-case: the first occurrences of it, alone or not, and those alone.
    spots: HashMap<String, Vec<Spot>>,
    /// By pair of [`Index::pairs`](super::super::index::Index): the first occurrences that stand near.
    pairs: Vec<Option<[Spot; 2]>>,
    /// The names of the exception's type that rules may ask for, lower-case.
    type_names: [Vec<u8>; 2],
}

impl Seen {
    pub(super) fn of(classifier: &Classifier, record: &LogRecord<'_>) -> Self {
        let exception = &record.exception;
        let type_names =
            [exception.type_name, last_segment(exception.type_name)].map(<[u8]>::to_ascii_lowercase);
        let mut seen =
            Self { spots: HashMap::new(), pairs: vec![None; classifier.index.pairs.len()], type_names };
        for (field, text) in [
            (Field::Body, record.body),
            (Field::ExceptionType, exception.type_name),
            (Field::ExceptionMessage, exception.message),
            (Field::ExceptionStacktrace, exception.stacktrace),
        ] {
            seen.scan(classifier, field, text);
        }
        seen
    }

    fn scan(&mut self, classifier: &Classifier, field: Field, text: &[u8]) {
        let index = &classifier.index;
        let mut last: Vec<[Option<Spot>; 2]> = vec![[None; 2]; index.pairs.len()];
        let mut occurrences = Vec::new();
        classifier.literals.find(text, &mut occurrences);
        for found in occurrences {
            let alone = stands_alone(text, &found);
            let spot = Spot { field, start: found.start(), end: found.end(), alone };
            let spots = self.spots.entry(index.texts[found.pattern()].clone()).or_default();
            if spots.iter().filter(|other| other.alone == alone).count() < OCCURRENCES_MAX {
                spots.push(spot);
            }
            for half in index.halves(index.patterns[found.pattern()]) {
                if half.word && !alone {
                    continue;
                }
                last[half.pair][half.side] = Some(spot);
                if let Some(other) = last[half.pair][1 - half.side]
                    && spot.start.saturating_sub(other.end) <= index.pairs[half.pair].within
                {
                    let both = if half.side == 0 { [spot, other] } else { [other, spot] };
                    self.pairs[half.pair].get_or_insert(both);
                }
            }
        }
    }

    /// The first occurrences of a literal.
    pub(super) fn literal(&self, literal: &Literal) -> Vec<Found> {
        let spots = self.spots.get(&literal.text.to_ascii_lowercase());
        let asked = spots.into_iter().flatten().filter(|spot| spot.alone || !literal.word);
        asked.take(OCCURRENCES_MAX).map(|spot| spot.found(literal)).collect()
    }

    /// The first occurrences of both texts that stand near, by the number of the pair.
    pub(super) fn pair(&self, number: usize, near: &Near) -> Vec<Found> {
        let spots = self.pairs[number];
        spots.map_or_else(Vec::new, |[one, other]| vec![one.found(&near.first), other.found(&near.second)])
    }

    /// Whether the exception is of the type.
    pub(super) fn is_of_type(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase().into_bytes();
        self.type_names.contains(&name)
    }
}
