//! Where something stands in a text.

use std::fmt;

use serde::Serialize;

/// A place in a rules file, as editors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The places of a text.
#[derive(Debug)]
pub(super) struct Places<'t> {
    text: &'t str,
    /// The offset of each line's first byte.
    lines: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let later = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Self { text, lines: std::iter::once(0).chain(later).collect() }
    }

    /// The place of a byte; past the end, the end.
    pub(super) fn at(&self, offset: usize) -> Place {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.lines.partition_point(|start| *start <= offset);
        Place { line, column: self.text[self.lines[line - 1]..offset].chars().count() + 1 }
    }
}
