//! Times in which nobody counted: who reads them back, how far that is, and that what happened in them may come twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::engine::{Purpose, Row, Transaction, sql};
use super::{Store, StoreError};
use crate::model::{Hole, UnixNanos};

/// A process that said within this time that it is up may be; one that did not is not.
const MAY_BE_UP: Duration = Duration::from_secs(6);

const DOING: &str = "noting what is read back";

impl Store {
    /// How long after its end a hole may be read.
    pub const HOLES_READ_FOR: Duration = Duration::from_hours(24);

    /// Says that the process `id` is up from now on, and notes the hole between when one was last up and now, to be read by it.
    /// One is known to have been up when it said so, and at the time of the latest record in the last two windows. A store on
    /// which nothing was ever counted has no hole.
    ///
    /// To be called before the first request is taken: what is taken moves when one was last up, and what exporters send
    /// again must be told from what is read.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; nothing is noted then.
    pub async fn arrive(&self, id: &str) -> Result<(), StoreError> {
        let failed = StoreError::while_doing(DOING);
        // Those that arrive at the same time do so one after the other.
        let mut transaction = self.database.begin(Purpose::Alone).await.map_err(&failed)?;
        self.arrive_in(&mut transaction, id).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        self.look_at_holes().await
    }

    async fn arrive_in(&self, transaction: &mut Transaction, id: &str) -> Result<(), sqlx::Error> {
        // A record of a wrong clock, from the future, tells nothing.
        let known = sql("SELECT max(up) AS up, max(started) AS started FROM (
               SELECT seen_at AS up, started_at AS started FROM replica
               UNION ALL
               SELECT until, until FROM hole
               UNION ALL
               SELECT w.last_seen, 0 FROM window_cluster w WHERE w.last_seen <= $1 AND w.window_start IN
                 (SELECT o.start FROM \"window\" o ORDER BY o.start DESC LIMIT 2)) AS known");
        let known = transaction.fetch(known.bind(self.now().to_i64())).await?;
        let known = known.first().ok_or(sqlx::Error::RowNotFound)?;
        // Whoever arrives later started later, also where the clocks of two machines differ.
        let after_others = known.time_or_none("started")?.map(|started| UnixNanos(started.0 + 1));
        let now = self.now().max(after_others.unwrap_or_default());
        if let Some(Hole { from, to }) = known.time_or_none("up")?.and_then(|up| Hole::since(up, now)) {
            let noted = sql("INSERT INTO hole (until, began, since, reader) VALUES ($1, $2, $2, $3)");
            transaction.execute(noted.bind(to.to_i64()).bind(from.to_i64()).bind(id)).await?;
        }
        let up = sql("INSERT INTO replica (id, started_at, seen_at) VALUES ($1, $2, $2)
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at");
        transaction.execute(up.bind(id).bind(now.to_i64())).await.map(drop)
    }

    /// What the process `reader` is to read: what is not read yet of the earliest hole that nobody reads who is up. A hole in
    /// which another process turns out to have been up is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn take_hole(&self, reader: &str) -> Result<Option<Hole>, StoreError> {
        let failed = StoreError::while_doing(DOING);
        let open =
            self.database.fetch("SELECT since, until FROM hole WHERE closed_at IS NULL ORDER BY until");
        for Hole { from, to } in open.await.and_then(|rows| read(&rows)).map_err(&failed)? {
            if !self.is_readers(to, reader).await.map_err(&failed)? {
                continue;
            }
            let is_left = Hole::since(from, self.now()).filter(|rest| rest.from < to);
            match (is_left, self.others(to).await.map_err(&failed)?) {
                (Some(rest), Others::AreDown) => return Ok(Some(Hole { from: rest.from, to })),
                (Some(_), Others::MayBeUp) => {}
                (Some(_), Others::WereUp) | (None, _) => self.close_hole(to).await?,
            }
        }
        Ok(None)
    }

    /// Whether a hole is this one's to read, and nobody else's from now on.
    async fn is_readers(&self, until: UnixNanos, reader: &str) -> Result<bool, sqlx::Error> {
        let taken = sql("UPDATE hole SET reader = $2 WHERE until = $1 AND closed_at IS NULL AND
               (reader = $2 OR $3 = 0 OR reader NOT IN (SELECT r.id FROM replica r WHERE r.seen_at >= $4))");
        let taken = taken.bind(until.to_i64()).bind(reader).bind(self.is_shared());
        Ok(self.database.execute(taken.bind(self.up_since(self.now()).to_i64())).await? > 0)
    }

    /// What those did in a hole that had started before its end.
    async fn others(&self, until: UnixNanos) -> Result<Others, sqlx::Error> {
        if !self.is_shared() {
            return Ok(Others::AreDown);
        }
        let seen =
            sql("SELECT max(seen_at) AS seen_at FROM replica WHERE started_at < $1").bind(until.to_i64());
        let seen = self.database.one(seen).await?.time_or_none("seen_at")?.unwrap_or_default();
        Ok(if seen > until {
            Others::WereUp
        } else if seen >= self.up_since(self.now()) {
            Others::MayBeUp
        } else {
            Others::AreDown
        })
    }

    fn up_since(&self, now: UnixNanos) -> UnixNanos {
        UnixNanos(now.0.saturating_sub(u64::try_from(MAY_BE_UP.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Notes that what happened in the hole that ends at `until` is counted up to `since` by now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn read_up_to(&self, since: UnixNanos, until: UnixNanos) -> Result<(), StoreError> {
        let read = sql("UPDATE hole SET since = GREATEST(since, $2) WHERE until = $1");
        let read = self.database.execute(read.bind(until.to_i64()).bind(since.to_i64())).await;
        read.map(drop).map_err(StoreError::while_doing(DOING))
    }

    /// Notes that all of a hole is counted, or given up. Its errors may still be sent again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn close_hole(&self, until: UnixNanos) -> Result<(), StoreError> {
        let closed = sql("UPDATE hole SET closed_at = $2 WHERE until = $1 AND closed_at IS NULL");
        let closed = self.database.execute(closed.bind(until.to_i64()).bind(self.now().to_i64())).await;
        closed.map(drop).map_err(StoreError::while_doing(DOING))
    }

    /// The holes of which errors may come twice, as they change; no call to the database.
    #[must_use]
    pub fn holes(&self) -> watch::Receiver<Arc<[Hole]>> {
        self.holes.subscribe()
    }

    /// Looks which holes there are.
    pub(super) async fn look_at_holes(&self) -> Result<(), StoreError> {
        let rows = self.database.fetch("SELECT began, until FROM hole ORDER BY until DESC").await;
        let holes: Arc<[Hole]> =
            rows.and_then(|rows| read(&rows)).map_err(StoreError::while_doing("reading the holes"))?.into();
        self.holes.send_if_modified(|known| {
            *known != holes && {
                *known = holes;
                true
            }
        });
        Ok(())
    }
}

/// The other processes, as far as a hole is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    /// One was up all the time: nothing was missed.
    WereUp,
    /// One said that it is up shortly before; whether it still was is known in a few seconds.
    MayBeUp,
    AreDown,
}

fn read(rows: &[Row]) -> Result<Vec<Hole>, sqlx::Error> {
    rows.iter().map(|row| Ok(Hole { from: row.time(0)?, to: row.time(1)? })).collect()
}
