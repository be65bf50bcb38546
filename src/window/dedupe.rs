//! What need not be done again: the clusters that the store knows, and the requests that were counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use super::places::{Place, Places};
use crate::model::samples::Choice;
use crate::model::{Fingerprint, UnixNanos};

/// What a live cluster takes in the cache, in bytes: most are smaller, and of larger ones fewer are held. With the most clusters
/// that a window keeps apart by default, this is 10 MB. A cluster that falls out is only described again.
const LIVE_CLUSTER_BYTES: u32 = 1_024;

/// After this long a live cluster is described to the store again. It must be shorter than the store keeps clusters for.
const LIVE_CLUSTER_KEPT: Duration = Duration::from_mins(15);

/// Digests at most: 10 minutes of 160 matching requests a second. One that falls out is still known to the store.
const DIGESTS_MAX: u64 = 100_000;

/// As long as the store knows them.
const DIGEST_KEPT: Duration = Duration::from_mins(10);

/// The dedupe caches; clones share them. Bounded by weight and time to live, never time to idle:
/// an error that never stops would never be described again.
#[derive(Debug, Clone)]
pub struct Dedupe {
    live: Cache<Fingerprint, Arc<Live>>,
    digests: Cache<[u8; 16], ()>,
    /// Held for a look-up, never across an await.
    places: Arc<Mutex<Places>>,
}

/// What is known of a cluster that the store has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// Which samples the store was offered and has taken, as far as this process knows.
    pub(super) samples: Choice,
    /// The latest window in which a sample was offered in place of another.
    pub(super) window: UnixNanos,
    /// How many were in that window.
    pub(super) replaced: usize,
}

impl Live {
    fn bytes(&self) -> u32 {
        let values = self.samples.values() * size_of::<u64>();
        u32::try_from(values + 200).unwrap_or(u32::MAX).max(LIVE_CLUSTER_BYTES)
    }

    /// Takes in what a request added beside what others added meanwhile.
    fn and(&self, added: &Self) -> Self {
        let mut all = self.clone();
        all.samples.absorb(&added.samples);
        if all.window == added.window {
            all.replaced = all.replaced.max(added.replaced);
        } else if all.window < added.window {
            (all.window, all.replaced) = (added.window, added.replaced);
        }
        all
    }
}

/// From when a cluster became known; what is learned of it later does not keep it longer.
struct SinceKnown;

impl Expiry<Fingerprint, Arc<Live>> for SinceKnown {
    fn expire_after_create(&self, _: &Fingerprint, _: &Arc<Live>, _: Instant) -> Option<Duration> {
        Some(LIVE_CLUSTER_KEPT)
    }
}

impl Default for Dedupe {
    fn default() -> Self {
        Self::new(Self::CLUSTERS_MAX)
    }
}

impl Dedupe {
    /// How many clusters one window keeps apart by default: more than people would ever look at.
    pub const CLUSTERS_MAX: usize = 10_000;

    /// Caches for as many clusters as a window keeps apart.
    #[must_use]
    pub fn new(clusters_max: usize) -> Self {
        let bytes_max = (clusters_max as u64).saturating_mul(LIVE_CLUSTER_BYTES.into());
        Self {
            live: Cache::builder()
                .weigher(|_, live: &Arc<Live>| live.bytes())
                .max_capacity(bytes_max)
                .expire_after(SinceKnown)
                .build(),
            digests: Cache::builder().max_capacity(DIGESTS_MAX).time_to_live(DIGEST_KEPT).build(),
            places: Arc::new(Mutex::new(Places::new(clusters_max))),
        }
    }

    /// Whether this very request was counted lately. False is no proof: the store knows longer.
    #[must_use]
    pub fn is_replay(&self, digest: &[u8; 16]) -> bool {
        self.digests.contains_key(digest)
    }

    /// What is known of a cluster; `None` where it may be new to the store.
    pub(super) fn known(&self, fingerprint: Fingerprint) -> Option<Arc<Live>> {
        self.live.get(&fingerprint)
    }

