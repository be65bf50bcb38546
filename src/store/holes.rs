//! Times in which nobody counted, as far as they are not read back yet.

use super::engine::sql;
use super::{Store, StoreError};
use crate::model::UnixNanos;

impl Store {
    /// When a process on this store was last known to take requests: when it last said that it is up, or the time of the latest
    /// record in the last two windows, whichever is later. `None` before the first. What was logged since may have been missed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn last_alive(&self) -> Result<Option<UnixNanos>, StoreError> {
        let failed = StoreError::while_doing("reading who was up");
        // A record of a wrong clock, from the future, tells nothing.
        let latest = sql("SELECT max(at) AS at FROM (
               SELECT max(seen_at) AS at FROM replica
               UNION ALL
               SELECT max(w.last_seen) FROM window_cluster w WHERE w.last_seen <= $1 AND w.window_start IN
                 (SELECT o.start FROM \"window\" o ORDER BY o.start DESC LIMIT 2)) AS known");
        let row = self.database.one(latest.bind(self.now().to_i64())).await.map_err(&failed)?;
        row.time_or_none("at").map_err(failed)
    }

    /// Notes that what was logged after `since` and before `until` is not counted yet; for a hole that is known, that it is
    /// counted up to `since` by now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn set_hole(&self, since: UnixNanos, until: UnixNanos) -> Result<(), StoreError> {
        let set = sql("INSERT INTO hole AS h (until, since) VALUES ($1, $2)
             ON CONFLICT (until) DO UPDATE SET since = GREATEST(h.since, excluded.since)");
        let set = self.database.execute(set.bind(until.to_i64()).bind(since.to_i64())).await;
        set.map(drop).map_err(StoreError::while_doing("noting what is not read back"))
    }

    /// Notes that all of a hole is counted, or given up.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn close_hole(&self, until: UnixNanos) -> Result<(), StoreError> {
        let closed =
            self.database.execute(sql("DELETE FROM hole WHERE until = $1").bind(until.to_i64())).await;
        closed.map(drop).map_err(StoreError::while_doing("noting what was read back"))
    }

    /// The holes that are not closed, earliest first, each from after one time to before the other.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn holes(&self) -> Result<Vec<(UnixNanos, UnixNanos)>, StoreError> {
        let failed = StoreError::while_doing("reading what is not read back");
        let rows =
            self.database.fetch("SELECT since, until FROM hole ORDER BY until").await.map_err(&failed)?;
        let hole = |row: &super::engine::Row| Ok((row.time(0)?, row.time(1)?));
        rows.iter().map(hole).collect::<Result<_, _>>().map_err(failed)
    }
}
