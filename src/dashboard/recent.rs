//! The last ten minutes of the pipeline: its numbers every five seconds, for rates and charts that are there without a script.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How often the numbers are read.
const EVERY: Duration = Duration::from_secs(5);
/// How many readings are kept: ten minutes of them, and one to begin with.
pub(super) const KEPT: usize = 121;

/// What was counted since the start, at one moment; the last ones go up and down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    /// Records in acknowledged requests.
    pub received: u64,
    /// Those of them that were counted into errors.
    pub matched: u64,
    /// Those of them that are no errors.
    pub dropped: u64,
    /// Records that were counted or read before.
    pub repeated: u64,
    /// Records in requests that were refused.
    pub refused: u64,
    /// Requests that were acknowledged.
    pub requests: u64,
    /// Transactions in which errors were counted.
    pub commits: u64,
    /// Bytes of requests in hand.
    pub bytes_in_hand: u64,
    /// Requests that wait for a commit.
    pub waiting: u64,
}

/// The readings; clones share them.
#[derive(Clone)]
pub struct Recent {
    read: Arc<dyn Fn() -> Flow + Send + Sync>,
    readings: Arc<Mutex<VecDeque<Flow>>>,
}

/// How much of something came each second, reading by reading.
pub(super) struct Rate {
    pub(super) by_reading: Vec<u64>,
    /// Over the last minute.
    pub(super) now: f64,
}

impl Recent {
    /// Readings of what `read` gives.
    pub fn new(read: impl Fn() -> Flow + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), readings: Arc::default() }
    }

    /// The numbers of this moment.
    pub(super) fn now(&self) -> Flow {
        (self.read)()
    }

    /// Reads until `stop` is cancelled.
    pub async fn keep(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let reading = self.now();
            let mut readings = self.readings();
            if readings.len() == KEPT {
                readings.pop_front();
            }
            readings.push_back(reading);
        }
    }

    /// What came in each second of what `of` counts.
    pub(super) fn rate(&self, of: fn(&Flow) -> u64) -> Rate {
        let counts: Vec<_> = self.readings().iter().map(of).collect();
        let steps: Vec<_> = counts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        let minute: Vec<_> = steps.iter().rev().take(12).collect();
        let seconds = u32::try_from(minute.len()).unwrap_or(12).max(1) * 5;
        let sum = u32::try_from(minute.into_iter().sum::<u64>()).unwrap_or(u32::MAX);
        Rate {
            by_reading: steps.iter().map(|step| step / EVERY.as_secs()).collect(),
            now: f64::from(sum) / f64::from(seconds),
        }
    }

    /// What stood in each reading of what goes up and down.
    pub(super) fn level(&self, of: fn(&Flow) -> u64) -> Vec<u64> {
        self.readings().iter().map(of).collect()
    }

    fn readings(&self) -> MutexGuard<'_, VecDeque<Flow>> {
        // A reading is there whole or not at all.
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_each_second() {
        let recent = Recent::new(Flow::default);
        assert_eq!(recent.rate(|flow| flow.received).by_reading, Vec::<u64>::new());
        for received in [0, 50, 50, 150] {
            recent.readings().push_back(Flow { received, ..Flow::default() });
        }
        let rate = recent.rate(|flow| flow.received);
        assert_eq!(rate.by_reading, [10, 0, 20]);
        assert!((rate.now - 10.0).abs() < 1e-9, "{}", rate.now);
    }
}
