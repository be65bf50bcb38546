//! Decompression with a bound on what comes out and on the memory that it takes. The one place that decompresses.
//!
//! A request of 16 KiB can hold 16 MiB of zeros, and a zstd frame can ask for a window of gigabytes before it yields a byte.
//! Sources: RFC 1950 to 1952; RFC 9659 (zstd windows of at most 8 MiB in HTTP); CVE-2024-36129 (a limit applied too early).

use std::io::{self, BufRead, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// RFC 9659: a window of 8 MiB, 2 to the power of 23.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How much is decompressed between two looks at the bounds.
const STEP_BYTES: usize = 64 * 1024;

/// How a request is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, as HTTP's `deflate` means it; a bare RFC 1951 stream is taken too, since some clients send it.
    Deflate,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// The names that senders may use, as `accept-encoding` lists them.
    pub const NAMES: &str = "gzip, zstd, deflate, identity";

    /// The encoding of one name (RFC 9110, section 8.4.1); `Ok(None)` is none.
    ///
    /// # Errors
    ///
    /// Where the name is of none of these, or names several that are applied one upon the other.
    pub fn from_name(name: &str) -> Result<Option<Self>, UnknownEncoding> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "deflate" => Ok(Some(Self::Deflate)),
            "zstd" => Ok(Some(Self::Zstd)),
            _ => Err(UnknownEncoding),
        }
    }
}

/// An encoding that this receiver does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request's encoding is not one of {}", Encoding::NAMES)]
pub struct UnknownEncoding;

/// Why bytes could not be decompressed.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// They are not what they are said to be.
    #[error("the compressed request cannot be read")]
    Broken(#[from] io::Error),
    /// More comes out than is taken.
    #[error("the decompressed request is longer than {max} bytes; send smaller batches")]
    TooLong {
        /// The bound in bytes.
        max: usize,
    },
    /// There is no memory for it at this moment.
    #[error("the bytes of all requests in hand are at their bound; send again")]
    NoRoom,
}

/// Decompresses one request of at most `bytes_max` bytes. `room` is asked before the output grows to a length.
///
/// # Errors
///
/// [`Undecodable`], also for anything behind the compressed stream's end.
pub fn decompress(
    encoding: Encoding,
    compressed: &[u8],
    bytes_max: usize,
    room: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, Undecodable> {
    match encoding {
        Encoding::Gzip => read(MultiGzDecoder::new(compressed), bytes_max, room).map(|(bytes, _)| bytes),
        Encoding::Deflate if is_zlib(compressed) => {
            let (bytes, decoder) = read(ZlibDecoder::new(compressed), bytes_max, room)?;
            ended(decoder.into_inner()).map(|()| bytes)
        }
        Encoding::Deflate => {
            let (bytes, decoder) = read(DeflateDecoder::new(compressed), bytes_max, room)?;
            ended(decoder.into_inner()).map(|()| bytes)
        }
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            read(decoder, bytes_max, room).map(|(bytes, _)| bytes)
        }
    }
}

/// RFC 1950, section 2.2: the method is 8 and the two bytes are a multiple of 31.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

fn ended(mut rest: &[u8]) -> Result<(), Undecodable> {
    let rest = rest.fill_buf()?;
    if rest.is_empty() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "bytes behind the compressed stream").into())
    }
}

