//! The way of a request where there is a next hop: it is answered when the store has committed and the next hop has acknowledged.

use std::time::Duration;

use bytes::Bytes;

use super::{Found, Pipeline, PipelineError, Receipt, off_thread_if_long};
use crate::forward::{self, Attempt, Attempts, Delivered, Matched, Mode, NextHop, NotDelivered};
use crate::model::{LogRecord, UnixNanos};
use crate::otlp::Unreadable;
use crate::window::Occurrence;

/// How long a sender waits that sends a request while the same one is on its way.
const UNDER_WAY_DELAY: Duration = Duration::from_secs(1);

/// The next hop, and what is on its way there.
#[derive(Debug, Clone)]
pub(super) struct Onward {
    hop: NextHop,
    attempts: Attempts,
}

impl Onward {
    pub(super) fn to(hop: NextHop) -> Self {
        Self { hop, attempts: Attempts::default() }
    }
}

/// A record that matched, as the next hop is to know it; which one of its request it is comes from the walk.
pub(super) fn matched(occurrence: &Occurrence, record: &LogRecord<'_>) -> Matched {
    Matched {
        index: 0,
        fingerprint: occurrence.fingerprint,
        severity_number: occurrence.severity_number,
        verdict: occurrence.verdict.clone(),
        trace_id: record.trace_id,
        may_be_held: true,
        held_back: false,
    }
}

impl Pipeline {
    /// Commits and forwards. Whatever fails, the same request sent again is counted once and gets to the next hop.
    pub(super) async fn commit_and_forward(
        &self,
        onward: &Onward,
        request: Bytes,
        found: Found,
        received: UnixNanos,
    ) -> Result<Receipt, PipelineError> {
        let Some(attempt) = onward.attempts.begin(found.digest) else {
            let why = "the same request is on its way".to_owned();
            return Err(NotDelivered::Retry { after: Some(UNDER_WAY_DELAY), why }.into());
        };
        if attempt.was_acknowledged() {
            // A commit that failed the last time is made good.
            let receipt = self.commit(found.records, found.digest, found.deltas, received).await?;
            return Ok(Receipt { replay: receipt.counted == 0, ..receipt });
        }
        if onward.hop.mode() == Mode::Deduplicated {
            return self.commit_then_forward(onward, attempt, request, found, received).await;
        }
        let (committed, delivered) = tokio::join!(
            self.commit(found.records, found.digest, found.deltas, received),
            self.deliver(onward, request, found.records, found.matched),
        );
        if delivered.is_ok() {
            attempt.arrived(found.timed);
        }
        // A store that did not commit is told first: its sender sends again, also what the next hop refuses for good.
        let committed = committed?;
        Ok(Receipt { delivered: delivered?, ..committed })
    }

    /// Where records are held back the commit comes first: it tells whether an earlier delivery of the same request was
    /// counted. What was held back then is told by a summary; what was not must not be held back now.
    async fn commit_then_forward(
        &self,
        onward: &Onward,
        mut attempt: Attempt,
        request: Bytes,
        mut found: Found,
        received: UnixNanos,
    ) -> Result<Receipt, PipelineError> {
        let window = *self.store.window().borrow();
        let choice_is_known = attempt.was_tried();
        let mut held = attempt.hold_back(window, &mut found.matched);
        let held_back = held.values().map(|held| held.count).sum();
        for delta in &mut found.deltas {
            delta.held = held.remove(&delta.fingerprint).unwrap_or_default();
        }
        let committed = self.commit(found.records, found.digest, found.deltas, received).await?;
        if !committed.replay {
            onward.hop.totals().held_back.fetch_add(held_back, std::sync::atomic::Ordering::Relaxed);
        } else if !choice_is_known {
            // It was counted before a restart. Twice is better than never.
            found.matched.iter_mut().for_each(|record| record.held_back = false);
        }
        let delivered = self.deliver(onward, request, found.records, found.matched).await?;
        attempt.arrived(found.timed);
        Ok(Receipt { delivered, ..committed })
    }

    async fn deliver(
        &self,
        onward: &Onward,
        request: Bytes,
        records: u64,
        matched: Vec<Matched>,
    ) -> Result<Delivered, PipelineError> {
        let mode = if self.monitoring { onward.hop.mode() } else { Mode::All };
        let spliced =
            off_thread_if_long(request.len(), move || forward::onward(mode, &request, records, &matched));
        Ok(onward.hop.deliver(spliced.await?.map_err(Unreadable::from)?).await?)
    }
}
