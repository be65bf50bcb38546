//! How grave a line of text is: the level that it names near its start.

use crate::model::SeverityNumber;

/// A level stands this near the line's start, after the time and perhaps a thread's name.
const LEVEL_WITHIN_BYTES: usize = 100;

/// Level names that [`SeverityNumber::from_text`] does not know: zerolog and Serilog shorten so.
const SHORT_NAMES: [(&[u8], u64); 7] =
    [(b"TRC", 1), (b"DBG", 5), (b"INF", 9), (b"WRN", 13), (b"FTL", 21), (b"VRB", 1), (b"ERRO", 17)];

/// The level that a line names near its start, and the word; unspecified where it names none.
///
/// Upper-case words count wherever they stand there. In lower case a level is a word like others, so it counts only in
/// brackets, as a value (`level=error`), or as the line's own beginning (`error: …`).
pub(in crate::commands) fn level(text: &str) -> (SeverityNumber, &str) {
    let line = text.lines().next().unwrap_or_default();
    let head = &line[..line.floor_char_boundary(LEVEL_WITHIN_BYTES)];
    if let Some(number) = klog(head.as_bytes()) {
        return (number, &head[..1]);
    }
    let mut rest = 0;
    for word in head.split(|c: char| !c.is_ascii_alphabetic()) {
        let (start, end) = (rest, rest + word.len());
        // The one character that parts two words may be longer than a byte.
        rest = end + line[end..].chars().next().map_or(0, char::len_utf8);
        let number = number_of(word);
        if !number.is_unspecified() && stands_as_level(line, start, end) {
            return (number, word);
        }
    }
    (SeverityNumber::UNSPECIFIED, "")
}

fn number_of(word: &str) -> SeverityNumber {
    let short = SHORT_NAMES.iter().find(|(name, _)| *name == word.as_bytes());
    short.map_or_else(
        || SeverityNumber::from_text(word.as_bytes()),
        |(_, number)| SeverityNumber::from_wire(*number),
    )
}

fn stands_as_level(line: &str, start: usize, end: usize) -> bool {
    let word = &line[start..end];
    let (before, after) = (line[..start].chars().next_back(), line[end..].chars().next());
    // `ERROR_CODE`, `on-error` and `Error.java` are names of something else.
    if before.is_some_and(|c| matches!(c, '_' | '-' | '.') || c.is_alphanumeric())
        || after.is_some_and(|c| matches!(c, '_' | '-' | '.' | '(') || c.is_alphanumeric())
    {
        return false;
    }
    word.bytes().all(|b| b.is_ascii_uppercase())
        || matches!(
            (before, after),
            (Some('['), Some(']')) | (Some('<'), Some('>')) | (Some('('), Some(')')) | (Some('|'), Some('|'))
        )
        || matches!(before, Some('=' | '"'))
        || (after == Some(':') && !line[..start].bytes().any(|b| b.is_ascii_lowercase()))
}

/// `E0102 15:04:05.000000 …`: a letter and month and day, as glog and klog write.
fn klog(head: &[u8]) -> Option<SeverityNumber> {
    let [letter, day @ ..] = head else { return None };
    if day.len() < 5 || !day[..4].iter().all(u8::is_ascii_digit) || day[4] != b' ' {
        return None;
    }
    let number = match letter {
        b'I' => 9,
        b'W' => 13,
        b'E' => 17,
        b'F' => 21,
        _ => return None,
    };
    Some(SeverityNumber::from_wire(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn levels_are_found_near_the_start() {
        for (line, expected) in [
            ("2026-11-24 10:00:00,123 ERROR [main] shop.Cart - lost", 17),
            ("2026-11-24T10:00:00Z INFO no ERROR here", 9),
            ("[2026-11-24] [error] [client 10.0.0.1] lost", 17),
            ("time=2026-11-24 level=warning msg=slow", 13),
            ("WARNING:root:slow", 13),
            ("npm ERR! lost", 17),
            ("Error: Cannot find module 'x'", 17),
            ("10:00:00 INF Started", 9),
            ("E1124 10:00:00.000000 1 main.go:1] lost", 17),
            ("<crit> lost", 21),
            ("panic: runtime error", 21),
            ("F1 drivers", 0),
            ("no error was found", 0),
            ("ERROR_CODE is 0", 0),
            ("java.lang.Error: lost", 0),
            ("TypeError: x", 0),
            ("GET /errors 200", 0),
            ("a quite healthy line", 0),
            ("ä ERROR ö", 17),
            ("", 0),
        ] {
            assert_eq!(level(line).0.get(), expected, "{line}");
        }
        assert_eq!(level("x\nERROR y").0.get(), 0, "only of the first line");
        assert_eq!(level(&format!("{} ERROR", "x".repeat(200))).0.get(), 0, "only near the start");
    }

    proptest! {
        #[test]
        fn any_text_is_read(line in "\\PC{0,60}") {
            level(&line);
        }
    }
}
