//! One request: walk, classify, fingerprint, fold, commit, answer.
//!
//! In comes a request's bytes. Out goes what became of its records, once that is durable and, where there is a next hop,
//! acknowledged there. Records that match nothing cost a walk and a scan, without an allocation; the rest of this page is
//! for those that match.

mod keep;
mod onward;
mod overflow;
mod summaries;
mod totals;

pub use keep::KeptLimits;

use std::sync::Arc;

use bytes::Bytes;

use crate::classify::{Classifier, Rules, Scratch};
use crate::fingerprint;
use crate::forward::{Delivered, Matched, NextHop, NotDelivered};
use crate::model::{Delta, LogRecord, Resource, Transport, UnixNanos};
use crate::otlp::{self, Limits, Unfolded, Unreadable};
use crate::store::{Batch, Committed, Store, StoreError};
use crate::window::{Dedupe, Fold, Occurrence};

use onward::Onward;

pub use summaries::summarise;
pub use totals::{Counts, Taken, Totals};

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
    /// How many of them matched and are counted, durably.
    pub counted: u64,
    /// How many of them its sender was told are rejected.
    pub rejected: u64,
    /// Whether it was counted before and this copy was not.
    pub replay: bool,
    /// What the next hop, if there is one, did not take of it and never will. Those records are counted all the same.
    pub delivered: Delivered,
}

/// What was found in a request.
struct Found {
    records: u64,
    deltas: Vec<Delta>,
    /// Only made where something matched or goes on.
    digest: [u8; 16],
    /// Whether a record carries a time: the same bytes are the same events then.
    timed: bool,
    /// The records that matched; only gathered where something goes on.
    matched: Vec<Matched>,
}

/// The way of a request; clones share everything.
#[derive(Debug, Clone)]
pub struct Pipeline {
    rules: Rules,
    dedupe: Dedupe,
    store: Store,
    totals: Arc<Totals>,
    onward: Option<Onward>,
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
            store,
            totals: Arc::default(),
            onward: None,
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

    /// The same with a next hop: requests are acknowledged when it has them too.
    #[must_use]
    pub fn onward_to(self, hop: NextHop) -> Self {
        Self { onward: Some(Onward::to(hop)), ..self }
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
        let outcome = self.take(request, received, &mut records).await;
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
            None => self.commit(found.records, found.digest, found.deltas, received).await,
            Some(onward) => self.commit_and_forward(onward, request, found, received).await,
        }
    }

    async fn commit(
        &self,
        records: u64,
        digest: [u8; 16],
        deltas: Vec<Delta>,
        received: UnixNanos,
    ) -> Result<Receipt, PipelineError> {
        if deltas.is_empty() {
            return Ok(Receipt { records, ..Receipt::default() });
        }
        let replayed = Receipt { records, replay: true, ..Receipt::default() };
        if self.dedupe.is_replay(&digest) {
            return Ok(replayed);
        }
        let clusters = Dedupe::clusters_of(&deltas);
        let counted = deltas.iter().map(|delta| delta.count).sum();
        match self.store.commit(Batch { digest, received, deltas }).await {
            Ok(Committed::Counted) => {
                self.dedupe.committed(digest, &clusters);
                Ok(Receipt { records, counted, ..Receipt::default() })
            }
            Ok(Committed::Replay) => Ok(replayed),
            Err(error) => {
                self.dedupe.forget(&clusters);
                Err(error.into())
            }
        }
    }

    /// Walks a request and folds what matches.
    fn read(&self, request: &Bytes, received: UnixNanos) -> Result<Found, Unreadable> {
        let mut fold = Fold::new(&self.dedupe, *self.store.window().borrow());
        // One set of rules for the whole request, also where it is replaced meanwhile.
        let (rules, mut scratch) = (self.rules.current(), Scratch::default());
        let (mut index, mut timed, mut matched) = (0, false, Vec::new());
        let walked = otlp::walk(request, &self.limits, |resource, _scope, record| {
            timed |= record.time.max(record.observed_time) != UnixNanos::default();
            if self.monitoring
                && !self.is_own(resource)
                && let Some(record) =
                    self.fold_record(&mut fold, (&rules, &mut scratch), resource, record, received)
                && self.onward.is_some()
            {
                matched.push(Matched { index, ..record });
            }
            index += 1;
        })?;
        self.totals.mended(&walked);
        let deltas = fold.into_deltas();
        let mut digest = [0; 16];
        if !deltas.is_empty() || self.onward.is_some() {
            digest.copy_from_slice(&blake3::hash(request).as_bytes()[..16]);
        }
        Ok(Found { records: walked.records, deltas, digest, timed, matched })
    }

    fn fold_record(
        &self,
        fold: &mut Fold<'_>,
        (classifier, scratch): (&Classifier, &mut Scratch),
        resource: &Resource<'_>,
        record: &LogRecord<'_>,
        received: UnixNanos,
    ) -> Option<Matched> {
        if !classifier.may_hold(record) {
            return None;
        }
        let unfolded = Unfolded::new(record);
        let record = &unfolded.record();
        let class = classifier.classify(record, resource, scratch)?;
        let analysis = fingerprint::analyze(record, resource);
        let has_in_app_frame = analysis.frames.iter().any(|frame| frame.in_app);
        let occurrence = Occurrence {
            fingerprint: analysis.fingerprint,
            at: record.occurred(received),
            severity_number: record.severity(),
            verdict: class.verdict(record.severity(), has_in_app_frame),
        };
        let is_one_too_many = !fold.has_room_for(occurrence.fingerprint);
        // The next hop is told what it is all the same, and of each one: no summary could tell them apart.
        let matched = Matched { may_be_held: !is_one_too_many, ..onward::matched(&occurrence, record) };
        let occurrence = if is_one_too_many { overflow::occurrence(&occurrence) } else { occurrence };
        let at = occurrence.at;
        let kept = &self.kept;
        let detail = || {
            if is_one_too_many { overflow::detail() } else { kept.detail(analysis, resource, record) }
        };
        fold.add(occurrence, detail, || kept.sample(record, at));
        Some(matched)
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
