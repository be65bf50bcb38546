//! Clusters: what a delta adds to them, and how they are read back.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteRow, SqliteTransaction};

use super::{Store, StoreError, summaries};
use crate::model::{
    Cluster, ClusterDetail, ClusterStatus, Delta, Fingerprint, Sample, Severity, SeverityNumber, UnixNanos,
    Verdict,
};

/// Adds one delta to its cluster, to the window, and its samples to the examples.
pub(super) async fn add(
    transaction: &mut SqliteTransaction<'_>,
    window_start: UnixNanos,
    delta: &Delta,
) -> Result<(), StoreError> {
    let failed = StoreError::while_doing("adding to a cluster");
    let fingerprint = delta.fingerprint.to_string();
    if let Some(detail) = &delta.detail {
        insert(transaction, &fingerprint, delta, detail).await.map_err(&failed)?;
    }
    let known = count(transaction, &fingerprint, delta).await.map_err(&failed)?;
    if !known {
        return Err(StoreError::UnknownCluster(delta.fingerprint));
    }
    count_in_window(transaction, window_start, &fingerprint, delta).await.map_err(&failed)?;
    for sample in &delta.samples {
        keep_sample(transaction, &fingerprint, sample).await.map_err(&failed)?;
    }
    Ok(())
}

/// Makes the row where there is none, with a count of 0; an existing row stays as it is.
async fn insert(
    transaction: &mut SqliteTransaction<'_>,
    fingerprint: &str,
    delta: &Delta,
    detail: &ClusterDetail,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO cluster (fingerprint, service, error_type, message, frames, stack_trace, service_version,
           environment, vcs_repository_url, vcs_revision, vcs_ref_name, service_namespace, language, rule, category,
           severity, fixable, suggested_fix, severity_number, count, first_seen, last_seen, status)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 'new')
         ON CONFLICT (fingerprint) DO NOTHING",
    )
    .bind(fingerprint)
    .bind(&detail.service)
    .bind(&detail.error_type)
    .bind(&detail.message)
    .bind(serde_json::to_string(&detail.frames).unwrap_or_else(|_| "[]".to_owned()))
    .bind(&detail.stack_trace)
    .bind(&detail.service_version)
    .bind(&detail.environment)
    .bind(&detail.vcs_repository_url)
    .bind(&detail.vcs_revision)
    .bind(&detail.vcs_ref_name)
    .bind(&detail.service_namespace)
    .bind(&detail.language)
    .bind(&*delta.verdict.rule)
    .bind(delta.verdict.category.as_str())
    .bind(delta.verdict.severity.rank())
    .bind(delta.verdict.fixable)
    .bind(&*delta.verdict.suggested_fix)
    .bind(delta.severity_number.get())
    .bind(delta.first_seen.to_i64())
    .bind(delta.last_seen.to_i64())
    .execute(&mut **transaction)
    .await
    .map(drop)
}

/// Adds the counts; the graver verdict stands, as [`Verdict::is_graver_than`] orders them. False where there is no such row.
async fn count(
    transaction: &mut SqliteTransaction<'_>,
    fingerprint: &str,
    delta: &Delta,
) -> Result<bool, sqlx::Error> {
    let verdict = &delta.verdict;
    let counted = sqlx::query(
        "UPDATE cluster SET count = count + ?2, first_seen = min(first_seen, ?3), last_seen = max(last_seen, ?4),
           severity_number = max(severity_number, ?5)
         WHERE fingerprint = ?1",
    )
    .bind(fingerprint)
    .bind(i64::try_from(delta.count).unwrap_or(i64::MAX))
    .bind(delta.first_seen.to_i64())
    .bind(delta.last_seen.to_i64())
    .bind(delta.severity_number.get())
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "UPDATE cluster SET rule = ?2, category = ?3, severity = ?4, fixable = ?5, suggested_fix = ?6
         WHERE fingerprint = ?1 AND (?4 > severity OR (?4 = severity AND (?5 > fixable OR (?5 = fixable AND ?2 < rule))))",
    )
    .bind(fingerprint)
    .bind(&*verdict.rule)
    .bind(verdict.category.as_str())
    .bind(verdict.severity.rank())
    .bind(verdict.fixable)
    .bind(&*verdict.suggested_fix)
    .execute(&mut **transaction)
    .await?;
    Ok(counted.rows_affected() == 1)
}

async fn count_in_window(
    transaction: &mut SqliteTransaction<'_>,
    window_start: UnixNanos,
    fingerprint: &str,
    delta: &Delta,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO window_cluster (window_start, fingerprint, count, first_seen, last_seen, severity_number,
           held_back, trace_ids)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (window_start, fingerprint) DO UPDATE SET
           count = count + excluded.count,
           first_seen = min(first_seen, excluded.first_seen),
           last_seen = max(last_seen, excluded.last_seen),
           severity_number = max(severity_number, excluded.severity_number),
           held_back = held_back + excluded.held_back,
           trace_ids = substr(trace_ids || excluded.trace_ids, 1, ?)",
    )
    .bind(window_start.to_i64())
    .bind(fingerprint)
    .bind(i64::try_from(delta.count).unwrap_or(i64::MAX))
    .bind(delta.first_seen.to_i64())
    .bind(delta.last_seen.to_i64())
    .bind(delta.severity_number.get())
    .bind(i64::try_from(delta.held.count).unwrap_or(i64::MAX))
    .bind(summaries::trace_ids_text(&delta.held))
    .bind(i64::try_from(summaries::TRACE_IDS_TEXT_MAX).unwrap_or(i64::MAX))
    .execute(&mut **transaction)
    .await
    .map(drop)
}

