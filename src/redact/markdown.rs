//! Text in which nothing takes effect: in a terminal, in JSON, in GitHub's Markdown.

use std::sync::LazyLock;

use regex::Regex;

use super::redact;

/// Stands inside a mention, a reference or a keyword and takes its effect; it has no width.
/// Dependabot and Renovate break mentions the same way.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// The longest beginning of `text` of at most `bytes_max` bytes that ends between two characters.
#[must_use]
pub fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Drops what a terminal or a browser would obey: ANSI sequences, control characters but line feed and tab,
/// bidirectional controls, zero-width characters.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\r' if chars.peek() == Some(&'\n') => {}
            // Line and paragraph separators are line ends to some readers.
            '\r' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || is_invisible(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Skips what follows ESC: `[ … letter` (CSI), `] … BEL or ESC \` (OSC), or one character (ECMA-48).
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            // Parameters are few; text that only looks like a sequence is not eaten without end.
            for _ in 0..32 {
                match chars.next_if(|c| matches!(c, ' '..='?')) {
                    Some(_) => {}
                    None => break,
                }
            }
            chars.next_if(|c| matches!(c, '@'..='~'));
        }
        Some(']') => {
            for _ in 0..256 {
                match chars.next() {
                    None | Some('\u{7}') => break,
                    Some('\u{1b}') => {
                        chars.next_if_eq(&'\\');
                        break;
                    }
                    Some(_) => {}
                }
            }
        }
        Some(c) if c.is_ascii_graphic() => {
            chars.next();
        }
        _ => {}
    }
}

/// Bidirectional controls, zero-width characters, tags and variation selectors: what people do not see and programs read.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}')
}

/// One line for a title or a list: at most `chars_max` characters in which nothing is Markdown, HTML, a mention,
/// a reference or a closing keyword.
#[must_use]
pub fn neutralise_inline(text: &str, chars_max: usize) -> String {
    // Once more: what HTML's spelling had hidden is plain now.
    let text = redact(&plain(&decoded(text))).into_owned();
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let inert: String = one_line
        .chars()
        .map(|c| match c {
            '`' => '\'',
            '<' => '‹',
            '>' => '›',
            '[' => '(',
            ']' => ')',
            '*' | '|' | '\\' | '~' => ' ',
            c => c,
        })
        .collect();
    let inert = without_effect(&without_links(&inert));
    if inert.chars().count() <= chars_max {
        return inert.trim().to_owned();
    }
    let cut: String = inert.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

/// A code block that holds the text as it is, whatever it holds: the fence is longer than any in the text.
///
/// Mentions, references and HTML tags are broken inside too: replies by mail strip fences.
#[must_use]
pub fn fence(text: &str) -> String {
    let text = without_effect(&plain(text));
    let text = TAG.replace_all(&text, format!("<{ZERO_WIDTH_SPACE}$rest"));
    let fence = "`".repeat(longest_run_of_backticks(&text).max(2) + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end())
}

fn longest_run_of_backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Prose of a model: paragraphs, lists and inline code stay; HTML, images, links, mentions, references and closing keywords
/// become text without effect.
#[must_use]
pub fn neutralise_markdown(text: &str) -> String {
    // Once more: what HTML's spelling had hidden is plain now.
    let text = redact(&plain(&decoded(text))).into_owned();
    let text = COMMENT.replace_all(&text, "");
    let text = LINK.replace_all(&text, "${text} ($target)");
    // A bracket or angle that is left opens nothing.
    let text = text.replace('<', "‹").replace("](", "] (").replace("]:", "] :").replace("![", "! [");
    closed(without_effect(&without_links(&text)))
}

/// Breaks what GitHub turns into a link without being asked, and entities that are left after [`decoded`]: `&amp;commat;` holds one.
fn without_links(text: &str) -> String {
    LINKED
        .replace_all(text, |found: &regex::Captures<'_>| {
            format!("{}{ZERO_WIDTH_SPACE}{}", &found["before"], &found["after"])
        })
        .into_owned()
}

