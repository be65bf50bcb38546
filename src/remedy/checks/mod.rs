//! What holds for a change as a whole: its size, its syntax, its worth, and that it adds no secret.
//!
//! In come files as they were and as they would become; out comes a [`Refusal`], or what could not be looked at.

mod reason;
#[cfg(test)]
mod tests;

use similar::{ChangeTag, TextDiff};

pub use reason::{Reason, Refusal};

use super::edits::ChangedFile;
use super::snapshot::FILE_BYTES_MAX;
use super::syntax::{self, Look};
use crate::redact;

/// A change people can review in minutes: more than this is a redesign, not a fix.
const FILES_MAX: usize = 3;
const NEW_FILES_MAX: usize = 1;
const CHANGED_LINES_MAX: usize = 120;
/// Lines that may go without others in their place: a fix seldom deletes, and a deletion hides an error well.
const REMOVED_LINES_MAX: usize = 40;
/// Text that may be added, in all and in one line: nobody reads a line to its end that is longer.
const ADDED_BYTES_MAX: usize = 20 * 1024;
const LINE_BYTES_MAX: usize = 2_000;
/// Lines with a fault that a refusal names.
const FAULTY_LINES_TOLD_MAX: usize = 5;

/// Looks at a change; what could not be looked at is answered as remarks for whoever reviews it.
///
/// It parses, which may take seconds: not for async threads.
///
/// # Errors
///
/// The first thing that does not hold.
pub fn check(files: &[ChangedFile]) -> Result<Vec<String>, Refusal> {
    let added = is_small(files)?;
    if added.iter().any(|line| line.contains(reads_unlike_itself)) {
        let told = "the change adds characters that are not seen, or that turn the direction of text, so that it reads unlike what it does";
        return Err(Refusal::new(Reason::EditFailed, told));
    }
    if added.iter().any(|line| line.len() > LINE_BYTES_MAX)
        || added.iter().map(String::len).sum::<usize>() > ADDED_BYTES_MAX
    {
        let told = format!(
            "the change adds more than {ADDED_BYTES_MAX} bytes, or a line of more than {LINE_BYTES_MAX}"
        );
        return Err(Refusal::new(Reason::TooLarge, told));
    }
    if redact::contains_secret(&added.concat()) {
        let told = "the change adds what looks like a secret; read it from the configuration instead";
        return Err(Refusal::new(Reason::SecretBlocked, told));
    }
    parses_and_matters(files, syntax::compare)
}

/// Counts and sizes; answers the lines that are added.
fn is_small(files: &[ChangedFile]) -> Result<Vec<String>, Refusal> {
    let too_large = |told: String| Err(Refusal::new(Reason::TooLarge, told));
    let new = files.iter().filter(|file| file.before.is_none()).count();
    if files.is_empty() {
        return Err(Refusal::new(Reason::EditFailed, "nothing is changed: give edits, or decline"));
    }
    if files.len() > FILES_MAX || new > NEW_FILES_MAX {
        let changed = files.len() - new;
        return too_large(format!(
            "{changed} files are changed and {new} added; at most {FILES_MAX} and {NEW_FILES_MAX} may be"
        ));
    }
    let (mut added, mut removed) = (Vec::new(), 0);
    for file in files {
        if file.after.len() as u64 > FILE_BYTES_MAX || file.after.contains('\0') {
            return too_large(format!("`{}` would become too long or no text", file.path));
        }
        let before = file.before.as_deref().unwrap_or_default();
        let diff = TextDiff::from_lines(before, file.after.as_str());
        for change in diff.iter_all_changes() {
            match change.tag() {
                ChangeTag::Insert => added.push(change.value().to_owned()),
                ChangeTag::Delete => removed += 1,
                ChangeTag::Equal => {}
            }
        }
    }
    let changed = added.len() + removed;
    if changed > CHANGED_LINES_MAX {
        return too_large(format!("{changed} lines are changed; at most {CHANGED_LINES_MAX} may be"));
    }
    if removed > added.len() + REMOVED_LINES_MAX {
        return too_large(format!(
            "{removed} lines are removed and {} put in their place; a fix does not delete so much",
            added.len()
        ));
    }
    Ok(added)
}

/// Marks, overrides and isolates of the direction of writing, behind which code can hide (CVE-2021-42574), and characters without
/// width or shape, some of which may stand in names (CVE-2021-42694). A byte order mark and the joiner of emoji are let through.
fn reads_unlike_itself(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// No file may parse worse than before, and in one of them at least more than comments and white space must change.
fn parses_and_matters(
    files: &[ChangedFile],
    compare: impl Fn(&str, &str, &str) -> Look,
) -> Result<Vec<String>, Refusal> {
    let (mut remarks, mut matters) = (Vec::new(), false);
    for file in files {
        let before = file.before.as_deref().unwrap_or_default();
        matters |= match compare(&file.path, before, &file.after) {
            Look::Seen(seen) => {
                if seen.faulty_lines.len() > seen.faults_before {
                    return Err(broken(&file.path, seen.faults_before, &seen.faulty_lines));
                }
                !seen.is_same_code
            }
            Look::Unknown => bare(before) != bare(&file.after),
            Look::NoAnswer => {
                remarks.push(format!("whether `{}` still parses was not found out in time", file.path));
                bare(before) != bare(&file.after)
            }
        };
    }
    if matters {
        Ok(remarks)
    } else {
        Err(Refusal::new(Reason::OnlyComments, "only comments or white space are changed"))
    }
}

fn broken(path: &str, before: usize, lines: &[usize]) -> Refusal {
    let mut lines: Vec<_> = lines.to_vec();
    lines.dedup();
    let told: Vec<_> = lines.iter().take(FAULTY_LINES_TOLD_MAX).map(usize::to_string).collect();
    let but = if before == 0 { "" } else { ", more than as it stands now" };
    Refusal::new(
        Reason::Syntax,
        format!("`{path}` would not parse{but}: there are syntax errors at line {}", told.join(", ")),
    )
}

fn bare(text: &str) -> String {
    text.split_whitespace().collect()
}
