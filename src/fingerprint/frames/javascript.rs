//! JavaScript and TypeScript: V8 writes `at total (/app/src/cart.ts:12:5)`, Firefox and Safari `total@/src/cart.js:12:5`;
//! innermost first.
//!
//! `[cause]:` opens the next section, as Node prints it; the deepest cause failed first. Of `[errors]:` the first is read.

use super::{Line, Section, Trace, header, nested, place};
use crate::model::Frame;

/// What stands above the errors of an `AggregateError`.
const ERRORS: &str = "[errors]: [";

/// How far above the first frame the errors' begin may stand: a message of a few lines may be between.
const LINES_BACK_MAX: usize = 20;

pub(super) fn begins(line: &str) -> bool {
    frame(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let (mut start, type_name, message) = header::above(lines, first);
    let mut sections = vec![Section { type_name, message, frames: Vec::new() }];
    let mut errors = Errors::None;
    if let Some((at, whole)) = aggregate(lines, first) {
        (start, errors) = (at, Errors::First);
        sections.insert(0, whole);
    }
    for line in &lines[first..] {
        if let Some(cause) = line.text.strip_prefix("[cause]: ") {
            sections.push(section(cause));
        } else if let (Some(frame), Some(section)) = (frame(line.text), sections.last_mut()) {
            section.frames.push(frame);
        } else if line.text.ends_with(ERRORS) {
            errors = Errors::Open;
        } else if errors == Errors::Open {
            sections.push(section(line.text));
            errors = Errors::First;
        } else if errors == Errors::First && (line.text == "}," || header::parse(line.text).is_some()) {
            break;
        }
    }
    nested(sections, start)
}

/// Where the list of an `AggregateError`'s errors is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errors {
    None,
    /// It began; the next line names the first of them.
    Open,
    /// The first of them is being read, and will be the only one.
    First,
}

/// An error without frames of its own that stands above the list whose first frame is known.
fn aggregate<'a>(lines: &[Line<'a>], first: usize) -> Option<(usize, Section<'a>)> {
    let back = first.saturating_sub(LINES_BACK_MAX);
    let list = back + lines[back..first].iter().rposition(|line| line.text.ends_with(ERRORS))?;
    let title = lines[..=list].iter().rev().take(2).find(|line| line.text.contains("Error"))?;
    let text = title.text.trim_start_matches('[').split("] {").next()?;
    let found = header::parse(text)?;
    let at = title.start + if title.text.starts_with('[') { 0 } else { found.at };
    Some((at, Section { type_name: found.type_name, message: found.message, frames: Vec::new() }))
}

fn section(line: &str) -> Section<'_> {
    let (type_name, message) =
        header::parse(line).map_or(("", line), |found| (found.type_name, found.message));
    Section { type_name, message, frames: Vec::new() }
}

fn frame(line: &str) -> Option<Frame> {
    let Some(call) = line.strip_prefix("at ") else { return with_at_sign(line) };
    // Node's inspection opens the error's own fields with a brace after the last frame.
    let call = call.strip_suffix(" {").unwrap_or(call);
    let call = call.strip_prefix("async ").unwrap_or(call);
    match call.strip_suffix(')').and_then(|call| call.split_once(" (")) {
        Some((function, place)) => named(function, place.strip_prefix("address at ").unwrap_or(place)),
        None => anonymous(call),
    }
}

fn named(function: &str, place: &str) -> Option<Frame> {
    let function = function.split(" [as ").next().unwrap_or(function).to_owned();
    if let Some((file, line)) = place::split_line_and_column(place)
        && !place.starts_with("eval at ")
    {
        let file = place::file(file);
        return Some(Frame { in_app: place::is_own(&file), file, line: Some(line), function });
    }
    let is_built_in =
        ["<anonymous>", "native", "index ", "eval at "].iter().any(|known| place.starts_with(known));
    is_built_in.then(|| Frame { file: String::new(), line: None, function, in_app: false })
}

fn anonymous(place: &str) -> Option<Frame> {
    let (path, line) = place::split_line_and_column(place)?;
    let is_path = path.contains(['/', '\\']) || path.starts_with("node:");
    let file = place::file(path);
    is_path.then(|| Frame { in_app: place::is_own(&file), file, line: Some(line), function: String::new() })
}

/// Firefox and Safari: `total@https://shop.example/app.js:12:5`, `async*total@…`, `@…`, `map@[native code]`.
fn with_at_sign(line: &str) -> Option<Frame> {
    let (function, place) = line.split_once('@')?;
    if function.contains(' ') && !function.ends_with(" code") {
        return None;
    }
    let function = function.rsplit('*').next().unwrap_or(function).trim_end_matches(['/', '<']).to_owned();
    let (path, line) = place::split_line_and_column(place)?;
    // Code that was evaluated has the place of the evaluation: `https://…/app.js line 3 > eval`.
    let path = path.split(" line ").next().unwrap_or(path);
    if path.contains(' ') || !(path.contains("://") || path.starts_with('/')) {
        return None;
    }
    let file = place::file(path);
    Some(Frame { in_app: place::is_own(&file), file, line: Some(line), function })
}
