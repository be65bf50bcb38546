//! The one task that writes counts: it gathers the deltas of all waiting requests and commits them in one transaction.
//!
//! While one commit is on its way to the disk the next requests queue up, and all of them share the next commit:
//! the busier, the more requests a commit carries. None waits on a timer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnection, SqliteTransaction};
use sqlx::{Connection, Row};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::windows::{self, ClosedWindow};
use super::{Move, StoreError, clusters, moves};
use crate::model::{Delta, Fingerprint, UnixNanos};

/// How many deltas one transaction takes at most: past this a commit takes longer than a millisecond
/// and the first request in it waits for the last.
const DELTAS_PER_COMMIT_MAX: usize = 1_024;

/// For how long a request that was counted is known as such. Exporters give up after 5 minutes
/// (the Collector's `retry_on_failure.max_elapsed_time`); this is twice that.
const DIGESTS_KEPT: Duration = Duration::from_mins(10);

/// What one request adds.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The first 128 bits of the request's BLAKE3 digest.
    pub digest: [u8; 16],
    /// When it came in.
    pub received: UnixNanos,
    /// At most one for each cluster, or several: they are merged.
    pub deltas: Vec<Delta>,
    /// What earlier requests were counted as and is told better now.
    pub moves: Vec<Move>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Its deltas are durable.
    Counted,
    /// The same request was counted before; nothing was added.
    Replay,
}

pub(super) enum Command {
    Commit { batch: Batch, done: oneshot::Sender<Result<Committed, StoreError>> },
    CloseWindow { now: UnixNanos, done: oneshot::Sender<Result<ClosedWindow, StoreError>> },
}

type Waiting = (Batch, oneshot::Sender<Result<Committed, StoreError>>);

/// The group commit. [`Writer::run`] drives it.
#[derive(Debug)]
pub struct Writer {
    connection: SqliteConnection,
    commands: mpsc::Receiver<Command>,
    healthy: Arc<AtomicBool>,
    window: watch::Sender<UnixNanos>,
    digests_expired_at: UnixNanos,
}

impl Writer {
    pub(super) async fn start(
        mut connection: SqliteConnection,
        commands: mpsc::Receiver<Command>,
        healthy: Arc<AtomicBool>,
        now: UnixNanos,
    ) -> Result<Self, StoreError> {
        let (window, _) = watch::channel(windows::open_or_continue(&mut connection, now).await?);
        Ok(Self { connection, commands, healthy, window, digests_expired_at: UnixNanos::default() })
    }

    /// The start of the open window, as it changes.
    pub(super) fn window(&self) -> watch::Receiver<UnixNanos> {
        self.window.subscribe()
    }

    /// Commits until `stop` is cancelled and all that was sent by then is committed and answered.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => self.handle(command).await,
                    None => break,
                },
                () = stop.cancelled() => {
                    // From here on nothing new is taken; what is in the queue is still answered.
                    self.commands.close();
                    while let Some(command) = self.commands.recv().await {
                        self.handle(command).await;
                    }
                    break;
                }
            }
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }

    async fn handle(&mut self, command: Command) {
        match command {
            Command::Commit { batch, done } => self.gather_and_commit((batch, done)).await,
            Command::CloseWindow { now, done } => {
                let open = *self.window.borrow();
                let closed = windows::close(&mut self.connection, open, now).await;
                if let Ok(closed) = &closed {
                    self.window.send_replace(closed.next_start);
                }
                // A caller that went away finds the window closed, and triage finds it untriaged.
                let _ = done.send(closed);
            }
        }
    }

    /// Takes in what else waits, up to the bound, and commits it all.
    async fn gather_and_commit(&mut self, first: Waiting) {
        let mut deltas = first.0.deltas.len();
        let mut waiting = vec![first];
        let mut close = None;
        while deltas < DELTAS_PER_COMMIT_MAX {
            match self.commands.try_recv() {
                Ok(Command::Commit { batch, done }) => {
                    deltas += batch.deltas.len();
                    waiting.push((batch, done));
                }
                Ok(other) => {
                    close = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        self.commit(waiting).await;
        if let Some(command) = close {
            // A close is never preceded by another one here: this is not recursive beyond one step.
            Box::pin(self.handle(command)).await;
        }
    }

    #[tracing::instrument(level = "debug", skip_all, fields(requests = waiting.len()))]
    async fn commit(&mut self, waiting: Vec<Waiting>) {
        let (batches, answers): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        let outcome = self.write(batches).await;
        self.healthy.store(outcome.is_ok(), Ordering::Relaxed);
        match outcome {
            Ok(committed) => {
                for (answer, committed) in answers.into_iter().zip(committed) {
                    let _ = answer.send(Ok(committed));
                }
            }
            Err(error) => {
                tracing::error!(error = %chain(&error), requests = answers.len(), "a commit failed; its requests were refused");
                for answer in answers {
                    let _ = answer.send(Err(again(&error)));
                }
            }
        }
    }

    /// One transaction over all batches; tells for each whether it was counted or a replay.
    async fn write(&mut self, batches: Vec<Batch>) -> Result<Vec<Committed>, StoreError> {
        let failed = StoreError::while_doing("committing counts");
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let mut merged = BTreeMap::<Fingerprint, Delta>::new();
        let mut committed = Vec::with_capacity(batches.len());
        for batch in batches {
            let fresh = remember_digest(&mut transaction, &batch).await.map_err(&failed)?;
            committed.push(if fresh { Committed::Counted } else { Committed::Replay });
            if self.digests_expired_at.0 + 60_000_000_000 < batch.received.0 {
                expire_digests(&mut transaction, batch.received).await.map_err(&failed)?;
                self.digests_expired_at = batch.received;
            }
            let window = *self.window.borrow();
            let mut deltas = batch.deltas;
            for one in batch.moves.into_iter().filter(|_| fresh) {
                if moves::take_away(&mut transaction, window, &one.from).await? {
                    deltas.push(one.to);
                }
            }
            for delta in deltas.into_iter().filter(|_| fresh) {
                match merged.entry(delta.fingerprint) {
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        entry.insert(delta);
                    }
                    std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().merge(delta),
                }
            }
        }
        let window = *self.window.borrow();
        for delta in merged.values() {
            clusters::add(&mut transaction, window, delta).await?;
        }
        transaction.commit().await.map_err(&failed)?;
        Ok(committed)
    }
}

/// False where the request is known already.
async fn remember_digest(
    transaction: &mut SqliteTransaction<'_>,
    batch: &Batch,
) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "INSERT INTO request_digest (digest, committed_at) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1",
    )
    .bind(&batch.digest[..])
    .bind(batch.received.to_i64())
    .fetch_optional(&mut **transaction)
    .await
    .map(|row| row.is_some_and(|row| row.try_get::<i64, _>(0).is_ok()))
}

async fn expire_digests(transaction: &mut SqliteTransaction<'_>, now: UnixNanos) -> Result<(), sqlx::Error> {
    let kept_since = now.to_i64().saturating_sub(i64::try_from(DIGESTS_KEPT.as_nanos()).unwrap_or(i64::MAX));
    sqlx::query("DELETE FROM request_digest WHERE committed_at < ?")
        .bind(kept_since)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

/// Each waiting request gets an error of its own; the driver's error, which cannot be copied, was logged.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::UnknownCluster(fingerprint) => StoreError::UnknownCluster(*fingerprint),
        _ => StoreError::Unavailable { doing: "committing counts", source: sqlx::Error::WorkerCrashed },
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
