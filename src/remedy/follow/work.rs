//! One more change on the branch of a pull request: asked for, committed, pushed forward, each step written down before the
//! next one.

use serde::{Deserialize, Serialize};

use super::decide::step;
use super::{Case, Follow, RemedyError, say};
use crate::github::{Advance, Base, Change, Check, CheckState, Proposal, PullRequestState};
use crate::model::{Cluster, Expense, Fix, UnixNanos};
use crate::purse::Purse;
use crate::redact::{self, neutralise_inline, neutralise_markdown};
use crate::remedy::agent::{Again, Budget, Failure, Outcome, Verdict};
use crate::remedy::edits::{ChangedFile, Submission};
use crate::remedy::evidence::{Evidence, Site};
use crate::remedy::places::Place;
use crate::remedy::written::Written;
use crate::store::{Followed, Work};

/// How often a conversation may be cut off by a crash before it is given up: each may have cost money.
const TRIES_MAX: u32 = 3;

/// What came of a conversation. It is stored as soon as it is known: what is paid for is not paid for again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Ended {
    /// A change.
    Answered(Answered),
    /// None, and why.
    InVain { reason: String },
}

/// What Claude submitted, and for which files.
#[derive(Debug, Serialize, Deserialize)]
struct Answered {
    /// The commit whose files were changed.
    onto: String,
    submission: Submission,
}

impl Ended {
    fn stored_in(followed: &Followed) -> Option<Self> {
        followed.answer.as_deref().and_then(|json| serde_json::from_str(json).ok())
    }
}

impl Follow {
    /// Takes what is being written as far as it goes now.
    pub(super) async fn work(&self, case: &mut Case, clock: fn() -> UnixNanos) -> Result<(), RemedyError> {
        if case.followed.next_head.is_empty() {
            let ended = match Ended::stored_in(&case.followed) {
                Some(ended) => ended,
                None => match self.ask(case, clock).await {
                    Ok(ended) => ended,
                    // It is gone on with as soon as there is room again.
                    Err(error) if error.is_for_lack_of_room() => {
                        tracing::debug!(fix = case.fix.id, %error, "what is to be written waits");
                        return Ok(());
                    }
                    Err(error) if error.is_transient() => return Err(error),
                    Err(error) => Ended::InVain { reason: error.to_string() },
                },
            };
            let written = match ended {
                Ended::Answered(written) => written,
                Ended::InVain { reason } => return self.give_up(case, &reason, clock()).await,
            };
            if !self.still_stands(case).await? {
                return self.drop_work(case, clock()).await;
            }
            match self.commit(case, &written).await {
                Ok(commit) => case.followed.next_head = commit,
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => return self.give_up(case, &error.to_string(), clock()).await,
            }
            self.store.write_followed(&case.followed).await?;
        }
        let (from, to) = (&case.followed.head, &case.followed.next_head);
        match self.github.advance(&case.repository, &case.branch, from, to).await {
            Ok(Advance::Done) => self.settle_push(case, clock()).await,
            Ok(Advance::Moved) => {
                let key = step("moved", &case.followed.head);
                self.say(case, &key, &say::moved(), clock()).await?;
                self.hand_over(case, "somebody else moved the branch", clock()).await
            }
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => self.give_up(case, &error.to_string(), clock()).await,
        }
    }

    /// Whether the pull request is as it was before the conversation, which takes minutes.
    async fn still_stands(&self, case: &Case) -> Result<bool, RemedyError> {
        let look = self.github.look_at(&case.repository, case.followed.number).await?;
        let is_open = matches!(look.pull_request.state, PullRequestState::Open { .. });
        Ok(is_open && look.pull_request.head_sha.is_none_or(|head| head == case.followed.head))
    }

    /// People have ended it, or moved the branch: what was written for it is not needed.
    async fn drop_work(&self, case: &mut Case, now: UnixNanos) -> Result<(), RemedyError> {
        let followed = &mut case.followed;
        (followed.work, followed.tries, followed.answer) = (Work::None, 0, None);
        self.store.write_followed(followed).await?;
        tracing::info!(fix = case.fix.id, "people were faster: what was written is not pushed");
        self.note_status(case, now).await
    }

