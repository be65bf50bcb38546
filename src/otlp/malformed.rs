//! A request whose bytes are no OTLP message.

use std::fmt;
use std::num::NonZeroU32;

/// What is broken, and where. It tells nothing of the content: the sender's data stays out of replies and logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed OTLP request: {what} in {message}{place}")]
pub struct Malformed {
    what: &'static str,
    message: &'static str,
    place: Place,
}

impl Malformed {
    /// `what` is broken in a message of this name.
    pub(super) fn new(what: &'static str, message: &'static str) -> Self {
        Self { what, message, place: Place(None) }
    }

    /// The same, at a line and a column of a JSON text; both count from 1.
    pub(super) fn at(self, line: usize, column: usize) -> Self {
        let place = u32::try_from(line).ok().and_then(NonZeroU32::new).zip(u32::try_from(column).ok());
        Self { place: Place(place), ..self }
    }
}

/// A line and a column, where the request is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(Option<(NonZeroU32, u32)>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((line, column)) => write!(f, " (line {line}, column {column})"),
            None => Ok(()),
        }
    }
}
