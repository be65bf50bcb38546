//! The audit trail: every action taken, with time, actor and outcome.

use super::engine::{Row, Statement, sql};
use super::{Store, StoreError};
use crate::model::UnixNanos;

/// One action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry<'a> {
    /// When.
    pub at: UnixNanos,
    /// Who: `logmend`, or `api` for people.
    pub actor: &'a str,
    /// What, such as `scan` or `open_pull_request`.
    pub action: &'a str,
    /// On what: a fingerprint, a fix id, a window.
    pub subject: &'a str,
    /// What came of it.
    pub outcome: &'a str,
}

/// One action, as it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Its number: later ones have a greater one.
    pub id: u64,
    /// When.
    pub at: UnixNanos,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// On what.
    pub subject: String,
    /// What came of it.
    pub outcome: String,
}

/// Which actions to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those before this number.
    pub before: Option<u64>,
    /// Only those of this actor.
    pub actor: Option<String>,
    /// Only those of this name.
    pub action: Option<String>,
    /// Only those on this.
    pub subject: Option<String>,
    /// At most so many.
    pub limit: u32,
}

impl Store {
    /// What was done, the latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn audited(&self, filter: &AuditFilter) -> Result<Vec<Audited>, StoreError> {
        let failed = StoreError::while_doing("reading the audit trail");
        let text = "SELECT id, at, actor, action, subject, outcome FROM audit
             WHERE id < $1 AND ($2 = '' OR actor = $2) AND ($3 = '' OR action = $3) AND ($4 = '' OR subject = $4)
             ORDER BY id DESC LIMIT $5";
        let asked = sql(text)
            .bind(filter.before.unwrap_or(u64::MAX))
            .bind(filter.actor.as_deref().unwrap_or_default())
            .bind(filter.action.as_deref().unwrap_or_default())
            .bind(filter.subject.as_deref().unwrap_or_default())
            .bind(filter.limit);
        let rows = self.database.fetch(asked).await.map_err(&failed)?;
        rows.iter().map(audited).collect::<Result<_, _>>().map_err(failed)
    }

    /// Notes an action.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn audit(&self, entry: &AuditEntry<'_>) -> Result<(), StoreError> {
        self.database
            .execute(insert(entry))
            .await
            .map(drop)
            .map_err(StoreError::while_doing("writing the audit trail"))
    }
}

/// Notes an action.
pub(super) fn insert(entry: &AuditEntry<'_>) -> Statement {
    sql("INSERT INTO audit (at, actor, action, subject, outcome) VALUES ($1, $2, $3, $4, $5)")
        .bind(entry.at.to_i64())
        .bind(entry.actor)
        .bind(entry.action)
        .bind(entry.subject)
        .bind(entry.outcome)
}

pub(super) fn audited(row: &Row) -> Result<Audited, sqlx::Error> {
    Ok(Audited {
        id: row.number("id")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        outcome: row.text("outcome")?,
    })
}
