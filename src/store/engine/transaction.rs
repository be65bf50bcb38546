//! A transaction, of either database.

use super::{Connection, Row, Statement, sql};
use crate::model::Fence;

/// A transaction that has begun. Dropped before [`Transaction::commit`], whatever the reason, it is rolled back, and its
/// connection closed: after a failed write nothing goes on with the same handle.
#[derive(Debug)]
pub(in crate::store) struct Transaction {
    connection: Connection,
    ended: bool,
}

impl Transaction {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, ended: false }
    }

    /// Begins it. Where that fails too its connection is closed: one that was opened while the file could not be written to
    /// never can write, nor after that was mended.
    pub(super) async fn begin(&mut self, statements: &'static str) -> Result<(), sqlx::Error> {
        self.connection.begin(statements).await
    }

    /// All rows of a statement.
    pub(in crate::store) async fn fetch(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<Vec<Row>, sqlx::Error> {
        self.connection.fetch(statement.into()).await
    }

    /// The first row of a statement, if there is one.
    pub(in crate::store) async fn optional(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<Option<Row>, sqlx::Error> {
        Ok(self.fetch(statement).await?.into_iter().next())
    }

    /// Runs a statement; tells how many rows it changed.
    pub(in crate::store) async fn execute(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<u64, sqlx::Error> {
        self.connection.execute(statement.into()).await
    }

    /// Runs statements in order, where it can in one call to the database; tells how many rows each changed.
    pub(in crate::store) async fn execute_all(
        &mut self,
        statements: Vec<Statement>,
    ) -> Result<Vec<u64>, sqlx::Error> {
        self.connection.execute_all(statements).await
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    ///
    /// Where the connection is lost in the middle, it is not known whether it was.
    pub(in crate::store) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.connection.end("COMMIT").await?;
        self.ended = true;
        Ok(())
    }

    /// Takes back what was written, and keeps the connection.
    pub(in crate::store) async fn roll_back(mut self) -> Result<(), sqlx::Error> {
        self.connection.end("ROLLBACK").await?;
        self.ended = true;
        Ok(())
    }

    /// Goes on only while this term of leadership lasts, and has it last until the end of the transaction.
    pub(super) async fn stand_by(&mut self, fence: Fence) -> Result<(), sqlx::Error> {
        let term =
            sql("SELECT fence FROM lease WHERE name = 'leader' AND fence = $1 FOR SHARE").bind(fence.0);
        match self.optional(term).await? {
            Some(_) => Ok(()),
            None => Err(super::fault::fenced()),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.give_up();
        }
    }
}
