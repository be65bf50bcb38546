//! How often an error came, hour by hour, as a line of text.

use serde::{Deserialize, Serialize};

use crate::model::{Cluster, UnixNanos};
use crate::store::{Hour, Store, StoreError};

/// An hour, in nanoseconds.
const HOUR: u64 = 3_600_000_000_000;
/// How many hours are shown: a day holds each hour's load once.
const HOURS: u64 = 24;
/// From few to many.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// An hour without it.
const NONE: char = '·';

/// The counts of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// One sign for each hour, the earliest first.
    pub sparkline: String,
    /// The most in one hour.
    pub peak: u64,
}

impl Counts {
    /// The counts of the 24 hours up to the latest record; `None` where the store has none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub(super) async fn read(store: &Store, cluster: &Cluster) -> Result<Option<Self>, StoreError> {
        let since = UnixNanos(cluster.last_seen.0.saturating_sub((HOURS - 1) * HOUR));
        Ok(Self::of(&store.hours(cluster.fingerprint, since).await?, cluster.last_seen))
    }

    fn of(hours: &[Hour], latest: UnixNanos) -> Option<Self> {
        let peak = hours.iter().map(|hour| hour.count).max().filter(|peak| *peak > 0)?;
        let last = latest.0 / HOUR;
        let sign = |hour: u64| {
            let count =
                hours.iter().find(|found| found.start.0 / HOUR == hour).map_or(0, |found| found.count);
            // The lowest level is one record at least, the last one near the peak.
            let level = (u128::from(count) * 8).div_ceil(u128::from(peak));
            let level = usize::try_from(level).unwrap_or(LEVELS.len());
            if level == 0 { NONE } else { LEVELS[level.min(LEVELS.len()) - 1] }
        };
        let sparkline = (last.saturating_sub(HOURS - 1)..=last).map(sign).collect();
        Some(Self { sparkline, peak })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_line() {
        let hour = |n: u64, count| Hour { start: UnixNanos(n * HOUR), count };
        let hours = [hour(100, 1), hour(103, 40), hour(104, 80), hour(105, 0)];
        let counts = Counts::of(&hours, UnixNanos(106 * HOUR + 7)).unwrap();
        assert_eq!(counts.sparkline, "·················▁··▄█··");
        assert_eq!((counts.sparkline.chars().count(), counts.peak), (24, 80));
        assert_eq!(Counts::of(&[], UnixNanos(0)), None);
        assert_eq!(Counts::of(&[hour(0, u64::MAX)], UnixNanos(1)).unwrap().sparkline, "█");
    }
}
