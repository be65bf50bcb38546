//! What happens at a window's end: close it, find out which of its clusters are one error, look at them, claim the ones that
//! a fix is to be written for.
//!
//! In comes the store's closed window. Out go claims in the store, in the order in which they deserve a fix; whoever
//! writes fixes is woken and finds them there, also after a restart. This room does not know how a fix is written.

mod asked;
mod incident;
mod likely;
mod merge;
mod outcomes;
mod rank;
mod scan;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

pub use asked::NotBegun;
pub use incident::{BURST_MIN, BURST_WITHIN, InHand, Spread, spread};
pub use likely::Adviser;
pub use outcomes::{CLOSED_IN_A_ROW_MAX, Place, Standing, Standings};
pub use rank::rank;
pub use scan::{ScanError, Scanned};
pub use task::run;

use rank::Looked;

use crate::leader::Leadership;
use crate::model::{Cap, Cluster, Expense, Limits, NoFix, Unfixed, UnixNanos};
use crate::purse::Purse;
use crate::store::{AuditEntry, Store, StoreError};

/// What a look at the purse asks for: less than any call costs, more than nothing.
const LOOK_USD: f64 = 0.01;

/// What a window's end may set off. All of it is counted in the store, so it holds across restarts.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Whether fixes are written where nobody says otherwise. Default: true.
    pub auto_fix: bool,
    /// Fixes begun in one window. Default 1: people read one pull request well, and causes often come in pairs.
    pub fixes_per_window_max: u32,
    /// What may be spent and opened.
    pub limits: Limits,
    /// For how long the error of a merged change must not be seen before the change is said to have held. Default 7 days: a
    /// week holds every weekday and its load once.
    pub quiet: Duration,
    /// Occurrences that a cluster needs before a fix is tried. Default 1.
    pub occurrences_min: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auto_fix: true,
            fixes_per_window_max: 1,
            limits: Limits::default(),
            quiet: Duration::from_hours(7 * 24),
            occurrences_min: 1,
        }
    }
}

/// What one window's end found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How many clusters the window held.
    pub clusters: usize,
    /// How many of them are critical or high.
    pub urgent: usize,
    /// How many fixes were begun.
    pub fixes_started: usize,
}

/// Closes windows and decides; clones share everything.
#[derive(Debug, Clone)]
pub struct Triage {
    store: Store,
    settings: Settings,
    purse: Purse,
    /// Who is asked which errors are likely mended; nobody where there is no key.
    adviser: Option<Adviser>,
    /// Whether anybody is there to write a fix. Without, claims would only lie about.
    can_fix: bool,
    /// The services that have a repository to mend; all of them where `None`.
    with_source: Option<Arc<BTreeSet<String>>>,
    /// Wakes whoever writes fixes.
    work: Arc<Notify>,
    /// Wakes the leader of this process where somebody wants the window closed now.
    wanted: Arc<Notify>,
    /// One window is closed at a time; held across awaits, hence tokio's.
    closing: Arc<Mutex<()>>,
    /// The set of templates that was compared last by this process, `None` before the first time. Held across awaits: one merge
    /// at a time, so that an older set never stands at the end.
    merged: Arc<Mutex<Option<[u8; 32]>>>,
}

impl Triage {
    /// A triage over `store`. `can_fix` tells whether fixes can be written at all; `work` is notified when there is one to write.
    #[must_use]
    pub fn new(store: Store, settings: Settings, can_fix: bool, work: Arc<Notify>) -> Self {
        Self {
            purse: Purse::new(store.clone(), settings.limits.clone()),
            adviser: None,
            store,
            settings,
            can_fix,
            with_source: None,
            work,
            wanted: Arc::default(),
            closing: Arc::default(),
            merged: Arc::default(),
        }
    }

    /// The same, asking which errors are likely mended where more deserve a fix than may get one.
    #[must_use]
    pub fn advised_by(self, adviser: Option<Adviser>) -> Self {
        Self { adviser, ..self }
    }

    /// The same, beginning fixes for these services alone: of the others nobody knows the source.
    #[must_use]
    pub fn mending_only(self, services: Option<BTreeSet<String>>) -> Self {
        Self { with_source: services.map(Arc::new), ..self }
    }

    /// The same, of a leader: nothing is written by it once its term is over.
    #[must_use]
    pub fn led_by(&self, leadership: &Leadership) -> Self {
        let fence = leadership.fence();
        Self { store: self.store.led_by(fence), purse: self.purse.led_by(fence), ..self.clone() }
    }

