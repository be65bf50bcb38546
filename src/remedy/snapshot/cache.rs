//! What was read of repositories, kept for whoever asks next: attempts at other errors, and later ones at the same.
//!
//! Git names trees and files by their content, so nothing here is ever out of date; it is bounded by weight and time to live
//! all the same. A file is kept for its repository alone: that its id is known does not mean that it may be read elsewhere.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::Snapshot;
use crate::github::{Base, GitHub, GitHubError, RepoName, Tree};

/// All trees together, in bytes: four of the largest repositories that are read, or hundreds of the usual ones.
const TREES_BYTES_MAX: u64 = 192 * 1024 * 1024;
/// All files together, in bytes: some hundred source files of each of several attempts.
const FILES_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// For how long anything is kept: longer than an attempt, which lasts 15 minutes.
const KEPT: Duration = Duration::from_hours(1);
/// What an entry of either takes beside its texts: keys, counters, the cache's own nodes.
const ENTRY_BYTES: usize = 250;

type Key = (RepoName, String);

/// Snapshots of repositories.
#[derive(Debug, Clone)]
pub struct Snapshots {
    /// By the tree's id.
    trees: Cache<Key, Arc<Tree>>,
    files: Files,
}

impl Default for Snapshots {
    fn default() -> Self {
        let trees = Cache::builder().max_capacity(TREES_BYTES_MAX).time_to_live(KEPT).weigher(
            |_, tree: &Arc<Tree>| {
                weight(tree.entries.iter().map(|entry| ENTRY_BYTES + entry.path.len()).sum())
            },
        );
        Self { trees: trees.build(), files: Files::default() }
    }
}

impl Snapshots {
    /// The repository at a base commit. Its tree is read where it is not known yet.
    ///
    /// # Errors
    ///
    /// Where GitHub does not answer.
    pub async fn at(
        &self,
        github: &GitHub,
        repository: &RepoName,
        base: &Base,
    ) -> Result<Snapshot, GitHubError> {
        let key = (repository.clone(), base.tree.clone());
        let tree = if let Some(tree) = self.trees.get(&key) {
            tree
        } else {
            let tree = Arc::new(github.whole_tree(repository, &base.tree).await?);
            self.trees.insert(key, Arc::clone(&tree));
            tree
        };
        Ok(Snapshot::of_tree(github.clone(), repository.clone(), tree, self.files.clone()))
    }
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum File {
    Text(Arc<str>),
    /// Nothing that could be read as text.
    Other,
}

impl File {
    pub(super) fn text(self) -> Option<Arc<str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other => None,
        }
    }
}

/// Files by their ids.
#[derive(Debug, Clone)]
pub(super) struct Files(Cache<Key, File>);

impl Default for Files {
    fn default() -> Self {
        let files = Cache::builder().max_capacity(FILES_BYTES_MAX).time_to_live(KEPT);
        let weigher = |_: &Key, file: &File| match file {
            File::Text(text) => weight(ENTRY_BYTES + text.len()),
            File::Other => weight(ENTRY_BYTES),
        };
        Self(files.weigher(weigher).build())
    }
}

impl Files {
    pub(super) fn get(&self, repository: &RepoName, sha: &str) -> Option<File> {
        self.0.get(&(repository.clone(), sha.to_owned()))
    }

    pub(super) fn keep(&self, repository: &RepoName, sha: &str, file: File) {
        self.0.insert((repository.clone(), sha.to_owned()), file);
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_in_their_repository_alone_and_are_bounded() {
        let files = Files::default();
        let (shop, other): (RepoName, RepoName) =
            ("acme/shop".parse().unwrap(), "acme/other".parse().unwrap());
        files.keep(&shop, "1", File::Text("x".into()));
        files.keep(&shop, "2", File::Other);
        assert_eq!(files.get(&shop, "1").and_then(File::text).as_deref(), Some("x"));
        assert_eq!(files.get(&shop, "2"), Some(File::Other));
        assert_eq!((files.get(&shop, "3"), files.get(&other, "1")), (None, None));
        let long: Arc<str> = "x".repeat(1024 * 1024).into();
        for n in 0..200 {
            files.keep(&shop, &format!("long{n}"), File::Text(long.clone()));
        }
        files.0.run_pending_tasks();
        assert!(files.0.weighted_size() <= FILES_BYTES_MAX);
    }
}
