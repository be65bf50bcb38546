//! Stack traces as Python, the JVM, JavaScript, .NET, Go, Rust, Ruby, PHP, Elixir and native code print them.
//!
//! The lines tell the language: the first that is a frame of one decides. One pass finds it, a second one reads; where
//! that finds no frame, another language may have its turn, each at most once. The real traces that this was made for, in
//! all their variants, are data: `tests/data/traces/`.

mod dotnet;
mod elixir;
mod go;
mod header;
mod javascript;
mod jvm;
mod native;
mod php;
mod place;
mod python;
mod ruby;
mod rust;

use crate::model::Frame;

/// How many types of a chain are kept.
const TYPES_MAX: usize = 16;
/// How much of a line is read, in bytes. No frame of a real trace is longer.
const LINE_BYTES_MAX: usize = 1024;

/// A stack trace found in a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Trace {
    /// The exceptions' types, from the one that was logged to its root cause; the first may be empty. None where the
    /// trace names none.
    pub types: Vec<String>,
    /// The message of the exception that was logged; empty where the trace has none.
    pub message: String,
    /// Innermost first; at least one, and all that the text has.
    pub frames: Vec<Frame>,
    /// The byte of the text where the trace begins.
    pub start: usize,
}

/// One line of the text, without the white space around it.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    /// Where it begins in the text, white space left out.
    start: usize,
    /// How many bytes of white space stood before it.
    indent: usize,
    /// The line itself.
    text: &'a str,
}

/// One exception of a chain, with its own frames.
#[derive(Debug, Default)]
struct Section<'a> {
    type_name: &'a str,
    message: &'a str,
    frames: Vec<Frame>,
}

/// Whether a line is surely of a language.
type Begins = fn(&str) -> bool;

/// How a language's trace is read, given its lines and the number of the first that is surely part of it.
type Read = for<'a> fn(&[Line<'a>], usize) -> Trace;

type Language = (Begins, Read);

/// In this order, since some lines may be of two: Rust and JavaScript both write `at file:line:column`, PHP and native
/// traces both number their frames.
const LANGUAGES: [Language; 10] = [
    (python::begins, python::read),
    (rust::begins, rust::read),
    (go::begins, go::read),
    (jvm::begins, jvm::read),
    (javascript::begins, javascript::read),
    (dotnet::begins, dotnet::read),
    (ruby::begins, ruby::read),
    (php::begins, php::read),
    (elixir::begins, elixir::read),
    (native::begins, native::read),
];

/// Whether a line is surely a frame of some language, or another line that stands in a trace alone.
#[must_use]
pub fn is_frame(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES_MAX)]);
    LANGUAGES.iter().any(|(begins, _)| begins(line.trim()))
}

/// The trace in a text, if there is one.
pub(super) fn parse(text: &str) -> Option<Trace> {
    let lines = lines(text);
    let mut tried = [false; LANGUAGES.len()];
    for (number, line) in lines.iter().enumerate() {
        let begins = |(language, (begins, _)): &(usize, &Language)| !tried[*language] && begins(line.text);
        let Some((language, (_, read))) = LANGUAGES.iter().enumerate().find(begins) else { continue };
        tried[language] = true;
        let mut trace = read(&lines, number);
        trace.types.truncate(TYPES_MAX);
        if !trace.frames.is_empty() {
            return Some(trace);
        }
    }
    None
}

/// A frame that is named by its place alone, not read from a trace.
pub(super) fn at(file: &str, line: u64, function: String) -> Frame {
    let file = place::file(file);
    let in_app = place::is_own(&file) && !jvm::is_foreign(&function);
    let line = u32::try_from(line).ok().filter(|line| *line > 0);
    Frame { file, line, function, in_app }
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let numbered = text.split_inclusive('\n').scan(0, |end, whole| {
        let begin = *end;
        *end += whole.len();
        Some(Line::new(begin, whole))
    });
    numbered.collect()
}

impl<'a> Line<'a> {
    fn new(begin: usize, whole: &'a str) -> Self {
        let indent = whole.len() - whole.trim_start().len();
        let text = whole.trim();
        Self { start: begin + indent, indent, text: &text[..text.floor_char_boundary(LINE_BYTES_MAX)] }
    }
}

/// A trace of sections that stand from the logged exception to its root cause: the root's frames are innermost.
fn nested(sections: Vec<Section<'_>>, start: usize) -> Trace {
    let (logged, message) = sections.first().map_or(("", ""), |first| (first.type_name, first.message));
    let causes = sections.iter().skip(1).map(|section| section.type_name.to_owned());
    Trace {
        types: types(logged, causes),
        message: message.to_owned(),
        frames: sections.into_iter().rev().flat_map(|section| section.frames).collect(),
        start,
    }
}

/// The first place is the logged exception's even where it has no name, so that causes stay causes. One type many times
/// in a row, as of errors that wrap each other, is one.
fn types(logged: &str, causes: impl IntoIterator<Item = String>) -> Vec<String> {
    let causes = causes.into_iter().filter(|name| !name.is_empty());
    let mut names: Vec<_> = std::iter::once(logged.to_owned()).chain(causes).collect();
    names.dedup();
    names.truncate(TYPES_MAX);
    if names == [""] { Vec::new() } else { names }
}

#[cfg(test)]
mod tests;
