//! The life of a fix: from its claim to its draft pull request, each step written down before the next one.
//!
//! A fix that a crash interrupted is found in the store at the next start. What Claude submitted is stored before GitHub is
//! called, and every call to GitHub looks before it creates: going on from any point never makes a second pull request.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, field};

use super::agent::{Agent, Budget, Outcome, Verdict};
use super::edits;
use super::evidence::{Evidence, Site, Told};
use super::owners;
use super::places::Place;
use super::snapshot::Snapshots;
use super::written::Written;
use super::{RemedyError, Settings};
use crate::claude;
use crate::github::{self, Base, GitHub, RepoName};
use crate::leader::{Leadership, Terms};
use crate::loki;
use crate::model::{Cluster, ClusterStatus, Expense, Fix, FixStatus, NoFix, UnixNanos};
use crate::purse::Purse;
use crate::store::{AuditEntry, Store};
use crate::triage::Origins;

/// How often work on one fix may be cut off, by a crash or a stop, before the fix counts as failed: each time may have paid
/// Claude for nothing, and the fix itself may be what crashes us.
const INTERRUPTIONS_MAX: u32 = 5;

/// How long all work rests after a passing fault: at first, and at most while the faults go on. Where GitHub or Claude asks
/// for longer, as long as that, up to the hour of GitHub's limits.
const REST_MIN: Duration = Duration::from_mins(1);
const REST_MAX: Duration = Duration::from_mins(10);
const ASKED_REST_MAX: Duration = Duration::from_hours(1);
/// How often it is looked whether a limit has room again: some reads of the store.
const REST_FOR_ROOM: Duration = Duration::from_secs(20);

/// Writes fixes, one after the other.
#[derive(Debug, Clone)]
pub struct Remedy {
    pub(super) store: Store,
    pub(super) github: GitHub,
    /// Whether pull requests may be opened: whether there is a token.
    opens_pull_requests: bool,
    agent: Agent,
    /// What was read of repositories, for all attempts.
    snapshots: Snapshots,
    settings: Settings,
    purse: Purse,
    /// Where a service's other log lines are; `None` where nobody keeps them.
    loki: Option<loki::Client>,
    origins: Origins,
}

impl Remedy {
    /// A remedy that asks Claude as `claude` says, over the repository that `settings` names.
    ///
    /// # Errors
    ///
    /// Where the HTTP client cannot be built.
    pub fn new(
        store: Store,
        github: GitHub,
        opens_pull_requests: bool,
        claude: &claude::Settings,
        settings: Settings,
    ) -> Result<Self, RemedyError> {
        let agent = Agent::new(claude::Client::new(claude)?);
        let snapshots = Snapshots::default();
        let purse = Purse::new(store.clone(), settings.limits.clone());
        Ok(Self {
            store,
            github,
            opens_pull_requests,
            agent,
            snapshots,
            settings,
            purse,
            loki: None,
            origins: Origins::default(),
        })
    }

    /// The same, showing Claude what the service logged around an error.
    #[must_use]
    pub fn looking_around_in(self, loki: Option<loki::Client>) -> Self {
        Self { loki, ..self }
    }

    /// The same, whose traces lead back to where fixes were begun.
    #[must_use]
    pub fn leading_back_to(self, origins: Origins) -> Self {
        Self { origins, ..self }
    }

    /// The span of the work on a fix.
    fn span(&self, fix: &Fix) -> Span {
        let span = tracing::info_span!(
            "write_fix",
            logmend.fix.id = fix.id,
            logmend.fix.status = field::Empty,
            logmend.fingerprint = %fix.fingerprint,
            logmend.category = %fix.error_category,
            otel.status_code = field::Empty,
        );
        self.origins.lead_back(&span, &fix.id);
        span
    }

    /// What the service logged around the error's latest example; nothing where Loki does not answer, which it says itself.
    async fn lines_around(&self, cluster: &Cluster) -> Vec<String> {
        let Some(loki) = &self.loki else { return Vec::new() };
        let latest = cluster.examples.iter().map(|sample| sample.occurred).max().unwrap_or(cluster.last_seen);
        loki.around(&cluster.detail.service, latest).await.unwrap_or_default()
    }

    /// The same, of a leader: nothing is written by it once its term is over.
    fn led_by(&self, leadership: &Leadership) -> Self {
        let fence = leadership.fence();
        Self { store: self.store.led_by(fence), purse: self.purse.led_by(fence), ..self.clone() }
    }