    /// Asks Claude.
    async fn ask(&self, case: &mut Case, clock: fn() -> UnixNanos) -> Result<Ended, RemedyError> {
        let in_vain = |reason: String| Ok(Ended::InVain { reason });
        let Some(agent) = &self.agent else { return in_vain("there is no key for Claude".to_owned()) };
        if case.followed.tries >= TRIES_MAX {
            return in_vain(format!("work on it was cut off {TRIES_MAX} times, by a crash or a stop"));
        }
        let purse = Purse::new(self.store.clone(), self.settings.limits.clone());
        purse.look(Expense::Fix, &case.fix.id, agent.first_call_usd()).await??;
        let cluster = self.store.cluster(case.fix.fingerprint).await?.ok_or(RemedyError::NoCluster)?;
        let place = self.settings.place_of(&cluster.detail.service).ok_or(RemedyError::NoRepository)?;
        if place.repository != case.repository {
            return in_vain(format!(
                "the settings name {} as the service's repository now",
                place.repository
            ));
        }
        let onto = self.onto(case, &place).await?;
        let failures = self.failures(case).await?;
        let snapshot = self.snapshots.at(&self.github, &case.repository, &onto).await?;
        let snapshot = snapshot.ruled_by(place.service.rules.clone());
        let site = Site {
            github: &self.github,
            place: &place,
            base: &onto,
            snapshot: &snapshot,
            snapshots: &self.snapshots,
        };
        let known_as = [case.fix.fingerprint, case.fix.error_id];
        let evidence = Evidence::gather(&cluster, known_as, Vec::new(), site, &self.store).await?;
        let again = Again {
            is_repair: case.followed.work == Work::Repair,
            proposed: case.fix.code_changes.values().map(String::as_str).collect::<Vec<_>>().join("\n"),
            failures,
        };
        let usd_max = self.settings.limits.usd_per_fix - case.fix.cost_usd;
        let budget = Budget { usd_max, ..Budget::default() };
        case.followed.tries += 1;
        self.store.write_followed(&case.followed).await?;
        let agent = agent.paid_from(purse, &case.fix.id);
        let outcome = agent.write_again(&cluster, &evidence, &again, &snapshot, &budget).await;
        let Outcome { verdict, usage, model, .. } = outcome;
        case.fix.model = model;
        case.fix.input_tokens += usage.input_tokens;
        case.fix.output_tokens += usage.output_tokens;
        case.fix.cost_usd += usage.cost_usd;
        let ended = match verdict {
            Verdict::Submitted(submission) => {
                case.fix.generated_at = Some(clock());
                Ended::Answered(Answered { onto: onto.commit, submission })
            }
            Verdict::Declined(reason) | Verdict::Failed(reason) => Ended::InVain { reason },
            Verdict::Broken(error) if error.is_transient() => {
                // What it cost is kept; the try is not counted.
                case.followed.tries -= 1;
                self.store.update_fix(&case.fix).await?;
                self.store.write_followed(&case.followed).await?;
                return Err(error);
            }
            Verdict::Broken(error) => Ended::InVain { reason: error.to_string() },
        };
        // Stored before GitHub is called: after a restart it is not paid for again.
        case.followed.answer = serde_json::to_string(&ended).ok();
        self.store.write_followed(&case.followed).await?;
        self.store.update_fix(&case.fix).await?;
        Ok(ended)
    }

    /// Whose files are changed: those of the branch for a repair, those of the base as it is now for another attempt.
    async fn onto(&self, case: &Case, place: &Place) -> Result<Base, RemedyError> {
        if case.followed.work == Work::Retry {
            return Ok(self.github.base(&case.repository, place.base_branch.as_deref()).await?);
        }
        let commit = case.followed.head.clone();
        let tree = self.github.tree_of(&case.repository, &commit).await?;
        Ok(Base { branch: case.branch.as_str().to_owned(), commit, tree })
    }

    /// What the failed checks have printed.
    async fn failures(&self, case: &Case) -> Result<Vec<Failure>, RemedyError> {
        let checks = self.github.checks(&case.repository, &case.followed.head).await?;
        let is_retry = case.followed.work == Work::Retry;
        let is_ours = |check: &&Check| {
            check.state == CheckState::Red && (is_retry || case.is_held_against(&check.name))
        };
        let mut failures = Vec::new();
        for check in checks.iter().filter(is_ours).take(3) {
            let output = match self.github.failing_output(&case.repository, check).await {
                Err(error) if error.is_transient() => return Err(error.into()),
                told => told.unwrap_or_default(),
            };
            failures.push(Failure { check: check.name.clone(), output });
        }
        Ok(failures)
    }

