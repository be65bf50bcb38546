//! Wire bytes, written front to back.

use std::ops::Range;

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// How many bytes are held for the length of a message that is still being written: lengths below 256 MiB fit.
const LENGTH_BYTES: usize = 4;

/// The bytes of a message, fields appended one after another.
pub(super) struct Output {
    bytes: Vec<u8>,
}

/// A number as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wire {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
}

/// Where the contents of a message begin that is still being written.
pub(super) struct Open(usize);

impl Output {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes are written.
    pub(super) fn position(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn scalar(&mut self, field: u32, wire: Wire) {
        match wire {
            Wire::Varint(value) => {
                encode_key(field, WireType::Varint, &mut self.bytes);
                encode_varint(value, &mut self.bytes);
            }
            Wire::Fixed64(value) => {
                encode_key(field, WireType::SixtyFourBit, &mut self.bytes);
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
            Wire::Fixed32(value) => {
                encode_key(field, WireType::ThirtyTwoBit, &mut self.bytes);
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
        }
    }

    pub(super) fn text(&mut self, field: u32, text: &[u8]) {
        encode_key(field, WireType::LengthDelimited, &mut self.bytes);
        encode_varint(text.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(text);
    }

    /// Begins a field whose length is not known yet.
    pub(super) fn open(&mut self, field: u32) -> Open {
        encode_key(field, WireType::LengthDelimited, &mut self.bytes);
        self.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        Open(self.bytes.len())
    }

    /// Ends it. The contents move up to a length that is as short as it can be; those of 2 MiB and more stay.
    ///
    /// So values that nest as deep as they may don't move megabytes at every level.
    pub(super) fn close(&mut self, Open(start): Open) {
        let length = self.bytes.len() - start;
        let width = encoded_len_varint(length as u64);
        let at = start - LENGTH_BYTES;
        if width < LENGTH_BYTES {
            self.bytes.copy_within(start.., at + width);
            self.bytes.truncate(at + width + length);
        } else if width > LENGTH_BYTES {
            self.bytes.splice(start..start, std::iter::repeat_n(0, width - LENGTH_BYTES));
        }
        encode_varint(length as u64, &mut &mut self.bytes[at..at + width]);
    }

    /// The bytes that may be written to a field that is open.
    pub(super) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Takes out what was written there.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.bytes.drain(range);
    }
}