    /// Takes one fix as far as it goes now. A passing fault is written down and answered: the fix is tried again later, as
    /// often as it takes, since what it costs is bounded by its budget.
    async fn work(&self, mut fix: Fix, clock: fn() -> UnixNanos) -> Result<(), RemedyError> {
        let reason_before = fix.reason.clone();
        let tried = if fix.tries < INTERRUPTIONS_MAX {
            fix.tries += 1;
            fix.status = FixStatus::Generating;
            self.store.update_fix(&fix).await?;
            self.advance(&mut fix, clock).await
        } else {
            Err(RemedyError::Interrupted(fix.tries))
        };
        let passing = match tried {
            Ok(()) => None,
            Err(error) if error.is_transient() => {
                self.note(&fix, error.no_fix(), &error.to_string(), clock).await?;
                fix.tries -= 1;
                fix.status = FixStatus::Pending;
                fix.reason = error.to_string();
                Some(error)
            }
            Err(error) => {
                self.note(&fix, error.no_fix(), &error.to_string(), clock).await?;
                fix.status = FixStatus::Failed;
                fix.reason = error.to_string();
                None
            }
        };
        self.store.update_fix(&fix).await?;
        let span = Span::current();
        span.record("logmend.fix.status", fix.status.as_str());
        if fix.status == FixStatus::Failed {
            span.record("otel.status_code", "ERROR");
            self.clear_strays().await;
        }
        // That a fix waits for room is told once, however often it is looked at.
        match &passing {
            Some(error) if error.is_for_lack_of_room() && fix.reason == reason_before => {}
            Some(error) if error.is_for_lack_of_room() => self.tell_waiting(&fix, clock()).await?,
            _ => self.tell(&fix, clock()).await?,
        }
        passing.map_or(Ok(()), Err)
    }

    async fn advance(&self, fix: &mut Fix, clock: fn() -> UnixNanos) -> Result<(), RemedyError> {
        let mut cluster = self.store.cluster(fix.fingerprint).await?.ok_or(RemedyError::NoCluster)?;
        let place = self.settings.place_of(&cluster.detail.service).ok_or(RemedyError::NoRepository)?;
        // Since it was claimed the error may have become one with others. At GitHub it goes by the id of the claim, so that
        // a branch that was begun is found again.
        cluster.fingerprint = fix.fingerprint;
        if !fix.repository.is_empty()
            && fix.submission.is_some()
            && fix.repository != place.repository.to_string()
        {
            return Err(RemedyError::Unfit(format!(
                "it was written for {}, which is not the service's any more",
                fix.repository
            )));
        }
        self.look_for_room(fix, &place.repository, clock).await?;
        let written = if let Some(written) = Written::stored_in(fix) {
            written
        } else {
            let base = self.github.base(&place.repository, place.base_branch.as_deref()).await?;
            match self.ask(fix, &cluster, &place, &base, clock).await? {
                Some(written) => written,
                None => return Ok(()),
            }
        };
        if written.submission.is_unsure() && !self.store.is_wanted_as_it_is(&fix.id).await? {
            "Claude is not sure enough of its change: it is stored, no pull request is opened"
                .clone_into(&mut fix.reason);
            self.note(fix, NoFix::LowConfidence, &fix.reason, clock).await?;
            fix.status = FixStatus::Proposed;
            return Ok(());
        }
        let why_none = if !self.opens_pull_requests || !self.github.may_write(&place.repository) {
            Some("GITHUB_TOKEN is not set: the change is stored, no pull request is opened")
        } else if self.store.wants_pull_request(&fix.id).await? {
            None
        } else {
            Some("people asked for the change alone: it is stored, no pull request is opened")
        };
        if let Some(why) = why_none {
            fix.status = FixStatus::Proposed;
            self.note(fix, NoFix::Disabled, why, clock).await?;
            return Ok(());
        }
        let Written { submission, told } = written;
        let (base, submission) = edits::onto_current_base(&self.github, &place, fix, submission).await?;
        let written = Written { submission, told };
        written.store_in(fix);
        // Decided by the store, over all replicas, at the last moment.
        self.take_pull_request(fix, &place.repository, clock).await?;
        self.open(fix, &cluster, &place, &base, &written).await?;
        if matches!(fix.status, FixStatus::Draft | FixStatus::Ready) {
            self.store.set_status(fix.fingerprint, ClusterStatus::FixProposed).await?;
            self.store.clear_unfixed(fix.fingerprint).await?;
        }
        Ok(())
    }

