//! The lines that a rule must and must not hold for.

use toml::de::{DeTable, DeValue};

use super::super::catalogue::LINE_BYTES_MAX;
use super::super::error::Fault;
use super::super::line::Line;
use super::keys::{LINE_KEYS, SEVERITIES};
use super::place::Place;
use super::reader::{Item, Reader};
use crate::model::SeverityNumber;

const WANTED_LINE: &str = "a text, or { body = \"…\", exception_type = \"KeyError\", service = \"shop\" }";

/// The lines of one rule, each with its place.
#[derive(Debug, Default)]
pub(in crate::classify) struct Lines {
    pub(in crate::classify) must: Vec<(Place, Line)>,
    pub(in crate::classify) must_not: Vec<(Place, Line)>,
}

impl Reader<'_> {
    pub(super) fn lines(&mut self, table: &DeTable<'_>) -> Lines {
        Lines {
            must: self.entries(table, "must", WANTED_LINE, Self::line),
            must_not: self.entries(table, "must_not", WANTED_LINE, Self::line),
        }
    }

    fn line(&mut self, key: &'static str, item: &Item<'_>) -> Option<(Place, Line)> {
        let line = match item.get_ref() {
            DeValue::String(body) => Line { body: body.to_string(), ..Line::default() },
            DeValue::Table(table) => self.line_table(table)?,
            _ => {
                self.wrong(item, key, WANTED_LINE);
                return None;
            }
        };
        let bytes = line.body.len() + line.exception_type.len() + line.exception_message.len();
        if bytes == 0 {
            self.fault(&item.span(), Fault::EmptyText(key));
            return None;
        }
        if bytes > LINE_BYTES_MAX {
            self.fault(&item.span(), Fault::LongLine { key, bytes });
            return None;
        }
        Some((self.places.at(item.span().start), line))
    }

    fn line_table(&mut self, table: &DeTable<'_>) -> Option<Line> {
        self.only(table, &LINE_KEYS);
        let [body, exception_type, exception_message, service] =
            ["body", "exception_type", "exception_message", "service"].map(|key| {
                let item = table.get(key)?;
                self.text(key, item, "a text").map(str::to_owned)
            });
        let severity_number = match table.get("severity") {
            Some(item) => self.severity_number("severity", item)?,
            None => SeverityNumber::UNSPECIFIED,
        };
        Some(Line {
            body: body.unwrap_or_default(),
            exception_type: exception_type.unwrap_or_default(),
            exception_message: exception_message.unwrap_or_default(),
            service: service.unwrap_or_default(),
            severity_number,
            attributes: self.pairs(table, "attributes"),
            resource_attributes: self.pairs(table, "resource_attributes"),
        })
    }

    fn pairs(&mut self, table: &DeTable<'_>, key: &'static str) -> Vec<(String, String)> {
        let Some(item) = table.get(key) else { return Vec::new() };
        let Some(entries) = self.table(key, item, "a table of names and values") else { return Vec::new() };
        let mut pairs = Vec::with_capacity(entries.len());
        for (name, item) in entries {
            pairs.extend(self.value(key, item).map(|value| (name.get_ref().to_string(), value)));
        }
        pairs
    }

    /// A severity by its name.
    pub(super) fn severity_number(&mut self, key: &'static str, item: &Item<'_>) -> Option<SeverityNumber> {
        let name = self.text(key, item, "the name of a severity in quotes")?;
        let found = SEVERITIES.iter().find(|(known, _)| *known == name);
        if found.is_none() {
            let allowed = SEVERITIES.map(|(name, _)| name).join(", ");
            self.fault(&item.span(), Fault::Name { key, given: name.to_owned(), allowed });
        }
        found.map(|(_, number)| SeverityNumber::from_wire(*number))
    }
}
