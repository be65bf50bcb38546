//! What is read: lines of text, of which some are one trace, or the messages in a column of a CSV.

use std::path::Path;

use anyhow::Context as _;

use super::super::lines::{Lines, Next, level};
use super::column::{Column, Row};
use super::gather::Gather;
use super::progress::Progress;
use crate::model::SeverityNumber;
use crate::pipeline::joining::{Joiner, Line, tells_of_an_error};

/// The longest line; the service takes records of up to 1 MiB too.
const LINE_BYTES_MAX: usize = 1024 * 1024;

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
    progress.begin(lines.consumed());
    let mut joiner = Joiner::default();
    loop {
        match lines.next().with_context(|| format!("cannot read on in {}", file.display()))? {
            Next::Line => {
                let text = lines.line().to_vec();
                progress.read();
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
    let mut column = Column::open(file)?;
    progress.begin(column.consumed());
    loop {
        match column.next()? {
            Row::Field(field) => {
                progress.read();
                gather.record(&field, SeverityNumber::UNSPECIFIED, 1);
            }
            Row::TooLong => gather.skip_line(),
            Row::End => return Ok(()),
        }
    }
}
