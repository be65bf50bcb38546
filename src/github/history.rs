//! What came before: commits of a branch or a file, the commit of a release, and whether one is behind another.

use http::StatusCode;
use serde::Deserialize;

use super::names::{segment, segments};
use super::read::Sha;
use super::write::time;
use super::{GitHub, GitHubError, RepoName};
use crate::model::UnixNanos;

/// A commit of the past. Who made it is left out: nobody is blamed or mentioned by a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCommit {
    /// Its id.
    pub sha: String,
    /// Its tree.
    pub tree: String,
    /// When it was committed; `None` where GitHub does not tell.
    pub committed: Option<UnixNanos>,
    /// The first line of its message, as somebody wrote it.
    pub subject: String,
}

#[derive(Deserialize)]
struct CommitAnswer {
    sha: String,
    commit: Inner,
}

#[derive(Deserialize)]
struct Inner {
    message: String,
    tree: Sha,
    committer: Option<Person>,
}

#[derive(Deserialize)]
struct Person {
    date: Option<String>,
}

#[derive(Deserialize)]
struct Comparison {
    status: String,
    behind_by: u64,
}

impl From<CommitAnswer> for PastCommit {
    fn from(answer: CommitAnswer) -> Self {
        let date = answer.commit.committer.and_then(|person| person.date);
        Self {
            sha: answer.sha,
            tree: answer.commit.tree.sha,
            committed: date.as_deref().and_then(time),
            subject: answer.commit.message.lines().next().unwrap_or_default().to_owned(),
        }
    }
}

impl GitHub {
    /// The newest commits that `from` leads back to, at most `count` (100 is GitHub's bound); those alone that touched `path`
    /// where one is named.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn commits(
        &self,
        repository: &RepoName,
        from: &str,
        path: Option<&str>,
        count: u32,
    ) -> Result<Vec<PastCommit>, GitHubError> {
        let path = path.map_or_else(String::new, |path| format!("&path={}", segment(path)));
        let route = repository.route(&format!("/commits?sha={}{path}&per_page={count}", segment(from)));
        let found: Vec<CommitAnswer> = self.get(&route).await?;
        Ok(found.into_iter().map(PastCommit::from).collect())
    }

    /// The commit of a tag; `None` where there is no such tag.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn commit_of_tag(
        &self,
        repository: &RepoName,
        tag: &str,
    ) -> Result<Option<PastCommit>, GitHubError> {
        self.find_commit(repository, &format!("tags/{tag}")).await
    }

    /// The commit that has this id or whose id begins so; `None` where there is none, or several. A branch of such a name does not
    /// count.
    ///
    /// GitHub also finds commits of forks, which anybody can make: see [`behind`](Self::behind).
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn commit_of_id(
        &self,
        repository: &RepoName,
        id: &str,
    ) -> Result<Option<PastCommit>, GitHubError> {
        let found = self.find_commit(repository, id).await?;
        Ok(found.filter(|commit| commit.sha.starts_with(&id.to_ascii_lowercase())))
    }

    async fn find_commit(
        &self,
        repository: &RepoName,
        reference: &str,
    ) -> Result<Option<PastCommit>, GitHubError> {
        // Of the files that it changed, which are not asked for, a page has one.
        let route = repository.route(&format!("/commits/{}?per_page=1", segments(reference)));
        match self.get::<CommitAnswer>(&route).await {
            Ok(found) => Ok(Some(found.into())),
            Err(GitHubError::Refused { status, .. }) if is_unknown(status) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// By how many commits `older` is behind `newer`; `None` where history does not lead from one to the other: it is of another
    /// branch, or of a fork.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn behind(
        &self,
        repository: &RepoName,
        older: &str,
        newer: &str,
    ) -> Result<Option<u64>, GitHubError> {
        // Changed files, which may be megabytes, stand on the first page alone.
        let ends = format!("{}...{}?per_page=1&page=2", segment(newer), segment(older));
        match self.get::<Comparison>(&repository.route(&format!("/compare/{ends}"))).await {
            Ok(found) => {
                Ok(matches!(found.status.as_str(), "behind" | "identical").then_some(found.behind_by))
            }
            Err(GitHubError::Refused { status, .. }) if is_unknown(status) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_unknown(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY)
}
