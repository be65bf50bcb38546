//! The way of a request where there is a next hop: it is answered when the store has committed and the next hop has acknowledged.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;

use super::joining::{Key, Remembered};
use super::{Found, Pipeline, PipelineError, Receipt, off_thread_if_long};
use crate::forward::{self, Attempt, Attempts, Delivered, Hold, Matched, Mode, NextHop, NotDelivered};
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
        hold: Hold::ByCluster,
        held_back: false,
    }
}

impl Pipeline {
    /// Commits and forwards. Whatever fails, the same request sent again is counted once and gets to the next hop.
    pub(super) async fn commit_and_forward(
        &self,
        onward: &Onward,
        request: Bytes,
        mut found: Found,
        received: UnixNanos,
    ) -> Result<Receipt, PipelineError> {
        let Some(attempt) = onward.attempts.begin(found.digest) else {
            let why = "the same request is on its way".to_owned();
            return Err(NotDelivered::Retry { after: Some(UNDER_WAY_DELAY), why }.into());
        };
        if attempt.was_acknowledged() {
            // A commit that failed the last time is made good.
            let receipt = self.commit(found, received).await?;
            return Ok(Receipt { replay: receipt.counted == 0, ..receipt });
        }
        if onward.hop.mode() == Mode::Deduplicated {
            return self.commit_then_forward(onward, attempt, request, found, received).await;
        }
        let (records, timed, matched) = (found.records, found.timed, std::mem::take(&mut found.matched));
        let (committed, delivered) =
            tokio::join!(self.commit(found, received), self.deliver(onward, request, records, matched),);
        if delivered.is_ok() {
            attempt.arrived(timed);
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
        let held_back = found.matched.iter().filter(|record| record.held_back).count() as u64;
        for delta in &mut found.deltas {
            delta.held = held.remove(&delta.fingerprint).unwrap_or_default();
        }
        let (records, timed, mut matched) = (found.records, found.timed, std::mem::take(&mut found.matched));
        remember_held(&mut found.tails, &matched);
        let committed = self.commit(found, received).await?;
        if !committed.replay {
            onward.hop.totals().held_back.fetch_add(held_back, std::sync::atomic::Ordering::Relaxed);
        } else if !choice_is_known {
            // It was counted before a restart. Twice is better than never.
            for record in &mut matched {
                record.held_back = false;
            }
        }
        let delivered = self.deliver(onward, request, records, matched).await?;
        attempt.arrived(timed);
        Ok(Receipt { delivered, ..committed })
    }

    async fn deliver(
        &self,
        onward: &Onward,
        request: Bytes,
        records: u64,
        mut matched: Vec<Matched>,
    ) -> Result<Delivered, PipelineError> {
        // The lines of a trace stand after each other until here; lines of other streams may stand between them.
        matched.sort_unstable_by_key(|record| record.index);
        let mode = if self.monitoring { onward.hop.mode() } else { Mode::All };
        let spliced =
            off_thread_if_long(request.len(), move || forward::onward(mode, &request, records, &matched));
        Ok(onward.hop.deliver(spliced.await?.map_err(Unreadable::from)?).await?)
    }
}

/// Notes of what is open at the request's end whether it was held back: its further lines go the same way.
fn remember_held(tails: &mut [(Key, Remembered)], matched: &[Matched]) {
    let held: HashSet<u64> =
        matched.iter().filter(|record| record.held_back).map(|record| record.index).collect();
    let pieces = tails.iter_mut().flat_map(|(_, tail)| &mut tail.pieces);
    for one in pieces.flat_map(|piece| &mut piece.counted) {
        one.held |= one.index.is_some_and(|index| held.contains(&index));
    }
}
