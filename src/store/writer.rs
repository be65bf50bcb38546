//! The one task that writes counts: it gathers the deltas of all waiting requests and commits them in one transaction.
//!
//! While one commit is on its way to the disk the next requests queue up, and all of them share the next commit:
//! the busier, the more requests a commit carries. None waits on a timer.
//!
//! A commit of which it is not known whether it was made (the connection went in the middle) is tried again: the digests of
//! its requests, written in the same transaction, tell.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::engine::{Database, Fault, Purpose, Rows, Transaction, sql};
use super::{Move, StoreError, clusters, holes, moves, passages};
use crate::model::{Delta, Durations, Fingerprint, Hole, UnixNanos, Way};

/// How many deltas one transaction takes at most: past this a commit takes longer than a few milliseconds
/// and the first request in it waits for the last.
const WEIGHT_MAX: usize = 1_024;

/// A move counts for as many deltas: it is some statements of its own.
const MOVE_WEIGHT: usize = 16;

/// How long one attempt may take. Exporters give up on a call after 10 seconds (OpenTelemetry, "OTLP exporter timeout").
const ATTEMPT_MAX: Duration = Duration::from_secs(8);

/// How often a commit is tried, and how long it rests before each further try: a connection that went is replaced at once, and a
/// server that restarts takes a moment.
const RESTS: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(100), Duration::from_millis(500)];

/// What was committed since the start.
#[derive(Debug, Default)]
pub struct Commits {
    /// Transactions that counted something.
    pub transactions: AtomicU64,
    /// Requests in them.
    pub requests: AtomicU64,
    /// Transactions that failed, after every try.
    pub failures: AtomicU64,
    /// How long each took, tries and rests included, also where it failed.
    pub took: Arc<Durations>,
}

/// What one request adds.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The first 128 bits of the request's BLAKE3 digest.
    pub digest: [u8; 16],
    /// When it came in.
    pub received: UnixNanos,
    /// How.
    pub way: Way,
    /// The end of the latest hole that was known when it was read; 0 where none was.
    pub known_hole: UnixNanos,
    /// At most one for each cluster, or several: they are merged.
    pub deltas: Vec<Delta>,
    /// What earlier requests were counted as and is told better now.
    pub moves: Vec<Move>,
}

impl Batch {
    /// How much it is for one transaction, in deltas.
    fn weight(&self) -> usize {
        let passages: usize = self.deltas.iter().map(|delta| delta.passages.len()).sum();
        self.deltas.len() + passages + self.moves.len() * MOVE_WEIGHT
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Its deltas are durable.
    Counted,
    /// The same but for these records of the request, in order, whose [passages](crate::model::Passage) are known: they were counted
    /// when they came the other way, durably.
    InPart(Vec<u64>),
    /// The same request was counted before; nothing was added.
    Replay,
}

/// A batch that waits for its answer.
pub(super) struct Waiting {
    pub(super) batch: Batch,
    pub(super) done: oneshot::Sender<Result<Committed, StoreError>>,
}

/// The group commit. [`Writer::run`] drives it.
#[derive(Debug)]
pub struct Writer {
    pub(super) database: Database,
    pub(super) waiting: mpsc::Receiver<Waiting>,
    pub(super) healthy: Arc<AtomicBool>,
    pub(super) window: Arc<watch::Sender<UnixNanos>>,
    pub(super) set_aside: Arc<watch::Sender<Option<String>>>,
    pub(super) commits: Arc<Commits>,
    pub(super) holes: Arc<watch::Sender<Arc<[Hole]>>>,
    /// Told when a commit fails after one that succeeded.
    pub(super) trouble: Arc<Notify>,
}

impl Writer {
    /// Commits until `stop` is cancelled and all that was sent by then is committed and answered.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                first = self.waiting.recv() => match first {
                    Some(first) => self.gather_and_commit(first).await,
                    None => break,
                },
                () = stop.cancelled() => {
                    // From here on nothing new is taken; what is in the queue is still answered.
                    self.waiting.close();
                    while let Some(first) = self.waiting.recv().await {
                        self.gather_and_commit(first).await;
                    }
                    break;
                }
            }
        }
    }

    /// Takes in what else waits, up to the bound, and commits it all.
    async fn gather_and_commit(&mut self, first: Waiting) {
        let mut weight = first.batch.weight();
        let mut waiting = vec![first];
        while weight < WEIGHT_MAX {
            let Ok(next) = self.waiting.try_recv() else { break };
            weight += next.batch.weight();
            waiting.push(next);
        }
        self.commit(waiting).await;
    }

    #[tracing::instrument(level = "debug", skip_all, fields(requests = waiting.len()))]
    async fn commit(&self, waiting: Vec<Waiting>) {
        let (batches, answers): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|Waiting { batch, done }| (batch, done)).unzip();
        let begun = Instant::now();
        let outcome = Group::of(batches).commit(&self.database).await;
        self.commits.took.note(begun.elapsed());
        if matches!(outcome, Err(StoreError::NewHole)) {
            // Nothing failed: the requests are read again, now that it is known.
            if let Err(error) = holes::look(&self.database, &self.holes).await {
                tracing::debug!(error = %chain(&error), "the holes are not known");
            }
            for answer in answers {
                let _ = answer.send(Err(StoreError::NewHole));
            }
            return;
        }
        let was_healthy = self.healthy.swap(outcome.is_ok(), Ordering::Relaxed);
        match outcome {
            Ok((committed, window)) => {
                self.commits.transactions.fetch_add(1, Ordering::Relaxed);
                self.commits.requests.fetch_add(committed.len() as u64, Ordering::Relaxed);
                if let Some(window) = window {
                    self.window.send_if_modified(|known| std::mem::replace(known, window) != window);
                }
                for (answer, committed) in answers.into_iter().zip(committed) {
                    let _ = answer.send(Ok(committed));
                }
            }
            Err(error) => {
                self.commits.failures.fetch_add(1, Ordering::Relaxed);
                let requests = answers.len();
                if was_healthy {
                    tracing::error!(error = %chain(&error), requests, "a commit failed; requests are refused until one succeeds");
                    self.trouble.notify_one();
                } else {
                    tracing::debug!(error = %chain(&error), requests, "a commit failed again");
                }
                for answer in answers {
                    let _ = answer.send(Err(again(&error)));
                }
                self.mend(&error).await;
            }
        }
    }

    /// Does what it takes that the next commit may succeed.
    async fn mend(&self, error: &StoreError) {
        let StoreError::Unavailable { source, .. } = error else { return };
        match self.database.engine().mend(Fault::of(source)).await {
            Ok(Some(told)) => {
                tracing::error!("{told}");
                self.set_aside.send_replace(Some(told));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(error = %chain(&error), "the database cannot be mended"),
        }
    }
}

