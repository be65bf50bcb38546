//! Protocol Buffers framing: tags, varints and lengths.
//!
//! Source: Protocol Buffers documentation, "Encoding". Groups (wire types 3 and 4) are no part of OTLP and are refused.

/// A request whose bytes are no OTLP message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed OTLP request: {what} in {message}")]
pub struct Malformed {
    what: &'static str,
    message: &'static str,
}

impl Malformed {
    pub(super) fn new(what: &'static str, message: &'static str) -> Self {
        Self { what, message }
    }
}

/// The value of one field as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
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
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = u32::try_from(self.varint()?).map_err(|_| self.error("a tag that is too large"))?;
        let number = tag >> 3;
        if number == 0 {
            return Err(self.error("field number 0"));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Value::Bytes(self.length_delimited()?),
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(self.error("an unknown wire type")),
        };
        Ok(Some((number, value)))
    }

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

    /// A varint has at most ten bytes, and the tenth at most one bit.
    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

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
        let cases: [&[u8]; 8] = [
            &[0x00],                                                          // field number 0
            &[0x0a, 5, b'x'],                                                 // length past the end
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], // negative length
            &[0x09, 1, 2],                                                    // truncated fixed64
            &[0x0d, 1],                                                       // truncated fixed32
            &[0x08, 0x80],                                                    // varint without an end
            &[0x0b],                                                          // start of a group
            &[0x0e],                                                          // wire type 6
        ];
        for bytes in cases {
            assert!(fields(bytes).is_err(), "{bytes:?}");
        }
    }
}
