//! A repository as it stands at one commit.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::names::{segment, segments};
use super::{GitHub, GitHubError, RepoName};
use crate::redact;

/// Where a change is made: a branch at its newest commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The branch.
    pub branch: String,
    /// Its commit.
    pub commit: String,
    /// The commit's tree.
    pub tree: String,
}

/// Every path of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tree {
    /// The entries, folders included.
    #[serde(rename = "tree")]
    pub entries: Vec<TreeEntry>,
    /// Whether GitHub left some out: it lists 100,000 at most.
    pub truncated: bool,
}

/// One path of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TreeEntry {
    /// The path, from the root, with `/`.
    pub path: String,
    /// Git's mode: `100644`, `100755`, `120000` for a symbolic link, `160000` for a submodule, `040000` for a folder.
    pub mode: String,
    /// What stands there.
    #[serde(rename = "type")]
    pub kind: EntryKind,
    /// The object.
    pub sha: String,
    /// Of a blob, its bytes.
    #[serde(default)]
    pub size: u64,
}

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A file, or a symbolic link.
    Blob,
    /// A folder.
    Tree,
    /// A submodule.
    Commit,
    /// Anything newer.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Repository {
    default_branch: String,
    full_name: Option<String>,
    #[serde(default)]
    archived: bool,
}

impl Repository {
    /// What GitHub answers under an old name is read, but cannot be written; neither can an archive. That is told before
    /// anything is spent on a change.
    fn check(&self, asked: &RepoName) -> Result<(), GitHubError> {
        let asked_name = asked.to_string();
        let why = match &self.full_name {
            Some(name) if !name.eq_ignore_ascii_case(&asked_name) => {
                let name = redact::cut(&redact::plain(name), 150).to_owned();
                format!("was renamed or moved: set GITHUB_REPOSITORY to {name}")
            }
            _ if self.archived => "is archived: nothing can be changed in it".to_owned(),
            _ => return Ok(()),
        };
        Err(GitHubError::Unfit { repository: asked.clone(), why })
    }
}

#[derive(Deserialize)]
struct Reference {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    sha: String,
}

#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) tree: Sha,
    pub(super) message: String,
    #[serde(default)]
    pub(super) parents: Vec<Sha>,
}

#[derive(Deserialize)]
pub(super) struct Sha {
    pub(super) sha: String,
}

#[derive(Deserialize)]
struct Blob {
    content: String,
    encoding: String,
}

impl GitHub {
    /// A branch's newest commit; the default branch where none is named.
    ///
    /// # Errors
    ///
    /// [`GitHubError::Unfit`] where the repository has another name by now or is archived; else what stopped it.
    pub async fn base(&self, repository: &RepoName, branch: Option<&str>) -> Result<Base, GitHubError> {
        let about: Repository = self.get(&repository.route("")).await?;
        about.check(repository)?;
        let branch = branch.map_or(about.default_branch, str::to_owned);
        let commit = self.tip(repository, &branch).await?;
        let tree = self.tree_of(repository, &commit).await?;
        Ok(Base { branch, commit, tree })
    }

    /// A branch's newest commit.
    pub(super) async fn tip(&self, repository: &RepoName, branch: &str) -> Result<String, GitHubError> {
        let route = repository.route(&format!("/git/ref/heads/{}", segments(branch)));
        Ok(self.get::<Reference>(&route).await?.object.sha)
    }

    pub(super) async fn commit(&self, repository: &RepoName, commit: &str) -> Result<Commit, GitHubError> {
        self.get(&repository.route(&format!("/git/commits/{}", segment(commit)))).await
    }

    /// A commit's tree.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn tree_of(&self, repository: &RepoName, commit: &str) -> Result<String, GitHubError> {
        Ok(self.commit(repository, commit).await?.tree.sha)
    }

    /// Every path of a tree.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn tree(&self, repository: &RepoName, tree: &str) -> Result<Tree, GitHubError> {
        self.get(&repository.route(&format!("/git/trees/{}?recursive=1", segment(tree)))).await
    }

    /// A file's bytes. The caller looks at the entry's size before it asks.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn blob(&self, repository: &RepoName, blob: &str) -> Result<Vec<u8>, GitHubError> {
        let route = repository.route(&format!("/git/blobs/{}", segment(blob)));
        let malformed = |why: String| GitHubError::Malformed { call: format!("GET {route}"), why };
        let found: Blob = self.get(&route).await?;
        if found.encoding != "base64" {
            return Err(malformed(format!("the encoding {} is unknown", found.encoding)));
        }
        let compact: String = found.content.split_ascii_whitespace().collect();
        STANDARD.decode(compact).map_err(|error| malformed(error.to_string()))
    }
}
