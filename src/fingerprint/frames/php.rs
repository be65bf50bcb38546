//! PHP: `#0 /app/src/Cart.php(12): App\Cart->total()`, innermost first. The place that threw stands above them.

use super::{Line, Trace, header, place};
use crate::model::Frame;

pub(super) fn begins(line: &str) -> bool {
    frame(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let (start, type_name, message) = header::above(lines, first);
    let thrown =
        message.rsplit_once(" in ").and_then(|(message, place)| Some((message, place::split_line(place)?)));
    let types = if type_name.is_empty() { Vec::new() } else { vec![type_name.to_owned()] };
    let mut frames: Vec<Frame> = Vec::new();
    if let Some((_, (file, line))) = thrown {
        frames.push(of(file, line, ""));
    }
    frames.extend(lines[first..].iter().filter_map(|line| frame(line.text)).take(super::FRAMES_MAX));
    let message = thrown.map_or(message, |(message, _)| message).to_owned();
    Trace { types, message, frames, start }
}

fn frame(line: &str) -> Option<Frame> {
    let (number, rest) = line.strip_prefix('#')?.split_once(' ')?;
    place::number(number)?;
    let (file, rest) = rest.split_once(".php(")?;
    let (line, call) = rest.split_once("): ")?;
    let function = call.split('(').next().unwrap_or_default();
    Some(of(&format!("{file}.php"), place::number(line)?, function))
}

fn of(file: &str, line: u32, function: &str) -> Frame {
    let file = place::file(file);
    Frame { in_app: place::is_own(&file), file, line: Some(line), function: function.to_owned() }
}
