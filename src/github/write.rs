//! A branch, a commit, a draft pull request, labels: each looked up before it is created.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::again_while_busy;
use super::names::segment;
use super::read::Sha;
use super::{Branch, GitHub, GitHubError, RepoName};
use crate::model::{Fingerprint, UnixNanos};

/// What a pull request is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Where.
    pub repository: RepoName,
    /// The branch that it is for.
    pub base_branch: String,
    /// The commit that the files were read at.
    pub base_commit: String,
    /// That commit's tree.
    pub base_tree: String,
    /// The branch to create.
    pub branch: Branch,
    /// The commit's message; its last paragraph holds [`trailer`](Proposal::trailer).
    pub commit_message: String,
    /// The changed files, whole.
    pub files: Vec<ProposedFile>,
    /// The pull request's title.
    pub title: String,
    /// The pull request's text, in Markdown.
    pub body: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// The error that it mends.
    pub fingerprint: Fingerprint,
}

/// A changed or new file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedFile {
    /// The path from the root.
    pub path: String,
    /// The whole content.
    pub content: Vec<u8>,
    /// Whether the file's mode is `100755`.
    pub executable: bool,
}

/// What a commit is to hold.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The tree that the files are put into.
    pub base_tree: &'a str,
    /// The changed files, whole.
    pub files: &'a [ProposedFile],
    /// The message.
    pub message: &'a str,
    /// The commits that it comes after.
    pub parents: &'a [&'a str],
}

/// A pull request that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number in the repository.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// Its id in GitHub's GraphQL API, the only one that ends a draft.
    pub node_id: Option<String>,
    /// The newest commit of its branch.
    pub head_sha: Option<String>,
    /// Where it stands.
    pub state: PullRequestState,
    /// When people merged or closed it.
    pub ended_at: Option<UnixNanos>,
}

/// Where a pull request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullRequestState {
    /// People may look at it.
    Open {
        /// Whether it is a draft.
        draft: bool,
    },
    /// People merged it.
    Merged,
    /// People closed it unmerged.
    Closed,
}

impl Proposal {
    /// The line of the commit message by which a branch is known as made for an error.
    #[must_use]
    pub fn trailer(fingerprint: Fingerprint) -> String {
        format!("Logmend-Fingerprint: {fingerprint}")
    }
}

#[derive(Deserialize)]
pub(super) struct PullAnswer {
    number: u64,
    html_url: String,
    node_id: Option<String>,
    state: String,
    #[serde(default)]
    draft: bool,
    merged_at: Option<String>,
    /// Set for merged ones too.
    closed_at: Option<String>,
    #[serde(default)]
    head: Head,
}

#[derive(Deserialize, Default)]
struct Head {
    /// `owner:branch`; absent on servers that are only like GitHub.
    label: Option<String>,
    sha: Option<String>,
}

impl From<PullAnswer> for PullRequest {
    fn from(answer: PullAnswer) -> Self {
        let state = match (answer.state.as_str(), answer.merged_at) {
            (_, Some(_)) => PullRequestState::Merged,
            ("closed", None) => PullRequestState::Closed,
            (_, None) => PullRequestState::Open { draft: answer.draft },
        };
        Self {
            number: answer.number,
            url: answer.html_url,
            node_id: answer.node_id,
            head_sha: answer.head.sha,
            state,
            ended_at: answer.closed_at.as_deref().and_then(time),
        }
    }
}

/// A time as GitHub writes it, RFC 3339; one that cannot be read is unknown.
pub(super) fn time(text: &str) -> Option<UnixNanos> {
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_nanosecond()).ok().map(UnixNanos)
}

/// Which pull requests are those of a branch, and the one of them that counts: an open one, else the newest.
struct Look {
    /// `owner:branch`.
    label: String,
    route: String,
}

impl Look {
    fn new(repository: &RepoName, branch: &Branch) -> Self {
        let label = format!("{}:{}", repository.owner(), branch.as_str());
        let route = repository.route(&format!("/pulls?state=all&head={}", segment(&label)));
        Self { label, route }
    }

    /// A server that does not understand `head` lists every pull request there is, so each is looked at.
    fn pick(&self, found: Vec<PullAnswer>) -> Option<PullRequest> {
        let ours = found.into_iter().filter(|answer| {
            answer.head.label.as_ref().is_none_or(|label| label.eq_ignore_ascii_case(&self.label))
        });
        ours.max_by_key(|answer| (answer.state == "open", answer.number)).map(PullRequest::from)
    }
}

impl GitHub {
    /// Opens the draft pull request of a proposal, or finds the one that stands: open, merged or closed. A closed one is
    /// answered as it is and nothing is written.
    ///
    /// Every step may have been done before, by a process that was killed or whose answer was lost.
    ///
    /// # Errors
    ///
    /// [`GitHubError::BranchTaken`] where the branch is somebody else's; else whatever stopped it.
    pub async fn open_draft(&self, proposal: &Proposal) -> Result<PullRequest, GitHubError> {
        if let Some(standing) = self.pull_request_of(&proposal.repository, &proposal.branch).await? {
            if matches!(standing.state, PullRequestState::Open { .. }) {
                self.label(proposal, standing.number).await;
            }
            return Ok(standing);
        }
        if !self.branch_stands(proposal).await? {
            let commit = self.commit_files(proposal).await?;
            self.create_branch(proposal, &commit).await?;
        }
        let opened = again_while_busy(|| self.open_once(proposal)).await?;
        self.label(proposal, opened.number).await;
        Ok(opened)
    }

