//! What must outlive the process: clusters, windows, digests of counted requests, fixes, the audit trail.
//!
//! In come deltas, gathered from many requests into one transaction ([`Store::commit`]: durable when it answers),
//! and the steps of triage and remedy. Out go clusters and fixes. The window *is* a table: there is no journal to replay,
//! and a window in progress goes on after a restart because its rows are there.
//!
//! The engine is SQLite in WAL mode with `synchronous=FULL`: a commit survives a crash and a power cut
//! (SQLite documentation, "PRAGMA synchronous").
//!
//! This room does not know where deltas come from, and does not judge them.

mod audit;
mod clusters;
mod error;
mod families;
mod fixes;
mod moves;
mod outcomes;
pub mod postgres_url;
mod proposals;
mod sightings;
mod summaries;
mod windows;
mod writer;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::{mpsc, oneshot, watch};

pub use audit::AuditEntry;
pub use clusters::{ClusterFilter, Summary};
pub use error::StoreError;
pub use fixes::Spending;
pub use moves::{Move, MovedFrom};
pub use proposals::{Asked, ProposalEvidence};
pub use sightings::Sighting;
pub use windows::ClosedWindow;
pub use writer::{Batch, Committed, Writer};

use crate::model::UnixNanos;
use writer::Command;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations");

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The SQLite file. Default: `logmend.db` in the working directory.
    pub path: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self { path: PathBuf::from("logmend.db") }
    }
}

/// A URL that names no store that this version has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UnknownUrl {
    /// PostgreSQL is not there yet.
    #[error("PostgreSQL is not supported by this version; use sqlite://PATH")]
    Postgres,
    /// Something else.
    #[error("it is not a sqlite:// URL; write sqlite://PATH, for example sqlite://logmend.db")]
    Other,
}

impl FromStr for Settings {
    type Err = UnknownUrl;

    /// Reads `sqlite://PATH` or `sqlite:PATH`; a relative path counts from the working directory.
    fn from_str(url: &str) -> Result<Self, UnknownUrl> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Err(UnknownUrl::Postgres);
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        match path.map(|path| path.split_once('?').map_or(path, |(path, _)| path)) {
            None | Some("") => Err(UnknownUrl::Other),
            Some(path) => Ok(Self { path: PathBuf::from(path) }),
        }
    }
}

/// How many requests may wait for a commit. Each holds its few deltas only, so this many are small;
/// past it a request is refused with [`StoreError::Overloaded`] and its exporter sends it again.
const WAITING_REQUESTS_MAX: usize = 1_024;

/// How long one statement waits for a lock of another connection or program.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A handle on the store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
    writer: mpsc::Sender<Command>,
    healthy: Arc<AtomicBool>,
    /// The start of the open window.
    window: watch::Receiver<UnixNanos>,
}

impl Store {
    /// Opens the database, creates it where there is none, brings its schema up to date, and opens a window
    /// at `now` where none is open. The [`Writer`] must be run for commits to happen.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`] and [`StoreError::Schema`] where the file cannot be used.
    pub async fn open(settings: &Settings, now: UnixNanos) -> Result<(Self, Writer), StoreError> {
        let path = settings.path.display().to_string();
        let open = |source| StoreError::Open { path: path.clone(), source };
        let options = options(settings);
        let mut connection = options.connect().await.map_err(open)?;
        MIGRATIONS
            .run(&mut connection)
            .await
            .map_err(|source| StoreError::Schema { path: path.clone(), source })?;
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.map_err(open)?;
        let healthy = Arc::new(AtomicBool::new(true));
        let (sender, receiver) = mpsc::channel(WAITING_REQUESTS_MAX);
        let writer = Writer::start(connection, receiver, Arc::clone(&healthy), now).await?;
        let window = writer.window();
        Ok((Self { pool, writer: sender, healthy, window }, writer))
    }

    /// Adds what one request brought; answers once it is durable.
    ///
    /// Cancel-safe in this sense: a request whose future is dropped may still be counted.
    ///
    /// # Errors
    ///
    /// Nothing of the batch is counted then, and the same batch may be sent again.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let (done, answer) = oneshot::channel();
        self.writer.try_send(Command::Commit { batch, done }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closing,
        })?;
        answer.await.map_err(|_| StoreError::Closing)?
    }

    /// Closes the open window and begins the next one at `now`. What was committed before is in the closed one.
    ///
    /// # Errors
    ///
    /// The window stays open then.
    pub async fn close_window(&self, now: UnixNanos) -> Result<ClosedWindow, StoreError> {
        let (done, answer) = oneshot::channel();
        self.writer.send(Command::CloseWindow { now, done }).await.map_err(|_| StoreError::Closing)?;
        answer.await.map_err(|_| StoreError::Closing)?
    }

    /// The start of the window that is open, as it changes; no call to the database.
    #[must_use]
    pub fn window(&self) -> watch::Receiver<UnixNanos> {
        self.window.clone()
    }

    /// Whether the latest commit succeeded.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Asks the database whether it answers at all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1")
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(StoreError::while_doing("answering a ping"))
    }
}

fn options(settings: &Settings) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&settings.path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        // After a checkpoint the log file is cut back to this size, so that one burst does not hold the disk for good.
        .pragma("journal_size_limit", "16777216")
        .disable_statement_logging()
}

#[cfg(test)]
mod tests;
