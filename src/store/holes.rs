//! Times in which nobody counted: who reads them back, how far that is, and that what happened in them may come twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::engine::{Database, Purpose, Row, Transaction, sql};
use super::{Store, StoreError};
use crate::model::{Hole, UnixNanos};

/// A process that said within this time that it is up may be; one that did not is not.
const MAY_BE_UP: Duration = Duration::from_secs(6);

/// How long one may go on counting without saying that it is up: from one beat to the next, and what that may take.
const UNSEEN_MAX: Duration = Duration::from_secs(10);

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
        // A record of a wrong clock, from the future or from after the last one was up, tells nothing.
        let known = sql("SELECT max(up) AS up, max(started) AS started FROM (
               SELECT seen_at AS up, started_at AS started FROM replica
               UNION ALL
               SELECT until, until FROM hole
               UNION ALL
               SELECT w.last_seen, 0 FROM window_cluster w
               WHERE w.last_seen <= LEAST($1, coalesce((SELECT max(r.seen_at) + $2 FROM replica r), $1))
                 AND w.window_start IN (SELECT o.start FROM \"window\" o ORDER BY o.start DESC LIMIT 2)) AS known");
        let known = known.bind(self.now().to_i64()).bind(nanos(UNSEEN_MAX));
        let known = transaction.fetch(known).await?;
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
    /// which another process turns out to have been up is none, and one of long ago is given up.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn take_hole(&self, reader: &str) -> Result<Option<Hole>, StoreError> {
        let failed = StoreError::while_doing(DOING);
        let open = sql("SELECT since, until FROM hole WHERE closed_at IS NULL AND
               (reader = $1 OR $2 = 0 OR reader NOT IN (SELECT r.id FROM replica r WHERE r.seen_at >= $3)) ORDER BY until");
        let open = open.bind(reader).bind(self.is_shared()).bind(before(self.now(), MAY_BE_UP).to_i64());
        let open = self.database.fetch(open).await.and_then(|rows| read(&rows)).map_err(&failed)?;
        for hole in open {
            if hole.to < before(self.now(), Self::HOLES_READ_FOR) {
                tracing::error!(
                    "what was logged from {} to {} was not read back from Loki in a day, and is given up",
                    hole.from,
                    hole.to
                );
                self.close_hole(hole.to).await?;
                continue;
            }
            match self.others(hole.to).await.map_err(&failed)? {
                Others::WereUp => self.close_hole(hole.to).await?,
                Others::AreDown if self.is_readers(hole.to, reader).await.map_err(&failed)? => {
                    return Ok(Some(hole));
                }
                Others::AreDown | Others::MayBeUp => {}
            }
        }
        Ok(None)
    }

    /// Whether a hole is this one's to read, and nobody else's from now on.
    async fn is_readers(&self, until: UnixNanos, reader: &str) -> Result<bool, sqlx::Error> {
        let taken = sql("UPDATE hole SET reader = $2 WHERE until = $1 AND closed_at IS NULL AND
               (reader = $2 OR $3 = 0 OR reader NOT IN (SELECT r.id FROM replica r WHERE r.seen_at >= $4))");
        let taken = taken.bind(until.to_i64()).bind(reader).bind(self.is_shared());
        let taken = taken.bind(before(self.now(), MAY_BE_UP).to_i64());
        Ok(self.database.execute(taken).await? > 0)
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
        } else if seen >= before(self.now(), MAY_BE_UP) {
            Others::MayBeUp
        } else {
            Others::AreDown
        })
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

    /// As if it were not known of any hole.
    #[cfg(test)]
    pub(crate) fn forget_holes(&self) {
        self.holes.send_replace(Arc::default());
    }

    /// Looks which holes there are.
    pub(super) async fn look_at_holes(&self) -> Result<(), StoreError> {
        look(&self.database, &self.holes).await
    }
}

/// Looks which holes there are; the latest comes first.
pub(super) async fn look(database: &Database, known: &watch::Sender<Arc<[Hole]>>) -> Result<(), StoreError> {
    let rows = database.fetch("SELECT began, until FROM hole ORDER BY until DESC").await;
    let holes: Arc<[Hole]> =
        rows.and_then(|rows| read(&rows)).map_err(StoreError::while_doing("reading the holes"))?.into();
    known.send_if_modified(|known| {
        let is_news = *known != holes;
        *known = holes;
        is_news
    });
    Ok(())
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

fn before(time: UnixNanos, duration: Duration) -> UnixNanos {
    UnixNanos(time.0.saturating_sub(nanos(duration)))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
