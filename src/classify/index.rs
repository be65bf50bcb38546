//! A catalogue turned round: from what a record shows to the rules that ask for it.
//!
//! What a rule can ask for is a *fact*, a small number: that a literal occurs, that two of them stand close to one another, or
//! that the exception is of a type.
//! Rules that ask for the same share the fact, so a record is looked at once for all of them.

use std::collections::HashMap;

use super::bits::BitSet;
use super::rule::{Literal, Near, Rule};
use super::telltale::{FAILURE_ENDINGS, FAILURES, TRACES, VETOES};
use crate::model::SeverityNumber;

/// The number of a fact.
pub(super) type Fact = usize;

/// What an occurrence of one text tells.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Pattern {
    /// That it occurs.
    pub(super) anywhere: Option<Fact>,
    /// That it occurs and stands alone.
    pub(super) as_word: Option<Fact>,
    /// That it occurs as a word of a sentence.
    pub(super) as_plain: Option<Fact>,
    /// The pairs that it is one half of, in [`Index::halves`].
    halves: (usize, usize),
}

/// One half of a pair that must stand close together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half {
    /// The pair, in [`Index::pairs`].
    pub(super) pair: usize,
    /// 0 for the first text of the rule, 1 for the second.
    pub(super) side: usize,
    /// Whether the text must stand alone.
    pub(super) word: bool,
}

/// Two texts that must stand close together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    /// Bytes between them, at most.
    pub(super) within: usize,
    /// That they do.
    pub(super) fact: Fact,
}

/// The conditions of one rule as facts.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) any: Box<[Fact]>,
    pub(super) all: Box<[Fact]>,
    pub(super) none: Box<[Fact]>,
    pub(super) exception_types: Box<[Fact]>,
    pub(super) near: Box<[Fact]>,
    pub(super) min_severity: SeverityNumber,
}

/// What tells of an error in a record whose severity nobody knows.
#[derive(Debug, Default)]
pub(super) struct Telltales {
    traces: BitSet,
    failures: BitSet,
    vetoes: BitSet,
}

impl Telltales {
    /// Whether there is a stack trace, or a word of failure that nothing takes back.
    pub(super) fn are_in(&self, facts: &BitSet) -> bool {
        facts.meets(&self.traces) || (facts.meets(&self.failures) && !facts.meets(&self.vetoes))
    }
}

/// Everything that the engine looks up.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The texts of [`super::Literals`], lower-case; the position is the pattern's number.
    pub(super) texts: Vec<String>,
    /// By pattern.
    pub(super) patterns: Vec<Pattern>,
    /// The halves of pairs, those of one pattern beside one another.
    halves: Vec<Half>,
    /// The pairs.
    pub(super) pairs: Vec<Pair>,
    /// Exception types, lower-case.
    pub(super) exception_types: HashMap<Box<[u8]>, Fact>,
    /// By fact: the rules that may hold once it is known.
    pub(super) candidates: Vec<Vec<usize>>,
    /// By rule.
    pub(super) tests: Vec<Test>,
    /// That the text tells of an error, though no rule names it.
    pub(super) telltales: Telltales,
}

impl Index {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut builder = Builder::default();
        for (number, rule) in rules.iter().enumerate() {
            builder.add(number, rule);
        }
        let telltales = Telltales {
            traces: TRACES.iter().map(|text| builder.text(text, As::Piece)).collect(),
            failures: builder.failures().into_iter().collect(),
            vetoes: VETOES.iter().map(|text| builder.text(text, As::Word)).collect(),
        };
        builder.gather_halves();
        Self { telltales, ..builder.index }
    }

    /// The pairs that a pattern is one half of.
    pub(super) fn halves(&self, pattern: Pattern) -> &[Half] {
        &self.halves[pattern.halves.0..pattern.halves.1]
    }

    /// How many facts there are.
    pub(super) fn fact_count(&self) -> usize {
        self.candidates.len()
    }
}

