//! `AnyValue` and `KeyValue`, borrowed.

use super::Unreadable;
use super::tally::Tally;
use super::wire::{Fields, Malformed, Value, alone, first};

/// An `AnyValue`; of several values in one message the last one stands.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum AnyValue<'a> {
    /// Empty, or of a kind that logs don't have.
    #[default]
    Empty,
    String(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// The bytes of an `ArrayValue`.
    Array(&'a [u8]),
    /// The bytes of a `KeyValueList`.
    Map(&'a [u8]),
    Bytes(&'a [u8]),
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

    /// Reads one value and checks and counts all that it holds.
    #[inline]
    pub(super) fn parse(bytes: &'a [u8], tally: &mut Tally) -> Result<Self, Unreadable> {
        match text_alone(bytes) {
            Some(text) => Ok(Self::String(text)),
            None => parse(bytes, 0, tally),
        }
    }
}

/// The text of an `AnyValue` that is one and nothing else, as nearly all are.
#[inline]
fn text_alone(bytes: &[u8]) -> Option<&[u8]> {
    alone(bytes, 1)
}

/// Key and text of a `KeyValue` that holds these two in this order and nothing else, as nearly all do.
#[inline]
fn key_and_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (key, rest) = first(bytes, 1)?;
    Some((key, text_alone(alone(rest, 2)?)?))
}

fn parse<'a>(bytes: &'a [u8], depth: u16, tally: &mut Tally) -> Result<AnyValue<'a>, Unreadable> {
    let mut fields = Fields::new(bytes, "AnyValue");
    let mut found = AnyValue::Empty;
    while let Some((number, value)) = fields.next()? {
        found = take(found, number, value, &fields)?;
        match (number, found) {
            (5, AnyValue::Array(list)) => check_array(list, depth + 1, tally)?,
            (6, AnyValue::Map(list)) => check_map(list, depth + 1, tally)?,
            (8, _) => tally.walked.references_dropped += 1,
            _ => {}
        }
    }
    Ok(found)
}

/// Reads one value and nothing that nests in it.
fn shallow(bytes: &[u8]) -> Result<AnyValue<'_>, Malformed> {
    let mut fields = Fields::new(bytes, "AnyValue");
    let mut found = AnyValue::Empty;
    while let Some((number, value)) = fields.next()? {
        found = take(found, number, value, &fields)?;
    }
    Ok(found)
}

/// What a field makes of the value that was found before it.
#[inline]
fn take<'a>(
    found: AnyValue<'a>,
    number: u32,
    value: Value<'a>,
    fields: &Fields<'a>,
) -> Result<AnyValue<'a>, Malformed> {
    Ok(match number {
        1 => AnyValue::String(fields.bytes(value)?),
        2 => AnyValue::Bool(fields.number(value)? != 0),
        3 => AnyValue::Int(fields.number(value)?.cast_signed()),
        4 => AnyValue::Double(f64::from_bits(fields.fixed64(value)?)),
        5 => AnyValue::Array(fields.bytes(value)?),
        6 => AnyValue::Map(fields.bytes(value)?),
        7 => AnyValue::Bytes(fields.bytes(value)?),
        8 => fields.number(value).map(|_| AnyValue::Empty)?,
        _ => found,
    })
}

fn check_array(bytes: &[u8], depth: u16, tally: &mut Tally) -> Result<(), Unreadable> {
    if is_cut(depth, tally) {
        return Ok(());
    }
    let mut fields = Fields::new(bytes, "ArrayValue");
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            tally.attribute()?;
            parse(fields.bytes(value)?, depth, tally)?;
        }
    }
    Ok(())
}

fn check_map(bytes: &[u8], depth: u16, tally: &mut Tally) -> Result<(), Unreadable> {
    if is_cut(depth, tally) {
        return Ok(());
    }
    let mut fields = Fields::new(bytes, "KeyValueList");
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            key_value_at(fields.bytes(value)?, depth, tally)?;
        }
    }
    Ok(())
}

/// Whether a list at this depth is left unread. That bounds the stack that a hostile value can use.
fn is_cut(depth: u16, tally: &mut Tally) -> bool {
    let cut = depth > u16::from(tally.limits.depth_max);
    tally.walked.values_cut += u64::from(cut);
    cut
}

