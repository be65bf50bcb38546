//! How pull requests ended, and what people said about it: facts that triage judges.

use super::engine::{Row, sql};
use super::{Store, StoreError, alerts};
use crate::model::{Allowance, Category, Fix, FixStatus, Outcome, UnixNanos};

impl Store {
    /// The fixes whose pull request stands open, as far as is known here, oldest claim first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn fixes_with_open_pull_requests(&self) -> Result<Vec<Fix>, StoreError> {
        let text = format!(
            "{} WHERE x.status IN ('draft', 'ready', 'repairing') AND x.branch <> '' ORDER BY x.created_at, x.id",
            super::fixes::SELECT
        );
        self.database
            .fetch(sql(text))
            .await
            .map_err(StoreError::while_doing("reading open pull requests"))?
            .iter()
            .map(super::fixes::read)
            .collect()
    }

    /// Notes where an open pull request stands now. False where the fix has moved on meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn observe_pull_request(
        &self,
        fix_id: &str,
        status: FixStatus,
        ended_at: Option<UnixNanos>,
    ) -> Result<bool, StoreError> {
        let noted = alerts::note_fix_status(fix_id, status, false, self.now());
        let update = sql("UPDATE fix SET status = $2, ended_at = $3, changed_at = $4
             WHERE id = $1 AND status IN ('draft', 'ready', 'repairing')")
        .bind(fix_id)
        .bind(status.as_str())
        .bind(ended_at.map(UnixNanos::to_i64))
        .bind(self.now().to_i64());
        self.database
            .execute_together(noted.into_iter().chain([update]).collect())
            .await
            .map(|done| done == 1)
            .map_err(StoreError::while_doing("noting where a pull request stands"))
    }

    /// How every pull request ended that has, earliest end first. Where its time is not known, that of its change stands for it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn outcomes(&self) -> Result<Vec<Outcome>, StoreError> {
        let failed = StoreError::while_doing("reading how pull requests ended");
        let rows = self.database.fetch(sql(
            "SELECT f.id, c.service, f.error_category, f.status,
               coalesce((SELECT max(o.last_seen) FROM member m JOIN member n ON n.family = m.family
                 JOIN cluster o ON o.fingerprint = n.fingerprint WHERE m.fingerprint = f.fingerprint), c.last_seen) AS last_seen,
               coalesce(f.ended_at, f.generated_at, f.created_at) AS ended
             FROM fix f JOIN cluster c ON c.fingerprint = f.fingerprint
             WHERE f.status IN ('merged', 'closed', 'regressed') ORDER BY ended, f.id",
        ))
        .await
        .map_err(&failed)?;
        rows.iter()
            .map(|row| {
                let text = |column: &str| row.text(column).map_err(&failed);
                let time = |column: &str| row.time(column).map_err(&failed);
                Ok(Outcome {
                    fix_id: text("id")?,
                    service: text("service")?,
                    category: category(row, "fix", "error_category")?,
                    merged: text("status")? != FixStatus::Closed.as_str(),
                    ended_at: time("ended")?,
                    last_seen: time("last_seen")?,
                })
            })
            .collect()
    }

    /// Notes that people want a category mended at a service again: what ended before counts no more.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn allow(&self, allowance: &Allowance) -> Result<(), StoreError> {
        self.database.execute(sql(
            "INSERT INTO outcome_allowance (service, category, allowed_at, allowed_by) VALUES ($1, $2, $3, $4)
             ON CONFLICT (service, category) DO UPDATE SET
               allowed_at = excluded.allowed_at, allowed_by = excluded.allowed_by",
        )
        .bind(&allowance.service)
        .bind(allowance.category.as_str())
        .bind(allowance.allowed_at.to_i64())
        .bind(&allowance.allowed_by))
        .await
        .map(drop)
        .map_err(StoreError::while_doing("noting what people allow"))
    }

    /// What people allowed again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn allowances(&self) -> Result<Vec<Allowance>, StoreError> {
        let failed = StoreError::while_doing("reading what people allow");
        let rows = self.database.fetch("SELECT * FROM outcome_allowance ORDER BY service, category").await;
        let rows = rows.map_err(&failed)?;
        rows.iter()
            .map(|row| {
                Ok(Allowance {
                    service: row.text("service").map_err(&failed)?,
                    category: category(row, "outcome_allowance", "category")?,
                    allowed_at: row.time("allowed_at").map_err(&failed)?,
                    allowed_by: row.text("allowed_by").map_err(&failed)?,
                })
            })
            .collect()
    }
}

fn category(row: &Row, table: &'static str, column: &'static str) -> Result<Category, StoreError> {
    let name = row.text(column).map_err(StoreError::while_doing("reading how pull requests ended"))?;
    name.parse().map_err(|_| StoreError::Inconsistent { table, column, value: name })
}
