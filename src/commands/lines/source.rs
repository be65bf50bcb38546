//! Lines of a file or of standard input, one at a time and none longer than a bound.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::plain::{Consumed, Counted, plain};

/// What is read from the system at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Chunks of standard input that wait; when so many do, its writer waits.
const CHUNKS_WAITING_MAX: usize = 4;

/// Standard input that says nothing for so long is idle: what was gathered is sent, so that
/// `tail -f app.log | logmend send -` follows the file.
const IDLE_AFTER: Duration = Duration::from_millis(200);

/// Whether a file is standard input: `-`.
pub(in crate::commands) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// What came next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Next {
    /// A line; [`Lines::line`] has it.
    Line,
    /// A line longer than the bound, which was read over.
    TooLong,
    /// Nothing for now.
    Idle,
    /// The end.
    End,
}

/// The lines of one source.
pub(in crate::commands) struct Lines {
    input: Box<dyn BufRead>,
    line: Vec<u8>,
    /// Whether `line` was handed out, and the next one begins.
    is_whole: bool,
    is_skipping: bool,
    /// How many lines were begun.
    number: u64,
    bytes_max: usize,
    /// What was read of the file; nothing of standard input, whose length nobody knows.
    consumed: Consumed,
}

impl Lines {
    /// Opens a file, or standard input for `-`; either may be compressed by gzip or zstd.
    ///
    /// # Errors
    ///
    /// Where it cannot be read; the message names it.
    pub(in crate::commands) fn open(file: &Path, bytes_max: usize) -> anyhow::Result<Self> {
        if is_stdin(file) {
            return Ok(Self::of(Box::new(Pipe::of_stdin()), bytes_max, Consumed::default()));
        }
        let name = file.display();
        let opened = File::open(file).with_context(|| format!("cannot read {name}"))?;
        if opened.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            bail!("{name} is a folder; name files, such as {name}/*.log");
        }
        let (counted, consumed) = Counted::new(opened);
        let input = plain(BufReader::with_capacity(CHUNK_BYTES, counted));
        let input = input.with_context(|| format!("cannot read {name}"))?;
        Ok(Self::of(input, bytes_max, consumed))
    }

    fn of(input: Box<dyn BufRead>, bytes_max: usize, consumed: Consumed) -> Self {
        Self { input, line: Vec::new(), is_whole: false, is_skipping: false, number: 0, bytes_max, consumed }
    }

    /// What of the file is read by now.
    pub(in crate::commands) fn consumed(&self) -> Consumed {
        self.consumed.clone()
    }

    /// Takes longer or shorter lines from the next one on.
    pub(in crate::commands) fn limit(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// The line that [`Next::Line`] told of, without its end.
    pub(in crate::commands) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Its number, from 1.
    pub(in crate::commands) fn number(&self) -> u64 {
        self.number
    }

    /// Reads on. A line that comes in pieces is kept over [`Next::Idle`].
    ///
    /// # Errors
    ///
    /// Where the system says so.
    pub(in crate::commands) fn next(&mut self) -> io::Result<Next> {
        match self.read() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Next::Idle),
            read => read,
        }
    }

    fn read(&mut self) -> io::Result<Next> {
        if self.is_whole {
            self.line.clear();
            self.is_whole = false;
        }
        if !self.is_skipping {
            // One byte more than a line may have, for its end.
            let room = (self.bytes_max + 1).saturating_sub(self.line.len());
            Read::take(&mut self.input, room as u64).read_until(b'\n', &mut self.line)?;
            if self.line.is_empty() {
                return Ok(Next::End);
            }
            if self.line.last() == Some(&b'\n') || self.line.len() <= self.bytes_max {
                return Ok(self.whole_line());
            }
            self.is_skipping = true;
            self.line.clear();
        }
        self.input.skip_until(b'\n')?;
        self.is_skipping = false;
        self.number += 1;
        Ok(Next::TooLong)
    }

    fn whole_line(&mut self) -> Next {
        for end in [b'\n', b'\r'] {
            if self.line.last() == Some(&end) {
                self.line.pop();
            }
        }
        self.is_whole = true;
        self.number += 1;
        Next::Line
    }
}

/// Standard input, read by a thread of its own, so that a wait for it has an end: [`ErrorKind::WouldBlock`].
struct Pipe {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
    has_ended: bool,
}

impl Pipe {
    fn of_stdin() -> Self {
        let (sender, chunks) = sync_channel(CHUNKS_WAITING_MAX);
        // Ends with the input, or when nobody takes chunks any more; the process does not wait for it.
        std::thread::spawn(move || match plain(BufReader::with_capacity(CHUNK_BYTES, io::stdin())) {
            Ok(input) => pump(input, &sender),
            // Nobody may wait for it any more.
            Err(error) => drop(sender.send(Err(error))),
        });
        Self { chunks, chunk: Vec::new(), at: 0, has_ended: false }
    }
}

fn pump(mut input: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let chunk = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => Ok(buffer[..read].to_vec()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = chunk.is_err();
        if sender.send(chunk).is_err() || failed {
            return;
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Pipe {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.chunk.len() && !self.has_ended {
            match self.chunks.recv_timeout(IDLE_AFTER) {
                Ok(chunk) => (self.chunk, self.at) = (chunk?, 0),
                Err(RecvTimeoutError::Timeout) => return Err(ErrorKind::WouldBlock.into()),
                Err(RecvTimeoutError::Disconnected) => self.has_ended = true,
            }
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line with its number, until the end.
    fn read(bytes: &[u8], bytes_max: usize) -> Vec<(u64, Option<String>)> {
        let mut lines = Lines::of(Box::new(io::Cursor::new(bytes.to_vec())), bytes_max, Consumed::default());
        let mut read = Vec::new();
        loop {
            match lines.next().unwrap() {
                Next::Line => {
                    read.push((lines.number(), Some(String::from_utf8_lossy(lines.line()).into_owned())));
                }
                Next::TooLong => read.push((lines.number(), None)),
                Next::Idle => panic!("a file is never idle"),
                Next::End => return read,
            }
        }
    }

    #[test]
    fn lines_have_a_bound_and_the_others_go_on() {
        let some = |n, text: &str| (n, Some(text.to_owned()));
        assert_eq!(read(b"", 4), []);
        assert_eq!(read(b"a\r\n\nbc", 4), [some(1, "a"), some(2, ""), some(3, "bc")]);
        assert_eq!(read(b"abcd\nabcde\nf\n", 4), [some(1, "abcd"), (2, None), some(3, "f")]);
        assert_eq!(read(b"abcdefgh", 4), [(1, None)]);
    }

    #[test]
    fn a_line_in_pieces_is_kept_while_the_input_is_idle() {
        let (sender, chunks) = sync_channel(8);
        let pipe = Pipe { chunks, chunk: Vec::new(), at: 0, has_ended: false };
        let mut lines = Lines::of(Box::new(pipe), 100, Consumed::default());
        sender.send(Ok(b"one\ntw".to_vec())).unwrap();
        assert_eq!(lines.next().unwrap(), Next::Line);
        assert_eq!(lines.line(), b"one");
        assert_eq!(lines.next().unwrap(), Next::Idle);
        sender.send(Ok(b"o\n".to_vec())).unwrap();
        drop(sender);
        assert_eq!(lines.next().unwrap(), Next::Line);
        assert_eq!((lines.line(), lines.number()), (b"two".as_slice(), 2));
        assert_eq!(lines.next().unwrap(), Next::End);
    }
}
