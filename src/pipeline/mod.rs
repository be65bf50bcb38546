//! One request: walk, join, classify, fingerprint, fold, commit, answer.
//!
//! In comes a request's bytes. Out goes what became of its records, once that is durable and, where there is a next hop,
//! acknowledged there. Records that match nothing cost a walk and a scan, without an allocation; the rest of this page is
//! for those that match.

pub mod joining;
mod keep;
mod matching;
mod onward;
mod overflow;
mod overlap;
mod summaries;
mod totals;
mod traces;

pub use keep::KeptLimits;

use std::sync::Arc;

use bytes::Bytes;

use crate::classify::Rules;
use crate::forward::{Delivered, Matched, NextHop, NotDelivered};
use crate::model::{Delta, Fingerprint, Resource, Transport, UnixNanos, Way};
use crate::otlp::{self, Limits, Unreadable};
use crate::store::{Batch, Committed, Move, Store, StoreError};
use crate::window::{Dedupe, Live};

use joining::{Claim, Key, Mark, Memory, Remembered};
use matching::Matching;
use onward::Onward;
use overlap::Noted;
use totals::Noticed;
use traces::{Part, Streams};

pub use summaries::summarise;
pub use totals::{Counts, Cuts, Overflow, Taken, Totals};

/// A request longer than this leaves the async threads while it is read: at some GB/s it takes about half a millisecond,
/// and the threads answer pings meanwhile.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Its bytes are no OTLP request, or too many records; sending them again is of no use.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The store did not commit; the request may be sent again.
    #[error("not committed")]
    Store(#[from] StoreError),
    /// The next hop did not take it. It may be counted by now, and is not counted again when it comes again.
    #[error(transparent)]
    NextHop(#[from] NotDelivered),
    /// The service is stopping; the request may be sent again.
    #[error("stopping")]
    Stopping,
}

/// What became of a request's records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// How many records it held.
    pub records: u64,
    /// How many of them matched and are counted, durably; of a trace that came line by line, its head.
    pub counted: u64,
    /// How many of them are further lines of a trace that is counted.
    pub joined: u64,
    /// How many of them its sender was told are rejected.
    pub rejected: u64,
    /// How many of them matched and are counted since they came another way: read back, or sent.
    pub came_before: u64,
    /// Whether it was counted before and this copy was not.
    pub replay: bool,
    /// What the next hop, if there is one, did not take of it and never will. Those records are counted all the same.
    pub delivered: Delivered,
}

/// What was found in a request.
struct Found {
    records: u64,
    /// Further lines of traces that are counted.
    joined: u64,
    deltas: Vec<Delta>,
    /// What the clusters of the deltas are known by once they are committed.
    clusters: Vec<(Fingerprint, Live)>,
    /// What earlier requests were counted as and is told better now.
    moves: Vec<Move>,
    /// How its streams ended, and what they went on with.
    tails: Vec<(Key, Remembered)>,
    claims: Vec<Claim>,
    /// Which request it is, as the memory knows requests.
    mark: Mark,
    /// Only made where something matched or goes on.
    digest: [u8; 16],
    /// The end of the latest hole that was known.
    known_hole: UnixNanos,
    /// Whether a record carries a time: the same bytes are the same events then.
    timed: bool,
    /// The records that matched, the lines of a trace after each other; only gathered where something goes on.
    matched: Vec<Matched>,
}

impl Found {
    /// Whether the store need not hear of it.
    fn changes_nothing(&self) -> bool {
        self.deltas.is_empty() && self.moves.is_empty()
    }
}

/// The way of a request; clones share everything.
#[derive(Debug, Clone)]
pub struct Pipeline {
    rules: Rules,
    dedupe: Dedupe,
    /// How streams ended that may go on in the next request.
    memory: Memory,
    store: Store,
    totals: Arc<Totals>,
    onward: Option<Onward>,
    /// How it comes, and how much of what may come both ways was noted.
    way: Way,
    noted: Noted,
    /// False: requests are checked and acknowledged, nothing is counted.
    monitoring: bool,
    /// `service.instance.id` of logmend itself: its own records come back through a Collector, and are ignored.
    own_instance: &'static str,
    limits: Limits,
    kept: KeptLimits,
}

