//! A value of an attribute as text that people read.

use std::borrow::Cow;

use super::super::value::{AnyValue, Entries, elements};

/// How deep what nests is written. Deeper values are cut on the wire by default.
const DEPTH_MAX: usize = 64;

/// A string as it is, a number or truth as JSON has it, what nests as compact JSON of about `bytes_max` bytes at most.
pub(super) fn text(value: AnyValue<'_>, bytes_max: usize) -> Cow<'_, [u8]> {
    match value {
        AnyValue::String(text) | AnyValue::Bytes(text) => Cow::Borrowed(text),
        AnyValue::Empty => Cow::Borrowed(b""),
        other => {
            let mut json = Json { out: String::new(), bytes_max };
            json.value(other, 0);
            Cow::Owned(json.out.into_bytes())
        }
    }
}

struct Json {
    out: String,
    bytes_max: usize,
}

impl Json {
    fn value(&mut self, value: AnyValue<'_>, depth: usize) {
        match value {
            AnyValue::String(text) | AnyValue::Bytes(text) => self.string(text),
            AnyValue::Bool(truth) => self.out.push_str(if truth { "true" } else { "false" }),
            AnyValue::Int(number) => self.out.push_str(&number.to_string()),
            AnyValue::Double(number) => self.out.push_str(&number.to_string()),
            AnyValue::Array(list) if depth < DEPTH_MAX => {
                self.list('[', elements(list), ']', |json, element| json.value(element, depth + 1));
            }
            AnyValue::Map(list) if depth < DEPTH_MAX => {
                self.list('{', Entries::of_map(list), '}', |json, (key, value)| {
                    json.string(key);
                    json.out.push(':');
                    json.value(value, depth + 1);
                });
            }
            AnyValue::Empty | AnyValue::Array(_) | AnyValue::Map(_) => self.out.push_str("null"),
        }
    }

    fn list<T>(
        &mut self,
        open: char,
        items: impl Iterator<Item = T>,
        close: char,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.out.push(open);
        for (number, item) in items.enumerate() {
            if self.out.len() >= self.bytes_max {
                return;
            }
            if number > 0 {
                self.out.push(',');
            }
            write(self, item);
        }
        self.out.push(close);
    }

    fn string(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(&text[..text.len().min(self.bytes_max)]);
        self.out.push_str(&serde_json::to_string(&text).unwrap_or_default());
    }
}
