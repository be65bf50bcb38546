//! What changed in the files of an error before it began.

use serde::{Deserialize, Serialize};

use super::Site;
use crate::github::{GitHubError, PastCommit};
use crate::model::UnixNanos;

/// Changes of one file that are looked at.
const CHANGES_MAX: u32 = 10;
/// Commits whose messages tell how a history is written.
const STYLE_COMMITS: u32 = 30;
/// Fewer tell nothing.
const STYLE_COMMITS_MIN: usize = 3;

/// A change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: String,
    /// The commit.
    pub commit: PastCommit,
}

/// The newest change of the error's files before it began. It came before the error; whether it brought it, people see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// The commit.
    pub sha: String,
    /// When it was committed.
    pub date: String,
    /// The first line of its message, as somebody wrote it.
    pub subject: String,
    /// The file.
    pub path: String,
}

/// The latest changes of a file before a commit and in it.
pub(super) async fn of_file(site: Site<'_>, from: &str, path: &str) -> Result<Vec<Change>, GitHubError> {
    let commits = site.github.commits(&site.place.repository, from, Some(path), CHANGES_MAX).await?;
    Ok(commits.into_iter().map(|commit| Change { path: path.to_owned(), commit }).collect())
}

/// The newest change of each file that was there when the error began, and of those the latest; of several at one time that of the
/// innermost frame. Within a file GitHub's order counts, not the dates: those are what the committer's clock said.
pub(super) fn suspect(changes: &[Change], began: UnixNanos) -> Option<Suspect> {
    let mut newest: Option<(UnixNanos, &Change)> = None;
    let mut seen: Vec<&str> = Vec::new();
    for change in changes {
        if let Some(committed) = change.commit.committed
            && committed <= began
            && !seen.contains(&change.path.as_str())
        {
            seen.push(&change.path);
            if newest.is_none_or(|(known, _)| committed > known) {
                newest = Some((committed, change));
            }
        }
    }
    newest.map(|(committed, change)| Suspect {
        sha: change.commit.sha.clone(),
        date: committed.to_string(),
        subject: change.commit.subject.clone(),
        path: change.path.clone(),
    })
}

/// Whether most of the latest messages are Conventional Commits.
pub(super) async fn is_written_conventionally(site: Site<'_>) -> Result<bool, GitHubError> {
    let commits = site.github.commits(&site.place.repository, &site.base.commit, None, STYLE_COMMITS).await?;
    Ok(most_are_conventional(commits.iter().map(|commit| commit.subject.as_str())))
}

/// Those that GitHub writes itself say nothing of people's style.
fn most_are_conventional<'s>(subjects: impl Iterator<Item = &'s str>) -> bool {
    let written: Vec<_> = subjects
        .filter(|subject| !subject.starts_with("Merge ") && !subject.starts_with("Revert "))
        .collect();
    let conventional = written.iter().filter(|subject| is_conventional(subject)).count();
    written.len() >= STYLE_COMMITS_MIN && conventional * 2 > written.len()
}

/// Whether a message begins as "Conventional Commits 1.0.0" has it: `type(scope)!: description`.
#[must_use]
pub fn is_conventional(subject: &str) -> bool {
    let Some((head, description)) = subject.split_once(": ") else { return false };
    let head = head.strip_suffix('!').unwrap_or(head);
    let (kind, scope) = head
        .split_once('(')
        .map_or((head, "x"), |(kind, rest)| (kind, rest.strip_suffix(')').unwrap_or_default()));
    let is_kind = (2..=12).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_lowercase());
    is_kind && !scope.is_empty() && !scope.contains(['(', ')']) && !description.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, sha: &str, committed: Option<u64>) -> Change {
        let commit = PastCommit {
            sha: sha.into(),
            tree: "t".into(),
            committed: committed.map(UnixNanos::from_secs),
            subject: format!("touch {path}"),
        };
        Change { path: path.into(), commit }
    }

    #[test]
    fn the_newest_change_before_it_began_is_suspect() {
        let changes = [
            change("a.py", "after", Some(200)),
            change("a.py", "older", Some(50)),
            change("b.py", "newer", Some(90)),
            change("c.py", "as new", Some(90)),
            change("c.py", "unknown", None),
        ];
        let of = |began| suspect(&changes, UnixNanos::from_secs(began)).map(|suspect| suspect.sha);
        assert_eq!(of(100).as_deref(), Some("newer"));
        assert_eq!(of(60).as_deref(), Some("older"));
        assert_eq!(of(200).as_deref(), Some("after"));
        assert_eq!(of(10), None);
    }

    #[test]
    fn conventional_commits_are_known_by_how_they_begin() {
        for good in ["fix: a", "feat(cart): b", "chore(deps)!: c", "build!: d", "refactor: e: f"] {
            assert!(is_conventional(good), "{good}");
        }
        for bad in
            ["Fix: a", "fix a", "fix:", "fix(): a", "Merge pull request #1", "fix (cart): a", "a: b", ""]
        {
            assert!(!is_conventional(bad), "{bad}");
        }
    }

    #[test]
    fn a_history_is_conventional_where_most_of_it_is() {
        for (subjects, expected) in [
            (&["fix: a", "feat: b", "Add c"][..], true),
            (&["fix: a", "feat: b", "Add c", "Add d"], false),
            (&["fix: a", "feat: b"], false),
            (&["fix: a", "feat: b", "docs: c", "Merge branch x", "Merge branch y", "Revert \"d\""], true),
            (&[], false),
        ] {
            assert_eq!(most_are_conventional(subjects.iter().copied()), expected, "{subjects:?}");
        }
    }
}
