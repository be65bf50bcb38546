//! Fixes: the claim that makes one of them at most, and what became of it.

use std::collections::BTreeMap;

use super::engine::{Row, Statement, sql};
use super::{Store, StoreError};
use crate::model::{Cluster, Fix, FixStatus, Severity, UnixNanos};

/// Fixes, each with the error that what it claimed leads to.
pub(super) const SELECT: &str = "SELECT x.*, coalesce(m.family, x.fingerprint) AS error_id
    FROM fix x LEFT JOIN member m ON m.fingerprint = x.fingerprint";

/// Claims a cluster unless it, or any other member of its family, has a fix that none has taken the place of.
pub(super) fn claim(id: &str, cluster: &Cluster, now: UnixNanos) -> Statement {
    sql(
        "INSERT INTO fix (id, fingerprint, error_message, error_category, severity, status, reason, tries, analysis,
           proposed_fix, code_changes, repository, base_commit, branch, created_at, model, input_tokens,
           output_tokens, cost_usd, changed_at)
         SELECT $1, $2, $3, $4, $5, 'pending', '', 0, '', '', '{}', '', '', '', $6, '', 0, 0, 0, $6
         WHERE NOT EXISTS (SELECT 1 FROM fix x WHERE x.superseded = 0 AND x.fingerprint IN
           (SELECT o.fingerprint FROM member m JOIN member o ON o.family = m.family WHERE m.fingerprint = $2))
         ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(cluster.fingerprint.to_string())
    .bind(cluster.summary())
    .bind(cluster.verdict.category.as_str())
    .bind(cluster.verdict.severity.rank())
    .bind(now.to_i64())
}

impl Store {
    /// Claims a cluster for a fix. `None` where it, or any other member of its family, has one already, whatever became of that.
    ///
    /// One statement looks and claims. Two members that had a fix each before they became one error keep both; no third is begun.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn claim_fix(&self, cluster: &Cluster, now: UnixNanos) -> Result<Option<Fix>, StoreError> {
        let id = format!("{}-1", cluster.fingerprint.short());
        let claimed = self.database.execute(claim(&id, cluster, now)).await;
        let claimed = claimed.map_err(StoreError::while_doing("claiming a fix"))?;
        if claimed == 0 { Ok(None) } else { self.fix(&id).await }
    }

    /// Writes how a fix stands: all of it but its id, its error and the time of the claim.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn update_fix(&self, fix: &Fix) -> Result<(), StoreError> {
        self.database.execute(sql(
            "UPDATE fix SET status = $2, reason = $3, tries = $4, analysis = $5, proposed_fix = $6, code_changes = $7,
               submission = $8, repository = $9, base_commit = $10, branch = $11, pr_url = $12, generated_at = $13,
               model = $14, input_tokens = $15, output_tokens = $16, cost_usd = $17, ended_at = $18,
               changed_at = $19
             WHERE id = $1",
        )
        .bind(&fix.id)
        .bind(fix.status.as_str())
        .bind(&fix.reason)
        .bind(fix.tries)
        .bind(&fix.analysis)
        .bind(&fix.proposed_fix)
        .bind(serde_json::to_string(&fix.code_changes).unwrap_or_else(|_| "{}".to_owned()))
        .bind(&fix.submission)
        .bind(&fix.repository)
        .bind(&fix.base_commit)
        .bind(&fix.branch)
        .bind(&fix.pr_url)
        .bind(fix.generated_at.map(UnixNanos::to_i64))
        .bind(&fix.model)
        .bind(i64::try_from(fix.input_tokens).unwrap_or(i64::MAX))
        .bind(i64::try_from(fix.output_tokens).unwrap_or(i64::MAX))
        .bind(fix.cost_usd)
        .bind(fix.ended_at.map(UnixNanos::to_i64))
        .bind(self.now().to_i64()))
        .await
        .map(drop)
        .map_err(StoreError::while_doing("writing a fix"))
    }

    /// One fix.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn fix(&self, id: &str) -> Result<Option<Fix>, StoreError> {
        self.database
            .optional(sql(format!("{SELECT} WHERE x.id = $1")).bind(id))
            .await
            .map_err(StoreError::while_doing("reading a fix"))?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// All fixes, latest claim first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn fixes(&self) -> Result<Vec<Fix>, StoreError> {
        self.database
            .fetch(sql(format!("{SELECT} ORDER BY x.created_at DESC, x.id")))
            .await
            .map_err(StoreError::while_doing("reading fixes"))?
            .iter()
            .map(read)
            .collect()
    }

    /// The fixes that wait for work or were interrupted in it, oldest claim first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn unfinished_fixes(&self) -> Result<Vec<Fix>, StoreError> {
        let text =
            format!("{SELECT} WHERE x.status IN ('pending', 'generating') ORDER BY x.created_at, x.id");
        self.database
            .fetch(sql(text))
            .await
            .map_err(StoreError::while_doing("reading unfinished fixes"))?
            .iter()
            .map(read)
            .collect()
    }

    /// Fixes that came to nothing after their branch was begun.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn fixes_with_a_stray_branch(&self) -> Result<Vec<Fix>, StoreError> {
        let text = format!(
            "{SELECT} WHERE x.status IN ('failed', 'declined') AND x.branch <> '' AND x.pr_url IS NULL ORDER BY x.id"
        );
        self.database
            .fetch(sql(text))
            .await
            .map_err(StoreError::while_doing("reading fixes that left a branch"))?
            .iter()
            .map(read)
            .collect()
    }

    /// When the latest fix was written; `None` before the first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn last_fix_at(&self) -> Result<Option<UnixNanos>, StoreError> {
        self.database
            .one(sql("SELECT max(generated_at) FROM fix"))
            .await
            .and_then(|row| row.time_or_none(0))
            .map_err(StoreError::while_doing("reading the latest fix"))
    }
}

