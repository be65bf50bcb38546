//! Whether a line belongs to the trace before it, told by its first bytes and by what is open.
//!
//! A collector that reads files may have taken the white space off each line, so that indentation is a hint and never needed.

use crate::fingerprint::is_frame;

/// How a line stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It begins anew.
    New,
    /// It belongs to them if a line that surely does follows, such as a frame.
    Maybe,
    /// It belongs to them, and so do those that only may.
    Part,
}

/// What is open after the lines so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    stage: Stage,
    language: Language,
    /// How many lines of any text may still follow: a source line, a message.
    loose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// An ordinary line.
    Line,
    /// A line that stands above frames; none came yet.
    Titled,
    /// Frames.
    Trace,
}

/// Where languages differ in what else may stand between frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
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
enum Kind {
    /// A runtime's words on what nobody caught: they never belong to the line before.
    Uncaught(Language),
    /// What stands above frames, and may have been logged with the line before.
    Title(Language),
    /// What stands in a trace only.
    Inside(Language),
    Other,
}

impl Shape {
    /// What is open after a first line; and whether that line is from the middle of a trace, whose head is missing.
    pub(super) fn of(line: &[u8]) -> (Self, bool) {
        match kind(line) {
            Kind::Uncaught(language) | Kind::Title(language) => (Self::titled(language), false),
            // A record of several lines is a whole, however it begins.
            Kind::Inside(language) => (Self::inside(language), !line.trim_ascii_end().contains(&b'\n')),
            Kind::Other => (Self { stage: Stage::Line, language: Language::Any, loose: 0 }, false),
        }
    }

    /// How the next line stands to what is open. After [`Step::New`] the shape is of no use.
    #[inline]
    pub(super) fn step(&mut self, line: &[u8]) -> Step {
        match kind(line) {
            Kind::Uncaught(_) => Step::New,
            Kind::Title(language) => self.title(language),
            Kind::Inside(language) => self.enter(language),
            Kind::Other if self.stage == Stage::Line => Step::New,
            Kind::Other => self.other(line),
        }
    }

    /// Whether an ordinary line is all there is.
    pub(super) fn is_line(self) -> bool {
        self.stage == Stage::Line
    }

    fn titled(language: Language) -> Self {
        let loose = match language {
            Language::Rust => 1,
            Language::Native => 3,
            // A message of a few lines.
            Language::Any => 2,
            _ => 0,
        };
        Self { stage: Stage::Titled, language, loose }
    }

    fn inside(language: Language) -> Self {
        Self { stage: Stage::Trace, language, loose: u8::from(language == Language::Python) }
    }

    fn title(&mut self, language: Language) -> Step {
        match (self.stage, self.language) {
            (Stage::Line, _) => *self = Self::titled(language),
            (Stage::Titled, Language::Any) if language == Language::Python => *self = Self::titled(language),
            (_, Language::PythonChained) => {
                *self = Self::titled(language);
                return Step::Part;
            }
            // The last line of a traceback looks as what stands above a trace of another language does.
            (Stage::Trace, Language::Python) if language == Language::Any => {
                *self = Self::inside(Language::PythonNamed);
                return Step::Part;
            }
            _ => return Step::New,
        }
        Step::Maybe
    }

    fn enter(&mut self, language: Language) -> Step {
        if language == Language::Any {
            self.stage = Stage::Trace;
        } else {
            *self = Self::inside(language);
        }
        Step::Part
    }

    /// A line that could be anything, while a trace is open.
    fn other(&mut self, line: &[u8]) -> Step {
        let text = line.trim_ascii();
        if text.is_empty() {
            return Step::Maybe;
        }
        let belongs = match self.language {
            Language::Python => return self.of_python(line, text),
            Language::PythonNamed => text.starts_with(b"|") || text.starts_with(b"+"),
            Language::Go if is_go_function(text) => return Step::Maybe,
            Language::Go => text.starts_with(b"exit status "),
            Language::Native => is_of_report(text),
            Language::Rust => self.stage == Stage::Trace && is_numbered(text),
            Language::Any | Language::PythonChained => self.stage == Stage::Trace && closes(line, text),
        };
        if belongs {
            Step::Part
        } else if is_frame(text) {
            self.enter(Language::Any)
        } else if self.loose > 0 && !begins_with_time(text) {
            self.loose -= 1;
            if self.language == Language::Rust { Step::Part } else { Step::Maybe }
        } else {
            Step::New
        }
    }

    /// Source lines, what is drawn beside them, and at last the exception.
    fn of_python(&mut self, line: &[u8], text: &[u8]) -> Step {
        let is_drawn =
            ["|", "+", "│", "╭", "╰", "└", "❱"].iter().any(|mark| text.starts_with(mark.as_bytes()));
        let is_indented = line.starts_with(b"    ") || line.starts_with(b"\t");
        if self.stage == Stage::Trace && (is_drawn || is_indented) {
            self.loose = 0;
            Step::Part
        } else if is_drawn {
            self.enter(Language::Python)
        } else if self.loose > 0 && !begins_with_time(text) {
            self.loose -= 1;
            Step::Part
        } else if self.stage == Stage::Trace && is_name(text) {
            self.enter(Language::PythonNamed)
        } else {
            Step::New
        }
    }
}

/// What a line is, by its first bytes; most lines are told by one.
#[inline]
fn kind(line: &[u8]) -> Kind {
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
fn is_name(text: &[u8]) -> bool {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
    let end = text.iter().position(|byte| !is_of_name(byte)).unwrap_or(text.len());
    let begins = text.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    begins && matches!(&text[end..], [] | [b':', b' ', ..] | [b':'])
}

/// `3: shop::cart::total`.
fn is_numbered(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && text[digits..].starts_with(b": ")
}

/// `main.(*Cart).Total(0xc000012345, 0x5)`, or without arguments as loggers print it.
fn is_go_function(text: &[u8]) -> bool {
    let name = text.split(|byte| *byte == b' ').next().unwrap_or(text);
    let is_whole = name.len() == text.len() || (text.ends_with(b")") && name.contains(&b'('));
    is_whole && name.contains(&b'.')
}

/// What the sanitizers report beside frames.
fn is_of_report(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 11] = [
        b"0x",
        b"READ of size",
        b"WRITE of size",
        b"what():",
        b"allocated by",
        b"freed by",
        b"previously allocated",
        b"Previous write",
        b"Previous read",
        b"SUMMARY: ",
        b"==",
    ];
    WORDS.iter().any(|words| text.starts_with(words))
}

/// The fields that Node prints of an error, and their closing braces.
fn closes(line: &[u8], text: &[u8]) -> bool {
    matches!(text[0], b'}' | b']') || (line.starts_with(b"  ") && contains(text, b": "))
}

/// Whether a line begins as a log line does, so that it is no source line and no message.
fn begins_with_time(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"[").unwrap_or(text);
    text.len() > 4 && text[..4].iter().all(u8::is_ascii_digit) && matches!(text[4], b'-' | b'/')
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}
