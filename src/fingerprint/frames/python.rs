//! Python: `File "/app/cart.py", line 12, in total`, the most recent call last.
//!
//! Of chained tracebacks the last one is the exception that was logged; its last frame is innermost. Exception
//! groups draw `|` and `+` before their lines.

use super::{Line, Section, Trace, place, types};
use crate::model::Frame;

/// What exception groups draw in the margin.
const MARGIN: [char; 4] = [' ', '|', '+', '-'];

/// What stands above the frames.
const TITLE: &str = "Traceback (most recent call last):";

pub(super) fn begins(line: &str) -> bool {
    let line = line.trim_start_matches(MARGIN);
    frame(line).is_some() || is_title(line)
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let mut sections: Vec<Section<'_>> = vec![Section::default()];
    let mut depth = None;
    for line in &lines[first..] {
        let text = line.text.trim_start_matches(MARGIN);
        let indent = line.indent + line.text.len() - text.len();
        let Some(section) = sections.last_mut() else { break };
        if let Some(frame) = frame(text) {
            if section.type_name.is_empty() {
                section.frames.push(frame);
            } else {
                sections.push(Section { frames: vec![frame], ..Section::default() });
            }
            depth = Some(indent);
        } else if !text.is_empty() && depth.is_some_and(|depth| indent < depth) {
            (section.type_name, section.message) = type_and_message(text);
            depth = None;
        }
    }
    trace(sections, start(&lines[first]))
}

/// Where the trace begins in its first line: some loggers write the title behind their message.
fn start(line: &Line<'_>) -> usize {
    let title = line.text.find(TITLE).filter(|_| is_title(line.text)).unwrap_or_default();
    let is_own_line = line.text[..title].trim_matches(MARGIN).trim_end_matches("Exception Group").is_empty();
    if is_own_line { line.start } else { line.start + title }
}

/// The last section is the one that was logged. Its frames are turned, and what it was raised from follows as types.
fn trace(mut sections: Vec<Section<'_>>, start: usize) -> Trace {
    sections.reverse();
    sections.truncate(super::TYPES_MAX);
    let types = types(&sections);
    let mut logged = sections.into_iter().next().unwrap_or_default();
    logged.frames.reverse();
    Trace { types, message: logged.message.to_owned(), frames: logged.frames, start }
}

fn is_title(text: &str) -> bool {
    text.ends_with(TITLE)
}

/// `KeyError: 'sku'`, `shop.errors.Empty`; any other line is a type without a name, such as one cut off.
fn type_and_message(line: &str) -> (&str, &str) {
    let (name, message) = line.split_once(':').unwrap_or((line, ""));
    let is_name = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '<' | '>'));
    if is_name { (name, message.trim()) } else { ("", line) }
}

fn frame(line: &str) -> Option<Frame> {
    let (file, rest) = line.strip_prefix("File \"")?.split_once("\", line ")?;
    let (line, function) = rest.split_once(", in ").unwrap_or((rest, ""));
    let file = place::file(file);
    let in_app = place::is_own(&file);
    Some(Frame { in_app, line: Some(place::number(line)?), function: function.to_owned(), file })
}
