//! Stack traces that came line by line, put together again.
//!
//! A collector that tails files, and whatever reads a program's standard output, makes a record of each line. A trace is many
//! lines and one error: its head alone may match no rule, and its frames alone say nothing. In go the records of one
//! stream, in order; out come groups, each of which is one occurrence.
//!
//! A line that surely stands in a trace only (`at com.shop.Cart.total(Cart.java:12)`, `Caused by: …`) belongs to what is
//! before it. One that stands above frames (`Traceback …`, `java.lang.IllegalStateException: …`) belongs to the line before
//! if frames follow and that line tells of an error: a logger wrote both. Lines of any text belong to a trace only where its language has such: the source
//! line under a frame, the message under a panic.
//!
//! This is synchronous and knows neither requests nor OTLP: [`Joiner`] is as good for the lines of a file.
//!
//! ```
//! use logmend::pipeline::joining::{Joiner, Numbered};
//!
//! let mut groups = Vec::new();
//! let mut joiner = Joiner::default();
//! let log = "started\nERROR no cart\njava.lang.IllegalStateException: cart 7\n\tat com.shop.Cart.total(Cart.java:12)\nstopped";
//! for (number, line) in (1..).zip(log.lines()) {
//!     joiner.push(Numbered { number, line: line.as_bytes() }, &mut |group| groups.push((group.first.number, group.lines)));
//! }
//! joiner.finish(&mut |group| groups.push((group.first.number, group.lines)));
//! assert_eq!(groups, [(1, 1), (2, 3), (5, 1)]);
//! ```

mod kind;
mod lines;
mod memory;

pub(super) use memory::{Claim, Counted, Key, Mark, Memory, Piece, Remembered};

pub use kind::tells_of_an_error;
use lines::{Shape, Step};

/// How much of a trace's text is put together, in bytes. What follows belongs to it all the same. A fingerprint is made of
/// a quarter of it at most.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// How many lines may wait for a frame that says that they belong to what is before them.
const WAITING_MAX: usize = 8;

/// One line, as its owner knows it.
pub trait Line {
    /// Its text.
    fn text(&self) -> &[u8];

    /// Whether a trace that begins in the next line may have been logged with it. Where the runtime printed the trace, the line
    /// before it is somebody else's, and would give the error its words.
    fn may_be_logged_with_a_trace(&self) -> bool {
        tells_of_an_error(self.text())
    }

    /// Takes in a later line of the same trace: what counts of it beside its text.
    fn absorb(&mut self, later: Self);
}

/// A line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered<'a> {
    /// Its number.
    pub number: u64,
    /// Its text.
    pub line: &'a [u8],
}

impl Line for Numbered<'_> {
    fn text(&self) -> &[u8] {
        self.line
    }

    fn absorb(&mut self, _later: Self) {}
}

/// Lines that are one occurrence.
#[derive(Debug)]
pub struct Group<'j, L> {
    /// The first line, with what it absorbed.
    pub first: L,
    /// How many lines there are. They follow each other.
    pub lines: u64,
    /// The text of them all, joined by line feeds, where there are several.
    pub joined: Option<&'j [u8]>,
    /// Whether they are from the middle of a trace whose head never came: what they are the rest of is not known.
    pub is_fragment: bool,
}

/// What is open at the end of a stream.
#[derive(Debug)]
pub(super) struct Open {
    shape: Shape,
    is_fragment: bool,
}

/// Puts the lines of one stream together.
#[derive(Debug)]
pub struct Joiner<L> {
    /// The first line of the open group, with what it absorbed.
    first: Option<L>,
    /// How many lines the open group has.
    lines: u64,
    /// Whether the open group has no head.
    is_fragment: bool,
    shape: Shape,
    /// The text of the open group, where it has several lines.
    text: Vec<u8>,
    /// Lines that belong to the open group if a frame follows.
    waiting: Vec<L>,
}

impl<L> Default for Joiner<L> {
    fn default() -> Self {
        let (shape, is_fragment) = Shape::of(b"");
        Self { first: None, lines: 0, is_fragment, shape, text: Vec::new(), waiting: Vec::new() }
    }
}

impl<L: Line> Joiner<L> {
    /// Takes the next line; hands out the groups that it ends. An ordinary line after another costs a look at its first
    /// bytes, and no allocation.
    #[inline]
    pub fn push(&mut self, line: L, out: &mut impl FnMut(Group<'_, L>)) {
        let step = self.step(&line);
        match step {
            Step::Part => self.join(line),
            Step::Maybe if self.waiting.len() < WAITING_MAX => self.waiting.push(line),
            Step::New | Step::Maybe => {
                self.finish(out);
                self.begin(line);
            }
        }
    }

    #[inline]
    fn step(&mut self, line: &L) -> Step {
        let Some(first) = &self.first else { return Step::New };
        let was_line = self.shape.is_line();
        match self.shape.step(line.text()) {
            Step::Maybe if was_line && !first.may_be_logged_with_a_trace() => Step::New,
            step => step,
        }
    }

    /// Ends the stream.
    pub fn finish(&mut self, out: &mut impl FnMut(Group<'_, L>)) {
        if let Some(first) = self.first.take() {
            let joined = (self.lines > 1).then_some(&*self.text);
            out(Group { first, lines: self.lines, joined, is_fragment: self.is_fragment });
        }
        self.text.clear();
        for first in self.waiting.drain(..) {
            out(Group { first, lines: 1, joined: None, is_fragment: false });
        }
    }

    /// What is open, for [`Joiner::resume`].
    pub(super) fn open(&self) -> Option<Open> {
        let Self { shape, is_fragment, .. } = *self;
        self.first.as_ref().map(|_| Open { shape, is_fragment })
    }

    /// Goes on where a stream had ended: with the first group's text as one line, and those that were waiting.
    pub(super) fn resume(open: &Open, first: L, waiting: Vec<L>) -> Self {
        let Open { shape, is_fragment } = *open;
        Self { first: Some(first), lines: 1, is_fragment, shape, text: Vec::new(), waiting }
    }

    fn begin(&mut self, line: L) {
        (self.shape, self.is_fragment) = Shape::of(line.text());
        (self.first, self.lines) = (Some(line), 1);
    }

    fn join(&mut self, line: L) {
        let Some(first) = &mut self.first else { return };
        if self.lines == 1 {
            self.text.extend_from_slice(first.text());
        }
        for part in self.waiting.drain(..).chain([line]) {
            if self.text.len() + part.text().len() < TEXT_BYTES_MAX {
                self.text.push(b'\n');
                self.text.extend_from_slice(part.text());
            }
            self.lines += 1;
            first.absorb(part);
        }
    }
}

impl Open {
    /// Whether a line may go on with what was open.
    pub(super) fn goes_on_with(&self, line: &[u8]) -> bool {
        let mut shape = self.shape;
        shape.step(line) != Step::New
    }
}

#[cfg(test)]
mod tests;
