//! What is wrong with rules that can be read: lines that they must hold for and don't, rules that never get their turn.

mod implied;

use std::fmt;

use super::catalogue::Catalogue;
use super::engine::{Classifier, Scratch};
use super::error::RulesError;
use super::line::Line;
use super::rule::{Conditions, Literal};
use super::source::{self, Entry, Place};
use crate::model::LogRecord;

/// How many lines a rule should have of either kind: one may fit by chance.
const LINES_MIN: usize = 2;
/// Words of a hint that says something.
const HINT_WORDS_MIN: usize = 3;
/// How much of a line is shown, in characters.
const LINE_SHOWN_MAX: usize = 100;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: the line, or the rule's header.
    pub place: Place,
    /// The rule's id.
    pub rule: String,
    /// What is wrong, and how it is mended.
    pub problem: String,
    /// Whether it is advice alone: nothing is broken yet.
    pub is_advice: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_advice { "advice: " } else { "" };
        write!(f, "{}: {kind}rule `{}`: {}", self.place, self.rule, self.problem)
    }
}

/// What a check of rules came to.
#[derive(Debug, Default)]
pub struct Lint {
    /// How many rules there are.
    pub rules: usize,
    /// How many lines were tried.
    pub lines: usize,
    /// What is wrong; by text that was handed in, with its number, in the text's order.
    pub findings: Vec<(usize, Finding)>,
}

/// Checks the rules of texts that are one catalogue together, in this order.
///
/// # Errors
///
/// What a text cannot be read for, with the text's number.
pub fn lint(texts: &[&str]) -> Result<Lint, (usize, RulesError)> {
    let mut entries = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let read = source::read(text).map_err(|error| (number, error))?;
        entries.extend(read.into_iter().map(|entry| (number, entry)));
    }
    let catalogue = Catalogue::of(entries.iter().map(|(_, entry)| entry.rule.clone()));
    let classifier = Classifier::new(&catalogue).map_err(|error| (0, error))?;
    let mut linter = Linter { classifier: &classifier, scratch: Scratch::default(), lint: Lint::default() };
    for (number, (text, entry)) in entries.iter().enumerate() {
        linter.entry(*text, number, entry);
    }
    linter.lint.findings.sort_by_key(|(text, finding)| (*text, finding.place));
    Ok(linter.lint)
}

/// The lines that rules of these texts must not hold for: near misses of many programs, to try another rule on. A text that cannot
/// be read has none.
#[must_use]
pub fn near_misses(texts: &[&str]) -> Vec<Line> {
    let entries = texts.iter().filter_map(|text| source::read(text).ok()).flatten();
    entries.flat_map(|entry| entry.lines.must_not).map(|(_, line)| line).collect()
}

struct Linter<'c> {
    classifier: &'c Classifier,
    scratch: Scratch,
    lint: Lint,
}

