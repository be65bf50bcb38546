//! What can go wrong with the store, told apart by what a caller does about it.

use crate::model::Fingerprint;

/// A fault of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be opened or brought up to date. Nothing works until that is mended.
    #[error("cannot open the database {path}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The database is of a newer logmend, or its migrations were changed.
    #[error("the database {path} does not fit this version of logmend")]
    Schema {
        /// The file.
        path: String,
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
    /// So many requests wait for a commit that one more would only wait too. Try again later.
    #[error("too many requests wait to be committed")]
    Overloaded,
    /// The store is closing. Try again later, when it is back.
    #[error("the store is closing")]
    Closing,
    /// A count came for an error that the store does not know. Sent again with its detail it will be kept.
    #[error("the store does not know the error {0}")]
    UnknownCluster(Fingerprint),
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
    pub(super) fn while_doing(doing: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Unavailable { doing, source }
    }
}
