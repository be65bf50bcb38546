//! Which clusters are kept apart in the open window: a bounded number of places, shared out among services.
//!
//! A line can hold a new word each time, and a million lines a million templates. The rule: **a service gets 20 places for the
//! asking, and a further one as long as it holds fewer than are left of the half that is for that.** So one that floods gets a
//! quarter of all, a second one an eighth, and the other half of all waits for those that need few. That none may hold more
//! than is left is how switches share their buffers among ports (Choudhury and Hahne, "Dynamic Queue Length Thresholds for
//! Shared-Memory Packet Switches", IEEE/ACM Transactions on Networking, 1998).
//!
//! Clusters that the store knows from before take a place too and are never refused one, so a flood takes nothing away from
//! errors that were there. A service's name is the sender's word, so services are bounded as well: past one for each 50
//! places they share one account, which may hold as long as it holds fewer than are left at all.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use crate::model::{Fingerprint, UnixNanos};

/// What each service gets for the asking: distinct new errors that a bad day of a real service brings in one window.
const FOR_THE_ASKING: usize = 20;

/// Places for each service whose places are counted apart, more than twice of what it gets for the asking: if all of these
/// services are made up, those that come later find places all the same.
const PLACES_PER_ACCOUNT: usize = 50;

/// Services that get overflow clusters of their own in one window. With some 10 categories that is 1,000 clusters more at most.
const OVERFLOWING_MAX: usize = 100;

/// The account of all services past the bound.
const SHARED: u64 = 0;

/// Where an occurrence is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In its own cluster.
    Own,
    /// With what else of its service and category is one too many.
    WithService,
    /// With what of many services and its category is one too many.
    WithMany,
}

/// The places of the open window. A place that was given stays given until the window ends, also where its request was refused
/// after all: the request comes again. Held in memory alone: after a restart the places begin anew, and each replica has its own.
#[derive(Debug)]
pub(super) struct Places {
    max: usize,
    window: UnixNanos,
    /// 16 bytes for each: those that were given, at most `max`, and those of clusters that were known, at most as many again.
    taken: HashSet<Fingerprint>,
    by_service: HashMap<u64, usize>,
    overflowing: HashSet<u64>,
    /// Keyed at random, so that nobody can choose names that share an account.
    hasher: RandomState,
}

impl Places {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            window: UnixNanos::default(),
            taken: HashSet::new(),
            by_service: HashMap::new(),
            overflowing: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// All places are free again where a later window has begun.
    pub(super) fn turn_to(&mut self, window: UnixNanos) {
        if self.window < window {
            *self = Self { window, ..Self::new(self.max) };
        }
    }

    /// The place of one cluster. `known` says that the store had it before; `may_be_new` is false where a request has brought
    /// its share of new ones. True with it where the place was given just now.
    pub(super) fn place(
        &mut self,
        fingerprint: Fingerprint,
        service: &[u8],
        known: bool,
        may_be_new: bool,
    ) -> (Place, bool) {
        if self.taken.contains(&fingerprint) {
            return (Place::Own, false);
        }
        let hash = self.hasher.hash_one(service);
        let left = self.max.saturating_sub(self.taken.len());
        let accounts_max = self.max / PLACES_PER_ACCOUNT;
        let has_account = self.by_service.contains_key(&hash) || self.by_service.len() < accounts_max;
        let held = self.by_service.entry(if has_account { hash } else { SHARED }).or_default();
        let has_room = if has_account {
            left > 0 && (*held < FOR_THE_ASKING || *held < left.saturating_sub(self.max / 2))
        } else {
            *held < left
        };
        if known || (may_be_new && has_room) {
            *held += 1;
            self.taken.insert(fingerprint);
            return (Place::Own, !known);
        }
        if self.overflowing.contains(&hash) || self.overflowing.len() < OVERFLOWING_MAX {
            self.overflowing.insert(hash);
            (Place::WithService, false)
        } else {
            (Place::WithMany, false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 10_000;

    fn id(n: usize) -> Fingerprint {
        Fingerprint::from_bytes((n as u128).to_be_bytes())
    }

    /// How many of these new clusters of one service get places of their own.
    fn flood(places: &mut Places, service: &str, ids: std::ops::Range<usize>) -> usize {
        ids.filter(|n| places.place(id(*n), service.as_bytes(), false, true).0 == Place::Own).count()
    }

    #[test]
    fn a_flood_leaves_places_to_others() {
        let mut places = Places::new(MAX);
        assert_eq!(flood(&mut places, "one", 0..100_000), 2_500);
        assert_eq!(flood(&mut places, "two", 100_000..200_000), 1_250);
        assert_eq!(
            flood(&mut places, "shop", 200_000..200_040),
            40,
            "one that does not flood gets all it needs"
        );
        assert_eq!(flood(&mut places, "one", 0..100_000), 2_500, "what has a place keeps it");
        for n in 3..100 {
            let got = flood(&mut places, &format!("flood-{n}"), n * 100_000..(n + 1) * 100_000);
            assert!(got >= FOR_THE_ASKING, "{got}");
        }
        assert_eq!(flood(&mut places, "quiet", 20_000_000..20_000_010), 10);
        places.turn_to(UnixNanos(1));
        assert_eq!(flood(&mut places, "two", 0..100_000), 2_500, "the next window begins anew");
    }

    #[test]
    fn invented_services_take_no_more_than_there_is() {
        for max in [100, MAX] {
            let mut places = Places::new(max);
            let mut own = 0;
            let mut overflowing = HashSet::new();
            for n in 0..2_000 {
                let service = format!("service-{n}");
                for k in 0..30 {
                    match places.place(id(n * 30 + k), service.as_bytes(), false, true).0 {
                        Place::Own => own += 1,
                        Place::WithService => drop(overflowing.insert(service.clone())),
                        Place::WithMany => {}
                    }
                }
            }
            assert!(own < max && places.taken.len() == own, "{own} of {max}");
            assert_eq!(overflowing.len(), OVERFLOWING_MAX);
            assert_eq!(places.by_service.len(), max / PLACES_PER_ACCOUNT + 1);
        }
    }

    #[test]
    fn what_the_store_knows_is_never_refused_and_counts_as_held() {
        let mut places = Places::new(1_000);
        assert_eq!(flood(&mut places, "one", 0..1_000), 250);
        assert_eq!(places.place(id(5_000), b"one", true, false), (Place::Own, false));
        assert_eq!(
            places.place(id(5_000), b"one", false, false),
            (Place::Own, false),
            "also when it is forgotten"
        );
        assert_eq!(flood(&mut places, "two", 2_000..3_000), 125);
        assert_eq!(places.place(id(9_000), b"other", false, false).0, Place::WithService);
    }
}
