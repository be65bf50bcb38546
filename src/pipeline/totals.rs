//! What became of records since the start, counted so that it adds up at any moment.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Receipt;
use crate::model::Transport;
use crate::otlp::Walked;
use crate::window::LookedUp;

/// Totals since the start.
///
/// One lock, taken once for each request, and not one atomic for each number: whoever reads in the middle of the traffic
/// finds [`Counts::accepted`] equal to the sum of its outcomes.
#[derive(Debug, Default)]
pub struct Totals(Mutex<Counts>);

/// The totals at one moment.
///
/// Accepted records are `classified + joined + ignored + rejected + replayed`, each of them in exactly one of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// What each transport brought, in the order of [`Transport::ALL`].
    by_transport: [Taken; Transport::ALL.len()],
    /// Records that a rule held for and that are counted into clusters now, durably.
    pub classified: u64,
    /// Records that are further lines of a trace that is counted into a cluster, once.
    pub joined: u64,
    /// Records that no rule held for, that are logmend's own, or that came while monitoring was off.
    pub ignored: u64,
    /// Records that were told to be rejected by `partial_success`: they are not counted, the rest of their request is.
    pub rejected: u64,
    /// Records of a request that was counted before: the sender had no answer and sent the same bytes again. And those that were
    /// counted since they were read back before, or sent.
    pub replayed: u64,
    /// Values in requests that could be read, also in those that were refused later, which were nested too deeply and
    /// are taken as opaque.
    pub values_cut: u64,
    /// Trace and span ids of a wrong length there, taken as absent.
    pub ids_dropped: u64,
    /// Keys and values there that were given by their place in a table that logs don't have, taken as empty.
    pub references_dropped: u64,
    /// What the dedupe cache was good for, in the same requests.
    pub looked_up: LookedUp,
    /// Matched records that were counted with others, as they were too many to be kept apart.
    pub overflow: Overflow,
    /// What was too long to be kept whole.
    pub cuts: Cuts,
}

/// Matched records that were counted with others, by whom with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overflow {
    /// With others of their service and category.
    pub with_service: u64,
    /// With others of their category.
    pub with_many: u64,
}

/// What was cut of examples and descriptions, or left out of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Bodies.
    pub bodies: u64,
    /// Stack traces, in bytes or in frames.
    pub stack_traces: u64,
    /// Values of attributes.
    pub values: u64,
    /// Attributes that were left out.
    pub attributes: u64,
}

/// What was noted while one request was read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Noticed {
    pub(super) looked_up: LookedUp,
    pub(super) overflow: Overflow,
    pub(super) cuts: Cuts,
}

/// What one transport brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Requests that were acknowledged.
    pub requests: u64,
    /// Records in them.
    pub accepted: u64,
    /// Records in requests that could be read and were refused: not committed, or not taken by the next hop.
    /// What is in a request that cannot be read nobody knows.
    pub refused: u64,
}

impl Cuts {
    pub(super) fn add(&mut self, other: Self) {
        self.bodies += other.bodies;
        self.stack_traces += other.stack_traces;
        self.values += other.values;
        self.attributes += other.attributes;
    }
}

impl Counts {
    /// What a transport brought.
    #[must_use]
    pub fn of(&self, transport: Transport) -> Taken {
        self.by_transport[transport as usize]
    }

    /// Records in acknowledged requests, whatever brought them.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.by_transport.iter().map(|taken| taken.accepted).sum()
    }
}

impl Totals {
    /// The totals of this moment.
    #[must_use]
    pub fn now(&self) -> Counts {
        *self.counts()
    }

    pub(super) fn accept(&self, transport: Transport, receipt: &Receipt) {
        let mut counts = self.counts();
        let taken = &mut counts.by_transport[transport as usize];
        taken.requests += 1;
        taken.accepted += receipt.records;
        if receipt.replay {
            counts.replayed += receipt.records;
        } else {
            counts.classified += receipt.counted;
            counts.joined += receipt.joined;
            counts.rejected += receipt.rejected;
            counts.replayed += receipt.came_before;
            let told = receipt.counted + receipt.joined + receipt.rejected + receipt.came_before;
            counts.ignored += receipt.records.saturating_sub(told);
        }
    }

    pub(super) fn refuse(&self, transport: Transport, records: u64) {
        self.counts().by_transport[transport as usize].refused += records;
    }

    /// Counts what had to be mended in a request to read it.
    pub(super) fn mended(&self, walked: &Walked) {
        if (walked.values_cut, walked.ids_dropped, walked.references_dropped) == (0, 0, 0) {
            return;
        }
        let mut counts = self.counts();
        counts.values_cut += walked.values_cut;
        counts.ids_dropped += walked.ids_dropped;
        counts.references_dropped += walked.references_dropped;
    }

    /// Counts what was noted while a request was read; of one that matches nothing there is nothing to count.
    pub(super) fn noticed(&self, noticed: Noticed) {
        let Noticed { looked_up, overflow, cuts } = noticed;
        if looked_up.hits + looked_up.misses == 0 {
            return;
        }
        let mut counts = self.counts();
        counts.looked_up.hits += looked_up.hits;
        counts.looked_up.misses += looked_up.misses;
        counts.overflow.with_service += overflow.with_service;
        counts.overflow.with_many += overflow.with_many;
        counts.cuts.add(cuts);
    }

    /// Numbers cannot be left half changed in a way that matters, so a panic elsewhere does not end the counting.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_records_are_the_sum_of_what_became_of_them() {
        let totals = Totals::default();
        let receipt = |records, counted, rejected, replay| Receipt {
            records,
            counted,
            rejected,
            replay,
            ..Receipt::default()
        };
        totals.accept(
            Transport::Loki,
            &Receipt { records: 3, counted: 1, came_before: 2, ..Receipt::default() },
        );
        totals.accept(Transport::Grpc, &receipt(10, 3, 2, false));
        totals.accept(Transport::Http, &receipt(10, 0, 0, true));
        totals.accept(Transport::Http, &receipt(0, 0, 0, false));
        totals.refuse(Transport::Grpc, 7);
        let counts = totals.now();
        assert_eq!((counts.classified, counts.ignored, counts.rejected, counts.replayed), (4, 5, 2, 12));
        assert_eq!(counts.accepted(), 23);
        assert_eq!(counts.of(Transport::Grpc), Taken { requests: 1, accepted: 10, refused: 7 });
        assert_eq!(counts.of(Transport::Http), Taken { requests: 2, accepted: 10, refused: 0 });
    }
}
