//! `AnyValue` and `KeyValue`, borrowed.

use super::wire::{Fields, Malformed};

/// How deep values may nest before the rest is taken as opaque: OpenTelemetry's proposed
/// `AttributeValueDepthLimit`. It bounds the stack that a hostile value can use.
const DEPTH_MAX: u8 = 64;

/// An `AnyValue`; of several values in one message the last one stands.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum AnyValue<'a> {
    /// Empty, or of a kind that nothing here reads.
    #[default]
    Other,
    String(&'a [u8]),
    Int(u64),
    /// The bytes of a `KeyValueList`, its framing checked.
    Map(&'a [u8]),
}

impl<'a> AnyValue<'a> {
    /// The text, where it is one; else empty.
    #[inline]
    pub(super) fn text(self) -> &'a [u8] {
        match self {
            Self::String(text) => text,
            _ => b"",
        }
    }

    /// Reads one value and checks the framing of all that it holds.
    #[inline]
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        parse(bytes, 0)
    }
}

#[inline]
fn parse(bytes: &[u8], depth: u8) -> Result<AnyValue<'_>, Malformed> {
    let mut fields = Fields::new(bytes, "AnyValue");
    let mut found = AnyValue::Other;
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => found = AnyValue::String(fields.bytes(value)?),
            3 => found = AnyValue::Int(fields.number(value)?),
            2 | 8 => {
                fields.number(value)?;
                found = AnyValue::Other;
            }
            4 => {
                fields.fixed64(value)?;
                found = AnyValue::Other;
            }
            5 => {
                check_array(fields.bytes(value)?, depth + 1)?;
                found = AnyValue::Other;
            }
            6 => {
                let list = fields.bytes(value)?;
                check_map(list, depth + 1)?;
                found = AnyValue::Map(list);
            }
            7 => {
                fields.bytes(value)?;
                found = AnyValue::Other;
            }
            _ => {}
        }
    }
    Ok(found)
}

fn check_array(bytes: &[u8], depth: u8) -> Result<(), Malformed> {
    if depth > DEPTH_MAX {
        return Ok(());
    }
    let mut fields = Fields::new(bytes, "ArrayValue");
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            parse(fields.bytes(value)?, depth)?;
        }
    }
    Ok(())
}

fn check_map(bytes: &[u8], depth: u8) -> Result<(), Malformed> {
    if depth > DEPTH_MAX {
        return Ok(());
    }
    let mut fields = Fields::new(bytes, "KeyValueList");
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            key_value_at(fields.bytes(value)?, depth)?;
        }
    }
    Ok(())
}

/// Reads one `KeyValue` and checks the framing of all that it holds.
#[inline]
pub(super) fn key_value(bytes: &[u8]) -> Result<(&[u8], AnyValue<'_>), Malformed> {
    key_value_at(bytes, 0)
}

#[inline]
fn key_value_at(bytes: &[u8], depth: u8) -> Result<(&[u8], AnyValue<'_>), Malformed> {
    let mut fields = Fields::new(bytes, "KeyValue");
    let (mut key, mut found): (&[u8], _) = (b"", AnyValue::Other);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => key = fields.bytes(value)?,
            2 => found = parse(fields.bytes(value)?, depth)?,
            3 => {
                fields.number(value)?;
            }
            _ => {}
        }
    }
    Ok((key, found))
}

/// The first text under one of `keys` in a map whose framing was checked; empty where there is none.
pub(super) fn text_in_map<'a>(map: &'a [u8], keys: &[&[u8]]) -> &'a [u8] {
    let mut fields = Fields::new(map, "KeyValueList");
    let mut best: Option<(usize, &[u8])> = None;
    while let Ok(Some((number, value))) = fields.next() {
        let entry = if number == 1 { fields.bytes(value).and_then(key_value) } else { continue };
        let Ok((key, found)) = entry else { continue };
        let rank = keys.iter().position(|wanted| *wanted == key);
        if let Some(rank) = rank
            && !found.text().is_empty()
            && best.is_none_or(|(best_rank, _)| rank < best_rank)
        {
            best = Some((rank, found.text()));
        }
    }
    best.map_or(b"", |(_, text)| text)
}