    /// The pull request of a branch of ours, whatever became of it: an open one, else the newest.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn pull_request_of(
        &self,
        repository: &RepoName,
        branch: &Branch,
    ) -> Result<Option<PullRequest>, GitHubError> {
        let look = Look::new(repository, branch);
        Ok(look.pick(self.get(&look.route).await?))
    }

    /// The same within a try that is repeated as a whole.
    async fn look_once(&self, proposal: &Proposal) -> Result<Option<PullRequest>, GitHubError> {
        let look = Look::new(&proposal.repository, &proposal.branch);
        Ok(look.pick(self.get_once(&look.route).await?))
    }

    /// Whether the branch is there already, made for this very error.
    async fn branch_stands(&self, proposal: &Proposal) -> Result<bool, GitHubError> {
        let tip = match self.tip(&proposal.repository, proposal.branch.as_str()).await {
            Ok(tip) => tip,
            Err(GitHubError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let message = self.commit(&proposal.repository, &tip).await?.message;
        let trailer = Proposal::trailer(proposal.fingerprint);
        if message.lines().any(|line| line.trim() == trailer) {
            Ok(true)
        } else {
            Err(GitHubError::BranchTaken {
                repository: proposal.repository.clone(),
                branch: proposal.branch.as_str().to_owned(),
            })
        }
    }

    /// Blobs, a tree and a commit that nothing points to yet. Author and committer are left to GitHub, which then signs it
    /// where the token is an App's.
    async fn commit_files(&self, proposal: &Proposal) -> Result<String, GitHubError> {
        let change = Change {
            base_tree: &proposal.base_tree,
            files: &proposal.files,
            message: &proposal.commit_message,
            parents: &[&proposal.base_commit],
        };
        self.write_commit(&proposal.repository, &change).await
    }

    /// The same for any commit.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub async fn write_commit(
        &self,
        repository: &RepoName,
        change: &Change<'_>,
    ) -> Result<String, GitHubError> {
        let route = |rest: &str| repository.route(rest);
        let mut entries = Vec::with_capacity(change.files.len());
        for file in change.files {
            let body = json!({"content": STANDARD.encode(&file.content), "encoding": "base64"});
            let blob: Sha = self.post(&route("/git/blobs"), &body).await?;
            let mode = if file.executable { "100755" } else { "100644" };
            entries.push(json!({"path": file.path, "mode": mode, "type": "blob", "sha": blob.sha}));
        }
        let body = json!({"base_tree": change.base_tree, "tree": entries});
        let tree: Sha = self.post(&route("/git/trees"), &body).await?;
        let body = json!({"message": change.message, "tree": tree.sha, "parents": change.parents});
        let commit: Sha = self.post(&route("/git/commits"), &body).await?;
        Ok(commit.sha)
    }

    /// Creates the branch; one that is there after all, from an earlier try or another process, must be ours.
    async fn create_branch(&self, proposal: &Proposal, commit: &str) -> Result<(), GitHubError> {
        let body = json!({"ref": format!("refs/heads/{}", proposal.branch.as_str()), "sha": commit});
        match self.post::<Value>(&proposal.repository.route("/git/refs"), &body).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_unprocessable_with("already exists") => {
                if self.branch_stands(proposal).await? { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// One try: looks for the pull request, since an earlier try may have made it, and creates it where there is none.
    async fn open_once(&self, proposal: &Proposal) -> Result<PullRequest, GitHubError> {
        if let Some(standing) = self.look_once(proposal).await? {
            return Ok(standing);
        }
        match self.create_pull_request(proposal, true).await {
            // Private repositories on the free plan have no drafts.
            Err(error) if error.is_unprocessable_with("draft pull requests are not supported") => {
                self.create_pull_request(proposal, false).await
            }
            Err(error) if error.is_unprocessable_with("a pull request already exists") => {
                self.look_once(proposal).await?.ok_or(error)
            }
            other => other,
        }
    }

    async fn create_pull_request(
        &self,
        proposal: &Proposal,
        draft: bool,
    ) -> Result<PullRequest, GitHubError> {
        let body = json!({
            "title": proposal.title,
            "head": proposal.branch.as_str(),
            "base": proposal.base_branch,
            "body": proposal.body,
            "draft": draft,
            "maintainer_can_modify": true,
        });
        self.post_once::<PullAnswer>(&proposal.repository.route("/pulls"), &body).await.map(PullRequest::from)
    }

    /// Labels are worth a warning, not a failure.
    async fn label(&self, proposal: &Proposal, number: u64) {
        if let Err(error) = self.try_label(proposal, number).await {
            tracing::warn!(%error, pull_request = number, "the pull request has not got all its labels");
        }
    }

    /// GitHub makes a label that is missing where it is added; a server that refuses is given the labels first.
    async fn try_label(&self, proposal: &Proposal, number: u64) -> Result<(), GitHubError> {
        if proposal.labels.is_empty() {
            return Ok(());
        }
        let route = proposal.repository.route(&format!("/issues/{number}/labels"));
        let body = json!({"labels": proposal.labels});
        match self.post::<Value>(&route, &body).await {
            Err(GitHubError::Refused { status, .. }) if is_about_what_is_missing(status) => {
                self.create_labels(proposal).await?;
                self.post::<Value>(&route, &body).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    async fn create_labels(&self, proposal: &Proposal) -> Result<(), GitHubError> {
        for name in &proposal.labels {
            let body = json!({"name": name, "color": LABEL_COLOUR, "description": "Opened by logmend"});
            match self.post::<Value>(&proposal.repository.route("/labels"), &body).await {
                Err(error) if error.is_unprocessable_with("already_exists") => {}
                other => drop(other?),
            }
        }
        Ok(())
    }
}

/// GitHub's own grey for labels without a meaning to it.
const LABEL_COLOUR: &str = "ededed";

fn is_about_what_is_missing(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY)
}
