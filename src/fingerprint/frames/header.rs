//! The line before the frames that names the exception: `java.lang.IllegalStateException: cart is empty`.

use super::Line;

/// How far above the first frame a header may stand: messages of many lines are rare, and short.
const LINES_BACK_MAX: usize = 20;

/// What exceptions are called at their end, in one language or another.
const ENDINGS: [&str; 9] =
    ["Error", "Exception", "Throwable", "Failure", "Fault", "Interrupt", "Exit", "Violation", "Rejection"];

/// What runtimes say before the type of an exception that nobody caught; it is no message of the service.
const UNCAUGHT: [&str; 6] = [
    "Exception in thread ",
    "Uncaught ",
    "Unhandled exception. ",
    "Unhandled Exception: ",
    "PHP Fatal error: ",
    "Fatal error: ",
];

/// An exception's type and message, and where in the line the trace begins with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub at: usize,
    pub type_name: &'a str,
    pub message: &'a str,
}

/// The nearest header above a frame, with where it begins in the text; without one the trace begins at the frame.
pub(super) fn above<'a>(lines: &[Line<'a>], first_frame: usize) -> (usize, &'a str, &'a str) {
    let back = first_frame.saturating_sub(LINES_BACK_MAX);
    lines[back..first_frame]
        .iter()
        .rev()
        .find_map(|line| {
            parse(line.text).map(|found| (line.start + found.at, found.type_name, found.message))
        })
        .unwrap_or((lines[first_frame].start, "", ""))
}

/// Reads `Type: message`, `Type [CODE]: message` or `Type`, also after words such as `Exception in thread "main"`.
pub(super) fn parse(line: &str) -> Option<Header<'_>> {
    let mut at = 0;
    for word in line.split_inclusive(' ') {
        let name = word.trim_end_matches([' ', ':']);
        let after = line[at + name.len()..].trim_start();
        let ends = after.is_empty()
            || after.starts_with(':')
            || after.starts_with("[E")
            || after.starts_with("--->");
        if ends && is_type(name, at == 0) {
            let uncaught = UNCAUGHT.iter().any(|words| line.starts_with(words));
            let at = if uncaught { 0 } else { at };
            return Some(Header { at, type_name: name, message: message(after) });
        }
        at += word.len();
    }
    None
}

/// What stands after the colon; a code in brackets before it is no part of the message.
fn message(after: &str) -> &str {
    let after = after.find("]:").filter(|_| after.starts_with('[')).map_or(after, |code| &after[code + 1..]);
    after.strip_prefix(':').unwrap_or_default().trim()
}

/// Whether a word is the name of an exception's type. As the first word of a line any capitalised path will do.
fn is_type(name: &str, first: bool) -> bool {
    let is_path =
        name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '\\' | '+' | '`' | '/'));
    let last = name.rsplit(['.', '$', '\\', '+']).next().unwrap_or(name);
    let capital = last.starts_with(|c: char| c.is_uppercase());
    let known = ENDINGS.iter().any(|ending| last.ends_with(ending));
    is_path && capital && (known || (first && name.contains('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_messages_are_found_where_runtimes_put_them() {
        for (line, type_name, message) in [
            (
                "java.lang.IllegalStateException: cart is empty",
                "java.lang.IllegalStateException",
                "cart is empty",
            ),
            ("java.lang.NullPointerException", "java.lang.NullPointerException", ""),
            ("Exception in thread \"main\" java.lang.Error: boom", "java.lang.Error", "boom"),
            ("Request failed: TypeError: x is not a function", "TypeError", "x is not a function"),
            ("TypeError [ERR_INVALID_ARG]: bad: path", "TypeError", "bad: path"),
            ("Unhandled exception. System.Exception: a", "System.Exception", "a"),
            ("com.shop.CartEmpty: no items", "com.shop.CartEmpty", "no items"),
        ] {
            let found = parse(line).unwrap();
            assert_eq!((found.type_name, found.message), (type_name, message), "{line}");
        }
    }

    #[test]
    fn prose_is_no_header() {
        for line in [
            "",
            "Checkout failed: no items",
            "the Error was here",
            "at a.b.C.m(C.java:1)",
            "Error handling done",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
