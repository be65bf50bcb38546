//! Clusters as they are read back: a family of them as one.
//!
//! Rows stay what they are, counted under their own fingerprint; that several are one error is found out while reading, so
//! that the records of years follow a merge at once, and its undoing too.

use std::collections::BTreeMap;

use crate::model::{
    Cluster, ClusterDetail, ClusterStatus, Fingerprint, Merging, Severity, SeverityNumber, UnixNanos, Verdict,
};
use crate::store::engine::{Row, Statement, sql};
use crate::store::{Store, StoreError, alerts};

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

/// What a row of `cluster` tells of the error that it stands for.
pub(in crate::store) const DETAIL: &str =
    "c.service, c.error_type, c.frames, c.stack_trace, c.service_version, c.environment, c.vcs_repository_url,
     c.vcs_revision, c.vcs_ref_name, c.service_namespace, c.language, c.named_by_message, c.rule, c.category, c.severity,
     c.fixable, c.suggested_fix";

/// Clusters that are no family's, each as one error: `id`, the row that is `shown` for it, and its numbers.
pub(super) fn alone(condition: &str) -> String {
    let precedence = precedence_of("c.status");
    format!(
        "SELECT c.fingerprint AS id, c.fingerprint AS shown, 0 AS aliases, c.count, c.first_seen, c.last_seen,
           {precedence} AS foremost, CASE WHEN c.status = 'fixed' THEN c.last_seen END AS fixed_seen,
           c.last_seen AS latest, c.severity, c.fixable, c.rule, c.severity_number, c.category
         FROM cluster c
         WHERE c.count > 0 AND NOT EXISTS (SELECT 1 FROM member m WHERE m.fingerprint = c.fingerprint) AND {condition}"
    )
}

/// Families, each as one error with the columns of [`alone`]: counts add up, times take the extremes, and the member with the
/// gravest verdict is shown, as [`Verdict::is_graver_than`] orders them.
pub(super) fn families(condition: &str) -> String {
    let precedence = precedence_of("c.status");
    format!(
        "SELECT id, shown, aliases, count, first_seen, last_seen, foremost, fixed_seen, last_seen AS latest, severity, fixable,
           rule, severity_number, category
         FROM (
           SELECT m.family AS id, c.fingerprint AS shown, c.severity, c.fixable, c.rule, c.category,
             max(c.severity_number) OVER whole AS severity_number,
             sum(CASE WHEN c.fingerprint = m.family THEN 0 ELSE 1 END) OVER whole AS aliases,
             CAST(sum(c.count) OVER whole AS BIGINT) AS count,
             min(c.first_seen) OVER whole AS first_seen, max(c.last_seen) OVER whole AS last_seen,
             max({precedence}) OVER whole AS foremost,
             max(CASE WHEN c.status = 'fixed' THEN c.last_seen END) OVER whole AS fixed_seen,
             row_number() OVER (PARTITION BY m.family
               ORDER BY c.severity DESC, c.fixable DESC, c.rule, c.fingerprint) AS place
           FROM member m JOIN cluster c ON c.fingerprint = m.fingerprint
           WHERE c.count > 0 AND {condition}
           WINDOW whole AS (PARTITION BY m.family)
         ) AS ranked
         WHERE place = 1"
    )
}

/// How much of a message an outline has, in characters.
const OUTLINE_CHARS: u32 = 1_024;

/// The errors of the window `$1`, with its counts.
fn window_page() -> String {
    let alone = alone("c.fingerprint IN (SELECT id FROM seen)");
    let families = families("m.family IN (SELECT id FROM seen)");
    format!(
            "WITH seen AS (
               SELECT coalesce(m.family, w.fingerprint) AS id, CAST(sum(w.count) AS BIGINT) AS count,
                 min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen
               FROM window_cluster w LEFT JOIN member m ON m.fingerprint = w.fingerprint
               WHERE w.window_start = $1 GROUP BY 1)
             SELECT e.id, e.shown, e.aliases, s.count, s.first_seen, s.last_seen, e.foremost, e.fixed_seen, e.latest
             FROM ({alone} UNION ALL SELECT * FROM ({families}) AS family) AS e JOIN seen s ON s.id = e.id"
        )
}