impl Pipeline {
    /// A pipeline into `store`; `monitoring` false accepts and counts nothing.
    #[must_use]
    pub fn new(rules: Rules, store: Store, monitoring: bool) -> Self {
        Self {
            rules,
            dedupe: Dedupe::default(),
            memory: Memory::default(),
            store,
            totals: Arc::default(),
            onward: None,
            way: Way::Sent,
            noted: Noted::default(),
            monitoring,
            own_instance: "",
            limits: Limits::default(),
            kept: KeptLimits::default(),
        }
    }

    /// The same with other bounds: on what a request may hold, and on what is kept of a record that matched.
    #[must_use]
    pub fn with_limits(self, limits: Limits, kept: KeptLimits) -> Self {
        Self { limits, kept, ..self }
    }

    /// The same with another bound on how many clusters one window keeps apart.
    #[must_use]
    pub fn keeping_apart(self, clusters_max: usize) -> Self {
        Self { dedupe: Dedupe::new(clusters_max), ..self }
    }

    /// The same with a next hop: requests are acknowledged when it has them too.
    #[must_use]
    pub fn onward_to(self, hop: NextHop) -> Self {
        Self { onward: Some(Onward::to(hop)), ..self }
    }

    /// The same for records that are read back from where logs end up, of the hole that ends then. Counts and memory are
    /// shared: what exporters send again of that time and what is read back count once. Nothing goes on to the next hop, which
    /// may well lead to where they are read from.
    #[must_use]
    pub fn reading_back(&self, hole: UnixNanos) -> Self {
        Self { onward: None, way: Way::ReadBack(hole), ..self.clone() }
    }

    /// The same, ignoring the records of this `service.instance.id`, which is logmend's own: an error in its log that it
    /// counted would be one more line in its log.
    #[must_use]
    pub fn ignoring(self, own_instance: &'static str) -> Self {
        Self { own_instance, ..self }
    }

    fn is_own(&self, resource: &Resource<'_>) -> bool {
        !self.own_instance.is_empty() && resource.service_instance_id == self.own_instance.as_bytes()
    }

    /// Totals since the start.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How many clusters are live, roughly.
    #[must_use]
    pub fn live_clusters(&self) -> u64 {
        self.dedupe.live_clusters()
    }

    /// Takes one request, received at `received` over `transport`; answers when what matched is durable and the next hop has it.
    ///
    /// # Errors
    ///
    /// [`PipelineError`]; sent again, the request counts once whatever happened to it before.
    pub async fn process(
        &self,
        request: Bytes,
        received: UnixNanos,
        transport: Transport,
    ) -> Result<Receipt, PipelineError> {
        let mut records = 0;
        let mut outcome = self.take(request.clone(), received, &mut records).await;
        if matches!(outcome, Err(PipelineError::Store(StoreError::NewHole))) {
            outcome = self.take(request, received, &mut records).await;
        }
        match &outcome {
            Ok(receipt) => self.totals.accept(transport, receipt),
            Err(_) => self.totals.refuse(transport, records),
        }
        outcome
    }

    /// As [`Pipeline::process`]; tells how many `records` there are as soon as it knows, also where it fails later.
    async fn take(
        &self,
        request: Bytes,
        received: UnixNanos,
        records: &mut u64,
    ) -> Result<Receipt, PipelineError> {
        let this = self.clone();
        let bytes = request.clone();
        let found = off_thread_if_long(request.len(), move || this.read(&bytes, received)).await??;
        *records = found.records;
        match &self.onward {
            None => self.commit(found, received).await,
            Some(onward) => self.commit_and_forward(onward, request, found, received).await,
        }
    }