/// Reads one `KeyValue`, and checks and counts it with all that it holds.
#[inline]
pub(super) fn key_value<'a>(
    bytes: &'a [u8],
    tally: &mut Tally,
) -> Result<(&'a [u8], AnyValue<'a>), Unreadable> {
    key_value_at(bytes, 0, tally)
}

#[inline]
fn key_value_at<'a>(
    bytes: &'a [u8],
    depth: u16,
    tally: &mut Tally,
) -> Result<(&'a [u8], AnyValue<'a>), Unreadable> {
    tally.attribute()?;
    if let Some((key, text)) = key_and_text(bytes) {
        return Ok((key, AnyValue::String(text)));
    }
    any_key_value(bytes, depth, tally)
}

fn any_key_value<'a>(
    bytes: &'a [u8],
    depth: u16,
    tally: &mut Tally,
) -> Result<(&'a [u8], AnyValue<'a>), Unreadable> {
    let mut fields = Fields::new(bytes, "KeyValue");
    let (mut key, mut found): (&[u8], _) = (b"", AnyValue::Empty);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => key = fields.bytes(value)?,
            2 => found = parse(fields.bytes(value)?, depth, tally)?,
            3 => {
                fields.number(value)?;
                tally.walked.references_dropped += 1;
            }
            _ => {}
        }
    }
    Ok((key, found))
}

/// Entries of a map or of a record's attributes, read again after the walk has passed them. What the walk left unread since
/// it nests too deeply may be broken; it ends where it breaks.
#[derive(Debug, Clone)]
pub(super) struct Entries<'a> {
    fields: Fields<'a>,
    number: u32,
}

impl<'a> Entries<'a> {
    /// The entries of a `KeyValueList`.
    pub(super) fn of_map(list: &'a [u8]) -> Self {
        Self { fields: Fields::new(list, "KeyValueList"), number: 1 }
    }

    /// The attributes of a `LogRecord`.
    pub(super) fn of_record(record: &'a [u8]) -> Self {
        Self { fields: Fields::new(record, "LogRecord"), number: 6 }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], AnyValue<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = next_bytes(&mut self.fields, self.number)?;
        let mut fields = Fields::new(bytes, "KeyValue");
        let (mut key, mut found): (&[u8], _) = (b"", AnyValue::Empty);
        while let Ok(Some((number, value))) = fields.next() {
            match (number, fields.bytes(value)) {
                (1, Ok(bytes)) => key = bytes,
                (2, Ok(bytes)) => found = shallow(bytes).unwrap_or_default(),
                _ => {}
            }
        }
        Some((key, found))
    }
}

/// The body of a `LogRecord`, read again as [`Entries`] are.
pub(super) fn body(record: &[u8]) -> AnyValue<'_> {
    let mut fields = Fields::new(record, "LogRecord");
    let parts = std::iter::from_fn(|| next_bytes(&mut fields, 5)).filter_map(|bytes| shallow(bytes).ok());
    parts.filter(|part| *part != AnyValue::Empty).last().unwrap_or_default()
}

/// The elements of an `ArrayValue`, read again as [`Entries`] are.
pub(super) fn elements(list: &[u8]) -> impl Iterator<Item = AnyValue<'_>> {
    let mut fields = Fields::new(list, "ArrayValue");
    std::iter::from_fn(move || next_bytes(&mut fields, 1)).map(|bytes| shallow(bytes).unwrap_or_default())
}

fn next_bytes<'a>(fields: &mut Fields<'a>, wanted: u32) -> Option<&'a [u8]> {
    while let Ok(Some((number, value))) = fields.next() {
        if number == wanted {
            return fields.bytes(value).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Limits;
    use super::*;

    proptest! {
        /// The short way to a key and a text tells what the long one tells, of any bytes.
        #[test]
        fn the_short_way_and_the_long_one_agree(
            bytes in proptest::collection::vec(
                proptest::sample::select(&[0x0a_u8, 0x12, 0x18, 0x22, 0, 1, 2, 3, 4, 6, 0x80, 0x81][..]),
                0..24,
            ),
        ) {
            let (mut short, mut long) = (Tally::new(&Limits::default()), Tally::new(&Limits::default()));
            prop_assert_eq!(
                key_value(&bytes, &mut short).ok(),
                any_key_value(&bytes, 0, &mut long).ok()
            );
            prop_assert_eq!(AnyValue::parse(&bytes, &mut short).ok(), parse(&bytes, 0, &mut long).ok());
            long.walked.attributes += 1;
            prop_assert_eq!(short.walked, long.walked);
        }
    }
}
