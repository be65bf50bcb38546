//! PostgreSQL, straight or through a pooler in transaction mode.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};

use super::{Answer, Connection, Engine, Fault, Purpose};
use crate::model::UnixNanos;
use crate::store::postgres_url::{PostgresSettings, SslMode};
use crate::store::{StoreError, schema};

/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections of one replica: one commits, two more write for triage and people, the others read.
const WRITERS_MAX: u32 = 3;
const READERS_MAX: u32 = 5;

/// A connection is replaced after so long, so that a server that was added or moved is found.
const LIFETIME: Duration = Duration::from_mins(30);

// Advisory locks of a transaction, the only kind that a pooler in transaction mode keeps. Their numbers are "logmend" in
// ASCII with one more digit, so that another program's are other ones.
//
// Counting shares the lock that ending a window takes alone. PostgreSQL's lock queue is fair: whoever ends a window waits for
// the commits under way, and those after it wait for it, which a row's share locks would not give.
//
// Each statement sees what was committed before it began, whatever the database's default is: the lock would else come too late.
//
// A replica that the network cut off leaves its transaction open, with its locks: the server ends it soon, or no other replica
// could end the window or count what it counted. Set for the transaction only, as poolers refuse such settings of a connection.
const WRITE: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'";
const COUNT: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'; \
    SELECT pg_advisory_xact_lock_shared(7813577643263943216)";
const ALONE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'; \
    SELECT pg_advisory_xact_lock(7813577643263943216)";
const FAMILIES: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'; \
    SELECT pg_advisory_xact_lock(7813577643263943218)";
const SPENDING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'; \
    SELECT pg_advisory_xact_lock(7813577643263943219)";
const MIGRATE: &str = "SELECT pg_advisory_xact_lock(7813577643263943217)";

/// A PostgreSQL database.
#[derive(Debug)]
pub(in crate::store) struct Postgres {
    readers: PgPool,
    writers: PgPool,
    name: String,
    nothing_stays: bool,
}

impl Postgres {
    /// The database that `settings` name; nothing is opened yet.
    pub(in crate::store) fn new(settings: &PostgresSettings) -> Self {
        let options = options(settings);
        let pool = |max| {
            let pool = PgPoolOptions::new()
                .max_connections(max)
                .acquire_timeout(settings.connect_timeout.unwrap_or(ACQUIRE_TIMEOUT));
            pool.max_lifetime(LIFETIME).connect_lazy_with(options.clone())
        };
        Self {
            readers: pool(READERS_MAX),
            writers: pool(WRITERS_MAX),
            name: name(settings),
            nothing_stays: settings.transaction_pooler,
        }
    }

    async fn of(&self, pool: &PgPool) -> Result<Connection, sqlx::Error> {
        Ok(Connection::postgres(pool.acquire().await?, self.nothing_stays))
    }

    /// One transaction over all migrations, and one replica at a time: whoever comes second finds them done.
    async fn migrate_all(&self) -> Result<(), sqlx::migrate::MigrateError> {
        let mut transaction = self.writers.begin().await?;
        let connection = &mut *transaction;
        sqlx::raw_sql(MIGRATE).execute(&mut *connection).await?;
        // The migrator prepares statements under names that it thinks are its own, at a server that others used before.
        if self.nothing_stays {
            sqlx::raw_sql("DEALLOCATE ALL").execute(&mut *connection).await?;
        }
        schema::POSTGRES.run_direct(None, &mut *connection, false).await?;
        if self.nothing_stays {
            sqlx::raw_sql("DEALLOCATE ALL").execute(&mut *connection).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

impl Engine for Postgres {
    fn reader(&self) -> Answer<'_, Connection> {
        Box::pin(self.of(&self.readers))
    }

    fn writer(&self) -> Answer<'_, Connection> {
        Box::pin(self.of(&self.writers))
    }

    fn begin(&self, purpose: Purpose) -> &'static str {
        match purpose {
            Purpose::Write => WRITE,
            Purpose::Count => COUNT,
            Purpose::Alone => ALONE,
            Purpose::Families => FAMILIES,
            Purpose::Spending => SPENDING,
        }
    }

    fn migrate(&self) -> Answer<'_, (), StoreError> {
        Box::pin(async {
            let migrated = self.migrate_all().await;
            migrated.map_err(|error| schema::fault(self.name.clone(), &schema::POSTGRES, error))
        })
    }

    fn clock_offset(&self, local: fn() -> UnixNanos) -> Answer<'_, i64> {
        Box::pin(async move {
            let mut connection = self.reader().await?;
            let asked = local().to_i64();
            let now = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS now";
            let rows = connection.read(now.into()).await?;
            let answered = local().to_i64();
            let micros = rows.first().ok_or(sqlx::Error::RowNotFound)?.integer("now")?;
            Ok(micros.saturating_mul(1_000) - i64::midpoint(asked, answered))
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn mend(&self, _: Fault) -> Answer<'_, Option<String>, StoreError> {
        Box::pin(async { Ok(None) })
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async {
            self.readers.close().await;
            self.writers.close().await;
            Ok(())
        })
    }
}

pub(super) fn options(settings: &PostgresSettings) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&settings.host)
        .port(settings.port)
        .ssl_mode(ssl_mode(settings.ssl_mode))
        .application_name(settings.application_name.as_deref().unwrap_or("logmend"))
        // PostgreSQL 12 and later print floats exactly without it, and poolers refuse it.
        .extra_float_digits(None)
        .disable_statement_logging();
    if let Some(user) = &settings.user {
        options = options.username(user);
    }
    if let Some(database) = &settings.database {
        options = options.database(database);
    }
    if let Some(password) = &settings.password {
        options = options.password(password.expose_secret());
    }
    if let Some(path) = &settings.ssl_root_cert {
        options = options.ssl_root_cert(path);
    }
    if let Some(folder) = &settings.socket_folder {
        options = options.socket(folder);
    }
    if settings.transaction_pooler {
        options = options.statement_cache_capacity(0);
    }
    options
}

/// The server and the database there, without user and password.
pub(super) fn name(settings: &PostgresSettings) -> String {
    let database = settings.database.as_deref().or(settings.user.as_deref()).unwrap_or_default();
    match &settings.socket_folder {
        Some(folder) => format!("{database} at {}", folder.display()),
        None => format!("{database} at {}:{}", settings.host, settings.port),
    }
}

fn ssl_mode(mode: SslMode) -> PgSslMode {
    match mode {
        SslMode::Disable => PgSslMode::Disable,
        SslMode::Allow => PgSslMode::Allow,
        SslMode::Prefer => PgSslMode::Prefer,
        SslMode::Require => PgSslMode::Require,
        SslMode::VerifyCa => PgSslMode::VerifyCa,
        SslMode::VerifyFull => PgSslMode::VerifyFull,
    }
}
