//! What has just changed, for whoever follows: on whichever replica, since all of it is written here.
//!
//! Times of changes are those of the clocks of several machines, and a row is seen some time after its change was stamped:
//! whoever follows looks back a little, and passes over what it has seen.

use super::engine::{Row, sql};
use super::{Store, StoreError};
use crate::model::{Fingerprint, UnixNanos};

/// The windows that are looked at, latest first: more do not end between two looks.
const WINDOWS_MAX: u64 = 20;

/// A window that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedWindow {
    /// When it began.
    pub start: UnixNanos,
    /// When it was closed.
    pub closed_at: UnixNanos,
    /// When all of its clusters had been looked at; `None` before.
    pub triaged_at: Option<UnixNanos>,
    /// How many clusters it counted.
    pub clusters: u64,
}

impl Store {
    /// The errors that changed after `since`, each with when it did, the latest first. A family is one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn changed_clusters(
        &self,
        since: UnixNanos,
        limit: u32,
    ) -> Result<Vec<(Fingerprint, UnixNanos)>, StoreError> {
        let failed = StoreError::while_doing("reading which errors changed");
        let changed = sql("SELECT coalesce(m.family, c.fingerprint) AS id, max(c.changed_at) AS at
             FROM cluster c LEFT JOIN member m ON m.fingerprint = c.fingerprint
             WHERE c.changed_at > $1 AND c.count > 0 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $2");
        let rows = self.database.fetch(changed.bind(since.to_i64()).bind(limit)).await.map_err(&failed)?;
        let one = |row: &Row| {
            let (id, at) = (row.text("id").map_err(&failed)?, row.time("at").map_err(&failed)?);
            let unreadable =
                |value| StoreError::Inconsistent { table: "cluster", column: "fingerprint", value };
            Ok((id.parse().map_err(|_| unreadable(id))?, at))
        };
        rows.iter().map(one).collect()
    }

    /// The ids of the fixes that changed after `since`, each with when it did, the latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn changed_fixes(
        &self,
        since: UnixNanos,
        limit: u32,
    ) -> Result<Vec<(String, UnixNanos)>, StoreError> {
        let failed = StoreError::while_doing("reading which fixes changed");
        let changed =
            sql("SELECT id, changed_at FROM fix WHERE changed_at > $1 ORDER BY changed_at DESC, id LIMIT $2");
        let rows = self.database.fetch(changed.bind(since.to_i64()).bind(limit)).await.map_err(&failed)?;
        rows.iter().map(|row| Ok((row.text(0)?, row.time(1)?))).collect::<Result<_, _>>().map_err(failed)
    }

    /// The latest windows that have ended, the latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn ended_windows(&self) -> Result<Vec<EndedWindow>, StoreError> {
        let failed = StoreError::while_doing("reading which windows ended");
        let ended = sql("SELECT w.start, w.closed_at, w.triaged_at,
               (SELECT count(*) FROM window_cluster c WHERE c.window_start = w.start) AS clusters
             FROM (SELECT * FROM \"window\" ORDER BY start DESC LIMIT $1) AS w
             WHERE w.closed_at IS NOT NULL ORDER BY w.start DESC");
        let rows = self.database.fetch(ended.bind(WINDOWS_MAX)).await.map_err(&failed)?;
        let one = |row: &Row| {
            Ok(EndedWindow {
                start: row.time("start")?,
                closed_at: row.time("closed_at")?,
                triaged_at: row.time_or_none("triaged_at")?,
                clusters: row.number("clusters")?,
            })
        };
        rows.iter().map(one).collect::<Result<_, _>>().map_err(failed)
    }
}
