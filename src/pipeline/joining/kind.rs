//! What a line is, seen alone: its first bytes tell.

use crate::fingerprint::is_frame;
use crate::model::SeverityNumber;

/// Where languages differ in what else may stand between frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Any,
    Python,
    /// A traceback whose exception was named: only a chained one may follow.
    PythonNamed,
    /// Behind the words that announce a chained traceback.
    PythonChained,
    Go,
    Rust,
    Native,
}

/// What a line is, seen alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A runtime's words on what nobody caught: they never belong to the line before.
    Uncaught(Language),
    /// What stands above frames, and may have been logged with the line before.
    Title(Language),
    /// What stands in a trace only.
    Inside(Language),
    Other,
}

/// What a line is, by its first bytes; most lines are told by one.
#[inline]
pub(super) fn kind(line: &[u8]) -> Kind {
    let first = line.iter().position(|byte| !byte.is_ascii_whitespace());
    let Some(first) = first else { return Kind::Other };
    let text = line[first..].trim_ascii_end();
    let is_indented = first > 0;
    match text[0] {
        b'0'..=b'9' if is_indented && (is_numbered(text) || is_frame(text)) => Kind::Inside(Language::Any),
        b'0'..=b'9' | b'{' | b'<' | b'"' => Kind::Other,
        byte if byte.is_ascii_alphabetic() => word(text, is_indented),
        _ => sign(text),
    }
}

/// Lines that begin with a letter.
fn word(text: &[u8], is_indented: bool) -> Kind {
    use Language::{Any, Go, Native, Python, PythonChained, Rust};
    let begins = |words: &[u8]| text.starts_with(words);
    match text[0] {
        b'a' if begins(b"at ") && is_frame(text) => Kind::Inside(Any),
        b'f' if begins(b"from ") && is_frame(text) => Kind::Inside(Any),
        b'F' if begins(b"File \"") && is_frame(text) => Kind::Inside(Python),
        b'C' if begins(b"Caused by:") => Kind::Inside(Any),
        b'W' if begins(b"Wrapped by: ") => Kind::Inside(Any),
        b'S' if begins(b"Suppressed: ") || begins(b"Stack trace:") => Kind::Inside(Any),
        b'S' | b's' if text.eq_ignore_ascii_case(b"stack backtrace:") => Kind::Inside(Rust),
        b'n' if begins(b"note: run with `RUST") || begins(b"note: Some details") => Kind::Inside(Rust),
        b't' if begins(b"thrown in ") => Kind::Inside(Any),
        b'T' if begins(b"Traceback (most recent call last):") => Kind::Title(Python),
        b'T' if begins(b"The above exception was the direct cause of") => Kind::Inside(PythonChained),
        b'D' if begins(b"During handling of the above exception,") => Kind::Inside(PythonChained),
        b'g' if begins(b"goroutine ") && text.ends_with(b"]:") => Kind::Inside(Go),
        b'c' if begins(b"created by ") => Kind::Inside(Go),
        b'p' if begins(b"panic: ") && is_indented => Kind::Inside(Go),
        b'p' if begins(b"panic: ") => Kind::Uncaught(Go),
        b'f' if begins(b"fatal error: ") => Kind::Uncaught(Go),
        b't' if begins(b"thread '") && contains(text, b"panicked at ") => Kind::Uncaught(Rust),
        b't' if begins(b"terminate called after throwing") => Kind::Uncaught(Native),
        b'E' if begins(b"Exception in thread ") => Kind::Uncaught(Any),
        b'W' if begins(b"WARNING: ThreadSanitizer: ") => Kind::Uncaught(Native),
        b'U' if begins(b"Unhandled exception") || begins(b"Uncaught ") => Kind::Uncaught(Any),
        b'P' if begins(b"PHP Fatal error: ") => Kind::Uncaught(Any),
        b'N' if begins(b"Next ") && is_title(&text[5..]) => Kind::Inside(Any),
        _ if is_title(text) => Kind::Title(Any),
        _ => Kind::Other,
    }
}

