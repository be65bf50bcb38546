//! One connection of a pool, of either database.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Postgres, Sqlite};

use super::statement::{Column, Value};
use super::{Row, Statement};

/// How long PostgreSQL may take to answer. A network that swallows packets would keep a caller waiting for ever.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A connection. Dropped, it goes back to its pool; after [`Connection::give_up`], and where an answer is still awaited, it is
/// closed instead: the pool would wait for that answer.
#[derive(Debug)]
pub(in crate::store) struct Connection {
    to: To,
    awaits_answer: bool,
}

#[derive(Debug)]
enum To {
    Sqlite(PoolConnection<Sqlite>),
    Postgres {
        connection: PoolConnection<Postgres>,
        /// Whether statements leave nothing behind at the server: a pooler in transaction mode gives every transaction another one.
        nothing_stays: bool,
    },
}

/// The query of a statement with its values, and rows where there are some.
macro_rules! query {
    ($text:expr, $values:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($text));
        for value in $values {
            query = match value {
                Value::Integer(value) => query.bind(value),
                Value::Real(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
            };
        }
        query
    }};
}

fn postgres_query(
    statement: Statement,
    nothing_stays: bool,
) -> sqlx::query::Query<'static, Postgres, sqlx::postgres::PgArguments> {
    let (text, values, columns) = statement.for_postgres();
    let mut query = query!(text, values);
    for column in columns {
        query = match column {
            Column::Integers(values) => query.bind(values),
            Column::Texts(values) => query.bind(values),
        };
    }
    query.persistent(!nothing_stays)
}

impl Connection {
    pub(super) fn sqlite(connection: PoolConnection<Sqlite>) -> Self {
        Self { to: To::Sqlite(connection), awaits_answer: false }
    }

    pub(super) fn postgres(connection: PoolConnection<Postgres>, nothing_stays: bool) -> Self {
        Self { to: To::Postgres { connection, nothing_stays }, awaits_answer: false }
    }

    // The driver's futures are some kilobytes each; boxed, those of all who wait for a statement are small.

    /// All rows of a statement.
    pub(in crate::store) async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, sqlx::Error> {
        self.awaits_answer = true;
        let rows = Box::pin(self.to.fetch(statement)).await;
        self.awaits_answer = false;
        rows
    }

    /// Runs a statement; tells how many rows it changed.
    pub(in crate::store) async fn execute(&mut self, statement: Statement) -> Result<u64, sqlx::Error> {
        self.awaits_answer = true;
        let changed = Box::pin(self.to.execute(statement)).await;
        self.awaits_answer = false;
        changed
    }

    /// Runs statements without values.
    pub(in crate::store) async fn run(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        self.awaits_answer = true;
        let run = Box::pin(self.to.run(text)).await;
        self.awaits_answer = false;
        run
    }

    /// All rows of a statement outside a transaction.
    ///
    /// A statement is parsed and run in two steps; a pooler in transaction mode could give them to two servers, but never within
    /// a transaction.
    pub(in crate::store) async fn read(&mut self, statement: Statement) -> Result<Vec<Row>, sqlx::Error> {
        let rows = if matches!(self.to, To::Postgres { nothing_stays: true, .. }) {
            self.read_in_transaction(statement).await
        } else {
            self.fetch(statement).await
        };
        if rows.is_err() {
            self.give_up();
        }
        rows
    }

    async fn read_in_transaction(&mut self, statement: Statement) -> Result<Vec<Row>, sqlx::Error> {
        self.run("BEGIN").await?;
        let rows = self.fetch(statement).await?;
        self.run("COMMIT").await?;
        Ok(rows)
    }

    /// Has it closed when it is dropped: a transaction that it is in is rolled back, and no failed write is gone on with.
    pub(in crate::store) fn give_up(&mut self) {
        match &mut self.to {
            To::Sqlite(connection) => connection.close_on_drop(),
            To::Postgres { connection, .. } => connection.close_on_drop(),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.awaits_answer {
            self.give_up();
        }
    }
}

impl To {
    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                let (text, values) = statement.for_sqlite();
                let rows = query!(text, values).fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres { connection, nothing_stays } => {
                let query = postgres_query(statement, *nothing_stays);
                let rows = in_time(query.fetch_all(&mut **connection)).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                let (text, values) = statement.for_sqlite();
                query!(text, values).execute(&mut **connection).await.map(|done| done.rows_affected())
            }
            Self::Postgres { connection, nothing_stays } => {
                let query = postgres_query(statement, *nothing_stays);
                in_time(query.execute(&mut **connection)).await.map(|done| done.rows_affected())
            }
        }
    }

    async fn run(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => sqlx::raw_sql(text).execute(&mut **connection).await.map(drop),
            Self::Postgres { connection, .. } => {
                in_time(sqlx::raw_sql(text).execute(&mut **connection)).await.map(drop)
            }
        }
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(ANSWER_MAX, answer).await.unwrap_or_else(late)
}
