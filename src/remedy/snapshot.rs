//! A repository as it stands at one commit: what the tools answer from, and what edits are checked against.
//!
//! The tree is read once, files as they are asked for, both through GitHub's API; [`Snapshots`] keeps them for whoever comes next.
//! Everything is bounded: a file, all files together, the answer of a tool.

mod cache;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

pub use self::cache::Snapshots;
use self::cache::{File, Files};
use super::paths::{self, file_name};
use super::places::PathRules;
use crate::github::{Base, EntryKind, GitHub, GitHubError, RepoName, Tree, TreeEntry};
use crate::redact;

/// The longest file that is read.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The longest file that is searched; longer ones are data as a rule.
const SEARCHED_BYTES_MAX: u64 = 256 * 1024;
/// Files that one search reads at most: each is a call to GitHub the first time.
const SEARCHED_FILES_MAX: usize = 150;
/// Places that one search answers.
const HITS_MAX: usize = 50;
/// Lines that one reading answers.
const LINES_MAX: usize = 400;
/// Characters of one tool's answer; mini-swe-agent cuts at the same length.
const ANSWER_CHARS_MAX: usize = 10_000;
/// Entries of one listing.
const LISTED_MAX: usize = 500;

/// Why a tool has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The model asked for something that is not there or not allowed; it is told.
    #[error("{0}")]
    Answer(String),
    /// GitHub did not answer; the work stops.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
}

fn told(text: impl Into<String>) -> SnapshotError {
    SnapshotError::Answer(text.into())
}

/// Where files come from.
#[derive(Debug)]
enum Source {
    GitHub {
        github: GitHub,
        repository: RepoName,
        /// What was read before.
        files: Files,
    },
    /// Files that are there already, by their ids: what tests use.
    Memory(HashMap<String, Arc<str>>),
}

/// A repository at one commit.
#[derive(Debug)]
pub struct Snapshot {
    source: Source,
    tree: Arc<Tree>,
    /// Which files may be changed.
    rules: PathRules,
}

impl Snapshot {
    /// Reads the tree of a base commit, for a snapshot that shares nothing with others.
    ///
    /// # Errors
    ///
    /// Where GitHub does not answer.
    pub async fn load(github: &GitHub, repository: &RepoName, base: &Base) -> Result<Self, GitHubError> {
        Snapshots::default().at(github, repository, base).await
    }

    fn of_tree(github: GitHub, repository: RepoName, tree: Arc<Tree>, files: Files) -> Self {
        Self { source: Source::GitHub { github, repository, files }, tree, rules: PathRules::default() }
    }

    /// The same, with rules for what may be changed in it.
    #[must_use]
    pub fn ruled_by(self, rules: PathRules) -> Self {
        Self { rules, ..self }
    }

    /// Whether the rules let a file be changed.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Answer`] with the rule.
    pub fn may_change(&self, path: &str) -> Result<(), SnapshotError> {
        self.rules.check(path).map_err(|fault| told(fault.to_string()))
    }

