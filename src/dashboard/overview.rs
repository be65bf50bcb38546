//! Counts over all errors, which stand above the list: they read every row, so they are read once for all who look, and again
//! after a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::store::{Store, StoreError, Summary};

/// How old the counts may be.
const FRESH: Duration = Duration::from_secs(1);

/// The counts; clones share them. The lock is held across awaits: whoever comes while they are read waits for them.
#[derive(Debug, Clone, Default)]
pub struct Overview(Arc<Mutex<Option<Read>>>);

#[derive(Debug)]
struct Read {
    at: Instant,
    counted: Arc<Counted>,
}

/// What is counted, and what filters offer.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) summary: Summary,
    pub(super) services: Vec<String>,
}

impl Overview {
    /// The counts of a second ago or less.
    pub(super) async fn of(&self, store: &Store) -> Result<Arc<Counted>, StoreError> {
        let mut read = self.0.lock().await;
        if let Some(read) = read.as_ref().filter(|read| read.at.elapsed() < FRESH) {
            return Ok(Arc::clone(&read.counted));
        }
        let counted = Counted { summary: store.summary().await?, services: store.services().await? };
        let counted = Arc::new(counted);
        *read = Some(Read { at: Instant::now(), counted: Arc::clone(&counted) });
        Ok(counted)
    }
}
