//! One rule against one record, condition by condition.

use serde::Serialize;

use super::super::around::have_all;
use super::super::engine::passes;
use super::super::rule::{AttributeIs, Literal, Rule};
use super::scan::{Field, Found, Seen};
use crate::model::{Category, LogRecord, Resource, Severity};
use crate::otlp;

/// A rule of which something was found in a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleTrace {
    /// Its name.
    pub id: String,
    /// Its place in the catalogue, from 1: rules are tried in this order.
    pub position: usize,
    /// What kind of error it tells of.
    pub category: Category,
    /// How bad such an error is.
    pub severity: Severity,
    /// Whether a change in the service's repository can plausibly mend it.
    pub fixable: bool,
    /// How such errors are mended.
    pub suggested_fix: String,
    /// Its conditions, each with whether it is met.
    pub checks: Vec<Check>,
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The key in the rules file.
    pub key: &'static str,
    /// What is asked for, as the rule writes it.
    pub wanted: String,
    /// Whether it is met.
    pub met: bool,
    /// Where it was found; of `none`, what should not be there.
    pub found: Vec<Found>,
}

impl RuleTrace {
    /// The trace, where a text or type of the rule is in the record at all.
    pub(super) fn of(
        rule: &Rule,
        (position, first_pair): (usize, usize),
        record: &LogRecord<'_>,
        resource: &Resource<'_>,
        seen: &Seen,
    ) -> Option<Self> {
        let texts = texts(rule, first_pair, record, seen);
        if !texts.iter().any(|check| check.key != "none" && !check.found.is_empty()) {
            return None;
        }
        let checks = texts.into_iter().chain(around(rule, record, resource)).collect();
        Some(Self {
            id: rule.id().to_owned(),
            position,
            category: rule.category().clone(),
            severity: rule.severity(),
            fixable: rule.fixable(),
            suggested_fix: rule.suggested_fix().to_owned(),
            checks,
        })
    }

    /// Whether all of it is met.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.met)
    }

    /// Whether one thing only is lacking.
    #[must_use]
    pub fn nearly_holds(&self) -> bool {
        self.checks.iter().filter(|check| !check.met).count() == 1
    }
}

/// What is asked of the texts and the exception's type.
fn texts(rule: &Rule, first_pair: usize, record: &LogRecord<'_>, seen: &Seen) -> Vec<Check> {
    let asked = rule.conditions();
    let mut checks = Vec::new();
    if !asked.any.is_empty() {
        let found: Vec<_> = asked.any.iter().flat_map(|literal| seen.literal(literal)).collect();
        let wanted = one_of(asked.any.iter().map(written));
        checks.push(Check { key: "any", wanted, met: !found.is_empty(), found });
    }
    for literal in &asked.all {
        let found = seen.literal(literal);
        checks.push(Check { key: "all", wanted: written(literal), met: !found.is_empty(), found });
    }
    for (near, pair) in asked.near.iter().zip(first_pair..) {
        let mut found = seen.pair(pair, near);
        let met = !found.is_empty();
        if !met {
            // What there is of it is worth seeing.
            found = [&near.first, &near.second].into_iter().flat_map(|half| seen.literal(half)).collect();
        }
        let [first, second] = [&near.first, &near.second].map(written);
        let wanted = format!("{first} and {second} within {} bytes", near.within);
        checks.push(Check { key: "near", wanted, met, found });
    }
    if !asked.exception_types.is_empty() {
        let met = asked.exception_types.iter().any(|name| seen.is_of_type(name));
        let whole = || Found {
            text: String::from_utf8_lossy(record.exception.type_name).into_owned(),
            field: Field::ExceptionType,
            start: 0,
            end: record.exception.type_name.len(),
        };
        let found = if met { vec![whole()] } else { Vec::new() };
        let wanted = one_of(asked.exception_types.iter().cloned());
        checks.push(Check { key: "exception_types", wanted, met, found });
    }
    if !asked.none.is_empty() {
        let found: Vec<_> = asked.none.iter().flat_map(|literal| seen.literal(literal)).collect();
        let wanted = one_of(asked.none.iter().map(written));
        checks.push(Check { key: "none", wanted, met: found.is_empty(), found });
    }
    checks
}

/// What is asked of severity, service and attributes.
fn around(rule: &Rule, record: &LogRecord<'_>, resource: &Resource<'_>) -> Vec<Check> {
    let asked = rule.conditions();
    let plain = |key, wanted, met| Check { key, wanted, met, found: Vec::new() };
    let min = rule.min_severity();
    let passes = passes(min, record.severity(), record.has_exception());
    let mut checks = vec![plain("min_severity", format!("severity number {} or above", min.get()), passes)];
    if !asked.services.is_empty() {
        let wanted = one_of(asked.services.iter().map(|name| name.as_str().to_owned()));
        checks.push(plain("services", wanted, asked.is_of_service(resource)));
    }
    for attribute in &asked.attributes {
        let met = have_all(std::slice::from_ref(attribute), |visit| otlp::attributes(record, visit));
        checks.push(plain("attributes", attribute_written(attribute), met));
    }
    for attribute in &asked.resource_attributes {
        let met =
            have_all(std::slice::from_ref(attribute), |visit| otlp::resource_attributes(resource, visit));
        checks.push(plain("resource_attributes", attribute_written(attribute), met));
    }
    checks
}

fn written(literal: &Literal) -> String {
    if literal.word { format!("{:?} as a word", literal.text) } else { format!("{:?}", literal.text) }
}

fn attribute_written(attribute: &AttributeIs) -> String {
    format!("{} is {}", attribute.key, one_of(attribute.one_of.iter().map(|value| format!("{value:?}"))))
}

fn one_of(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<_> = texts.collect();
    match &texts[..] {
        [only] => only.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}
