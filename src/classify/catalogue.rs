//! A rules file, read into rules that are valid: whoever holds a [`Catalogue`] checks nothing again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;

use super::error::{Fault, RulesError};
use super::rule::{Conditions, Literal, Rule};
use crate::model::{Category, SeverityNumber, UnknownName};

/// Rules of one file. The built-in catalogue has some hundred; what people add by hand stays far below this.
pub(super) const RULES_MAX: usize = 10_000;
/// Bytes of one literal or exception type: longer texts carry what varies, and would never match again.
pub(super) const LITERAL_BYTES_MAX: usize = 256;
/// Bytes of a literal that need not stand alone: one byte occurs in nearly every text.
pub(super) const LITERAL_BYTES_MIN: usize = 2;
/// Entries of one list of a rule.
pub(super) const CONDITION_LITERALS_MAX: usize = 256;
/// Bytes of all literals together: bounds the time to build the automaton and its memory, some 20 MB at 19 bytes each
/// (measured on the built-in rules, compact NFA).
pub(super) const LITERALS_TEXT_BYTES_MAX: usize = 1 << 20;
/// Bytes of an id, which people read in tables.
const ID_BYTES_MAX: usize = 64;
/// Characters of a suggested fix: a sentence or two.
const SUGGESTED_FIX_CHARS_MAX: usize = 400;

/// The rules, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    rules: Arc<[Rule]>,
}

impl Catalogue {
    /// The catalogue that is compiled in: `rules.toml` beside this file.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the text is fixed at compile time and a test parses it"
    )]
    pub fn built_in() -> Self {
        Self::parse(include_str!("rules.toml")).expect("the built-in rules are valid, as a test proves")
    }

    /// Reads a rules file's text.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let file: RawFile = toml::from_str(text).map_err(|error| syntax_error(text, &error))?;
        match file.rule.len() {
            0 => return Err(RulesError::Empty),
            count if count > RULES_MAX => return Err(RulesError::TooManyRules { count }),
            _ => {}
        }
        let mut rules = Vec::with_capacity(file.rule.len());
        let mut positions = HashMap::new();
        for (table, position) in file.rule.into_iter().zip(1..) {
            let name = display_name(&table, position);
            let at_fault = |fault| RulesError::Rule { rule: name.clone(), fault };
            let rule = parse_rule(table).map_err(at_fault)?;
            if let Some(earlier) = positions.insert(Arc::clone(&rule.id), position) {
                return Err(at_fault(Fault::DuplicateId(earlier)));
            }
            rules.push(rule);
        }
        within_text_bound(&rules)?;
        Ok(Self { rules: rules.into() })
    }

    /// The rules in the file's order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// These rules, then those of `learned` whose ids are free.
    pub(super) fn followed_by(&self, learned: &[Rule]) -> Self {
        if learned.is_empty() {
            return self.clone();
        }
        let taken: HashSet<_> = self.rules.iter().map(Rule::id).collect();
        let free = learned.iter().filter(|rule| !taken.contains(rule.id()));
        Self { rules: self.rules.iter().chain(free).cloned().collect() }
    }

    /// The same rules, shared.
    pub(super) fn share(&self) -> Arc<[Rule]> {
        Arc::clone(&self.rules)
    }
}

/// The file as it is written. Rules stay tables here, so that a fault in one can be told with the rule's id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    rule: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    category: String,
    severity: String,
    fixable: bool,
    suggested_fix: String,
    #[serde(default)]
    min_severity: Option<String>,
    #[serde(default)]
    any: Vec<toml::Value>,
    #[serde(default)]
    all: Vec<toml::Value>,
    #[serde(default)]
    none: Vec<toml::Value>,
    #[serde(default)]
    exception_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLiteral {
    text: String,
    #[serde(default)]
    word: bool,
}

