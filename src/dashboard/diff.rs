//! A unified diff with its lines numbered and its words coloured.
//!
//! The colours come from what most languages share (strings, comments, numbers, common keywords), not from a grammar: a line of a
//! diff stands alone, and a wrong colour costs nothing.

use std::fmt::Write as _;

use super::text::{self, Markup, escape};

/// How many lines of one file are shown.
const LINES_MAX: usize = 600;
/// How much of a line is shown, in bytes.
const LINE_BYTES_MAX: usize = 500;

/// Words that begin statements in the languages that fixes are written in.
const KEYWORDS: &[&str] = &[
    "abstract",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "bool",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "def",
    "default",
    "defer",
    "del",
    "do",
    "elif",
    "else",
    "end",
    "enum",
    "except",
    "export",
    "extends",
    "extern",
    "false",
    "final",
    "finally",
    "fn",
    "for",
    "foreach",
    "from",
    "func",
    "function",
    "go",
    "if",
    "impl",
    "implements",
    "import",
    "in",
    "int",
    "interface",
    "is",
    "lambda",
    "let",
    "loop",
    "match",
    "mod",
    "module",
    "mut",
    "namespace",
    "new",
    "nil",
    "none",
    "None",
    "not",
    "null",
    "or",
    "package",
    "pass",
    "private",
    "protected",
    "pub",
    "public",
    "raise",
    "range",
    "return",
    "Self",
    "self",
    "static",
    "string",
    "struct",
    "super",
    "switch",
    "this",
    "throw",
    "throws",
    "trait",
    "true",
    "True",
    "False",
    "try",
    "type",
    "undefined",
    "unless",
    "use",
    "using",
    "var",
    "void",
    "where",
    "while",
    "with",
    "yield",
];

/// The change of one file.
pub(super) struct FileDiff {
    pub(super) path: String,
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) lines: Vec<Line>,
    pub(super) more: usize,
}

/// One line of it.
pub(super) struct Line {
    pub(super) kind: &'static str,
    pub(super) sign: &'static str,
    pub(super) old: String,
    pub(super) new: String,
    pub(super) code: Markup,
}

impl FileDiff {
    pub(super) fn of(path: &str, diff: &str) -> Self {
        let (mut old, mut new) = (0_u64, 0_u64);
        let hides_hash = comment_by_slashes(path);
        let all = diff.lines().skip_while(|line| !line.starts_with("@@"));
        let mut lines: Vec<_> = all.map(|line| read(line, &mut old, &mut new, hides_hash)).collect();
        let count = |kind| lines.iter().filter(|line| line.kind == kind).count();
        let (added, removed) = (count("add"), count("del"));
        let more = lines.len().saturating_sub(LINES_MAX);
        lines.truncate(LINES_MAX);
        Self { path: text::line(path, text::LINE_MAX), added, removed, lines, more }
    }
}

/// Whether `//` begins a comment there, and not `#`.
fn comment_by_slashes(path: &str) -> bool {
    !matches!(path.rsplit('.').next(), Some("py" | "rb" | "sh" | "yaml" | "yml" | "toml" | "ex" | "exs"))
}

fn read(line: &str, old: &mut u64, new: &mut u64, slashes: bool) -> Line {
    let mut at = |old_counts: bool, new_counts: bool| {
        let told = |counts: bool, number: &u64| if counts { number.to_string() } else { String::new() };
        let both = (told(old_counts, old), told(new_counts, new));
        *old += u64::from(old_counts);
        *new += u64::from(new_counts);
        both
    };
    let (kind, sign, (old_number, new_number), code) = match line.as_bytes().first() {
        Some(b'@') => {
            if let Some((begins_old, begins_new)) = begins(line) {
                (*old, *new) = (begins_old, begins_new);
            }
            let told = Markup::new(escape(&text::line(line, LINE_BYTES_MAX)));
            return Line { kind: "hunk", sign: "", old: String::new(), new: String::new(), code: told };
        }
        Some(b'+') => ("add", "+", at(false, true), &line[1..]),
        Some(b'-') => ("del", "−", at(true, false), &line[1..]),
        Some(b' ') => ("same", "", at(true, true), &line[1..]),
        _ => ("note", "", at(false, false), line),
    };
    Line { kind, sign, old: old_number, new: new_number, code: coloured(code, slashes) }
}

