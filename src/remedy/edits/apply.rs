//! Edits put into one file. What does not fit exactly is told, never guessed.

use std::ops::Range;

use super::Edit;
use crate::redact;
use crate::remedy::checks::{Reason, Refusal};

/// Shorter replacements stand in a file by chance.
const TELLING_BYTES_MIN: usize = 8;

/// `text` with all `edits` in it. Each `find` must occur exactly once in `text` as it stands, and no two may overlap.
/// Line endings, byte order mark and final newline stay as they are.
pub(super) fn apply(path: &str, text: &str, edits: &[&Edit]) -> Result<String, Refusal> {
    let failed = |told: String| Err(Refusal::new(Reason::EditFailed, told));
    // What the model was shown.
    let shown = redact::redact(text);
    let mut placed = Vec::new();
    for edit in edits {
        let place = locate(path, text, edit)?;
        // `find` stands once in the file: where it does not stand in what was shown, a part of it was masked there.
        if edit.find.contains("[REDACTED:")
            || edit.replace.contains("[REDACTED:")
            || !shown.contains(&text[place.clone()])
        {
            let told = format!("an edit of `{path}` touches a masked secret; leave such places as they are");
            return Err(Refusal::new(Reason::SecretBlocked, told));
        }
        placed.push((place, edit));
    }
    placed.sort_by_key(|(place, _)| place.start);
    let (mut after, mut at) = (String::with_capacity(text.len()), 0);
    for (place, edit) in placed {
        if place.start < at {
            return failed(format!("two edits of `{path}` overlap at line {}", line_of(text, place.start)));
        }
        after.push_str(&text[at..place.start]);
        after.push_str(&with_endings(text, &text[place.clone()], &edit.replace));
        at = place.end;
    }
    after.push_str(&text[at..]);
    Ok(framed(text, after))
}

/// Where an edit's `find` stands. The model reads lines without their endings, so CRLF is the same as LF here.
fn locate(path: &str, text: &str, edit: &Edit) -> Result<Range<usize>, Refusal> {
    let failed = |told: String| Err(Refusal::new(Reason::EditFailed, told));
    if edit.find.is_empty() {
        return failed(format!("an edit of `{path}` has an empty `find`"));
    }
    let (lines, find) = (unix(text), unix(&edit.find));
    let places = occurrences(&lines, &find);
    match places[..] {
        [at] => Ok(in_original(text, at)..in_original(text, at + find.len())),
        [] => Err(missed(path, text, edit)),
        _ => {
            let at: Vec<_> = places.iter().take(5).map(|at| line_of(&lines, *at).to_string()).collect();
            failed(format!(
                "`find` occurs {} times in `{path}` (lines {}); add lines around it until it occurs once",
                places.len(),
                at.join(", ")
            ))
        }
    }
}

fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Where in `text` a place of `unix(text)` is; that of a line's end is before its CR.
fn in_original(text: &str, place: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut passed) = (0, 0);
    while passed < place && at < bytes.len() {
        at += if bytes[at..].starts_with(b"\r\n") { 2 } else { 1 };
        passed += 1;
    }
    at
}

/// Where a text occurs, overlapping places included.
fn occurrences(text: &str, find: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(find) {
        places.push(from + at);
        from += at + text[from + at..].chars().next().map_or(1, char::len_utf8);
    }
    places
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// What takes the place of `found`, with the line endings that it has, or else the file.
fn with_endings(text: &str, found: &str, replace: &str) -> String {
    let lines = if found.contains('\n') { found } else { text };
    let crlf = lines.matches("\r\n").count();
    let replace = unix(replace);
    if crlf * 2 > lines.matches('\n').count() { replace.replace('\n', "\r\n") } else { replace }
}

/// `after` with the byte order mark and the final newline of `before`, or without, as that is.
fn framed(before: &str, after: String) -> String {
    const MARK: char = '\u{feff}';
    let mut body = after.strip_prefix(MARK).map(str::to_owned).unwrap_or(after);
    if !before.is_empty() && !body.is_empty() {
        match (before.ends_with('\n'), body.ends_with('\n')) {
            (true, false) => body.push_str(if before.ends_with("\r\n") { "\r\n" } else { "\n" }),
            (false, true) => body.truncate(body.trim_end_matches(['\r', '\n']).len()),
            _ => {}
        }
    }
    if before.starts_with(MARK) {
        body.insert(0, MARK);
    }
    body
}

/// What was found in place of a `find` that does not occur.
fn missed(path: &str, text: &str, edit: &Edit) -> Refusal {
    let bare = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if edit.replace.trim().len() >= TELLING_BYTES_MIN && unix(text).contains(&unix(&edit.replace)) {
        return Refusal::new(
            Reason::AlreadyChanged,
            format!(
                "`find` does not occur in `{path}`, but `replace` does: it looks as if it were changed already"
            ),
        );
    }
    let told = if bare(text).contains(&bare(&edit.find)) {
        format!(
            "`find` occurs in `{path}` only where white space is disregarded; copy it exactly, with its indentation"
        )
    } else {
        let first = edit.find.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let near: Vec<_> = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !first.is_empty() && line.contains(first))
            .take(5)
            .map(|(i, _)| (i + 1).to_string())
            .collect();
        if near.is_empty() {
            format!("`find` does not occur in `{path}`; read the file again")
        } else {
            format!("`find` does not occur in `{path}`; its first line stands at line {}", near.join(", "))
        }
    };
    Refusal::new(Reason::EditFailed, told)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever text an edit is put into: what stands around it stays, byte for byte, and so do mark and final newline.
        #[test]
        fn nothing_else_changes(
            before in "\u{feff}?([a-cü \n]|\r\n){0,12}",
            after in "([a-cü \n]|\r\n){0,12}",
            replace in "[x\n]{0,4}",
        ) {
            let text = format!("{before}FIND\r\nME{after}");
            let edit = Edit { path: "a".into(), find: "FIND\nME".into(), replace: replace.clone() };
            let applied = apply("a", &text, &[&edit]).unwrap();
            let put = |ending: &str| format!("{before}{}{after}", replace.replace('\n', ending));
            let same = |wanted: String| framed(&text, wanted) == applied;
            prop_assert!(same(put("\r\n")), "{text:?} {applied:?}");
            prop_assert_eq!(text.starts_with('\u{feff}'), applied.starts_with('\u{feff}'));
            if !applied.trim_start_matches('\u{feff}').is_empty() {
                prop_assert_eq!(text.ends_with('\n'), applied.ends_with('\n'));
            }
        }

        /// No edit, however odd, breaks what applies it.
        #[test]
        fn no_edit_panics(
            text in "\u{feff}?([ab\u{e9}\n]|\r\n|\r){0,20}",
            find in "([ab\u{e9}\n]|\r\n|\r){0,4}",
            replace in "([ab\u{e9}\n]|\r\n|\r|\u{feff}){0,4}",
        ) {
            let edit = Edit { path: "a".into(), find, replace };
            let _ = apply("a", &text, &[&edit, &edit]);
            let _ = apply("a", &text, &[&edit]);
        }
    }
}