/// The errors of `page`, which has the columns of [`alone`], with all that [`read`] reads.
pub(super) fn select_from(page: &str) -> String {
    format!(
        "WITH page AS ({page})
         SELECT {DETAIL}, coalesce(f.template, c.message) AS message, p.id, p.aliases, p.count, p.first_seen,
           p.last_seen, p.foremost, p.fixed_seen, p.latest, s.at AS separated_at,
           (SELECT x.id FROM fix x WHERE x.superseded = 0 AND x.fingerprint IN
              (SELECT m.fingerprint FROM member m WHERE m.family = p.id UNION ALL SELECT p.id)
            ORDER BY x.created_at, x.id LIMIT 1) AS fix_id
         FROM page p
         JOIN cluster c ON c.fingerprint = p.shown
         LEFT JOIN family f ON f.id = p.id
         LEFT JOIN separated s ON s.fingerprint = p.id"
    )
}

/// A status as [`ClusterStatus::precedence`] has it; -1 where no logmend wrote it.
pub(in crate::store) fn precedence_of(column: &str) -> String {
    let cases = ClusterStatus::ALL.map(|status| format!("WHEN '{status}' THEN {}", status.precedence()));
    format!("CASE {column} {} ELSE -1 END", cases.join(" "))
}

impl Store {
    /// One cluster over all windows: the one that this fingerprint is the id of, or leads to.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn cluster(&self, fingerprint: Fingerprint) -> Result<Option<Cluster>, StoreError> {
        let alone = alone("c.fingerprint = $1");
        let families = families("m.family = (SELECT l.family FROM member l WHERE l.fingerprint = $1)");
        let text = select_from(&format!("{alone} UNION ALL SELECT * FROM ({families}) AS family"));
        let rows = self
            .database
            .fetch(sql(text).bind(fingerprint.to_string()))
            .await
            .map_err(StoreError::while_doing("reading a cluster"))?;
        Ok(self.gathered(&rows).await?.pop())
    }

    /// The clusters of one window, with the counts of that window; a family is one, of all its members there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn window_clusters(&self, window: UnixNanos) -> Result<Vec<Cluster>, StoreError> {
        let rows = self.window_rows(window, std::convert::identity).await?;
        self.gathered(&rows).await
    }

    /// The same in outline: without examples, aliases and traces, with the frames of those alone that a fix may be begun for, and
    /// with the beginning of long messages. A window holds ten thousand clusters; in full they would be hundreds of megabytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn window_outlines(&self, window: UnixNanos) -> Result<Vec<Cluster>, StoreError> {
        let outlined = |text: String| {
            let frames = format!(
                "CASE WHEN c.severity >= {} AND c.fixable = 1 THEN c.frames ELSE '[]' END AS frames",
                Severity::High.rank()
            );
            text.replace("c.stack_trace", "'' AS stack_trace").replace("c.frames", &frames).replace(
                "coalesce(f.template, c.message)",
                &format!("substr(coalesce(f.template, c.message), 1, {OUTLINE_CHARS})"),
            )
        };
        let rows = self.window_rows(window, outlined).await?;
        rows.iter().map(read).collect()
    }

    async fn window_rows(
        &self,
        window: UnixNanos,
        selected: impl Fn(String) -> String,
    ) -> Result<Vec<Row>, StoreError> {
        let text = format!("{} ORDER BY p.id", selected(select_from(&window_page())));
        let rows = self.database.fetch(sql(text).bind(window.to_i64())).await;
        rows.map_err(StoreError::while_doing("reading a window's clusters"))
    }

    /// Sets where a cluster stands, and with it every member of its family. That it has regressed is noted for alerts at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn set_status(
        &self,
        fingerprint: Fingerprint,
        status: ClusterStatus,
    ) -> Result<(), StoreError> {
        let noted =
            (status == ClusterStatus::Regressed).then(|| alerts::note_regressed(fingerprint, self.now()));
        let set = set_status(fingerprint, status, self.now());
        self.database
            .execute_together(noted.into_iter().chain([set]).collect())
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
        self.database
            .one(
                sql("SELECT count(DISTINCT coalesce(m.family, c.fingerprint))
             FROM cluster c LEFT JOIN member m ON m.fingerprint = c.fingerprint
             WHERE c.count > 0 AND c.last_seen > $1")
                .bind(since.to_i64()),
            )
            .await
            .and_then(|row| row.number(0))
            .map_err(StoreError::while_doing("counting clusters"))
    }

    /// Counts over all clusters and fixes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn summary(&self) -> Result<Summary, StoreError> {
        let failed = StoreError::while_doing("counting clusters");
        let (alone, families) = (alone("1 = 1"), families("1 = 1"));
        let text = format!(
            "SELECT e.category, count(*), sum(CASE WHEN e.severity >= $1 THEN 1 ELSE 0 END), CAST(sum(e.fixable) AS BIGINT),
               sum(CASE WHEN e.rule = $2 AND e.severity_number >= $3 THEN 1 ELSE 0 END)
             FROM ({alone} UNION ALL SELECT * FROM ({families}) AS family) AS e GROUP BY e.category"
        );
        let rows = self
            .database
            .fetch(
                sql(text)
                    .bind(Severity::High.rank())
                    .bind(Verdict::NO_RULE)
                    .bind(SeverityNumber::ERROR.get()),
            )
            .await
            .map_err(&failed)?;
        let mut summary = Summary::default();
        for row in &rows {
            let count = row.number(1).map_err(&failed)?;
            summary.clusters += count;
            summary.urgent += row.number(2).map_err(&failed)?;
            summary.fixable += row.number(3).map_err(&failed)?;
            summary.unclassified += row.number(4).map_err(&failed)?;
            summary.by_category.insert(row.text(0).map_err(&failed)?, count);
        }
        summary.fixes = self
            .database
            .one(sql("SELECT count(*) FROM fix WHERE generated_at IS NOT NULL"))
            .await
            .and_then(|row| row.number(0))
            .map_err(failed)?;
        Ok(summary)
    }
}