    /// Whether GitHub left files out of its list.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.tree.truncated
    }

    /// The paths of all plain files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.tree.entries.iter().filter(|entry| is_file(entry)).map(|entry| entry.path.as_str())
    }

    /// A snapshot of these files.
    #[must_use]
    pub fn of_files(files: &[(&str, &str)]) -> Self {
        let mut known = HashMap::new();
        let mut entries = Vec::new();
        for (path, text) in files {
            known.insert((*path).to_owned(), Arc::from(*text));
            entries.push(TreeEntry {
                path: (*path).to_owned(),
                mode: "100644".to_owned(),
                kind: EntryKind::Blob,
                sha: (*path).to_owned(),
                size: text.len() as u64,
            });
        }
        let tree = Arc::new(Tree { entries, truncated: false });
        Self { source: Source::Memory(known), tree, rules: PathRules::default() }
    }

    /// The entry of a plain file: no folder, symbolic link or submodule.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&TreeEntry> {
        self.tree.entries.iter().find(|entry| entry.path == path && is_file(entry))
    }

    /// Whether anything stands at a path.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.tree.entries.iter().any(|entry| entry.path == path)
    }

    /// The same of a path that differs at most in the case of its letters.
    #[must_use]
    pub fn exists_in_any_case(&self, path: &str) -> bool {
        let wanted = path.to_lowercase();
        self.tree.entries.iter().any(|entry| entry.path.to_lowercase() == wanted)
    }

    /// Whether a folder holds source, so that another file would not be out of place in it.
    #[must_use]
    pub fn has_source_in(&self, folder: &str) -> bool {
        self.tree
            .entries
            .iter()
            .any(|entry| is_file(entry) && paths::is_source(&entry.path) && parent(&entry.path) == folder)
    }

    /// A file's text as it stands, not redacted: what edits are checked against.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Answer`] where the path is refused, absent, too long or no text.
    pub async fn text(&self, path: &str) -> Result<Arc<str>, SnapshotError> {
        let path = paths::readable(path).map_err(|fault| told(fault.to_string()))?;
        let Some(entry) = self.file(path) else {
            let what = if self.exists(path) { "is no plain file" } else { "is not there" };
            return Err(told(format!("`{path}` {what}")));
        };
        if entry.size > FILE_BYTES_MAX {
            return Err(told(format!(
                "`{path}` has {} bytes; only {FILE_BYTES_MAX} can be read",
                entry.size
            )));
        }
        self.blob(entry).await?.ok_or_else(|| told(format!("`{path}` is no text")))
    }

    /// `None` where the file is no text.
    async fn blob(&self, entry: &TreeEntry) -> Result<Option<Arc<str>>, SnapshotError> {
        let (github, repository, files) = match &self.source {
            Source::Memory(files) => return Ok(files.get(&entry.sha).cloned()),
            Source::GitHub { github, repository, files } => (github, repository, files),
        };
        if let Some(known) = files.get(repository, &entry.sha) {
            return Ok(known.text());
        }
        let file = text_of(github.blob(repository, &entry.sha).await?).map_or(File::Other, File::Text);
        files.keep(repository, &entry.sha, file.clone());
        Ok(file.text())
    }

    /// Answers `list_files`.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Answer`] where there is no such folder.
    pub fn list_files(&self, path: &str) -> Result<String, SnapshotError> {
        let folder = path.trim_end_matches('/').trim_start_matches("./");
        let folder = if folder == "." { "" } else { folder };
        if !folder.is_empty() {
            paths::checked(folder).map_err(|fault| told(fault.to_string()))?;
        }
        let children: Vec<_> =
            self.tree.entries.iter().filter(|entry| parent(&entry.path) == folder).collect();
        if children.is_empty() {
            return Err(told(format!("there is no folder `{folder}`")));
        }
        let mut answer = String::new();
        for entry in children.iter().take(LISTED_MAX) {
            let name = redact::plain(file_name(&entry.path));
            let _ = match entry.kind {
                EntryKind::Tree => writeln!(answer, "{name}/"),
                EntryKind::Blob if is_file(entry) => writeln!(answer, "{name} {}", entry.size),
                _ => writeln!(answer, "{name} (link)"),
            };
        }
        if children.len() > LISTED_MAX {
            let _ = writeln!(answer, "… and {} more", children.len() - LISTED_MAX);
        }
        Ok(shortened(&answer))
    }

    /// Answers `read_file`.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`].
    pub async fn read_file(
        &self,
        path: &str,
        start: Option<u64>,
        end: Option<u64>,
    ) -> Result<String, SnapshotError> {
        let text = self.text(path).await?;
        let total = text.lines().count();
        let line = |number: Option<u64>, default| {
            number.map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX))
        };
        let first = line(start, 1).max(1);
        let last = line(end, usize::MAX).min(total).min(first.saturating_add(LINES_MAX - 1));
        if first > total {
            return Err(told(format!("`{path}` has {total} lines")));
        }
        let mut answer = numbered(&text, first, last);
        if last < total {
            let _ = writeln!(answer, "… lines {} to {total} follow", last + 1);
        }
        Ok(shortened(&answer))
    }

    /// Answers `search_code`: files near `hints`, the paths that the stack trace names, are read first.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`].
    pub async fn search_code(
        &self,
        query: &str,
        path: Option<&str>,
        hints: &[String],
    ) -> Result<String, SnapshotError> {
        if query.trim().is_empty() || query.len() > 500 {
            return Err(told("the query must have 1 to 500 characters"));
        }
        let below = path.unwrap_or_default().trim_matches('/');
        let mut candidates: Vec<_> =
            self.tree.entries.iter().filter(|entry| is_searched(entry, below)).collect();
        candidates.sort_by_key(|entry| {
            (
                !hints.iter().any(|hint| parent(hint) == parent(&entry.path)),
                entry.path.matches('/').count(),
                &entry.path,
            )
        });
        let wanted = query.to_lowercase();
        let (mut answer, mut found) = (String::new(), 0);
        for entry in candidates.iter().take(SEARCHED_FILES_MAX) {
            let Some(text) = self.blob(entry).await? else { continue };
            for (i, line) in
                text.lines().enumerate().filter(|(_, line)| line.to_lowercase().contains(&wanted))
            {
                found += 1;
                if found <= HITS_MAX {
                    let line = redact::redact(redact::cut(line.trim(), 200)).into_owned();
                    let _ = writeln!(answer, "{}:{}: {}", entry.path, i + 1, redact::plain(&line));
                }
            }
        }
        if found == 0 {
            answer.push_str("not found\n");
        } else if found > HITS_MAX {
            let _ = writeln!(answer, "… and {} more places", found - HITS_MAX);
        }
        if candidates.len() > SEARCHED_FILES_MAX || self.tree.truncated {
            let _ = writeln!(
                answer,
                "Only {SEARCHED_FILES_MAX} of {} files were searched; name a folder to search others.",
                candidates.len()
            );
        }
        Ok(shortened(&answer))
    }
}

