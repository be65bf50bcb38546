//! One delivery of one request: what the next hop has of it already, and which of its records are held back.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use super::claims::{Claim, Claims};
use super::{Hold, Matched};
use crate::model::{Fingerprint, HeldBack, SeverityNumber, UnixNanos};

/// The first 128 bits of a request's BLAKE3 digest.
type Digest = [u8; 16];

/// Digests at most: 10 minutes of 160 requests a second. One that falls out may go on twice.
const DIGESTS_MAX: u64 = 100_000;

/// Exporters give up after 5 minutes (the Collector's `retry_on_failure.max_elapsed_time`); this is twice that.
const KEPT: Duration = Duration::from_mins(10);

/// The deliveries under way and those of late; clones share them.
#[derive(Debug, Clone)]
pub struct Attempts {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Requests that the next hop acknowledged.
    acknowledged: Cache<Digest, ()>,
    /// Of requests that it did not: the clusters whose first record they brought.
    /// The records that were held back then are counted as such, so that the next try must choose alike.
    firsts: Cache<Digest, Arc<HashSet<Fingerprint>>>,
    /// Requests on their way, as many as the receivers let in. Held for a look-up, never across an await.
    under_way: Mutex<HashSet<Digest>>,
    /// Held for the look-ups of one request, never across an await.
    claims: Mutex<Claims>,
}