/// Keeps a sample where its text is new and there is room.
async fn keep_sample(
    transaction: &mut SqliteTransaction<'_>,
    fingerprint: &str,
    sample: &Sample,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO sample (fingerprint, body, occurred, trace_id, attributes)
         SELECT ?1, ?2, ?3, ?4, ?5 WHERE (SELECT count(*) FROM sample WHERE fingerprint = ?1) < ?6
         ON CONFLICT DO NOTHING",
    )
    .bind(fingerprint)
    .bind(&sample.body)
    .bind(sample.occurred.to_i64())
    .bind(&sample.trace_id)
    .bind(serde_json::to_string(&sample.attributes).unwrap_or_else(|_| "{}".to_owned()))
    .bind(i64::try_from(Cluster::SAMPLES_MAX).unwrap_or(i64::MAX))
    .execute(&mut **transaction)
    .await
    .map(drop)
}

/// Which clusters to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClusterFilter {
    /// Only those seen since then.
    pub seen_since: Option<UnixNanos>,
    /// Only critical and high ones.
    pub urgent: bool,
    /// Only fixable ones.
    pub fixable: bool,
    /// Only those at ERROR or above that no rule knows.
    pub unclassified: bool,
    /// At most so many; all where `None`.
    pub limit: Option<u32>,
}

/// Counts over all clusters and fixes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many clusters there are.
    pub clusters: u64,
    /// How many of them are critical or high.
    pub urgent: u64,
    /// How many of them are fixable.
    pub fixable: u64,
    /// How many of them are at ERROR or above and no rule knows them.
    pub unclassified: u64,
    /// How many by category.
    pub by_category: BTreeMap<String, u64>,
    /// How many fixes were written.
    pub fixes: u64,
}

pub(super) const COLUMNS: &str = "c.fingerprint, c.service, c.error_type, c.message, c.frames, c.stack_trace, c.service_version,
    c.environment, c.vcs_repository_url, c.vcs_revision, c.vcs_ref_name, c.service_namespace, c.language, c.rule,
    c.category, c.severity, c.fixable, c.suggested_fix, c.status, (SELECT id FROM fix f WHERE f.fingerprint = c.fingerprint AND f.superseded = 0) AS fix_id";

impl Store {
    /// Clusters over all windows, latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn clusters(&self, filter: ClusterFilter) -> Result<Vec<Cluster>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, c.count, c.first_seen, c.last_seen FROM cluster c
             WHERE c.last_seen >= ?1 AND c.severity >= ?2 AND c.fixable >= ?3
               AND (NOT ?4 OR (c.rule = ?5 AND c.severity_number >= ?6))
             ORDER BY c.last_seen DESC, c.fingerprint LIMIT ?7"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(filter.seen_since.unwrap_or_default().to_i64())
            .bind(if filter.urgent { Severity::High.rank() } else { 0 })
            .bind(filter.fixable)
            .bind(filter.unclassified)
            .bind(Verdict::NO_RULE)
            .bind(SeverityNumber::ERROR.get())
            .bind(filter.limit.map_or(-1, i64::from))
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::while_doing("reading clusters"))?;
        self.with_examples(rows).await
    }

    /// One cluster over all windows.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn cluster(&self, fingerprint: Fingerprint) -> Result<Option<Cluster>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, c.count, c.first_seen, c.last_seen FROM cluster c WHERE c.fingerprint = ?"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(fingerprint.to_string())
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::while_doing("reading a cluster"))?;
        Ok(self.with_examples(rows).await?.pop())
    }

    /// The clusters of one window, with the counts of that window.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn window_clusters(&self, window: UnixNanos) -> Result<Vec<Cluster>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, w.count, w.first_seen, w.last_seen
             FROM window_cluster w JOIN cluster c ON c.fingerprint = w.fingerprint
             WHERE w.window_start = ? ORDER BY w.fingerprint"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(window.to_i64())
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::while_doing("reading a window's clusters"))?;
        self.with_examples(rows).await
    }

    /// Sets where a cluster stands.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn set_status(
        &self,
        fingerprint: Fingerprint,
        status: ClusterStatus,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE cluster SET status = ? WHERE fingerprint = ?")
            .bind(status.as_str())
            .bind(fingerprint.to_string())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(StoreError::while_doing("setting a cluster's status"))
    }

    /// How many clusters were seen since then.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn clusters_seen_since(&self, since: UnixNanos) -> Result<u64, StoreError> {
        sqlx::query("SELECT count(*) FROM cluster WHERE last_seen > ?")
            .bind(since.to_i64())
            .fetch_one(&self.pool)
            .await
            .and_then(|row| number(&row, 0))
            .map_err(StoreError::while_doing("counting clusters"))
    }

    /// Counts over all clusters and fixes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn summary(&self) -> Result<Summary, StoreError> {
        let failed = StoreError::while_doing("counting clusters");
        let rows = sqlx::query(
            "SELECT category, count(*), coalesce(sum(severity >= ?1), 0), coalesce(sum(fixable), 0),
               coalesce(sum(rule = ?2 AND severity_number >= ?3), 0)
             FROM cluster GROUP BY category",
        )
        .bind(Severity::High.rank())
        .bind(Verdict::NO_RULE)
        .bind(SeverityNumber::ERROR.get())
        .fetch_all(&self.pool)
        .await
        .map_err(&failed)?;
        let mut summary = Summary::default();
        for row in &rows {
            let count = number(row, 1).map_err(&failed)?;
            summary.clusters += count;
            summary.urgent += number(row, 2).map_err(&failed)?;
            summary.fixable += number(row, 3).map_err(&failed)?;
            summary.unclassified += number(row, 4).map_err(&failed)?;
            summary.by_category.insert(row.try_get(0).map_err(&failed)?, count);
        }
        summary.fixes = sqlx::query("SELECT count(*) FROM fix WHERE generated_at IS NOT NULL")
            .fetch_one(&self.pool)
            .await
            .and_then(|row| number(&row, 0))
            .map_err(failed)?;
        Ok(summary)
    }

    async fn with_examples(&self, rows: Vec<SqliteRow>) -> Result<Vec<Cluster>, StoreError> {
        let mut clusters = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut cluster = read(row)?;
            cluster.examples = self.examples(cluster.fingerprint).await?;
            clusters.push(cluster);
        }
        Ok(clusters)
    }

    async fn examples(&self, fingerprint: Fingerprint) -> Result<Vec<Sample>, StoreError> {
        let rows = sqlx::query(
            "SELECT occurred, body, trace_id, attributes FROM sample WHERE fingerprint = ? ORDER BY occurred, body",
        )
        .bind(fingerprint.to_string())
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::while_doing("reading examples"))?;
        rows.iter().map(sample).collect()
    }
}

