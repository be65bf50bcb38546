//! What pages show of many errors and windows at once: a statement for all of them, not one for each.

use std::collections::BTreeMap;

use super::engine::{Row, Rows, sql};
use super::hours::{HOUR, Hour, of};
use super::{Audited, Store, StoreError, audit};
use crate::model::{Fingerprint, FixStatus, Severity, UnixNanos};

/// How many names of services are told.
const SERVICES_MAX: u64 = 200;

/// What a window held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowHeld {
    /// When it began.
    pub start: UnixNanos,
    /// When it was closed; `None` for the one that is open.
    pub closed_at: Option<UnixNanos>,
    /// When all its errors were looked at.
    pub triaged_at: Option<UnixNanos>,
    /// How many errors it holds; a family is one.
    pub errors: u64,
    /// How many of them no earlier window held.
    pub fresh: u64,
    /// How many of them are critical or high.
    pub urgent: u64,
    /// How many records.
    pub records: u64,
}

/// A fix without its change.
#[derive(Debug, Clone, PartialEq)]
pub struct FixBrief {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: FixStatus,
    /// The pull request's page.
    pub pr_url: Option<String>,
    /// The error in one line.
    pub error_message: String,
    /// When the claim was made.
    pub created_at: UnixNanos,
}

impl Store {
    /// How often each of these errors came since then, as [`Store::hours`] tells it of one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn hours_of(
        &self,
        errors: impl IntoIterator<Item = Fingerprint>,
        since: UnixNanos,
    ) -> Result<BTreeMap<Fingerprint, Vec<Hour>>, StoreError> {
        let failed = StoreError::while_doing("reading errors' hours");
        let asked = Rows::default().texts("id", errors.into_iter().map(|error| error.to_string()));
        let hours = sql(format!(
            "WITH asked AS (SELECT id FROM {{rows}}),
             meant AS (SELECT id, id AS fingerprint FROM asked
               UNION SELECT a.id, o.fingerprint FROM asked a JOIN member m ON m.fingerprint = a.id
                 JOIN member o ON o.family = m.family)
             SELECT id, hour, CAST(sum(count) AS BIGINT) AS count FROM (
               SELECT a.id, h.hour, h.count FROM meant a JOIN cluster_hour h ON h.fingerprint = a.fingerprint
               WHERE h.hour >= $1
               UNION ALL
               SELECT a.id, w.window_start - w.window_start % {HOUR}, w.count
               FROM meant a JOIN window_cluster w ON w.fingerprint = a.fingerprint
               WHERE w.window_start = (SELECT o.start FROM \"window\" o WHERE o.closed_at IS NULL)) AS counted
             GROUP BY id, hour ORDER BY id, hour"
        ));
        let mut by_error = BTreeMap::<_, Vec<_>>::new();
        for row in self.database.fetch(hours.bind(of(since).to_i64()).with(asked)).await.map_err(&failed)? {
            let id: String = row.text("id").map_err(&failed)?;
            let unreadable =
                |value| StoreError::Inconsistent { table: "cluster_hour", column: "fingerprint", value };
            let error = id.parse().map_err(|_| unreadable(id))?;
            let hour = (|| Ok(Hour { start: row.time("hour")?, count: row.number("count")? }))();
            by_error.entry(error).or_default().push(hour.map_err(&failed)?);
        }
        Ok(by_error)
    }

    /// The latest windows that began before this time, the open one among them, latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn windows_before(&self, before: UnixNanos, limit: u32) -> Result<Vec<WindowHeld>, StoreError> {
        let error = "coalesce(m.family, c.fingerprint)";
        let urgent = Severity::High.rank();
        let windows = sql(format!(
            "SELECT w.start, w.closed_at, w.triaged_at, count(DISTINCT {error}) AS errors,
               count(DISTINCT CASE WHEN k.first_window = w.start THEN {error} END) AS fresh,
               count(DISTINCT CASE WHEN k.severity >= {urgent} THEN {error} END) AS urgent,
               CAST(coalesce(sum(c.count), 0) AS BIGINT) AS records
             FROM (SELECT start, closed_at, triaged_at FROM \"window\" WHERE start < $1 ORDER BY start DESC LIMIT $2) AS w
             LEFT JOIN window_cluster c ON c.window_start = w.start
             LEFT JOIN cluster k ON k.fingerprint = c.fingerprint
             LEFT JOIN member m ON m.fingerprint = c.fingerprint
             GROUP BY w.start, w.closed_at, w.triaged_at ORDER BY w.start DESC"
        ));
        let rows = self.database.fetch(windows.bind(before.to_i64()).bind(limit)).await;
        let window = |row: &Row| {
            Ok(WindowHeld {
                start: row.time("start")?,
                closed_at: row.time_or_none("closed_at")?,
                triaged_at: row.time_or_none("triaged_at")?,
                errors: row.number("errors")?,
                fresh: row.number("fresh")?,
                urgent: row.number("urgent")?,
                records: row.number("records")?,
            })
        };
        rows.and_then(|rows| rows.iter().map(window).collect())
            .map_err(StoreError::while_doing("reading windows"))
    }

    /// These fixes without what they change.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn fixes_in_brief<T: Into<String>>(
        &self,
        ids: impl IntoIterator<Item = T>,
    ) -> Result<Vec<FixBrief>, StoreError> {
        let asked = sql("SELECT x.id, x.status, x.pr_url, x.error_message, x.created_at FROM fix x
             WHERE x.id IN (SELECT rows.id FROM {rows})");
        self.read_briefs(asked.with(Rows::default().texts("id", ids))).await
    }

    /// The fixes that were begun since then, without what they change, earliest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn fixes_begun_since(&self, since: UnixNanos) -> Result<Vec<FixBrief>, StoreError> {
        let asked = sql("SELECT x.id, x.status, x.pr_url, x.error_message, x.created_at FROM fix x
             WHERE x.created_at >= $1 ORDER BY x.created_at, x.id");
        self.read_briefs(asked.bind(since.to_i64())).await
    }

    async fn read_briefs(&self, asked: super::engine::Statement) -> Result<Vec<FixBrief>, StoreError> {
        let failed = StoreError::while_doing("reading fixes");
        let rows = self.database.fetch(asked).await.map_err(&failed)?;
        let brief = |row: &Row| {
            let status: String = row.text("status").map_err(&failed)?;
            let unreadable = |value| StoreError::Inconsistent { table: "fix", column: "status", value };
            Ok(FixBrief {
                id: row.text("id").map_err(&failed)?,
                status: status.parse().map_err(|_| unreadable(status))?,
                pr_url: row.text_or_none("pr_url").map_err(&failed)?,
                error_message: row.text("error_message").map_err(&failed)?,
                created_at: row.time("created_at").map_err(&failed)?,
            })
        };
        rows.iter().map(brief).collect()
    }

    /// What was done about these subjects, latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn taken_on<T: Into<String>>(
        &self,
        subjects: impl IntoIterator<Item = T>,
        limit: u32,
    ) -> Result<Vec<Audited>, StoreError> {
        let asked = sql("SELECT a.id, a.at, a.actor, a.action, a.subject, a.outcome FROM audit a
             WHERE a.subject IN (SELECT rows.subject FROM {rows}) ORDER BY a.at DESC, a.id DESC LIMIT $1");
        let asked = asked.bind(limit).with(Rows::default().texts("subject", subjects));
        let rows = self.database.fetch(asked).await;
        rows.and_then(|rows| rows.iter().map(audit::audited).collect())
            .map_err(StoreError::while_doing("reading the audit trail"))
    }

    /// The services that errors were counted of, the first 200 by name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn services(&self) -> Result<Vec<String>, StoreError> {
        let services = sql("SELECT DISTINCT service FROM cluster WHERE count > 0 ORDER BY service LIMIT $1");
        let rows = self.database.fetch(services.bind(SERVICES_MAX)).await;
        rows.and_then(|rows| rows.iter().map(|row| row.text("service")).collect())
            .map_err(StoreError::while_doing("reading the names of services"))
    }

    /// When the latest record happened that is counted; `None` before the first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn latest_record_at(&self) -> Result<Option<UnixNanos>, StoreError> {
        let latest = self.database.one(sql("SELECT max(last_seen) FROM cluster WHERE count > 0")).await;
        latest
            .and_then(|row| row.time_or_none(0))
            .map_err(StoreError::while_doing("reading when the latest record happened"))
    }

    /// How many requests wait for a commit, and how many may.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        (self.writer.max_capacity() - self.writer.capacity(), self.writer.max_capacity())
    }
}
