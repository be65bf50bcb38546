//! A look at a PostgreSQL that changes nothing, by one connection of its own: that of a pool would tell no more than that time
//! was up.
//!
//! Statements go as plain texts, which poolers in transaction mode pass on and keep nothing of.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::postgres::{name, options};
use crate::model::UnixNanos;
use crate::store::{Looked, PostgresSettings, StoreError, schema};

/// How long the server may take in all, where the URL does not say otherwise for the connection.
const ANSWER_MAX: Duration = Duration::from_secs(8);

const THERE: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS there, \
    has_schema_privilege(current_schema(), 'CREATE') IS TRUE AS may_migrate, \
    CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS now";
const VERSION: &str = "SELECT (SELECT max(version) FROM _sqlx_migrations) AS version, \
    has_table_privilege('cluster', 'INSERT, UPDATE') AS may_write";

/// What a database looks like.
///
/// # Errors
///
/// [`StoreError::Open`].
pub(in crate::store) async fn postgres_look(
    settings: &PostgresSettings,
    clock: fn() -> UnixNanos,
) -> Result<Looked, StoreError> {
    let looking = look(settings, clock);
    let looked = tokio::time::timeout(ANSWER_MAX, looking).await;
    let timed_out = || sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    let looked = looked.unwrap_or_else(|_| Err(timed_out()));
    looked.map_err(|source| StoreError::Open { database: name(settings), source })
}

async fn look(settings: &PostgresSettings, clock: fn() -> UnixNanos) -> Result<Looked, sqlx::Error> {
    let mut connection = options(settings).connect().await?;
    let looked = ask(&mut connection, name(settings), clock).await;
    // What is read is read, however the connection ends.
    let _ = connection.close().await;
    looked
}

async fn ask(
    connection: &mut PgConnection,
    database: String,
    clock: fn() -> UnixNanos,
) -> Result<Looked, sqlx::Error> {
    let asked = clock().to_i64();
    let row: PgRow = sqlx::raw_sql(THERE).fetch_one(&mut *connection).await?;
    let micros: i64 = row.try_get("now")?;
    let clock_ahead = Some(micros.saturating_mul(1_000) - i64::midpoint(asked, clock().to_i64()));
    let (there, may_migrate) = (row.try_get("there")?, row.try_get("may_migrate")?);
    let (mut version, mut may_write) = (None, may_migrate);
    if there {
        let row: PgRow = sqlx::raw_sql(VERSION).fetch_one(connection).await?;
        (version, may_write) = (row.try_get("version")?, row.try_get("may_write")?);
    }
    let known = schema::newest(&schema::POSTGRES);
    Ok(Looked { database, version, known, may_migrate, may_write, clock_ahead })
}
