//! Log text made fit to be seen: it is hostile. Every text that a page shows goes through here, and every page escapes besides.
//!
//! What has no shape of its own, or turns the text around it (bidi controls, ANSI codes, zero width), is shown as the escape that
//! a programmer would write for it, and every text has a bound.

use std::fmt::{self, Write as _};

use crate::model::MASK;

/// How much of a text is shown where it is one line among others, in bytes.
pub(super) const LINE_MAX: usize = 240;
/// How much of a text is shown where it is what the page is about, in bytes.
pub(super) const BLOCK_MAX: usize = 8 * 1024;

/// HTML that was made here, of texts that were escaped here. Templates name it with the filter `safe`, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Markup(String);

impl Markup {
    pub(super) fn new(html: String) -> Self {
        Self(html)
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text on one line.
pub(super) fn line(text: &str, bytes_max: usize) -> String {
    shown(text, bytes_max, false)
}

/// A text that keeps its lines.
pub(super) fn block(text: &str, bytes_max: usize) -> String {
    shown(text, bytes_max, true)
}

fn shown(text: &str, bytes_max: usize, keeps_lines: bool) -> String {
    let cut = &text[..text.floor_char_boundary(bytes_max)];
    let mut out = String::with_capacity(cut.len());
    let mut chars = cut.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\t' if keeps_lines => out.push(c),
            '\n' | '\t' => out.push(' '),
            _ if is_unseen(c) => escape_unseen(c, &mut out),
            _ => out.push(c),
        }
    }
    if cut.len() < text.len() {
        // Writing to a `String` fails nowhere, here and below.
        let _ = write!(out, "… ({} more bytes)", text.len() - cut.len());
    }
    out
}

fn escape_unseen(c: char, out: &mut String) {
    let _ = match u32::from(c) {
        code @ ..=0x7f => write!(out, "\\x{code:02x}"),
        code => write!(out, "\\u{{{code:x}}}"),
    };
}

/// Controls, and what Unicode calls default-ignorable or bidirectional formatting, but for the joiners that scripts and emoji need
/// (Unicode 17, `Default_Ignorable_Code_Point`; UAX #9, section 2).
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The text with what HTML reads as its own escaped, in elements and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A message template, with the parts that vary marked.
pub(super) fn template(message: &str, bytes_max: usize) -> Markup {
    let parts: Vec<_> = line(message, bytes_max).split(MASK).map(escape).collect();
    Markup(parts.join("<var title=\"varies from record to record\">*</var>"))
}

/// A text that keeps its lines, with what stands between two backticks set as code: as Claude writes.
pub(super) fn prose(text: &str, bytes_max: usize) -> Markup {
    let text = escape(&block(text, bytes_max));
    let parts: Vec<_> = text.split('`').collect();
    let last = parts.len() - 1;
    let mut html = String::with_capacity(text.len() * 2);
    for (at, part) in parts.into_iter().enumerate() {
        match (at % 2 == 1, at == last) {
            (false, _) => html.push_str(part),
            (true, false) => html.extend(["<code>", part, "</code>"]),
            // The last backtick stands alone.
            (true, true) => html.extend(["`", part]),
        }
    }
    Markup(html)
}

/// `1,234,567`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `834`, `1.2k`, `34k`, `5.6M`: a count that is compared with others at a glance.
pub(super) fn brief(number: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    match UNITS.into_iter().find(|(unit, _)| number >= *unit) {
        None => number.to_string(),
        Some((unit, name)) if number < unit * 10 => {
            format!("{}.{}{name}", number / unit, number % unit / (unit / 10))
        }
        Some((unit, name)) => format!("{}{name}", number / unit),
    }
}

/// US dollars; what is below a cent has more digits.
pub(super) fn usd(dollars: f64) -> String {
    if dollars > 0.0 && dollars < 0.01 { format!("${dollars:.4}") } else { format!("${dollars:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown_as_its_escape() {
        for (text, expected) in [
            ("plain – ünïcode 👩‍🚀", "plain – ünïcode 👩‍🚀"),
            ("\u{1b}[31mred\u{1b}[0m", "\\x1b[31mred\\x1b[0m"),
            ("user\u{202e}gnp.exe", "user\\u{202e}gnp.exe"),
            ("a\u{2066}b\u{2069}c\u{feff}\u{200b}", "a\\u{2066}b\\u{2069}c\\u{feff}\\u{200b}"),
            ("one\r\ntwo\tthree\0", "one two three\\x00"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert_eq!(line(text, LINE_MAX), expected, "{text:?}");
        }
        assert_eq!(block("one\r\n\ttwo\u{7}", 99), "one\n\ttwo\\x07");
    }

    #[test]
    fn a_text_is_cut_between_two_characters_and_says_so() {
        assert_eq!(line("ééé", 3), "é… (4 more bytes)");
        assert!(line(&"x".repeat(1 << 20), LINE_MAX).len() < 300);
    }

    #[test]
    fn a_template_shows_what_varies_and_nothing_of_it_takes_effect() {
        let told = template("<script>alert('<*>')</script> \"<*>\"", LINE_MAX).to_string();
        assert!(!told.contains("<script"), "{told}");
        assert_eq!(told.matches("<var ").count(), 2, "{told}");
        assert!(told.contains("&quot;"), "{told}");
    }

    #[test]
    fn prose_has_code_and_no_other_markup() {
        for (text, expected) in
            [("`a < b` holds", "<code>a &lt; b</code> holds"), ("it's `open", "it&#39;s `open"), ("", "")]
        {
            assert_eq!(prose(text, BLOCK_MAX).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        let numbers = [0, 834, 1_000, 1_299, 9_999, 10_000, 34_500, 999_999, 5_600_000, 12_000_000_000];
        let all = numbers.map(|n| (number(n), brief(n)));
        let told: Vec<_> = all.iter().map(|(whole, brief)| format!("{whole}={brief}")).collect();
        assert_eq!(
            told.join(" "),
            "0=0 834=834 1,000=1.0k 1,299=1.2k 9,999=9.9k 10,000=10k 34,500=34k 999,999=999k 5,600,000=5.6M 12,000,000,000=12G"
        );
        assert_eq!([usd(0.0), usd(0.004), usd(1.239)], ["$0.00", "$0.0040", "$1.24"]);
    }
}
