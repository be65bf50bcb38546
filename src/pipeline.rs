//! One request: walk, classify, fingerprint, fold, commit, answer.
//!
//! In comes a request's bytes. Out goes what became of its records, once that is durable. Records that match nothing cost
//! a walk and a scan, without an allocation; the rest of this page is for those that match.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::classify::{Classifier, Scratch};
use crate::fingerprint::{self, Analysis};
use crate::model::{ClusterDetail, Delta, LogRecord, Resource, Sample, UnixNanos};
use crate::otlp::{self, Malformed};
use crate::redact;
use crate::store::{Batch, Committed, Store, StoreError};
use crate::window::{Dedupe, Fold, Occurrence};

/// A request longer than this leaves the async threads while it is read: at some GB/s it takes about half a millisecond,
/// and the threads answer pings meanwhile.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// How much of a text is kept: enough to read, little enough that a hostile line costs nothing.
const BODY_BYTES_KEPT: usize = 4 * 1024;
const STACK_TRACE_BYTES_KEPT: usize = 16 * 1024;
const NAME_BYTES_KEPT: usize = 256;

/// Why a request was not taken. Nothing of it was counted.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Its bytes are no OTLP request; sending them again is of no use.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The store did not commit; the request may be sent again.
    #[error("not committed")]
    Store(#[from] StoreError),
    /// The service is stopping; the request may be sent again.
    #[error("stopping")]
    Stopping,
}

/// What became of a request's records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Receipt {
    /// How many records it held.
    pub records: u64,
    /// How many of them matched and are counted, durably.
    pub counted: u64,
    /// Whether it was counted before and this copy was not.
    pub replay: bool,
}

/// Totals since the start.
#[derive(Debug, Default)]
pub struct Totals {
    /// Records in requests that were acknowledged.
    pub records: AtomicU64,
    /// Records that were counted into clusters.
    pub counted: AtomicU64,
    /// Requests that were counted before.
    pub replays: AtomicU64,
    /// Requests that were refused.
    pub refused: AtomicU64,
}

/// The way of a request; clones share everything.
#[derive(Debug, Clone)]
pub struct Pipeline {
    classifier: Arc<Classifier>,
    dedupe: Dedupe,
    store: Store,
    totals: Arc<Totals>,
    /// False: requests are checked and acknowledged, nothing is counted.
    monitoring: bool,
}

impl Pipeline {
    /// A pipeline into `store`; `monitoring` false accepts and counts nothing.
    #[must_use]
    pub fn new(classifier: Classifier, store: Store, monitoring: bool) -> Self {
        Self {
            classifier: Arc::new(classifier),
            dedupe: Dedupe::default(),
            store,
            totals: Arc::default(),
            monitoring,
        }
    }

