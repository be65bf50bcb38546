//! What must outlive the process: clusters, windows, digests of counted requests, fixes, the audit trail.
//!
//! In come deltas, gathered from many requests into one transaction ([`Store::commit`]: durable when it answers),
//! and the steps of triage and remedy. Out go clusters and fixes. The window *is* a table: there is no journal to replay,
//! and a window in progress goes on after a restart because its rows are there.
//!
//! The engine is SQLite, or PostgreSQL where several replicas share one store. The statements are the same, and so is the
//! suite of tests.
//!
//! This room does not know where deltas come from, and does not judge them.

mod alerts;
mod alive;
mod asked;
mod audit;
mod budgets;
mod changes;
mod clusters;
mod control;
mod engine;
mod error;
mod families;
mod figures;
mod fix_list;
mod fixes;
mod follow;
mod holes;
mod hours;
mod lease;
mod look;
mod moves;
mod outcomes;
mod overview;
mod passages;
mod postgres_url;
mod proposals;
mod reasons;
mod retention;
mod scans;
mod schema;
mod secrets;
mod settings;
mod sightings;
mod summaries;
mod windows;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};

pub use alerts::{
    Delivery, DeliveryAction, FoundAlert, LastingAlert, NewDelivery, Rate, Recent, TargetState,
};
pub use asked::Claimed;
pub use audit::{AuditEntry, AuditFilter, Audited};
pub use budgets::{Attempt, Call, Cost, Reservation, Usage};
pub use changes::EndedWindow;
pub use clusters::{ClusterFilter, Cursor, Handling, InvalidCursor, Likely, Named, Page, Summary};
pub use error::StoreError;
pub use figures::Figures;
pub use fix_list::{FixCursor, FixFilter};
pub use follow::{Followed, Release, Sightings, Watched, Work};
pub use hours::Hour;
pub use look::Looked;
pub use moves::{Move, MovedFrom};
pub use overview::{FixBrief, WindowHeld};
pub use postgres_url::{PostgresSettings, PostgresUrlError, SslMode};
pub use proposals::{Asked, ProposalEvidence};
pub use reasons::NewError;
pub use retention::Retention;
pub use scans::Scan;
pub use settings::{Settings, UnknownUrl};
pub use sightings::Sighting;
pub use windows::ClosedWindow;
pub use writer::{Batch, Commits, Committed, Writer};

use crate::model::{Hole, UnixNanos};
use engine::{Database, Fault, Postgres, Sqlite};
use writer::{Waiting, chain};

/// How many requests may wait for a commit. Each holds its few deltas only, so this many are small;
/// past it a request is refused with [`StoreError::Overloaded`] and its exporter sends it again.
const WAITING_REQUESTS_MAX: usize = 1_024;

/// How long the start waits for a database that is not there yet: a server that starts beside us, a file that another program
/// has locked.
const START_PATIENCE: Duration = Duration::from_mins(1);

/// How long the database may take to answer a ping: whoever asks for the service's health waits for it.
const PING_MAX: Duration = Duration::from_secs(2);

/// A handle on the store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    writer: mpsc::Sender<Waiting>,
    healthy: Arc<AtomicBool>,
    commits: Arc<Commits>,
    /// Told when a commit fails after one that succeeded.
    trouble: Arc<Notify>,
    /// The start of the open window.
    window: Arc<watch::Sender<UnixNanos>>,
    /// Times in which nobody counted.
    holes: Arc<watch::Sender<Arc<[Hole]>>>,
    /// What people should know of a database that was set aside.
    set_aside: Arc<watch::Sender<Option<String>>>,
    /// The clock of this machine, and by how much the one that windows go by is ahead of it, in nanoseconds.
    clock: fn() -> UnixNanos,
    clock_offset: Arc<AtomicI64>,
}

