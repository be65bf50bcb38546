//! Fixes that people ask for: the gates are those of a window's end, but for what people themselves have said.

use super::{LOOK_USD, Triage};
use crate::model::{Cap, Cluster, Expense, Fix, FixStatus, NoFix, UnixNanos};
use crate::store::{AuditEntry, Claimed, StoreError};

/// Why none is begun.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// Nobody is there to write it.
    #[error("no fixes are written: ANTHROPIC_API_KEY or GITHUB_REPOSITORY is not set")]
    Disabled,
    /// What Claude may cost is spent.
    #[error("{0}")]
    Budget(String),
    /// As many pull requests as may be.
    #[error("{0}")]
    Cap(Cap),
    /// The error has one that stands.
    #[error("the error has the fix {id}, which is {status}")]
    Standing {
        /// The fix.
        id: String,
        /// Where it stands.
        status: FixStatus,
    },
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NotBegun {
    /// The code that stays the same.
    #[must_use]
    pub fn code(&self) -> Option<NoFix> {
        match self {
            Self::Disabled => Some(NoFix::Disabled),
            Self::Budget(_) => Some(NoFix::Budget),
            Self::Cap(_) => Some(NoFix::PrCap),
            Self::Standing { .. } | Self::Store(_) => None,
        }
    }
}

impl Triage {
    /// Begins a fix that people ask for. The limits of what may be spent and opened hold, and one fix for each error; what a window
    /// may begin by itself, and how earlier pull requests ended, do not.
    ///
    /// # Errors
    ///
    /// [`NotBegun`].
    pub async fn begin_asked(
        &self,
        cluster: &Cluster,
        create_pr: bool,
        actor: &str,
    ) -> Result<Fix, NotBegun> {
        if !self.can_fix {
            return Err(NotBegun::Disabled);
        }
        let now = self.store.now();
        if let Err(exceeded) = self.purse.look(Expense::Triage, "", LOOK_USD).await? {
            return Err(NotBegun::Budget(exceeded.to_string()));
        }
        if create_pr && let Some(cap) = self.cap(now).await? {
            return Err(NotBegun::Cap(cap));
        }
        match self.store.claim_asked(cluster, create_pr, now).await? {
            Claimed::Standing(fix) => Err(NotBegun::Standing { id: fix.id, status: fix.status }),
            Claimed::Begun(fix) => {
                self.tell_begun(cluster, &fix, actor, now).await?;
                Ok(fix)
            }
        }
    }

    /// Which limit stands against one more pull request.
    async fn cap(&self, now: UnixNanos) -> Result<Option<Cap>, StoreError> {
        let (limits, usage) = (&self.settings.limits, self.store.usage(now).await?);
        Ok(if usage.open_pull_requests >= limits.open_pull_requests {
            Some(Cap::Open(usage.open_pull_requests))
        } else if usage.pull_requests_of_day >= limits.pull_requests_per_day {
            Some(Cap::PerDay(usage.pull_requests_of_day))
        } else if usage.pull_requests_of_hour >= limits.pull_requests_per_hour {
            Some(Cap::PerHour(usage.pull_requests_of_hour))
        } else {
            None
        })
    }

    async fn tell_begun(
        &self,
        cluster: &Cluster,
        fix: &Fix,
        actor: &str,
        at: UnixNanos,
    ) -> Result<(), StoreError> {
        let waits = "people asked for a fix, which waits for its turn".to_owned();
        self.store.note_unfixed(&[(cluster.fingerprint, NoFix::Waiting, waits)], at).await?;
        let (subject, outcome) = (cluster.fingerprint.to_string(), format!("the fix {} is begun", fix.id));
        let entry = AuditEntry { at, actor, action: "generate_fix", subject: &subject, outcome: &outcome };
        self.store.audit(&entry).await?;
        tracing::info!(fix = fix.id, "Generating a fix that people asked for");
        self.work.notify_one();
        // Where another process leads it finds this in the store.
        self.wanted.notify_one();
        Ok(())
    }

    /// Wakes whoever writes fixes where people asked for one since the last look, on whichever replica.
    pub(super) async fn look_for_asked(&self, last: &mut Option<UnixNanos>) -> Result<(), StoreError> {
        let asked = self.store.last_asked_at().await?;
        if asked > std::mem::replace(last, asked) {
            self.work.notify_one();
        }
        Ok(())
    }
}
