//! What records tell under names that are not OpenTelemetry's: in a map, in JSON inside a string, in attributes.
//!
//! An application that logs JSON through a collector's file receiver tells its level, its message and its exception in the
//! body. Unfolding a record puts them where OpenTelemetry has a place for them, so that the classifier reads a message and not
//! names, and so that the same error is one cluster whichever way it came. What the record says in OpenTelemetry's own
//! names always stands.

mod attributes;
mod names;
mod object;
mod render;
mod told;

pub use self::attributes::{attributes, resource_attributes};
pub use self::object::Value;
use self::told::Told;
use super::value::Entries;
use crate::model::LogRecord;

/// A record with what its body and attributes tell. It borrows; only texts that were escaped are its own.
#[derive(Debug)]
pub struct Unfolded<'a> {
    record: LogRecord<'a>,
    /// Boxed: most records have none, and pass by here by the million.
    told: Option<Box<Told<'a>>>,
}

impl<'a> Unfolded<'a> {
    /// Reads what the record holds beside OpenTelemetry's names. For most records there is nothing to do.
    #[inline]
    #[must_use]
    pub fn new(record: &LogRecord<'a>) -> Self {
        let has_more =
            record.has_hints || !record.body_map.is_empty() || object::looks_like_json(record.body);
        Self { record: *record, told: if has_more { told(record) } else { None } }
    }

    /// The record as if it had been sent in OpenTelemetry's own names. Where nothing else is a message, the template is, or
    /// the event's name.
    #[inline]
    #[must_use]
    pub fn record(&self) -> LogRecord<'_> {
        let mut record = self.record;
        if let Some(told) = &self.told {
            told.complete(&mut record);
        }
        if record.body.is_empty() && !record.exception.is_present() {
            record.body = if record.template.is_empty() { record.event_name } else { record.template };
        }
        record
    }
}

fn told<'a>(record: &LogRecord<'a>) -> Option<Box<Told<'a>>> {
    let mut told = Told::of_body(record);
    if record.has_hints {
        let told = told.get_or_insert_default();
        for (key, value) in Entries::of_record(record.wire) {
            told.take_attribute(key, Value::of_wire(value));
        }
    }
    told.map(Box::new)
}

#[cfg(test)]
mod tests;
