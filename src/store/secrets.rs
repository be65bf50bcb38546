//! Secrets that all replicas share, and that nobody else is told.

use super::engine::sql;
use super::{Store, StoreError};

impl Store {
    /// The secret of this name: the one that is kept, or else `fresh`, which is kept from then on.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn shared_secret(&self, name: &str, fresh: &str) -> Result<String, StoreError> {
        let failed = StoreError::while_doing("reading a secret that replicas share");
        let kept = sql("INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING");
        self.database.execute(kept.bind(name).bind(fresh)).await.map_err(&failed)?;
        let kept = sql("SELECT value FROM secret WHERE name = $1").bind(name);
        self.database.one(kept).await.and_then(|row| row.text(0)).map_err(failed)
    }
}