    /// Totals since the start.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Takes one request, received at `received`; answers when what matched is durable.
    ///
    /// # Errors
    ///
    /// [`PipelineError`]; nothing of the request is counted then.
    pub async fn process(&self, request: Bytes, received: UnixNanos) -> Result<Receipt, PipelineError> {
        let outcome = self.take(request, received).await;
        match &outcome {
            Ok(receipt) => {
                self.totals.records.fetch_add(receipt.records, Ordering::Relaxed);
                self.totals.counted.fetch_add(receipt.counted, Ordering::Relaxed);
                self.totals.replays.fetch_add(u64::from(receipt.replay), Ordering::Relaxed);
            }
            Err(_) => {
                self.totals.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        outcome
    }

    async fn take(&self, request: Bytes, received: UnixNanos) -> Result<Receipt, PipelineError> {
        let (records, deltas, digest) = if request.len() <= INLINE_BYTES_MAX {
            self.read(&request, received)?
        } else {
            let this = self.clone();
            tokio::task::spawn_blocking(move || this.read(&request, received))
                .await
                .map_err(|_| PipelineError::Stopping)??
        };
        if deltas.is_empty() {
            return Ok(Receipt { records, ..Receipt::default() });
        }
        self.commit(records, deltas, digest, received).await
    }

    async fn commit(
        &self,
        records: u64,
        deltas: Vec<Delta>,
        digest: [u8; 16],
        received: UnixNanos,
    ) -> Result<Receipt, PipelineError> {
        let replayed = Receipt { records, counted: 0, replay: true };
        if self.dedupe.is_replay(&digest) {
            return Ok(replayed);
        }
        let clusters = Dedupe::clusters_of(&deltas);
        let counted = deltas.iter().map(|delta| delta.count).sum();
        match self.store.commit(Batch { digest, received, deltas }).await {
            Ok(Committed::Counted) => {
                self.dedupe.committed(digest, &clusters);
                Ok(Receipt { records, counted, replay: false })
            }
            Ok(Committed::Replay) => Ok(replayed),
            Err(error) => {
                self.dedupe.forget(&clusters);
                Err(error.into())
            }
        }
    }

    /// Walks a request and folds what matches; the digest is made only where something does.
    fn read(&self, request: &Bytes, received: UnixNanos) -> Result<(u64, Vec<Delta>, [u8; 16]), Malformed> {
        let mut fold = Fold::new(&self.dedupe);
        let mut scratch = Scratch::default();
        let walked = otlp::walk(request, |resource, _scope, record| {
            if self.monitoring {
                self.fold_record(&mut fold, &mut scratch, resource, record, received);
            }
        })?;
        let deltas = fold.into_deltas();
        let mut digest = [0; 16];
        if !deltas.is_empty() {
            digest.copy_from_slice(&blake3::hash(request).as_bytes()[..16]);
        }
        Ok((walked.records, deltas, digest))
    }

    fn fold_record(
        &self,
        fold: &mut Fold<'_>,
        scratch: &mut Scratch,
        resource: &Resource<'_>,
        record: &LogRecord<'_>,
        received: UnixNanos,
    ) {
        let Some(class) = self.classifier.classify(record, scratch) else { return };
        let analysis = fingerprint::analyze(record, resource);
        let has_in_app_frame = analysis.frames.iter().any(|frame| frame.in_app);
        let occurrence = Occurrence {
            fingerprint: analysis.fingerprint,
            at: record.occurred(received),
            severity_number: record.severity(),
            verdict: class.verdict(record.severity(), has_in_app_frame),
        };
        let at = occurrence.at;
        fold.add(occurrence, || detail(analysis, resource, record), || sample(record, at));
    }
}

/// What the store keeps of a cluster: redacted and bounded.
fn detail(analysis: Analysis, resource: &Resource<'_>, record: &LogRecord<'_>) -> ClusterDetail {
    let trace = if record.exception.stacktrace.is_empty() && analysis.has_trace {
        record.body
    } else {
        record.exception.stacktrace
    };
    let service = kept(resource.service_name, NAME_BYTES_KEPT);
    let mut frames = analysis.frames;
    for frame in &mut frames {
        frame.file = kept(frame.file.as_bytes(), NAME_BYTES_KEPT);
        frame.function = kept(frame.function.as_bytes(), NAME_BYTES_KEPT);
    }
    ClusterDetail {
        service: if service.is_empty() { "unknown_service".to_owned() } else { service },
        error_type: kept(analysis.error_type.as_bytes(), NAME_BYTES_KEPT),
        message: kept(analysis.message.as_bytes(), BODY_BYTES_KEPT),
        frames,
        stack_trace: kept(trace, STACK_TRACE_BYTES_KEPT),
        service_version: kept(resource.service_version, NAME_BYTES_KEPT),
        environment: kept(resource.environment, NAME_BYTES_KEPT),
        vcs_repository_url: kept(resource.vcs_repository_url, NAME_BYTES_KEPT),
        vcs_revision: kept(resource.vcs_revision, NAME_BYTES_KEPT),
    }
}

fn sample(record: &LogRecord<'_>, occurred: UnixNanos) -> Sample {
    let text = [record.body, record.exception.message, record.exception.stacktrace]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let trace_id = record.trace_id.map(|id| format!("{:032x}", u128::from_be_bytes(id)));
    Sample { occurred, body: kept(text, BODY_BYTES_KEPT), trace_id: trace_id.unwrap_or_default() }
}

/// A text as it may be kept: read lossily, cut, without control codes, without secrets.
///
/// The cut comes first, generously, so that a gigabyte costs nothing, and last, so that the bound holds.
fn kept(text: &[u8], bytes_max: usize) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(bytes_max * 2)]);
    let text = redact::plain(&text);
    redact::cut(&redact::redact(&text), bytes_max).to_owned()
}
