//! Of which clusters a record went on already in the window that is open.

use std::collections::HashSet;

use crate::model::{Fingerprint, UnixNanos};

/// Claims at most: 100,000 clusters in one window are some 5 MB. Where there are more, their records go on, every one:
/// to be told too often is better than not at all.
const CLAIMS_MAX: usize = 100_000;

/// The clusters of one window whose first record is on its way or there.
#[derive(Debug, Default)]
pub(super) struct Claims {
    window: UnixNanos,
    claimed: HashSet<Fingerprint>,
}

/// Whether a record is the first of its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// It is.
    First,
    /// One before it is on its way or there.
    Repeat,
    /// Nobody knows any more: the bound is reached.
    Untold,
}

impl Claims {
    /// Claims a cluster in the window that began at `window`. With a new window all claims of the earlier one are void.
    pub(super) fn claim(&mut self, window: UnixNanos, fingerprint: Fingerprint) -> Claim {
        if window < self.window {
            // It was read before the border: nothing is known of its window any more.
            return Claim::Untold;
        }
        if window > self.window {
            *self = Self { window, claimed: HashSet::new() };
        }
        if self.claimed.contains(&fingerprint) {
            Claim::Repeat
        } else if self.claimed.len() >= CLAIMS_MAX {
            Claim::Untold
        } else {
            self.claimed.insert(fingerprint);
            Claim::First
        }
    }

    /// Gives a claim of that window back: its record did not get there.
    pub(super) fn release(&mut self, window: UnixNanos, fingerprint: Fingerprint) {
        if self.window == window {
            self.claimed.remove(&fingerprint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_of_a_cluster_is_the_first_in_each_window() {
        let (mut claims, id) = (Claims::default(), Fingerprint::from_bytes([1; 16]));
        let (one, two) = (UnixNanos(1), UnixNanos(2));
        assert_eq!(claims.claim(one, id), Claim::First);
        assert_eq!(claims.claim(one, id), Claim::Repeat);
        claims.release(one, id);
        assert_eq!(claims.claim(one, id), Claim::First);
        assert_eq!(claims.claim(two, id), Claim::First);
        claims.release(one, id);
        assert_eq!(claims.claim(two, id), Claim::Repeat, "a claim of an earlier window is void");
    }

    #[test]
    fn past_the_bound_records_go_on() {
        let mut claims = Claims::default();
        let id = |n: usize| Fingerprint::from_bytes((n as u128).to_be_bytes());
        for n in 0..CLAIMS_MAX {
            assert_eq!(claims.claim(UnixNanos(1), id(n)), Claim::First);
        }
        assert_eq!(claims.claim(UnixNanos(1), id(CLAIMS_MAX)), Claim::Untold);
        assert_eq!(claims.claim(UnixNanos(1), id(0)), Claim::Repeat);
    }
}
