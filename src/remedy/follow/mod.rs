//! Pull requests after they are opened: followed until people have decided, and beyond, until the error is known to be gone.
//!
//! In come pull requests, their checks and comments as GitHub shows them, and what the store saw of their errors. Out go few
//! things: a draft becomes ready, a second commit comes onto a branch of ours, a comment is written. [`mod@decide`] and [`settle`]
//! say what is to be done, and know neither GitHub nor a clock; the rest carries it out.
//!
//! Everything may be cut off at any point. What was begun is written down before it is done, what GitHub shows is looked at
//! before anything is created there, and each comment hides a key by which it is known again: nothing is done twice. A branch
//! that somebody else has moved is never touched again.

mod command;
mod decide;
mod orders;
mod say;
mod settle;
mod task;
mod watch;
mod work;

pub use task::{Wakes, watch};

use std::time::Duration;

use super::agent::Agent;
use super::owners;
use super::snapshot::Snapshots;
use super::written::Written;
use super::{RemedyError, Settings};
use crate::claude;
use crate::github::{Branch, GitHub, GitHubError, Look, PullRequestState, Readied, RepoName};
use crate::model::{Fix, FixStatus, NoFix, UnixNanos};
use crate::redact;
use crate::store::{AuditEntry, Followed, Store, Work};
use decide::{Action, Facts, Why, decide, step};

/// How much of the words of whoever closed a pull request is kept.
const REASON_BYTES_MAX: usize = 500;

/// The beginning of the steps that name days on which a pull request was not found.
const GONE: &str = "gone:";

/// Failed checks that a repair is told of.
const HELD_AGAINST_MAX: usize = 20;

/// Follows pull requests.
#[derive(Debug, Clone)]
pub struct Follow {
    store: Store,
    github: GitHub,
    /// Who writes repairs; `None` where nobody can be asked.
    agent: Option<Agent>,
    settings: Settings,
    /// What was read of repositories, for all repairs.
    snapshots: Snapshots,
}

/// One pull request in hand, with what is known of it.
#[derive(Debug)]
struct Case {
    fix: Fix,
    followed: Followed,
    repository: RepoName,
    branch: Branch,
    look: Look,
    steps: std::collections::BTreeSet<String>,
}

impl Case {
    /// Notes which checks are held against the change as it stands now; the repair is shown these.
    fn step_of(&self, check: &str) -> String {
        format!("ours:{}:{check}", self.followed.head)
    }

    fn is_held_against(&self, check: &str) -> bool {
        self.steps.contains(&self.step_of(check))
    }

    /// The checks that are held against the change as it stands now.
    fn held_against(&self) -> Vec<String> {
        let ours = self.step_of("");
        self.steps.iter().filter_map(|step| step.strip_prefix(&ours)).map(str::to_owned).collect()
    }
}

impl Follow {
    /// One that looks at GitHub through `github`, and asks Claude for repairs as `claude` says.
    ///
    /// # Errors
    ///
    /// Where Claude's HTTP client cannot be built.
    pub fn new(
        store: Store,
        github: GitHub,
        claude: Option<&claude::Settings>,
        settings: Settings,
    ) -> Result<Self, RemedyError> {
        let client = claude.map(claude::Client::new).transpose()?;
        let snapshots = Snapshots::default();
        Ok(Self { store, github, agent: client.map(Agent::new), settings, snapshots })
    }

    /// Looks at one fix whose pull request stands open as far as is known here, and does what is to be done.
    #[tracing::instrument(name = "follow_fix", skip_all, fields(logmend.fix.id = fix.id))]
    async fn look_at(&self, fix: Fix, clock: fn() -> UnixNanos) -> Result<(), RemedyError> {
        let (Ok(repository), Ok(branch)) = (fix.repository.parse::<RepoName>(), fix.branch.parse::<Branch>())
        else {
            tracing::warn!(
                fix = fix.id,
                "its repository or branch cannot be read, its pull request is not looked at"
            );
            return Ok(());
        };
        let followed = match self.store.followed(&fix.id).await? {
            Some(followed) => followed,
            None => match self.begin(&fix, &repository, &branch, clock()).await {
                Ok(Some(followed)) => followed,
                Ok(None) => return self.note_gone(fix, "its branch has no pull request", clock()).await,
                Err(RemedyError::GitHub(error)) if error.is_gone() => {
                    return self.note_gone(fix, &error.to_string(), clock()).await;
                }
                Err(error) => return Err(error),
            },
        };
        let look = match self.github.look_at(&repository, followed.number).await {
            Err(error) if error.is_gone() => return self.note_gone(fix, &error.to_string(), clock()).await,
            look => look?,
        };
        let steps = self.store.steps(&fix.id).await?;
        if steps.iter().any(|step| step.starts_with(GONE)) {
            self.store.forget_steps(&fix.id, GONE).await?;
        }
        let mut case = Case { fix, followed, repository, branch, look, steps };
        match case.look.pull_request.state {
            PullRequestState::Open { .. } => self.go_on(&mut case, clock).await,
            PullRequestState::Merged => {
                case.followed.merge_commit = case.look.merge_commit.clone().unwrap_or_default();
                self.store.write_followed(&case.followed).await?;
                self.note_status(&mut case, clock()).await
            }
            PullRequestState::Closed => {
                self.keep_reason(&mut case).await?;
                self.note_status(&mut case, clock()).await
            }
        }
    }

