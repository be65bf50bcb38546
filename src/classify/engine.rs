//! One record against all rules.

use std::sync::Arc;

use aho_corasick::Match;

use super::bits::BitSet;
use super::catalogue::{Catalogue, LITERAL_BYTES_MAX};
use super::class::Class;
use super::error::RulesError;
use super::index::{Fact, Half, Index, Pair, Test};
use super::literals::Literals;
use super::rule::Rule;
use crate::model::{LogRecord, Resource, SeverityNumber};

/// Rules ready to be applied. Shared by all tasks; each brings its own [`Scratch`].
#[derive(Debug)]
pub struct Classifier {
    pub(super) rules: Arc<[Rule]>,
    pub(super) literals: Literals,
    pub(super) index: Index,
    pub(super) floor: SeverityNumber,
}

/// What is known of the record in hand. Kept by the caller from record to record, so that none costs an allocation;
/// it fits any classifier, also one made of reloaded rules.
#[derive(Debug, Default)]
pub struct Scratch {
    facts: BitSet,
    candidates: BitSet,
    /// The literals in the field that was read last.
    found: Vec<Match>,
    /// By pair and side: the last place where the text stood.
    last: Vec<[Seen; 2]>,
    /// Which field of which record is read, counted through; what was seen in another one is not near.
    field: u64,
}

/// Where a text was seen last.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    field: u64,
    end: usize,
}

impl Classifier {
    /// Compiles the rules; takes milliseconds for hundreds of them.
    pub fn new(catalogue: &Catalogue) -> Result<Self, RulesError> {
        let rules = catalogue.share();
        let index = Index::new(&rules);
        let literals = Literals::new(&index.texts).map_err(|error| RulesError::Automaton(Box::new(error)))?;
        let floor = rules.iter().map(Rule::min_severity).fold(SeverityNumber::ERROR, Ord::min);
        Ok(Self { rules, literals, index, floor })
    }

    /// The rules, in the order in which they are tried.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// All literals that the rules and the telltales ask for, lower-case.
    #[must_use]
    pub fn literals(&self) -> &[String] {
        &self.index.texts
    }

