//! Strings: text, ids and bytes.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use serde::de::{Error, Visitor};

use super::Reader;
use super::schema::Kind;

/// Writes a string as a field: as it is, or what its hexadecimal digits or its base64 stand for.
pub(super) struct Text<'r> {
    pub(super) reader: &'r mut Reader,
    pub(super) number: u32,
    pub(super) kind: Kind,
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    /// A string without escapes. Bytes that are no UTF-8 pass: whoever keeps the text reads it lossily.
    fn visit_borrowed_bytes<E: Error>(self, string: &'de [u8]) -> Result<(), E> {
        let Self { reader, number, kind } = self;
        match kind {
            Kind::Hex(length) => match hex(string) {
                None => return Err(reader.misfit("text that is not hexadecimal")),
                Some(id) if string.len() == 2 * length => reader.out.text(number, &id),
                Some(_) => reader.tally.walked.ids_dropped += u64::from(!string.is_empty()),
            },
            Kind::Base64 => {
                let open = reader.out.open(number);
                if !base64(string, reader.out.bytes_mut()) {
                    return Err(reader.misfit("text that is not base64"));
                }
                reader.out.close(open);
            }
            _ => reader.out.text(number, string),
        }
        Ok(())
    }

    /// A string that had escapes: `\\ud800` alone has come as the three bytes that UTF-8 forbids.
    fn visit_bytes<E: Error>(self, string: &[u8]) -> Result<(), E> {
        if string.windows(2).any(|pair| pair[0] == 0xed && pair[1] >= 0xa0) {
            return Err(self.reader.misfit("half a surrogate pair"));
        }
        self.visit_borrowed_bytes(string)
    }
}

/// The bytes that hexadecimal digits stand for, two for each.
fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.iter().map(digit).collect::<Option<_>>()?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// Appends what a base64 text stands for: either alphabet, with or without padding.
fn base64(text: &[u8], out: &mut Vec<u8>) -> bool {
    let is_url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if is_url_safe { &URL_SAFE_PAD_INDIFFERENT } else { &STANDARD_PAD_INDIFFERENT };
    engine.decode_vec(text, out).is_ok()
}
