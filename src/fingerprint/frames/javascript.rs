//! JavaScript and TypeScript on V8: `at total (/app/src/cart.ts:12:5)`, innermost first.
//!
//! `[cause]:` opens the next section, as Node prints it; the deepest cause failed first.

use super::{Line, Section, Trace, header, nested, place};
use crate::model::Frame;

pub(super) fn begins(line: &str) -> bool {
    frame(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let (start, type_name, message) = header::above(lines, first);
    let mut sections = vec![Section { type_name, message, frames: Vec::new() }];
    for line in &lines[first..] {
        if let Some(cause) = line.text.strip_prefix("[cause]: ") {
            let (type_name, message) =
                header::parse(cause).map_or(("", cause), |found| (found.type_name, found.message));
            sections.push(Section { type_name, message, frames: Vec::new() });
        } else if let (Some(frame), Some(section)) = (frame(line.text), sections.last_mut()) {
            section.frames.push(frame);
        }
    }
    nested(sections, start)
}

fn frame(line: &str) -> Option<Frame> {
    let call = line.strip_prefix("at ")?;
    // Node's inspection opens the error's own fields with a brace after the last frame.
    let call = call.strip_suffix(" {").unwrap_or(call);
    let call = call.strip_prefix("async ").unwrap_or(call);
    match call.strip_suffix(')').and_then(|call| call.split_once(" (")) {
        Some((function, place)) => named(function, place),
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
