//! A request with records left out or annotated, cut from its bytes.
//!
//! Nothing is decoded and encoded again: what is not touched, unknown fields included, stands in the new request byte
//! for byte as its sender wrote it. Only the lengths of the messages around a change are written anew. Attributes are a
//! repeated field, so a record gains some by having them appended (Protocol Buffers documentation, "Encoding").

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use super::Malformed;
use super::wire::{Field, Fields};

/// The fields that lead from a request to its records: `resource_logs`, `scope_logs`, `log_records`.
const RESOURCE_LOGS: u32 = 1;
const SCOPE_LOGS: u32 = 2;
const LOG_RECORDS: u32 = 2;
/// `LogRecord.attributes`
const ATTRIBUTES: u32 = 6;

/// What becomes of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It goes on as it is.
    Keep,
    /// It is left out.
    Drop,
    /// It goes on with these attributes at its end; those of the same names that it came with are left out.
    Annotate(Attributes),
}

/// Text attributes of a record, encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    names: Vec<&'static str>,
    encoded: Vec<u8>,
}

impl Attributes {
    /// Adds one.
    #[must_use]
    pub fn with(mut self, name: &'static str, text: &str) -> Self {
        let value_len = text_len(text.len());
        let attribute_len = text_len(name.len()) + text_len(value_len);
        head(ATTRIBUTES, attribute_len, &mut self.encoded);
        head(1, name.len(), &mut self.encoded);
        self.encoded.extend_from_slice(name.as_bytes());
        head(2, value_len, &mut self.encoded);
        head(1, text.len(), &mut self.encoded);
        self.encoded.extend_from_slice(text.as_bytes());
        self.names.push(name);
        self
    }

    fn has(&self, key: &[u8]) -> bool {
        self.names.iter().any(|name| name.as_bytes() == key)
    }
}

/// A request that was spliced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spliced {
    /// The new request; where nothing changed, the very bytes of the old one.
    pub request: Bytes,
    /// How many records it holds.
    pub records: u64,
}

/// Writes `request` anew with each record's fate, asked for in the order of the walk.
///
/// Scopes and resources that are left without a record are left out with it.
///
/// # Errors
///
/// [`Malformed`] where the framing around the records is broken; a request that was walked is not.
pub fn splice(request: &Bytes, fate: impl FnMut(u64) -> Fate) -> Result<Spliced, Malformed> {
    let mut cut = Cut { fate, seen: 0, kept: 0 };
    let message = cut.request(request)?;
    let request = match message {
        None => Bytes::new(),
        Some(message) if !message.changed => request.clone(),
        Some(message) => message.into_bytes(),
    };
    Ok(Spliced { request, records: cut.kept })
}

/// Parts a request that holds `records` records, two at least, in two: the first half of them and the others.
///
/// # Errors
///
/// As [`splice`].
pub fn halves(request: &Bytes, records: u64) -> Result<[Spliced; 2], Malformed> {
    let half = records / 2;
    let only = |wanted: bool| move |index| if wanted == (index < half) { Fate::Keep } else { Fate::Drop };
    Ok([splice(request, only(true))?, splice(request, only(false))?])
}

/// The walk, with the fates and the counts of what it passed.
struct Cut<F> {
    fate: F,
    seen: u64,
    kept: u64,
}

impl<F: FnMut(u64) -> Fate> Cut<F> {
    fn request<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Message<'a>>, Malformed> {
        self.envelope(bytes, "ExportLogsServiceRequest", RESOURCE_LOGS, Self::resource_logs)
    }

    fn resource_logs<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Message<'a>>, Malformed> {
        self.envelope(bytes, "ResourceLogs", SCOPE_LOGS, Self::scope_logs)
    }

    fn scope_logs<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Message<'a>>, Malformed> {
        self.envelope(bytes, "ScopeLogs", LOG_RECORDS, Self::record)
    }

    /// One message that holds others in its field `number`; `None` where it lost the last of them.
    fn envelope<'a>(
        &mut self,
        bytes: &'a [u8],
        name: &'static str,
        number: u32,
        inner: fn(&mut Self, &'a [u8]) -> Result<Option<Message<'a>>, Malformed>,
    ) -> Result<Option<Message<'a>>, Malformed> {
        let kept_before = self.kept;
        let mut fields = Fields::new(bytes, name);
        let mut message = Message::over(bytes);
        while let Some(Field { number: field, value, raw }) = fields.next_raw()? {
            if field != number {
                message.keep(raw);
                continue;
            }
            match inner(self, fields.bytes(value)?)? {
                Some(held) if !held.changed => message.keep(raw),
                Some(held) => message.replace(raw, number, held),
                None => message.leave_out(raw),
            }
        }
        let left_empty = message.changed && self.kept == kept_before;
        Ok(Some(message).filter(|_| !left_empty))
    }

    fn record<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Message<'a>>, Malformed> {
        let fate = (self.fate)(self.seen);
        self.seen += 1;
        if fate == Fate::Drop {
            return Ok(None);
        }
        self.kept += 1;
        match fate {
            Fate::Annotate(attributes) => annotated(bytes, attributes).map(Some),
            _ => Ok(Some(Message::over(bytes))),
        }
    }
}

