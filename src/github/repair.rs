//! A branch of ours moves forward, and a draft becomes ready for review.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::again_while_busy;
use super::names::segments;
use super::{Branch, GitHub, GitHubError, Proposal, RepoName};
use crate::model::Fingerprint;

/// What became of a branch that was to move forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// It stands at the new commit.
    Done,
    /// Somebody else has moved it, or it is gone; it was left as it is.
    Moved,
}

/// What became of a draft that was to be ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readied {
    /// It waits for review.
    Done,
    /// GitHub refused, in these words.
    Refused(String),
}

/// Ends a draft; the REST API has no call for it.
const READY: &str = "mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } } }";

impl GitHub {
    /// Whether a commit is the one that we made for an error: it names the error, and comes right after `parent`.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn is_ours(
        &self,
        repository: &RepoName,
        commit: &str,
        fingerprint: Fingerprint,
        parent: &str,
    ) -> Result<bool, GitHubError> {
        let found = self.commit(repository, commit).await?;
        let trailer = Proposal::trailer(fingerprint);
        let follows = matches!(&found.parents[..], [only] if only.sha == parent);
        Ok(follows && found.message.lines().any(|line| line.trim() == trailer))
    }

    /// Moves a branch of ours from one commit to a later one. Where it does not stand at `from`, nothing is written: somebody
    /// else works on it then.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn advance(
        &self,
        repository: &RepoName,
        branch: &Branch,
        from: &str,
        to: &str,
    ) -> Result<Advance, GitHubError> {
        let route = repository.route(&format!("/git/refs/heads/{}", segments(branch.as_str())));
        let body = json!({
            "sha": to,
            "force": false,
        });
        again_while_busy(|| async {
            match self.tip(repository, branch.as_str()).await {
                Ok(tip) if tip == to => return Ok(Advance::Done),
                Ok(tip) if tip != from => return Ok(Advance::Moved),
                Ok(_) => {}
                Err(GitHubError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => {
                    return Ok(Advance::Moved);
                }
                Err(error) => return Err(error),
            }
            match self.once::<Value>(Method::PATCH, &route, Some(&body)).await {
                Ok(_) => Ok(Advance::Done),
                Err(error)
                    if error.is_unprocessable_with("fast forward")
                        || error.is_unprocessable_with("does not exist") =>
                {
                    Ok(Advance::Moved)
                }
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Marks a draft as ready for review. Doing it twice is of no matter.
    ///
    /// # Errors
    ///
    /// [`GitHubError`] where GitHub did not answer; a refusal is no error.
    pub async fn mark_ready(&self, repository: &RepoName, node_id: &str) -> Result<Readied, GitHubError> {
        let answer = match self.graphql(repository, READY, &json!({"id": node_id})).await {
            Ok(answer) => answer,
            Err(GitHubError::Refused { message, .. }) => return Ok(Readied::Refused(message)),
            Err(error) => return Err(error),
        };
        if answer["markPullRequestReadyForReview"]["pullRequest"]["isDraft"] == false {
            return Ok(Readied::Done);
        }
        Ok(Readied::Refused("GitHub did not say why".to_owned()))
    }
}
