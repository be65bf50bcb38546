//! What stands in the store, read ahead for whoever reads metrics: a reading waits for no database.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::leader::Terms;
use crate::model::UnixNanos;
use crate::store::{Figures, Store, StoreError, Usage};

/// How often it is read where nobody scrapes. Scrapers come every 15 to 60 seconds.
const READ_EVERY: Duration = Duration::from_secs(15);

/// A scrape takes what is no older than this, so that several scrapers cost no more than one.
const FRESH: Duration = Duration::from_secs(1);

/// How long a scrape waits for the store. Prometheus gives up on a scrape after 10 seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// A process that was not up for so long is gone.
const SEEN: UnixNanos = UnixNanos(10_000_000_000);

/// What stood in the store when it was read last.
#[derive(Debug, Default)]
pub(super) struct Stood {
    pub(super) figures: Figures,
    pub(super) usage: Usage,
    pub(super) replicas: u64,
}

/// The latest reading; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    store: Store,
    stood: Arc<ArcSwap<Stood>>,
    read_at: Arc<Mutex<Option<Instant>>>,
    terms: Arc<OnceLock<Terms>>,
}

impl Standing {
    pub(super) fn of(store: Store) -> Self {
        Self { store, stood: Arc::default(), read_at: Arc::default(), terms: Arc::default() }
    }

    /// Whether this process leads is told by `terms`.
    pub(super) fn led_in(&self, terms: Terms) {
        // There is one for a process, set once at its start.
        let _ = self.terms.set(terms);
    }

    pub(super) fn is_leading(&self) -> bool {
        self.terms.get().is_some_and(Terms::is_leading)
    }

    /// The latest reading.
    pub(super) fn now(&self) -> Arc<Stood> {
        self.stood.load_full()
    }

    /// Reads anew what is older than a moment. Where the store does not answer the latest reading stays.
    pub(super) async fn refresh(&self) {
        if !self.is_due(Instant::now()) {
            return;
        }
        match tokio::time::timeout(PATIENCE, self.read()).await {
            Ok(Ok(stood)) => self.stood.store(Arc::new(stood)),
            // That the store does not answer is told by whoever writes to it.
            Ok(Err(error)) => tracing::debug!(%error, "metrics tell what stood in the store before"),
            Err(_) => tracing::debug!("metrics tell what stood in the store before: it does not answer"),
        }
    }

    /// The same, for whoever has it done again and again.
    pub(super) fn refreshing(
        &self,
    ) -> impl Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + 'static {
        let standing = self.clone();
        move || {
            let standing = standing.clone();
            Box::pin(async move { standing.refresh().await })
        }
    }

    /// Reads until `stop` is cancelled.
    pub(super) async fn keep_fresh(self, stop: CancellationToken) {
        loop {
            self.refresh().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(READ_EVERY) => {}
            }
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = read_at.is_none_or(|read| now.duration_since(read) >= FRESH);
        if due {
            *read_at = Some(now);
        }
        due
    }

    async fn read(&self) -> Result<Stood, StoreError> {
        let now = self.store.now();
        let since = UnixNanos(now.0.saturating_sub(SEEN.0));
        Ok(Stood {
            figures: self.store.figures().await?,
            usage: self.store.usage(now).await?,
            replicas: self.store.replicas_since(since).await?,
        })
    }
}
