//! Why errors have no pull request.

use std::collections::BTreeMap;

use super::engine::{Rows, sql};
use super::{Store, StoreError};
use crate::model::{Fingerprint, NoFixReason, Severity, Unfixed, UnixNanos};

/// How many errors one statement takes.
const STEP: usize = 1_000;

/// An error that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewError {
    /// Its id.
    pub fingerprint: Fingerprint,
    /// Its service.
    pub service: String,
    /// How bad it is: critical or high.
    pub severity: Severity,
}

impl Store {
    /// The critical and high errors that were first seen since then, and no member of their family before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn new_errors_since(&self, since: UnixNanos) -> Result<Vec<NewError>, StoreError> {
        let failed = StoreError::while_doing("reading new errors");
        let new =
            sql("SELECT coalesce(m.family, c.fingerprint) AS id, c.service, max(c.severity) AS severity
             FROM cluster c LEFT JOIN member m ON m.fingerprint = c.fingerprint
             WHERE c.last_seen >= $1 AND c.first_seen >= $1 AND c.severity >= $2 AND c.count > 0
               AND NOT EXISTS (SELECT 1 FROM member o JOIN cluster e ON e.fingerprint = o.fingerprint
                 WHERE o.family = m.family AND e.first_seen < $1)
             GROUP BY coalesce(m.family, c.fingerprint), c.service ORDER BY 1");
        let new = new.bind(since.to_i64()).bind(Severity::High.rank());
        let rows = self.database.fetch(new).await.map_err(&failed)?;
        rows.iter()
            .map(|row| {
                let text = |column: &str| row.text(column).map_err(&failed);
                let unreadable = |column, value| StoreError::Inconsistent { table: "cluster", column, value };
                let (id, severity) = (text("id")?, row.integer("severity").map_err(&failed)?);
                Ok(NewError {
                    fingerprint: id.parse().map_err(|_| unreadable("fingerprint", id))?,
                    service: text("service")?,
                    severity: Severity::from_rank(severity)
                        .ok_or_else(|| unreadable("severity", severity.to_string()))?,
                })
            })
            .collect()
    }

    /// Notes why errors have no pull request. What is the same as before keeps its time.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; some of them may be noted.
    pub async fn note_unfixed(&self, unfixed: &[Unfixed], now: UnixNanos) -> Result<(), StoreError> {
        for step in unfixed.chunks(STEP) {
            let rows = Rows::default()
                .texts("fingerprint", step.iter().map(|(fingerprint, ..)| fingerprint.to_string()))
                .texts("code", step.iter().map(|(_, code, _)| code.as_str()))
                .texts("reason", step.iter().map(|(.., reason)| reason.replace('\0', "\u{fffd}")));
            let noted = sql("INSERT INTO no_fix AS n (fingerprint, code, reason, at)
                 SELECT fingerprint, code, reason, $1 FROM {rows} WHERE TRUE
                 ON CONFLICT (fingerprint) DO UPDATE SET code = excluded.code, reason = excluded.reason, at = excluded.at
                 WHERE n.code <> excluded.code OR n.reason <> excluded.reason");
            let noted = self.database.execute(noted.bind(now.to_i64()).with(rows)).await;
            noted.map_err(StoreError::while_doing("noting why errors have no pull request"))?;
        }
        Ok(())
    }

    /// Takes back why an error has no pull request: it has one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn clear_unfixed(&self, fingerprint: Fingerprint) -> Result<(), StoreError> {
        let cleared = sql("DELETE FROM no_fix WHERE fingerprint = $1 OR fingerprint IN
               (SELECT o.fingerprint FROM member m JOIN member o ON o.family = m.family WHERE m.fingerprint = $1)");
        let cleared = self.database.execute(cleared.bind(fingerprint.to_string())).await;
        cleared.map(drop).map_err(StoreError::while_doing("noting that an error has a pull request"))
    }

    /// Why these errors have no pull request, by the id that was asked for; a family has the latest of its members' reasons. One
    /// whose pull request people closed is told so, whatever was noted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn unfixed(
        &self,
        errors: impl IntoIterator<Item = Fingerprint>,
    ) -> Result<BTreeMap<Fingerprint, NoFixReason>, StoreError> {
        let failed = StoreError::while_doing("reading why errors have no pull request");
        let ids: Vec<_> = errors.into_iter().map(|error| error.to_string()).collect();
        let mut unfixed = BTreeMap::new();
        for step in ids.chunks(STEP) {
            let rows = Rows::default().texts("id", step.iter().map(String::as_str));
            // Those of a family's members as well; a closed pull request comes last and stands.
            let found = sql("WITH asked AS (SELECT id FROM {rows}),
                 meant AS (SELECT id, id AS fingerprint FROM asked
                   UNION SELECT a.id, o.fingerprint FROM asked a JOIN member m ON m.fingerprint = a.id
                     JOIN member o ON o.family = m.family)
                 SELECT a.id AS id, n.code AS code, n.reason AS reason, n.at AS at, 0 AS closed
                 FROM meant a JOIN no_fix n ON n.fingerprint = a.fingerprint
                 WHERE n.code <> 'waiting' OR NOT EXISTS (SELECT 1 FROM fix x
                   WHERE x.fingerprint = a.fingerprint AND x.superseded = 0 AND x.pr_url IS NOT NULL)
                 UNION ALL
                 SELECT a.id, 'muted', 'people closed its pull request unmerged', coalesce(x.ended_at, x.created_at), 1
                 FROM meant a JOIN fix x ON x.fingerprint = a.fingerprint
                 WHERE x.status = 'closed' AND x.superseded = 0
                 ORDER BY closed, at");
            for row in self.database.fetch(found.with(rows)).await.map_err(&failed)? {
                let text = |column: &str| row.text(column).map_err(&failed);
                let unreadable = |column, value| StoreError::Inconsistent { table: "no_fix", column, value };
                let (id, code) = (text("id")?, text("code")?);
                let id: Fingerprint = id.parse().map_err(|_| unreadable("fingerprint", id))?;
                let code = code.parse().map_err(|_| unreadable("code", code))?;
                let at = row.time("at").map_err(&failed)?;
                unfixed.insert(id, NoFixReason { code, reason: text("reason")?, at });
            }
        }
        Ok(unfixed)
    }
}