    /// The first rule that holds for the record; [`Class::Unmatched`] for an error that no rule knows; `None` where
    /// the record is no error.
    ///
    /// A record that [`Self::may_hold`] rules out is dropped unread.
    ///
    /// Attributes are read of records alone whose text made a rule a candidate that asks for some.
    pub fn classify(
        &self,
        record: &LogRecord<'_>,
        resource: &Resource<'_>,
        scratch: &mut Scratch,
    ) -> Option<Class<'_>> {
        if !self.may_hold(record) {
            return None;
        }
        let first = self.holding(record, resource, scratch).next();
        match first {
            Some(rule) => Some(Class::Rule(&self.rules[rule])),
            None => self.unmatched(record.severity(), record.has_exception(), &scratch.facts),
        }
    }

    /// The numbers of all rules that hold, in their order.
    pub(super) fn holding<'s>(
        &'s self,
        record: &'s LogRecord<'_>,
        resource: &'s Resource<'_>,
        scratch: &'s mut Scratch,
    ) -> impl Iterator<Item = usize> + 's {
        let severity = record.severity();
        let has_exception = record.has_exception();
        self.gather(record, scratch);
        let scratch = &*scratch;
        scratch.candidates.iter().filter(move |&rule| {
            let test = &self.index.tests[rule];
            passes(test.min_severity, severity, has_exception)
                && test.holds(&scratch.facts)
                && self.rules[rule].conditions.hold_around(record, resource)
        })
    }

    /// The numbers of the rules that the record's texts make candidates, in their order.
    pub(super) fn nominated<'s>(
        &self,
        record: &LogRecord<'_>,
        scratch: &'s mut Scratch,
    ) -> impl Iterator<Item = usize> + 's {
        self.gather(record, scratch);
        scratch.candidates.iter()
    }

    /// Whether any rule may hold for the record, by its severity alone: false for one without an exception whose known
    /// severity is below what any rule asks for. It costs a comparison, and spares such records all that follows.
    #[must_use]
    pub fn may_hold(&self, record: &LogRecord<'_>) -> bool {
        let severity = record.severity();
        severity >= self.floor || severity.is_unspecified() || record.has_exception()
    }

    /// Learns all facts of the record. Each field is read on its own, so that no literal spans two of them.
    fn gather(&self, record: &LogRecord<'_>, scratch: &mut Scratch) {
        scratch.facts.reset(self.index.fact_count());
        scratch.candidates.reset(self.rules.len());
        scratch.last.resize(self.index.pairs.len(), Default::default());
        let exception = &record.exception;
        for text in [record.body, exception.type_name, exception.message, exception.stacktrace] {
            self.scan(text, scratch);
        }
        if exception.type_name.is_empty() {
            return;
        }
        let type_names = [exception.type_name, last_segment(exception.type_name)];
        for fact in type_names.into_iter().filter_map(|name| self.type_fact(name)) {
            self.learn(fact, scratch);
        }
    }

    fn scan(&self, text: &[u8], scratch: &mut Scratch) {
        scratch.field += 1;
        let mut occurrences = std::mem::take(&mut scratch.found);
        self.literals.find(text, &mut occurrences);
        for &found in &occurrences {
            let pattern = self.index.patterns[found.pattern()];
            if let Some(fact) = pattern.anywhere {
                self.learn(fact, scratch);
            }
            if let Some(fact) = pattern.as_word
                && stands_alone(text, &found)
            {
                self.learn(fact, scratch);
            }
            if let Some(fact) = pattern.as_plain
                && is_plain(text, &found)
            {
                self.learn(fact, scratch);
            }
            for half in self.index.halves(pattern) {
                if !half.word || stands_alone(text, &found) {
                    self.pair_up(*half, &found, scratch);
                }
            }
        }
        scratch.found = occurrences;
    }

    /// Occurrences come in the order of their ends, so the last one of the other text is the nearest before this one; one
    /// that follows finds this one.
    fn pair_up(&self, half: Half, found: &Match, scratch: &mut Scratch) {
        let Pair { within, fact } = self.index.pairs[half.pair];
        let sides = &mut scratch.last[half.pair];
        sides[half.side] = Seen { field: scratch.field, end: found.end() };
        let other = sides[1 - half.side];
        if other.field == scratch.field && found.start().saturating_sub(other.end) <= within {
            self.learn(fact, scratch);
        }
    }

    /// The fact that the exception is of the type, if a rule asks for it.
    fn type_fact(&self, name: &[u8]) -> Option<Fact> {
        let mut lower = [0; LITERAL_BYTES_MAX];
        // No rule asks for a longer name.
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.index.exception_types.get(&*lower).copied()
    }

    fn learn(&self, fact: Fact, scratch: &mut Scratch) {
        if scratch.facts.insert(fact) {
            for &rule in &self.index.candidates[fact] {
                scratch.candidates.insert(rule);
            }
        }
    }

    /// A stack trace or a word of failure speaks only where the severity is silent: a sender who says WARN means it.
    fn unmatched(&self, severity: SeverityNumber, has_exception: bool, facts: &BitSet) -> Option<Class<'_>> {
        let tells_of_one = || severity.is_unspecified() && self.index.telltales.are_in(facts);
        let is_error = severity >= SeverityNumber::ERROR || has_exception || tells_of_one();
        is_error.then_some(Class::Unmatched)
    }
}

impl Test {
    fn holds(&self, facts: &BitSet) -> bool {
        let one_of = |asked: &[Fact]| asked.is_empty() || asked.iter().any(|&fact| facts.contains(fact));
        one_of(&self.any)
            && one_of(&self.exception_types)
            && self.all.iter().chain(&self.near).all(|&fact| facts.contains(fact))
            && !self.none.iter().any(|&fact| facts.contains(fact))
    }
}

/// Whether a rule looks at records of the severity. Unknown passes; an exception counts as WARN at least, since
/// many programs log one that they survived as INFO.
pub(super) fn passes(min: SeverityNumber, severity: SeverityNumber, has_exception: bool) -> bool {
    severity.is_unspecified() || severity >= min || (has_exception && min <= SeverityNumber::WARN)
}

pub(super) fn stands_alone(text: &[u8], found: &Match) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let before = found.start().checked_sub(1).and_then(|index| text.get(index));
    !is_word(before) && !is_word(text.get(found.end()))
}

/// Whether it stands alone as a word of a sentence: not in a path, a file's name or the first half of a compound.
fn is_plain(text: &[u8], found: &Match) -> bool {
    let before = found.start().checked_sub(1).and_then(|index| text.get(index));
    let after = text.get(found.end());
    let goes_on = || text.get(found.end() + 1).is_some_and(u8::is_ascii_alphanumeric);
    stands_alone(text, found)
        && before != Some(&b'/')
        && after != Some(&b'/')
        && !(matches!(after, Some(b'.' | b'-')) && goes_on())
}

/// `OperationalError` of `sqlalchemy.exc.OperationalError`; Rust and C++ part names by `::`, PHP by `\`, Go by `/` and `.`.
pub(super) fn last_segment(type_name: &[u8]) -> &[u8] {
    type_name.rsplit(|byte| b".:\\/".contains(byte)).next().unwrap_or(type_name)
}
