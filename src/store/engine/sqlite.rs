//! SQLite in WAL mode with `synchronous=FULL`: a commit survives a crash and a power cut
//! (SQLite documentation, "PRAGMA synchronous").

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::Mutex;

use super::{Answer, Connection, Engine, Fault, Purpose};
use crate::model::UnixNanos;
use crate::store::{StoreError, schema};

/// How long one statement waits for a lock of another program.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a caller waits for a connection of ours.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(8);

/// How many may read at the same time.
const READERS_MAX: u32 = 4;

/// A database in one file.
#[derive(Debug)]
pub(in crate::store) struct Sqlite {
    path: PathBuf,
    pools: ArcSwap<Pools>,
    /// One at a time sets a file aside. Held across awaits, hence tokio's.
    mending: Mutex<()>,
}

/// SQLite has one writer at a time. Ours take turns in the pool's queue, which is fair; its own waiting is not.
#[derive(Debug)]
struct Pools {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Sqlite {
    /// The database at `path`; nothing is opened yet.
    pub(in crate::store) fn new(path: &Path) -> Self {
        let pools = ArcSwap::from_pointee(Pools::of(path));
        Self { path: path.to_owned(), pools, mending: Mutex::default() }
    }

    /// Gives the file another name, and begins a fresh one.
    async fn set_aside(&self) -> Result<Option<String>, StoreError> {
        let _one_at_a_time = self.mending.lock().await;
        if self.is_sound().await {
            return Ok(None);
        }
        let old = self.pools.load_full();
        old.close().await;
        let path = self.path.display();
        let moved = move_away(&self.path)
            .map_err(|source| StoreError::SetAside { path: path.to_string(), source })?;
        self.pools.store(Arc::new(Pools::of(&self.path)));
        self.migrate().await?;
        let moved = moved.display();
        Ok(Some(format!(
            "the database {path} was corrupted; it was set aside as {moved} and a fresh one begun"
        )))
    }

    /// Whether the file can be read: the task before us may have set the corrupted one aside.
    async fn is_sound(&self) -> bool {
        let Ok(mut connection) = self.reader().await else { return false };
        match connection.fetch("PRAGMA quick_check(1)".into()).await {
            Ok(rows) => rows.first().and_then(|row| row.text(0).ok()).is_some_and(|said| said == "ok"),
            Err(error) => Fault::of(&error) != Fault::Corrupt,
        }
    }
}

impl Pools {
    fn of(path: &Path) -> Self {
        let options = options(path);
        // Whoever reads cannot write by mistake.
        let reading = options.clone().pragma("query_only", "1");
        let pool = |max, options| {
            let pool = SqlitePoolOptions::new().max_connections(max).acquire_timeout(ACQUIRE_TIMEOUT);
            pool.test_before_acquire(false).idle_timeout(None).max_lifetime(None).connect_lazy_with(options)
        };
        Self { readers: pool(READERS_MAX, reading), writer: pool(1, options) }
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl Engine for Sqlite {
    fn reader(&self) -> Answer<'_, Connection> {
        Box::pin(async { self.pools.load().readers.acquire().await.map(Connection::Sqlite) })
    }

    fn writer(&self) -> Answer<'_, Connection> {
        Box::pin(async { self.pools.load().writer.acquire().await.map(Connection::Sqlite) })
    }

    fn begin(&self, _: Purpose) -> &'static str {
        // The lock is taken at once: a transaction that reads first and then finds it taken cannot go on.
        "BEGIN IMMEDIATE"
    }

    fn migrate(&self) -> Answer<'_, (), StoreError> {
        Box::pin(async {
            let path = || self.path.display().to_string();
            let pools = self.pools.load_full();
            let connection = pools.writer.acquire().await;
            let mut connection =
                connection.map_err(|source| StoreError::Open { database: path(), source })?;
            let migrated = schema::SQLITE.run_direct(None, &mut *connection, false).await;
            migrated.map_err(|error| schema::fault(path(), &schema::SQLITE, error))
        })
    }

    fn clock_offset(&self, _: fn() -> UnixNanos) -> Answer<'_, i64> {
        Box::pin(async { Ok(0) })
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn mend(&self, fault: Fault) -> Answer<'_, Option<String>, StoreError> {
        Box::pin(async move {
            match fault {
                Fault::Corrupt => self.set_aside().await,
                _ => Ok(None),
            }
        })
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async {
            self.pools.load().close().await;
            Ok(())
        })
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        // After a checkpoint the log file is cut back to this size, so that one burst does not hold the disk for good.
        .pragma("journal_size_limit", "16777216")
        .disable_statement_logging()
}

/// Renames the file and what stands beside it, under the first name that is free.
fn move_away(path: &Path) -> std::io::Result<PathBuf> {
    let named = |n: u32| with_suffix(path, &format!(".corrupt-{n}"));
    let free = (1..).map(named).find(|moved| !moved.exists()).unwrap_or_else(|| named(0));
    std::fs::rename(path, &free)?;
    for beside in ["-wal", "-shm"] {
        match std::fs::rename(with_suffix(path, beside), with_suffix(&free, beside)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(free)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
