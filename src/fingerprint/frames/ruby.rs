//! Ruby: `/app/cart.rb:12:in 'Cart#total': key not found (KeyError)`, then `from` lines; innermost first.

use super::{Line, Trace, header, place};
use crate::model::Frame;

pub(super) fn begins(line: &str) -> bool {
    frame(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let (mut start, type_name, message) = header::above(lines, first);
    let (mut type_name, mut message) = (type_name, message);
    if let Some((of_line, name)) = title(lines[first].text) {
        (start, type_name, message) = (lines[first].start, name, of_line);
    }
    let types = if type_name.is_empty() { Vec::new() } else { vec![type_name.to_owned()] };
    let frames = lines[first..].iter().filter_map(|line| frame(line.text)).take(super::FRAMES_MAX).collect();
    Trace { types, message: message.to_owned(), frames, start }
}

/// The message and type that an uncaught error's first line ends in.
fn title(line: &str) -> Option<(&str, &str)> {
    let (_, after) = line.split_once(":in ")?;
    let (message, name) = after.split_once("': ")?.1.strip_suffix(')')?.rsplit_once(" (")?;
    Some((message, name))
}

fn frame(line: &str) -> Option<Frame> {
    let line = line.strip_prefix("from ").unwrap_or(line);
    let (place, method) = line.split_once(":in ")?;
    let (file, line) = place::split_line(place)?;
    let method = method.strip_prefix(['`', '\''])?.split('\'').next()?;
    if !place::ends_in(file, "rb") {
        return None;
    }
    let file = place::file(file);
    Some(Frame { in_app: place::is_own(&file), file, line: Some(line), function: method.to_owned() })
}