    /// Looks whether a limit stands against the next step, before GitHub and Claude are asked for anything.
    async fn look_for_room(
        &self,
        fix: &Fix,
        repository: &RepoName,
        clock: fn() -> UnixNanos,
    ) -> Result<(), RemedyError> {
        if Written::stored_in(fix).is_none() {
            self.purse.look(Expense::Fix, &fix.id, self.agent.first_call_usd()).await??;
        } else if self.opens_pull_requests && self.store.wants_pull_request(&fix.id).await? {
            self.take_pull_request(fix, repository, clock).await?;
        }
        Ok(())
    }

    async fn take_pull_request(
        &self,
        fix: &Fix,
        repository: &RepoName,
        clock: fn() -> UnixNanos,
    ) -> Result<(), RemedyError> {
        let (repository, limits) = (repository.to_string(), self.purse.limits());
        Ok(self.store.take_pull_request(&fix.id, &repository, &limits, clock()).await??)
    }

    /// Notes why its error has no pull request.
    async fn note(
        &self,
        fix: &Fix,
        code: NoFix,
        reason: &str,
        clock: fn() -> UnixNanos,
    ) -> Result<(), RemedyError> {
        Ok(self.store.note_unfixed(&[(fix.fingerprint, code, reason.to_owned())], clock()).await?)
    }

    /// Asks Claude; `None` where no change came of it, which the fix then says.
    async fn ask(
        &self,
        fix: &mut Fix,
        cluster: &Cluster,
        place: &Place,
        base: &Base,
        clock: fn() -> UnixNanos,
    ) -> Result<Option<Written>, RemedyError> {
        let repository = &place.repository;
        repository.to_string().clone_into(&mut fix.repository);
        base.commit.clone_into(&mut fix.base_commit);
        let snapshot = self.snapshots.at(&self.github, repository, base).await?;
        let snapshot = snapshot.ruled_by(place.service.rules.clone());
        let budget = Budget { usd_max: self.purse.limits().usd_per_fix - fix.cost_usd, ..Budget::default() };
        let around = self.lines_around(cluster).await;
        let site =
            Site { github: &self.github, place, base, snapshot: &snapshot, snapshots: &self.snapshots };
        let known_as = [fix.fingerprint, fix.error_id];
        let evidence = Evidence::gather(cluster, known_as, around, site, &self.store).await?;
        let agent = self.agent.paid_from(self.purse.clone(), &fix.id);
        let outcome = agent.write_fix(cluster, &evidence, &snapshot, &budget).await;
        let Outcome { verdict, usage, model, no_fix } = outcome;
        fix.model = model;
        fix.input_tokens += usage.input_tokens;
        fix.output_tokens += usage.output_tokens;
        fix.cost_usd += usage.cost_usd;
        match verdict {
            Verdict::Submitted(submission) => {
                fix.analysis.clone_from(&submission.root_cause);
                fix.proposed_fix.clone_from(&submission.explanation);
                fix.code_changes = submission.diffs();
                let changed = submission.files.iter().map(|file| file.path.as_str());
                let owners = owners::owners_of(changed, &snapshot).await;
                let owners = owners.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the code owners cannot be read");
                    Vec::new()
                });
                let written = Written { submission, told: Told { owners, ..evidence.told } };
                written.store_in(fix);
                fix.generated_at = Some(clock());
                fix.reason.clear();
                // Stored before GitHub is called: after a restart it is not paid for again.
                self.store.update_fix(fix).await?;
                Ok(Some(written))
            }
            Verdict::Declined(reason) => {
                let code = evidence.mapping.why_nowhere().unwrap_or(NoFix::NotActionable);
                self.note(fix, code, &reason, clock).await?;
                fix.status = FixStatus::Declined;
                fix.reason = reason;
                Ok(None)
            }
            Verdict::Failed(reason) => {
                self.note(fix, no_fix, &reason, clock).await?;
                fix.status = FixStatus::Failed;
                fix.reason = reason;
                Ok(None)
            }
            Verdict::Broken(error) => Err(error),
        }
    }

    /// Tells that nothing is wrong with a fix but that a limit is met.
    async fn tell_waiting(&self, fix: &Fix, at: UnixNanos) -> Result<(), RemedyError> {
        tracing::warn!(fix = fix.id, "the fix waits: {}", fix.reason);
        let outcome = format!("waits: {}", fix.reason);
        let entry =
            AuditEntry { at, actor: "logmend", action: "write_fix", subject: &fix.id, outcome: &outcome };
        Ok(self.store.audit(&entry).await?)
    }

    async fn tell(&self, fix: &Fix, now: UnixNanos) -> Result<(), RemedyError> {
        match fix.status {
            FixStatus::Draft | FixStatus::Ready | FixStatus::Proposed => {
                tracing::info!(
                    fix = fix.id,
                    pull_request = fix.pr_url,
                    "Fix created: {} - {}",
                    fix.error_category,
                    fix.error_message
                );
            }
            FixStatus::Pending => {
                tracing::warn!(fix = fix.id, "✗ Error in monitoring loop: {}; it is tried again", fix.reason);
            }
            FixStatus::Failed => tracing::error!(fix = fix.id, "✗ Error in monitoring loop: {}", fix.reason),
            _ => {
                tracing::info!(fix = fix.id, status = %fix.status, reason = fix.reason, "no fix was written");
            }
        }
        let outcome = if fix.reason.is_empty() {
            fix.status.to_string()
        } else {
            format!("{}: {}", fix.status, fix.reason)
        };
        let entry = AuditEntry {
            at: now,
            actor: "logmend",
            action: "write_fix",
            subject: &fix.id,
            outcome: &outcome,
        };
        Ok(self.store.audit(&entry).await?)
    }
}

