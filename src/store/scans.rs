//! Windows that people want closed now: any replica takes the wish, the leader fulfils it.

use super::engine::sql;
use super::{Store, StoreError};
use crate::model::UnixNanos;

/// A wish to close the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Its id.
    pub id: String,
    /// Whether fixes are written for it; as the settings say where `None`.
    pub auto_fix: Option<bool>,
}

impl Store {
    /// Notes a wish.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn request_scan(&self, scan: &Scan, now: UnixNanos) -> Result<(), StoreError> {
        let noted = sql("INSERT INTO scan (id, auto_fix, requested_at) VALUES ($1, $2, $3)")
            .bind(&scan.id)
            .bind(scan.auto_fix.map(i64::from))
            .bind(now.to_i64());
        let noted = self.database.execute(noted).await;
        noted.map(drop).map_err(StoreError::while_doing("asking for the window's end"))
    }

    /// The wishes that are not fulfilled and were noted since then, the earliest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn requested_scans(&self, since: UnixNanos) -> Result<Vec<Scan>, StoreError> {
        let failed = StoreError::while_doing("reading who asks for the window's end");
        let wishes = sql(
            "SELECT id, auto_fix FROM scan WHERE report IS NULL AND requested_at >= $1 ORDER BY requested_at, id",
        );
        let rows = self.database.fetch(wishes.bind(since.to_i64())).await.map_err(&failed)?;
        let scan = |row: &super::engine::Row| {
            let auto_fix = row.integer_or_none("auto_fix")?.map(|wanted| wanted != 0);
            Ok(Scan { id: row.text("id")?, auto_fix })
        };
        rows.iter().map(scan).collect::<Result<_, _>>().map_err(failed)
    }

    /// Notes what came of a wish.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn report_scan(&self, id: &str, report: &str) -> Result<(), StoreError> {
        let reported = sql("UPDATE scan SET report = $2 WHERE id = $1").bind(id).bind(report);
        let reported = self.database.execute(reported).await;
        reported.map(drop).map_err(StoreError::while_doing("telling of the window's end"))
    }

    /// What came of a wish; `None` as long as nothing has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn scan_report(&self, id: &str) -> Result<Option<String>, StoreError> {
        let failed = StoreError::while_doing("reading of the window's end");
        let row = self.database.optional(sql("SELECT report FROM scan WHERE id = $1").bind(id)).await;
        let report = row.map_err(&failed)?.map(|row| row.text_or_none("report")).transpose();
        report.map(Option::flatten).map_err(failed)
    }
}
