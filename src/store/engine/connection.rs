//! One connection of a pool, of either database.

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Postgres, Sqlite};

use super::statement::{Column, Value};
use super::{Row, Statement};

/// A connection. Dropped, it goes back to its pool; after [`Connection::give_up`] it is closed instead.
#[derive(Debug)]
pub(in crate::store) enum Connection {
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
    /// All rows of a statement.
    pub(in crate::store) async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                let (text, values) = statement.for_sqlite();
                let rows = query!(text, values).fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres { connection, nothing_stays } => {
                let rows = postgres_query(statement, *nothing_stays).fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Runs a statement; tells how many rows it changed.
    pub(in crate::store) async fn execute(&mut self, statement: Statement) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                let (text, values) = statement.for_sqlite();
                query!(text, values).execute(&mut **connection).await.map(|done| done.rows_affected())
            }
            Self::Postgres { connection, nothing_stays } => {
                let query = postgres_query(statement, *nothing_stays);
                query.execute(&mut **connection).await.map(|done| done.rows_affected())
            }
        }
    }

    /// Runs statements without values.
    pub(in crate::store) async fn run(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => sqlx::raw_sql(text).execute(&mut **connection).await.map(drop),
            Self::Postgres { connection, .. } => {
                sqlx::raw_sql(text).execute(&mut **connection).await.map(drop)
            }
        }
    }

    /// All rows of a statement outside a transaction.
    ///
    /// A statement is parsed and run in two steps; a pooler in transaction mode could give them to two servers, but never within
    /// a transaction.
    pub(in crate::store) async fn read(&mut self, statement: Statement) -> Result<Vec<Row>, sqlx::Error> {
        if !matches!(self, Self::Postgres { nothing_stays: true, .. }) {
            return self.fetch(statement).await;
        }
        self.run("BEGIN").await?;
        let rows = self.fetch(statement).await;
        match rows {
            Ok(rows) => self.run("COMMIT").await.map(|()| rows),
            Err(error) => {
                self.give_up();
                Err(error)
            }
        }
    }

    /// Has it closed when it is dropped: a transaction that it is in is rolled back, and no failed write is gone on with.
    pub(in crate::store) fn give_up(&mut self) {
        match self {
            Self::Sqlite(connection) => connection.close_on_drop(),
            Self::Postgres { connection, .. } => connection.close_on_drop(),
        }
    }
}
