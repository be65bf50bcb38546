//! What TOML holds, taken out with a fault for each thing that is not as it must be.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::catalogue::{CONDITION_LITERALS_MAX, FAULTS_MAX};
use super::super::error::{Fault, PlacedFault};
use super::place::Places;

/// A value with its place.
pub(super) type Item<'t> = Spanned<DeValue<'t>>;

/// Gathers faults while a file is read, so that all are told.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    pub(super) places: Places<'t>,
    pub(super) faults: Vec<PlacedFault>,
    /// How messages name the rule in hand.
    pub(super) rule: Option<String>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { places: Places::of(text), faults: Vec::new(), rule: None }
    }

    /// Notes a fault. Past the bound there is nothing that a person would read.
    pub(super) fn fault(&mut self, span: &Range<usize>, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            let place = self.places.at(span.start);
            self.faults.push(PlacedFault { place, rule: self.rule.clone(), fault });
        }
    }

    /// Every key of the table that is none of those.
    pub(super) fn only(&mut self, table: &DeTable<'_>, known: &[&'static str]) {
        for (key, _) in table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let given = key.get_ref().to_string();
            self.fault(&key.span(), Fault::UnknownKey { given, known: known.to_vec() });
        }
    }

    /// The value of a key that must be there.
    pub(super) fn needed<'i>(
        &mut self,
        table: &'i DeTable<'i>,
        span: &Range<usize>,
        key: &'static str,
    ) -> Option<&'i Item<'i>> {
        let found = table.get(key);
        if found.is_none() {
            self.fault(span, Fault::MissingKey(key));
        }
        found
    }

    pub(super) fn wrong(&mut self, item: &Item<'_>, key: &'static str, wanted: &'static str) {
        self.fault(&item.span(), Fault::Kind { key, given: kind(item.get_ref()), wanted });
    }

    pub(super) fn text<'i>(
        &mut self,
        key: &'static str,
        item: &'i Item<'_>,
        wanted: &'static str,
    ) -> Option<&'i str> {
        let found = item.get_ref().as_str();
        if found.is_none() {
            self.wrong(item, key, wanted);
        }
        found
    }

    pub(super) fn flag(&mut self, key: &'static str, item: &Item<'_>) -> Option<bool> {
        let found = item.get_ref().as_bool();
        if found.is_none() {
            self.wrong(item, key, "true or false");
        }
        found
    }

    pub(super) fn table<'i>(
        &mut self,
        key: &'static str,
        item: &'i Item<'i>,
        wanted: &'static str,
    ) -> Option<&'i DeTable<'i>> {
        let found = item.get_ref().as_table();
        if found.is_none() {
            self.wrong(item, key, wanted);
        }
        found
    }

    /// The entries of a list within its bound.
    pub(super) fn list<'i>(
        &mut self,
        key: &'static str,
        item: &'i Item<'i>,
        wanted: &'static str,
    ) -> Option<&'i [Item<'i>]> {
        let Some(list) = item.get_ref().as_array() else {
            self.wrong(item, key, wanted);
            return None;
        };
        if list.len() > CONDITION_LITERALS_MAX {
            self.fault(&item.span(), Fault::TooMany(key));
            return None;
        }
        Some(list)
    }
}

/// What a value is, in words.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
