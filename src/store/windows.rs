//! Windows: one is open, the others are closed and, once triage has looked at all their clusters, triaged.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::{Store, StoreError};
use crate::model::UnixNanos;

/// A window that was closed just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedWindow {
    /// Which window.
    pub start: UnixNanos,
    /// When the next one began.
    pub next_start: UnixNanos,
}

/// The start of the open window; where none is open, one is begun at `now`.
pub(super) async fn open_or_continue(
    connection: &mut SqliteConnection,
    now: UnixNanos,
) -> Result<UnixNanos, StoreError> {
    let failed = StoreError::while_doing("opening the window");
    let open = sqlx::query("SELECT start FROM window WHERE closed_at IS NULL")
        .fetch_optional(&mut *connection)
        .await
        .map_err(&failed)?;
    if let Some(row) = open {
        return row.try_get(0).map(UnixNanos::from_i64).map_err(failed);
    }
    // After a clock that went back, the next window still comes after all others.
    sqlx::query(
        "INSERT INTO window (start) SELECT max(?, coalesce(max(start) + 1, 0)) FROM window RETURNING start",
    )
    .bind(now.to_i64())
    .fetch_one(connection)
    .await
    .and_then(|row| row.try_get(0))
    .map(UnixNanos::from_i64)
    .map_err(failed)
}

pub(super) async fn close(
    connection: &mut SqliteConnection,
    start: UnixNanos,
    now: UnixNanos,
) -> Result<ClosedWindow, StoreError> {
    let failed = StoreError::while_doing("closing the window");
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
    sqlx::query("UPDATE window SET closed_at = ? WHERE start = ?")
        .bind(now.to_i64())
        .bind(start.to_i64())
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
    // An error that an earlier window held too is no longer new.
    sqlx::query(
        "UPDATE cluster SET status = 'ongoing' WHERE status = 'new' AND fingerprint IN
           (SELECT w.fingerprint FROM window_cluster w WHERE w.window_start = ?
              AND EXISTS (SELECT 1 FROM window_cluster e
                          WHERE e.fingerprint = w.fingerprint AND e.window_start < w.window_start))",
    )
    .bind(start.to_i64())
    .execute(&mut *transaction)
    .await
    .map_err(&failed)?;
    let next_start = open_or_continue(&mut transaction, now).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(ClosedWindow { start, next_start })
}

impl Store {
    /// When the open window began.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn open_window_start(&self) -> Result<UnixNanos, StoreError> {
        sqlx::query("SELECT start FROM window WHERE closed_at IS NULL")
            .fetch_one(&self.pool)
            .await
            .and_then(|row| row.try_get(0))
            .map(UnixNanos::from_i64)
            .map_err(StoreError::while_doing("reading the window"))
    }

    /// The windows that were closed but not triaged, earliest first: a crash may have come between the two.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn untriaged_windows(&self) -> Result<Vec<UnixNanos>, StoreError> {
        let failed = StoreError::while_doing("reading untriaged windows");
        sqlx::query(
            "SELECT start FROM window WHERE closed_at IS NOT NULL AND triaged_at IS NULL ORDER BY start",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(&failed)?
        .iter()
        .map(|row| row.try_get(0).map(UnixNanos::from_i64).map_err(&failed))
        .collect()
    }

    /// Notes that every cluster of a window was looked at.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn mark_triaged(&self, window: UnixNanos, now: UnixNanos) -> Result<(), StoreError> {
        sqlx::query("UPDATE window SET triaged_at = ? WHERE start = ?")
            .bind(now.to_i64())
            .bind(window.to_i64())
            .execute(&self.pool)
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
        sqlx::query("SELECT max(closed_at) FROM window")
            .fetch_one(&self.pool)
            .await
            .and_then(|row| row.try_get::<Option<i64>, _>(0))
            .map(|at| at.map(UnixNanos::from_i64))
            .map_err(StoreError::while_doing("reading the latest window"))
    }
}