    /// The window that is open now; its places are free where it is a later one than before.
    pub(super) fn turn_to(&self, window: UnixNanos) {
        self.lock_places().turn_to(window);
    }

    /// The place of a cluster of a service in the open window, and whether it was given just now. Requests that are read at the
    /// same time share the places, so there are never more.
    pub(super) fn place(&self, fingerprint: Fingerprint, service: &[u8], may_be_new: bool) -> (Place, bool) {
        let known = self.live.contains_key(&fingerprint);
        self.lock_places().place(fingerprint, service, known, may_be_new)
    }

    fn lock_places(&self) -> MutexGuard<'_, Places> {
        // A panic while it was held leaves at worst a place counted that nobody has.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request that was committed, and what its clusters are known by now.
    pub fn committed(&self, digest: [u8; 16], clusters: Vec<(Fingerprint, Live)>) {
        for (fingerprint, added) in clusters {
            let all = match self.live.get(&fingerprint) {
                Some(known) => {
                    let all = known.and(&added);
                    if all == *known {
                        continue;
                    }
                    all
                }
                None => added,
            };
            self.live.insert(fingerprint, Arc::new(all));
        }
        self.digests.insert(digest, ());
    }

    /// Forgets clusters whose commit failed: they are described again with the next try.
    pub fn forget(&self, clusters: &[(Fingerprint, Live)]) {
        for (fingerprint, _) in clusters {
            self.live.invalidate(fingerprint);
        }
    }

    /// How many clusters are live, roughly.
    #[must_use]
    pub fn live_clusters(&self) -> u64 {
        self.live.entry_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::ValuesOf;

    fn live(bodies: &[&str]) -> Live {
        let mut live = Live::default();
        for body in bodies {
            live.samples.offer(ValuesOf::default().text(body.as_bytes()).finish());
        }
        live
    }

    #[test]
    fn a_cluster_is_described_until_its_commit_and_again_after_a_failed_one() {
        let dedupe = Dedupe::default();
        let id = Fingerprint::from_bytes([1; 16]);
        let kept = || dedupe.known(id).map(|live| live.samples.len());
        assert_eq!(kept(), None);
        dedupe.committed([9; 16], vec![(id, live(&["a", "b"]))]);
        assert_eq!(kept(), Some(2));
        dedupe.committed([8; 16], vec![(id, live(&["b", "c", "d"]))]);
        assert_eq!(kept(), Some(4), "what two requests brought at the same time is added up");
        dedupe.forget(&[(id, Live::default())]);
        assert_eq!(kept(), None);
        assert!(dedupe.is_replay(&[9; 16]) && !dedupe.is_replay(&[7; 16]));
    }

    #[test]
    fn a_cluster_that_the_cache_forgot_keeps_its_place_until_the_window_ends() {
        let dedupe = Dedupe::new(100);
        let id = Fingerprint::from_bytes([1; 16]);
        dedupe.turn_to(UnixNanos(1));
        assert_eq!(dedupe.place(id, b"shop", true), (Place::Own, true));
        for _ in 0..3 {
            dedupe.committed([0; 16], vec![(id, Live::default())]);
            dedupe.forget(&[(id, Live::default())]);
            assert_eq!(dedupe.place(id, b"shop", false), (Place::Own, false));
        }
        dedupe.turn_to(UnixNanos(2));
        assert_eq!(dedupe.place(id, b"shop", false).0, Place::WithService);
    }

    #[test]
    fn the_cache_holds_as_many_clusters_as_a_window_and_fewer_large_ones() {
        let long = (0..60).map(|n| format!("w{n} ")).collect::<Vec<_>>().concat();
        for (bodies, expected) in [(&["a"][..], 80..=100), (&[&long, "x", "y"], 60..=100)] {
            let dedupe = Dedupe::new(100);
            for n in 0..1_000_u128 {
                let id = Fingerprint::from_bytes(n.to_be_bytes());
                dedupe.committed([0; 16], vec![(id, live(bodies))]);
            }
            dedupe.live.run_pending_tasks();
            assert!(expected.contains(&dedupe.live_clusters()), "{}", dedupe.live_clusters());
        }
    }
}