/// The first line numbers of `@@ -12,7 +12,9 @@`.
fn begins(hunk: &str) -> Option<(u64, u64)> {
    let mut ranges = hunk.split_whitespace().skip(1);
    let mut first = |sign| {
        let range = ranges.next()?.strip_prefix(sign)?;
        range.split(',').next()?.parse().ok()
    };
    Some((first('-')?, first('+')?))
}

/// A line of code with its words coloured.
fn coloured(code: &str, slashes: bool) -> Markup {
    let code = text::block(code, LINE_BYTES_MAX);
    let mut html = String::with_capacity(code.len() * 2);
    let mut rest = code.as_str();
    while let Some(c) = rest.chars().next() {
        let (class, length) = token(rest, c, slashes);
        let (word, behind) = rest.split_at(length);
        if class.is_empty() {
            html.push_str(&escape(word));
        } else {
            let _ = write!(html, "<span class=\"{class}\">{}</span>", escape(word));
        }
        rest = behind;
    }
    Markup::new(html)
}

/// What begins here: its class, and its length in bytes.
fn token(rest: &str, first: char, slashes: bool) -> (&'static str, usize) {
    let comment = if slashes { rest.starts_with("//") || rest.starts_with("/*") } else { first == '#' };
    if comment {
        return ("c", rest.len());
    }
    let run = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
    match first {
        '"' | '\'' | '`' => string(rest, first).map_or(("", first.len_utf8()), |length| ("s", length)),
        '0'..='9' => ("n", run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')),
        _ if first.is_alphabetic() || first == '_' => {
            let length = run(|c| c.is_alphanumeric() || c == '_');
            (if KEYWORDS.contains(&&rest[..length]) { "k" } else { "" }, length)
        }
        _ => ("", first.len_utf8()),
    }
}

/// The length of a string that ends on this line.
fn string(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a/shop/cart.py\n+++ b/shop/cart.py\n@@ -40,4 +40,5 @@ def checkout\n     total = sum(cart)\n-    return 100 / total  # <b>\n+    if total == 0:\n+        return \"it's\"\n \n";

    #[test]
    fn lines_have_their_numbers_and_words_their_colours() {
        let diff = FileDiff::of("shop/cart.py", DIFF);
        assert_eq!((diff.added, diff.removed, diff.more), (2, 1, 0));
        let told: Vec<_> = diff
            .lines
            .iter()
            .map(|line| format!("{} {}|{}|{}", line.kind, line.old, line.new, line.code))
            .collect();
        assert_eq!(
            told,
            [
                "hunk ||@@ -40,4 +40,5 @@ def checkout",
                "same 40|40|    total = sum(cart)",
                "del 41||    <span class=\"k\">return</span> <span class=\"n\">100</span> / total  <span class=\"c\"># &lt;b&gt;</span>",
                "add |41|    <span class=\"k\">if</span> total == <span class=\"n\">0</span>:",
                "add |42|        <span class=\"k\">return</span> <span class=\"s\">&quot;it&#39;s&quot;</span>",
                "same 42|43|",
            ]
        );
    }

    #[test]
    fn any_text_is_read_without_a_panic_and_bounded() {
        for diff in
            ["", "@@", "@@ -x +y", "\u{202e}", "@@ -1 +1 @@\n+\"é", &format!("@@\n{}", "+x\n".repeat(2_000))]
        {
            let read = FileDiff::of("a.rs", diff);
            assert!(read.lines.len() <= LINES_MAX);
        }
        assert!(coloured("'", true).to_string().contains("&#39;"));
    }
}
