//! C and C++: gdb's `#0  0x… in total (i=5) at cart.c:12`, the sanitizers' `#0 0x… in total /src/cart.c:12`, glibc's
//! `./shop(total+0x1a) [0x…]`, and what boost and C++23 print; innermost first.
//!
//! The first block of frames is the one that failed; where memory was allocated and what other threads did stands below it.

use super::{Line, Section, Trace, nested, place};
use crate::model::Frame;

/// How far above the first frame the cause may stand.
const LINES_BACK_MAX: usize = 20;

/// Functions of the C library, the sanitizers and the C++ runtime.
const FOREIGN: [&str; 26] = [
    "__",
    "_start",
    "_Unwind",
    "start_thread",
    "clone",
    "raise",
    "abort",
    "gsignal",
    "std::",
    "void std::",
    "decltype",
    "boost::",
    "operator new",
    "operator delete",
    "malloc",
    "free",
    "calloc",
    "realloc",
    "memcpy",
    "memmove",
    "strlen",
    "pthread_",
    "_GLOBAL__",
    "thread_start",
    "execute_native_thread_routine",
    "_ZSt",
];

/// Where their sources and libraries lie.
const FOREIGN_PLACES: [&str; 9] = [
    "../sysdeps/",
    "../csu/",
    "libsanitizer/",
    "./nptl/",
    "./stdlib/",
    "/usr/include/",
    "/usr/lib",
    "/lib/",
    "/lib64/",
];

/// What the cause begins with, and how its name is told from what follows. Addresses and process ids stand behind or before.
const CAUSES: [&str; 8] = [
    "AddressSanitizer: ",
    "ThreadSanitizer: ",
    "MemorySanitizer: ",
    "LeakSanitizer: ",
    "UndefinedBehaviorSanitizer: ",
    "runtime error: ",
    "received signal ",
    "terminated with signal ",
];

pub(super) fn begins(line: &str) -> bool {
    frame(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let above = lines[..first].iter().rev().take(LINES_BACK_MAX);
    let title = above.into_iter().find_map(|line| Some((line, cause(line.text)?)));
    let start = title.map_or(lines[first].start, |(line, _)| line.start);
    let (type_name, message) = title.map_or(("", ""), |(_, found)| found);
    let frames = lines[first..].iter().map_while(|line| frame(line.text)).collect();
    nested(vec![Section { type_name, message, frames }], start)
}

/// What failed: `heap-buffer-overflow`, `data race`, `signed integer overflow`, `SIGSEGV`, or what was thrown.
fn cause(line: &str) -> Option<(&str, &str)> {
    if let Some((_, thrown)) = line.split_once("terminate called after throwing an instance of '") {
        return Some((thrown.split('\'').next().unwrap_or(thrown), ""));
    }
    let after = CAUSES.iter().find_map(|mark| Some(line.split_once(mark)?.1))?;
    let ends = [" on ", ":", ",", " (", "."].iter().filter_map(|end| after.find(end));
    let name = &after[..ends.min().unwrap_or(after.len())];
    Some((name, after))
}

fn frame(line: &str) -> Option<Frame> {
    numbered(line).or_else(|| of_glibc(line))
}

/// `#0  …` of gdb and the sanitizers, ` 0# …` of boost and C++23.
fn numbered(line: &str) -> Option<Frame> {
    let (number, rest) = match line.strip_prefix('#') {
        Some(line) => line.split_once(' ')?,
        None => line.split_once("# ")?,
    };
    place::number(number)?;
    let rest = rest.trim_start();
    let rest =
        rest.strip_prefix("0x").and_then(|rest| rest.split_once(" in ")).map_or(rest, |(_, call)| call);
    of_debugger(rest).or_else(|| of_sanitizer(rest))
}

/// `total (cart=0x7ff…, i=5) at /src/cart.c:12`, `raise () from /lib/libc.so.6`, boost's `total(int) at cart.cpp:12`.
fn of_debugger(call: &str) -> Option<Frame> {
    let (call, place) = call.rsplit_once(" at ").or_else(|| call.rsplit_once(" from "))?;
    let function = match call.find(" (") {
        Some(arguments) => &call[..arguments],
        None => call,
    };
    let (file, line) = place::split_line(place).map_or((place, None), |(file, line)| (file, Some(line)));
    (!function.is_empty()).then(|| of(file, line, function))
}

/// `total /src/cart.c:12:5`, `main /src/cart.c:3 (shop+0x1250)`, `(/lib/libc.so.6+0x2724a) (BuildId: 8a1b…)`.
fn of_sanitizer(call: &str) -> Option<Frame> {
    let call = call.split(" (BuildId: ").next().unwrap_or(call);
    let (call, module) = match call.rsplit_once('(') {
        Some((call, module)) if module.ends_with(')') && module.contains("+0x") => (call.trim_end(), module),
        _ => (call, ""),
    };
    let placed = call.rsplit_once(' ').and_then(|(function, place)| {
        let found = place::split_line_and_column(place).or_else(|| place::split_line(place));
        Some((function, found?))
    });
    match placed {
        Some((function, (file, line))) => Some(of(file, Some(line), function)),
        None if module.is_empty() => None,
        None => Some(of(module.split("+0x").next().unwrap_or_default(), None, call)),
    }
}

/// `./shop(total+0x1a) [0x55bef2e361cc]`, `/lib/libc.so.6(+0x2724a)[0x7fd79ac4524a]`.
fn of_glibc(line: &str) -> Option<Frame> {
    let (call, address) = line.strip_suffix(']')?.rsplit_once('[')?;
    let (module, function) = call.trim_end().strip_suffix(')')?.split_once('(')?;
    let (function, offset) = function.split_once("+0x")?;
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_frame = is_hex(address.strip_prefix("0x")?) && is_hex(offset) && !module.contains(' ');
    is_frame.then(|| of(module, None, function))
}

fn of(file: &str, line: Option<u32>, function: &str) -> Frame {
    let is_foreign_place =
        FOREIGN_PLACES.iter().any(|part| file.starts_with(part) || file.contains("libsanitizer/"));
    let in_app =
        !function.is_empty() && !is_foreign_place && !FOREIGN.iter().any(|name| function.starts_with(name));
    Frame { file: place::file(file), line, function: function.to_owned(), in_app }
}