/// Lines that begin with a sign.
fn sign(text: &[u8]) -> Kind {
    use Language::{Any, Go, Native, Python};
    let begins = |words: &[u8]| text.starts_with(words);
    match text[0] {
        b'.' if begins(b"... ") && text.get(4).is_some_and(u8::is_ascii_digit) => Kind::Inside(Any),
        b'^' | b'~' if text.iter().all(|byte| b"^~ ".contains(byte)) => Kind::Inside(Any),
        b'-' if begins(b"--- End of ") || begins(b"---> ") => Kind::Inside(Any),
        b'[' => bracket(text),
        b'#' if text.get(1).is_some_and(u8::is_ascii_digit) => hash(text),
        b'*' if begins(b"** (") => Kind::Title(Any),
        b'=' if begins(b"==") && contains(text, b"==ERROR: ") => Kind::Uncaught(Native),
        b'+' if begins(b"+ Exception Group Traceback") => Kind::Title(Python),
        b'/' if is_frame(text) && text.ends_with(b")") && contains(text, b"': ") => Kind::Uncaught(Any),
        b'/' if is_frame(text) && contains(text, b".go:") => Kind::Inside(Go),
        b'/' | b'(' | b'@' if is_frame(text) => Kind::Inside(Any),
        // Box drawing and the like: rich frames a traceback.
        0xe2 if text.starts_with("╭".as_bytes()) && contains(text, b"Traceback (most recent") => {
            Kind::Title(Python)
        }
        0xe2 if is_frame(text) => Kind::Inside(Python),
        _ => Kind::Other,
    }
}

fn bracket(text: &[u8]) -> Kind {
    const WORDS: [&[u8]; 5] = [
        b"[cause]: ",
        b"[errors]: [",
        b"[stacktrace]",
        b"[previous exception] ",
        b"[Previous line repeated ",
    ];
    if WORDS.iter().any(|words| text.starts_with(words)) {
        Kind::Inside(Language::Any)
    } else if text.starts_with(b"[signal ") {
        Kind::Inside(Language::Go)
    } else {
        Kind::Other
    }
}

/// `#0 …` of PHP and of native code.
fn hash(text: &[u8]) -> Kind {
    if contains(text, b"{main}") || contains(text, b"[internal function]") || contains(text, b".php(") {
        Kind::Inside(Language::Any)
    } else if is_frame(text) {
        Kind::Inside(Language::Native)
    } else {
        Kind::Other
    }
}

/// How much of a line is searched for words of an error, in bytes.
const WORDS_BYTES_MAX: usize = 1024;

/// Whether a line tells of an error, by its level or its words. It is asked only where a trace follows the line.
#[must_use]
pub fn tells_of_an_error(line: &[u8]) -> bool {
    const WORDS: [&str; 15] = [
        "error",
        "warn",
        "fatal",
        "crit",
        "severe",
        "fail",
        "exception",
        "unhandled",
        "uncaught",
        "could not",
        "cannot",
        "can't",
        "unable",
        "abort",
        "crash",
    ];
    let line = String::from_utf8_lossy(&line[..line.len().min(WORDS_BYTES_MAX)]).to_ascii_lowercase();
    WORDS.iter().any(|word| line.contains(word))
}

/// How the last word of a type's name ends.
const ENDINGS: [&[u8]; 6] = [b"Error", b"Exception", b"Throwable", b"Failure", b"Fault", b"Interrupt"];

/// Whether a line begins with the name of an exception's type, and then ends or goes on with a colon.
fn is_title(text: &[u8]) -> bool {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.$\\".contains(byte);
    let end = text.iter().position(|byte| !is_of_name(byte)).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    let ends = matches!(after, [] | [b':', b' ', ..] | [b':']) || after.starts_with(b" [ERR_");
    let last = name.rsplit(|byte| b".$\\".contains(byte)).next().unwrap_or(name);
    let is_known = ENDINGS.iter().any(|ending| last.ends_with(ending));
    // A type of one's own, such as `com.shop.CartEmpty`: at least three names, so that no file or host will do.
    let is_path =
        name.split(|byte| *byte == b'.').count() > 2 && last.first().is_some_and(u8::is_ascii_uppercase);
    ends && (is_known || is_path)
}