    /// Whether windows are closed on time: people may pause it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn is_running(&self) -> Result<bool, StoreError> {
        self.store.is_paused().await.map(|paused| !paused)
    }

    /// Pauses or resumes the closing of windows, on every replica and over restarts. Counting goes on in any case. Whoever resumes
    /// it says that Claude may be asked again, where its account had met a limit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn set_running(&self, running: bool) -> Result<(), StoreError> {
        self.store.set_paused(!running).await?;
        if running && self.store.close_breaker().await? {
            tracing::info!("Claude is asked again, as people say so");
            self.work.notify_one();
        }
        Ok(())
    }

    /// What it may set off.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Closes the open window at `now` and triages it, and those that a crash left untriaged.
    ///
    /// # Errors
    ///
    /// What was closed stays closed and is triaged the next time.
    #[tracing::instrument(skip_all, fields(actor = actor, clusters, urgent, fixes_started))]
    pub async fn close_window(
        &self,
        now: UnixNanos,
        auto_fix: bool,
        actor: &str,
    ) -> Result<Report, StoreError> {
        let _one_at_a_time = self.closing.lock().await;
        let closed = self.store.close_window(now).await?;
        self.merge(now).await?;
        let mut report = Report::default();
        for window in self.store.untriaged_windows().await? {
            // On the heap, as it is large.
            let triaged = Box::pin(self.triage(window, now, auto_fix)).await?;
            if window == closed.start {
                report.clusters = triaged.clusters;
                report.urgent = triaged.urgent;
            }
            report.fixes_started += triaged.fixes_started;
        }
        let span = tracing::Span::current();
        span.record("clusters", report.clusters);
        span.record("urgent", report.urgent);
        span.record("fixes_started", report.fixes_started);
        let outcome = format!(
            "{} clusters, {} urgent, {} fixes started",
            report.clusters, report.urgent, report.fixes_started
        );
        let subject = closed.start.to_string();
        let entry =
            AuditEntry { at: now, actor, action: "close_window", subject: &subject, outcome: &outcome };
        self.store.audit(&entry).await?;
        Ok(report)
    }

    /// Triages the windows that an earlier leader closed and did not get to, unless people paused triage.
    async fn go_on(&self, now: UnixNanos) -> Result<(), StoreError> {
        let _one_at_a_time = self.closing.lock().await;
        let left = self.store.untriaged_windows().await?;
        if left.is_empty() || !self.is_running().await? {
            return Ok(());
        }
        self.merge(now).await?;
        for window in left {
            Box::pin(self.triage(window, now, self.settings.auto_fix)).await?;
        }
        Ok(())
    }

    async fn triage(&self, window: UnixNanos, now: UnixNanos, auto_fix: bool) -> Result<Report, StoreError> {
        self.store.age_families(window).await?;
        let clusters = self.store.window_outlines(window).await?;
        let urgent = clusters.iter().filter(|cluster| cluster.verdict.severity.is_urgent()).count();
        tracing::info!("Detected {} error patterns", clusters.len());
        let mut report = Report { clusters: clusters.len(), urgent, fixes_started: 0 };
        let standings = self.standings(now).await?;
        let Looked { candidates, unfit: mut unfixed } =
            rank::look(clusters, self.settings.occurrences_min, &standings);
        if auto_fix && self.can_fix {
            let candidates = self.with_source(candidates, &mut unfixed);
            let candidates = self.without_stopped(candidates, &standings, now, &mut unfixed).await?;
            report.fixes_started = self.claim(candidates, window, now, &mut unfixed).await?;
        } else {
            let why = if self.can_fix {
                "fixes are not written: AUTO_FIX_ENABLED or the scan's auto_fix is false"
            } else {
                "fixes are not written: ANTHROPIC_API_KEY or GITHUB_REPOSITORY is not set"
            };
            let told = |cluster: Cluster| (cluster.fingerprint, NoFix::Disabled, why.to_owned());
            unfixed.extend(candidates.into_iter().map(told));
        }
        self.store.note_unfixed(&unfixed, now).await?;
        self.store.mark_triaged(window, now).await?;
        if report.fixes_started > 0 {
            tracing::info!("Generating fixes for {} critical errors", report.fixes_started);
            self.work.notify_one();
        }
        Ok(report)
    }

    /// How pull requests ended so far, by service and category.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn standings(&self, now: UnixNanos) -> Result<Standings, StoreError> {
        let (outcomes, allowances) = (self.store.outcomes().await?, self.store.allowances().await?);
        Ok(Standings::new(outcomes, allowances, self.settings.quiet, now))
    }

    /// The candidates whose service has a repository.
    fn with_source(&self, candidates: Vec<Cluster>, unfixed: &mut Vec<Unfixed>) -> Vec<Cluster> {
        let Some(services) = &self.with_source else { return candidates };
        let (known, unknown): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|cluster| services.contains(&cluster.detail.service));
        let why = "no repository is set for its service: GITHUB_REPOSITORY or the service's table in LOGMEND_SERVICES names one";
        unfixed.extend(unknown.iter().map(|cluster| (cluster.fingerprint, NoFix::Unmapped, why.to_owned())));
        known
    }

    /// The candidates that people have not had enough of; of the others it is told, in the log and in the audit trail.
    async fn without_stopped(
        &self,
        candidates: Vec<Cluster>,
        standings: &Standings,
        now: UnixNanos,
        unfixed: &mut Vec<Unfixed>,
    ) -> Result<Vec<Cluster>, StoreError> {
        let (stopped, wanted): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|cluster| standings.is_stopped(cluster));
        let mut errors = BTreeMap::<Place, usize>::new();
        for cluster in &stopped {
            *errors.entry(outcomes::place(cluster)).or_default() += 1;
            let why = format!(
                "{CLOSED_IN_A_ROW_MAX} pull requests in a row for its category at its service were closed unmerged"
            );
            unfixed.push((cluster.fingerprint, NoFix::Muted, why));
        }
        for ((service, category), count) in errors {
            let outcome = format!(
                "{count} errors: {CLOSED_IN_A_ROW_MAX} pull requests in a row were closed unmerged, none is opened until people allow it"
            );
            tracing::info!(service, %category, "no fix is begun for {outcome}");
            let subject = format!("{service}/{category}");
            let entry = AuditEntry {
                at: now,
                actor: "logmend",
                action: "skip_category",
                subject: &subject,
                outcome: &outcome,
            };
            self.store.audit(&entry).await?;
        }
        Ok(wanted)
    }

    /// The fixes that are being worked on or wait for people, each with its error.
    async fn in_hand(&self) -> Result<Vec<InHand>, StoreError> {
        let mut fixes = self.store.fixes_with_open_pull_requests().await?;
        fixes.extend(self.store.unfinished_fixes().await?);
        let mut in_hand = Vec::new();
        for fix in fixes {
            if let Some(cluster) = self.store.cluster(fix.fingerprint).await? {
                in_hand.push(InHand {
                    fix_id: fix.id,
                    begun: fix.created_at,
                    cluster,
                    files: fix.code_changes.into_keys().collect(),
                });
            }
        }
        Ok(in_hand)
    }

    /// Claims the first ones that are still free, one for each cause and as far as the budgets go; what is left is told why.
    async fn claim(
        &self,
        candidates: Vec<Cluster>,
        window: UnixNanos,
        now: UnixNanos,
        unfixed: &mut Vec<Unfixed>,
    ) -> Result<usize, StoreError> {
        if candidates.is_empty() {
            return Ok(0);
        }
        let within = u64::try_from(BURST_WITHIN.as_nanos()).unwrap_or(u64::MAX);
        let new = self.store.new_errors_since(UnixNanos(now.0.saturating_sub(within))).await?;
        let Spread { chosen: mut candidates, held } =
            incident::spread(candidates, &self.in_hand().await?, &new, now);
        unfixed.extend(held);
        let (allowed, (code, why)) = self.allowed(window, now).await?;
        if allowed > 0
            && candidates.len() > allowed
            && let Some(adviser) = &self.adviser
            && !self.store.was_asked(Expense::Triage, &window.0.to_string()).await?
        {
            // On the heap: the future of a call is large.
            candidates = Box::pin(adviser.order(&self.purse, window, candidates)).await;
        }
        let mut claimed = 0;
        for cluster in candidates {
            if claimed == allowed {
                unfixed.push((cluster.fingerprint, code, why.clone()));
            } else if self.store.claim_fix(&cluster, now).await?.is_some() {
                claimed += 1;
                let turn = "a fix was begun and waits for its turn".to_owned();
                unfixed.push((cluster.fingerprint, NoFix::Waiting, turn));
            }
        }
        Ok(claimed)
    }

    /// How many fixes may be begun now, and what stands against more.
    async fn allowed(
        &self,
        window: UnixNanos,
        now: UnixNanos,
    ) -> Result<(usize, (NoFix, String)), StoreError> {
        if let Err(exceeded) = self.purse.look(Expense::Triage, "", LOOK_USD).await? {
            return Ok((0, (NoFix::Budget, exceeded.to_string())));
        }
        let limits = &self.settings.limits;
        let usage = self.store.usage(now).await?;
        let fixes = u64::from(self.settings.fixes_per_window_max);
        let begun = self.store.fixes_begun_after(window).await?;
        let caps = [
            (
                limits.open_pull_requests.saturating_sub(usage.open_pull_requests),
                Cap::Open(usage.open_pull_requests),
            ),
            (
                limits.pull_requests_per_day.saturating_sub(usage.pull_requests_of_day),
                Cap::PerDay(usage.pull_requests_of_day),
            ),
            (
                limits.pull_requests_per_hour.saturating_sub(usage.pull_requests_of_hour),
                Cap::PerHour(usage.pull_requests_of_hour),
            ),
        ];
        let (mut left, mut against) = (
            fixes.saturating_sub(begun),
            (NoFix::Waiting, format!("{fixes} fixes are begun in one window (LOGMEND_MAX_FIXES_PER_WINDOW)")),
        );
        for (room, cap) in caps {
            if room < left {
                (left, against) = (room, (NoFix::PrCap, cap.to_string()));
            }
        }
        if left == 0 && against.0 == NoFix::PrCap && self.store.is_first_today("pr_cap", now).await? {
            tracing::warn!("no fix is begun: {}; errors are found and counted all the same", against.1);
        }
        Ok((usize::try_from(left).unwrap_or(usize::MAX), against))
    }
}
