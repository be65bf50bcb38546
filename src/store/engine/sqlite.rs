//! SQLite in WAL mode with `synchronous=FULL`: a commit survives a crash and a power cut
//! (SQLite documentation, "PRAGMA synchronous").

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// How many bytes of a corrupted file are looked through for the names of our tables.
const LOOKED_THROUGH: u64 = 1024 * 1024;

/// A database in one file.
#[derive(Debug)]
pub(in crate::store) struct Sqlite {
    path: PathBuf,
    pools: ArcSwap<Pools>,
    /// Whether the file was seen to hold our tables.
    ours: AtomicBool,
    /// One at a time sets a file aside; whether the fresh one still lacks its tables. Held across awaits, hence tokio's.
    mending: Mutex<bool>,
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
        Self { path: path.to_owned(), pools, ours: AtomicBool::default(), mending: Mutex::default() }
    }

    /// Gives the file another name, and begins a fresh one. A file that logmend did not write is left alone: somebody named the
    /// wrong one.
    async fn set_aside(&self, lacks_tables: &mut bool) -> Result<Option<String>, StoreError> {
        let path = self.path.display().to_string();
        let failed = |source| StoreError::SetAside { path: path.clone(), source };
        if self.is_sound().await {
            return Ok(None);
        }
        if !self.ours.load(Ordering::Relaxed) && !is_ours(&self.path).map_err(failed)? {
            return Ok(None);
        }
        self.pools.load_full().close().await;
        let moved = move_away(&self.path).map_err(failed);
        self.pools.store(Arc::new(Pools::of(&self.path)));
        let moved = moved?.display().to_string();
        *lacks_tables = true;
        Ok(Some(format!(
            "the database {path} was corrupted; it was set aside as {moved} and a fresh one begun"
        )))
    }

    /// Whether the file can be read: the task before us may have set the corrupted one aside. A connection of its own looks, as
    /// those of the pools may remember pages from before they were corrupted.
    async fn is_sound(&self) -> bool {
        let looked = async {
            let mut connection = options(&self.path).create_if_missing(false).connect().await?;
            let told = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut connection).await;
            let _ = sqlx::Connection::close(connection).await;
            told.map(|told: String| told == "ok")
        };
        looked.await.unwrap_or_else(|error: sqlx::Error| Fault::of(&error) != Fault::Corrupt)
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
        Box::pin(async { self.pools.load().readers.acquire().await.map(Connection::sqlite) })
    }

    fn writer(&self) -> Answer<'_, Connection> {
        Box::pin(async { self.pools.load().writer.acquire().await.map(Connection::sqlite) })
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
            migrated.map_err(|error| schema::fault(path(), &schema::SQLITE, error))?;
            self.ours.store(true, Ordering::Relaxed);
            Ok(())
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
            let mut lacks_tables = self.mending.lock().await;
            let told = match fault {
                Fault::Corrupt => self.set_aside(&mut lacks_tables).await?,
                _ => None,
            };
            if *lacks_tables {
                match self.migrate().await {
                    Ok(()) => *lacks_tables = false,
                    // That the old one is gone is told in any case, and the tables are made as soon as they can be.
                    Err(error) if told.is_some() => {
                        tracing::error!(%error, "the fresh database has no tables yet");
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(told)
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

/// Whether a file holds the names of our tables, wherever its corruption left them. They stand in the first pages, as all were
/// created before the first row was written.
fn is_ours(path: &Path) -> std::io::Result<bool> {
    use std::io::Read as _;
    const NAME: &[u8] = b"request_digest";
    let mut first = Vec::new();
    std::fs::File::open(path)?.take(LOOKED_THROUGH).read_to_end(&mut first)?;
    Ok(first.windows(NAME.len()).any(|window| window == NAME))
}

/// Renames the file and what stands beside it, under the first name that is free.
fn move_away(path: &Path) -> std::io::Result<PathBuf> {
    let named = |n: u32| with_suffix(path, &format!(".corrupt-{n}"));
    let free = (1..=u32::MAX).map(named).find(|moved| !moved.exists()).unwrap_or_else(|| named(0));
    std::fs::rename(path, &free)?;
    for beside in ["-wal", "-shm"] {
        match std::fs::rename(with_suffix(path, beside), with_suffix(&free, beside)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(free)
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
