//! The way through the JSON text, one `serde` seed for each thing that can stand there.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Reader;
use super::schema::{Counted, Field, Kind, Message};
use super::text::Text;

/// Reads the members of an object into the fields of a message.
pub(super) struct Members<'r> {
    pub(super) reader: &'r mut Reader,
    pub(super) of: &'static Message,
    /// How many lists and maps stand around it.
    pub(super) depth: u8,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { reader, of, depth } = self;
        // Where the last field stands that a later one takes the place of. No message has two such fields.
        let mut replaced = None;
        while let Some(key) = members.next_key_seed(Key(of))? {
            let Some(field) = key else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            let start = reader.out.position();
            let value = Value { reader, number: field.number, kind: field.kind, depth };
            if let Err(error) = members.next_value_seed(value) {
                reader.field.get_or_insert(field.name);
                return Err(error);
            }
            let is_single = of.is_oneof || matches!(field.kind, Kind::One(_));
            let written = start..reader.out.position();
            if is_single && !written.is_empty() {
                let length = written.len();
                if let Some(earlier) = replaced.replace(written) {
                    reader.out.remove(earlier);
                    let end = reader.out.position();
                    replaced = Some(end - length..end);
                }
            }
        }
        Ok(())
    }
}

/// Looks a key up among the fields of a message.
struct Key(&'static Message);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.field(key))
    }
}

/// Reads one value and writes it as a field; `null` writes nothing.
struct Value<'r> {
    reader: &'r mut Reader,
    number: u32,
    kind: Kind,
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let Self { reader, number, kind, depth } = self;
        match kind {
            Kind::Text | Kind::Base64 | Kind::Hex(_) => json.deserialize_bytes(Text { reader, number, kind }),
            Kind::Scalar(scalar) => {
                let wire = scalar.read(<&RawValue>::deserialize(json)?.get());
                let wire = wire.ok_or_else(|| reader.misfit("a value that does not fit"))?;
                reader.out.scalar(number, wire);
                Ok(())
            }
            Kind::One(of) => submessage(reader, number, of, depth, json),
            Kind::Deeper(_) if depth >= reader.tally.limits.depth_max => {
                reader.tally.walked.values_cut += 1;
                IgnoredAny::deserialize(json).map(drop)
            }
            Kind::Deeper(of) => submessage(reader, number, of, depth + 1, json),
            Kind::Texts => {
                let counted = Counted::Nothing;
                json.deserialize_seq(Elements { reader, number, kind: Kind::Text, counted, depth })
            }
            Kind::Many(of, counted) => {
                json.deserialize_seq(Elements { reader, number, kind: Kind::One(of), counted, depth })
            }
        }
    }
}

fn submessage<'de, D: Deserializer<'de>>(
    reader: &mut Reader,
    number: u32,
    of: &'static Message,
    depth: u8,
    json: D,
) -> Result<(), D::Error> {
    let open = reader.out.open(number);
    Members { reader, of, depth }.deserialize(json)?;
    reader.out.close(open);
    Ok(())
}

/// Reads the elements of an array, each into a field of its own.
struct Elements<'r> {
    reader: &'r mut Reader,
    number: u32,
    kind: Kind,
    counted: Counted,
    depth: u8,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { reader, number, kind, counted, depth } = self;
        loop {
            let start = reader.out.position();
            if elements.next_element_seed(Value { reader, number, kind, depth })?.is_none() {
                return Ok(());
            }
            let is_null = reader.out.position() == start;
            if is_null {
                reader.out.text(number, b"");
            }
            reader.count(counted)?;
        }
    }
}
