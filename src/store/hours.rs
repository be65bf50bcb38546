//! How often each error came in each hour: what sparklines show.
//!
//! A window is added to its hour when it is closed, in the same transaction. It counts to the hour in which it began: windows
//! are an hour long at most, and begin at the clock's borders.

use super::engine::{Transaction, sql};
use super::{Store, StoreError};
use crate::model::{Fingerprint, UnixNanos};

/// An hour, in nanoseconds.
pub(super) const HOUR: u64 = 3_600_000_000_000;

/// How often an error came in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    /// The first moment of the hour.
    pub start: UnixNanos,
    /// How many records.
    pub count: u64,
}

pub(super) fn of(time: UnixNanos) -> UnixNanos {
    UnixNanos(time.0 - time.0 % HOUR)
}

pub(super) async fn add_window(transaction: &mut Transaction, window: UnixNanos) -> Result<(), sqlx::Error> {
    let added = sql(
        "INSERT INTO cluster_hour AS h (fingerprint, hour, count)
         SELECT w.fingerprint, $2, w.count FROM window_cluster w WHERE w.window_start = $1 ORDER BY w.fingerprint
         ON CONFLICT (fingerprint, hour) DO UPDATE SET count = h.count + excluded.count",
    );
    transaction.execute(added.bind(window.to_i64()).bind(of(window).to_i64())).await.map(drop)
}

impl Store {
    /// How often an error came since then, hour by hour, the earliest first; hours without it are left out. A family is one
    /// error. The window that is open is counted too.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn hours(&self, fingerprint: Fingerprint, since: UnixNanos) -> Result<Vec<Hour>, StoreError> {
        Ok(self.hours_of([fingerprint], since).await?.remove(&fingerprint).unwrap_or_default())
    }
}
