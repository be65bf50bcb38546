//! Clusters as rules are judged by them: one row each, with what its records held.

use super::clusters::verdict;
use super::engine::{Row, Statement, sql};
use super::{Store, StoreError};
use crate::model::{Fingerprint, Frame, SeverityNumber, UnixNanos, Verdict};

/// A cluster, as far as it matters to rules. All text in it is redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Its id.
    pub fingerprint: Fingerprint,
    /// `service.name`.
    pub service: String,
    /// The exception's type; empty where the records carry none.
    pub error_type: String,
    /// The message with what varies masked.
    pub message: String,
    /// The stack trace; empty where there is none.
    pub stack_trace: String,
    /// Whether the trace has a frame of the service's own code.
    pub has_in_app_frame: bool,
    /// What is said of it.
    pub verdict: Verdict,
    /// How many records.
    pub count: u64,
    /// The earliest of them.
    pub first_seen: UnixNanos,
    /// The latest of them.
    pub last_seen: UnixNanos,
    /// The greatest severity number among them.
    pub severity_number: SeverityNumber,
    /// The bodies of a few of them.
    pub examples: Vec<String>,
}

/// What is read of a cluster: of one that is of a family the template of the whole, since a rule's texts must not be words that vary.
const COLUMNS: &str =
    "c.fingerprint, c.service, c.error_type, coalesce(f.template, c.message) AS message, c.frames, c.stack_trace, c.rule, c.category,
    c.severity, c.fixable, c.suggested_fix";

/// The family that a cluster is of, where it is of one.
const FAMILY: &str =
    "LEFT JOIN member m ON m.fingerprint = c.fingerprint LEFT JOIN family f ON f.id = m.family";

impl Store {
    /// The clusters of one window after this one, in the order of their fingerprints, at most `limit`; with the counts and
    /// severity numbers of that window.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn window_sightings(
        &self,
        window: UnixNanos,
        after: Option<Fingerprint>,
        limit: u32,
    ) -> Result<Vec<Sighting>, StoreError> {
        let text = format!(
            "SELECT {COLUMNS}, w.count, w.first_seen, w.last_seen, w.severity_number
             FROM window_cluster w JOIN cluster c ON c.fingerprint = w.fingerprint {FAMILY}
             WHERE w.window_start = $1 AND w.fingerprint > $2 ORDER BY w.fingerprint LIMIT $3"
        );
        let after = after.map(|after| after.to_string()).unwrap_or_default();
        self.sightings(sql(text).bind(window.to_i64()).bind(after).bind(limit)).await
    }

    /// The clusters whose verdict is of this rule, or of none by [`Verdict::NO_RULE`]: the latest ones before this one, at most
    /// `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn sightings_of_rule(
        &self,
        rule: &str,
        before: Option<&Sighting>,
        limit: u32,
    ) -> Result<Vec<Sighting>, StoreError> {
        let text = format!(
            "SELECT {COLUMNS}, c.count, c.first_seen, c.last_seen, c.severity_number
             FROM cluster c {FAMILY} WHERE c.rule = $1 AND (c.last_seen < $2 OR (c.last_seen = $2 AND c.fingerprint > $3))
             ORDER BY c.last_seen DESC, c.fingerprint LIMIT $4"
        );
        let (last_seen, fingerprint) = match before {
            Some(before) => (before.last_seen.to_i64(), before.fingerprint.to_string()),
            None => (i64::MAX, String::new()),
        };
        self.sightings(sql(text).bind(rule).bind(last_seen).bind(fingerprint).bind(limit)).await
    }

    async fn sightings(&self, statement: Statement) -> Result<Vec<Sighting>, StoreError> {
        let rows = self.database.fetch(statement).await;
        let rows = rows.map_err(StoreError::while_doing("reading clusters for their rules"))?;
        let mut sightings = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let of: Vec<_> = sightings.iter().map(|sighting| sighting.fingerprint).collect();
        let mut examples = self.examples(&of).await?;
        for sighting in &mut sightings {
            let examples = examples.remove(&sighting.fingerprint).unwrap_or_default();
            sighting.examples = examples.into_iter().map(|example| example.body).collect();
        }
        Ok(sightings)
    }

    /// Gives a cluster another verdict, unless it has got one of another rule than `old` meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn reclassify(
        &self,
        fingerprint: Fingerprint,
        old: &str,
        verdict: &Verdict,
    ) -> Result<bool, StoreError> {
        self.database.execute(sql(
            "UPDATE cluster SET rule = $3, category = $4, severity = $5, fixable = $6, suggested_fix = $7,
               changed_at = $8
             WHERE fingerprint = $1 AND rule = $2",
        )
        .bind(fingerprint.to_string())
        .bind(old)
        .bind(&*verdict.rule)
        .bind(verdict.category.as_str())
        .bind(verdict.severity.rank())
        .bind(verdict.fixable)
        .bind(&*verdict.suggested_fix)
        .bind(self.now().to_i64()))
        .await
        .map(|done| done == 1)
        .map_err(StoreError::while_doing("giving a cluster another verdict"))
    }
}

fn read(row: &Row) -> Result<Sighting, StoreError> {
    let failed = StoreError::while_doing("reading clusters for their rules");
    let text = |column: &str| row.text(column).map_err(&failed);
    let integer = |column: &str| row.integer(column).map_err(&failed);
    let number = |column: &str| integer(column).map(|number| u64::try_from(number).unwrap_or(0));
    let unreadable = |column, value: String| StoreError::Inconsistent { table: "cluster", column, value };
    let (fingerprint, frames, stack_trace) = (text("fingerprint")?, text("frames")?, text("stack_trace")?);
    let parsed: Vec<Frame> = serde_json::from_str(&frames).map_err(|_| unreadable("frames", frames))?;
    Ok(Sighting {
        fingerprint: fingerprint.parse().map_err(|_| unreadable("fingerprint", fingerprint))?,
        service: text("service")?,
        error_type: text("error_type")?,
        message: text("message")?,
        // Frames without a trace are where the record was written.
        has_in_app_frame: !stack_trace.is_empty() && parsed.iter().any(|frame| frame.in_app),
        stack_trace,
        verdict: verdict(row)?,
        count: number("count")?,
        first_seen: integer("first_seen").map(UnixNanos::from_i64)?,
        last_seen: integer("last_seen").map(UnixNanos::from_i64)?,
        severity_number: SeverityNumber::from_wire(number("severity_number")?),
        examples: Vec::new(),
    })
}
