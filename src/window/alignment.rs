//! Windows end at whole multiples of their length, counted from 1970, so that all replicas agree on their borders.

use std::time::Duration;

use crate::model::UnixNanos;

/// The length of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alignment {
    length: Duration,
}

impl Alignment {
    /// Windows of this length; one below a second counts as a second.
    #[must_use]
    pub fn new(length: Duration) -> Self {
        Self { length: length.max(Duration::from_secs(1)) }
    }

    /// The length.
    #[must_use]
    pub fn length(self) -> Duration {
        self.length
    }

    /// The first border after `time`.
    #[must_use]
    pub fn border_after(self, time: UnixNanos) -> UnixNanos {
        let length = u64::try_from(self.length.as_nanos()).unwrap_or(u64::MAX);
        UnixNanos((time.0 / length + 1).saturating_mul(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_multiples_of_the_length() {
        let five_minutes = Alignment::new(Duration::from_mins(5));
        let border = |secs| five_minutes.border_after(UnixNanos::from_secs(secs)).as_secs();
        assert_eq!((border(0), border(299), border(300), border(301)), (300, 300, 600, 600));
    }
}
