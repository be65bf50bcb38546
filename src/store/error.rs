//! What can go wrong with the store, told apart by what a caller does about it.

use super::engine::Fault;
use crate::model::Fingerprint;

/// A fault of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be opened or brought up to date. Nothing works until that is mended.
    #[error("cannot open the database {database}")]
    Open {
        /// The file, or the server and the name there.
        database: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The database is of a newer logmend.
    #[error(
        "the database {database} is of a newer logmend: its schema is version {version}, this program knows up to {known}; \
         run the newer logmend, or name another database"
    )]
    Newer {
        /// The file, or the server and the name there.
        database: String,
        /// The version of its schema.
        version: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The migrations of the database are other ones than this program's.
    #[error("the database {database} does not fit this version of logmend")]
    Schema {
        /// The file, or the server and the name there.
        database: String,
        /// What differs.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// The database did not answer as it should. It may later: try again.
    #[error("the database failed while {doing}")]
    Unavailable {
        /// What was attempted.
        doing: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A corrupted file could not be given another name.
    #[error("the database {path} is corrupted and cannot be set aside")]
    SetAside {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// So many requests wait for a commit that one more would only wait too. Try again later.
    #[error("too many requests wait to be committed")]
    Overloaded,
    /// The store is closing. Try again later, when it is back.
    #[error("the store is closing")]
    Closing,
    /// A count came for an error that the store does not know. Sent again with its detail it will be kept.
    #[error("the store does not know the error {0}")]
    UnknownCluster(Fingerprint),
    /// A hole was found in the moment since the request was read. Read again, it is counted with regard to that.
    #[error("it is known only now that there was a time in which nobody counted")]
    NewHole,
    /// A row holds what no logmend wrote.
    #[error("table {table} holds an unreadable {column}: {value}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The value, as far as it can be told.
        value: String,
    },
}

impl StoreError {
    /// Whether it may pass by itself, without anybody changing a setting.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Unavailable { source, .. } => {
                matches!(Fault::of(source), Fault::NotNow | Fault::ConnectionLost | Fault::Collision)
            }
            Self::Overloaded | Self::Closing => true,
            _ => false,
        }
    }

    pub(super) fn is_of_corruption(&self) -> bool {
        matches!(self, Self::Open { source, .. } | Self::Unavailable { source, .. }
            if Fault::of(source) == Fault::Corrupt)
    }

    pub(super) fn while_doing(doing: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Unavailable { doing, source }
    }
}