/// Closes a code block that is left open, which would swallow all that is written after it.
fn closed(text: String) -> String {
    let mut open: Option<&str> = None;
    for line in text.lines().map(str::trim) {
        let run = &line[..line.len() - line.trim_start_matches(['`', '~']).len()];
        let is_bare = run.len() == line.len();
        open = match open {
            None if run.len() >= 3
                && is_one_mark(run)
                && !(run.starts_with('`') && line[run.len()..].contains('`')) =>
            {
                Some(run)
            }
            Some(fence) if is_bare && run.starts_with(fence) && is_one_mark(run) => None,
            open => open,
        };
    }
    match open {
        Some(fence) => format!("{}\n{fence}", text.trim_end()),
        None => text,
    }
}

fn is_one_mark(run: &str) -> bool {
    run.chars().all(|c| run.starts_with(c))
}

/// HTML's spellings of characters, `&#64;` and the like, as the characters that a browser would show.
fn decoded(text: &str) -> String {
    ENTITY
        .replace_all(text, |found: &regex::Captures<'_>| {
            let number =
                |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
            let decoded = match (found.name("hex"), found.name("dec"), found.name("name")) {
                (Some(hex), _, _) => number(hex.as_str(), 16),
                (_, Some(dec), _) => number(dec.as_str(), 10),
                (_, _, Some(name)) => match name.as_str() {
                    "commat" => Some('@'),
                    "num" => Some('#'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "amp" => Some('&'),
                    "quot" => Some('"'),
                    _ => None,
                },
                _ => None,
            };
            decoded.map_or_else(|| found[0].to_owned(), String::from)
        })
        .into_owned()
}

/// Breaks mentions, references to issues and commits of other repositories, closing keywords, and what in a commit's message
/// speaks to programs: trailers, and words that keep checks from running.
fn without_effect(text: &str) -> String {
    let text = CLOSING.replace_all(text, |found: &regex::Captures<'_>| {
        let word = &found["word"];
        format!("{}{ZERO_WIDTH_SPACE}{}{}", &word[..1], &word[1..], &found["rest"])
    });
    let text = REFERENCE.replace_all(&text, |found: &regex::Captures<'_>| {
        format!("{}{ZERO_WIDTH_SPACE}{}", &found["mark"], &found["rest"])
    });
    let text = TRAILER.replace_all(&text, format!("$name{ZERO_WIDTH_SPACE}:"));
    NO_CHECKS.replace_all(&text, format!("$before$before2{ZERO_WIDTH_SPACE}$after$after2")).into_owned()
}

macro_rules! shape {
    ($name:ident, $shape:literal) => {
        #[allow(clippy::expect_used, reason = "a constant, compiled by every test; in tests the lint is off")]
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($shape).expect("a regular expression"));
    };
}

