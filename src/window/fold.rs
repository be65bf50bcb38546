//! The records of one request, folded into one delta for each cluster.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::Dedupe;
use crate::model::{
    Cluster, ClusterDetail, Delta, Fingerprint, HeldBack, Sample, SeverityNumber, UnixNanos, Verdict,
};

/// One matched record, as far as counting goes.
#[derive(Debug, Clone)]
pub struct Occurrence {
    /// Its cluster.
    pub fingerprint: Fingerprint,
    /// When it happened.
    pub at: UnixNanos,
    /// Its severity number.
    pub severity_number: SeverityNumber,
    /// What the classifier says of it.
    pub verdict: Verdict,
}

/// New clusters that one request may bring: more than any batch of a real service, and a commit of some 20 ms.
const NEWCOMERS_PER_REQUEST_MAX: usize = 1_000;

/// New clusters in one window: as many as the dedupe cache holds, and more than people would ever look at.
const NEWCOMERS_PER_WINDOW_MAX: usize = 10_000;

/// Gathers the occurrences of one request.
#[derive(Debug)]
pub struct Fold<'d> {
    dedupe: &'d Dedupe,
    deltas: HashMap<Fingerprint, Delta>,
    /// How many more new clusters there is room for.
    room: usize,
}

impl<'d> Fold<'d> {
    /// An empty fold in the window that began at `window`; `dedupe` tells what the store knows already.
    #[must_use]
    pub fn new(dedupe: &'d Dedupe, window: UnixNanos) -> Self {
        let room = NEWCOMERS_PER_WINDOW_MAX.saturating_sub(dedupe.newcomers(window));
        Self { dedupe, deltas: HashMap::new(), room: room.min(NEWCOMERS_PER_REQUEST_MAX) }
    }

    /// Whether a cluster is known, or there is room for one more. Where it is not, the occurrence is to be counted
    /// elsewhere: hostile or careless messages can differ a million times.
    #[must_use]
    pub fn has_room_for(&self, fingerprint: Fingerprint) -> bool {
        self.room > 0 || self.deltas.contains_key(&fingerprint) || self.dedupe.has_place(fingerprint)
    }

    /// Counts one occurrence. `detail` is asked for where the cluster may be new to the store, `sample` where
    /// an example is wanted: both cost more than a count, and of a flood of copies only the first few pay it.
    pub fn add(
        &mut self,
        occurrence: Occurrence,
        detail: impl FnOnce() -> ClusterDetail,
        sample: impl FnOnce() -> Sample,
    ) {
        let wanted = self.dedupe.examples_wanted(occurrence.fingerprint);
        let examples = wanted.unwrap_or(Cluster::SAMPLES_MAX);
        let mut delta = match self.deltas.entry(occurrence.fingerprint) {
            Entry::Occupied(mut entry) => {
                let held = entry.get_mut();
                let one = single(occurrence, None);
                held.merge(one);
                if held.samples.len() < examples {
                    push_distinct(&mut held.samples, sample());
                }
                return;
            }
            Entry::Vacant(entry) => {
                if wanted.is_none() {
                    self.room = self.room.saturating_sub(1);
                }
                let detail = wanted.is_none().then(|| Arc::new(detail()));
                entry.insert_entry(single(occurrence, detail))
            }
        };
        if examples > 0 {
            delta.get_mut().samples.push(sample());
        }
    }

    /// The deltas, one for each cluster.
    #[must_use]
    pub fn into_deltas(self) -> Vec<Delta> {
        self.deltas.into_values().collect()
    }
}

fn single(occurrence: Occurrence, detail: Option<Arc<ClusterDetail>>) -> Delta {
    Delta {
        fingerprint: occurrence.fingerprint,
        count: 1,
        first_seen: occurrence.at,
        last_seen: occurrence.at,
        severity_number: occurrence.severity_number,
        verdict: occurrence.verdict,
        detail,
        samples: Vec::new(),
        held: HeldBack::default(),
    }
}

/// The same text twice shows nothing more.
fn push_distinct(samples: &mut Vec<Sample>, sample: Sample) {
    if samples.iter().all(|held| held.body != sample.body) {
        samples.push(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, Severity};

    fn occurrence(id: u8, at: u64) -> Occurrence {
        Occurrence {
            fingerprint: Fingerprint::from_bytes([id; 16]),
            at: UnixNanos(at),
            severity_number: SeverityNumber::ERROR,
            verdict: Verdict {
                rule: "r".into(),
                category: Category::INTERNAL_ERROR,
                severity: Severity::High,
                fixable: true,
                suggested_fix: "".into(),
            },
        }
    }

    fn sample(body: &str) -> Sample {
        Sample { occurred: UnixNanos(1), body: body.to_owned(), ..Sample::default() }
    }

    #[test]
    fn copies_of_one_error_are_one_delta_with_a_few_examples() {
        let dedupe = Dedupe::default();
        let mut fold = Fold::new(&dedupe, UnixNanos(1));
        for n in 0..20 {
            fold.add(occurrence(1, 100 + n), ClusterDetail::default, || sample(&format!("body {}", n / 2)));
        }
        fold.add(occurrence(2, 1), ClusterDetail::default, || sample("other"));
        let mut deltas = fold.into_deltas();
        deltas.sort_by_key(|delta| delta.fingerprint);
        assert_eq!(deltas.len(), 2);
        assert_eq!(
            (deltas[0].count, deltas[0].first_seen, deltas[0].last_seen),
            (20, UnixNanos(100), UnixNanos(119))
        );
        assert_eq!(deltas[0].samples.len(), Cluster::SAMPLES_MAX);
        assert!(deltas[0].detail.is_some());
    }

    #[test]
    fn a_request_brings_new_clusters_up_to_a_bound_and_a_window_too() {
        let dedupe = Dedupe::default();
        let id = |n: usize| Fingerprint::from_bytes((n as u128).to_be_bytes());
        let fill = |window, requests: usize| {
            let mut taken = 0;
            for request in 0..requests {
                let mut fold = Fold::new(&dedupe, UnixNanos(window));
                for n in 0..NEWCOMERS_PER_REQUEST_MAX + 10 {
                    let fingerprint = id((usize::try_from(window).unwrap() << 32) + (request << 16) + n);
                    if fold.has_room_for(fingerprint) {
                        fold.add(
                            Occurrence { fingerprint, ..occurrence(0, 1) },
                            ClusterDetail::default,
                            || sample("x"),
                        );
                        assert!(fold.has_room_for(fingerprint), "what is there has room");
                    }
                }
                let deltas = fold.into_deltas();
                taken += deltas.len();
                dedupe.committed([0; 16], &Dedupe::clusters_of(&deltas));
            }
            taken
        };
        assert_eq!(fill(1, 1), NEWCOMERS_PER_REQUEST_MAX);
        assert_eq!(fill(2, 20), NEWCOMERS_PER_WINDOW_MAX);
        assert_eq!(fill(3, 1), NEWCOMERS_PER_REQUEST_MAX, "a new window has room again");
    }

    #[test]
    fn a_cluster_that_the_store_knows_costs_a_count_alone() {
        let dedupe = Dedupe::default();
        dedupe.committed([0; 16], &[(Fingerprint::from_bytes([1; 16]), Cluster::SAMPLES_MAX)]);
        let mut fold = Fold::new(&dedupe, UnixNanos(1));
        fold.add(occurrence(1, 1), || panic!("a detail"), || panic!("a sample"));
        assert_eq!(fold.into_deltas()[0].detail, None);
    }
}