/// `None` where the bytes are no text, or stand for a file that is kept elsewhere.
fn text_of(bytes: Vec<u8>) -> Option<Arc<str>> {
    let is_pointer = bytes.starts_with(b"version https://git-lfs.github.com/");
    let text = String::from_utf8(bytes).ok()?;
    (!text.contains('\0') && !is_pointer).then(|| text.into())
}

fn is_file(entry: &TreeEntry) -> bool {
    entry.kind == EntryKind::Blob && matches!(entry.mode.as_str(), "100644" | "100755")
}

fn is_searched(entry: &TreeEntry, below: &str) -> bool {
    let inside = below.is_empty()
        || entry.path.strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let foreign =
        entry.path.split('/').any(|part| matches!(part, "node_modules" | "vendor" | "third_party" | "dist"));
    inside
        && !foreign
        && is_file(entry)
        && entry.size <= SEARCHED_BYTES_MAX
        && paths::is_source(&entry.path)
        && paths::readable(&entry.path).is_ok()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Lines `first` to `last` as `number: text`, redacted and without control codes.
#[must_use]
pub fn numbered(text: &str, first: usize, last: usize) -> String {
    let mut answer = String::new();
    for (i, line) in text.lines().enumerate().take(last).skip(first.saturating_sub(1)) {
        let _ = writeln!(answer, "{}: {line}", i + 1);
    }
    redact::redact(&redact::plain(&answer)).into_owned()
}

/// An answer within its bound: its two ends, where it is too long.
fn shortened(answer: &str) -> String {
    if answer.len() <= ANSWER_CHARS_MAX {
        return answer.to_owned();
    }
    let half = ANSWER_CHARS_MAX / 2;
    let tail = answer.len() - half;
    let tail = (tail..answer.len()).find(|at| answer.is_char_boundary(*at)).unwrap_or(answer.len());
    format!("{}\n… cut …\n{}", redact::cut(answer, half), &answer[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::of_files(&[
            (
                "app/checkout/pricing.py",
                "def a():\n    return 1\n\ndef shipping(order):\n    return order['country']\n",
            ),
            ("app/other/pricing.py", "x = 1\n"),
            ("app/settings.py", "API_KEY = 'a1b2c3d4e5f6'\nNAME = 'shop'\n"),
            ("app/main.py", "import x\n"),
            ("lib/main.py", "import y\n"),
            (".env", "SECRET=1\n"),
        ]);
        let link = TreeEntry {
            path: "link.py".into(),
            mode: "120000".into(),
            kind: EntryKind::Blob,
            sha: "l".into(),
            size: 3,
        };
        let module = TreeEntry {
            path: "sub".into(),
            mode: "160000".into(),
            kind: EntryKind::Commit,
            sha: "s".into(),
            size: 0,
        };
        let folder = TreeEntry {
            path: "app".into(),
            mode: "040000".into(),
            kind: EntryKind::Tree,
            sha: "t".into(),
            size: 0,
        };
        let huge = TreeEntry {
            path: "huge.py".into(),
            mode: "100644".into(),
            kind: EntryKind::Blob,
            sha: "h".into(),
            size: 10 << 20,
        };
        Arc::make_mut(&mut snapshot.tree).entries.extend([link, module, folder, huge]);
        snapshot
    }

    #[tokio::test]
    async fn files_are_read_with_numbers_and_without_secrets() {
        let snapshot = snapshot();
        let lines = snapshot.read_file("app/checkout/pricing.py", Some(4), Some(5)).await.unwrap();
        assert_eq!(lines, "4: def shipping(order):\n5:     return order['country']\n");
        let settings = snapshot.read_file("app/settings.py", None, None).await.unwrap();
        assert_eq!(settings, "1: API_KEY = '[REDACTED:secret]'\n2: NAME = 'shop'\n");
    }

    #[tokio::test]
    async fn what_is_not_to_be_read_is_told() {
        for path in [
            "../../etc/passwd",
            "/etc/passwd",
            ".env",
            "link.py",
            "sub",
            "app",
            "huge.py",
            "nothing.py",
            "a\\b",
        ] {
            let error = snapshot().read_file(path, None, None).await.unwrap_err();
            assert!(matches!(error, SnapshotError::Answer(_)), "{path}: {error}");
        }
    }

    #[test]
    fn folders_are_listed() {
        assert_eq!(snapshot().list_files("app/checkout/").unwrap(), "pricing.py 72\n");
        let root = snapshot().list_files("").unwrap();
        assert!(root.contains("app/\n") && root.contains("link.py (link)\n"), "{root}");
        assert!(snapshot().list_files("..").is_err() && snapshot().list_files("nowhere").is_err());
    }

    #[tokio::test]
    async fn code_is_found_as_it_stands() {
        let found = snapshot().search_code("ORDER['", Some("app"), &[]).await.unwrap();
        assert_eq!(found, "app/checkout/pricing.py:5: return order['country']\n");
        assert_eq!(snapshot().search_code("SECRET=1", None, &[]).await.unwrap(), "not found\n");
    }
}
