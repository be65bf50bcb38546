//! What people set while it runs, for all replicas and over restarts.

use super::engine::sql;
use super::{Store, StoreError};

/// Whether windows are not closed on time.
const PAUSED: &str = "paused";

impl Store {
    /// Whether people have paused triage.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn is_paused(&self) -> Result<bool, StoreError> {
        let failed = StoreError::while_doing("reading whether triage is paused");
        let row = self.database.optional(sql("SELECT value FROM control WHERE name = $1").bind(PAUSED)).await;
        row.map_err(&failed)?.map_or(Ok(false), |row| row.flag("value")).map_err(failed)
    }

    /// Pauses or resumes triage.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn set_paused(&self, paused: bool) -> Result<(), StoreError> {
        let set = sql(
            "INSERT INTO control (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        );
        let set = self.database.execute(set.bind(PAUSED).bind(paused)).await;
        set.map(drop).map_err(StoreError::while_doing("pausing or resuming triage"))
    }
}
