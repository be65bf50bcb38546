//! Deliveries that wait to be sent: claimed before each try, so that a crash leaves them here and never forgets how often.

use super::{DAY, NewDelivery, before, rule};
use crate::model::{AlertRule, UnixNanos};
use crate::store::engine::{Rows, sql};
use crate::store::{Store, StoreError};

/// What a delivery says of its alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryAction {
    /// It has come up.
    Firing,
    /// It is over.
    Resolved,
}

impl DeliveryAction {
    /// The name in JSON and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// One alert on its way to one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same for every try.
    pub id: String,
    /// Whether it has come up or is over.
    pub action: DeliveryAction,
    /// How often it was tried.
    pub tries: u32,
    /// What happened, once.
    pub alert_key: String,
    /// Why it is told.
    pub rule: AlertRule,
    /// The error; empty where it is about none.
    pub error_id: String,
    /// When it happened.
    pub at: UnixNanos,
    /// When it ended; `None` as long as it lasts.
    pub ended_at: Option<UnixNanos>,
    /// What is told, as JSON.
    pub content: String,
}

impl Store {
    /// The delivery to a target whose time has come, if there is one. That something is over follows what it is about.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn due_delivery(&self, target: &str, now: UnixNanos) -> Result<Option<Delivery>, StoreError> {
        let failed = StoreError::while_doing("reading deliveries");
        let due = sql("SELECT d.id, d.action, d.tries, d.alert_key, a.rule, a.error_id, a.at, a.ended_at, a.content
             FROM alert_delivery d JOIN alert a ON a.key = d.alert_key
             WHERE d.target = $1 AND d.state = 'waiting' AND d.next_at <= $2
               AND (d.action = 'firing' OR NOT EXISTS (SELECT 1 FROM alert_delivery f
                 WHERE f.target = d.target AND f.alert_key = d.alert_key AND f.action = 'firing' AND f.state = 'waiting'))
             ORDER BY d.next_at, d.created_at, d.id LIMIT 1");
        let row = self.database.optional(due.bind(target).bind(now.to_i64())).await.map_err(&failed)?;
        let Some(row) = row else { return Ok(None) };
        let text = |column: &str| row.text(column).map_err(&failed);
        let action = text("action")?;
        Ok(Some(Delivery {
            id: text("id")?,
            action: match action.as_str() {
                "firing" => DeliveryAction::Firing,
                "resolved" => DeliveryAction::Resolved,
                _ => {
                    let (table, column) = ("alert_delivery", "action");
                    return Err(StoreError::Inconsistent { table, column, value: action });
                }
            },
            tries: u32::try_from(row.number("tries").map_err(&failed)?).unwrap_or(u32::MAX),
            alert_key: text("alert_key")?,
            rule: rule(&row)?,
            error_id: text("error_id")?,
            at: row.time("at").map_err(&failed)?,
            ended_at: row.time_or_none("ended_at").map_err(&failed)?,
            content: text("content")?,
        }))
    }

    /// Counts a try before it is made; where nobody says how it went, it is tried again at `next_at`. False where it is not to be
    /// sent any more.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; it must not be sent then: another may lead by now.
    pub async fn claim_delivery(&self, id: &str, next_at: UnixNanos) -> Result<bool, StoreError> {
        let claimed = sql(
            "UPDATE alert_delivery SET tries = tries + 1, next_at = $2 WHERE id = $1 AND state = 'waiting'",
        );
        let claimed = self.database.execute(claimed.bind(id).bind(next_at.to_i64())).await;
        claimed.map(|rows| rows > 0).map_err(StoreError::while_doing("claiming a delivery"))
    }

    /// Puts off all that waits for a target, which asked for it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn put_off_deliveries(&self, target: &str, until: UnixNanos) -> Result<(), StoreError> {
        let put_off = sql("UPDATE alert_delivery SET next_at = $2
             WHERE target = $1 AND state = 'waiting' AND next_at < $2");
        let put_off = self.database.execute(put_off.bind(target).bind(until.to_i64())).await;
        put_off.map(drop).map_err(StoreError::while_doing("putting deliveries off"))
    }

    /// Notes that the target has it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; it is sent once more then, under the same id.
    pub async fn delivered(&self, id: &str, now: UnixNanos) -> Result<(), StoreError> {
        let sent = sql("UPDATE alert_delivery SET state = 'sent', ended_at = $2 WHERE id = $1");
        let sent = self.database.execute(sent.bind(id).bind(now.to_i64())).await;
        sent.map(drop).map_err(StoreError::while_doing("noting a delivery"))
    }

    /// Notes that targets were told past the outbox: before the alert is noted, so that they are not told again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn note_delivered(
        &self,
        alert_key: &str,
        deliveries: &[NewDelivery],
        now: UnixNanos,
    ) -> Result<(), StoreError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let rows = Rows::default()
            .texts("target", deliveries.iter().map(|(target, _)| *target))
            .texts("id", deliveries.iter().map(|(_, id)| id.as_str()));
        let noted = sql("INSERT INTO alert_delivery
               (id, target, alert_key, action, state, tries, next_at, last_error, created_at, ended_at)
             SELECT r.id, r.target, $1, 'firing', 'sent', 1, $2, '', $2, $2 FROM (SELECT * FROM {rows}) AS r WHERE TRUE
             ON CONFLICT DO NOTHING");
        let noted = self.database.execute(noted.bind(alert_key).bind(now.to_i64()).with(rows)).await;
        noted.map(drop).map_err(StoreError::while_doing("noting deliveries"))
    }

    /// Notes why a try failed: it is tried again at `next_at`, or given up where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn not_delivered(
        &self,
        id: &str,
        why: &str,
        next_at: Option<UnixNanos>,
        now: UnixNanos,
    ) -> Result<(), StoreError> {
        let noted = match next_at {
            Some(next_at) => sql("UPDATE alert_delivery SET last_error = $2, next_at = $3 WHERE id = $1")
                .bind(id)
                .bind(why)
                .bind(next_at.to_i64()),
            None => sql(
                "UPDATE alert_delivery SET last_error = $2, state = 'failed', ended_at = $3 WHERE id = $1",
            )
            .bind(id)
            .bind(why)
            .bind(now.to_i64()),
        };
        let noted = self.database.execute(noted).await;
        noted.map(drop).map_err(StoreError::while_doing("noting why a delivery failed"))
    }

    /// Gives up what waits for longer than a day: its target is not set up any more, or nobody sent it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn give_up_old_deliveries(&self, now: UnixNanos) -> Result<(), StoreError> {
        let given_up = sql("UPDATE alert_delivery SET state = 'failed', ended_at = $2,
               last_error = CASE WHEN last_error = '' THEN 'it was not sent within a day' ELSE last_error END
             WHERE state = 'waiting' AND created_at < $1");
        let given_up = self.database.execute(given_up.bind(before(now, DAY)).bind(now.to_i64())).await;
        given_up.map(drop).map_err(StoreError::while_doing("giving up old deliveries"))
    }
}