    /// A pull request that is not found. Where that is so on three days, its repository was moved or removed, or may not be read
    /// any more: it holds no place among the open ones from then on.
    async fn note_gone(&self, mut fix: Fix, why: &str, now: UnixNanos) -> Result<(), RemedyError> {
        let today = format!("{GONE}{}", now.as_secs() / 86_400);
        self.store.note_step(&fix.id, &today, now).await?;
        let days = self.store.steps(&fix.id).await?;
        tracing::warn!(fix = fix.id, why, "its pull request is not found");
        if days.iter().filter(|step| step.starts_with(GONE)).count() > 2 {
            fix.status = FixStatus::Failed;
            fix.reason = format!("its pull request is not found any more: {why}");
            self.store.note_unfixed(&[(fix.fingerprint, NoFix::Failed, fix.reason.clone())], now).await?;
            self.store.update_fix(&fix).await?;
            self.audit("observe_pull_request", &fix.id, "not found any more", now).await?;
        }
        Ok(())
    }

    /// The first look at a pull request; `None` where there is none.
    async fn begin(
        &self,
        fix: &Fix,
        repository: &RepoName,
        branch: &Branch,
        now: UnixNanos,
    ) -> Result<Option<Followed>, RemedyError> {
        let Some(found) = self.github.pull_request_of(repository, branch).await? else { return Ok(None) };
        let head = found.head_sha.unwrap_or_default();
        let is_ours = self.github.is_ours(repository, &head, fix.fingerprint, &fix.base_commit).await?;
        let followed = Followed {
            fix_id: fix.id.clone(),
            number: found.number,
            node_id: found.node_id.unwrap_or_default(),
            head,
            pushes: 1,
            pushed_at: now,
            handed_over: !is_ours,
            ..Followed::default()
        };
        self.store.write_followed(&followed).await?;
        Ok(Some(followed))
    }

    async fn go_on(&self, case: &mut Case, clock: fn() -> UnixNanos) -> Result<(), RemedyError> {
        self.see_head(case, clock()).await?;
        self.take_orders(case, clock).await?;
        self.note_status(case, clock()).await?;
        let draft = matches!(case.look.pull_request.state, PullRequestState::Open { draft: true });
        // What needs no checks is decided without them: each look is a call or two.
        let idle = case.followed.handed_over || case.followed.work != Work::None || !draft;
        let checks = if idle || case.look.conflict {
            Vec::new()
        } else {
            self.github.checks(&case.repository, &case.followed.head).await?
        };
        let age = clock().0.saturating_sub(case.followed.pushed_at.0);
        let mut facts = Facts {
            draft,
            handed_over: case.followed.handed_over,
            conflict: case.look.conflict,
            head: &case.followed.head,
            checks: &checks,
            base_checks: None,
            age: Duration::from_nanos(age),
            pushes: case.followed.pushes,
            work: case.followed.work,
            can_repair: self.why_no_writing(&case.fix).is_none(),
            steps: &case.steps,
        };
        let mut action = decide(&facts);
        let base_checks;
        if action == Action::LookAtBase {
            base_checks = self.github.checks(&case.repository, &case.fix.base_commit).await?;
            facts.base_checks = Some(&base_checks);
            action = decide(&facts);
        }
        self.carry_out(action, case, clock).await
    }

