//! Python: `File "/app/cart.py", line 12, in total`, the most recent call last; also as rich and loguru draw it.
//!
//! Of chained tracebacks the last one is the exception that was logged. What it was raised from failed first, so its
//! frames stand before; what was only being handled meanwhile stands behind. Exception groups draw `|` and `+` before
//! their lines: the group was logged, and of its parts the order says nothing, since tasks end as they like.

use super::{Line, Trace, header, place, types};
use crate::model::Frame;

/// What exception groups draw in the margin, and loguru before the frame that caught.
const MARGIN: [char; 5] = [' ', '|', '+', '-', '>'];

/// What stands above the frames.
const TITLE: &str = "Traceback (most recent call last):";

/// What stands between two exceptions of a chain.
const CAUSE: &str = "The above exception was the direct cause of the following exception:";
const CONTEXT: &str = "During handling of the above exception, another exception occurred:";

/// Frames that newer versions inline (PEP 709), so that only older ones show them.
const INLINED: [&str; 3] = ["<listcomp>", "<dictcomp>", "<setcomp>"];

/// How an exception is tied to the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Tie {
    /// Raised from it, or the first of all.
    #[default]
    Cause,
    /// Raised while it was handled.
    Context,
    /// A part of the group above.
    Part,
}

#[derive(Debug, Default)]
struct Section<'a> {
    type_name: &'a str,
    message: &'a str,
    /// Outermost first, as they are printed.
    frames: Vec<Frame>,
    tie: Tie,
}

pub(super) fn begins(line: &str) -> bool {
    let line = line.trim_start_matches(MARGIN);
    frame(line).is_some() || is_title(line)
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let mut reading = Reading { sections: vec![Section::default()], ..Reading::default() };
    for line in &lines[first..] {
        reading.line(line);
    }
    trace(reading.sections, start(&lines[first]))
}

/// What is known while the lines are read.
#[derive(Debug, Default)]
struct Reading<'a> {
    /// At least one.
    sections: Vec<Section<'a>>,
    /// How far the frames of the open section are indented; the type stands further left.
    depth: Option<usize>,
    /// How many lines came since the last frame.
    since: usize,
    /// Where the margin of the outermost group stands.
    margin: Option<usize>,
    /// How the next section will be tied.
    tie: Tie,
}

impl<'a> Reading<'a> {
    fn line(&mut self, line: &Line<'a>) {
        let text = line.text.trim_start_matches(MARGIN);
        let indent = line.indent + line.text.len() - text.len();
        let in_margin = line.text.starts_with(['|', '+']);
        if in_margin && self.margin.is_none() {
            self.margin = Some(line.indent);
        }
        if let Some(frame) = frame(text) {
            let is_part = in_margin && self.margin.is_some_and(|margin| line.indent > margin);
            self.frame(frame, is_part);
            self.since = 0;
            // A box has no margin of its own: whatever stands below it is further left.
            self.depth = Some(indent + usize::from(text.starts_with(BOX)));
        } else if is_title(text) {
            self.depth = None;
        } else if text == CONTEXT {
            (self.tie, self.depth) = (Tie::Context, None);
        } else if text == CAUSE {
            (self.tie, self.depth) = (Tie::Cause, None);
        } else if !text.is_empty()
            && (self.depth.is_some_and(|depth| indent < depth) || self.ends_unindented(text))
            && !line.text.starts_with(BOX)
        {
            if let Some(section) = self.sections.last_mut() {
                (section.type_name, section.message) = type_and_message(text);
            }
            self.depth = None;
        } else {
            self.since += 1;
        }
    }

    /// Collectors that take the white space off lines leave the order alone to tell the exception: it comes after the source line.
    fn ends_unindented(&self, text: &str) -> bool {
        let is_known = header::parse(text).is_some_and(|found| found.at == 0);
        self.depth == Some(0) && (is_known || (self.since > 0 && !type_and_message(text).0.is_empty()))
    }