/// Sets where a cluster stands, and with it every member of its family. Of one that is fixed it is kept how often it was counted
/// until then: only what comes after that is a regression.
pub(super) fn set_status(fingerprint: Fingerprint, status: ClusterStatus, now: UnixNanos) -> Statement {
    sql("UPDATE cluster SET status = $2, fixed_count = CASE WHEN $3 = 1 THEN count ELSE 0 END, changed_at = $4
         WHERE fingerprint = $1 OR fingerprint IN
           (SELECT o.fingerprint FROM member m JOIN member o ON o.family = m.family WHERE m.fingerprint = $1)")
    .bind(fingerprint.to_string())
    .bind(status.as_str())
    .bind(status == ClusterStatus::Fixed)
    .bind(now.to_i64())
}

/// What a row of `cluster` says of its records.
pub(in crate::store) fn verdict(row: &Row) -> Result<Verdict, StoreError> {
    let failed = StoreError::while_doing("reading a verdict");
    let text = |column: &str| row.text(column).map_err(&failed);
    let unreadable = |column, value: String| StoreError::Inconsistent { table: "cluster", column, value };
    let (category, severity) = (text("category")?, row.integer("severity").map_err(&failed)?);
    Ok(Verdict {
        rule: text("rule")?.into(),
        category: category.parse().map_err(|_| unreadable("category", category))?,
        severity: Severity::from_rank(severity)
            .ok_or_else(|| unreadable("severity", severity.to_string()))?,
        fixable: row.flag("fixable").map_err(&failed)?,
        suggested_fix: text("suggested_fix")?.into(),
    })
}

/// A cluster without its aliases and examples.
pub(in crate::store) fn read(row: &Row) -> Result<Cluster, StoreError> {
    let failed = StoreError::while_doing("reading a cluster");
    let text = |column: &str| row.text(column).map_err(&failed);
    let integer = |column: &str| row.integer(column).map_err(&failed);
    let time = |column: &str| integer(column).map(UnixNanos::from_i64);
    let time_or_none = |column: &str| {
        let time = row.integer_or_none(column).map_err(&failed)?;
        Ok::<_, StoreError>(time.map(UnixNanos::from_i64))
    };
    let unreadable = |column, value: String| StoreError::Inconsistent { table: "cluster", column, value };
    let (id, frames, foremost) = (text("id")?, text("frames")?, integer("foremost")?);
    let foremost = u8::try_from(foremost)
        .ok()
        .and_then(ClusterStatus::from_precedence)
        .ok_or_else(|| unreadable("status", foremost.to_string()))?;
    Ok(Cluster {
        verdict: verdict(row)?,
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
            named_by_message: row.flag("named_by_message").map_err(&failed)?,
        },
        fingerprint: id.parse().map_err(|_| unreadable("fingerprint", id))?,
        count: u64::try_from(integer("count")?).unwrap_or(0),
        first_seen: time("first_seen")?,
        last_seen: time("last_seen")?,
        status: ClusterStatus::of_family(foremost, time("latest")?, time_or_none("fixed_seen")?),
        examples: Vec::new(),
        fix_id: row.text_or_none("fix_id").map_err(&failed)?,
        merging: Merging {
            aliases: Vec::new(),
            alias_count: u64::try_from(integer("aliases")?).unwrap_or(0),
            separated_at: time_or_none("separated_at")?,
        },
    })
}
