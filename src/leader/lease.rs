//! Leading by the store alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Answer, Leader};
use crate::model::Fence;
use crate::store::{Store, StoreError};

/// The only process on its store: it leads from its start, also where the one before it crashed a moment ago. Of two on one file
/// the later leads, and the earlier finds out at its next write.
#[derive(Debug)]
pub struct Alone {
    store: Store,
    id: String,
    begun: AtomicBool,
}

impl Alone {
    /// The process `id` on `store`.
    #[must_use]
    pub fn new(store: Store, id: String) -> Self {
        Self { store, id, begun: AtomicBool::new(false) }
    }
}

impl Leader for Alone {
    fn stand(&self) -> Answer<'_, Result<Option<Fence>, StoreError>> {
        Box::pin(async {
            if self.begun.load(Ordering::Relaxed) {
                return self.store.renew_lead(&self.id).await;
            }
            let fence = self.store.take_lead(&self.id).await?;
            self.begun.store(true, Ordering::Relaxed);
            Ok(Some(fence))
        })
    }

    fn step_down(&self, _: Fence) -> Answer<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// One of several processes: a row of the store says who leads, and until when.
#[derive(Debug)]
pub struct Lease {
    store: Store,
    id: String,
    term: Duration,
}

impl Lease {
    /// The process `id` on `store`, which leads for a `term` at a time.
    #[must_use]
    pub fn new(store: Store, id: String, term: Duration) -> Self {
        Self { store, id, term }
    }

    /// For how long it leads at a time.
    pub(super) fn term(&self) -> Duration {
        self.term
    }
}

impl Leader for Lease {
    fn stand(&self) -> Answer<'_, Result<Option<Fence>, StoreError>> {
        Box::pin(async { self.store.lead(&self.id, self.store.now(), self.term).await })
    }

    fn step_down(&self, fence: Fence) -> Answer<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.store.give_up_lead(fence).await {
                tracing::debug!(%error, "the lead was not given up; it ends by itself");
            }
        })
    }
}