    fn frame(&mut self, frame: Frame, is_part: bool) {
        let is_new = self.depth.is_none() && self.sections.last().is_some_and(|last| !last.frames.is_empty());
        if is_new || self.sections.is_empty() {
            let tie = if is_part { Tie::Part } else { std::mem::take(&mut self.tie) };
            self.sections.push(Section { tie, ..Section::default() });
        }
        let function = frame.function.as_str();
        if let Some(section) = self.sections.last_mut()
            && !INLINED.contains(&function)
        {
            section.frames.push(frame);
        }
    }
}

/// Where the trace begins in its first line: some loggers write the title behind their message.
fn start(line: &Line<'_>) -> usize {
    let title = line.text.find(TITLE).filter(|_| is_title(line.text)).unwrap_or_default();
    let is_own_line = line.text[..title].trim_matches(MARGIN).trim_end_matches("Exception Group").is_empty();
    if is_own_line { line.start } else { line.start + title }
}

fn trace(sections: Vec<Section<'_>>, start: usize) -> Trace {
    let (parts, mut chain): (Vec<_>, Vec<_>) =
        sections.into_iter().partition(|section| section.tie == Tie::Part);
    let logged = chain.pop().unwrap_or_default();
    let mut causes: Vec<_> = chain.iter().rev().map(|section| section.type_name.to_owned()).collect();
    let message = logged.message.to_owned();
    let (mut frames, mut tie) = (turned(logged.frames), logged.tie);
    for section in chain.into_iter().rev() {
        let own = turned(section.frames);
        frames = if tie == Tie::Cause { joined(own, frames) } else { joined(frames, own) };
        tie = section.tie;
    }
    let (of_parts, innermost) = parts_in_any_order(parts);
    causes.extend(of_parts);
    Trace { types: types(logged.type_name, causes), message, frames: joined(innermost, frames), start }
}

/// The types of a group's parts, and the frames of one of them, the same one in whatever order they ended.
fn parts_in_any_order(mut parts: Vec<Section<'_>>) -> (Vec<String>, Vec<Frame>) {
    parts.sort_by(|one, other| {
        let key = |section: &Section<'_>| {
            section.frames.last().map(|frame| (frame.file.clone(), frame.function.clone()))
        };
        one.type_name.cmp(other.type_name).then_with(|| key(one).cmp(&key(other)))
    });
    let mut types: Vec<_> = parts.iter().map(|section| section.type_name.to_owned()).collect();
    types.dedup();
    let first = parts.into_iter().next().map(|section| turned(section.frames)).unwrap_or_default();
    (types, first)
}

fn turned(mut frames: Vec<Frame>) -> Vec<Frame> {
    frames.reverse();
    frames
}

fn joined(mut inner: Vec<Frame>, outer: Vec<Frame>) -> Vec<Frame> {
    inner.extend(outer);
    inner
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

/// What rich draws around a traceback.
const BOX: [char; 3] = ['│', '╭', '╰'];

fn frame(line: &str) -> Option<Frame> {
    let (file, line, function) = plain(line).or_else(|| boxed(line))?;
    let file = place::file(file);
    let in_app = place::is_own(&file);
    Some(Frame { in_app, line: Some(place::number(line)?), function: function.to_owned(), file })
}

fn plain(line: &str) -> Option<(&str, &str, &str)> {
    let (file, rest) = line.strip_prefix("File \"")?.split_once("\", line ")?;
    let (line, function) = rest.split_once(", in ").unwrap_or((rest, ""));
    Some((file, line, function))
}

/// As rich writes it: `│ /app/shop/cart.py:12 in total    │`.
fn boxed(line: &str) -> Option<(&str, &str, &str)> {
    let inside = line.strip_prefix('│')?.trim_end_matches('│').trim();
    let (place, function) = inside.split_once(" in ")?;
    let (file, line) = place.rsplit_once(':')?;
    (place::ends_in(file, "py") && !function.contains(' ')).then_some((file, line, function))
}
