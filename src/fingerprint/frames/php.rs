//! PHP: `#0 /app/src/Cart.php(12): App\Cart->total()`, innermost first. The place that threw stands above them.
//!
//! Of a chain the root cause is printed first, and `Next` opens the one that was made of it. Monolog puts the logged one first,
//! and `[previous exception]` before each cause.

use super::{Line, Section, Trace, header, place, types};
use crate::model::Frame;

pub(super) fn begins(line: &str) -> bool {
    frame(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let (start, title) = above(lines, first);
    let mut sections = vec![title];
    let mut logged_is_first = false;
    for line in &lines[first..] {
        if let Some(next) = line.text.strip_prefix("Next ").and_then(header::parse) {
            sections.push(section(next.type_name, next.message));
        } else if let Some(cause) = line.text.strip_prefix("[previous exception] ").and_then(of_monolog) {
            logged_is_first = true;
            sections.push(cause);
        } else if let (Some(frame), Some(section)) = (frame(line.text), sections.last_mut()) {
            section.frames.push(frame);
        }
    }
    if logged_is_first {
        sections.reverse();
    }
    trace(sections, start)
}

/// Of sections from the root cause to the logged one.
fn trace(sections: Vec<Section<'_>>, start: usize) -> Trace {
    let logged = sections.last().map_or(("", ""), |last| (last.type_name, last.message));
    let causes = sections.iter().rev().skip(1).map(|section| section.type_name.to_owned());
    let types = types(logged.0, causes);
    let message = logged.1.to_owned();
    Trace { types, message, frames: sections.into_iter().flat_map(|section| section.frames).collect(), start }
}

fn above<'a>(lines: &[Line<'a>], first: usize) -> (usize, Section<'a>) {
    let of_monolog = lines[..first].iter().rev().take(3).find_map(|line| {
        let at = line.text.find("[object] (")?;
        Some((line.start + at, of_monolog(&line.text[at..])?))
    });
    of_monolog.unwrap_or_else(|| {
        let (start, type_name, message) = header::above(lines, first);
        (start, section(type_name, message))
    })
}

/// An exception whose message ends in the place that threw: `bad cart in /app/src/Cart.php:12`.
fn section<'a>(type_name: &'a str, message: &'a str) -> Section<'a> {
    let thrown =
        message.rsplit_once(" in ").and_then(|(message, place)| Some((message, place::split_line(place)?)));
    match thrown {
        Some((message, (file, line))) => Section { type_name, message, frames: vec![of(file, line, "")] },
        None => Section { type_name, message, frames: Vec::new() },
    }
}

/// `[object] (TypeError(code: 0): bad cart at /app/src/Cart.php:12)`.
fn of_monolog(text: &str) -> Option<Section<'_>> {
    let (type_name, rest) = text.strip_prefix("[object] (")?.split_once("(code: ")?;
    let (message, place) = rest.split_once("): ")?.1.trim_end_matches([')', '"', '}']).rsplit_once(" at ")?;
    let (file, line) = place::split_line(place)?;
    Some(Section { type_name, message, frames: vec![of(file, line, "")] })
}

fn frame(line: &str) -> Option<Frame> {
    let (number, rest) = line.strip_prefix('#')?.split_once(' ')?;
    place::number(number)?;
    let (file, rest) = rest.split_once(".php(")?;
    let (line, call) = rest.split_once("): ")?;
    Some(of(&format!("{file}.php"), place::number(line)?, without_arguments(call)))
}

/// The function without its arguments. A closure is known by its file alone: older versions name it by its namespace, 8.4 by
/// the function and line where it stands.
fn without_arguments(call: &str) -> &str {
    if call.contains("{closure") { "{closure}" } else { call.split('(').next().unwrap_or(call) }
}

fn of(file: &str, line: u32, function: &str) -> Frame {
    let file = place::file(file);
    Frame { in_app: place::is_own(&file), file, line: Some(line), function: function.to_owned() }
}
