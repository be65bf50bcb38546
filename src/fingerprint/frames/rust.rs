//! Rust: `panicked at src/cart.rs:12:5:`, and the backtrace `4: shop::cart::total` with `at ./src/cart.rs:12:5` below.

use super::{Line, Trace, place};
use crate::model::Frame;

/// Crates and symbols of the standard library, the linker and common runtimes.
const FOREIGN: [&str; 24] = [
    "core::",
    "std::",
    "alloc::",
    "rust_begin_unwind",
    "rust_panic",
    "__rust",
    "_rust",
    "test::",
    "tokio::",
    "futures_",
    "hyper",
    "axum",
    "tower",
    "tonic::",
    "actix",
    "reqwest::",
    "sqlx",
    "anyhow::",
    "backtrace::",
    "rayon",
    "serde",
    "tracing",
    "_start",
    "__",
];

/// What symbols of C are called at the bottom of a stack.
const BOTTOM: [&str; 4] = ["main", "clone", "clone3", "start_thread"];

/// How many hex digits the compiler's hashes have.
const HASH_DIGITS: usize = 16;

pub(super) fn begins(line: &str) -> bool {
    panic_place(line).is_some() || is_title(line) || source(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let titled = lines[first].text;
    let mut trace = Trace { start: lines[first].start, ..Trace::default() };
    let panic = panic_place(titled);
    if let Some((_, message)) = &panic {
        trace.types = vec!["panic".to_owned()];
        let below = lines.get(first + 1).map_or("", |line| line.text);
        if message.is_empty() { below } else { message }.clone_into(&mut trace.message);
    }
    let title = lines[first..].iter().position(|line| is_title(line.text));
    trace.frames = match title {
        Some(title) => backtrace(&lines[first + title..]),
        // A panic's message may look like a numbered frame; a backtrace that was logged alone has no title.
        None if panic.is_some() => Vec::new(),
        None => backtrace(&lines[first.saturating_sub(1)..]),
    };
    if let Some((place, _)) = panic {
        // The panic's own line is exact. The backtrace of a stripped binary, or none at all, does not tell it.
        let is_told =
            trace.frames.iter().any(|frame| frame.line == place.line && is_below(&frame.file, &place.file));
        if !is_told {
            trace.frames.insert(0, place);
        }
    }
    trace
}

/// Whether a path is the other one, or that seen from a root above it, as full backtraces print it.
fn is_below(path: &str, relative: &str) -> bool {
    path.strip_suffix(relative).is_some_and(|root| root.is_empty() || root.ends_with('/'))
}

/// The numbered functions, each with the place that the line below may give.
fn backtrace(lines: &[Line<'_>]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for line in lines {
        if let Some(function) = numbered(line.text) {
            let function = without_hash(function);
            frames.push(Frame { in_app: is_own(&function), file: String::new(), line: None, function });
        } else if let (Some((file, at)), Some(frame)) = (source(line.text), frames.last_mut())
            && frame.line.is_none()
        {
            frame.file = place::file(file);
            frame.line = Some(at);
            frame.in_app = frame.in_app && place::is_own(&frame.file);
        }
    }
    frames
}

fn is_title(line: &str) -> bool {
    line.eq_ignore_ascii_case("stack backtrace:")
}

/// `thread 'main' panicked at src/cart.rs:12:5:`, before 1.73 `panicked at 'message', src/cart.rs:12:5`.
fn panic_place(line: &str) -> Option<(Frame, &str)> {
    let (_, after) = line.split_once("panicked at ")?;
    let (message, place) = match after.strip_prefix('\'').and_then(|after| after.rsplit_once("', ")) {
        Some((message, place)) => (message, place),
        None => ("", after.trim_end_matches(':')),
    };
    let (file, line) = place::split_line_and_column(place).filter(|(file, _)| place::ends_in(file, "rs"))?;
    let file = place::file(file);
    Some((Frame { in_app: place::is_own(&file), file, line: Some(line), function: String::new() }, message))
}

/// The function of `4: shop::cart::total`, or of `4:     0x55e50328b37a - shop::cart::total` in a full backtrace.
fn numbered(line: &str) -> Option<&str> {
    let (number, function) = line.split_once(": ")?;
    place::number(number)?;
    let function = function.trim_start();
    let addressed = function.split_once(" - ").filter(|(address, _)| address.starts_with("0x"));
    Some(addressed.map_or(function, |(_, function)| function))
}

/// `at ./src/cart.rs:12:5`; other printers leave the column out.
fn source(line: &str) -> Option<(&str, u32)> {
    let place = line.strip_prefix("at ")?;
    let is_of_rust = |found: &(&str, u32)| place::ends_in(found.0, "rs");
    let with_column = place::split_line_and_column(place).filter(is_of_rust);
    with_column.or_else(|| place::split_line(place).filter(is_of_rust))
}

/// The function without the `::h0123456789abcdef` or `[0123456789abcdef]` that every build makes anew.
fn without_hash(function: &str) -> String {
    let is_hash = |text: &str| text.len() == HASH_DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
    let name = match function.rsplit_once("::h") {
        Some((name, hash)) if is_hash(hash) => name,
        _ => function,
    };
    let mut parts = name.split('[');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((hash, after)) if is_hash(hash) => out.push_str(after),
            _ => out.extend(["[", part]),
        }
    }
    out
}

fn is_own(function: &str) -> bool {
    let path = function.trim_start_matches(['<', '&']);
    !(BOTTOM.contains(&path) || FOREIGN.iter().any(|name| path.starts_with(name)))
}
