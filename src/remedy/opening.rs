//! A fix at GitHub: its branch and pull request, begun, found again, or cleared away.

use super::task::Remedy;
use super::written::Written;
use super::{RemedyError, owners, pull_request};
use crate::github::{Base, Branch, Proposal, PullRequest, PullRequestState, RepoName, Stray};
use crate::model::{Cluster, Fix, FixStatus};
use crate::remedy::places::Place;
use crate::store::Followed;

impl Remedy {
    /// Opens the draft pull request of a change, or finds the one that stands.
    pub(super) async fn open(
        &self,
        fix: &mut Fix,
        cluster: &Cluster,
        place: &Place,
        base: &Base,
        written: &Written,
    ) -> Result<(), RemedyError> {
        let Place { repository, service, .. } = place;
        let Written { submission, told } = written;
        // A branch that was begun keeps its name, also where a graver record has changed the category since.
        if fix.branch.is_empty() {
            fix.branch = pull_request::branch_of_attempt(cluster, fix.attempt());
        }
        self.store.update_fix(fix).await?;
        let proposal = Proposal {
            repository: repository.clone(),
            base_branch: base.branch.clone(),
            base_commit: base.commit.clone(),
            base_tree: base.tree.clone(),
            branch: fix.branch.parse()?,
            commit_message: pull_request::commit_message(cluster, submission, told),
            files: submission.proposed_files(),
            title: pull_request::title(cluster),
            body: pull_request::body(cluster, submission, fix, told, service),
            labels: pull_request::labels(service),
            fingerprint: fix.fingerprint,
        };
        let pull_request = self.github.open_draft(&proposal).await?;
        // A draft is shown to people once CI has nothing against it; where GitHub has no drafts, at once.
        if pull_request.state == (PullRequestState::Open { draft: false }) {
            let reviewers = owners::reviewers(&service.reviewers, &told.owners);
            owners::ask(&self.github, repository, pull_request.number, &reviewers).await;
        }
        if pull_request.state == PullRequestState::Merged {
            self.follow_merged(fix, repository, &pull_request).await?;
        }
        adopt(fix, pull_request);
        Ok(())
    }

    /// People merged it while nobody was here: its error is watched all the same.
    async fn follow_merged(
        &self,
        fix: &Fix,
        repository: &RepoName,
        merged: &PullRequest,
    ) -> Result<(), RemedyError> {
        let look = self.github.look_at(repository, merged.number).await?;
        let followed = Followed {
            fix_id: fix.id.clone(),
            number: merged.number,
            node_id: merged.node_id.clone().unwrap_or_default(),
            head: merged.head_sha.clone().unwrap_or_default(),
            pushes: 1,
            merge_commit: look.merge_commit.unwrap_or_default(),
            ..Followed::default()
        };
        Ok(self.store.write_followed(&followed).await?)
    }

    /// Removes the branches of fixes that came to nothing after them, unless somebody has taken one over. What GitHub does not let
    /// be removed now is tried again at the next start.
    pub(super) async fn clear_strays(&self) {
        if let Err(error) = self.try_clearing_strays().await {
            tracing::warn!("branches of failed fixes were not looked at: {error}");
        }
    }

    async fn try_clearing_strays(&self) -> Result<(), RemedyError> {
        for mut fix in self.store.fixes_with_a_stray_branch().await? {
            let (repository, branch) =
                match (fix.repository.parse::<RepoName>(), fix.branch.parse::<Branch>()) {
                    (Ok(repository), Ok(branch)) if self.github.may_write(&repository) => {
                        (repository, branch)
                    }
                    _ => continue,
                };
            let (fingerprint, base) = (fix.fingerprint, &fix.base_commit);
            match self.github.remove_stray(&repository, &branch, fingerprint, base).await {
                Ok(Stray::Proposed(standing)) => {
                    adopt(&mut fix, standing);
                    self.store.update_fix(&fix).await?;
                }
                Ok(stray) => {
                    tracing::info!(
                        fix = fix.id,
                        branch = branch.as_str(),
                        ?stray,
                        "no pull request came of the branch"
                    );
                    fix.branch.clear();
                    self.store.update_fix(&fix).await?;
                }
                Err(error) => {
                    tracing::warn!(%error, branch = branch.as_str(), "the branch of a failed fix is still there");
                }
            }
        }
        Ok(())
    }
}

/// The fix has a pull request, wherever that stands.
fn adopt(fix: &mut Fix, standing: PullRequest) {
    fix.status = FixStatus::of_pull_request(standing.state);
    fix.pr_url = Some(standing.url);
    fix.ended_at = standing.ended_at;
    fix.reason.clear();
}
