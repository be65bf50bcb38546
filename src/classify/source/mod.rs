//! A rules file's text, read into rules: every fault is told with its line and column, and how it is mended.

mod conditions;
pub(super) mod keys;
mod lines;
mod place;
mod reader;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::catalogue::{ID_BYTES_MAX, LITERALS_TEXT_BYTES_MAX, RULES_MAX, SUGGESTED_FIX_CHARS_MAX};
use super::error::{Fault, RulesError};
use super::rule::Rule;
use crate::model::{Category, Severity, SeverityNumber, UnknownName};

pub(super) use lines::Lines;
pub use place::Place;
use reader::{Item, Reader};

/// What one `[[rule]]` says.
#[derive(Debug)]
pub(super) struct Entry {
    /// Of its header.
    pub(super) place: Place,
    pub(super) rule: Rule,
    pub(super) lines: Lines,
}

/// Reads a file's text.
///
/// # Errors
///
/// Everything that is wrong with it, in its order. Where it is no TOML, what the rules in it say is not looked at.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, RulesError> {
    let mut reader = Reader::new(text);
    let (file, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        reader.fault(&error.span().unwrap_or(0..0), Fault::Syntax(one_line(error.message())));
    }
    let entries = if reader.faults.is_empty() { reader.file(file.get_ref()) } else { Vec::new() };
    if reader.faults.is_empty() {
        return Ok(entries);
    }
    reader.faults.sort_by_key(|fault| fault.place);
    Err(RulesError::Faults(reader.faults))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Reader<'_> {
    fn file(&mut self, file: &DeTable<'_>) -> Vec<Entry> {
        self.only(file, &["rule"]);
        let wanted = "tables that begin with [[rule]]";
        let Some(item) = file.get("rule") else {
            if self.faults.is_empty() {
                self.fault(&(0..0), Fault::Empty);
            }
            return Vec::new();
        };
        let Some(list) = item.get_ref().as_array() else {
            self.wrong(item, "rule", wanted);
            return Vec::new();
        };
        match list.len() {
            0 => self.fault(&item.span(), Fault::Empty),
            count if count > RULES_MAX => {
                self.fault(&item.span(), Fault::TooManyRules(count));
                return Vec::new();
            }
            _ => {}
        }
        let mut lines = HashMap::new();
        let entries = list.iter().zip(1..).filter_map(|(item, position)| {
            let table = self.table("rule", item, wanted)?;
            self.rule = Some(display_name(table, position));
            let entry = self.entry(table, &item.span(), &mut lines);
            self.rule = None;
            entry
        });
        let entries = entries.collect::<Vec<_>>();
        self.within_text_bound(&entries);
        entries
    }

    fn entry(
        &mut self,
        table: &DeTable<'_>,
        span: &Range<usize>,
        lines: &mut HashMap<Arc<str>, usize>,
    ) -> Option<Entry> {
        self.only(table, &keys::KEYS.each_ref().map(|key| key.name));
        let [id, category, severity, fixable, suggested_fix] =
            ["id", "category", "severity", "fixable", "suggested_fix"]
                .map(|key| self.needed(table, span, key));
        let id = id.and_then(|item| self.id(item, lines));
        let category = category.and_then(|item| self.named::<Category>("category", item));
        let severity = severity.and_then(|item| self.named::<Severity>("severity", item));
        let fixable = fixable.and_then(|item| self.flag("fixable", item));
        let suggested_fix = suggested_fix.and_then(|item| self.suggested_fix(item));
        // WARN where the rule does not say: below it, services tell of what went right.
        let min_severity = table
            .get("min_severity")
            .map_or(Some(SeverityNumber::WARN), |item| self.severity_number("min_severity", item));
        let conditions = self.conditions(table, span);
        let examples = self.lines(table);
        let rule = Rule {
            id: id?,
            category: category?,
            severity: severity?,
            fixable: fixable?,
            suggested_fix: suggested_fix?,
            min_severity: min_severity?,
            conditions,
        };
        Some(Entry { place: self.places.at(span.start), rule, lines: examples })
    }

    fn id(&mut self, item: &Item<'_>, lines: &mut HashMap<Arc<str>, usize>) -> Option<Arc<str>> {
        let id = self.text("id", item, "a name in quotes")?;
        if !is_id(id) {
            self.fault(&item.span(), Fault::Id);
            return None;
        }
        let id: Arc<str> = id.into();
        if let Some(earlier) = lines.insert(Arc::clone(&id), self.places.at(item.span().start).line) {
            self.fault(&item.span(), Fault::DuplicateId(earlier));
        }
        Some(id)
    }

    fn named<T: std::str::FromStr<Err = UnknownName>>(
        &mut self,
        key: &'static str,
        item: &Item<'_>,
    ) -> Option<T> {
        let name = self.text(key, item, "a name in quotes")?;
        match name.parse() {
            Ok(value) => Some(value),
            Err(UnknownName { given, allowed }) => {
                self.fault(&item.span(), Fault::Name { key, given, allowed: allowed.to_owned() });
                None
            }
        }
    }

    fn suggested_fix(&mut self, item: &Item<'_>) -> Option<Arc<str>> {
        let text = self.text("suggested_fix", item, "a sentence in quotes")?;
        let fits = !text.trim().is_empty()
            && text.chars().count() <= SUGGESTED_FIX_CHARS_MAX
            && !text.chars().any(char::is_control);
        if !fits {
            self.fault(&item.span(), Fault::SuggestedFix);
        }
        fits.then(|| text.into())
    }

    fn within_text_bound(&mut self, entries: &[Entry]) {
        let bytes = entries
            .iter()
            .flat_map(|entry| entry.rule.conditions.literals())
            .map(|literal| literal.text.len());
        let bytes = bytes.sum();
        if bytes > LITERALS_TEXT_BYTES_MAX {
            self.fault(&(0..0), Fault::TooMuchText(bytes));
        }
    }
}

/// How messages name a rule: by its id where it has one that can be printed, else by its position.
fn display_name(table: &DeTable<'_>, position: usize) -> String {
    match table.get("id").map(toml::Spanned::get_ref) {
        Some(DeValue::String(id)) if is_id(id) => format!("`{id}`"),
        _ => format!("{position} of the file"),
    }
}

fn is_id(id: &str) -> bool {
    id.len() <= ID_BYTES_MAX
        && id.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}
