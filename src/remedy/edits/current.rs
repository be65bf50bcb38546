//! A change and the base branch as it stands now, which may have moved on since the change was made.

use http::StatusCode;

use super::{ChangedFile, JudgeError, NewFile, Submission, change};
use crate::github::{Base, Branch, GitHub, GitHubError, RepoName};
use crate::model::Fix;
use crate::remedy::RemedyError;
use crate::remedy::checks::{Reason, Refusal};
use crate::remedy::places::Place;
use crate::remedy::snapshot::Snapshot;

/// Where a fix's change is to be put, and the change as it fits there. Where the branch has moved on since the fix's base
/// commit, every edit is checked anew against the files as they stand now, and the fix says so.
///
/// A change that is at GitHub already stays as it is.
///
/// # Errors
///
/// [`RemedyError::Refused`] where it does not fit any more; else whatever stopped it.
pub async fn onto_current_base(
    github: &GitHub,
    place: &Place,
    fix: &mut Fix,
    submission: Submission,
) -> Result<(Base, Submission), RemedyError> {
    let repository = &place.repository;
    let now = github.base(repository, place.base_branch.as_deref()).await?;
    if now.commit == fix.base_commit {
        return Ok((now, submission));
    }
    if !fix.base_commit.is_empty() && is_begun(github, repository, fix).await? {
        let tree = github.tree_of(repository, &fix.base_commit).await?;
        return Ok((Base { commit: fix.base_commit.clone(), tree, ..now }, submission));
    }
    let snapshot = Snapshot::load(github, repository, &now).await?.ruled_by(place.service.rules.clone());
    let submission = submission.onto(&snapshot).await?;
    now.commit.clone_into(&mut fix.base_commit);
    fix.code_changes = submission.diffs();
    fix.submission = serde_json::to_string(&submission).ok();
    Ok((now, submission))
}

/// Whether an earlier try got as far as the branch or the pull request.
async fn is_begun(github: &GitHub, repository: &RepoName, fix: &Fix) -> Result<bool, GitHubError> {
    let Ok(branch) = fix.branch.parse::<Branch>() else { return Ok(false) };
    if github.pull_request_of(repository, &branch).await?.is_some() {
        return Ok(true);
    }
    match github.base(repository, Some(branch.as_str())).await {
        Ok(_) => Ok(true),
        Err(GitHubError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => Ok(false),
        Err(error) => Err(error),
    }
}

impl Submission {
    /// The same change of the files of another commit.
    pub(super) async fn onto(self, snapshot: &Snapshot) -> Result<Self, JudgeError> {
        let new = |file: &ChangedFile| NewFile { path: file.path.clone(), content: file.after.clone() };
        let new_files: Vec<_> = self.files.iter().filter(|file| file.before.is_none()).map(new).collect();
        let (files, remarks) = change(&self.edits, &new_files, snapshot).await.map_err(moved_on)?;
        Ok(Self { files, remarks, ..self })
    }
}

fn moved_on(error: JudgeError) -> JudgeError {
    let JudgeError::Refused(Refusal { reason, told }) = error else { return error };
    let reason = if reason == Reason::EditFailed { Reason::Conflict } else { reason };
    Refusal::new(reason, format!("the base branch has moved on since the change was made: {told}")).into()
}
