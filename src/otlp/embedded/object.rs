//! A map on the wire and a JSON object in a text, read alike: as names with values.
//!
//! Nothing is built of either. A name's value is decoded when it is asked for, and what was not escaped is borrowed.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::value::{AnyValue, Entries};
use super::render;

/// A text as it came: UTF-8, if its sender keeps to it.
pub(super) type Text<'a> = Cow<'a, [u8]>;

/// How long a text may be that is read as JSON, in bytes. A line of a logger is a hundredth of it; a longer one stays a text.
const JSON_BYTES_MAX: usize = 64 * 1024;

/// Names with values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Object<'a> {
    /// The bytes of a `KeyValueList`.
    Map(&'a [u8]),
    /// A text that is a JSON object, or looks like one.
    Json(&'a str),
}

/// One value of an attribute, a map or a JSON object.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a>(Source<'a>);

#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Wire(AnyValue<'a>),
    /// One value of JSON, without white space around it.
    Json(&'a str),
}

/// Whether a text begins and ends like a JSON object and is short enough to be read as one.
pub(super) fn looks_like_json(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    text.len() <= JSON_BYTES_MAX && text.starts_with(b"{") && text.ends_with(b"}")
}

impl<'a> Object<'a> {
    /// Shows all names with their values, in their order. False where the text is no JSON object after all; some may have
    /// been shown by then.
    ///
    /// The time is linear in the text and the stack bounded, however deep it nests: values are passed over, not built.
    pub(super) fn each(self, mut visit: impl FnMut(&[u8], Value<'a>)) -> bool {
        match self {
            Self::Map(list) => {
                Entries::of_map(list).for_each(|(key, value)| visit(key, Value(Source::Wire(value))));
                true
            }
            Self::Json(text) => {
                let mut json = serde_json::Deserializer::from_str(text);
                json.deserialize_map(Each(visit)).and_then(|()| json.end()).is_ok()
            }
        }
    }
}

impl<'a> Value<'a> {
    pub(super) fn of_wire(value: AnyValue<'a>) -> Self {
        Self(Source::Wire(value))
    }

    /// The text, where it is one.
    pub(super) fn text(self) -> Option<Text<'a>> {
        match self.0 {
            Source::Wire(AnyValue::String(text) | AnyValue::Bytes(text)) => Some(Cow::Borrowed(text)),
            Source::Json(raw) if raw.starts_with('"') => Some(unescaped(raw)),
            _ => None,
        }
    }

    /// The number, where it is one, or a text that begins with a digit and is one.
    pub(super) fn number(self) -> Option<f64> {
        let of_text =
            |text: &str| text.starts_with(|c: char| c.is_ascii_digit()).then(|| text.parse().ok())?;
        match self.0 {
            #[expect(clippy::cast_precision_loss, reason = "levels are small")]
            Source::Wire(AnyValue::Int(number)) => Some(number as f64),
            Source::Wire(AnyValue::Double(number)) => Some(number),
            Source::Wire(AnyValue::String(text)) => of_text(std::str::from_utf8(text).ok()?),
            Source::Json(raw) => of_text(raw.trim_matches('"')),
            Source::Wire(_) => None,
        }
    }

    /// The names within, where it has some.
    pub(super) fn object(self) -> Option<Object<'a>> {
        match self.0 {
            Source::Wire(AnyValue::Map(list)) => Some(Object::Map(list)),
            Source::Json(raw) if raw.starts_with('{') => Some(Object::Json(raw)),
            _ => None,
        }
    }

    /// The value as a text: a string as it is, what nests as compact JSON. About as long as `bytes_max` where it is longer.
    #[must_use]
    pub fn to_text(self, bytes_max: usize) -> Cow<'a, [u8]> {
        match self.0 {
            Source::Wire(value) => render::text(value, bytes_max),
            Source::Json(raw) if raw.starts_with('"') => unescaped(raw),
            Source::Json(raw) => Cow::Borrowed(raw.as_bytes()),
        }
    }
}

/// A JSON string without its quotes and escapes; one that escapes no character that exists stays as it is.
fn unescaped(raw: &str) -> Text<'_> {
    match serde_json::from_str::<BorrowedText<'_>>(raw) {
        Ok(BorrowedText(Cow::Borrowed(text))) => Cow::Borrowed(text.as_bytes()),
        Ok(BorrowedText(Cow::Owned(text))) => Cow::Owned(text.into_bytes()),
        Err(_) => Cow::Borrowed(raw.trim_matches('"').as_bytes()),
    }
}

struct Each<F>(F);

impl<'de, F: FnMut(&[u8], Value<'de>)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((BorrowedText(name), value)) = map.next_entry::<BorrowedText<'de>, &'de RawValue>()? {
            (self.0)(name.as_bytes(), Value(Source::Json(value.get())));
        }
        Ok(())
    }
}

/// A string that is borrowed where nothing in it is escaped.
struct BorrowedText<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for BorrowedText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;
        impl<'de> Visitor<'de> for AsText {
            type Value = BorrowedText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(BorrowedText(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(BorrowedText(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(AsText)
    }
}
