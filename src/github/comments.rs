//! Comments below a pull request: read, written once, and who may give orders in them.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::again_while_busy;
use super::look::User;
use super::names::segment;
use super::write::time;
use super::{GitHub, GitHubError, RepoName};
use crate::model::UnixNanos;
use crate::redact;

/// Pages that are read, of a hundred comments each, the oldest first: people talk less below a machine's pull request.
const PAGES_MAX: u32 = 5;
const PER_PAGE: usize = 100;

/// How much of a comment is read; GitHub's own bound is four times that.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// One comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// GitHub's id of it.
    pub id: u64,
    /// Who wrote it; empty where the account is gone.
    pub author: String,
    /// The beginning of its text.
    pub body: String,
    /// When it was written.
    pub at: Option<UnixNanos>,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    user: Option<User>,
    body: Option<String>,
    created_at: Option<String>,
}

impl From<Answer> for Comment {
    fn from(answer: Answer) -> Self {
        let body = answer.body.unwrap_or_default();
        Self {
            id: answer.id,
            author: answer.user.map(|user| user.login).unwrap_or_default(),
            body: redact::cut(&body, BODY_BYTES_MAX).to_owned(),
            at: answer.created_at.as_deref().and_then(time),
        }
    }
}

#[derive(Deserialize)]
struct Permission {
    permission: String,
}

/// The hidden line by which a comment of ours is known again.
fn marker(key: &str) -> String {
    format!("<!-- logmend:{key} -->")
}

impl Comment {
    /// Whether it is a comment of ours, written by `us`.
    #[must_use]
    pub fn is_by(&self, us: &str) -> bool {
        self.author == us && self.body.contains("<!-- logmend:")
    }
}

impl GitHub {
    /// The comments below a pull request, the oldest first, up to five hundred.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn comments(&self, repository: &RepoName, number: u64) -> Result<Vec<Comment>, GitHubError> {
        again_while_busy(|| self.comments_once(repository, number)).await
    }

    async fn comments_once(&self, repository: &RepoName, number: u64) -> Result<Vec<Comment>, GitHubError> {
        let mut all = Vec::new();
        for page in 1..=PAGES_MAX {
            let rest = format!("/issues/{number}/comments?per_page={PER_PAGE}&page={page}");
            let found: Vec<Answer> = self.get_once(&repository.route(&rest)).await?;
            let is_last = found.len() < PER_PAGE;
            all.extend(found.into_iter().map(Comment::from));
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// Writes a comment below a pull request unless it stands there: `key` is hidden in it, and a comment of `us` with the same
    /// key is the same comment. A process that was killed, or whose answer was lost, so never says a thing twice.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn say_once(
        &self,
        repository: &RepoName,
        number: u64,
        us: &str,
        key: &str,
        text: &str,
    ) -> Result<(), GitHubError> {
        let marker = marker(key);
        let body = json!({"body": format!("{text}\n\n{marker}")});
        let route = repository.route(&format!("/issues/{number}/comments"));
        again_while_busy(|| async {
            let there = self.comments_once(repository, number).await?;
            if there.iter().any(|comment| comment.author == us && comment.body.contains(&marker)) {
                return Ok(());
            }
            self.post_once::<Value>(&route, &body).await.map(drop)
        })
        .await
    }

    /// Whether somebody may write to the repository. Nobody may where GitHub does not say.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn is_writer(&self, repository: &RepoName, login: &str) -> Result<bool, GitHubError> {
        if login.is_empty() {
            return Ok(false);
        }
        let route = repository.route(&format!("/collaborators/{}/permission", segment(login)));
        match self.get::<Permission>(&route).await {
            Ok(found) => Ok(matches!(found.permission.as_str(), "admin" | "maintain" | "write")),
            Err(GitHubError::Refused { status: StatusCode::NOT_FOUND | StatusCode::FORBIDDEN, .. }) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
