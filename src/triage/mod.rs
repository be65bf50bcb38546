//! What happens at a window's end: close it, find out which of its clusters are one error, look at them, claim the ones that
//! a fix is to be written for.
//!
//! In comes the store's closed window. Out go claims in the store, in the order in which they deserve a fix; whoever
//! writes fixes is woken and finds them there, also after a restart. This room does not know how a fix is written.

mod merge;
mod outcomes;
mod rank;
mod scan;
mod task;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

pub use outcomes::{CLOSED_IN_A_ROW_MAX, Place, Standing, Standings};
pub use rank::{Skipped, rank};
pub use scan::{ScanError, Scanned};
pub use task::run;

use crate::leader::Leadership;
use crate::model::{Cluster, UnixNanos};
use crate::store::{AuditEntry, Store, StoreError};

const DAY: u64 = 86_400;
const MONTH: u64 = 30 * DAY;

/// What a window's end may set off. All of it is counted in the store, so it holds across restarts.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Whether fixes are written where nobody says otherwise. Default: true.
    pub auto_fix: bool,
    /// Fixes begun in one window. Default 1: people read one pull request well, and causes often come in pairs.
    pub fixes_per_window_max: u32,
    /// Pull requests that stand open. Default 5, as Dependabot has it.
    pub open_pull_requests_max: u64,
    /// Pull requests in 24 hours. Default 5.
    pub pull_requests_per_day_max: u64,
    /// US dollars in 24 hours. Default 20.
    pub usd_per_day_max: f64,
    /// US dollars in 30 days. Default 200.
    pub usd_per_month_max: f64,
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
            open_pull_requests_max: 5,
            pull_requests_per_day_max: 5,
            usd_per_day_max: 20.0,
            usd_per_month_max: 200.0,
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
    /// Whether anybody is there to write a fix. Without, claims would only lie about.
    can_fix: bool,
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
            store,
            settings,
            can_fix,
            work,
            wanted: Arc::default(),
            closing: Arc::default(),
            merged: Arc::default(),
        }
    }

    /// The same, of a leader: nothing is written by it once its term is over.
    #[must_use]
    pub fn led_by(&self, leadership: &Leadership) -> Self {
        Self { store: self.store.led_by(leadership.fence()), ..self.clone() }
    }

    /// Whether windows are closed on time: people may pause it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn is_running(&self) -> Result<bool, StoreError> {
        self.store.is_paused().await.map(|paused| !paused)
    }

    /// Pauses or resumes the closing of windows, on every replica and over restarts. Counting goes on in any case.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn set_running(&self, running: bool) -> Result<(), StoreError> {
        self.store.set_paused(!running).await
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
            let triaged = self.triage(window, now, auto_fix).await?;
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
            self.triage(window, now, self.settings.auto_fix).await?;
        }
        Ok(())
    }

    async fn triage(&self, window: UnixNanos, now: UnixNanos, auto_fix: bool) -> Result<Report, StoreError> {
        self.store.age_families(window).await?;
        let clusters = self.store.window_outlines(window).await?;
        let urgent = clusters.iter().filter(|cluster| cluster.verdict.severity.is_urgent()).count();
        tracing::info!("Detected {} error patterns", clusters.len());
        let mut report = Report { clusters: clusters.len(), urgent, fixes_started: 0 };
        if auto_fix && self.can_fix {
            let standings = self.standings(now).await?;
            let candidates = rank(clusters, self.settings.occurrences_min, &standings);
            let candidates = self.without_stopped(candidates, &standings, now).await?;
            report.fixes_started = self.claim(&candidates, now).await?;
        }
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

    /// The candidates that people have not had enough of; of the others it is told, in the log and in the audit trail.
    async fn without_stopped(
        &self,
        candidates: Vec<Cluster>,
        standings: &Standings,
        now: UnixNanos,
    ) -> Result<Vec<Cluster>, StoreError> {
        let (stopped, wanted): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|cluster| standings.is_stopped(cluster));
        let mut errors = BTreeMap::<Place, usize>::new();
        for cluster in &stopped {
            *errors.entry(outcomes::place(cluster)).or_default() += 1;
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

    /// Claims the first ones that are still free, as far as the budgets go.
    async fn claim(&self, candidates: &[Cluster], now: UnixNanos) -> Result<usize, StoreError> {
        if candidates.is_empty() {
            return Ok(0);
        }
        let budget = match self.budget(now).await? {
            Ok(budget) => budget,
            Err(spent) => {
                tracing::warn!(waiting = candidates.len(), "no fix is begun in this window: {spent}");
                return Ok(0);
            }
        };
        let mut claimed = 0;
        for cluster in candidates {
            if claimed == budget {
                break;
            }
            if self.store.claim_fix(cluster, now).await?.is_some() {
                claimed += 1;
            }
        }
        Ok(claimed)
    }

    /// How many fixes may be begun now, or which budget is spent.
    async fn budget(&self, now: UnixNanos) -> Result<Result<usize, Skipped>, StoreError> {
        let since = |secs| UnixNanos(now.0.saturating_sub(UnixNanos::from_secs(secs).0));
        let day = self.store.spending_since(since(DAY)).await?;
        let month = self.store.spending_since(since(MONTH)).await?;
        let open = self.store.open_pull_requests().await?;
        let left = [
            u64::from(self.settings.fixes_per_window_max),
            self.settings.open_pull_requests_max.saturating_sub(open),
            self.settings.pull_requests_per_day_max.saturating_sub(day.pull_requests),
        ];
        Ok(if day.usd >= self.settings.usd_per_day_max {
            Err(Skipped::DayBudget)
        } else if month.usd >= self.settings.usd_per_month_max {
            Err(Skipped::MonthBudget)
        } else if left[1] == 0 {
            Err(Skipped::OpenPullRequests)
        } else if left[2] == 0 {
            Err(Skipped::PullRequestsPerDay)
        } else {
            Ok(usize::try_from(left.into_iter().min().unwrap_or(0)).unwrap_or(usize::MAX))
        })
    }
}
