//! A look at a SQLite file that changes nothing.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::sqlite::with_suffix;
use crate::store::StoreError;

/// How long a look waits for a lock of another program.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// The version of a file's schema, and whether the file may be written to; no version where it has no tables, or is not there
/// yet and could be.
///
/// # Errors
///
/// [`StoreError::Open`].
pub(in crate::store) async fn sqlite_look(path: &Path) -> Result<(Option<i64>, bool), StoreError> {
    let failed = |source| StoreError::Open { database: path.display().to_string(), source };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder =
                fs::metadata(folder.unwrap_or(Path::new("."))).map_err(sqlx::Error::Io).map_err(failed)?;
            return Ok((None, !folder.permissions().readonly()));
        }
        Err(error) => return Err(failed(sqlx::Error::Io(error))),
        Ok(_) => {}
    }
    let version = version(path).await.map_err(failed)?;
    // To open a file for writing alone changes nothing of it.
    Ok((version, OpenOptions::new().append(true).open(path).is_ok()))
}

async fn version(path: &Path) -> Result<Option<i64>, sqlx::Error> {
    // Without a log of writes beside it the file is whole. Else SQLite has to look at both, and a file beside them is made.
    let is_whole = !fs::metadata(with_suffix(path, "-wal")).is_ok_and(|log| log.len() > 0);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(is_whole)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    let mut connection = options.connect().await?;
    let version = version_of(&mut connection).await;
    // What is read is read, however the connection ends.
    let _ = connection.close().await;
    version
}

async fn version_of(connection: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    let there = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
    if sqlx::query_scalar::<_, i64>(there).fetch_one(&mut *connection).await? == 0 {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(connection).await
}
