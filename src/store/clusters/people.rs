//! What people say of an error: to leave it, that it is mended, that it is not.

use std::fmt;

use crate::model::{ClusterStatus, Fingerprint, UnixNanos};
use crate::store::engine::{Purpose, Transaction, sql};
use crate::store::{AuditEntry, Store, StoreError, audit};

/// What people say of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// Leave it, whatever comes.
    Ignore,
    /// It is mended: what is counted from now on is a regression.
    Resolve,
    /// It stands as any other: takes back both.
    Reopen,
}

impl Handling {
    /// The name in the API and the audit trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Resolve => "resolve",
            Self::Reopen => "reopen",
        }
    }
}

impl fmt::Display for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Store {
    /// Sets where an error stands because people say so, with every member of its family, and notes who did. The status that it
    /// has then, or `None` where there is no such error.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; nothing has changed then.
    pub async fn handle(
        &self,
        fingerprint: Fingerprint,
        handling: Handling,
        actor: &str,
        now: UnixNanos,
    ) -> Result<Option<ClusterStatus>, StoreError> {
        let failed = StoreError::while_doing("setting where an error stands");
        let mut transaction = self.database.begin(Purpose::Write).await.map_err(&failed)?;
        let status = match handling {
            Handling::Ignore => ClusterStatus::Ignored,
            Handling::Resolve => ClusterStatus::Fixed,
            Handling::Reopen => reopened(&mut transaction, fingerprint).await.map_err(&failed)?,
        };
        let set = super::read::set_status(fingerprint, status, now);
        if transaction.execute(set).await.map_err(&failed)? == 0 {
            transaction.roll_back().await.map_err(failed)?;
            return Ok(None);
        }
        let subject = fingerprint.to_string();
        let outcome = format!("it is {status}");
        let entry =
            AuditEntry { at: now, actor, action: handling.as_str(), subject: &subject, outcome: &outcome };
        transaction.execute(audit::insert(&entry)).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(Some(status))
    }
}

/// An error with a pull request that stands open goes back to that.
async fn reopened(
    transaction: &mut Transaction,
    fingerprint: Fingerprint,
) -> Result<ClusterStatus, sqlx::Error> {
    let open = sql("SELECT count(*) FROM fix x WHERE x.superseded = 0 AND x.status IN ('draft', 'ready', 'repairing')
         AND (x.fingerprint = $1 OR x.fingerprint IN
           (SELECT o.fingerprint FROM member m JOIN member o ON o.family = m.family WHERE m.fingerprint = $1))");
    let open = transaction.fetch(open.bind(fingerprint.to_string())).await?;
    let is_open = open.first().map_or(Ok(0), |row| row.number(0))? > 0;
    Ok(if is_open { ClusterStatus::FixProposed } else { ClusterStatus::Ongoing })
}
