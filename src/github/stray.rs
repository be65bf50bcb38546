//! A branch of ours that no pull request came of.

use http::{Method, StatusCode};
use serde_json::Value;

use super::client::again_while_busy;
use super::names::segments;
use super::{Branch, GitHub, GitHubError, PullRequest, RepoName};
use crate::model::Fingerprint;

/// What became of a branch that no pull request came of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stray {
    /// It is not there, by now or at all.
    Gone,
    /// Somebody else has worked on it: it is theirs.
    Taken,
    /// It has a pull request after all.
    Proposed(PullRequest),
}

impl GitHub {
    /// Removes the branch that was made for an error, of one commit right after `parent`, unless it has a pull request of whatever
    /// state or holds anything else.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn remove_stray(
        &self,
        repository: &RepoName,
        branch: &Branch,
        fingerprint: Fingerprint,
        parent: &str,
    ) -> Result<Stray, GitHubError> {
        if let Some(standing) = self.pull_request_of(repository, branch).await? {
            return Ok(Stray::Proposed(standing));
        }
        let tip = match self.tip(repository, branch.as_str()).await {
            Err(GitHubError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => {
                return Ok(Stray::Gone);
            }
            tip => tip?,
        };
        if !self.is_ours(repository, &tip, fingerprint, parent).await? {
            return Ok(Stray::Taken);
        }
        let route = repository.route(&format!("/git/refs/heads/{}", segments(branch.as_str())));
        match again_while_busy(|| self.once::<Value>(Method::DELETE, &route, None)).await {
            // An earlier try may have done it.
            Err(error) if error.is_unprocessable_with("does not exist") => Ok(Stray::Gone),
            other => other.map(|_| Stray::Gone),
        }
    }
}
