//! The conditions of a rule, from its table.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::super::catalogue::{LITERAL_BYTES_MAX, LITERAL_BYTES_MIN, NEAR_BYTES_MAX};
use super::super::error::Fault;
use super::super::rule::{AttributeIs, Conditions, Literal, Near, ServiceName};
use super::keys::{LITERAL_KEYS, NEAR_KEYS};
use super::reader::{Item, Reader};

const WANTED_LITERALS: &str = "a list of texts, such as [\"no route to host\"]";
const WANTED_LITERAL: &str = "a text, or { text = \"429\", word = true }";
const WANTED_NEAR: &str = "{ first = \"disk\", second = \"full\", within = 40 }";
const WANTED_ATTRIBUTES: &str =
    "a table of names and values, such as { \"db.system.name\" = \"postgresql\" }";
const WANTED_VALUE: &str =
    "a text, a number, true or false, or a list of those, under the attribute's whole name in quotes";

impl Reader<'_> {
    /// Reads all conditions of a rule, and whether they make sense together.
    pub(super) fn conditions(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Conditions {
        let before = self.faults.len();
        let conditions = Conditions {
            any: self.literals(table, "any"),
            all: self.literals(table, "all"),
            none: self.literals(table, "none"),
            near: self.entries(table, "near", WANTED_NEAR, Self::near),
            exception_types: self.entries(table, "exception_types", WANTED_LITERALS, Self::exception_type),
            attributes: self.attributes(table, "attributes"),
            resource_attributes: self.attributes(table, "resource_attributes"),
            services: self.entries(table, "services", WANTED_LITERALS, Self::service),
        };
        if self.faults.len() == before {
            self.check_sense(&conditions, table, span);
        }
        conditions
    }

    /// What one function makes of each entry of a list.
    pub(super) fn entries<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &'static str,
        wanted: &'static str,
        mut read: impl FnMut(&mut Self, &'static str, &Item<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(item) = table.get(key) else { return Vec::new() };
        let Some(list) = self.list(key, item, wanted) else { return Vec::new() };
        list.iter().filter_map(|item| read(self, key, item)).collect()
    }

    fn literals(&mut self, table: &DeTable<'_>, key: &'static str) -> Vec<Literal> {
        self.entries(table, key, WANTED_LITERALS, Self::literal)
    }

    fn literal(&mut self, key: &'static str, item: &Item<'_>) -> Option<Literal> {
        let (text, word) = match item.get_ref() {
            DeValue::String(text) => (text.as_ref(), false),
            DeValue::Table(literal) => {
                self.only(literal, &LITERAL_KEYS);
                let text = self.needed(literal, &item.span(), "text")?;
                let word = literal.get("word").map_or(Some(false), |item| self.flag("word", item))?;
                (self.text("text", text, "a text")?, word)
            }
            _ => {
                self.wrong(item, key, WANTED_LITERAL);
                return None;
            }
        };
        self.checked_text(key, item, text)?;
        if text.len() < LITERAL_BYTES_MIN && !word {
            self.fault(&item.span(), Fault::ShortLiteral { key, text: text.to_owned() });
            return None;
        }
        Some(Literal { text: text.to_owned(), word })
    }

    fn near(&mut self, key: &'static str, item: &Item<'_>) -> Option<Near> {
        let table = self.table(key, item, WANTED_NEAR)?;
        self.only(table, &NEAR_KEYS);
        let [first, second] = ["first", "second"].map(|half| {
            let item = self.needed(table, &item.span(), half)?;
            self.literal(half, item)
        });
        let within = self.needed(table, &item.span(), "within")?;
        let within = self.within(within)?;
        let near = Near { first: first?, second: second?, within };
        let [one, other] = [&near.first, &near.second].map(|literal| literal.text.to_ascii_lowercase());
        if one.contains(&other) || other.contains(&one) {
            self.fault(&item.span(), Fault::NearItself);
            return None;
        }
        Some(near)
    }

    fn within(&mut self, item: &Item<'_>) -> Option<usize> {
        let number = item
            .get_ref()
            .as_integer()
            .and_then(|number| usize::from_str_radix(number.as_str(), number.radix()).ok());
        let found = number.filter(|bytes| *bytes <= NEAR_BYTES_MAX);
        if found.is_none() {
            self.fault(&item.span(), Fault::Within);
        }
        found
    }

    fn exception_type(&mut self, key: &'static str, item: &Item<'_>) -> Option<String> {
        let text = self.text(key, item, "the name of a type in quotes")?;
        self.checked_text(key, item, text)?;
        Some(text.to_owned())
    }

    fn service(&mut self, key: &'static str, item: &Item<'_>) -> Option<ServiceName> {
        let text = self.text(key, item, "the name of a service in quotes")?;
        self.checked_text(key, item, text)?;
        if text.strip_suffix('*').unwrap_or(text).contains('*') {
            self.fault(&item.span(), Fault::Star(text.to_owned()));
            return None;
        }
        Some(ServiceName(text.to_owned()))
    }

    fn attributes(&mut self, table: &DeTable<'_>, key: &'static str) -> Vec<AttributeIs> {
        let Some(item) = table.get(key) else { return Vec::new() };
        let Some(entries) = self.table(key, item, WANTED_ATTRIBUTES) else { return Vec::new() };
        let mut attributes = Vec::with_capacity(entries.len());
        for (name, item) in entries {
            let values = match item.get_ref() {
                DeValue::Array(list) if !list.is_empty() => &list[..],
                _ => std::slice::from_ref(item),
            };
            let one_of: Vec<_> = values.iter().filter_map(|item| self.value(key, item)).collect();
            attributes.push(AttributeIs { key: name.get_ref().to_string(), one_of });
        }
        attributes
    }

    /// A value as a text: as an attribute of that value is told.
    pub(super) fn value(&mut self, key: &'static str, item: &Item<'_>) -> Option<String> {
        let text = match item.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().replace('_', ""),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(flag) => flag.to_string(),
            _ => {
                self.wrong(item, key, WANTED_VALUE);
                return None;
            }
        };
        if text.len() > LITERAL_BYTES_MAX {
            self.fault(&item.span(), Fault::LongText { key, bytes: text.len() });
            return None;
        }
        Some(text)
    }

    fn checked_text(&mut self, key: &'static str, item: &Item<'_>, text: &str) -> Option<()> {
        let fault = if text.trim().is_empty() {
            Fault::EmptyText(key)
        } else if text.len() > LITERAL_BYTES_MAX {
            Fault::LongText { key, bytes: text.len() }
        } else {
            return Some(());
        };
        self.fault(&item.span(), fault);
        None
    }

    /// A rule must be able to hold, and not for every record.
    fn check_sense(&mut self, conditions: &Conditions, table: &DeTable<'_>, span: &Range<usize>) {
        let Conditions { any, all, none, exception_types, near, .. } = conditions;
        if any.is_empty() && all.is_empty() && exception_types.is_empty() && near.is_empty() {
            self.fault(span, Fault::NoCondition);
        }
        let halves = near.iter().flat_map(|near| [&near.first, &near.second]);
        let asked: Vec<_> = all.iter().chain(halves).chain(any).collect();
        let of_none = table.get("none").and_then(|item| item.get_ref().as_array());
        for (literal, item) in none.iter().zip(of_none.into_iter().flat_map(|list| list.iter())) {
            if asked.iter().any(|asked| asked.equals(literal)) {
                self.fault(&item.span(), Fault::Contradiction(literal.text.clone()));
            }
        }
    }
}