impl Default for Attempts {
    fn default() -> Self {
        let shared = Shared {
            acknowledged: Cache::builder().max_capacity(DIGESTS_MAX).time_to_live(KEPT).build(),
            firsts: Cache::builder()
                .max_capacity(DIGESTS_MAX)
                .weigher(|_, firsts: &Arc<HashSet<Fingerprint>>| {
                    u32::try_from(firsts.len() + 1).unwrap_or(u32::MAX)
                })
                .time_to_live(KEPT)
                .build(),
            under_way: Mutex::default(),
            claims: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl Attempts {
    /// Begins to deliver a request; `None` while the same request is on its way: whoever sends it twice at a time
    /// must not be told that it arrived before it did.
    #[must_use]
    pub fn begin(&self, digest: Digest) -> Option<Attempt> {
        lock(&self.shared.under_way).insert(digest).then(|| Attempt {
            shared: Arc::clone(&self.shared),
            digest,
            window: UnixNanos::default(),
            claimed: Vec::new(),
            firsts: Arc::default(),
            arrived: false,
        })
    }
}

/// One delivery under way. Dropped before [`Attempt::arrived`], as a request whose sender hangs up is, it gives its claims
/// back: the next record of each cluster goes on then.
#[derive(Debug)]
pub struct Attempt {
    shared: Arc<Shared>,
    digest: Digest,
    window: UnixNanos,
    claimed: Vec<Fingerprint>,
    /// The clusters of which this request brings the first record.
    firsts: Arc<HashSet<Fingerprint>>,
    arrived: bool,
}

impl Attempt {
    /// Whether the next hop acknowledged this very request lately.
    #[must_use]
    pub fn was_acknowledged(&self) -> bool {
        self.shared.acknowledged.contains_key(&self.digest)
    }

    /// Whether a delivery of this very request was tried lately.
    #[must_use]
    pub fn was_tried(&self) -> bool {
        self.shared.firsts.contains_key(&self.digest)
    }

    /// Marks the records that are held back in the window that began at `window`: of each cluster all but the first, and
    /// never one that is FATAL. Tells what is held back of each cluster. A request that was tried before is marked as it was then.
    pub fn hold_back(
        &mut self,
        window: UnixNanos,
        matched: &mut [Matched],
    ) -> HashMap<Fingerprint, HeldBack> {
        let before = self.shared.firsts.get(&self.digest);
        let mut firsts = HashSet::new();
        let mut held = HashMap::<_, HeldBack>::new();
        self.window = window;
        let shared = Arc::clone(&self.shared);
        let mut claims = lock(&shared.claims);
        let mut before_it = false;
        for record in matched {
            if let Some(held_back) = settled(record.hold, before_it) {
                record.held_back = held_back;
                before_it = held_back;
                continue;
            }
            let fingerprint = record.fingerprint;
            let may_go = before.as_ref().is_none_or(|firsts| firsts.contains(&fingerprint));
            // What stays here in any case must claim nothing: its cluster's next record would stay too.
            let claim = if may_go { claims.claim(window, fingerprint) } else { Claim::Repeat };
            if claim == Claim::First {
                self.claimed.push(fingerprint);
            }
            let is_first = if before.is_some() {
                may_go && !firsts.contains(&fingerprint)
            } else {
                claim != Claim::Repeat
            };
            if is_first {
                firsts.insert(fingerprint);
            }
            record.held_back =
                record.hold == Hold::ByCluster && !is_first && record.severity_number < SeverityNumber::FATAL;
            before_it = record.held_back;
            if record.held_back {
                held.entry(record.fingerprint).or_default().add(record.trace_id);
            }
        }
        self.firsts = before.unwrap_or_else(|| Arc::new(firsts));
        held
    }

    /// The next hop acknowledged it. `once` tells that the same bytes can only be this request again: records without
    /// any time may be the same twice and mean two events.
    pub fn arrived(mut self, once: bool) {
        self.arrived = true;
        self.shared.firsts.invalidate(&self.digest);
        if once {
            self.shared.acknowledged.insert(self.digest, ());
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.arrived && !self.claimed.is_empty() {
            let mut claims = lock(&self.shared.claims);
            for fingerprint in &self.claimed {
                claims.release(self.window, *fingerprint);
            }
        }
        if !self.arrived && self.window != UnixNanos::default() {
            self.shared.firsts.insert(self.digest, Arc::clone(&self.firsts));
        }
        // Last, so that the next try of this request finds the above.
        lock(&self.shared.under_way).remove(&self.digest);
    }
}

/// Whether a later line of a trace stays here: all its lines go on, or none does, and they are told of once.
fn settled(hold: Hold, before_it: bool) -> Option<bool> {
    match hold {
        Hold::AsBefore => Some(before_it),
        Hold::AsHead(held_back) => Some(held_back),
        Hold::ByCluster | Hold::Never => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, Severity, Verdict};

    const WINDOW: UnixNanos = UnixNanos(7);

    fn records(clusters: &[u8]) -> Vec<Matched> {
        let verdict = Verdict {
            rule: "r".into(),
            category: Category::INTERNAL_ERROR,
            severity: Severity::High,
            fixable: true,
            suggested_fix: "".into(),
        };
        let record = |(index, cluster): (usize, &u8)| Matched {
            index: index as u64,
            fingerprint: Fingerprint::from_bytes([*cluster; 16]),
            severity_number: SeverityNumber::ERROR,
            verdict: verdict.clone(),
            trace_id: Some([*cluster; 16]),
            hold: Hold::ByCluster,
            held_back: false,
        };
        clusters.iter().enumerate().map(record).collect()
    }

    fn held(attempt: &mut Attempt, clusters: &[u8]) -> Vec<bool> {
        let mut records = records(clusters);
        let told = attempt.hold_back(WINDOW, &mut records);
        let marked = records.iter().filter(|record| record.held_back).count() as u64;
        assert_eq!(told.values().map(|held| held.count).sum::<u64>(), marked);
        records.iter().map(|record| record.held_back).collect()
    }

    #[test]
    fn the_first_of_a_cluster_goes_on_and_its_repeats_are_held_back() {
        let attempts = Attempts::default();
        let mut one = attempts.begin([1; 16]).unwrap();
        assert_eq!(held(&mut one, &[1, 1, 2, 1]), [false, true, false, true]);
        let mut two = attempts.begin([2; 16]).unwrap();
        assert_eq!(held(&mut two, &[1, 3]), [true, false], "the first is still on its way");
        one.arrived(true);
        two.arrived(true);
        let mut next_window = records(&[1]);
        attempts.begin([3; 16]).unwrap().hold_back(UnixNanos(8), &mut next_window);
        assert!(!next_window[0].held_back);
    }

    #[test]
    fn a_fatal_record_is_never_held_back() {
        let attempts = Attempts::default();
        let mut records = records(&[1, 1]);
        records[1].severity_number = SeverityNumber::FATAL;
        attempts.begin([1; 16]).unwrap().hold_back(WINDOW, &mut records);
        assert!(records.iter().all(|record| !record.held_back));
    }

    #[test]
    fn a_record_that_no_summary_could_tell_of_goes_on() {
        let attempts = Attempts::default();
        let mut records = records(&[1, 1]);
        records[1].hold = Hold::Never;
        attempts.begin([1; 16]).unwrap().hold_back(WINDOW, &mut records);
        assert!(records.iter().all(|record| !record.held_back));
    }

    /// All lines of a trace go on or none does, and it is told of once.
    #[test]
    fn the_lines_of_a_trace_go_the_same_way() {
        let attempts = Attempts::default();
        let mut lines = records(&[1, 1, 1, 1, 2, 2]);
        for line in [1, 3, 5] {
            lines[line].hold = Hold::AsBefore;
        }
        lines[4].hold = Hold::AsHead(true);
        let told = attempts.begin([1; 16]).unwrap().hold_back(WINDOW, &mut lines);
        let held: Vec<_> = lines.iter().map(|line| line.held_back).collect();
        assert_eq!(held, [false, false, true, true, true, true]);
        assert_eq!(told.values().map(|held| held.count).collect::<Vec<_>>(), [1], "its head was told of");
    }

    #[test]
    fn a_claim_that_did_not_arrive_is_free_and_the_next_try_chooses_alike() {
        let attempts = Attempts::default();
        let mut failed = attempts.begin([1; 16]).unwrap();
        assert_eq!(held(&mut failed, &[1, 1, 2]), [false, true, false]);
        drop(failed);
        let mut other = attempts.begin([2; 16]).unwrap();
        assert_eq!(held(&mut other, &[1]), [false], "the claim is free");
        other.arrived(true);
        let mut again = attempts.begin([1; 16]).unwrap();
        assert!(again.was_tried() && !again.was_acknowledged());
        // What was held back then was counted as such, and the first was not.
        assert_eq!(held(&mut again, &[1, 1, 2]), [false, true, false]);
        again.arrived(true);

        let mut first = attempts.begin([3; 16]).unwrap();
        assert_eq!(held(&mut first, &[3]), [false]);
        let mut repeat = attempts.begin([4; 16]).unwrap();
        assert_eq!(held(&mut repeat, &[3]), [true]);
        drop((first, repeat));
        let mut repeat = attempts.begin([4; 16]).unwrap();
        assert_eq!(held(&mut repeat, &[3]), [true], "it was told as held back");
        let mut next = attempts.begin([5; 16]).unwrap();
        assert_eq!(held(&mut next, &[3]), [false], "which claims nothing");
    }

    #[test]
    fn a_request_is_on_its_way_once_at_a_time_and_known_when_it_arrived() {
        let attempts = Attempts::default();
        let attempt = attempts.begin([1; 16]).unwrap();
        assert!(attempts.begin([1; 16]).is_none());
        drop(attempt);
        attempts.begin([1; 16]).unwrap().arrived(true);
        assert!(attempts.begin([1; 16]).unwrap().was_acknowledged());
        attempts.begin([2; 16]).unwrap().arrived(false);
        assert!(!attempts.begin([2; 16]).unwrap().was_acknowledged());
    }
}
