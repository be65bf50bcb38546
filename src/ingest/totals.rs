//! How often each receiver refused, and why; and what it mended where JSON became protobuf.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Reason;
use crate::model::Transport;
use crate::otlp::Transcoded;

/// Refused requests since the start, by transport and reason. Whoever makes a refusal counts it, once.
#[derive(Debug, Default)]
pub struct Refusals([[AtomicU64; Reason::ALL.len()]; Transport::LISTENING.len()]);

impl Refusals {
    /// Counts one.
    pub fn count(&self, transport: Transport, reason: Reason) {
        self.0[transport as usize][reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    #[must_use]
    pub fn of(&self, transport: Transport, reason: Reason) -> u64 {
        self.0[transport as usize][reason as usize].load(Ordering::Relaxed)
    }
}

/// What was mended in JSON requests since the start; what is mended in protobuf, the walk tells.
#[derive(Debug, Default)]
pub struct Mended {
    /// Values that were nested too deeply and are empty now.
    pub values_cut: AtomicU64,
    /// Trace and span ids of a wrong length, absent now.
    pub ids_dropped: AtomicU64,
}

impl Mended {
    pub(super) fn count(&self, transcoded: &Transcoded) {
        self.values_cut.fetch_add(transcoded.values_cut, Ordering::Relaxed);
        self.ids_dropped.fetch_add(transcoded.ids_dropped, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_of_each_transport_has_a_number_of_its_own() {
        let refusals = Refusals::default();
        for transport in Transport::LISTENING {
            for reason in Reason::ALL {
                refusals.count(transport, reason);
                assert_eq!(refusals.of(transport, reason), 1, "{transport:?} {reason:?}");
            }
        }
    }
}