fn sample(row: &SqliteRow) -> Result<Sample, StoreError> {
    let failed = StoreError::while_doing("reading examples");
    let attributes: String = row.try_get("attributes").map_err(&failed)?;
    Ok(Sample {
        occurred: UnixNanos::from_i64(row.try_get("occurred").map_err(&failed)?),
        body: row.try_get("body").map_err(&failed)?,
        trace_id: row.try_get("trace_id").map_err(&failed)?,
        attributes: serde_json::from_str(&attributes).map_err(|_| StoreError::Inconsistent {
            table: "sample",
            column: "attributes",
            value: attributes,
        })?,
    })
}

pub(super) fn number(row: &SqliteRow, column: usize) -> Result<u64, sqlx::Error> {
    row.try_get::<i64, _>(column).map(|number| u64::try_from(number).unwrap_or(0))
}

pub(super) fn read(row: &SqliteRow) -> Result<Cluster, StoreError> {
    let failed = StoreError::while_doing("reading a cluster");
    let text = |column: &str| row.try_get::<String, _>(column).map_err(&failed);
    let integer = |column: &str| row.try_get::<i64, _>(column).map_err(&failed);
    let time = |column: &str| integer(column).map(UnixNanos::from_i64);
    let unreadable = |column, value: String| StoreError::Inconsistent { table: "cluster", column, value };
    let (fingerprint, category, status, frames) =
        (text("fingerprint")?, text("category")?, text("status")?, text("frames")?);
    let severity = integer("severity")?;
    Ok(Cluster {
        verdict: Verdict {
            rule: text("rule")?.into(),
            category: category.parse().map_err(|_| unreadable("category", category))?,
            severity: Severity::from_rank(severity)
                .ok_or_else(|| unreadable("severity", severity.to_string()))?,
            fixable: row.try_get("fixable").map_err(&failed)?,
            suggested_fix: text("suggested_fix")?.into(),
        },
        detail: ClusterDetail {
            service: text("service")?,
            error_type: text("error_type")?,
            message: text("message")?,
            frames: serde_json::from_str(&frames).map_err(|_| unreadable("frames", frames))?,
            stack_trace: text("stack_trace")?,
            service_version: text("service_version")?,
            environment: text("environment")?,
            vcs_repository_url: text("vcs_repository_url")?,
            vcs_revision: text("vcs_revision")?,
            vcs_ref_name: text("vcs_ref_name")?,
            service_namespace: text("service_namespace")?,
            language: text("language")?,
        },
        fingerprint: fingerprint.parse().map_err(|_| unreadable("fingerprint", fingerprint))?,
        count: u64::try_from(integer("count")?).unwrap_or(0),
        first_seen: time("first_seen")?,
        last_seen: time("last_seen")?,
        status: status.parse().map_err(|_| unreadable("status", status))?,
        examples: Vec::new(),
        fix_id: row.try_get("fix_id").map_err(&failed)?,
    })
}
