//! Protocol Buffers framing: tags, varints and lengths.
//!
//! Source: Protocol Buffers documentation, "Encoding". OTLP has no groups (wire types 3 and 4), yet a later field could
//! be one: they are passed over as whole values.

pub(super) use super::malformed::Malformed;

/// How deep groups may nest: the recursion limit of prost and of the other Protocol Buffers libraries.
const GROUPS_MAX: usize = 100;

/// The value of one field as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
    /// A group, read to its end; no field that we know is one.
    Group,
}

/// One field, with its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    pub(super) value: Value<'a>,
    /// Tag and length included.
    pub(super) raw: &'a [u8],
}

/// Walks the fields of one message, in the order in which they stand.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    /// The message's name, for errors.
    message: &'static str,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], message: &'static str) -> Self {
        Self { rest: bytes, message }
    }

    /// The next field's number and value, `None` at the end of the message.
    #[expect(clippy::inline_always, reason = "as a call of its own it was a fifth of a busy receiver's time")]
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            3 => self.group(number)?,
            _ => self.value(wire_type)?,
        };
        Ok(Some((number, value)))
    }

    /// A field's number and wire type.
    #[inline]
    fn tag(&mut self) -> Result<(u32, u32), Malformed> {
        let tag = u32::try_from(self.varint()?).map_err(|_| self.error("a tag that is too large"))?;
        if tag < 8 {
            return Err(self.error("field number 0"));
        }
        Ok((tag >> 3, tag & 7))
    }

    /// The value of a field that is no group.
    #[inline]
    fn value(&mut self, wire_type: u32) -> Result<Value<'a>, Malformed> {
        match wire_type {
            0 => Ok(Value::Varint(self.varint()?)),
            1 => Ok(Value::Fixed64(u64::from_le_bytes(self.array()?))),
            2 => Ok(Value::Bytes(self.length_delimited()?)),
            5 => Ok(Value::Fixed32(u32::from_le_bytes(self.array()?))),
            4 => Err(self.error("the end of a group that did not begin")),
            _ => Err(self.error("an unknown wire type")),
        }
    }

    /// Passes over a group whose start was read, with the groups in it.
    #[cold]
    fn group(&mut self, number: u32) -> Result<Value<'a>, Malformed> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            match self.tag()? {
                (number, 3) if open.len() < GROUPS_MAX => open.push(number),
                (_, 3) => return Err(self.error("groups that nest too deep")),
                (number, 4) if number == innermost => drop(open.pop()),
                (_, wire_type) => drop(self.value(wire_type)?),
            }
        }
        Ok(Value::Group)
    }

    /// As [`Fields::next`], with the field's bytes as they stand.
    #[inline]
    pub(super) fn next_raw(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        let before = self.rest;
        let Some((number, value)) = self.next()? else { return Ok(None) };
        Ok(Some(Field { number, value, raw: &before[..before.len() - self.rest.len()] }))
    }

    #[cold]
    pub(super) fn error(&self, what: &'static str) -> Malformed {
        Malformed::new(what, self.message)
    }

    #[inline]
    pub(super) fn bytes(&self, value: Value<'a>) -> Result<&'a [u8], Malformed> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(self.error("a wrong wire type")),
        }
    }

    #[inline]
    pub(super) fn fixed64(&self, value: Value<'a>) -> Result<u64, Malformed> {
        match value {
            Value::Fixed64(number) => Ok(number),
            _ => Err(self.error("a wrong wire type")),
        }
    }

    #[inline]
    pub(super) fn fixed32(&self, value: Value<'a>) -> Result<u32, Malformed> {
        match value {
            Value::Fixed32(number) => Ok(number),
            _ => Err(self.error("a wrong wire type")),
        }
    }

    #[inline]
    pub(super) fn number(&self, value: Value<'a>) -> Result<u64, Malformed> {
        match value {
            Value::Varint(number) => Ok(number),
            _ => Err(self.error("a wrong wire type")),
        }
    }

    #[inline]
    fn length_delimited(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.varint()?;
        let length = usize::try_from(length).map_err(|_| self.error("a length past the end"))?;
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or_else(|| self.error("a length past the end"))?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or_else(|| self.error("a truncated number"))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A varint has at most ten bytes, and the tenth at most one bit. Most are tags and lengths, of one byte or two.
    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*low & 0x7f) | (u64::from(*high) << 7))
            }
            _ => self.long_varint(),
        }
    }

    #[cold]
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for (i, byte) in self.rest.iter().take(10).enumerate() {
            if i == 9 && *byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << (7 * i);
            if *byte < 0x80 {
                self.rest = &self.rest[i + 1..];
                return Ok(number);
            }
        }
        Err(self.error("a varint that does not end"))
    }
}

/// The bytes of the field `number` (at most 15) where they are all that `message` holds; `None` where it holds anything else,
/// or its length takes more than two bytes: what is to be made of that, [`Fields`] tell.
#[inline]
pub(super) fn alone(message: &[u8], number: u8) -> Option<&[u8]> {
    let (bytes, rest) = first(message, number)?;
    rest.is_empty().then_some(bytes)
}

