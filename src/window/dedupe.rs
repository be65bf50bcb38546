//! What need not be done again: the clusters that the store knows, and the requests that were counted.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use crate::model::{Cluster, Delta, Fingerprint, UnixNanos};

/// Live clusters at most; an entry is some 100 bytes, so this is 1 MB. A cluster that falls out is only described again.
const LIVE_CLUSTERS_MAX: u64 = 10_000;

/// After this long a live cluster is described to the store again. It must be shorter than the store keeps clusters for.
const LIVE_CLUSTER_KEPT: Duration = Duration::from_mins(15);

/// Digests at most: 10 minutes of 160 matching requests a second. One that falls out is still known to the store.
const DIGESTS_MAX: u64 = 100_000;

/// As long as the store knows them.
const DIGEST_KEPT: Duration = Duration::from_mins(10);

/// The dedupe caches; clones share them. Bounded by entries and time to live, never time to idle:
/// an error that never stops would never be described again.
#[derive(Debug, Clone)]
pub struct Dedupe {
    /// How many examples the store has of each live cluster.
    live: Cache<Fingerprint, Arc<AtomicUsize>>,
    digests: Cache<[u8; 16], ()>,
    /// Held for a look-up, never across an await.
    newcomers: Arc<Mutex<Newcomers>>,
}

/// Clusters that were new to the cache in the window that is open, as many as a window takes. After a restart it begins anew.
#[derive(Debug, Default)]
struct Newcomers {
    window: UnixNanos,
    seen: HashSet<Fingerprint>,
}

impl Default for Dedupe {
    fn default() -> Self {
        Self {
            live: Cache::builder().max_capacity(LIVE_CLUSTERS_MAX).time_to_live(LIVE_CLUSTER_KEPT).build(),
            digests: Cache::builder().max_capacity(DIGESTS_MAX).time_to_live(DIGEST_KEPT).build(),
            newcomers: Arc::default(),
        }
    }
}

impl Dedupe {
    /// Whether this very request was counted lately. False is no proof: the store knows longer.
    #[must_use]
    pub fn is_replay(&self, digest: &[u8; 16]) -> bool {
        self.digests.contains_key(digest)
    }

    /// How many more examples the store would take; `None` where the cluster may be new to it.
    #[must_use]
    pub fn examples_wanted(&self, fingerprint: Fingerprint) -> Option<usize> {
        let kept = self.live.get(&fingerprint)?.load(Ordering::Relaxed);
        Some(Cluster::SAMPLES_MAX.saturating_sub(kept))
    }

    /// How many clusters were new in the window that began at `window`, roughly: requests that are read at the same time
    /// don't see each other's.
    #[must_use]
    pub fn newcomers(&self, window: UnixNanos) -> usize {
        let mut newcomers = self.lock_newcomers();
        if newcomers.window < window {
            *newcomers = Newcomers { window, seen: HashSet::new() };
        }
        newcomers.seen.len()
    }

    /// Whether a cluster has its place in the open window already, also where the cache has forgotten it since.
    #[must_use]
    pub fn has_place(&self, fingerprint: Fingerprint) -> bool {
        self.live.contains_key(&fingerprint) || self.lock_newcomers().seen.contains(&fingerprint)
    }

    fn lock_newcomers(&self) -> MutexGuard<'_, Newcomers> {
        // A panic while it was held cannot leave it half changed: every change is one insertion or assignment.
        self.newcomers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request that was committed, and its clusters.
    pub fn committed(&self, digest: [u8; 16], clusters: &[(Fingerprint, usize)]) {
        for (fingerprint, examples) in clusters {
            if !self.live.contains_key(fingerprint) {
                self.lock_newcomers().seen.insert(*fingerprint);
            }
            self.live.get_with(*fingerprint, Arc::default).fetch_add(*examples, Ordering::Relaxed);
        }
        self.digests.insert(digest, ());
    }

    /// Gives clusters their places in the open window without taking them for known: the store may not have taken them. They are
    /// described again when they come again.
    pub fn place(&self, clusters: impl IntoIterator<Item = Fingerprint>) {
        for fingerprint in clusters {
            if !self.live.contains_key(&fingerprint) {
                self.lock_newcomers().seen.insert(fingerprint);
            }
        }
    }

    /// Forgets clusters whose commit failed: they are described again with the next try.
    pub fn forget(&self, deltas: &[(Fingerprint, usize)]) {
        for (fingerprint, _) in deltas {
            self.live.invalidate(fingerprint);
        }
    }

    /// How many clusters are live, roughly.
    #[must_use]
    pub fn live_clusters(&self) -> u64 {
        self.live.entry_count()
    }

    /// The clusters of a request, each with how many examples it brings.
    #[must_use]
    pub fn clusters_of(deltas: &[Delta]) -> Vec<(Fingerprint, usize)> {
        deltas.iter().map(|delta| (delta.fingerprint, delta.samples.len())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_described_until_its_commit_and_again_after_a_failed_one() {
        let dedupe = Dedupe::default();
        let id = Fingerprint::from_bytes([1; 16]);
        assert_eq!(dedupe.examples_wanted(id), None);
        dedupe.committed([9; 16], &[(id, 2)]);
        assert_eq!(dedupe.examples_wanted(id), Some(3));
        dedupe.committed([8; 16], &[(id, 7)]);
        assert_eq!(dedupe.examples_wanted(id), Some(0));
        dedupe.forget(&[(id, 0)]);
        assert_eq!(dedupe.examples_wanted(id), None);
        assert!(dedupe.is_replay(&[9; 16]) && !dedupe.is_replay(&[7; 16]));
    }

    #[test]
    fn a_cluster_that_the_cache_forgot_keeps_its_place_until_the_window_ends() {
        let dedupe = Dedupe::default();
        let id = Fingerprint::from_bytes([1; 16]);
        assert_eq!(dedupe.newcomers(UnixNanos(1)), 0);
        for round in 0..3 {
            dedupe.committed([round; 16], &[(id, 1)]);
            dedupe.forget(&[(id, 0)]);
            assert!(dedupe.has_place(id));
            assert_eq!(dedupe.newcomers(UnixNanos(1)), 1, "it counts once, however often it falls out");
        }
        let placed = Fingerprint::from_bytes([2; 16]);
        dedupe.place([placed, id]);
        assert_eq!((dedupe.newcomers(UnixNanos(1)), dedupe.examples_wanted(placed)), (2, None));
        assert!(dedupe.has_place(placed));
        assert_eq!(dedupe.newcomers(UnixNanos(2)), 0);
        assert!(!dedupe.has_place(id));
    }
}