pub(super) fn read(row: &Row) -> Result<Fix, StoreError> {
    let failed = StoreError::while_doing("reading a fix");
    let text = |column: &str| row.text(column).map_err(&failed);
    let integer = |column: &str| row.integer(column).map_err(&failed);
    let unreadable = |column, value: String| StoreError::Inconsistent { table: "fix", column, value };
    let fingerprint = |column| {
        let fingerprint = text(column)?;
        fingerprint.parse().map_err(|_| unreadable(column, fingerprint))
    };
    let (category, status, changes) = (text("error_category")?, text("status")?, text("code_changes")?);
    let severity = integer("severity")?;
    let code_changes: BTreeMap<String, String> =
        serde_json::from_str(&changes).map_err(|_| unreadable("code_changes", changes))?;
    Ok(Fix {
        id: text("id")?,
        fingerprint: fingerprint("fingerprint")?,
        error_id: fingerprint("error_id")?,
        error_message: text("error_message")?,
        error_category: category.parse().map_err(|_| unreadable("error_category", category))?,
        severity: Severity::from_rank(severity)
            .ok_or_else(|| unreadable("severity", severity.to_string()))?,
        status: status.parse::<FixStatus>().map_err(|_| unreadable("status", status))?,
        reason: text("reason")?,
        tries: u32::try_from(integer("tries")?).unwrap_or(u32::MAX),
        analysis: text("analysis")?,
        proposed_fix: text("proposed_fix")?,
        code_changes,
        submission: row.text_or_none("submission").map_err(&failed)?,
        repository: text("repository")?,
        base_commit: text("base_commit")?,
        branch: text("branch")?,
        pr_url: row.text_or_none("pr_url").map_err(&failed)?,
        created_at: UnixNanos::from_i64(integer("created_at")?),
        generated_at: row.time_or_none("generated_at").map_err(&failed)?,
        ended_at: row.integer_or_none("ended_at").map_err(&failed)?.map(UnixNanos::from_i64),
        model: text("model")?,
        input_tokens: u64::try_from(integer("input_tokens")?).unwrap_or(0),
        output_tokens: u64::try_from(integer("output_tokens")?).unwrap_or(0),
        cost_usd: row.real("cost_usd").map_err(&failed)?,
    })
}
