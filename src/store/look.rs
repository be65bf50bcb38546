//! A look at a database that changes nothing: whether it can be used, of which version it is, and what a start would do.

use super::engine::{postgres_look, sqlite_look};
use super::{Settings, Store, StoreError, schema};
use crate::model::UnixNanos;

/// What a database looks like from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The file, or the server and the name there.
    pub database: String,
    /// The version of its schema; `None` where there is none yet, or not even a file.
    pub version: Option<i64>,
    /// The newest version that this program knows.
    pub known: i64,
    /// Whether tables may be made and changed in it.
    pub may_migrate: bool,
    /// Whether rows may be written to the tables that are there.
    pub may_write: bool,
    /// By how much its clock is ahead of this machine's, in nanoseconds; `None` where it has none of its own.
    pub clock_ahead: Option<i64>,
}

impl Store {
    /// Looks at a database without opening a store in it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`] and [`StoreError::Newer`], as a start would have them.
    pub async fn look(settings: &Settings, clock: fn() -> UnixNanos) -> Result<Looked, StoreError> {
        let looked = match settings {
            Settings::Sqlite { path } => {
                let (version, may_write) = sqlite_look(path).await?;
                let (database, known) = (path.display().to_string(), schema::newest(&schema::SQLITE));
                Looked { database, version, known, may_migrate: may_write, may_write, clock_ahead: None }
            }
            Settings::Postgres(settings) => postgres_look(settings, clock).await?,
        };
        match looked.version {
            Some(version) if version > looked.known => {
                Err(StoreError::Newer { database: looked.database, version, known: looked.known })
            }
            _ => Ok(looked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> UnixNanos {
        UnixNanos::from_secs(1_795_608_000)
    }

    fn names(folder: &std::path::Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap();
        names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[tokio::test]
    async fn a_look_tells_the_version_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::sqlite(folder.path().join("a.db"));
        let look = async || Store::look(&settings, clock).await.unwrap();
        assert_eq!((look().await.version, look().await.may_migrate), (None, true));
        assert!(names(folder.path()).is_empty(), "no file was made");
        let (store, _) = Store::open(&settings, clock).await.unwrap();
        let looked = look().await;
        assert_eq!(looked.version, Some(looked.known), "beside a store that is open");
        store.close().await;
        assert_eq!(look().await, looked);
        assert_eq!(names(folder.path()), ["a.db"]);
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.db");
        std::fs::write(&path, "notes, and no database\n".repeat(100)).unwrap();
        for path in [path, folder.path().join("none/a.db"), folder.path().to_owned()] {
            let looked = Store::look(&Settings::sqlite(&path), clock).await;
            assert!(matches!(looked, Err(StoreError::Open { .. })), "{path:?}: {looked:?}");
        }
    }
}
