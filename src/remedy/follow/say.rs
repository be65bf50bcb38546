//! The texts of comments. What a model, a log or a workflow wrote in them is redacted and has no effect.

use std::time::Duration;

use super::decide::Why;
use crate::model::UnixNanos;
use crate::redact::{neutralise_inline, neutralise_markdown, redact};
use crate::store::Sightings;

/// Names of checks that one comment lists.
const NAMES_MAX: usize = 10;

fn names(names: &[String]) -> String {
    let mut shown: Vec<_> = names
        .iter()
        .take(NAMES_MAX)
        .map(|name| format!("`{}`", neutralise_inline(&redact(name), 80)))
        .collect();
    if names.len() > NAMES_MAX {
        shown.push(format!("{} more", names.len() - NAMES_MAX));
    }
    shown.join(", ")
}

/// Text of a model as part of a comment.
pub(super) fn prose(text: &str) -> String {
    neutralise_markdown(&redact(crate::redact::cut(text, 2_000))).trim().to_owned()
}

/// A time span in the greatest unit that tells it.
fn span(duration: Duration) -> String {
    let secs = duration.as_secs();
    let (count, unit) = match secs {
        0..60 => (secs, "second"),
        60..3_600 => (secs / 60, "minute"),
        _ => (secs / 3_600, "hour"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn conflict() -> String {
    "This change is in conflict with its base branch. Nothing was rebased. Somebody with write access can comment \
     `/logmend retry` to have it made anew on the base as it is now, or `/logmend ignore` to leave the error alone."
        .to_owned()
}

/// `None` where there is nothing to add to what GitHub shows.
pub(super) fn ready(why: &Why) -> Option<String> {
    match why {
        Why::Green => None,
        Why::NoChecks => Some(
            "No check of CI was found on this commit, so nothing has run this change. It is ready for review all the same."
                .to_owned(),
        ),
        Why::Unread(unread) => Some(format!(
            "What logmend can read of CI is green. It could not read all: {}.",
            names(unread)
        )),
        Why::RedOnBase(failing) => Some(format!(
            "These checks fail on the base commit too, without this change: {}. The others are green, so it is ready for review.",
            names(failing)
        )),
    }
}

pub(super) fn endless(running: &[String]) -> String {
    format!(
        "These checks have not ended for an hour and a half: {}. This stays a draft until they do.",
        names(running)
    )
}

pub(super) fn unread(unread: &[String]) -> String {
    format!(
        "Nothing is known of CI on this commit: the credentials that logmend has may not read {}. This stays a draft; mark it as ready \
         by hand, or grant that permission.",
        names(unread)
    )
}

pub(super) fn not_readied(words: &str) -> String {
    format!(
        "CI has nothing against this change, but GitHub did not let it be marked as ready for review: {}. Please do so by hand.",
        neutralise_inline(&redact(words), 300)
    )
}

pub(super) fn stays_draft(failing: &[String], tried: &str) -> String {
    format!(
        "This stays a draft: {} {} with it and not without it.\n\n{tried}\n\nSomebody with write access can comment \
         `/logmend retry` for another attempt, or close this to leave the error alone.",
        names(failing),
        if failing.len() == 1 { "fails" } else { "fail" },
    )
}

pub(super) fn not_written(what: &str, reason: &str) -> String {
    format!("{what} was tried and came to nothing: {}", prose(reason))
}

pub(super) fn moved() -> String {
    "Somebody else has moved this branch, so nothing more is written to it: it is yours now.".to_owned()
}

pub(super) fn no_retry(why: &str) -> String {
    format!("Nothing was tried again: {why}.")
}

pub(super) fn ignored(by: &str) -> String {
    format!(
        "As {} asks, this error is left alone from now on, and this pull request to you.",
        neutralise_inline(by, 60)
    )
}

pub(super) fn fixed(quiet: Duration, since: UnixNanos, by_commit: bool) -> String {
    let clock = if by_commit {
        format!("since a build with this change was first seen, {since}")
    } else {
        format!("since the merge, {since}, as no build of the service says which commit it is of")
    };
    format!("The error was not seen for {} {clock}. It counts as fixed.", span(quiet))
}

pub(super) fn regressed(seen: Sightings, merged_at: UnixNanos, by_commit: bool) -> String {
    let last = seen.last.map_or_else(String::new, |last| format!(", the last time {last}"));
    let how = if by_commit {
        "a build that holds this change logs it"
    } else {
        "it was logged later than a deployment takes"
    };
    format!(
        "The error is back: {how}. It was seen {} times since the merge, {merged_at}{last}. No other change is tried unless people ask for one.",
        seen.count
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_has_no_effect_in_a_comment() {
        let hostile = "x` @octocat fixes #1 <!-- logmend:a --> [y](https://evil.example)".to_owned();
        let red = stays_draft(std::slice::from_ref(&hostile), &not_written("A repair", &hostile));
        for text in [red, ready(&Why::RedOnBase(vec![hostile.clone()])).unwrap(), not_readied(&hostile)] {
            for effect in ["@octocat", "fixes #1", "<!--", "](http"] {
                assert!(!text.contains(effect), "{effect} in {text}");
            }
        }
    }

    #[test]
    fn spans_are_told_in_their_greatest_unit() {
        let told = [(1, "1 second"), (120, "2 minutes"), (86_400, "24 hours")];
        assert!(told.iter().all(|(secs, text)| span(Duration::from_secs(*secs)) == *text));
    }
}
