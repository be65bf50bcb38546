//! One connection of a pool, of either database.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Either, Executor as _, Postgres, Sqlite};

use super::statement::{Column, Value};
use super::{Row, Statement, sql};

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
    Sqlite {
        connection: PoolConnection<Sqlite>,
        /// What begins the transaction: it is sent with the transaction's first statement. The driver's thread is handed each call and
        /// hands its answer back, which costs as much as a small statement.
        begin: Option<&'static str>,
    },
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
        Self { to: To::Sqlite { connection, begin: None }, awaits_answer: false }
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

    /// Runs statements in order; tells how many rows each changed.
    pub(in crate::store) async fn execute_all(
        &mut self,
        statements: Vec<Statement>,
    ) -> Result<Vec<u64>, sqlx::Error> {
        self.awaits_answer = true;
        let changed = Box::pin(self.to.execute_all(statements)).await;
        self.awaits_answer = false;
        changed
    }

    /// Begins a transaction, by statements without values.
    pub(in crate::store) async fn begin(&mut self, statements: &'static str) -> Result<(), sqlx::Error> {
        self.awaits_answer = true;
        let begun = Box::pin(self.to.begin(statements)).await;
        self.awaits_answer = false;
        begun
    }

    /// Ends a transaction, by `COMMIT` or `ROLLBACK`.
    pub(in crate::store) async fn end(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.awaits_answer = true;
        let ended = Box::pin(self.to.end(statement)).await;
        self.awaits_answer = false;
        ended
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
        self.begin("BEGIN").await?;
        let rows = self.fetch(statement).await?;
        self.end("COMMIT").await?;
        Ok(rows)
    }

    /// Has it closed when it is dropped: a transaction that it is in is rolled back, and no failed write is gone on with.
    pub(in crate::store) fn give_up(&mut self) {
        match &mut self.to {
            To::Sqlite { connection, .. } => connection.close_on_drop(),
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
            Self::Sqlite { connection, begin } => {
                Ok(run(connection, begin.take(), vec![statement]).await?.rows)
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
            Self::Sqlite { connection, begin } => {
                let done = run(connection, begin.take(), vec![statement]).await?;
                Ok(done.changed.last().copied().unwrap_or(0))
            }
            Self::Postgres { connection, nothing_stays } => {
                let query = postgres_query(statement, *nothing_stays);
                in_time(query.execute(&mut **connection)).await.map(|done| done.rows_affected())
            }
        }
    }

    async fn execute_all(&mut self, statements: Vec<Statement>) -> Result<Vec<u64>, sqlx::Error> {
        if let Self::Sqlite { connection, begin } = self {
            return Ok(run(connection, begin.take(), statements).await?.changed);
        }
        let mut changed = Vec::with_capacity(statements.len());
        for statement in statements {
            changed.push(self.execute(statement).await?);
        }
        Ok(changed)
    }

    async fn begin(&mut self, statements: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite { begin, .. } => {
                *begin = Some(statements);
                Ok(())
            }
            Self::Postgres { connection, .. } => {
                in_time(sqlx::raw_sql(statements).execute(&mut **connection)).await.map(drop)
            }
        }
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite { connection, begin } => match begin.take() {
                // It had no statement.
                Some(_) => Ok(()),
                None => run(connection, None, vec![sql(statement)]).await.map(drop),
            },
            Self::Postgres { connection, .. } => {
                in_time(sqlx::raw_sql(statement).execute(&mut **connection)).await.map(drop)
            }
        }
    }
}

/// What SQLite did.
#[derive(Default)]
struct Done {
    /// How many rows each statement changed.
    changed: Vec<u64>,
    rows: Vec<Row>,
}

/// Runs statements in SQLite, all in one call.
async fn run(
    connection: &mut PoolConnection<Sqlite>,
    begin: Option<&'static str>,
    statements: Vec<Statement>,
) -> Result<Done, sqlx::Error> {
    let (mut text, mut values) = (String::with_capacity(2_048), Vec::new());
    let beginning = begin.map(sql);
    let unheard = usize::from(beginning.is_some());
    for statement in beginning.into_iter().chain(statements) {
        statement.for_sqlite(&mut text, &mut values);
        text.push(';');
    }
    let mut answers = (&mut **connection).fetch_many(query!(text, values));
    let mut done = Done::default();
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(ended) => done.changed.push(ended.rows_affected()),
            Either::Right(row) => done.rows.push(Row::Sqlite(row)),
        }
    }
    // SQLite tells of a statement that changes nothing what the one before it changed.
    done.changed.drain(..unheard.min(done.changed.len()));
    Ok(done)
}

async fn in_time<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(ANSWER_MAX, answer).await.unwrap_or_else(late)
}
