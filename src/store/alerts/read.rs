//! How alerts stand, for whoever shows them, and what still lasts.

use super::{HOUR, before, rule};
use crate::model::{AlertRule, UnixNanos};
use crate::store::engine::{Row, sql};
use crate::store::{Store, StoreError};

/// How deliveries to one target go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetState {
    /// How many wait.
    pub waiting: u64,
    /// When one was sent last.
    pub last_sent_at: Option<UnixNanos>,
    /// When one failed for good last.
    pub last_failed_at: Option<UnixNanos>,
    /// Why the latest try that failed did; empty where none did since one was sent.
    pub last_error: String,
}

/// A delivery as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub target: String,
    /// Firing or resolved.
    pub action: String,
    /// Waiting, sent or failed.
    pub state: String,
    /// How often it was tried.
    pub tries: u32,
    /// Why the latest try that failed did.
    pub last_error: String,
    /// When it was decided.
    pub created_at: UnixNanos,
    /// When it was sent or given up.
    pub ended_at: Option<UnixNanos>,
    /// When it is tried next, while it waits.
    pub next_at: UnixNanos,
    /// Why it is told.
    pub rule: AlertRule,
    /// The error; empty where it is about none.
    pub error_id: String,
    /// What is told, as JSON.
    pub content: String,
}

/// An alert that lasts, as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastingAlert {
    /// What happened, once.
    pub key: String,
    /// Why it is told.
    pub rule: AlertRule,
    /// The error.
    pub error_id: String,
    /// When it began.
    pub at: UnixNanos,
    /// What is told, as JSON.
    pub content: String,
}

impl Store {
    /// How deliveries to a target go.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn target_state(&self, target: &str) -> Result<TargetState, StoreError> {
        let failed = StoreError::while_doing("reading how deliveries go");
        let state = sql("SELECT coalesce(sum(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), 0) AS waiting,
               max(CASE WHEN state = 'sent' THEN ended_at END) AS sent,
               max(CASE WHEN state = 'failed' THEN ended_at END) AS failed
             FROM alert_delivery WHERE target = $1");
        let row = self.database.one(state.bind(target)).await.map_err(&failed)?;
        let (sent, gone) = (row.time_or_none("sent").map_err(&failed)?, row.time_or_none("failed"));
        // One that waits and has failed is not sent later than it is tried next.
        let error = sql(
            "SELECT last_error FROM alert_delivery WHERE target = $1 AND last_error <> '' AND state <> 'sent'
             AND coalesce(ended_at, next_at) > $2 ORDER BY coalesce(ended_at, next_at) DESC LIMIT 1",
        );
        let error = error.bind(target).bind(sent.unwrap_or_default().to_i64());
        let error = self.database.optional(error).await.map_err(&failed)?;
        Ok(TargetState {
            waiting: row.number("waiting").map_err(&failed)?,
            last_sent_at: sent,
            last_failed_at: gone.map_err(&failed)?,
            last_error: error.map_or(Ok(String::new()), |row| row.text(0)).map_err(failed)?,
        })
    }

    /// How many alerts are held back for the next digest.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn held_alert_count(&self) -> Result<u64, StoreError> {
        let held = self.database.one("SELECT count(*) FROM alert WHERE state = 'held'").await;
        held.and_then(|row| row.number(0)).map_err(StoreError::while_doing("counting what was held back"))
    }

    /// The latest deliveries, the latest first; those of one alert alone where its key is given.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn recent_deliveries(
        &self,
        of: Option<&str>,
        count_max: u32,
    ) -> Result<Vec<Recent>, StoreError> {
        let recent = sql("SELECT d.*, a.rule, a.error_id, a.content FROM alert_delivery d JOIN alert a ON a.key = d.alert_key
             WHERE $1 = '' OR d.alert_key = $1 ORDER BY d.created_at DESC, d.id LIMIT $2");
        let recent = self.database.fetch(recent.bind(of.unwrap_or_default()).bind(count_max)).await;
        recent.map_err(StoreError::while_doing("reading deliveries"))?.iter().map(read_recent).collect()
    }

    /// The alerts that last and were told to a target, the earliest first, at most so many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn lasting_alerts(
        &self,
        target: &str,
        count_max: u32,
    ) -> Result<Vec<LastingAlert>, StoreError> {
        let failed = StoreError::while_doing("reading alerts that last");
        let lasting = sql("SELECT a.key, a.rule, a.error_id, a.at, a.content FROM alert a
             WHERE a.state = 'told' AND a.ended_at IS NULL AND EXISTS
               (SELECT 1 FROM alert_delivery d WHERE d.alert_key = a.key AND d.target = $1 AND d.tries > 0)
             ORDER BY a.at, a.key LIMIT $2");
        let lasting = self.database.fetch(lasting.bind(target).bind(count_max)).await.map_err(&failed)?;
        lasting
            .iter()
            .map(|row| {
                let text = |column: &str| row.text(column).map_err(&failed);
                Ok(LastingAlert {
                    key: text("key")?,
                    rule: rule(row)?,
                    error_id: text("error_id")?,
                    at: row.time("at").map_err(&failed)?,
                    content: text("content")?,
                })
            })
            .collect()
    }

    /// The errors of alerts of a rule that last, each with its key.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn lasting_of(&self, rule: AlertRule) -> Result<Vec<(String, String)>, StoreError> {
        let failed = StoreError::while_doing("reading alerts that last");
        let lasting =
            sql("SELECT key, error_id FROM alert WHERE rule = $1 AND state = 'told' AND ended_at IS NULL
             ORDER BY key");
        let rows = self.database.fetch(lasting.bind(rule.as_str())).await.map_err(&failed)?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<_, _>>().map_err(failed)
    }

    /// Whether another alert of the same error lasts.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn another_lasts(&self, key: &str, error_id: &str) -> Result<bool, StoreError> {
        let failed = StoreError::while_doing("reading alerts that last");
        let other = sql(
            "SELECT 1 FROM alert WHERE error_id = $2 AND key <> $1 AND state = 'told' AND ended_at IS NULL
             AND rule IN ('new', 'regressed', 'rate') LIMIT 1",
        );
        let other = self.database.optional(other.bind(key).bind(error_id)).await;
        other.map(|row| row.is_some()).map_err(failed)
    }

    /// How many deliveries to a target failed for good within an hour, and none was sent since.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn is_target_failing(&self, target: &str, now: UnixNanos) -> Result<bool, StoreError> {
        let state = self.target_state(target).await?;
        let failed_lately = state.last_failed_at.filter(|at| at.to_i64() > before(now, HOUR));
        Ok(!state.last_error.is_empty() && (failed_lately > state.last_sent_at || state.waiting > 0))
    }
}

fn read_recent(row: &Row) -> Result<Recent, StoreError> {
    let failed = StoreError::while_doing("reading deliveries");
    let text = |column: &str| row.text(column).map_err(&failed);
    Ok(Recent {
        id: text("id")?,
        target: text("target")?,
        action: text("action")?,
        state: text("state")?,
        tries: u32::try_from(row.number("tries").map_err(&failed)?).unwrap_or(u32::MAX),
        last_error: text("last_error")?,
        created_at: row.time("created_at").map_err(&failed)?,
        ended_at: row.time_or_none("ended_at").map_err(&failed)?,
        next_at: row.time("next_at").map_err(&failed)?,
        rule: rule(row)?,
        error_id: text("error_id")?,
        content: text("content")?,
    })
}
