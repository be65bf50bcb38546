//! Stack traces as Python, the JVM, JavaScript, .NET, Go, Rust, Ruby and PHP print them.
//!
//! The lines tell the language: the first that is a frame of one decides. One pass finds it, a second one reads.

mod dotnet;
mod go;
mod header;
mod javascript;
mod jvm;
mod php;
mod place;
mod python;
mod ruby;
mod rust;

use crate::model::Frame;

/// How many frames are kept, from the innermost: as many as a person would ever look at.
const FRAMES_MAX: usize = 64;
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
    /// Innermost first; at least one.
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

/// The trace in a text, if there is one.
pub(super) fn parse(text: &str) -> Option<Trace> {
    let lines = lines(text);
    let (first, read) =
        lines.iter().enumerate().find_map(|(number, line)| Some((number, language(line.text)?)))?;
    let mut trace = read(&lines, first);
    trace.frames.truncate(FRAMES_MAX);
    trace.types.truncate(TYPES_MAX);
    (!trace.frames.is_empty()).then_some(trace)
}

/// A frame that is named by its place alone, not read from a trace.
pub(super) fn at(file: &str, line: u64, function: String) -> Frame {
    let file = place::file(file);
    let in_app = place::is_own(&file) && !jvm::is_foreign(&function);
    let line = u32::try_from(line).ok().filter(|line| *line > 0);
    Frame { file, line, function, in_app }
}

/// Which language a line is surely of. Rust stands before JavaScript since both write `at file:line:column`.
fn language(line: &str) -> Option<Read> {
    const LANGUAGES: [(Begins, Read); 8] = [
        (python::begins, python::read),
        (rust::begins, rust::read),
        (go::begins, go::read),
        (jvm::begins, jvm::read),
        (javascript::begins, javascript::read),
        (dotnet::begins, dotnet::read),
        (ruby::begins, ruby::read),
        (php::begins, php::read),
    ];
    LANGUAGES.iter().find(|(begins, _)| begins(line)).map(|(_, read)| *read)
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
    Trace {
        types: types(&sections),
        message: sections.first().map_or("", |section| section.message).to_owned(),
        frames: sections.into_iter().rev().flat_map(|section| section.frames).take(FRAMES_MAX).collect(),
        start,
    }
}

/// The first place is the logged exception's even where it has no name, so that causes stay causes.
fn types(sections: &[Section<'_>]) -> Vec<String> {
    let (logged, causes) =
        sections.split_first().map_or(("", sections), |(first, rest)| (first.type_name, rest));
    let causes = causes.iter().map(|section| section.type_name).filter(|name| !name.is_empty());
    let names: Vec<_> = std::iter::once(logged).chain(causes).take(TYPES_MAX).map(str::to_owned).collect();
    if names == [""] { Vec::new() } else { names }
}

#[cfg(test)]
mod tests;
