//! The audit trail: every action taken, with time, actor and outcome.

use super::engine::sql;
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

impl Store {
    /// Notes an action.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn audit(&self, entry: &AuditEntry<'_>) -> Result<(), StoreError> {
        self.database
            .execute(
                sql("INSERT INTO audit (at, actor, action, subject, outcome) VALUES ($1, $2, $3, $4, $5)")
                    .bind(entry.at.to_i64())
                    .bind(entry.actor)
                    .bind(entry.action)
                    .bind(entry.subject)
                    .bind(entry.outcome),
            )
            .await
            .map(drop)
            .map_err(StoreError::while_doing("writing the audit trail"))
    }
}
