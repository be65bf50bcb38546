//! The outbox of alerts: what happened, what of it is told, and to whom it still has to go.
//!
//! What changes a row that people are alerted of notes so in the same transaction ([`note_statement`]); the rest is found by
//! looking ([`find`]). Both go by a key that names what happened, so that nothing is noted twice. Whether and to whom it is told is
//! decided in one transaction with the deliveries ([`tell`]), and those wait here until they are sent ([`deliveries`]).

mod deliveries;
mod find;
mod read;
mod tell;

use super::engine::{Row, Statement, sql};
use super::{Store, StoreError};
use crate::model::{AlertRule, Fingerprint, Fix, FixStatus, UnixNanos};

pub use deliveries::{Delivery, DeliveryAction};
pub use find::Rate;
pub use read::{LastingAlert, Recent, TargetState};

/// An hour, in nanoseconds.
const HOUR: u64 = 3_600_000_000_000;
const DAY: u64 = 24 * HOUR;

/// Something that people may be alerted of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundAlert {
    /// What happened, once.
    pub key: String,
    /// Why it is told.
    pub rule: AlertRule,
    /// The error, or the process that refuses; empty where it is about neither.
    pub error_id: String,
    /// The fix; empty where it is about none.
    pub fix_id: String,
    /// JSON: the numbers or the sentence that nothing else keeps; may be empty.
    pub told_of: String,
    /// When it happened.
    pub at: UnixNanos,
}

/// A delivery that is to be written: the target's name, and the id that all tries share.
pub type NewDelivery = (&'static str, String);

/// The statement that notes `found`, unless it is known.
pub(super) fn note_statement(found: &FoundAlert) -> Statement {
    sql("INSERT INTO alert (key, rule, error_id, fix_id, told_of, at, state, content)
         VALUES ($1, $2, $3, $4, $5, $6, 'found', '') ON CONFLICT DO NOTHING")
    .bind(&found.key)
    .bind(found.rule.as_str())
    .bind(&found.error_id)
    .bind(&found.fix_id)
    .bind(&found.told_of)
    .bind(found.at.to_i64())
}

/// The statement that notes the errors that are said to be fixed and that a window holds: before their status is changed.
pub(super) fn note_regressed_in(window: UnixNanos, now: UnixNanos) -> Statement {
    sql("INSERT INTO alert (key, rule, error_id, fix_id, told_of, at, state, content)
         SELECT 'regressed:' || e.id || ':' || CAST($1 AS TEXT), 'regressed', e.id, '', '', $2, 'found', ''
         FROM (SELECT DISTINCT coalesce(m.family, c.fingerprint) AS id
           FROM cluster c LEFT JOIN member m ON m.fingerprint = c.fingerprint
           WHERE c.status = 'fixed' AND c.count > c.fixed_count AND c.fingerprint IN
             (SELECT w.fingerprint FROM window_cluster w WHERE w.window_start = $1)) AS e WHERE TRUE
         ON CONFLICT DO NOTHING")
    .bind(window.to_i64())
    .bind(now.to_i64())
}

/// The statement that notes that an error is about to be said to have regressed, unless it is said already.
pub(super) fn note_regressed(fingerprint: Fingerprint, now: UnixNanos) -> Statement {
    sql("INSERT INTO alert (key, rule, error_id, fix_id, told_of, at, state, content)
         SELECT 'regressed:' || coalesce(m.family, c.fingerprint) || ':' || CAST($2 AS TEXT), 'regressed',
           coalesce(m.family, c.fingerprint), '', '', $2, 'found', ''
         FROM cluster c LEFT JOIN member m ON m.fingerprint = c.fingerprint
         WHERE c.fingerprint = $1 AND c.status NOT IN ('regressed', 'ignored')
         ON CONFLICT DO NOTHING")
    .bind(fingerprint.to_string())
    .bind(now.to_i64())
}

/// The statement that notes that a fix is about to be opened, merged or failed, unless it is so already. `None` where the status
/// is nothing to tell of.
pub(super) fn note_fix(fix: &Fix, now: UnixNanos) -> Option<Statement> {
    note_fix_status(&fix.id, fix.status, fix.pr_url.is_some(), now)
}

pub(super) fn note_fix_status(
    id: &str,
    status: FixStatus,
    has_pull_request: bool,
    now: UnixNanos,
) -> Option<Statement> {
    let (rule, unless) = match status {
        FixStatus::Draft | FixStatus::Ready if has_pull_request => (AlertRule::FixOpened, "x.pr_url IS NULL"),
        FixStatus::Merged => (AlertRule::FixMerged, "x.status NOT IN ('merged', 'regressed')"),
        FixStatus::Failed => (AlertRule::FixFailed, "x.status <> 'failed'"),
        _ => return None,
    };
    let noted = format!(
        "INSERT INTO alert (key, rule, error_id, fix_id, told_of, at, state, content)
         SELECT CAST($2 AS TEXT) || ':' || x.id, $2, coalesce(m.family, x.fingerprint), x.id, '', $3, 'found', ''
         FROM fix x LEFT JOIN member m ON m.fingerprint = x.fingerprint WHERE x.id = $1 AND {unless}
         ON CONFLICT DO NOTHING"
    );
    Some(sql(noted).bind(id).bind(rule.as_str()).bind(now.to_i64()))
}

/// The statement that notes that a limit is met, unless `told` says that it was noted on this day.
pub(super) fn note_budget(what: &str, told: &str, day: u64, now: UnixNanos) -> Statement {
    let told_of = serde_json::json!({ "limit": what }).to_string();
    sql("INSERT INTO alert (key, rule, error_id, fix_id, told_of, at, state, content)
         SELECT $1, 'budget', '', '', $2, $3, 'found', ''
         WHERE NOT EXISTS (SELECT 1 FROM control c WHERE c.name = $4 AND c.value = $5)
         ON CONFLICT DO NOTHING")
    .bind(format!("budget:{what}:{}", now.0))
    .bind(told_of)
    .bind(now.to_i64())
    .bind(told)
    .bind(day)
}

fn before(now: UnixNanos, nanos: u64) -> i64 {
    UnixNanos(now.0.saturating_sub(nanos)).to_i64()
}

fn read_found(row: &Row) -> Result<FoundAlert, StoreError> {
    let failed = StoreError::while_doing("reading an alert");
    let text = |column: &str| row.text(column).map_err(&failed);
    Ok(FoundAlert {
        key: text("key")?,
        rule: rule(row)?,
        error_id: text("error_id")?,
        fix_id: text("fix_id")?,
        told_of: text("told_of")?,
        at: row.time("at").map_err(&failed)?,
    })
}

fn rule(row: &Row) -> Result<AlertRule, StoreError> {
    let name = row.text("rule").map_err(StoreError::while_doing("reading an alert"))?;
    name.parse().map_err(|_| StoreError::Inconsistent { table: "alert", column: "rule", value: name })
}

impl Store {
    /// Notes something that people may be alerted of, unless it is known.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn note_alert(&self, found: &FoundAlert) -> Result<(), StoreError> {
        let noted = self.database.execute(note_statement(found)).await;
        noted.map(drop).map_err(StoreError::while_doing("noting an alert"))
    }
}
