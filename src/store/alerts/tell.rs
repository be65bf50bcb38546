//! What becomes of the alerts that were found: told, held back, told together.

use std::collections::BTreeMap;

use super::{FoundAlert, HOUR, NewDelivery, before, read_found, rule};
use crate::model::{AlertRule, UnixNanos};
use crate::store::engine::{Rows, Statement, sql};
use crate::store::{DeliveryAction, Store, StoreError};

impl Store {
    /// The alerts that were found and not decided about, the earliest first, at most so many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn found_alerts(&self, count_max: u32) -> Result<Vec<FoundAlert>, StoreError> {
        let found = sql("SELECT * FROM alert WHERE state = 'found' ORDER BY at, key LIMIT $1");
        let found = self.database.fetch(found.bind(count_max)).await;
        found.map_err(StoreError::while_doing("reading alerts"))?.iter().map(read_found).collect()
    }

    /// What was told within an hour, but for digests and tests: the rule and the error of each.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn alerts_told_within_an_hour(
        &self,
        now: UnixNanos,
    ) -> Result<Vec<(AlertRule, String)>, StoreError> {
        let failed = StoreError::while_doing("reading what was told");
        let told =
            sql("SELECT rule, error_id FROM alert WHERE told_at > $1 AND rule NOT IN ('digest', 'test')");
        let told = self.database.fetch(told.bind(before(now, HOUR))).await.map_err(&failed)?;
        told.iter().map(|row| Ok((rule(row)?, row.text("error_id").map_err(&failed)?))).collect()
    }

    /// Decides that an alert is told, as `content` and to these targets: one transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; nothing was decided then, or it is not known whether it was, which the next look tells.
    pub async fn tell_alert(
        &self,
        alert: &FoundAlert,
        content: &str,
        deliveries: &[NewDelivery],
        now: UnixNanos,
    ) -> Result<(), StoreError> {
        let told = sql("UPDATE alert SET state = 'told', content = $2, told_at = $3, ended_at = $4
             WHERE key = $1 AND state = 'found'");
        let told = told.bind(&alert.key).bind(content).bind(now.to_i64());
        let told = told.bind((!alert.rule.lasts()).then(|| now.to_i64()));
        let deliver = deliver(&alert.key, DeliveryAction::Firing, deliveries, now);
        let done = self.database.execute_together(vec![told, deliver]).await;
        done.map(drop).map_err(StoreError::while_doing("telling an alert"))
    }

    /// Notes an alert that is told at once, whatever else was told.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn tell_at_once(
        &self,
        alert: &FoundAlert,
        content: &str,
        deliveries: &[NewDelivery],
        now: UnixNanos,
    ) -> Result<(), StoreError> {
        self.note_alert(alert).await?;
        self.tell_alert(alert, content, deliveries, now).await
    }

    /// Decides that the alerts of these keys are not told by themselves: held back for the digest, or nothing that anybody wants.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn put_alerts_aside(&self, keys: &[&str], wanted: bool) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let aside =
            sql("UPDATE alert SET state = $1 WHERE state = 'found' AND key IN (SELECT key FROM {rows})");
        let aside = aside.bind(if wanted { "held" } else { "skipped" });
        let aside =
            self.database.execute(aside.with(Rows::default().texts("key", keys.iter().copied()))).await;
        aside.map(drop).map_err(StoreError::while_doing("holding alerts back"))
    }

    /// How many alerts are held back, by rule, where a digest is due: the oldest of them is five minutes old, and no digest was told
    /// within an hour. Empty otherwise.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn held_alerts_due(&self, now: UnixNanos) -> Result<BTreeMap<AlertRule, u64>, StoreError> {
        const PATIENCE: u64 = 5 * 60_000_000_000;
        let failed = StoreError::while_doing("reading what was held back");
        let held = sql("SELECT rule, count(*) AS count FROM alert
             WHERE state = 'held' AND EXISTS (SELECT 1 FROM alert h WHERE h.state = 'held' AND h.at <= $1)
               AND NOT EXISTS (SELECT 1 FROM alert d WHERE d.rule = 'digest' AND d.told_at > $2)
             GROUP BY rule");
        let held = held.bind(before(now, PATIENCE)).bind(before(now, HOUR));
        let held = self.database.fetch(held).await.map_err(&failed)?;
        held.iter().map(|row| Ok((rule(row)?, row.number("count").map_err(&failed)?))).collect()
    }

    /// The first alerts that are held back, the gravest errors first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn held_alerts(&self, count_max: u32) -> Result<Vec<FoundAlert>, StoreError> {
        let held = sql("SELECT a.* FROM alert a LEFT JOIN cluster c ON c.fingerprint = a.error_id
             WHERE a.state = 'held' ORDER BY coalesce(c.severity, 0) DESC, a.at, a.key LIMIT $1");
        let held = self.database.fetch(held.bind(count_max)).await;
        held.map_err(StoreError::while_doing("reading what was held back"))?.iter().map(read_found).collect()
    }

    /// Tells what is held back together: one transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn tell_digest(
        &self,
        digest: &FoundAlert,
        content: &str,
        deliveries: &[NewDelivery],
        now: UnixNanos,
    ) -> Result<(), StoreError> {
        let noted = sql(
            "INSERT INTO alert (key, rule, error_id, fix_id, told_of, at, state, content, told_at, ended_at)
             VALUES ($1, $2, '', '', '', $3, 'told', $4, $3, $3) ON CONFLICT DO NOTHING",
        );
        let noted = noted.bind(&digest.key).bind(digest.rule.as_str()).bind(now.to_i64()).bind(content);
        let digested = sql("UPDATE alert SET state = 'digested' WHERE state = 'held'");
        let deliver = deliver(&digest.key, DeliveryAction::Firing, deliveries, now);
        let done = self.database.execute_together(vec![noted, digested, deliver]).await;
        done.map(drop).map_err(StoreError::while_doing("telling a digest"))
    }

    /// Ends an alert that lasts, and tells so to those of these targets that were told of it: one transaction. Nothing happens where
    /// it was ended before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn end_alert(
        &self,
        key: &str,
        deliveries: &[NewDelivery],
        now: UnixNanos,
    ) -> Result<(), StoreError> {
        let ended =
            sql("UPDATE alert SET ended_at = $2 WHERE key = $1 AND ended_at IS NULL AND state = 'told'");
        let ended = ended.bind(key).bind(now.to_i64());
        let deliver = deliver(key, DeliveryAction::Resolved, deliveries, now);
        let done = self.database.execute_together(vec![ended, deliver]).await;
        done.map(drop).map_err(StoreError::while_doing("ending an alert"))
    }
}

/// Writes deliveries of an alert that is told; that it is over, only to who was told of it.
fn deliver(key: &str, action: DeliveryAction, deliveries: &[NewDelivery], now: UnixNanos) -> Statement {
    let rows = Rows::default()
        .texts("target", deliveries.iter().map(|(target, _)| *target))
        .texts("id", deliveries.iter().map(|(_, id)| id.as_str()));
    let told = match action {
        DeliveryAction::Firing => "TRUE",
        DeliveryAction::Resolved => {
            "EXISTS (SELECT 1 FROM alert_delivery d
             WHERE d.target = r.target AND d.alert_key = $1 AND d.action = 'firing')"
        }
    };
    let deliver = format!(
        "INSERT INTO alert_delivery (id, target, alert_key, action, state, tries, next_at, last_error, created_at)
         SELECT r.id, r.target, $1, $2, 'waiting', 0, $3, '', $3 FROM (SELECT * FROM {{rows}}) AS r
         WHERE EXISTS (SELECT 1 FROM alert a WHERE a.key = $1 AND a.state = 'told') AND {told}
         ON CONFLICT DO NOTHING"
    );
    sql(deliver).bind(key).bind(action.as_str()).bind(now.to_i64()).with(rows)
}
