//! The two databases, and all in which they differ. SQL is written once, as PostgreSQL reads it, and runs on both.
//!
//! An [`Engine`] gives connections and knows how a transaction begins, what time it is, and how its schema comes about;
//! [`Database`] is what the rest of the store talks to. There is no trait of sixty methods written twice: the same statements
//! on both engines are the guarantee that both count the same.

mod connection;
mod fault;
mod postgres;
mod postgres_look;
mod row;
mod sqlite;
mod sqlite_look;
mod statement;
mod transaction;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub(super) use connection::Connection;
pub(super) use fault::Fault;
pub(super) use postgres::Postgres;
pub(super) use postgres_look::postgres_look;
pub(super) use row::Row;
pub(super) use sqlite::Sqlite;
pub(super) use sqlite_look::sqlite_look;
pub(super) use statement::{Rows, Statement, Value, sql};
pub(super) use transaction::Transaction;

use super::StoreError;
use crate::model::{Fence, UnixNanos};

/// What an engine answers, later.
pub(super) type Answer<'e, T, E = sqlx::Error> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'e>>;

/// How often a statement is tried of which the database says that it and another stood in each other's way.
const COLLISIONS_MAX: u32 = 4;

/// What a transaction is for: which others it may not run beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Any write.
    Write,
    /// Counting into the open window: beside other commits, never beside the end of the window.
    Count,
    /// Ending the window, or moving counts from one error to another: after all counting that has begun, before any other.
    Alone,
    /// Writing families: one after the other, as each is made of those before.
    Families,
    /// Granting money or the place of a pull request: one after the other, as each grant looks at those before.
    Spending,
}

/// A database that the store can be kept in.
pub(super) trait Engine: std::fmt::Debug + Send + Sync {
    /// A connection to read by.
    fn reader(&self) -> Answer<'_, Connection>;

    /// A connection to write by.
    fn writer(&self) -> Answer<'_, Connection>;

    /// The statements that begin a transaction.
    fn begin(&self, purpose: Purpose) -> &'static str;

    /// Brings the schema up to date, creating it where there is none.
    fn migrate(&self) -> Answer<'_, (), StoreError>;

    /// How the clock that windows go by differs from that of this machine, in nanoseconds.
    fn clock_offset(&self, local: fn() -> UnixNanos) -> Answer<'_, i64>;

    /// Whether several programs may share it, so that one of them leads at a time.
    fn is_shared(&self) -> bool;

    /// Does what it takes to go on after a fault: a sentence where people should know of it.
    fn mend(&self, fault: Fault) -> Answer<'_, Option<String>, StoreError>;

    /// Closes all connections.
    fn close(&self) -> Answer<'_, ()>;
}

/// The database; clones share it. One that is `fenced` writes only while its holder leads.
#[derive(Debug, Clone)]
pub(super) struct Database {
    engine: Arc<dyn Engine>,
    fence: Option<Fence>,
}

impl Database {
    pub(super) fn new(engine: impl Engine + 'static) -> Self {
        Self { engine: Arc::new(engine), fence: None }
    }

    pub(super) fn fenced(&self, fence: Fence) -> Self {
        Self { engine: Arc::clone(&self.engine), fence: Some(fence) }
    }

    pub(super) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// All rows of a reading statement.
    pub(super) async fn fetch(&self, statement: impl Into<Statement>) -> Result<Vec<Row>, sqlx::Error> {
        self.engine.reader().await?.read(statement.into()).await
    }

    /// The first row of a reading statement, if there is one.
    pub(super) async fn optional(&self, statement: impl Into<Statement>) -> Result<Option<Row>, sqlx::Error> {
        Ok(self.fetch(statement).await?.into_iter().next())
    }

    /// The first row of a reading statement that always has one.
    pub(super) async fn one(&self, statement: impl Into<Statement>) -> Result<Row, sqlx::Error> {
        self.optional(statement).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// One writing statement in a transaction of its own, tried again where it and another stood in each other's way; tells how
    /// many rows it changed.
    pub(super) async fn execute(&self, statement: impl Into<Statement>) -> Result<u64, sqlx::Error> {
        self.execute_together(vec![statement.into()]).await
    }

    /// Several writing statements, in order, in one transaction; tells how many rows the last one changed.
    pub(super) async fn execute_together(&self, statements: Vec<Statement>) -> Result<u64, sqlx::Error> {
        let mut tries = 0;
        loop {
            let changed = self.execute_once(statements.clone()).await;
            tries += 1;
            match &changed {
                Err(error) if Fault::of(error) == Fault::Collision && tries < COLLISIONS_MAX => {}
                _ => return changed,
            }
        }
    }

    async fn execute_once(&self, statements: Vec<Statement>) -> Result<u64, sqlx::Error> {
        let mut transaction = self.begin(Purpose::Write).await?;
        let mut changed = 0;
        for statement in statements {
            changed = transaction.execute(statement).await?;
        }
        transaction.commit().await?;
        Ok(changed)
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// Also where this handle is fenced and another leads by now: see [`Fault::Fenced`].
    pub(super) async fn begin(&self, purpose: Purpose) -> Result<Transaction, sqlx::Error> {
        let mut transaction = Transaction::new(self.engine.writer().await?);
        transaction.begin(self.engine.begin(purpose)).await?;
        if let Some(fence) = self.fence {
            transaction.stand_by(fence).await?;
        }
        Ok(transaction)
    }
}
