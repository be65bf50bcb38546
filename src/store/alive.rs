//! The processes on this store: each says from time to time that it is up. That is a write, so it shows at once that the store
//! takes writes again; and what the clock is that windows go by.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::engine::{Fault, sql};
use super::writer::chain;
use super::{Store, StoreError};
use crate::model::UnixNanos;

/// How often a process says that it is up, and how often while the store takes no writes.
const BEAT: Duration = Duration::from_secs(2);
const BEAT_IN_TROUBLE: Duration = Duration::from_millis(500);

/// How long saying so may take: longer than SQLite waits for another program's lock.
const BEAT_MAX: Duration = Duration::from_secs(8);

const DOING: &str = "saying that this process is up";

impl Store {
    /// How many processes said since then that they are up.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn replicas_since(&self, since: UnixNanos) -> Result<u64, StoreError> {
        let failed = StoreError::while_doing("reading who is up");
        let counted = sql("SELECT count(*) FROM replica WHERE seen_at >= $1").bind(since.to_i64());
        self.database.one(counted).await.and_then(|row| row.number(0)).map_err(failed)
    }

    /// Says until `stop` is cancelled that the process `id` is up, and looks at what other replicas did.
    ///
    /// Where the store fails it says so and goes on trying: as soon as a write succeeds the store counts as well again.
    pub async fn beat(self, id: String, stop: CancellationToken) {
        let mut rest = Duration::ZERO;
        while stop.run_until_cancelled(self.rest(rest)).await.is_some() {
            let beat = tokio::time::timeout(BEAT_MAX, self.beat_once(&id)).await;
            let timed_out = |_| Err(StoreError::while_doing(DOING)(sqlx::Error::PoolTimedOut));
            rest = match beat.unwrap_or_else(timed_out) {
                Ok(()) => BEAT,
                Err(error) => {
                    self.in_trouble(&error).await;
                    BEAT_IN_TROUBLE
                }
            };
        }
    }

    /// Rests, and no longer than until a commit fails.
    async fn rest(&self, rest: Duration) {
        let _ = tokio::time::timeout(rest, self.trouble.notified()).await;
    }

    async fn beat_once(&self, id: &str) -> Result<(), StoreError> {
        let failed = StoreError::while_doing(DOING);
        let offset = self.database.engine().clock_offset(self.clock).await.map_err(&failed)?;
        self.clock_offset.store(offset, Ordering::Relaxed);
        let up = sql("INSERT INTO replica (id, started_at, seen_at) VALUES ($1, $2, $2)
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at");
        self.database.execute(up.bind(id).bind(self.now().to_i64())).await.map_err(failed)?;
        self.look_at_window().await?;
        self.look_at_holes().await?;
        if !self.healthy.swap(true, Ordering::Relaxed) {
            tracing::info!("the store takes writes again");
        }
        Ok(())
    }

    async fn in_trouble(&self, error: &StoreError) {
        if self.healthy.swap(false, Ordering::Relaxed) {
            tracing::error!(error = %chain(error), "the store takes no writes; requests are refused until it does");
        }
        let StoreError::Unavailable { source, .. } = error else { return };
        match self.database.engine().mend(Fault::of(source)).await {
            Ok(Some(told)) => self.tell_set_aside(&told),
            Ok(None) => {}
            Err(error) => tracing::error!(error = %chain(&error), "the database cannot be mended"),
        }
    }

    pub(super) fn tell_set_aside(&self, told: &str) {
        tracing::error!("{told}");
        self.set_aside.send_replace(Some(told.to_owned()));
    }

    /// The time by the clock that windows go by: the database's, where several replicas share it.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        let offset = self.clock_offset.load(Ordering::Relaxed);
        UnixNanos((self.clock)().0.saturating_add_signed(offset))
    }
}
