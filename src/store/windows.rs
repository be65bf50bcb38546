//! Windows: one is open, the others are closed and, once triage has looked at all their clusters, triaged.

use super::engine::{Purpose, Transaction, sql};
use super::{Store, StoreError, alerts, hours};
use crate::model::UnixNanos;

/// A window that was closed just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedWindow {
    /// Which window.
    pub start: UnixNanos,
    /// When the next one began.
    pub next_start: UnixNanos,
}

const OPEN: &str = "SELECT start FROM \"window\" WHERE closed_at IS NULL";

/// The start of the open window; where none is open, one is begun at `now`.
pub(super) async fn open_or_continue(
    transaction: &mut Transaction,
    now: UnixNanos,
) -> Result<UnixNanos, sqlx::Error> {
    if let Some(row) = transaction.optional(OPEN).await? {
        return row.time(0);
    }
    // After a clock that went back, the next window still comes after all others.
    let begun =
        sql("INSERT INTO \"window\" (start) SELECT GREATEST($1, coalesce(max(start) + 1, 0)) FROM \"window\"
         RETURNING start");
    transaction.optional(begun.bind(now.to_i64())).await?.ok_or(sqlx::Error::RowNotFound)?.time(0)
}

/// What an error's state is told by a window that is over.
async fn age(transaction: &mut Transaction, start: UnixNanos, now: UnixNanos) -> Result<(), sqlx::Error> {
    // An error that an earlier window held too is no longer new.
    let ongoing = sql(
        "UPDATE cluster SET status = 'ongoing', changed_at = $2 WHERE status = 'new' AND first_window < $1 AND fingerprint IN
           (SELECT w.fingerprint FROM window_cluster w WHERE w.window_start = $1)",
    );
    transaction.execute(ongoing.bind(start.to_i64()).bind(now.to_i64())).await?;
    transaction.execute(alerts::note_regressed_in(start, now)).await?;
    // What this window had counted before an error was said to be fixed is no regression.
    let regressed = sql("UPDATE cluster SET status = 'regressed', changed_at = $2
         WHERE status = 'fixed' AND count > fixed_count AND fingerprint IN
           (SELECT w.fingerprint FROM window_cluster w WHERE w.window_start = $1)");
    transaction.execute(regressed.bind(start.to_i64()).bind(now.to_i64())).await.map(drop)
}

impl Store {
    /// Begins a window where none is open; tells which one is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub(super) async fn begin_window(&self, now: UnixNanos) -> Result<UnixNanos, StoreError> {
        let failed = StoreError::while_doing("opening the window");
        let mut transaction = self.database.begin(Purpose::Alone).await.map_err(&failed)?;
        let open = open_or_continue(&mut transaction, now).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        self.told_window(open);
        Ok(open)
    }

    /// Closes the open window and begins the next one at `now`. What was committed before is in the closed one, on whichever
    /// replica; what is committed after it is in the next.
    ///
    /// # Errors
    ///
    /// The window stays open then; where the connection went in the middle, it may be closed.
    pub async fn close_window(&self, now: UnixNanos) -> Result<ClosedWindow, StoreError> {
        let failed = StoreError::while_doing("closing the window");
        let mut transaction = self.database.begin(Purpose::Alone).await.map_err(&failed)?;
        let start = open_or_continue(&mut transaction, now).await.map_err(&failed)?;
        let closed = sql("UPDATE \"window\" SET closed_at = $1 WHERE start = $2");
        transaction.execute(closed.bind(now.to_i64()).bind(start.to_i64())).await.map_err(&failed)?;
        age(&mut transaction, start, now).await.map_err(&failed)?;
        hours::add_window(&mut transaction, start).await.map_err(&failed)?;
        let next_start = open_or_continue(&mut transaction, now).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        self.told_window(next_start);
        Ok(ClosedWindow { start, next_start })
    }

    /// What another replica may have done: which window is open. None is in a fresh file that was begun in place of a corrupted
    /// one; then one is begun.
    pub(super) async fn look_at_window(&self) -> Result<(), StoreError> {
        let failed = StoreError::while_doing("reading the window");
        let open = self.database.optional(OPEN).await.map_err(&failed)?;
        match open {
            Some(row) => self.told_window(row.time(0).map_err(failed)?),
            None => drop(self.begin_window(self.now()).await?),
        }
        Ok(())
    }

    fn told_window(&self, open: UnixNanos) {
        self.window.send_if_modified(|known| std::mem::replace(known, open) != open);
    }

    /// When the open window began.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn open_window_start(&self) -> Result<UnixNanos, StoreError> {
        self.database
            .one(sql("SELECT start FROM \"window\" WHERE closed_at IS NULL"))
            .await
            .and_then(|row| row.time(0))
            .map_err(StoreError::while_doing("reading the window"))
    }

    /// The windows that were closed but not triaged, earliest first: a crash may have come between the two.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn untriaged_windows(&self) -> Result<Vec<UnixNanos>, StoreError> {
        let failed = StoreError::while_doing("reading untriaged windows");
        self.database.fetch(sql(
            "SELECT start FROM \"window\" WHERE closed_at IS NOT NULL AND triaged_at IS NULL ORDER BY start",
        ))
        .await
        .map_err(&failed)?
        .iter()
        .map(|row| row.time(0).map_err(&failed))
        .collect()
    }

    /// Notes that every cluster of a window was looked at.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn mark_triaged(&self, window: UnixNanos, now: UnixNanos) -> Result<(), StoreError> {
        self.database
            .execute(
                sql("UPDATE \"window\" SET triaged_at = $1 WHERE start = $2")
                    .bind(now.to_i64())
                    .bind(window.to_i64()),
            )
            .await
            .map(drop)
            .map_err(StoreError::while_doing("noting a triaged window"))
    }

    /// When the latest window was closed; `None` before the first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn last_closed_at(&self) -> Result<Option<UnixNanos>, StoreError> {
        self.database
            .one(sql("SELECT max(closed_at) FROM \"window\""))
            .await
            .and_then(|row| row.time_or_none(0))
            .map_err(StoreError::while_doing("reading the latest window"))
    }
}
