//! The column of a structured log that holds the message: a CSV with a header (RFC 4180).
//!
//! A field in quotes may hold line breaks. One whose quote is never closed would take all of the file with it, so that it is
//! looked for within bounds, and told.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::super::lines::{Consumed, Lines, Next};

/// The column, as the log-parsing literature names it.
const CONTENT: &str = "Content";

/// The longest record, in bytes and lines: a message with a stack trace has some hundred.
const RECORD_BYTES_MAX: usize = 1024 * 1024;
const RECORD_LINES_MAX: usize = 1_000;

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A record's field; empty where the record has none in this column.
    Field(Vec<u8>),
    /// A line that is longer than a record may be.
    TooLong,
    /// The end.
    End,
}

/// The fields of the column.
pub(super) struct Column {
    name: String,
    lines: Lines,
    place: usize,
}

/// A record's text.
enum Record {
    Whole(Vec<u8>),
    TooLong,
    End,
}

impl Column {
    /// Opens a file, or standard input for `-`, and finds the column in its header.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or has no such column; the message names it.
    pub(super) fn open(file: &Path) -> anyhow::Result<Self> {
        let (name, lines) = (file.display().to_string(), Lines::open(file, RECORD_BYTES_MAX)?);
        let mut column = Self { name, lines, place: 0 };
        let header = match column.record()? {
            Record::Whole(header) => header,
            Record::TooLong | Record::End => Vec::new(),
        };
        let header = header.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&header);
        let place = (0..).map_while(|place| field(header, place)).position(|name| name == CONTENT.as_bytes());
        match place {
            Some(place) => Ok(Self { place, ..column }),
            None => {
                bail!("{} has no column `{CONTENT}`; leave out --content to cluster its lines", column.name)
            }
        }
    }

    /// What of the file is read by now.
    pub(super) fn consumed(&self) -> Consumed {
        self.lines.consumed()
    }

    /// Reads on.
    ///
    /// # Errors
    ///
    /// Where the system says so, or where a quote is not closed.
    pub(super) fn next(&mut self) -> anyhow::Result<Row> {
        Ok(match self.record()? {
            Record::Whole(record) => Row::Field(field(&record, self.place).unwrap_or_default()),
            Record::TooLong => Row::TooLong,
            Record::End => Row::End,
        })
    }

    /// The next record that is not empty: a line, and those after it while a quote is open.
    fn record(&mut self) -> anyhow::Result<Record> {
        let (mut record, mut lines, mut open, mut first) = (Vec::new(), 0, false, 0);
        loop {
            let next = self.lines.next().with_context(|| format!("cannot read on in {}", self.name))?;
            match next {
                Next::Idle => continue,
                Next::Line if !open && self.lines.line().is_empty() => continue,
                Next::TooLong if !open => return Ok(Record::TooLong),
                Next::End if !open => return Ok(Record::End),
                Next::TooLong | Next::End => return self.unclosed(first),
                Next::Line => {}
            }
            if open {
                record.push(b'\n');
            } else {
                first = self.lines.number();
            }
            record.extend_from_slice(self.lines.line());
            open = ends_in_quotes(self.lines.line(), open);
            lines += 1;
            if !open {
                return Ok(Record::Whole(record));
            }
            if lines >= RECORD_LINES_MAX || record.len() > RECORD_BYTES_MAX {
                return self.unclosed(first);
            }
        }
    }

    fn unclosed(&self, first: u64) -> anyhow::Result<Record> {
        bail!(
            "{}: the quote that line {first} opens is not closed within {RECORD_LINES_MAX} lines or 1 MiB; close it, or leave out \
             --content to cluster the lines",
            self.name
        )
    }
}

/// What each byte of a record is, as the field goes on: a quote counts at a field's start alone, and stands for itself doubled.
struct Fields<'r> {
    rest: &'r [u8],
    open: bool,
    at_start: bool,
}

/// A byte of a field, or its end.
enum Part {
    Byte(u8),
    End,
}

impl Iterator for Fields<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        while let Some((byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            let is_start = std::mem::replace(&mut self.at_start, false);
            match byte {
                b'"' if self.open && rest.first() == Some(&b'"') => self.rest = &rest[1..],
                b'"' if self.open => {
                    self.open = false;
                    continue;
                }
                b'"' if is_start => {
                    self.open = true;
                    continue;
                }
                b',' if !self.open => {
                    self.at_start = true;
                    return Some(Part::End);
                }
                _ => {}
            }
            return Some(Part::Byte(*byte));
        }
        None
    }
}

/// Whether a line of a record ends within quotes; `open` says whether it began there.
fn ends_in_quotes(line: &[u8], open: bool) -> bool {
    let mut fields = Fields { rest: line, open, at_start: !open };
    fields.by_ref().for_each(drop);
    fields.open
}

/// The field at a place, without its quotes.
fn field(record: &[u8], place: usize) -> Option<Vec<u8>> {
    let (mut number, mut value) = (0, Vec::new());
    for part in (Fields { rest: record, open: false, at_start: true }) {
        match part {
            Part::End if number == place => return Some(value),
            Part::End => number += 1,
            Part::Byte(byte) if number == place => value.push(byte),
            Part::Byte(_) => {}
        }
    }
    (number == place).then_some(value)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn column(csv: &str) -> anyhow::Result<Vec<Row>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(csv.as_bytes()).unwrap();
        let mut column = Column::open(file.path())?;
        let mut rows = Vec::new();
        loop {
            match column.next()? {
                Row::End => return Ok(rows),
                row => rows.push(row),
            }
        }
    }

    #[test]
    fn fields_in_quotes_may_hold_anything() {
        let some = |text: &str| Row::Field(text.as_bytes().to_vec());
        let csv = "\u{feff}Id,Content\r\n1,\"a, \"\"b\"\"\"\r\n\r\n2,\"two\nlines\",x\n3,5\" disk\n4\n";
        let expected = [some("a, \"b\""), some("two\nlines"), some("5\" disk"), some("")];
        assert_eq!(column(csv).unwrap(), expected);
        let long = format!("Content\n{}\nx\n", "y".repeat(2 << 20));
        assert_eq!(column(&long).unwrap(), [Row::TooLong, some("x")]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_with_its_line() {
        for (csv, line) in [
            ("Id,Content\n1,a\n2,\"b\n3,c\n".to_owned(), 3),
            (format!("Content\n\"b\n{}", "x\n".repeat(5_000)), 2),
            (format!("Content\n\"b\n{}\n", "x".repeat(2 << 20)), 2),
        ] {
            let told = column(&csv).unwrap_err().to_string();
            assert!(told.contains(&format!("the quote that line {line} opens is not closed")), "{told}");
        }
        assert!(column("\"Content\n").unwrap_err().to_string().contains("line 1 opens"));
        assert!(column("Id\n1\n").unwrap_err().to_string().contains("has no column `Content`"));
    }

    proptest! {
        /// As the csv crate reads them, wherever quotes stand.
        #[test]
        fn fields_are_those_of_the_csv_crate(record in r#"[a",]{0,12}"#, place in 0_usize..4) {
            prop_assume!(!record.is_empty() && !ends_in_quotes(record.as_bytes(), false));
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(record.as_bytes());
            let read = reader.byte_records().next().unwrap().unwrap();
            prop_assert_eq!(field(record.as_bytes(), place), read.get(place).map(<[u8]>::to_vec));
        }
    }
}