    async fn carry_out(
        &self,
        action: Action,
        case: &mut Case,
        clock: fn() -> UnixNanos,
    ) -> Result<(), RemedyError> {
        let head = case.followed.head.clone();
        match action {
            Action::Wait | Action::LookAtBase => Ok(()),
            Action::GoOn => Box::pin(self.work(case, clock)).await,
            Action::TellEndless(names) => {
                self.say(case, &step("endless", &head), &say::endless(&names), clock()).await
            }
            Action::TellUnread(names) => {
                self.say(case, &step("unread", &head), &say::unread(&names), clock()).await
            }
            Action::TellConflict => self.say(case, &step("conflict", &head), &say::conflict(), clock()).await,
            Action::MarkReady(why) => self.mark_ready(case, &why, clock).await,
            Action::Repair(failing) => {
                for check in failing.iter().take(HELD_AGAINST_MAX) {
                    let step = case.step_of(check);
                    self.note(case, &step, clock()).await?;
                }
                case.followed.work = Work::Repair;
                case.followed.tries = 0;
                self.store.write_followed(&case.followed).await?;
                self.note_status(case, clock()).await?;
                tracing::info!(fix = case.fix.id, ?failing, "checks fail with the change; it is repaired");
                Box::pin(self.work(case, clock)).await
            }
            Action::StayDraft(failing) => {
                let tried = match (case.followed.pushes, self.why_no_writing(&case.fix)) {
                    (0 | 1, Some(why)) => format!("No repair was tried: {why}."),
                    (0 | 1, None) => "No repair was tried.".to_owned(),
                    (pushes, _) => format!(
                        "Tried: the first change, and {}. Of the latest one Claude says:\n\n{}",
                        if pushes == 2 { "one more" } else { "more after it" },
                        say::prose(&case.fix.proposed_fix)
                    ),
                };
                self.note_red(case, &failing, clock()).await?;
                self.say(case, &step("red", &head), &say::stays_draft(&failing, &tried), clock()).await
            }
        }
    }

    /// Notes of the error that its change does not pass CI.
    async fn note_red(&self, case: &Case, failing: &[String], now: UnixNanos) -> Result<(), RemedyError> {
        let why = format!("its draft fails in CI: {}", redact::redact(&failing.join(", ")));
        Ok(self.store.note_unfixed(&[(case.fix.fingerprint, NoFix::CiFailed, why)], now).await?)
    }

