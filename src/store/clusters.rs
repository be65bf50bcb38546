//! Clusters: what a delta adds to them, and how they are read back.

mod gather;
mod read;

use sqlx::sqlite::SqliteTransaction;

use super::{StoreError, summaries};
use crate::model::{Cluster, ClusterDetail, Delta, Sample, UnixNanos};

pub use read::{ClusterFilter, Summary};
pub(super) use read::{DETAIL, number, precedence_of, read, verdict};

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
           environment, vcs_repository_url, vcs_revision, vcs_ref_name, service_namespace, language, named_by_message, rule, category,
           severity, fixable, suggested_fix, severity_number, count, first_seen, last_seen, status)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 'new')
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
    .bind(detail.named_by_message)
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

/// Adds the counts; the graver verdict stands, as [`is_graver_than`](crate::model::Verdict::is_graver_than) orders them. False where there is no such row.
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