/// Works on every unfinished fix, now and whenever `work` is notified, as long as this process leads, until `stop` is cancelled.
///
/// A fix in hand when `stop` comes stays as it is written down, and is gone on with at the next start.
pub async fn run(
    remedy: Remedy,
    work: Arc<Notify>,
    terms: Terms,
    clock: fn() -> UnixNanos,
    stop: CancellationToken,
) {
    let remedy = Arc::new(remedy);
    terms
        .while_leading(stop, |leadership| {
            // On the heap: the future of an attempt is large.
            Box::pin(lead(remedy.led_by(&leadership), Arc::clone(&work), clock))
        })
        .await;
}

async fn lead(remedy: Remedy, work: Arc<Notify>, clock: fn() -> UnixNanos) {
    let mut rest = REST_MIN;
    remedy.clear_strays().await;
    loop {
        match work_through(&remedy, clock).await {
            Ok(()) => {
                rest = REST_MIN;
                work.notified().await;
            }
            // Nobody else asked for a rest: it may end as soon as people or triage have work.
            Err(Rest::ForRoom) => {
                let _ = tokio::time::timeout(REST_FOR_ROOM, work.notified()).await;
            }
            Err(Rest::Asked(asked)) => {
                tokio::time::sleep(rest.max(asked.min(ASKED_REST_MAX))).await;
                rest = (rest * 2).min(REST_MAX);
            }
        }
    }
}

/// Why something is to be tried again later.
enum Rest {
    /// All that is left waits for room in a limit.
    ForRoom,
    /// A passing fault, with the longest wait that somebody asked for.
    Asked(Duration),
}

/// An error where something is to be tried again later.
async fn work_through(remedy: &Remedy, clock: fn() -> UnixNanos) -> Result<(), Rest> {
    let fixes = remedy.store.unfinished_fixes().await.map_err(|error| {
        tracing::error!("✗ Error in monitoring loop: {error}");
        Rest::Asked(Duration::ZERO)
    })?;
    let mut waits_for_room = false;
    let mut asked = None;
    for fix in fixes {
        let span = remedy.span(&fix);
        if let Err(error) = Box::pin(remedy.work(fix, clock)).instrument(span).await {
            if let RemedyError::Store(error) = &error {
                tracing::error!("✗ Error in monitoring loop: {error}");
            }
            if error.is_for_lack_of_room() {
                waits_for_room = true;
            } else {
                asked = asked.max(Some(error.wait().unwrap_or_default()));
            }
        }
    }
    match asked {
        Some(asked) => Err(Rest::Asked(asked)),
        None if waits_for_room => Err(Rest::ForRoom),
        None => Ok(()),
    }
}

impl From<github::InvalidBranch> for RemedyError {
    fn from(error: github::InvalidBranch) -> Self {
        Self::Unfit(error.to_string())
    }
}