fn syntax_error(text: &str, error: &toml::de::Error) -> RulesError {
    let offset = error.span().map_or(0, |span| text.floor_char_boundary(span.start));
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    RulesError::Syntax {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        problem: one_line(error.message()),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How messages name a rule: by its id where it has one that can be printed, else by its position.
fn display_name(table: &toml::Table, position: usize) -> String {
    match table.get("id").and_then(toml::Value::as_str) {
        Some(id) if is_id(id) => format!("`{id}`"),
        _ => format!("{position} of the file"),
    }
}

fn is_id(id: &str) -> bool {
    id.len() <= ID_BYTES_MAX
        && id.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

fn parse_rule(table: toml::Table) -> Result<Rule, Fault> {
    let raw: RawRule = table.try_into().map_err(|error| shape_fault(&error))?;
    if !is_id(&raw.id) {
        return Err(Fault::Id);
    }
    let named = |key| move |problem| Fault::Name { key, problem };
    Ok(Rule {
        category: raw.category.parse::<Category>().map_err(named("category"))?,
        severity: raw.severity.parse().map_err(named("severity"))?,
        min_severity: parse_min_severity(raw.min_severity.as_deref()).map_err(named("min_severity"))?,
        suggested_fix: parse_suggested_fix(&raw.suggested_fix)?,
        fixable: raw.fixable,
        id: raw.id.into(),
        conditions: parse_conditions(raw.any, raw.all, raw.none, raw.exception_types)?,
    })
}

/// The parser's words with the key they speak of; it gives both, on lines of their own.
fn shape_fault(error: &toml::de::Error) -> Fault {
    Fault::Shape(one_line(&error.to_string()))
}

fn parse_suggested_fix(text: &str) -> Result<Arc<str>, Fault> {
    let fits = !text.trim().is_empty()
        && text.chars().count() <= SUGGESTED_FIX_CHARS_MAX
        && !text.chars().any(char::is_control);
    if fits { Ok(text.into()) } else { Err(Fault::SuggestedFix) }
}

/// WARN where the rule does not say: below it, services tell of what went right.
fn parse_min_severity(name: Option<&str>) -> Result<SeverityNumber, UnknownName> {
    let number = match name {
        None | Some("warn") => return Ok(SeverityNumber::WARN),
        Some("trace") => 1,
        Some("debug") => 5,
        Some("info") => 9,
        Some("error") => return Ok(SeverityNumber::ERROR),
        Some("fatal") => return Ok(SeverityNumber::FATAL),
        Some(given) => {
            return Err(UnknownName {
                given: given.to_owned(),
                allowed: "trace, debug, info, warn, error, fatal",
            });
        }
    };
    Ok(SeverityNumber::from_wire(number))
}

fn parse_conditions(
    any: Vec<toml::Value>,
    all: Vec<toml::Value>,
    none: Vec<toml::Value>,
    exception_types: Vec<String>,
) -> Result<Conditions, Fault> {
    let conditions = Conditions {
        any: parse_literals("any", any)?,
        all: parse_literals("all", all)?,
        none: parse_literals("none", none)?,
        exception_types,
    };
    within_list_bound("exception_types", conditions.exception_types.len())?;
    for name in &conditions.exception_types {
        check_text("exception_types", name)?;
    }
    check_sense(&conditions)?;
    Ok(conditions)
}

fn parse_literals(key: &'static str, values: Vec<toml::Value>) -> Result<Vec<Literal>, Fault> {
    within_list_bound(key, values.len())?;
    values.into_iter().map(|value| parse_literal(key, value)).collect()
}

fn parse_literal(key: &'static str, value: toml::Value) -> Result<Literal, Fault> {
    let RawLiteral { text, word } = match value {
        toml::Value::String(text) => RawLiteral { text, word: false },
        toml::Value::Table(table) => {
            let in_key =
                |error: toml::de::Error| Fault::Shape(format!("`{key}`: {}", one_line(&error.to_string())));
            table.try_into().map_err(in_key)?
        }
        other => {
            let given = other.type_str();
            let mend = "write a text or `{ text = \"429\", word = true }`";
            return Err(Fault::Shape(format!("`{key}` holds a value of type {given}; {mend}")));
        }
    };
    check_text(key, &text)?;
    if text.len() < LITERAL_BYTES_MIN && !word {
        return Err(Fault::ShortLiteral { key, text });
    }
    Ok(Literal { text, word })
}

fn within_list_bound(key: &'static str, entries: usize) -> Result<(), Fault> {
    if entries > CONDITION_LITERALS_MAX { Err(Fault::TooMany(key)) } else { Ok(()) }
}

fn check_text(key: &'static str, text: &str) -> Result<(), Fault> {
    if text.trim().is_empty() {
        Err(Fault::EmptyText(key))
    } else if text.len() > LITERAL_BYTES_MAX {
        Err(Fault::LongText { key, bytes: text.len() })
    } else {
        Ok(())
    }
}

/// A rule must be able to hold, and not for every record.
fn check_sense(conditions: &Conditions) -> Result<(), Fault> {
    let Conditions { any, all, none, exception_types } = conditions;
    if any.is_empty() && all.is_empty() && exception_types.is_empty() {
        return Err(Fault::NoCondition);
    }
    let forbidden = |literal: &&Literal| none.iter().any(|other| literal.equals(other));
    match any.iter().chain(all).find(forbidden) {
        Some(literal) => Err(Fault::Contradiction(literal.text.clone())),
        None => Ok(()),
    }
}

fn within_text_bound(rules: &[Rule]) -> Result<(), RulesError> {
    let bytes = rules
        .iter()
        .flat_map(|rule| [&rule.conditions.any, &rule.conditions.all, &rule.conditions.none])
        .flatten()
        .map(|literal| literal.text.len())
        .sum();
    if bytes > LITERALS_TEXT_BYTES_MAX { Err(RulesError::TooMuchText { bytes }) } else { Ok(()) }
}
