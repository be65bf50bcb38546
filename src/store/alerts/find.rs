//! Alerts that are found by looking: errors that are new, errors that come more often, and what is over.

use std::collections::BTreeMap;

use super::{DAY, HOUR, before, read_found};
use crate::model::UnixNanos;
use crate::store::engine::{Rows, sql};
use crate::store::{FoundAlert, Store, StoreError};

/// Up to which window everything was looked at.
const MARK: &str = "alerts_mark";

/// How far back what an error comes to by the hour is looked at: a week holds every weekday and its load once.
const BASELINE: u64 = 7 * DAY;
/// How many hours it must be known for: a day holds each hour's load once.
const KNOWN_HOURS_MIN: u64 = 24;

/// Critical and high errors that were first seen since the window `$1` and were not noted, nor any other member of their family.
const NEW_ERRORS: &str = "FROM cluster c LEFT JOIN member m ON m.fingerprint = c.fingerprint
     WHERE c.first_window >= $1 AND c.severity >= 3 AND c.count > 0 AND c.status NOT IN ('ignored', 'fixed')
       AND (c.severity >= 4 OR c.named_by_message = 0 OR EXISTS
         (SELECT 1 FROM \"window\" w WHERE w.start = c.first_window AND w.triaged_at IS NOT NULL))
       AND NOT EXISTS (SELECT 1 FROM alert a WHERE a.key = 'new:' || c.fingerprint)
       AND NOT EXISTS (SELECT 1 FROM member o JOIN cluster e ON e.fingerprint = o.fingerprint
         WHERE o.family = m.family AND e.first_window < c.first_window)
       AND NOT EXISTS (SELECT 1 FROM member o JOIN alert a ON a.key = 'new:' || o.fingerprint
         WHERE o.family = m.family)";

/// How often an error came lately, and how often it used to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// The error.
    pub error_id: String,
    /// Records in an hour, by the last one.
    pub per_hour: f64,
    /// Records in an hour, by the week before.
    pub usual_per_hour: f64,
}

impl Store {
    /// Notes critical and high errors that were not known before. Those whose message alone names them, and that are not critical,
    /// wait until their window was triaged: until then several of them may become one.
    ///
    /// The first call of all notes those of the open window; what is older than a day is not told any more.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; what was not noted is found again.
    pub async fn note_new_errors(&self, now: UnixNanos) -> Result<u64, StoreError> {
        let failed = StoreError::while_doing("looking for new errors");
        let mark = self.database.optional(sql("SELECT value FROM control WHERE name = $1").bind(MARK)).await;
        let mark = mark.map_err(&failed)?.map(|row| row.integer(0)).transpose().map_err(&failed)?;
        // Read before the look: a window that is triaged meanwhile is looked at once more.
        let next = "SELECT min(start) FROM \"window\" WHERE triaged_at IS NULL";
        let next = self.database.one(next).await.and_then(|row| row.integer_or_none(0)).map_err(&failed)?;
        let next = next.unwrap_or_else(|| now.to_i64());
        let since = mark.unwrap_or(next).max(before(now, DAY).min(next));
        // Most looks find nothing, and need not wait for whoever writes.
        let any = sql(format!("SELECT 1 {NEW_ERRORS} LIMIT 1")).bind(since);
        let mut found = 0;
        if self.database.optional(any).await.map_err(&failed)?.is_some() {
            let noted = sql(format!(
                "INSERT INTO alert (key, rule, error_id, fix_id, told_of, at, state, content)
                 SELECT 'new:' || min(c.fingerprint), 'new', coalesce(m.family, c.fingerprint), '', '', $2, 'found', ''
                 {NEW_ERRORS} GROUP BY coalesce(m.family, c.fingerprint) ON CONFLICT DO NOTHING"
            ));
            found = self.database.execute(noted.bind(since).bind(now.to_i64())).await.map_err(&failed)?;
        }
        if mark.is_none_or(|mark| mark < next) {
            let moved = sql("INSERT INTO control AS c (name, value) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE c.value < excluded.value");
            self.database.execute(moved.bind(MARK).bind(next)).await.map_err(failed)?;
        }
        Ok(found)
    }

    /// The latest window that was closed; `None` before the first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn latest_triaged_window(&self) -> Result<Option<UnixNanos>, StoreError> {
        let latest = "SELECT max(start) FROM \"window\" WHERE triaged_at IS NOT NULL";
        let latest = self.database.one(latest).await.and_then(|row| row.time_or_none(0));
        latest.map_err(StoreError::while_doing("reading the latest window"))
    }

    /// The errors that came at least `count_min` times in the windows of the last hour and more than `factor` times as often as in
    /// the week before. One that is known for less than a day, or that people ignore, is left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn errors_above(
        &self,
        factor: f64,
        count_min: u64,
        now: UnixNanos,
    ) -> Result<Vec<Rate>, StoreError> {
        let failed = StoreError::while_doing("comparing errors with how often they came before");
        let recent = sql("SELECT coalesce(m.family, w.fingerprint) AS id, CAST(sum(w.count) AS BIGINT) AS count,
               min(w.window_start) AS since
             FROM window_cluster w LEFT JOIN member m ON m.fingerprint = w.fingerprint
             WHERE w.window_start IN (SELECT o.start FROM \"window\" o WHERE o.closed_at IS NULL OR o.closed_at > $1)
             GROUP BY coalesce(m.family, w.fingerprint) HAVING sum(w.count) >= $2");
        let recent = recent.bind(before(now, HOUR)).bind(count_min);
        let recent = self.database.fetch(recent).await.map_err(&failed)?;
        let mut counts = BTreeMap::new();
        for row in &recent {
            let id = row.text("id").map_err(&failed)?;
            let (count, since) = (row.number("count").map_err(&failed)?, row.time("since").map_err(&failed)?);
            counts.insert(id, (count, since));
        }
        if counts.is_empty() {
            return Ok(Vec::new());
        }
        // The hours that the windows of the last hour are in are left out of what is usual.
        let until = counts.values().map(|(_, since)| *since).min().unwrap_or(now);
        let until = UnixNanos((until.0 - until.0 % HOUR).min(now.0.saturating_sub(HOUR)));
        let usual = sql("SELECT coalesce(m.family, h.fingerprint) AS id, CAST(sum(h.count) AS BIGINT) AS count,
               min(h.hour) AS since
             FROM cluster_hour h LEFT JOIN member m ON m.fingerprint = h.fingerprint
             WHERE h.hour >= $1 AND h.hour < $2 AND coalesce(m.family, h.fingerprint) IN (SELECT id FROM {rows})
               AND NOT EXISTS (SELECT 1 FROM cluster c
                 WHERE c.fingerprint = coalesce(m.family, h.fingerprint) AND c.status = 'ignored')
             GROUP BY coalesce(m.family, h.fingerprint) ORDER BY 1");
        let rows = Rows::default().texts("id", counts.keys().map(String::as_str));
        let usual = usual.bind(before(now, BASELINE)).bind(until.to_i64()).with(rows);
        let mut above = Vec::new();
        for row in self.database.fetch(usual).await.map_err(&failed)? {
            let error_id = row.text("id").map_err(&failed)?;
            let (count, since) = (row.number("count").map_err(&failed)?, row.time("since").map_err(&failed)?);
            let known = until.0.saturating_sub(since.0) / HOUR;
            let Some((recently, begun)) = counts.get(&error_id).filter(|_| known >= KNOWN_HOURS_MIN) else {
                continue;
            };
            let per_hour = per_hour(*recently, now.0.saturating_sub(begun.0).max(HOUR));
            let usual_per_hour = per_hour_of(count, known);
            if per_hour > factor * usual_per_hour {
                above.push(Rate { error_id, per_hour, usual_per_hour });
            }
        }
        Ok(above)
    }

    /// Notes errors that come more often, but for those of which it was told lately and that did not end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn note_rates(
        &self,
        rates: &[Rate],
        window: UnixNanos,
        now: UnixNanos,
    ) -> Result<(), StoreError> {
        if rates.is_empty() {
            return Ok(());
        }
        let told_of = |rate: &Rate| {
            serde_json::json!({"per_hour": rounded(rate.per_hour), "usual_per_hour": rounded(rate.usual_per_hour)})
                .to_string()
        };
        let rows = Rows::default()
            .texts("error_id", rates.iter().map(|rate| rate.error_id.as_str()))
            .texts("told_of", rates.iter().map(told_of));
        let noted = sql("INSERT INTO alert (key, rule, error_id, fix_id, told_of, at, state, content)
             SELECT 'rate:' || r.error_id || ':' || CAST($1 AS TEXT), 'rate', r.error_id, '', r.told_of, $2, 'found', ''
             FROM (SELECT * FROM {rows}) AS r
             WHERE NOT EXISTS (SELECT 1 FROM alert a WHERE a.rule = 'rate' AND a.error_id = r.error_id
               AND (a.at > $3 OR (a.state = 'told' AND a.ended_at IS NULL)))
             ON CONFLICT DO NOTHING");
        let noted = noted.bind(window.to_i64()).bind(now.to_i64()).bind(before(now, HOUR)).with(rows);
        let noted = self.database.execute(noted).await;
        noted.map(drop).map_err(StoreError::while_doing("noting errors that come more often"))
    }

    /// The alerts that last although what they tell of is over: the error is fixed, ignored, gone, or was not seen for a day; the
    /// process that refused is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn alerts_that_are_over(&self, now: UnixNanos) -> Result<Vec<FoundAlert>, StoreError> {
        // A process says every two seconds that it is up.
        const GONE: u64 = 60_000_000_000;
        let over = sql("SELECT a.* FROM alert a WHERE a.state = 'told' AND a.ended_at IS NULL AND (
               (a.rule IN ('new', 'regressed', 'rate') AND NOT EXISTS (
                 SELECT 1 FROM cluster c WHERE c.fingerprint = a.error_id
                   AND c.status NOT IN ('ignored', 'fixed') AND c.last_seen >= $1)
                 AND NOT EXISTS (
                 SELECT 1 FROM member m JOIN cluster c ON c.fingerprint = m.fingerprint WHERE m.family = a.error_id
                   AND c.status NOT IN ('ignored', 'fixed') AND c.last_seen >= $1))
               OR (a.rule = 'refusing' AND NOT EXISTS
                 (SELECT 1 FROM replica r WHERE r.id = a.error_id AND r.seen_at >= $2)))
             ORDER BY a.at, a.key LIMIT 100");
        let over = self.database.fetch(over.bind(before(now, DAY)).bind(before(now, GONE))).await;
        let over = over.map_err(StoreError::while_doing("looking which alerts are over"))?;
        over.iter().map(read_found).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_hour(count: u64, nanos: u64) -> f64 {
    count as f64 * HOUR as f64 / nanos as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_hour_of(count: u64, hours: u64) -> f64 {
    count as f64 / hours as f64
}

/// To a hundredth: more digits are not read.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