impl Store {
    /// Opens the database, creates what is not there, brings its schema up to date, and opens a window where none is open. The
    /// [`Writer`] must be run for commits to happen, and [`Store::beat`] for everything else to stay true.
    ///
    /// A database that is not there yet is waited for, for a minute; a file that is corrupted is set aside.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`], [`StoreError::Newer`] and [`StoreError::Schema`] where it cannot be used.
    pub async fn open(settings: &Settings, clock: fn() -> UnixNanos) -> Result<(Self, Writer), StoreError> {
        let database = match settings {
            Settings::Sqlite { path } => Database::new(Sqlite::new(path)),
            Settings::Postgres(settings) => Database::new(Postgres::new(settings)),
        };
        let (sender, waiting) = mpsc::channel(WAITING_REQUESTS_MAX);
        let store = Self {
            database,
            writer: sender,
            healthy: Arc::new(AtomicBool::new(true)),
            commits: Arc::default(),
            trouble: Arc::default(),
            window: Arc::new(watch::Sender::new(UnixNanos::default())),
            holes: Arc::new(watch::Sender::new(Arc::default())),
            set_aside: Arc::new(watch::Sender::new(None)),
            clock,
            clock_offset: Arc::default(),
        };
        store.set_up().await?;
        let (database, healthy) = (store.database.clone(), Arc::clone(&store.healthy));
        let window = Arc::clone(&store.window);
        let set_aside = Arc::clone(&store.set_aside);
        let (commits, holes) = (Arc::clone(&store.commits), Arc::clone(&store.holes));
        let trouble = Arc::clone(&store.trouble);
        Ok((store, Writer { database, waiting, healthy, window, set_aside, commits, holes, trouble }))
    }

    async fn set_up(&self) -> Result<(), StoreError> {
        let begun = std::time::Instant::now();
        let mut rest = Duration::from_millis(200);
        loop {
            let Err(error) = self.try_to_set_up().await else { return Ok(()) };
            if error.is_of_corruption() {
                match self.database.engine().mend(Fault::Corrupt).await? {
                    Some(told) => self.tell_set_aside(&told),
                    None => return Err(error),
                }
            } else if error.may_pass() && begun.elapsed() < START_PATIENCE {
                tracing::warn!(error = %chain(&error), "waiting for the database");
                tokio::time::sleep(rest).await;
                rest = (rest * 2).min(Duration::from_secs(5));
            } else {
                return Err(error);
            }
        }
    }

    async fn try_to_set_up(&self) -> Result<(), StoreError> {
        let engine = self.database.engine();
        engine.migrate().await?;
        let failed = StoreError::while_doing("reading the database's clock");
        let offset = engine.clock_offset(self.clock).await.map_err(failed)?;
        self.clock_offset.store(offset, Ordering::Relaxed);
        self.look_at_holes().await?;
        self.begin_window(self.now()).await.map(drop)
    }

    /// Adds what one request brought; answers once it is durable.
    ///
    /// Cancel-safe in this sense: a request whose future is dropped may still be counted.
    ///
    /// # Errors
    ///
    /// Nothing of the batch is counted then, or it is not known whether it is; the same batch may be sent again.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let (done, answer) = oneshot::channel();
        self.writer.try_send(Waiting { batch, done }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closing,
        })?;
        answer.await.map_err(|_| StoreError::Closing)?
    }

    /// Closes the database, once nobody commits any more.
    pub async fn close(&self) {
        if let Err(error) = self.database.engine().close().await {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }

    /// The start of the window that is open, as it changes; no call to the database.
    #[must_use]
    pub fn window(&self) -> watch::Receiver<UnixNanos> {
        self.window.subscribe()
    }

    /// What was committed since the start.
    #[must_use]
    pub fn commits(&self) -> Arc<Commits> {
        Arc::clone(&self.commits)
    }

    /// Requests that wait for a commit now; there is room for some thousand.
    #[must_use]
    pub fn waiting_requests(&self) -> u64 {
        (self.writer.max_capacity() - self.writer.capacity()) as u64
    }

    /// Whether the latest write succeeded.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// What people should know: that a corrupted database was set aside since the start.
    #[must_use]
    pub fn set_aside(&self) -> watch::Receiver<Option<String>> {
        self.set_aside.subscribe()
    }

    /// Whether several replicas may be on this store.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.database.engine().is_shared()
    }

    /// Asks the database whether it answers at all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let answer = tokio::time::timeout(PING_MAX, self.database.fetch("SELECT 1")).await;
        let answer = answer.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        answer.map(drop).map_err(StoreError::while_doing("answering a ping"))
    }
}

#[cfg(test)]
mod tests;
