//! When each request is due.

use std::time::Duration;

/// The times at which records are due, at a steady rate from the start.
///
/// Each time is computed from the number of records before it, not from the former time: rounding and lateness do not
/// add up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    /// Records a second; 0 means that nothing is ever waited for.
    rate: u64,
    /// When the record number 0 of this count was due, since the start.
    origin: Duration,
    /// Records given out since the origin.
    records: u64,
}

impl Schedule {
    /// A schedule of so many records a second.
    pub(super) fn new(rate: u64) -> Self {
        Self { rate, origin: Duration::ZERO, records: 0 }
    }

    /// When the next request, of so many records, is due since the start; `None` without a rate.
    pub(super) fn take(&mut self, records: u64) -> Option<Duration> {
        if self.rate == 0 {
            return None;
        }
        let nanos = u128::from(self.records) * 1_000_000_000 / u128::from(self.rate);
        self.records += records;
        Some(self.origin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// Counts from `now` on: the input had nothing to give, and what it gives next was not due before.
    pub(super) fn begin_again(&mut self, now: Duration) {
        if self.take(0).is_some_and(|due| due < now) {
            (self.origin, self.records) = (now, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_absolute_times_without_drift() {
        let mut schedule = Schedule::new(3);
        let due: Vec<_> = (0..4).map(|_| schedule.take(1).unwrap().as_nanos()).collect();
        assert_eq!(due, [0, 333_333_333, 666_666_666, 1_000_000_000]);
        let mut schedule = Schedule::new(70_000);
        let last = (0..70_001_u64).map(|_| schedule.take(1_000).unwrap()).last();
        assert_eq!(last, Some(Duration::from_secs(1_000)), "a million roundings later to the nanosecond");
    }

    #[test]
    fn without_a_rate_nothing_is_due() {
        assert_eq!(Schedule::new(0).take(1_000), None);
    }

    #[test]
    fn an_idle_input_is_not_caught_up_with() {
        let mut schedule = Schedule::new(10);
        schedule.take(10);
        schedule.begin_again(Duration::from_millis(500));
        assert_eq!(schedule.take(10), Some(Duration::from_secs(1)), "not earlier than it was due");
        schedule.begin_again(Duration::from_mins(1));
        assert_eq!(schedule.take(1), Some(Duration::from_mins(1)));
        assert_eq!(schedule.take(1), Some(Duration::from_millis(60_100)));
    }
}