/// How a text must occur.
#[derive(Debug, Clone, Copy)]
enum As {
    Piece,
    Word,
    Plain,
}

#[derive(Default)]
struct Builder {
    index: Index,
    pattern_of: HashMap<String, usize>,
    /// By pattern, in the end.
    halves: Vec<(usize, Half)>,
}

impl Builder {
    fn add(&mut self, number: usize, rule: &Rule) {
        let asked = &rule.conditions;
        let test = Test {
            any: self.literals(&asked.any),
            all: self.literals(&asked.all),
            none: self.literals(&asked.none),
            exception_types: asked.exception_types.iter().map(|name| self.exception_type(name)).collect(),
            near: asked.near.iter().map(|near| self.pair(near)).collect(),
            min_severity: rule.min_severity,
        };
        for &fact in nominating(&test) {
            self.index.candidates[fact].push(number);
        }
        self.index.tests.push(test);
    }

    fn literals(&mut self, literals: &[Literal]) -> Box<[Fact]> {
        let how = |literal: &Literal| if literal.word { As::Word } else { As::Piece };
        literals.iter().map(|literal| self.text(&literal.text, how(literal))).collect()
    }

    fn failures(&mut self) -> Vec<Fact> {
        let words = FAILURES.iter().map(|text| (text, As::Plain));
        let endings = FAILURE_ENDINGS.iter().map(|text| (text, As::Piece));
        words.chain(endings).map(|(text, how)| self.text(text, how)).collect()
    }

    fn pair(&mut self, near: &Near) -> Fact {
        let fact = new_fact(&mut self.index.candidates);
        let pair = self.index.pairs.len();
        self.index.pairs.push(Pair { within: near.within, fact });
        for (side, literal) in [&near.first, &near.second].into_iter().enumerate() {
            let pattern = self.pattern(&literal.text);
            self.halves.push((pattern, Half { pair, side, word: literal.word }));
        }
        fact
    }

    /// Lays the halves of one pattern beside one another.
    fn gather_halves(&mut self) {
        self.halves.sort_by_key(|(pattern, _)| *pattern);
        for same in self.halves.chunk_by(|one, other| one.0 == other.0) {
            let start = self.index.halves.len();
            self.index.halves.extend(same.iter().map(|(_, half)| *half));
            self.index.patterns[same[0].0].halves = (start, self.index.halves.len());
        }
    }

    fn pattern(&mut self, text: &str) -> usize {
        *self.pattern_of.entry(text.to_ascii_lowercase()).or_insert_with_key(|text| {
            self.index.texts.push(text.clone());
            self.index.patterns.push(Pattern::default());
            self.index.patterns.len() - 1
        })
    }

    fn text(&mut self, text: &str, how: As) -> Fact {
        let pattern = self.pattern(text);
        let Index { patterns, candidates, .. } = &mut self.index;
        let pattern = &mut patterns[pattern];
        let slot = match how {
            As::Piece => &mut pattern.anywhere,
            As::Word => &mut pattern.as_word,
            As::Plain => &mut pattern.as_plain,
        };
        *slot.get_or_insert_with(|| new_fact(candidates))
    }

    fn exception_type(&mut self, name: &str) -> Fact {
        let Index { exception_types, candidates, .. } = &mut self.index;
        let name = name.to_ascii_lowercase().into_bytes().into_boxed_slice();
        *exception_types.entry(name).or_insert_with(|| new_fact(candidates))
    }
}

fn new_fact(candidates: &mut Vec<Vec<usize>>) -> Fact {
    candidates.push(Vec::new());
    candidates.len() - 1
}

/// The facts of which the rule needs at least one: without them it is not looked at.
fn nominating(test: &Test) -> &[Fact] {
    // Two texts close together are the rarest.
    if let Some(first) = test.near.first_chunk::<1>().or(test.all.first_chunk()) {
        first
    } else if test.any.is_empty() {
        &test.exception_types
    } else {
        &test.any
    }
}
