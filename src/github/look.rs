//! A pull request as it stands, with what decides how it goes on.

use http::StatusCode;
use serde::Deserialize;

use super::names::segment;
use super::write::PullAnswer;
use super::{GitHub, GitHubError, PullRequest, RepoName};

/// A pull request in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The pull request.
    pub pull_request: PullRequest,
    /// Who opened it: us, under the name that our token goes by. Empty where GitHub does not say.
    pub author: String,
    /// Whether it cannot be merged for a conflict with its base. GitHub finds out in the background; until then it is false.
    pub conflict: bool,
    /// How many comments there are below it.
    pub comments: u64,
    /// The commit that it became on the base branch, once merged.
    pub merge_commit: Option<String>,
}

/// Whether one commit's history holds another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contained {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// GitHub does not know one of them.
    Unknown,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(flatten)]
    pull: PullAnswer,
    user: Option<User>,
    mergeable: Option<bool>,
    mergeable_state: Option<String>,
    #[serde(default)]
    comments: u64,
    merge_commit_sha: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) login: String,
}

#[derive(Deserialize)]
struct Comparison {
    status: String,
}

impl GitHub {
    /// A pull request as it stands now.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn look_at(&self, repository: &RepoName, number: u64) -> Result<Look, GitHubError> {
        let answer: Answer = self.get(&repository.route(&format!("/pulls/{number}"))).await?;
        let conflict = answer.mergeable == Some(false) || answer.mergeable_state.as_deref() == Some("dirty");
        Ok(Look {
            pull_request: answer.pull.into(),
            author: answer.user.map(|user| user.login).unwrap_or_default(),
            conflict,
            comments: answer.comments,
            merge_commit: answer.merge_commit_sha,
        })
    }

    /// Whether the history of `later` holds `earlier`.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn contains(
        &self,
        repository: &RepoName,
        later: &str,
        earlier: &str,
    ) -> Result<Contained, GitHubError> {
        let basehead = format!("{}...{}", segment(earlier), segment(later));
        let route = repository.route(&format!("/compare/{basehead}?per_page=1"));
        match self.get::<Comparison>(&route).await {
            Ok(comparison) if matches!(comparison.status.as_str(), "ahead" | "identical") => {
                Ok(Contained::Yes)
            }
            Ok(_) => Ok(Contained::No),
            Err(GitHubError::Refused {
                status: StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY,
                ..
            }) => Ok(Contained::Unknown),
            Err(error) => Err(error),
        }
    }
}