impl Linter<'_> {
    fn entry(&mut self, text: usize, number: usize, entry: &Entry) {
        let mut found = Vec::new();
        let mut say = |place, problem| found.push((place, problem, false));
        for (place, line) in &entry.lines.must {
            if let Some(problem) = self.must(number, line) {
                say(*place, problem);
            }
        }
        for (place, line) in &entry.lines.must_not {
            if self.holding(line).contains(&number) {
                say(*place, format!("it holds for a line that it must not hold for: {}", shown(line)));
            }
        }
        for problem in self.never_first(number) {
            say(entry.place, problem);
        }
        for problem in repeated(&entry.rule.conditions) {
            say(entry.place, problem);
        }
        if let Some(problem) = bad_hint(entry.rule.suggested_fix()) {
            say(entry.place, problem);
        }
        for (key, lines) in [("must", &entry.lines.must), ("must_not", &entry.lines.must_not)] {
            if lines.len() < LINES_MIN {
                let problem = format!(
                    "`{key}` has {} lines; give it {LINES_MIN}, which nobody can break unseen",
                    lines.len()
                );
                found.push((entry.place, problem, true));
            }
        }
        self.lint.rules += 1;
        self.lint.lines += entry.lines.must.len() + entry.lines.must_not.len();
        let rule = entry.rule.id();
        self.lint.findings.extend(found.into_iter().map(|(place, problem, is_advice)| {
            (text, Finding { place, rule: rule.to_owned(), problem, is_advice })
        }));
    }

    fn holding(&mut self, line: &Line) -> Vec<usize> {
        line.show(|record, resource| self.classifier.holding(record, resource, &mut self.scratch).collect())
    }

    /// What is wrong where the rule is not the first that holds for the line.
    fn must(&mut self, number: usize, line: &Line) -> Option<String> {
        let holding = self.holding(line);
        let shown = shown(line);
        match holding.first() {
            Some(first) if *first == number => None,
            Some(first) if holding.contains(&number) => {
                let first = self.classifier.rules()[*first].id();
                Some(format!(
                    "`{first}` stands before it and holds for its line, too; move this rule up or narrow that one: {shown}"
                ))
            }
            _ => Some(format!("it does not hold for its line; `logmend rules test` tells why: {shown}")),
        }
    }

    /// What is wrong where an earlier rule holds whenever this one does, or whenever one entry of its `any` is what is found.
    fn never_first(&mut self, number: usize) -> Vec<String> {
        let rules = self.classifier.rules();
        let rule = &rules[number];
        let ways = implied::ways(rule.conditions());
        let winners: Vec<_> = ways.iter().map(|way| self.always_before(number, way)).collect();
        if let Some(Some(first)) = winners.first().filter(|_| winners.iter().all(Option::is_some)) {
            let first = rules[*first].id();
            return vec![format!(
                "it never gets its turn: `{first}` stands before it and holds whenever it would; move it up or remove it"
            )];
        }
        let dead =
            ways.iter().zip(winners).filter_map(|(way, winner)| Some((way.first()?, rules[winner?].id())));
        dead.map(|(literal, first)| {
            format!(
                "{:?} never counts: `{first}` stands before it and holds wherever it occurs; remove it",
                literal.text
            )
        })
        .collect()
    }

    /// An earlier rule that holds whenever this one holds in this way.
    fn always_before(&mut self, number: usize, way: &[&Literal]) -> Option<usize> {
        let rules = self.classifier.rules();
        let always_before = |earlier: &usize| implied::always_before(&rules[*earlier], &rules[number], way);
        if way.is_empty() {
            return (0..number).find(always_before);
        }
        // Only a rule that the texts make a candidate can be it.
        let text = implied::least_text(way);
        let record = LogRecord { body: text.as_bytes(), ..LogRecord::default() };
        let candidates = self.classifier.nominated(&record, &mut self.scratch);
        candidates.take_while(|earlier| *earlier < number).find(always_before)
    }
}

/// Entries of one list that say what another one of it says already.
fn repeated(conditions: &Conditions) -> Vec<String> {
    let mut problems = Vec::new();
    for (key, literals) in [("any", &conditions.any), ("all", &conditions.all), ("none", &conditions.none)] {
        for (at, literal) in literals.iter().enumerate() {
            let says_it = |(other_at, other): &(usize, &Literal)| {
                let implied = if key == "all" {
                    implied::implies(other, literal)
                } else {
                    implied::implies(literal, other)
                };
                // Of two that say the same, the later one is told.
                implied && *other_at != at && (!literal.equals(other) || *other_at < at)
            };
            if let Some((_, other)) = literals.iter().enumerate().find(says_it) {
                problems.push(format!(
                    "`{key}` holds {:?}, which {:?} says already; remove it",
                    literal.text, other.text
                ));
            }
        }
    }
    problems
}

fn bad_hint(hint: &str) -> Option<String> {
    let is_sentence = hint.ends_with('.')
        && hint.starts_with(|first: char| !first.is_lowercase())
        && hint.split_whitespace().count() >= HINT_WORDS_MIN;
    (!is_sentence).then(|| {
        "`suggested_fix` is no sentence; write what to do, from a capital letter to a full stop".to_owned()
    })
}

fn shown(line: &Line) -> String {
    let text = [&line.exception_type, &line.exception_message, &line.body].map(String::as_str);
    let text = text.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
    let mut shown: String = format!("{text:?}").chars().take(LINE_SHOWN_MAX).collect();
    if text.chars().count() > LINE_SHOWN_MAX {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
