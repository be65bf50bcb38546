//! A tree that is too large for one answer, folder by folder.

use std::collections::VecDeque;

use super::names::segment;
use super::read::{EntryKind, Tree};
use super::{GitHub, GitHubError, RepoName};

/// Calls that a tree takes at most; with the 100,000 entries of an answer they list the largest repositories there are, as long as
/// their folders are not all too large themselves.
const CALLS_MAX: usize = 200;
/// Entries that are listed at most: some 50 MB.
const ENTRIES_MAX: usize = 200_000;

impl GitHub {
    /// Every path of a tree, as [`GitHub::tree`]; where GitHub leaves some out, the folders are asked for one by one, from the
    /// root on. What is beyond a bound is left out still, which the tree tells.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn whole_tree(&self, repository: &RepoName, tree: &str) -> Result<Tree, GitHubError> {
        let answered = self.tree(repository, tree).await?;
        if !answered.truncated {
            return Ok(answered);
        }
        let mut whole = Tree { entries: Vec::new(), truncated: false };
        let mut calls = 1;
        // Folders by path and id; those of the first kind are known to be too large for one answer.
        let (mut large, mut waiting) = (VecDeque::from([(String::new(), tree.to_owned())]), VecDeque::new());
        loop {
            let (folder, listed) = if let Some((folder, sha)) = large.pop_front() {
                let listed = self.folder(repository, &sha).await?;
                whole.truncated |= listed.truncated;
                let below = listed.entries.iter().filter(|entry| entry.kind == EntryKind::Tree);
                waiting.extend(below.map(|entry| (format!("{folder}{}/", entry.path), entry.sha.clone())));
                (folder, listed)
            } else if let Some((folder, sha)) = waiting.pop_front() {
                let listed = self.tree(repository, &sha).await?;
                if listed.truncated {
                    large.push_back((folder, sha));
                    calls += 1;
                    continue;
                }
                (folder, listed)
            } else {
                return Ok(whole);
            };
            calls += 1;
            let room = ENTRIES_MAX.saturating_sub(whole.entries.len());
            whole.truncated |= listed.entries.len() > room;
            whole.entries.extend(listed.entries.into_iter().take(room).map(|mut entry| {
                entry.path.insert_str(0, &folder);
                entry
            }));
            if calls >= CALLS_MAX || whole.entries.len() >= ENTRIES_MAX {
                whole.truncated |= !(large.is_empty() && waiting.is_empty());
                return Ok(whole);
            }
        }
    }

    /// What stands right in a folder.
    async fn folder(&self, repository: &RepoName, tree: &str) -> Result<Tree, GitHubError> {
        self.get(&repository.route(&format!("/git/trees/{}", segment(tree)))).await
    }
}
