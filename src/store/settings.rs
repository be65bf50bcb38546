//! Which database it is.

use std::path::PathBuf;
use std::str::FromStr;

use super::postgres_url::{PostgresSettings, PostgresUrlError};

/// Where the store is.
#[derive(Debug, Clone)]
pub enum Settings {
    /// A SQLite file. Default: `logmend.db` in the working directory.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A PostgreSQL database.
    Postgres(Box<PostgresSettings>),
}

impl Settings {
    /// A SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::Sqlite { path: path.into() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::sqlite("logmend.db")
    }
}

/// A URL that names no store.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UnknownUrl {
    /// A PostgreSQL URL that cannot be read.
    #[error(transparent)]
    Postgres(#[from] PostgresUrlError),
    /// Something else.
    #[error(
        "it is no sqlite:// or postgres:// URL; write sqlite://PATH, for example sqlite://logmend.db, or postgres://USER:PASSWORD@HOST:5432/DATABASE"
    )]
    Other,
}

impl FromStr for Settings {
    type Err = UnknownUrl;

    /// Reads `sqlite://PATH` or `sqlite:PATH`, where a relative path counts from the working directory, and `postgres://…`.
    fn from_str(url: &str) -> Result<Self, UnknownUrl> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(Box::new(url.parse()?)));
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        match path.map(|path| path.split_once('?').map_or(path, |(path, _)| path)) {
            None | Some("") => Err(UnknownUrl::Other),
            Some(path) => Ok(Self::sqlite(path)),
        }
    }
}
