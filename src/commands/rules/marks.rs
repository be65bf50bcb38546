//! A line with what was found in it marked underneath.

use crate::classify::{Field, Found};

use super::Look;

/// Characters of a line that are shown; what lies before the first mark is cut where the line is longer.
const SHOWN_MAX: usize = 160;
/// Characters that stay before the first mark.
const BEFORE: usize = 40;

/// The body, and carets under the texts that were found in it; what could move a terminal's cursor is escaped.
pub(super) fn marked(body: &[u8], found: &[Found], look: Look) -> String {
    let in_body: Vec<_> = found.iter().filter(|found| found.field == Field::Body).collect();
    let is_marked = |byte: usize| in_body.iter().any(|found| (found.start..found.end).contains(&byte));
    let mut cells: Vec<(String, bool)> = Vec::new();
    let mut at = 0;
    for chunk in body.utf8_chunks() {
        for c in chunk.valid().chars() {
            cells.push((shown(c), is_marked(at)));
            at += c.len_utf8();
        }
        if !chunk.invalid().is_empty() {
            cells.push(('\u{fffd}'.to_string(), is_marked(at)));
            at += chunk.invalid().len();
        }
    }
    let first = cells.iter().position(|(_, marked)| *marked).unwrap_or(0);
    let cut = if cells.len() > SHOWN_MAX { first.saturating_sub(BEFORE) } else { 0 };
    let (mut line, mut carets) = (String::new(), String::new());
    if cut > 0 {
        line.push('…');
        carets.push(' ');
    }
    for (text, marked) in cells.iter().skip(cut).take(SHOWN_MAX) {
        line.push_str(text);
        carets.extend(text.chars().map(|_| if *marked { '^' } else { ' ' }));
    }
    if cells.len() - cut > SHOWN_MAX {
        line.push('…');
    }
    let carets = carets.trim_end();
    if carets.is_empty() { line } else { format!("{line}\n{}", look.mark(carets)) }
}

fn shown(c: char) -> String {
    if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], spans: &[(usize, usize)], expected: &str) {
        let found = |(start, end): &(usize, usize)| Found {
            text: String::new(),
            field: Field::Body,
            start: *start,
            end: *end,
        };
        let found: Vec<_> = spans.iter().map(found).collect();
        assert_eq!(marked(body, &found, Look { coloured: false }), expected);
    }

    #[test]
    fn what_was_found_is_marked_under_the_text() {
        check(b"it is full", &[(6, 10)], "it is full\n      ^^^^");
        check("é is full, é is full".as_bytes(), &[(6, 10)], "é is full, é is full\n     ^^^^");
        check(b"all is well", &[], "all is well");
        check(b"a\x1b[31m full", &[(7, 11)], "a\\u{1b}[31m full\n            ^^^^");
        check(b"a\xff full\n", &[(3, 7)], "a\u{fffd} full\\n\n   ^^^^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_first_mark() {
        let line = format!("{}full{}", "x".repeat(300), "y".repeat(300));
        let expected = format!("…{}full{}…\n{}^^^^", "x".repeat(40), "y".repeat(116), " ".repeat(41));
        check(line.as_bytes(), &[(300, 304)], &expected);
    }
}
