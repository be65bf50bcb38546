//! Ruby: `/app/cart.rb:12:in 'Cart#total': key not found (KeyError)`, then `from` lines; innermost first.
//!
//! A line that names an error again opens the next section, its cause. Older versions turn the whole around for a terminal
//! and number the lines: `2: from /app/main.rb:3:in …`, the error last.

use super::{Line, Section, Trace, header, nested, place};
use crate::model::Frame;

/// What stands above a trace that is turned around.
const TURNED_TITLE: &str = "Traceback (most recent call last):";

pub(super) fn begins(line: &str) -> bool {
    frame(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let is_turned = numbered(lines[first].text).is_some();
    let (mut start, type_name, message) = header(lines, first);
    let mut sections = vec![Section { type_name, message, frames: Vec::new() }];
    for line in &lines[first..] {
        let Some(frame) = frame(line.text) else { continue };
        if let Some((message, type_name)) = title(line.text) {
            let is_next = sections.last().is_none_or(|section| !section.frames.is_empty()) && !is_turned;
            if is_next {
                sections.push(Section::default());
            }
            if let Some(section) = sections.last_mut() {
                (section.type_name, section.message) = (type_name, message);
            }
        }
        if let Some(section) = sections.last_mut() {
            section.frames.push(frame);
        }
    }
    if is_turned {
        let above = lines[..first].last().filter(|line| line.text.ends_with(TURNED_TITLE));
        start = above.map_or(lines[first].start, |line| line.start);
        for section in &mut sections {
            section.frames.reverse();
        }
    } else if title(lines[first].text).is_some() {
        start = lines[first].start;
    }
    nested(sections, start)
}

/// What stands above the first frame: `KeyError: key not found`, or as Rails has it, `KeyError (key not found: :sku):`.
fn header<'a>(lines: &[Line<'a>], first: usize) -> (usize, &'a str, &'a str) {
    let rails = lines[..first].iter().rev().take(3).find_map(|line| {
        let (name, message) = line.text.strip_suffix("):")?.split_once(" (")?;
        let is_name = name.starts_with(|c: char| c.is_ascii_uppercase()) && !name.contains(' ');
        is_name.then_some((line.start, name, message))
    });
    rails.unwrap_or_else(|| header::above(lines, first))
}

/// The message and type that an uncaught error's first line ends in.
fn title(line: &str) -> Option<(&str, &str)> {
    let (_, after) = line.split_once(":in ")?;
    let (message, name) = after.split_once("': ")?.1.strip_suffix(')')?.rsplit_once(" (")?;
    Some((message, name))
}

/// What stands behind `2: from `.
fn numbered(line: &str) -> Option<&str> {
    let (number, frame) = line.split_once(": from ")?;
    place::number(number)?;
    Some(frame)
}

fn frame(line: &str) -> Option<Frame> {
    let line = line.strip_prefix("from ").or_else(|| numbered(line)).unwrap_or(line);
    let (place, method) = line.split_once(":in ")?;
    let (file, line) = place::split_line(place)?;
    let method = method.strip_prefix(['`', '\''])?.split('\'').next()?;
    if !place::ends_in(file, "rb") {
        return None;
    }
    let file = place::file(file);
    Some(Frame { in_app: place::is_own(&file), file, line: Some(line), function: method.to_owned() })
}