/// The bytes of the field `number` (at most 15) where `message` begins with it, and what follows; `None` as for [`alone`].
#[inline]
pub(super) fn first(message: &[u8], number: u8) -> Option<(&[u8], &[u8])> {
    const LENGTH_DELIMITED: u8 = 2;
    let tagged = (number << 3) | LENGTH_DELIMITED;
    let (length, rest) = match message {
        [tag, length, rest @ ..] if *tag == tagged && *length < 0x80 => (usize::from(*length), rest),
        [tag, low, high, rest @ ..] if *tag == tagged && *high < 0x80 => {
            (usize::from(*low & 0x7f) | (usize::from(*high) << 7), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Malformed> {
        let mut fields = Fields::new(bytes, "test");
        let mut all = Vec::new();
        while let Some(field) = fields.next()? {
            all.push(field);
        }
        Ok(all)
    }

    #[test]
    fn every_wire_type_of_otlp_is_read() {
        let bytes = [
            0x08, 0x96, 0x01, // 1: varint 150
            0x11, 1, 0, 0, 0, 0, 0, 0, 0, // 2: fixed64 1
            0x1a, 2, b'h', b'i', // 3: bytes
            0x25, 7, 0, 0, 0, // 4: fixed32 7
        ];
        let expected = vec![
            (1, Value::Varint(150)),
            (2, Value::Fixed64(1)),
            (3, Value::Bytes(b"hi")),
            (4, Value::Fixed32(7)),
        ];
        assert_eq!(fields(&bytes), Ok(expected));
    }

    #[test]
    fn the_largest_varint_is_read_and_one_bit_more_is_refused() {
        let mut bytes = vec![0x08];
        bytes.extend([0xff; 9]);
        bytes.push(1);
        assert_eq!(fields(&bytes), Ok(vec![(1, Value::Varint(u64::MAX))]));
        bytes[10] = 2;
        assert!(fields(&bytes).is_err());
    }

    #[test]
    fn broken_framing_is_refused() {
        let cases: [&[u8]; 13] = [
            &[0x00],                                                          // field number 0
            &[0x0a, 5, b'x'],                                                 // length past the end
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], // negative length
            &[0x09, 1, 2],                                                    // truncated fixed64
            &[0x0d, 1],                                                       // truncated fixed32
            &[0x08, 0x80],                                                    // varint without an end
            &[0x0b],                                                          // group without an end
            &[0x0c],                                                          // end of a group alone
            &[0x0b, 0x14],                                                    // end of another group
            &[0x0b, 0x13, 0x0c, 0x14],                                        // groups that cross
            &[0x0b, 0x0a, 5, 0x0c], // length past the end in a group
            &[0x0b, 0x04, 0x0c],    // field number 0 in a group
            &[0x0e],                // wire type 6
        ];
        for bytes in cases {
            assert!(fields(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_group_is_one_value_whatever_it_holds() {
        let bytes = [
            0x0b, // 1: group {
            0x08, 1, // varint
            0x11, 0x0c, 0, 0, 0, 0, 0, 0, 0, // fixed64, with the byte of a group's end
            0x1a, 1, 0x0c, // bytes, the same
            0x0b, 0x25, 7, 0, 0, 0, 0x0c, // a group of the same number
            0x0c, // }
            0x10, 2, // 2: varint
        ];
        assert_eq!(fields(&bytes), Ok(vec![(1, Value::Group), (2, Value::Varint(2))]));
    }

    #[test]
    fn groups_nest_a_hundred_deep_and_no_deeper() {
        let nested = |depth| [vec![0x0b; depth], vec![0x0c; depth]].concat();
        assert_eq!(fields(&nested(100)), Ok(vec![(1, Value::Group)]));
        assert!(fields(&nested(101)).is_err());
        assert!(fields(&nested(1_000_000)).is_err());
    }

    #[test]
    fn a_group_is_the_wrong_wire_type_for_every_field_that_is_known() {
        let fields = Fields::new(b"", "test");
        assert!(fields.bytes(Value::Group).is_err());
        assert!(fields.fixed64(Value::Group).is_err());
        assert!(fields.fixed32(Value::Group).is_err());
        assert!(fields.number(Value::Group).is_err());
    }

    /// prost's own skipping of unknown fields is the yardstick: what it passes over, we pass over.
    fn check_against_prost(bytes: &[u8]) {
        if <() as prost::Message>::decode(bytes).is_ok() {
            assert!(fields(bytes).is_ok(), "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn groups_that_prost_accepts_are_accepted(
            bytes in proptest::collection::vec(proptest::sample::select(&[
                0x0b_u8, 0x0c, 0x13, 0x14, 0x08, 0x11, 0x1a, 0x25, 0, 1, 2, 0x80, 0xff,
            ][..]), 0..40),
        ) {
            check_against_prost(&bytes);
        }
    }
}