/// The record without the attributes of those names, then the attributes.
fn annotated(bytes: &[u8], attributes: Attributes) -> Result<Message<'_>, Malformed> {
    let mut fields = Fields::new(bytes, "LogRecord");
    let mut message = Message::over(bytes);
    while let Some(Field { number, value, raw }) = fields.next_raw()? {
        if number == ATTRIBUTES && attributes.has(key(fields.bytes(value)?)?) {
            message.leave_out(raw);
        } else {
            message.keep(raw);
        }
    }
    message.append(attributes.encoded);
    Ok(message)
}

/// The key of a `KeyValue`.
fn key(attribute: &[u8]) -> Result<&[u8], Malformed> {
    let mut fields = Fields::new(attribute, "KeyValue");
    let mut key: &[u8] = b"";
    while let Some((field, value)) = fields.next()? {
        if field == 1 {
            key = fields.bytes(value)?;
        }
    }
    Ok(key)
}

/// A message as it will be written: stretches of the old bytes, and what stands between them.
struct Message<'a> {
    source: &'a [u8],
    /// How far the walk is in the source.
    at: usize,
    /// The stretch that is being kept.
    stretch: Range<usize>,
    pieces: Vec<Piece<'a>>,
    /// The bytes of all pieces, the open stretch included.
    len: usize,
    /// Whether it differs from its source.
    changed: bool,
}

enum Piece<'a> {
    Old(&'a [u8]),
    New(Vec<u8>),
    Held { number: u32, message: Message<'a> },
}

impl<'a> Message<'a> {
    /// Nothing of `source` so far.
    fn over(source: &'a [u8]) -> Self {
        Self { source, at: 0, stretch: 0..0, pieces: Vec::new(), len: 0, changed: false }
    }

    /// Passes the next field and keeps it.
    fn keep(&mut self, raw: &[u8]) {
        if self.stretch.end != self.at {
            self.close_stretch();
            self.stretch = self.at..self.at;
        }
        self.at += raw.len();
        self.stretch.end = self.at;
        self.len += raw.len();
    }

    /// Passes the next field and leaves it out.
    fn leave_out(&mut self, raw: &[u8]) {
        self.changed = true;
        self.at += raw.len();
    }

    /// Passes the next field and puts a message in its place.
    fn replace(&mut self, raw: &[u8], number: u32, message: Message<'a>) {
        self.leave_out(raw);
        self.close_stretch();
        self.len += key_len(number) + encoded_len_varint(message.len as u64) + message.len;
        self.pieces.push(Piece::Held { number, message });
    }

    fn append(&mut self, bytes: Vec<u8>) {
        self.close_stretch();
        self.changed = true;
        self.len += bytes.len();
        self.pieces.push(Piece::New(bytes));
    }

    fn close_stretch(&mut self) {
        if !self.stretch.is_empty() {
            self.pieces.push(Piece::Old(&self.source[self.stretch.clone()]));
        }
        self.stretch = self.at..self.at;
    }

    fn into_bytes(self) -> Bytes {
        let mut written = BytesMut::with_capacity(self.len);
        self.write(&mut written);
        written.freeze()
    }

    fn write(mut self, into: &mut BytesMut) {
        self.close_stretch();
        for piece in self.pieces {
            match piece {
                Piece::Old(bytes) => into.extend_from_slice(bytes),
                Piece::New(bytes) => into.extend_from_slice(&bytes),
                Piece::Held { number, message } => {
                    head(number, message.len, into);
                    message.write(into);
                }
            }
        }
    }
}

/// Tag and length of a length-delimited field.
fn head(number: u32, len: usize, into: &mut impl bytes::BufMut) {
    encode_key(number, WireType::LengthDelimited, into);
    encode_varint(len as u64, into);
}

/// The bytes of a field whose number is below 16 and whose content has that length.
fn text_len(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

#[cfg(test)]
mod tests;