    /// Counts what was found, durably. What it went on with is put back where nothing was counted of it.
    async fn commit(&self, found: Found, received: UnixNanos) -> Result<Receipt, PipelineError> {
        let nothing_changes = found.changes_nothing();
        let Found {
            records,
            joined,
            deltas,
            clusters,
            moves,
            mut tails,
            claims,
            mark,
            digest,
            known_hole,
            ..
        } = found;
        let counted: u64 = deltas.iter().map(|delta| delta.count).sum();
        let receipt = Receipt { records, counted, joined, ..Receipt::default() };
        if nothing_changes {
            self.memory.remember(tails, claims, mark, received);
            return Ok(receipt);
        }
        let replayed = Receipt { records, replay: true, ..Receipt::default() };
        if self.dedupe.is_replay(&digest) {
            self.memory.put_back(claims);
            return Ok(replayed);
        }
        match self.store.commit(Batch { digest, received, way: self.way, known_hole, deltas, moves }).await {
            Ok(Committed::Counted) => {
                self.dedupe.committed(digest, clusters);
                self.memory.remember(tails, claims, mark, received);
                Ok(receipt)
            }
            Ok(Committed::InPart(left_out)) => {
                // What was left out may have been all of a cluster: none is taken for described.
                self.dedupe.committed(digest, Vec::new());
                for (_, tail) in &mut tails {
                    tail.leave_out(&left_out);
                }
                self.memory.remember(tails, claims, mark, received);
                let came_before = left_out.len() as u64;
                Ok(Receipt { counted: counted.saturating_sub(came_before), came_before, ..receipt })
            }
            Ok(Committed::Replay) => {
                self.memory.remember_counted(tails, claims, mark, received);
                Ok(replayed)
            }
            Err(error) => {
                self.memory.put_back(claims);
                self.dedupe.forget(&clusters);
                Err(error.into())
            }
        }
    }

    /// Walks a request, joins its lines and folds what matches.
    fn read(&self, request: &Bytes, received: UnixNanos) -> Result<Found, Unreadable> {
        let mark = Mark::of(request);
        let mut matching = Matching::new(self, received);
        let mut streams = Streams::new(&self.memory, self.way, mark, received);
        let (mut index, mut timed) = (0, false);
        let walked = otlp::walk(request, &self.limits, |resource, scope, record| {
            timed |= record.time.max(record.observed_time) != UnixNanos::default();
            if self.monitoring && !self.is_own(resource) {
                streams.record((resource, scope), Part::new(record, index), &mut matching);
            }
            index += 1;
        });
        let walked = match walked {
            Ok(walked) => walked,
            Err(unreadable) => {
                self.memory.put_back(streams.claims);
                return Err(unreadable);
            }
        };
        self.totals.mended(&walked);
        let (tails, claims) = streams.finish(&mut matching);
        let Matching { fold, joined, moves, matched, holes, overflow, cuts, .. } = matching;
        self.totals.noticed(Noticed { looked_up: fold.looked_up(), overflow, cuts: cuts.get() });
        let (deltas, clusters) = fold.finish();
        let mut found = Found {
            records: walked.records,
            joined,
            deltas,
            clusters,
            moves,
            tails,
            claims,
            mark,
            digest: [0; 16],
            known_hole: holes.first().map(|hole| hole.to).unwrap_or_default(),
            timed,
            matched,
        };
        if !found.changes_nothing() || self.onward.is_some() {
            found.digest.copy_from_slice(&blake3::hash(request).as_bytes()[..16]);
        }
        Ok(found)
    }
}

/// Runs `work` over `len` bytes, off the async threads where it takes long.
async fn off_thread_if_long<T: Send + 'static>(
    len: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PipelineError> {
    if len <= INLINE_BYTES_MAX {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| match error.try_into_panic() {
        // A defect is answered as one, wherever it shows: sent again, the request would meet it again.
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => PipelineError::Stopping,
    })
}

#[cfg(test)]
mod tests;
