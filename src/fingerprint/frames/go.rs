//! Go: a function's line, then `\t/app/cart.go:12 +0x1d`, innermost first; also as loggers print it, without offset.
//!
//! Of a dump of all goroutines the first is the one that failed. Where a recovered panic was printed, the frames
//! above the last `panic` are those of the recovery and are left out.

use super::{Line, Trace, place};
use crate::model::Frame;

/// The first segments of the standard library's packages.
const STANDARD: [&str; 42] = [
    "archive",
    "bufio",
    "bytes",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "debug",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "index",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "plugin",
    "reflect",
    "regexp",
    "runtime",
    "slices",
    "sort",
    "strconv",
    "strings",
    "sync",
    "syscall",
    "testing",
    "time",
];

pub(super) fn begins(line: &str) -> bool {
    source(line).is_some() || is_goroutine(line)
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let mut trace = Trace { start: lines[first.saturating_sub(1)].start, ..Trace::default() };
    if is_goroutine(lines[first].text) {
        trace.start = lines[first].start;
    }
    title(&lines[..=first], &mut trace);
    for pair in lines[first.saturating_sub(1)..].windows(2) {
        if is_goroutine(pair[1].text) && !trace.frames.is_empty() {
            break;
        }
        let Some((file, line)) = source(pair[1].text) else { continue };
        let function = without_arguments(without_margin(pair[0].text));
        if matches!(function, "panic" | "runtime.gopanic") {
            trace.frames.clear();
        } else if !function.starts_with("created by ") {
            trace.frames.push(frame(function, file, line));
        }
    }
    trace
}

/// Reads `panic: message` and `fatal error: message`, with what loggers write before, from the lines above.
fn title(above: &[Line<'_>], trace: &mut Trace) {
    const TITLES: [(&str, &str); 3] =
        [("panic: ", "panic"), ("fatal error: ", "fatal error"), ("panic serving ", "panic")];
    for line in above.iter().rev().take(20) {
        let found = TITLES.iter().find_map(|(mark, name)| Some((line.text.find(mark)?, *mark, *name)));
        if let Some((at, mark, name)) = found {
            let message = &line.text[at + mark.len()..];
            let message = if mark == "panic serving " {
                message.split_once(": ").map_or(message, |(_peer, message)| message)
            } else {
                message.trim_end_matches(" [recovered]")
            };
            trace.types = vec![name.to_owned()];
            message.clone_into(&mut trace.message);
            trace.start = line.start + at;
        }
    }
}

/// `goroutine 17 [running]:`
fn is_goroutine(line: &str) -> bool {
    line.starts_with("goroutine ") && line.ends_with("]:")
}

/// What some libraries draw before each line of a wrapped error's stack.
fn without_margin(line: &str) -> &str {
    line.strip_prefix("| ").map_or(line, str::trim_start)
}

fn source(line: &str) -> Option<(&str, u32)> {
    let line = without_margin(line);
    let place = line.rsplit_once(" +0x").map_or(line, |(place, _)| place);
    place::split_line(place).filter(|(file, _)| place::ends_in(file, "go") && !file.contains([' ', '"', '=']))
}

fn without_arguments(call: &str) -> &str {
    match call.strip_suffix(')').and_then(|call| call.rfind('(')) {
        Some(arguments) => &call[..arguments],
        None => call,
    }
}

fn frame(function: &str, file: &str, line: u32) -> Frame {
    let file = place::file(file);
    let in_app = place::is_own(&file) && !file.contains("@v") && !is_standard(function, &file);
    Frame { file, line: Some(line), function: function.to_owned(), in_app }
}

/// Whether a package is of the standard library: by its name, and its file lies in `…/src/<package>/` or, in
/// builds without paths, in `<package>/`. Some functions lie in another package of it than their name says.
fn is_standard(function: &str, file: &str) -> bool {
    let slash = function.rfind('/').map_or(0, |slash| slash + 1);
    let package = function[slash..].find('.').map_or(function, |dot| &function[..slash + dot]);
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = folder.rsplit_once("/src/").map_or(folder, |(_, below)| below);
    let root = |path: &str| STANDARD.contains(&path.split('/').next().unwrap_or_default());
    root(package) && root(folder)
}