/// `KeyError: 'sku'`, `shop.errors.Empty`: what a traceback ends in.
pub(super) fn is_name(text: &[u8]) -> bool {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
    let end = text.iter().position(|byte| !is_of_name(byte)).unwrap_or(text.len());
    let begins = text.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    begins && matches!(&text[end..], [] | [b':', b' ', ..] | [b':'])
}

/// `3: shop::cart::total`.
pub(super) fn is_numbered(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && text[digits..].starts_with(b": ")
}

/// `main.(*Cart).Total(0xc000012345, 0x5)`, or without arguments as loggers print it.
pub(super) fn is_go_function(text: &[u8]) -> bool {
    let word = text.split(|byte| *byte == b' ').next().unwrap_or(text);
    let is_call = text.ends_with(b")") && word.contains(&b'(');
    is_call || (word.len() == text.len() && word.contains(&b'.'))
}

/// What the sanitizers report beside frames.
pub(super) fn is_of_report(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 15] = [
        b"0x",
        b"READ of size",
        b"WRITE of size",
        b"what():",
        b"allocated by",
        b"freed by",
        b"previously allocated",
        b"Previous write",
        b"Previous read",
        b"Read of size",
        b"Write of size",
        b"Location is",
        b"Thread T",
        b"SUMMARY: ",
        b"==",
    ];
    WORDS.iter().any(|words| text.starts_with(words))
}

/// The fields that Node prints of an error, and their closing braces.
pub(super) fn closes(line: &[u8], text: &[u8]) -> bool {
    matches!(text[0], b'}' | b']') || (line.starts_with(b"  ") && contains(text, b": "))
}

/// Whether a line begins as a log line does, with a time or a level, so that it is no source line and no message.
pub(super) fn begins_with_time(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"[").or_else(|| text.strip_prefix(b"<")).unwrap_or(text);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let letters = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let after = |count: usize| text.get(count).copied().unwrap_or(b' ');
    match (digits, letters) {
        // `2026-11-24`, `2026/11/24`; `12:00:01`.
        (4, _) => matches!(after(4), b'-' | b'/'),
        (2, _) => after(2) == b':' && text.get(3).is_some_and(u8::is_ascii_digit),
        // `E1124 12:00:01`, as klog writes.
        (_, 1) => text.len() > 6 && text[1..5].iter().all(u8::is_ascii_digit) && text[5] == b' ',
        (_, 0) => false,
        (_, count) => {
            let word = &text[..count];
            let is_level = !SeverityNumber::from_text(word).is_unspecified();
            let is_capital = word.iter().all(u8::is_ascii_uppercase);
            // `Nov 24 12:00:01`; `ERROR …`, `[error] …`; `level=…`, `time="…`, `ts=…`.
            (MONTHS.contains(&word)
                && text.get(count + 1..).is_some_and(|day| day.first().is_some_and(u8::is_ascii_digit)))
                || (is_level && (is_capital || after(count) == b']'))
                || (after(count) == b'='
                    && [&b"level"[..], b"time", b"ts", b"lvl", b"severity"].contains(&word))
        }
    }
}

/// As syslog writes them.
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_begin_with_a_time_or_a_level() {
        for line in [
            "2026-11-24 12:00:01 ERROR payment lost",
            "[2026/11/24] lost",
            "12:00:01 ERROR b failed",
            "Nov 24 12:00:01 ERROR payment lost",
            "E1124 12:00:01.000000 1 main.go:1] lost",
            "ERROR payment lost",
            "[error] lost",
            "level=error msg=lost",
            "time=\"2026-11-24T12:00:01Z\" level=error",
        ] {
            assert!(begins_with_time(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "x",
            "error: cannot borrow",
            "total = price * 2",
            "errors = []",
            "2 rows",
            "No cart",
            "May I",
            "info.total()",
            "at total (/app/cart.js:1:2)",
            "1234",
            "E11",
            "level",
            "time.sleep(3)",
        ] {
            assert!(!begins_with_time(line.as_bytes()), "{line}");
        }
    }
}