fn read<R: Read>(
    mut decoder: R,
    bytes_max: usize,
    mut room: impl FnMut(usize) -> bool,
) -> Result<(Vec<u8>, R), Undecodable> {
    let mut bytes = Vec::new();
    loop {
        let length = bytes.len();
        // One byte more than is taken tells a request that just fits from one that does not.
        let step = STEP_BYTES.max(length).min(bytes_max + 1 - length);
        if !room(length + step) {
            return Err(Undecodable::NoRoom);
        }
        bytes.reserve_exact(step);
        (&mut decoder).take(step as u64).read_to_end(&mut bytes)?;
        if bytes.len() > bytes_max {
            return Err(Undecodable::TooLong { max: bytes_max });
        }
        if bytes.len() < length + step {
            return Ok((bytes, decoder));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bare_deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 0).unwrap()
    }

    fn take(encoding: Encoding, bytes: &[u8], max: usize) -> Result<Vec<u8>, Undecodable> {
        decompress(encoding, bytes, max, |_| true)
    }

    #[test]
    fn every_encoding_is_read_up_to_the_bound_and_not_a_byte_further() {
        for length in [0, 1, STEP_BYTES - 1, STEP_BYTES, STEP_BYTES + 1, 1_000_000] {
            let text: Vec<u8> = (0..=250).cycle().take(length).collect();
            for (encoding, compressed) in [
                (Encoding::Gzip, gzip(&text)),
                (Encoding::Deflate, zlib(&text)),
                (Encoding::Deflate, bare_deflate(&text)),
                (Encoding::Zstd, zstd(&text)),
            ] {
                assert_eq!(take(encoding, &compressed, length).unwrap(), text, "{encoding:?} {length}");
                if length > 0 {
                    let shorter = take(encoding, &compressed, length - 1);
                    assert!(matches!(shorter, Err(Undecodable::TooLong { .. })), "{encoding:?} {length}");
                }
            }
        }
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_bound() {
        let zeros = vec![0; 64 << 20];
        for (encoding, bomb) in [(Encoding::Gzip, gzip(&zeros)), (Encoding::Zstd, zstd(&zeros))] {
            let mut most = 0;
            let outcome = decompress(encoding, &bomb, 1 << 20, |length| {
                most = most.max(length);
                true
            });
            assert!(matches!(outcome, Err(Undecodable::TooLong { .. })));
            assert!(most <= (1 << 20) + 1, "{most}");
        }
    }

    #[test]
    fn broken_streams_and_what_stands_behind_a_stream_are_refused() {
        let text = b"a log record, a log record, a log record";
        for (encoding, whole) in
            [(Encoding::Gzip, gzip(text)), (Encoding::Deflate, zlib(text)), (Encoding::Zstd, zstd(text))]
        {
            let mut behind = whole.clone();
            behind.extend_from_slice(b"garbage");
            let truncated = &whole[..whole.len() - 3];
            for bytes in [&behind[..], truncated, b"no stream"] {
                let outcome = take(encoding, bytes, 1_000);
                assert!(matches!(outcome, Err(Undecodable::Broken(_))), "{encoding:?} {bytes:?} {outcome:?}");
            }
        }
        let mut bad_checksum = gzip(text);
        let at = bad_checksum.len() - 8;
        bad_checksum[at] ^= 1;
        assert!(take(Encoding::Gzip, &bad_checksum, 1_000).is_err());
    }

    #[test]
    fn members_of_gzip_and_frames_of_zstd_are_one_request() {
        let (a, b) = (b"one, ", b"two");
        assert_eq!(take(Encoding::Gzip, &[gzip(a), gzip(b)].concat(), 100).unwrap(), b"one, two");
        assert_eq!(take(Encoding::Zstd, &[zstd(a), zstd(b)].concat(), 100).unwrap(), b"one, two");
    }

    #[test]
    fn a_zstd_window_over_8_mib_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&vec![7; 1 << 20]).unwrap();
        let frame = encoder.finish().unwrap();
        assert!(matches!(take(Encoding::Zstd, &frame, 2 << 20), Err(Undecodable::Broken(_))));
    }

    #[test]
    fn no_room_ends_it() {
        assert!(matches!(decompress(Encoding::Gzip, &gzip(b"x"), 10, |_| false), Err(Undecodable::NoRoom)));
    }

    #[test]
    fn encodings_applied_one_upon_the_other_are_not_taken() {
        assert_eq!(Encoding::from_name("gzip, gzip"), Err(UnknownEncoding));
        assert_eq!(Encoding::from_name("br"), Err(UnknownEncoding));
        assert_eq!(Encoding::from_name("GZIP"), Ok(Some(Encoding::Gzip)));
        assert_eq!(Encoding::from_name("identity"), Ok(None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd] {
                let _ = take(encoding, &bytes, 10_000);
            }
        }
    }
}