/// What one transaction commits.
struct Group {
    batches: Vec<Batch>,
    /// Digests that an attempt wrote of which it is not known whether it was committed, and what would have become of them.
    /// Found written, they were, by us or by another replica that got the same request: counted in any case.
    in_doubt: HashMap<[u8; 16], Committed>,
}

/// What became of each batch, and which window is open.
type Outcome = (Vec<Committed>, Option<UnixNanos>);

impl Group {
    fn of(batches: Vec<Batch>) -> Self {
        Self { batches, in_doubt: HashMap::new() }
    }

    async fn commit(mut self, database: &Database) -> Result<Outcome, StoreError> {
        let mut rests = RESTS.into_iter();
        loop {
            let failed = match tokio::time::timeout(ATTEMPT_MAX, self.attempt(database)).await {
                Ok(Ok(outcome)) => return Ok(outcome),
                Ok(Err(error)) => error,
                Err(_) => {
                    return Err(StoreError::while_doing("committing counts")(sqlx::Error::PoolTimedOut));
                }
            };
            let passes = matches!(&failed, StoreError::Unavailable { source, .. }
                if matches!(Fault::of(source), Fault::Collision | Fault::ConnectionLost));
            match rests.next().filter(|_| passes) {
                Some(rest) => tokio::time::sleep(rest).await,
                None => return Err(failed),
            }
        }
    }

