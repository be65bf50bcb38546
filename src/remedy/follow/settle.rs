//! Whether a merged change has mended its error: a function of what was seen since.

use std::time::Duration;

use crate::model::UnixNanos;

/// What was seen since the merge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    /// When people merged it.
    pub merged_at: UnixNanos,
    /// In which builds the service runs.
    pub deployed: Deployed,
    /// In which build the error was seen last.
    pub seen_in: SeenIn,
    /// When the error was last seen after the merge.
    pub last_seen: Option<UnixNanos>,
    /// Whether it was told as mended.
    pub fixed: bool,
    /// The time.
    pub now: UnixNanos,
    /// How long silence must last, and for how long a deployment may be awaited where nobody tells of it.
    pub quiet: Duration,
}

/// What is known of the change's deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deployed {
    /// The service does not say which build it is.
    Unknown,
    /// All builds that were seen are older.
    NotYet,
    /// A build that holds the change was first seen then.
    At(UnixNanos),
}

/// In which build the error was seen since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeenIn {
    /// In one that holds the change.
    Fixed,
    /// Only in older ones.
    Older,
    /// In one that is not known, or not at all.
    Unknown,
}

/// What it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is too early to say.
    NotYet,
    /// It is mended.
    Fixed,
    /// It came back.
    Regressed,
}

/// Judges.
pub(super) fn settle(since: &Since) -> Settled {
    let after = |time: UnixNanos| {
        UnixNanos(time.0.saturating_add(u64::try_from(since.quiet.as_nanos()).unwrap_or(u64::MAX)))
    };
    let begun = match since.deployed {
        Deployed::At(time) => time.max(since.merged_at),
        Deployed::Unknown => since.merged_at,
        Deployed::NotYet => return Settled::NotYet,
    };
    let came_back = match since.seen_in {
        SeenIn::Fixed => true,
        SeenIn::Older => false,
        // The change may take that long to be everywhere.
        SeenIn::Unknown => since.last_seen.is_some_and(|last| last > after(begun)),
    };
    if came_back {
        return Settled::Regressed;
    }
    // A clock ahead of ours must not make it wait for ever.
    let last = since.last_seen.map_or(begun, |last| last.min(since.now).max(begun));
    if !since.fixed && since.now >= after(last) { Settled::Fixed } else { Settled::NotYet }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;

    #[test]
    fn silence_is_a_fix_and_a_sighting_in_a_fixed_build_is_none() {
        use Deployed::{At, NotYet, Unknown};
        use Settled::{Fixed, Regressed};
        let at = |hours: u64| UnixNanos::from_secs(hours * HOUR);
        let merged = 100;
        for (deployed, seen_in, last_seen, now, expected) in [
            (Unknown, SeenIn::Unknown, None, 123, Settled::NotYet),
            (Unknown, SeenIn::Unknown, None, 124, Fixed),
            // It may not be deployed yet.
            (Unknown, SeenIn::Unknown, Some(110), 124, Settled::NotYet),
            (Unknown, SeenIn::Unknown, Some(110), 134, Fixed),
            (Unknown, SeenIn::Unknown, Some(125), 125, Regressed),
            (NotYet, SeenIn::Older, Some(125), 200, Settled::NotYet),
            (NotYet, SeenIn::Unknown, None, 200, Settled::NotYet),
            (At(at(110)), SeenIn::Unknown, None, 133, Settled::NotYet),
            (At(at(110)), SeenIn::Unknown, None, 134, Fixed),
            (At(at(110)), SeenIn::Fixed, Some(111), 111, Regressed),
            // An old build that still runs somewhere is no sign of anything.
            (At(at(110)), SeenIn::Older, Some(150), 160, Settled::NotYet),
            (At(at(110)), SeenIn::Older, Some(150), 174, Fixed),
            (At(at(110)), SeenIn::Unknown, Some(135), 135, Regressed),
            // A clock that is ahead.
            (Unknown, SeenIn::Unknown, Some(123), 150, Fixed),
        ] {
            let since = Since {
                merged_at: at(merged),
                deployed,
                seen_in,
                last_seen: last_seen.map(at),
                fixed: false,
                now: at(now),
                quiet: Duration::from_hours(24),
            };
            assert_eq!(settle(&since), expected, "{since:?}");
            let told = settle(&Since { fixed: true, ..since });
            assert_eq!(told, if expected == Fixed { Settled::NotYet } else { expected }, "once: {since:?}");
        }
    }
}
