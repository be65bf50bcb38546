//! A file's bytes as they were before any compression. gzip and zstd are known by their first bytes, whatever the file's name.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder;

/// RFC 1952, section 2.3.1.
const GZIP: &[u8] = &[0x1f, 0x8b];
/// RFC 8878, section 3.1.1.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The largest window of a zstd frame, as a power of two: what `zstd -d` takes by itself, 128 MiB.
const WINDOW_LOG_MAX: u32 = 27;

/// What is read of decompressed bytes at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes without their compression. Nothing is held but a window: lines are bounded by whoever reads them.
///
/// # Errors
///
/// Where the first bytes cannot be read.
pub(super) fn plain(mut input: impl BufRead + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let begin = input.fill_buf()?;
    if begin.starts_with(GZIP) {
        return Ok(Box::new(BufReader::with_capacity(CHUNK_BYTES, MultiGzDecoder::new(input))));
    }
    if begin.starts_with(ZSTD) {
        let mut decoder = Decoder::with_buffer(input)?;
        decoder.window_log_max(WINDOW_LOG_MAX)?;
        return Ok(Box::new(BufReader::with_capacity(CHUNK_BYTES, decoder)));
    }
    Ok(Box::new(input))
}

/// How many bytes were read of a source, compressed as they are; clones count together.
#[derive(Debug, Clone, Default)]
pub(in crate::commands) struct Consumed(Arc<AtomicU64>);

impl Consumed {
    /// So many by now.
    pub(in crate::commands) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A source that counts what is read of it.
pub(super) struct Counted<R> {
    inner: R,
    consumed: Consumed,
}

impl<R> Counted<R> {
    pub(super) fn new(inner: R) -> (Self, Consumed) {
        let consumed = Consumed::default();
        (Self { inner, consumed: consumed.clone() }, consumed)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.consumed.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        plain(io::Cursor::new(bytes))?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn every_member_of_a_compressed_file_is_read() {
        let text = "one\ntwo\n".repeat(10_000);
        let zstd = zstd::encode_all(text.as_bytes(), 3).unwrap();
        let twice = text.repeat(2);
        assert_eq!(read([gzip(&text), gzip(&text)].concat()).unwrap(), twice);
        assert_eq!(read([zstd.clone(), zstd].concat()).unwrap(), twice);
        assert_eq!(read(text.clone().into_bytes()).unwrap(), text);
        assert_eq!(read(Vec::new()).unwrap(), "");
        let cut = gzip(&text);
        assert!(read(cut[..cut.len() / 2].to_vec()).is_err(), "what is cut off is told");
    }
}