    /// One transaction over all batches.
    async fn attempt(&mut self, database: &Database) -> Result<Outcome, StoreError> {
        let failed = StoreError::while_doing("committing counts");
        // Moves touch rows out of their order: beside other commits two of them could wait for each other in a circle.
        let moves = self.batches.iter().any(|batch| !batch.moves.is_empty());
        let purpose = if moves { Purpose::Alone } else { Purpose::Count };
        let mut transaction = database.begin(purpose).await.map_err(&failed)?;
        let Remembered { mut fresh, window, latest_hole } = self.remember(&mut transaction).await?;
        let knows = |batch: &&Batch| batch.known_hole >= latest_hole || !fresh.contains(&batch.digest);
        if !self.batches.iter().all(|batch| knows(&batch)) {
            transaction.roll_back().await.map_err(&failed)?;
            return Err(StoreError::NewHole);
        }
        let mut committed = Vec::with_capacity(self.batches.len());
        let mut counted = Vec::new();
        for (place, batch) in self.batches.iter().enumerate() {
            // Of two copies in one group the first counts.
            let is_fresh = fresh.remove(&batch.digest);
            let earlier = self.in_doubt.get(&batch.digest).filter(|_| !is_fresh).cloned();
            committed.push(earlier.unwrap_or(Committed::Replay));
            if is_fresh {
                counted.push((place, batch));
            }
        }
        let left_out = passages::add(&mut transaction, counted.iter().map(|(_, batch)| *batch)).await?;
        if let Some(window) = window.filter(|_| !counted.is_empty()) {
            let mut deltas = Deltas::default();
            for ((_, batch), left_out) in counted.iter().zip(&left_out) {
                for one in &batch.moves {
                    if moves::take_away(&mut transaction, window, &one.from).await? {
                        one.to.iter().cloned().for_each(|delta| deltas.add(delta));
                    }
                }
                let counting = batch.deltas.iter().filter_map(|delta| passages::counting(delta, left_out));
                counting.for_each(|delta| deltas.add(delta));
            }
            let deltas: Vec<_> = deltas.0.into_values().collect();
            let now = self.batches.iter().map(|batch| batch.received).max().unwrap_or_default();
            if let Err(error) = clusters::add(&mut transaction, window, &deltas, now).await {
                if matches!(error, StoreError::UnknownCluster(_)) {
                    transaction.roll_back().await.map_err(&failed)?;
                }
                return Err(error);
            }
        }
        for ((place, batch), left_out) in counted.into_iter().zip(left_out) {
            committed[place] =
                if left_out.is_empty() { Committed::Counted } else { Committed::InPart(left_out) };
            self.in_doubt.insert(batch.digest, committed[place].clone());
        }
        transaction.commit().await.map_err(failed)?;
        Ok((committed, window))
    }

    /// Writes the digests.
    async fn remember(&self, transaction: &mut Transaction) -> Result<Remembered, StoreError> {
        let failed = StoreError::while_doing("committing counts");
        let sorted: BTreeMap<_, _> =
            self.batches.iter().map(|batch| (batch.digest, (batch.received, batch.way))).collect();
        let hole = |way| if let Way::ReadBack(hole) = way { hole.to_i64() } else { 0 };
        let rows = Rows::default()
            .texts("digest", sorted.keys().map(digits))
            .integers("committed_at", sorted.values().map(|(received, _)| received.to_i64()))
            .integers("hole", sorted.values().map(|(_, way)| hole(*way)));
        let written = sql("INSERT INTO request_digest (digest, committed_at, hole)
             SELECT digest, committed_at, hole FROM {rows} WHERE TRUE
             ON CONFLICT DO NOTHING
             RETURNING digest, (SELECT start FROM \"window\" WHERE closed_at IS NULL) AS open,
               (SELECT max(until) FROM hole) AS hole");
        let (mut fresh, mut window, mut hole) = (HashSet::new(), None, None);
        for row in transaction.fetch(written.with(rows)).await.map_err(&failed)? {
            window = row.time_or_none("open").map_err(&failed)?;
            hole = row.time_or_none("hole").map_err(&failed)?;
            fresh.insert(digest("request_digest", "digest", row.text("digest").map_err(&failed)?)?);
        }
        if window.is_none() && !fresh.is_empty() {
            return Err(failed(sqlx::Error::RowNotFound));
        }
        Ok(Remembered { fresh, window, latest_hole: hole.unwrap_or_default() })
    }
}

/// What was found as the digests of a group were written.
struct Remembered {
    /// Those that were not there.
    fresh: HashSet<[u8; 16]>,
    /// The window that is open.
    window: Option<UnixNanos>,
    /// The end of the latest hole; 0 where there is none.
    latest_hole: UnixNanos,
}

/// Deltas by cluster, in the order in which every replica writes them: two that write the same rows never wait for each other
/// in a circle.
#[derive(Default)]
struct Deltas(BTreeMap<Fingerprint, Delta>);

impl Deltas {
    fn add(&mut self, delta: Delta) {
        use std::collections::btree_map::Entry;
        match self.0.entry(delta.fingerprint) {
            Entry::Vacant(entry) => {
                entry.insert(delta);
            }
            Entry::Occupied(mut entry) => entry.get_mut().merge(delta),
        }
    }
}

pub(super) fn digits(digest: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*digest))
}

/// Reads what [`digits`] wrote.
pub(super) fn digest(
    table: &'static str,
    column: &'static str,
    text: String,
) -> Result<[u8; 16], StoreError> {
    let digest = u128::from_str_radix(&text, 16).map(u128::to_be_bytes);
    digest.map_err(|_| StoreError::Inconsistent { table, column, value: text })
}

/// Each waiting request gets an error of its own; the driver's error, which cannot be copied, was logged.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::UnknownCluster(fingerprint) => StoreError::UnknownCluster(*fingerprint),
        _ => StoreError::Unavailable { doing: "committing counts", source: sqlx::Error::WorkerCrashed },
    }
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