    /// A commit that nothing points to yet. It comes after our own, and where it holds the base as it is now, after that too: so
    /// the branch moves forward, whatever happened at the base.
    async fn commit(&self, case: &Case, written: &Answered) -> Result<String, RemedyError> {
        let cluster = self.store.cluster(case.fix.fingerprint).await?.ok_or(RemedyError::NoCluster)?;
        let head = case.followed.head.as_str();
        let holds_base = written.onto != head && written.onto != case.fix.base_commit;
        let parents = if holds_base { vec![head, &written.onto] } else { vec![head] };
        let change = Change {
            base_tree: &self.github.tree_of(&case.repository, &written.onto).await?,
            files: &written.submission.proposed_files(),
            message: &message(&cluster, case, &written.submission),
            parents: &parents,
        };
        Ok(self.github.write_commit(&case.repository, &change).await?)
    }

    /// The branch stands at our next commit.
    pub(super) async fn settle_push(&self, case: &mut Case, now: UnixNanos) -> Result<(), RemedyError> {
        if let Some(Ended::Answered(answered)) = Ended::stored_in(&case.followed) {
            keep(&mut case.fix, &case.followed.head, answered);
            self.store.update_fix(&case.fix).await?;
        }
        let followed = &mut case.followed;
        followed.head = std::mem::take(&mut followed.next_head);
        followed.pushes += 1;
        followed.pushed_at = now;
        (followed.work, followed.tries, followed.answer) = (Work::None, 0, None);
        self.store.write_followed(followed).await?;
        tracing::info!(fix = case.fix.id, commit = case.followed.head, "the branch holds one more commit");
        self.audit("push", &case.fix.id, &case.followed.head, now).await?;
        self.note_status(case, now).await
    }

    /// What was tried came to nothing; it is said, and the draft stays as it is.
    async fn give_up(&self, case: &mut Case, reason: &str, now: UnixNanos) -> Result<(), RemedyError> {
        let head = case.followed.head.clone();
        let what = if case.followed.work == Work::Retry { "Another attempt" } else { "A repair" };
        // Each attempt has a comment of its own: the commits and the money spent tell them apart.
        let key = if case.followed.work == Work::Retry {
            format!("gave-up:{head}:{:.4}", case.fix.cost_usd)
        } else {
            step("red", &head)
        };
        let text = if case.followed.work == Work::Retry {
            say::not_written(what, reason)
        } else {
            let failing = case.held_against();
            self.note_red(case, &failing, now).await?;
            say::stays_draft(&failing, &say::not_written(what, reason))
        };
        self.say(case, &key, &text, now).await?;
        let followed = &mut case.followed;
        (followed.work, followed.tries, followed.answer) = (Work::None, 0, None);
        followed.next_head.clear();
        self.store.write_followed(followed).await?;
        tracing::info!(fix = case.fix.id, reason, "{what} came to nothing");
        self.note_status(case, now).await
    }
}

/// The message of one more commit, with the fingerprint as its trailer.
fn message(cluster: &Cluster, case: &Case, submission: &Submission) -> String {
    let title = if submission.title.trim().is_empty() { &cluster.summary() } else { &submission.title };
    let root = neutralise_markdown(&redact::redact(&submission.root_cause));
    format!(
        "{}\n\n{}\n\n{}",
        neutralise_inline(&redact::redact(title), 72),
        root.trim(),
        Proposal::trailer(case.fix.fingerprint)
    )
}

/// What the branch holds now is what the fix tells; what its pull request told of the evidence stays.
fn keep(fix: &mut Fix, head: &str, answered: Answered) {
    let Answered { onto, submission } = answered;
    let is_anew = onto != head;
    let earlier = Written::stored_in(fix);
    let whole = match earlier {
        Some(Written { submission: earlier, told }) if !is_anew => {
            Written { submission: together(earlier, submission), told }
        }
        earlier => Written { submission, told: earlier.map(|earlier| earlier.told).unwrap_or_default() },
    };
    if is_anew {
        fix.base_commit = onto;
    }
    fix.analysis.clone_from(&whole.submission.root_cause);
    fix.proposed_fix.clone_from(&whole.submission.explanation);
    fix.code_changes = whole.submission.diffs();
    whole.store_in(fix);
}

/// Two changes that come after each other, as one.
fn together(earlier: Submission, later: Submission) -> Submission {
    let mut files: Vec<ChangedFile> = earlier.files;
    for file in later.files {
        match files.iter_mut().find(|known| known.path == file.path) {
            Some(known) => known.after = file.after,
            None => files.push(file),
        }
    }
    Submission { files, ..later }
}
