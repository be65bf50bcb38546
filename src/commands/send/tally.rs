//! What became of the records, and how long the answers took.

use std::fmt::{self, Write as _};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies are kept in microseconds to three digits, up to an hour; a longer one counts as an hour.
const LATENCY_MAX_MICROS: u64 = 3_600_000_000;
const LATENCY_DIGITS: u8 = 3;

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Taken, but for so many records.
    Acknowledged {
        /// Records that a partial success told of.
        rejected: u64,
    },
    /// Never to be taken.
    Refused,
    /// Not answered in time, after all tries.
    Unacknowledged,
}

/// The counts. Every record that was sent is one of acknowledged, rejected, refused, unacknowledged.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) acknowledged: u64,
    pub(super) rejected: u64,
    pub(super) refused: u64,
    pub(super) unacknowledged: u64,
    /// Tries after the first.
    pub(super) retried: u64,
    /// Bodies as they travelled, every try of them.
    pub(super) bytes: u64,
    pub(super) bad_lines: u64,
    /// Requests that the receiver waited for: they were not encoded when their turn came.
    pub(super) starved: u64,
    /// Inputs that could not be read to their end.
    pub(super) unread: u64,
    latency: Option<Histogram<u64>>,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            requests: 0,
            acknowledged: 0,
            rejected: 0,
            refused: 0,
            unacknowledged: 0,
            retried: 0,
            bytes: 0,
            bad_lines: 0,
            starved: 0,
            unread: 0,
            // The bounds are right, so it is always there.
            latency: Histogram::new_with_bounds(1, LATENCY_MAX_MICROS, LATENCY_DIGITS).ok(),
        }
    }

    /// Counts a request of so many records. Its latency counts where it was answered with success, tries included.
    pub(super) fn count(&mut self, records: u64, fate: Fate, latency: Duration) {
        self.requests += 1;
        match fate {
            Fate::Acknowledged { rejected } => {
                let rejected = rejected.min(records);
                self.rejected += rejected;
                self.acknowledged += records - rejected;
                if let Some(histogram) = &mut self.latency {
                    histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
                }
            }
            Fate::Refused => self.refused += records,
            Fate::Unacknowledged => self.unacknowledged += records,
        }
    }

    /// Whether every record that was sent was taken, and every input read.
    pub(super) fn is_complete(&self) -> bool {
        self.rejected + self.refused + self.unacknowledged + self.unread == 0
    }

    /// Whether most requests were not ready when their turn came: the receiver can do more.
    pub(super) fn is_starved(&self) -> bool {
        self.starved * 2 > self.requests && self.requests > 20
    }

    /// A quantile of the latencies.
    pub(super) fn latency(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.quantile(quantile))
    }

    /// One line for a terminal.
    pub(super) fn live(&self, acknowledged_before: u64) -> String {
        let mut line = format!(
            "{} acknowledged, {} records/s, p99 {}",
            self.acknowledged,
            self.acknowledged - acknowledged_before,
            Millis(self.quantile(0.99)),
        );
        for (name, count) in
            [("rejected", self.rejected), ("refused", self.refused), ("retried", self.retried)]
        {
            if count > 0 {
                // Writing into a string cannot fail.
                let _ = write!(line, ", {count} {name}");
            }
        }
        line
    }

    /// The table at the end.
    pub(super) fn report(&self, elapsed: Duration) -> String {
        let seconds = elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = if seconds > 0.0 { self.acknowledged as f64 / seconds } else { 0.0 };
        let rows = [
            ("records/s", format!("{rate:.0}")),
            ("ack latency", self.latencies()),
            ("acknowledged", self.acknowledged.to_string()),
            ("rejected", self.rejected.to_string()),
            ("refused", self.refused.to_string()),
            ("unacknowledged", self.unacknowledged.to_string()),
            ("retried", self.retried.to_string()),
            ("bad lines", self.bad_lines.to_string()),
            ("requests", self.requests.to_string()),
            ("bytes", self.bytes.to_string()),
            ("seconds", format!("{seconds:.3}")),
        ];
        let rows: Vec<_> = rows.iter().map(|(name, value)| format!("{name:<16}{value}")).collect();
        rows.join("\n")
    }

    fn latencies(&self) -> String {
        let named = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];
        let shown = named.map(|(name, quantile)| format!("{name} {}", Millis(self.quantile(quantile))));
        shown.join("  ")
    }

    fn quantile(&self, quantile: f64) -> u64 {
        self.latency.as_ref().map_or(0, |latency| latency.value_at_quantile(quantile))
    }
}

/// Microseconds, shown as milliseconds.
struct Millis(u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} ms", self.0 / 1_000, self.0 % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_has_one_fate() {
        let mut tally = Tally::new();
        let ms = Duration::from_millis;
        tally.count(100, Fate::Acknowledged { rejected: 0 }, ms(2));
        tally.count(100, Fate::Acknowledged { rejected: 30 }, ms(4));
        assert!(!tally.is_complete());
        tally.count(10, Fate::Acknowledged { rejected: 99 }, ms(8));
        tally.count(5, Fate::Refused, ms(900));
        tally.count(7, Fate::Unacknowledged, ms(900));
        assert_eq!(
            (tally.acknowledged, tally.rejected, tally.refused, tally.unacknowledged),
            (170, 40, 5, 7)
        );
        let report = tally.report(Duration::from_secs(2));
        for row in
            ["records/s       85\n", "p50 4.0", "max 8.0", "acknowledged    170\n", "seconds         2.000"]
        {
            assert!(report.contains(row), "`{row}` is not in\n{report}");
        }
        assert_eq!(tally.live(100), "170 acknowledged, 70 records/s, p99 8.003 ms, 40 rejected, 5 refused");
    }

    #[test]
    fn nothing_sent_is_nothing_lost() {
        assert!(Tally::new().is_complete());
        assert!(Tally::new().report(Duration::ZERO).starts_with("records/s       0\n"));
    }
}
