//! A template as a row of chunks between signs, and what each chunk may stand for.

use std::collections::HashMap;

use super::super::template::{distinguishes, is_class};
use crate::model::MASK;

/// A template's chunks, by number.
pub(super) type Pattern = Box<[u32]>;

/// What stands between the chunks; templates of two shapes are two errors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape(Vec<String>);

/// What a chunk may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value, masked.
    Value,
    /// A word with a value in it: `rdd_<*>`.
    Partly,
    /// A word of which one does not know.
    Word,
    /// What tells errors apart: codes, exceptions, `failed` and its like.
    Fixed,
}

impl Kind {
    /// Whether a chunk may be a variable's value.
    pub(super) fn may_vary(self) -> bool {
        self != Self::Fixed
    }

    pub(super) fn says_something(self) -> bool {
        matches!(self, Self::Word | Self::Fixed)
    }
}

/// Numbers for chunks.
#[derive(Debug)]
pub(super) struct Interner {
    numbers: HashMap<String, u32>,
    chunks: Vec<(String, Kind)>,
}

impl Default for Interner {
    fn default() -> Self {
        let chunks = vec![(MASK.to_owned(), Kind::Value)];
        Self { numbers: HashMap::from([(MASK.to_owned(), Self::MASK)]), chunks }
    }
}

impl Interner {
    /// The number of the mask.
    pub(super) const MASK: u32 = 0;

    pub(super) fn pattern(&mut self, template: &str) -> Pattern {
        chunks(template).map(|(_, chunk)| self.number(chunk)).collect()
    }

    /// The pattern of a template that was numbered before.
    pub(super) fn known(&self, template: &str) -> Option<Pattern> {
        chunks(template).map(|(_, chunk)| self.numbers.get(chunk).copied()).collect()
    }

    pub(super) fn kind(&self, chunk: u32) -> Kind {
        self.chunks[chunk as usize].1
    }

    /// Whether a place is right after a key: the chunk before it ends in `=`.
    pub(super) fn follows_key(&self, pattern: &Pattern, place: usize) -> bool {
        place > 0 && self.chunks[pattern[place - 1] as usize].0.ends_with('=')
    }

    /// Whether a place is right after a noun that names follow, as in `queue orders`.
    pub(super) fn follows_class(&self, pattern: &Pattern, place: usize) -> bool {
        place > 0 && is_class(&self.chunks[pattern[place - 1] as usize].0)
    }

    fn number(&mut self, chunk: &str) -> u32 {
        if let Some(number) = self.numbers.get(chunk) {
            return *number;
        }
        let number = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        self.numbers.insert(chunk.to_owned(), number);
        self.chunks.push((chunk.to_owned(), kind(chunk)));
        number
    }
}

impl Shape {
    pub(super) fn of(template: &str) -> Self {
        let mut signs: Vec<_> = chunks(template).map(|(sign, _)| sign.to_owned()).collect();
        let end = chunks(template).last().map_or(template, |(_, chunk)| {
            let at = chunk.as_ptr() as usize - template.as_ptr() as usize + chunk.len();
            &template[at..]
        });
        signs.push(end.to_owned());
        Self(signs)
    }

    /// The template that chunks make in this shape.
    pub(super) fn write(&self, pattern: &Pattern, interner: &Interner) -> String {
        let mut out = String::new();
        for (sign, chunk) in self.0.iter().zip(pattern.iter()) {
            out.push_str(sign);
            out.push_str(&interner.chunks[*chunk as usize].0);
        }
        out.push_str(self.0.last().map_or("", String::as_str));
        out
    }
}

/// The chunks of a template, each with the signs before it. A key keeps its `=`.
fn chunks(template: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &template[at..];
        let begin = rest.find(|c: char| !is_sign(c)).unwrap_or(rest.len());
        // A mask begins with a sign of its own.
        let begin = rest.find(MASK).map_or(begin, |mask| mask.min(begin));
        if begin == rest.len() {
            return None;
        }
        let mut end = begin;
        loop {
            if rest[end..].starts_with(MASK) {
                end += MASK.len();
            } else {
                match rest[end..].chars().next() {
                    Some('=') => {
                        end += 1;
                        break;
                    }
                    Some(c) if !is_sign(c) => end += c.len_utf8(),
                    _ => break,
                }
            }
        }
        let found = (&rest[..begin], &rest[begin..end]);
        at += end;
        Some(found)
    })
}

fn is_sign(c: char) -> bool {
    matches!(
        c,
        ' ' | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '"'
            | '\''
            | '`'
            | ','
            | ';'
            | '|'
            | '<'
            | '>'
            | ':'
            | '.'
            | '!'
            | '?'
    )
}

fn kind(chunk: &str) -> Kind {
    if chunk == MASK {
        Kind::Value
    } else if chunk.ends_with('=') {
        Kind::Fixed
    } else if chunk.contains(MASK) {
        Kind::Partly
    } else if distinguishes(chunk) {
        Kind::Fixed
    } else {
        Kind::Word
    }
}
