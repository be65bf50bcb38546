//! Times in which nobody counted, and what of them may come twice.

use std::time::Duration;

use super::UnixNanos;

/// A time in which nobody counted: after `from`, up to before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// What happened up to then, and then, is counted.
    pub from: UnixNanos,
    /// What happens from then on arrives by itself.
    pub to: UnixNanos,
}

impl Hole {
    /// The longest that is read. Past it so much may have been logged that reading it takes longer than people wait for
    /// what happens now, and the errors that matter go on.
    pub const LENGTH_MAX: Duration = Duration::from_hours(1);

    /// The hole between when logmend last counted, and now; where that is longer, the latest hour of it.
    #[must_use]
    pub fn since(last_alive: UnixNanos, now: UnixNanos) -> Option<Self> {
        let length_max = u64::try_from(Self::LENGTH_MAX.as_nanos()).unwrap_or(u64::MAX);
        let from = last_alive.max(UnixNanos(now.0.saturating_sub(length_max)));
        (from < now).then_some(Self { from, to: now })
    }

    /// Whether what happened then was missed.
    #[must_use]
    pub fn holds(&self, at: UnixNanos) -> bool {
        self.from < at && at < self.to
    }
}

/// How a request came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Way {
    /// An exporter sent it.
    #[default]
    Sent,
    /// It was read back, of the hole that ends then.
    ReadBack(UnixNanos),
}

/// An error that happened in a hole: exporters send again for minutes what nobody acknowledged, in requests with other bytes,
/// and it is read back as well. Whichever way brings it first has it counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// Which error, by what both ways keep as it was.
    pub key: [u8; 16],
    /// The end of its hole.
    pub hole: UnixNanos,
    /// Which record of its request it is.
    pub index: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_an_hour_at_most() {
        let hour = 3_600_000_000_000;
        for (last_alive, now, from) in
            [(5, 5, None), (9, 5, None), (4, 5, Some(4)), (0, hour, Some(0)), (0, hour + 7, Some(7))]
        {
            let hole = Hole::since(UnixNanos(last_alive), UnixNanos(now));
            assert_eq!(hole.map(|hole| (hole.from.0, hole.to.0)), from.map(|from| (from, now)));
        }
    }
}