shape!(
    ENTITY,
    r"&(?:#[xX](?P<hex>[0-9a-fA-F]{1,6})|#(?P<dec>[0-9]{1,7})|(?P<name>commat|num|lt|gt|amp|quot));"
);
shape!(COMMENT, r"(?s)<!--.*?(?:-->|\z)");
shape!(LINK, r"!?\[(?P<text>[^\[\]\n]{0,300})\]\((?P<target>[^()\n]{0,2000})\)");
shape!(LINKED, r"(?P<before>(?i:\b(?:https?|ftp):|\bwww)|&)(?P<after>//|\.|#?[A-Za-z0-9]{1,32};)");
// "Linking a pull request to an issue", GitHub docs: close(s|d), fix(es|ed), resolve(s|d), with or without a colon.
shape!(
    CLOSING,
    r"(?i)\b(?P<word>close[sd]?|fix(?:e[sd])?|resolve[sd]?)(?P<rest>:?\s+(?:#|gh-|https?:|[a-z0-9._-]+/[a-z0-9._-]+#))"
);
// `@name`, `#12`, `GH-12`, `owner/name@sha` all begin with one of these marks.
shape!(TAG, r"<(?P<rest>[A-Za-z/!?])");
// `Co-authored-by: …`, `skip-checks: true`: git-interpret-trailers(1).
shape!(TRAILER, r"(?m)^(?P<name>[ \t]*[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)+):");
// "Skipping workflow runs", GitHub docs; Azure Pipelines has the last one.
shape!(
    NO_CHECKS,
    r"(?i)(?P<before>\[(?:skip|ci|no|actions))(?P<after> (?:ci|skip|actions)\])|(?P<before2>\*\*\*NO)(?P<after2>_CI\*\*\*)"
);
shape!(REFERENCE, r"(?P<mark>@|#|(?i:\bgh-))(?P<rest>[A-Za-z0-9])");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_of_plain_text() {
        let hostile = "a\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}b\0c\rd\r\ne\u{202e}f\u{200b}g\th\u{9b}31m";
        assert_eq!(plain(hostile), "aredbc\nd\nefg\th31m");
    }

    #[test]
    fn a_line_has_no_effect() {
        for (text, expected) in [
            ("@octocat see #12, fixes #3", "@\u{200b}octocat see #\u{200b}12, f\u{200b}ixes #\u{200b}3"),
            ("a\nb `c` <img src=x>", "a b 'c' ‹img src=x›"),
            ("&#64;octocat &commat;x &#x23;1", "@\u{200b}octocat @\u{200b}x #\u{200b}1"),
            ("[x](http://evil)", "(x)(http:\u{200b}//evil)"),
            ("&amp;commat;octocat", "&\u{200b}commat;octocat"),
            ("Closes: owner/repo#1 GH-7", "C\u{200b}loses: owner/repo#\u{200b}1 GH-\u{200b}7"),
        ] {
            assert_eq!(neutralise_inline(text, 200), expected);
        }
        assert_eq!(neutralise_inline(&"x".repeat(100), 10), "xxxxxxxxx…");
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        assert_eq!(fence("a\n```\nb @x"), "````text\na\n```\nb @\u{200b}x\n````");
        assert_eq!(fence("<img>"), "```text\n<\u{200b}img>\n```");
        assert_eq!(fence("plain"), "```text\nplain\n```");
    }

    #[test]
    fn prose_keeps_its_shape_and_loses_its_effect() {
        let text = "It fails:\n\n- `order[\"x\"]` is missing\n- see [docs](https://evil.example/x) and ![p](http://a/b.png)\n<script>alert(1)</script><!-- hidden --> fixes #9 @me https://evil.example";
        let inert = neutralise_markdown(text);
        assert!(inert.starts_with("It fails:\n\n- `order[\"x\"]` is missing\n- see docs ("));
        for gone in ["<script", "](", "https://", "http://", "hidden", "fixes #9", "@me"] {
            assert!(!inert.contains(gone), "{gone} in {inert}");
        }
    }

    #[test]
    fn a_block_left_open_swallows_nothing() {
        for (text, expected) in [
            ("a\n```js\nb", "a\n```js\nb\n```"),
            ("~~~~\n```\n~~~", "~~~~\n```\n~~~\n~~~~"),
            ("```\na\n```\nb", "```\na\n```\nb"),
            ("a ```b``` c", "a ```b``` c"),
            ("```b``` c", "```b``` c"),
        ] {
            assert_eq!(neutralise_markdown(text), expected);
        }
    }

    #[test]
    fn nothing_of_prose_becomes_a_link_unasked() {
        for (text, expected) in [
            ("see www.evil.example", "see www\u{200b}.evil.example"),
            ("&amp;commat;octocat &amp;num;1", "&\u{200b}commat;octocat &\u{200b}num;1"),
            ("a\u{2028}b && c; http: //x", "a\nb && c; http: //x"),
            ("x\n Co-authored-by: me", "x\n Co-authored-by\u{200b}: me"),
            ("skip-checks: true", "skip-checks\u{200b}: true"),
            ("It is: so", "It is: so"),
            ("a [skip ci] ***NO_CI***", "a [skip\u{200b} ci] ***NO\u{200b}_CI***"),
        ] {
            assert_eq!(neutralise_markdown(text), expected);
        }
    }

    #[test]
    fn a_cut_ends_between_characters() {
        assert_eq!((cut("aéb", 2), cut("aéb", 3), cut("ab", 9)), ("a", "aé", "ab"));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_bounds_hold(text in "(?s).{0,200}", max in 1_usize..80) {
            let line = neutralise_inline(&text, max);
            prop_assert!(line.chars().count() <= max && !line.contains('\n') && !line.chars().any(char::is_control));
            let _ = (fence(&text), neutralise_markdown(&text));
            let once = plain(&text);
            prop_assert_eq!(plain(&once), once.as_str());
        }
    }
}
