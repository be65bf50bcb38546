//! The tables, and how they came about: migrations that only go forward, the same numbers for both databases.

use sqlx::migrate::{MigrateError, Migrator};

use super::StoreError;

pub(super) static SQLITE: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

pub(super) static POSTGRES: Migrator = Migrator {
    // Ours is taken instead, which a pooler in transaction mode keeps.
    locking: false,
    ..sqlx::migrate!("src/store/migrations/postgres")
};

/// What a failed migration means.
pub(super) fn fault(database: String, migrator: &Migrator, error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
            StoreError::Open { database, source }
        }
        MigrateError::VersionMissing(version) if version > newest(migrator) => {
            StoreError::Newer { database, version, known: newest(migrator) }
        }
        source => StoreError::Schema { database, source },
    }
}

/// The newest version that this program knows.
pub(super) fn newest(migrator: &Migrator) -> i64 {
    migrator.iter().map(|migration| migration.version).max().unwrap_or(0)
}
