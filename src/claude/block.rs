//! One block of an answer that comes in pieces, put together so that it reads as the API would have sent it in one: the same
//! keys in the same order, and what did not come in pieces to the letter. It goes back to the model as it is.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// A JSON object by its keys in their order, each value as it was written.
#[derive(Debug)]
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a block, which is an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Fields {
    fn set(&mut self, key: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }
}

/// A piece of a block; each kind of piece has one field.
#[derive(Deserialize)]
struct Piece {
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    partial_json: Option<String>,
    citation: Option<Box<RawValue>>,
}

/// A block as far as it has come.
#[derive(Debug)]
pub(super) struct Assembled {
    begun: Fields,
    /// The block as it began, where nothing was added to it.
    verbatim: Box<RawValue>,
    text: String,
    thinking: String,
    signature: String,
    input: String,
    citations: Vec<Box<RawValue>>,
}

impl Assembled {
    /// The block of a `content_block_start`.
    pub(super) fn begin(block: &RawValue) -> Result<Self, serde_json::Error> {
        Ok(Self {
            begun: serde_json::from_str(block.get())?,
            verbatim: block.to_owned(),
            text: String::new(),
            thinking: String::new(),
            signature: String::new(),
            input: String::new(),
            citations: Vec::new(),
        })
    }

    /// Adds the piece of a `content_block_delta`; one of a kind that is not known is passed over.
    pub(super) fn add(&mut self, piece: &RawValue) -> Result<(), serde_json::Error> {
        let piece: Piece = serde_json::from_str(piece.get())?;
        for (held, more) in [
            (&mut self.text, piece.text),
            (&mut self.thinking, piece.thinking),
            (&mut self.signature, piece.signature),
            (&mut self.input, piece.partial_json),
        ] {
            held.push_str(&more.unwrap_or_default());
        }
        self.citations.extend(piece.citation);
        Ok(())
    }

    /// The whole block.
    ///
    /// # Errors
    ///
    /// Where the pieces of a tool's input are no JSON together.
    pub(super) fn finish(mut self) -> Result<Box<RawValue>, serde_json::Error> {
        let texts = [("text", &self.text), ("thinking", &self.thinking), ("signature", &self.signature)];
        let mut is_changed = false;
        for (key, text) in texts {
            if !text.is_empty() {
                self.begun.set(key, to_raw_value(text)?);
                is_changed = true;
            }
        }
        if !self.input.is_empty() {
            self.begun.set("input", RawValue::from_string(self.input)?);
            is_changed = true;
        }
        if !self.citations.is_empty() {
            self.begun.set("citations", to_raw_value(&self.citations)?);
            is_changed = true;
        }
        if is_changed { to_raw_value(&self.begun) } else { Ok(self.verbatim) }
    }
}