    /// Why no more changes are written for a fix, where none are.
    fn why_no_writing(&self, fix: &Fix) -> Option<&'static str> {
        if self.agent.is_none() {
            Some("there is no key for Claude, or fixes are switched off")
        } else if fix.cost_usd >= self.settings.limits.get().usd_per_fix {
            Some("what one fix may cost is spent")
        } else {
            None
        }
    }

    /// What people should know is said first: once it is ready, nobody comes back to it here.
    async fn mark_ready(
        &self,
        case: &mut Case,
        why: &Why,
        clock: fn() -> UnixNanos,
    ) -> Result<(), RemedyError> {
        let head = case.followed.head.clone();
        if let Some(text) = say::ready(why) {
            self.say(case, &step("why-ready", &head), &text, clock()).await?;
        }
        // Before it is ready: what a crash leaves undone is asked for again, and asking twice changes nothing.
        self.ask_for_review(case).await?;
        match self.github.mark_ready(&case.repository, &case.followed.node_id).await? {
            Readied::Done => {
                self.store.clear_unfixed(case.fix.fingerprint).await?;
                self.note(case, &step("ready", &head), clock()).await?;
                case.look.pull_request.state = PullRequestState::Open { draft: false };
                self.note_status(case, clock()).await
            }
            Readied::Refused(words) => {
                tracing::warn!(fix = case.fix.id, words, "GitHub does not let the draft be marked as ready");
                let text = say::not_readied(&words);
                self.say(case, &step("not-ready", &head), &text, clock()).await?;
                self.note(case, &step("refused", &head), clock()).await
            }
        }
    }

    /// Asks whom the settings and the repository's code owners name.
    async fn ask_for_review(&self, case: &Case) -> Result<(), RemedyError> {
        let Some(cluster) = self.store.cluster(case.fix.fingerprint).await? else { return Ok(()) };
        let Some(place) = self.settings.place_of(&cluster.detail.service) else { return Ok(()) };
        let told = Written::stored_in(&case.fix).map(|written| written.told).unwrap_or_default();
        let reviewers = owners::reviewers(&place.service.reviewers, &told.owners);
        owners::ask(&self.github, &case.repository, case.followed.number, &reviewers).await;
        Ok(())
    }

    /// Compares the branch with what is known of it: our own commit may have come there just before a crash, or somebody
    /// else's at any time.
    async fn see_head(&self, case: &mut Case, now: UnixNanos) -> Result<(), RemedyError> {
        let Some(head) = case.look.pull_request.head_sha.clone() else { return Ok(()) };
        if head == case.followed.head || case.followed.handed_over {
            return Ok(());
        }
        if head == case.followed.next_head {
            return self.settle_push(case, now).await;
        }
        self.hand_over(case, "somebody else pushed to the branch", now).await
    }

    /// People have it from now on.
    async fn hand_over(&self, case: &mut Case, why: &str, now: UnixNanos) -> Result<(), RemedyError> {
        let followed = &mut case.followed;
        (followed.handed_over, followed.work, followed.answer) = (true, Work::None, None);
        followed.next_head.clear();
        self.store.write_followed(followed).await?;
        tracing::info!(fix = case.fix.id, "{why}: it is not touched any more");
        self.audit("hand_over", &case.fix.id, why, now).await?;
        self.note_status(case, now).await
    }

    /// Notes where the pull request stands now.
    async fn note_status(&self, case: &mut Case, now: UnixNanos) -> Result<(), RemedyError> {
        let pull_request = &case.look.pull_request;
        let is_open = matches!(pull_request.state, PullRequestState::Open { .. });
        let status = if is_open && case.followed.work != Work::None {
            FixStatus::Repairing
        } else {
            FixStatus::of_pull_request(pull_request.state)
        };
        if status == case.fix.status {
            return Ok(());
        }
        // GitHub's time, so that an end that came while we were down counts from when it was; a wrong clock there is bounded.
        let ended_at = (!is_open).then(|| pull_request.ended_at.map_or(now, |at| at.min(now)));
        if self.store.observe_pull_request(&case.fix.id, status, ended_at).await? {
            (case.fix.status, case.fix.ended_at) = (status, ended_at);
            tracing::info!(
                fix = case.fix.id,
                pull_request = pull_request.url,
                "the pull request is {status} now"
            );
            self.audit("observe_pull_request", &case.fix.id, status.as_str(), now).await?;
        }
        Ok(())
    }

    /// Why people closed a pull request: the last comment of somebody who may write to the repository.
    async fn keep_reason(&self, case: &mut Case) -> Result<(), RemedyError> {
        if case.look.comments == 0 {
            return Ok(());
        }
        let comments = self.github.comments(&case.repository, case.followed.number).await?;
        for comment in comments.iter().rev().filter(|comment| !comment.is_by(&case.look.author)).take(5) {
            if self.github.is_writer(&case.repository, &comment.author).await? {
                let plain = redact::plain(redact::cut(&comment.body, 4 * REASON_BYTES_MAX));
                let reason = redact::redact(&plain);
                redact::cut(reason.trim(), REASON_BYTES_MAX).clone_into(&mut case.fix.reason);
                self.store.update_fix(&case.fix).await?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Says something below the pull request, once.
    async fn say(&self, case: &mut Case, key: &str, text: &str, now: UnixNanos) -> Result<(), RemedyError> {
        let said = step("said", key);
        if case.steps.contains(&said) {
            return Ok(());
        }
        let hidden = format!("{}:{key}", case.fix.id);
        let (number, us) = (case.followed.number, &case.look.author);
        match self.github.say_once(&case.repository, number, us, &hidden, text).await {
            // Where nothing may be said, nothing else is to wait for it.
            Err(error @ GitHubError::Refused { .. }) => {
                tracing::warn!(fix = case.fix.id, %error, "a comment could not be written: {text}");
            }
            other => other?,
        }
        self.note(case, &said, now).await?;
        self.audit("comment", &case.fix.id, key, now).await
    }

    /// Notes something as done.
    async fn note(&self, case: &mut Case, step: &str, now: UnixNanos) -> Result<(), RemedyError> {
        self.store.note_step(&case.fix.id, step, now).await?;
        case.steps.insert(step.to_owned());
        Ok(())
    }

    async fn audit(
        &self,
        action: &str,
        subject: &str,
        outcome: &str,
        now: UnixNanos,
    ) -> Result<(), RemedyError> {
        let entry = AuditEntry { at: now, actor: "logmend", action, subject, outcome };
        Ok(self.store.audit(&entry).await?)
    }
}

impl FixStatus {
    /// Where a fix stands by its pull request.
    pub(super) fn of_pull_request(state: PullRequestState) -> Self {
        match state {
            PullRequestState::Open { draft: true } => Self::Draft,
            PullRequestState::Open { draft: false } => Self::Ready,
            PullRequestState::Merged => Self::Merged,
            PullRequestState::Closed => Self::Closed,
        }
    }
}
