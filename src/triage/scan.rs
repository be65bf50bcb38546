//! The window's end on demand: whoever is asked notes it in the store, the leader does it, on whichever replica it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Report, Triage};
use crate::model::UnixNanos;
use crate::store::{Scan, StoreError};

/// How long somebody waits for the leader: as long as a term lasts that a crashed leader left, and some more.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether the leader is done.
const LOOKED: Duration = Duration::from_millis(50);

/// Older wishes are not fulfilled: nobody waits for them any more.
const KEPT: Duration = Duration::from_mins(1);

/// Why the window was not closed on demand.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No replica leads, or the leader is busy for longer than anybody waits.
    #[error("no replica closed the window in {} seconds", PATIENCE.as_secs())]
    NoLeader,
    /// The leader could not do it.
    #[error("the leader could not close the window")]
    Failed,
}

/// What the leader tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scanned {
    /// It is closed and triaged.
    Done(Report),
    /// It could not be.
    Failed,
}

impl Triage {
    /// Has the leader close the window and triage it, and waits until that is done.
    ///
    /// # Errors
    ///
    /// [`ScanError`]; it may be done all the same.
    pub async fn scan(&self, auto_fix: Option<bool>) -> Result<Report, ScanError> {
        let scan = Scan { id: format!("{:032x}", fastrand::u128(..)), auto_fix };
        self.store.request_scan(&scan, self.store.now()).await?;
        self.wanted.notify_one();
        let done = async {
            loop {
                let told = self.store.scan_report(&scan.id).await?;
                if let Some(told) = told {
                    return match serde_json::from_str(&told) {
                        Ok(Scanned::Done(report)) => Ok(report),
                        Ok(Scanned::Failed) | Err(_) => Err(ScanError::Failed),
                    };
                }
                tokio::time::sleep(LOOKED).await;
            }
        };
        tokio::time::timeout(PATIENCE, done).await.unwrap_or(Err(ScanError::NoLeader))
    }

    /// Waits until somebody of this process wants the window closed.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Fulfils what was asked for, by whichever replica.
    pub(super) async fn fulfil_scans(&self, now: UnixNanos) -> Result<(), StoreError> {
        let since = UnixNanos(now.0.saturating_sub(UnixNanos::from_secs(KEPT.as_secs()).0));
        for scan in self.store.requested_scans(since).await? {
            let auto_fix = scan.auto_fix.unwrap_or(self.settings().auto_fix);
            let scanned = match self.close_window(self.store.now(), auto_fix, "api").await {
                Ok(report) => Scanned::Done(report),
                Err(error) => {
                    tracing::error!("✗ Error in monitoring loop: {error}");
                    Scanned::Failed
                }
            };
            let told = serde_json::to_string(&scanned).unwrap_or_default();
            self.store.report_scan(&scan.id, &told).await?;
        }
        Ok(())
    }
}
