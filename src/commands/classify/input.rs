//! What is read: lines of text, of which some are one trace, or the messages in a column of a CSV.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::super::lines::{Lines, Next, is_stdin, level};
use super::gather::Gather;
use crate::model::SeverityNumber;
use crate::pipeline::joining::{Joiner, Line, tells_of_an_error};

/// The longest line; the service takes records of up to 1 MiB too.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// How often the bar is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// The column of a structured log that holds the message without its header, as the log-parsing literature names it.
const CONTENT: &str = "Content";

/// A line of a file, as the joiner takes it.
struct Numbered {
    text: Vec<u8>,
    severity: SeverityNumber,
}

impl Line for Numbered {
    fn text(&self) -> &[u8] {
        &self.text
    }

    fn may_be_logged_with_a_trace(&self) -> bool {
        if self.severity.is_unspecified() {
            tells_of_an_error(&self.text)
        } else {
            self.severity >= SeverityNumber::WARN
        }
    }

    fn absorb(&mut self, later: Self) {
        self.severity = self.severity.max(later.severity);
    }
}

/// Reads the lines of a file; a stack trace over several of them is one occurrence.
pub(super) fn lines(file: &Path, gather: &mut Gather<'_>, progress: &mut Progress) -> anyhow::Result<()> {
    let mut lines = Lines::open(file, LINE_BYTES_MAX)?;
    let mut joiner = Joiner::default();
    loop {
        match lines.next().with_context(|| format!("cannot read on in {}", file.display()))? {
            Next::Line => {
                let text = lines.line().to_vec();
                progress.read(text.len() as u64 + 1);
                let severity = level(&String::from_utf8_lossy(&text[..text.len().min(1_024)])).0;
                joiner.push(Numbered { text, severity }, &mut |group| {
                    let body = group.joined.unwrap_or(&group.first.text);
                    gather.record(body, group.first.severity, group.lines);
                });
            }
            // One line that is too long is one that no record holds; the lines around it are not one.
            Next::TooLong => {
                joiner.finish(&mut |group| {
                    let body = group.joined.unwrap_or(&group.first.text);
                    gather.record(body, group.first.severity, group.lines);
                });
                gather.skip_line();
            }
            Next::Idle => {}
            Next::End => break,
        }
    }
    joiner.finish(&mut |group| {
        let body = group.joined.unwrap_or(&group.first.text);
        gather.record(body, group.first.severity, group.lines);
    });
    Ok(())
}

/// Reads the messages of a CSV, one a record.
pub(super) fn content(file: &Path, gather: &mut Gather<'_>, progress: &mut Progress) -> anyhow::Result<()> {
    let name = file.display().to_string();
    let input: Box<dyn std::io::Read> = if is_stdin(file) {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("cannot read {name}"))?)
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let header = reader.byte_headers().with_context(|| format!("cannot read the header of {name}"))?;
    let Some(column) = header.iter().position(|field| field == CONTENT.as_bytes()) else {
        bail!("{name} has no column `{CONTENT}`; leave out --content to cluster its lines");
    };
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).with_context(|| format!("cannot read on in {name}"))? {
        progress.read(record.as_slice().len() as u64 + 1);
        gather.record(record.get(column).unwrap_or_default(), SeverityNumber::UNSPECIFIED, 1);
    }
    Ok(())
}

/// How far the reading is, drawn on a terminal.
pub(super) struct Progress {
    bytes: u64,
    /// Of all files together; 0 where it is not known.
    bytes_all: u64,
    drawn: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        let bytes_all =
            if files.iter().any(|file| is_stdin(file)) { 0 } else { files.iter().map(size).sum() };
        Self { bytes: 0, bytes_all, drawn: None, is_terminal: std::io::stderr().is_terminal() }
    }

    fn read(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.is_terminal && self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAWN_EVERY) {
            self.drawn = Some(Instant::now());
            self.draw();
        }
    }

    #[expect(clippy::print_stderr, reason = "the command line's own voice")]
    fn draw(&self) {
        let mebibytes = self.bytes >> 20;
        match (self.bytes * 100).checked_div(self.bytes_all) {
            Some(percent) => {
                let done = usize::try_from(percent.min(100) / 4).unwrap_or(0);
                eprint!("\r\x1b[K[{:25}] {percent:3} %, {mebibytes} MiB", "=".repeat(done));
            }
            None => eprint!("\r\x1b[K{mebibytes} MiB"),
        }
    }

    /// Takes the bar away.
    #[expect(clippy::print_stderr, reason = "the command line's own voice")]
    pub(super) fn clear(&self) {
        if self.drawn.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
