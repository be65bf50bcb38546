//! Who leads: one row, whose fence grows with each term. Every write of a leader names its fence, so that one whose term is
//! over, and who does not know it yet, changes nothing.

use std::time::Duration;

use super::engine::{Purpose, sql};
use super::{Store, StoreError};
use crate::model::{Fence, UnixNanos};

impl Store {
    /// Begins a term for `owner`, where nobody leads or the leader's time is over; goes on with the term of `owner` itself.
    /// `None` where somebody else leads.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn lead(
        &self,
        owner: &str,
        now: UnixNanos,
        term: Duration,
    ) -> Result<Option<Fence>, StoreError> {
        let failed = StoreError::while_doing("taking the lead");
        let expires_at = now.to_i64().saturating_add(i64::try_from(term.as_nanos()).unwrap_or(i64::MAX));
        let mut transaction = self.database.begin(Purpose::Write).await.map_err(&failed)?;
        let taken = sql(
            "UPDATE lease SET fence = fence + CASE WHEN owner = $1 AND expires_at >= $2 THEN 0 ELSE 1 END, owner = $1,
               expires_at = $3
             WHERE name = 'leader' AND (owner = $1 OR expires_at < $2) RETURNING fence",
        );
        let taken = taken.bind(owner).bind(now.to_i64()).bind(expires_at);
        let row = transaction.optional(taken).await.map_err(&failed)?;
        let fence = row.map(|row| row.integer("fence")).transpose().map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(fence.map(Fence))
    }

    /// Begins a term for `owner` whoever led before: where nobody else can be on this database.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn take_lead(&self, owner: &str) -> Result<Fence, StoreError> {
        let failed = StoreError::while_doing("taking the lead");
        let mut transaction = self.database.begin(Purpose::Write).await.map_err(&failed)?;
        let taken = sql(
            "UPDATE lease SET fence = fence + 1, owner = $1, expires_at = $2 WHERE name = 'leader' RETURNING fence",
        );
        let row = transaction.optional(taken.bind(owner).bind(i64::MAX)).await.map_err(&failed)?;
        let fence = row.ok_or(sqlx::Error::RowNotFound).and_then(|row| row.integer("fence"));
        let fence = fence.map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(Fence(fence))
    }

    /// The term of `owner`, where it still is its own. A file that was begun in place of a corrupted one was led by nobody: there a
    /// term begins.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn renew_lead(&self, owner: &str) -> Result<Option<Fence>, StoreError> {
        let failed = StoreError::while_doing("renewing the lead");
        let held =
            sql("SELECT owner, fence FROM lease WHERE name = 'leader' AND owner IN ($1, '')").bind(owner);
        let Some(row) = self.database.optional(held).await.map_err(&failed)? else { return Ok(None) };
        if row.text("owner").map_err(&failed)?.is_empty() {
            return self.take_lead(owner).await.map(Some);
        }
        row.integer("fence").map(|fence| Some(Fence(fence))).map_err(failed)
    }

    /// Ends a term before its time, so that another replica need not wait for it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; it ends by itself then.
    pub async fn give_up_lead(&self, fence: Fence) -> Result<(), StoreError> {
        let ended = sql("UPDATE lease SET expires_at = 0 WHERE name = 'leader' AND fence = $1");
        let ended = self.database.execute(ended.bind(fence.0)).await;
        ended.map(drop).map_err(StoreError::while_doing("giving up the lead"))
    }

    /// The same store for a leader: nothing is written by it once its term is over.
    #[must_use]
    pub fn led_by(&self, fence: Fence) -> Self {
        Self { database: self.database.fenced(fence), ..self.clone() }
    }
}
