//! OTLP/JSON, read into the same bytes that OTLP/protobuf has.
//!
//! In comes the JSON text of an `ExportLogsServiceRequest`, out go its wire bytes, written while the text is read: no tree
//! is built, and what is written is never longer than the text. All that follows (walk, digest, next hop) knows
//! protobuf only.
//!
//! OTLP/JSON is proto3's JSON with hexadecimal trace and span ids and enums as integers (OTLP specification 1.11,
//! "JSON Protobuf Encoding"). We are as lenient as loss allows: `snake_case` keys, enum names, numbers as strings and strings
//! as numbers, base64 of either alphabet with or without padding, `null` for anything. What we can't read without
//! guessing is refused.

mod message;
mod output;
mod scalar;
mod schema;
mod text;

use serde::de::{self, DeserializeSeed};
use serde_json::error::Category;

use super::tally::Tally;
use super::{Limits, Malformed, Unreadable};
use message::Members;
use output::Output;
use schema::Counted;

/// A request that came as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcoded {
    /// The same request as protobuf wire bytes; at most as many as the text had.
    ///
    /// Text that is no UTF-8 stands in it as it came.
    pub bytes: Vec<u8>,
    /// How many values were nested deeper than [`Limits::depth_max`] and are empty now.
    pub values_cut: u64,
    /// How many trace and span ids had a wrong length and are absent now.
    pub ids_dropped: u64,
}

/// Reads a request from JSON.
///
/// Unknown keys are passed over, whatever they hold. Of a key that stands twice the last one counts; lists are
/// joined, as protobuf does. `null` says nothing, and in a list it is an empty element.
///
/// # Errors
///
/// [`Malformed`] where the text is no JSON object, or holds a value that does not fit its field; it says where.
/// [`Unreadable::TooMany`] as soon as the request holds more than `limits` allow.
pub fn transcode(json: &[u8], limits: &Limits) -> Result<Transcoded, Unreadable> {
    let mut reader = Reader {
        // It never grows: what is written is no longer than the text that was read, at any moment.
        out: Output::with_capacity(json.len()),
        tally: Tally::new(limits),
        fault: None,
        field: None,
    };
    let mut json = serde_json::Deserializer::from_slice(json);
    // We nest by our own count, and what we don't know serde_json passes over without recursion.
    json.disable_recursion_limit();
    let root = Members { reader: &mut reader, of: &schema::REQUEST, depth: 0 };
    match root.deserialize(&mut json).and_then(|()| json.end()) {
        Ok(()) => Ok(Transcoded {
            bytes: reader.out.into_bytes(),
            values_cut: reader.tally.walked.values_cut,
            ids_dropped: reader.tally.walked.ids_dropped,
        }),
        Err(error) => Err(reader.refusal(&error)),
    }
}

/// What is written so far, and what there was of it.
struct Reader {
    out: Output,
    tally: Tally,
    /// Why we stopped, where it was not for the JSON itself.
    fault: Option<Fault>,
    /// The innermost field that could not be read.
    field: Option<&'static str>,
}

enum Fault {
    Misfit(&'static str),
    Limit(Unreadable),
}

impl Reader {
    /// Counts one element of a list against its limit.
    fn count<E: de::Error>(&mut self, counted: Counted) -> Result<(), E> {
        let within = match counted {
            Counted::Nothing => Ok(()),
            Counted::Envelope => self.tally.envelope(),
            Counted::Record => self.tally.record(),
            Counted::Attribute => self.tally.attribute(),
        };
        within.map_err(|limit| {
            let error = E::custom(&limit);
            self.fault = Some(Fault::Limit(limit));
            error
        })
    }

    /// The error of a value that is JSON and yet does not fit its field.
    fn misfit<E: de::Error>(&mut self, what: &'static str) -> E {
        self.fault = Some(Fault::Misfit(what));
        E::custom(what)
    }

    /// What the sender is told. `serde_json`'s own messages quote the text, so they stay here.
    fn refusal(&self, error: &serde_json::Error) -> Unreadable {
        let what = match (&self.fault, error.classify()) {
            (Some(Fault::Limit(limit)), _) => return limit.clone(),
            (Some(Fault::Misfit(what)), _) => what,
            (None, Category::Data) => "a value of a wrong type",
            (None, Category::Eof) => "JSON that ends too soon",
            (None, Category::Syntax | Category::Io) => "broken JSON",
        };
        let field = self.field.unwrap_or(schema::REQUEST.name);
        Malformed::new(what, field).at(error.line(), error.column()).into()
    }
}

#[cfg(test)]
mod tests;
