//! The records of one request, folded into one delta for each cluster.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::dedupe::{Dedupe, Live};
use super::places::Place;
use crate::model::samples::{Chosen, Values};
use crate::model::{
    ClusterDetail, Delta, Fingerprint, HeldBack, Passage, Sample, SeverityNumber, UnixNanos, Verdict,
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
    /// Where it happened while nobody counted.
    pub passage: Option<Passage>,
}

/// New clusters that one request may bring: more than any batch of a real service, and a commit of some 20 ms.
const NEWCOMERS_PER_REQUEST_MAX: usize = 1_000;

/// How many records of one cluster are looked at for a better sample in one request; the others are counts alone. A look costs
/// a microsecond or two, so this is what keeps a flood of copies cheap.
const LOOKS_PER_REQUEST_MAX: usize = 64;

/// How many samples of one cluster are offered to the store in one window in place of others. Each costs a redaction of up to
/// some 16 KB, and nobody reads more of them.
const REPLACED_PER_WINDOW_MAX: usize = 20;

/// Gathers the occurrences of one request.
#[derive(Debug)]
pub struct Fold<'d> {
    dedupe: &'d Dedupe,
    window: UnixNanos,
    clusters: HashMap<Fingerprint, Gathered>,
    /// How many more new clusters there is room for in this request.
    room: usize,
    looked_up: LookedUp,
}

/// How many occurrences were of a cluster that is described already, so that all there was to do was to count, and how many
/// were not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LookedUp {
    /// Of a cluster that the store knows, or that stands in the same request.
    pub hits: u64,
    /// Of a cluster that has to be described to the store.
    pub misses: u64,
}

/// One cluster of a request.
#[derive(Debug)]
struct Gathered {
    delta: Delta,
    live: Live,
    /// For each sample of the choice, which one of the delta's it is; `None` where the store has it.
    places: Vec<Option<usize>>,
    looks: usize,
}

impl<'d> Fold<'d> {
    /// An empty fold in the window that began at `window`; `dedupe` tells what the store knows already.
    #[must_use]
    pub fn new(dedupe: &'d Dedupe, window: UnixNanos) -> Self {
        dedupe.turn_to(window);
        Self {
            dedupe,
            window,
            clusters: HashMap::new(),
            room: NEWCOMERS_PER_REQUEST_MAX,
            looked_up: LookedUp::default(),
        }
    }

    /// Where an occurrence of a service is to be counted: in its own cluster where that is known or there is room for one
    /// more, else with others. Hostile or careless messages can differ a million times.
    #[must_use]
    pub fn place(&mut self, fingerprint: Fingerprint, service: &[u8]) -> Place {
        if self.clusters.contains_key(&fingerprint) {
            return Place::Own;
        }
        let (place, is_newcomer) = self.dedupe.place(fingerprint, service, self.room > 0);
        self.room -= usize::from(is_newcomer);
        place
    }

    /// Counts one occurrence. `detail` is asked for where the cluster may be new to the store, `values` of what the record shows
    /// where a sample may be wanted, `sample` where it is: each costs more than a count, and of a flood of copies only a
    /// few pay it.
    pub fn add(
        &mut self,
        occurrence: Occurrence,
        detail: impl FnOnce() -> ClusterDetail,
        values: impl FnOnce() -> Values,
        sample: impl FnOnce() -> Sample,
    ) {
        match self.clusters.entry(occurrence.fingerprint) {
            Entry::Occupied(mut entry) => {
                self.looked_up.hits += 1;
                let gathered = entry.get_mut();
                gathered.delta.merge(single(occurrence, None));
                gathered.look(values, sample);
            }
            Entry::Vacant(entry) => {
                let known = self.dedupe.known(occurrence.fingerprint);
                self.looked_up.hits += u64::from(known.is_some());
                self.looked_up.misses += u64::from(known.is_none());
                let detail = known.is_none().then(|| Arc::new(detail()));
                let live = known.map(|known| Live::clone(&known)).unwrap_or_default();
                let gathered = Gathered::new(single(occurrence, detail), live, self.window);
                entry.insert(gathered).look(values, sample);
            }
        }
    }

    /// What the dedupe cache was good for, so far.
    #[must_use]
    pub fn looked_up(&self) -> LookedUp {
        self.looked_up
    }

    /// The deltas, one for each cluster, and what their clusters are known by once they are committed.
    #[must_use]
    pub fn finish(self) -> (Vec<Delta>, Vec<(Fingerprint, Live)>) {
        let one = |(fingerprint, gathered): (_, Gathered)| (gathered.delta, (fingerprint, gathered.live));
        self.clusters.into_iter().map(one).unzip()
    }
}

impl Gathered {
    fn new(delta: Delta, live: Live, window: UnixNanos) -> Self {
        let replaced = if live.window == window { live.replaced } else { 0 };
        let places = vec![None; live.samples.len()];
        Self { delta, live: Live { window, replaced, ..live }, places, looks: 0 }
    }

    /// Looks whether one more record shows something new, and takes it for a sample then.
    fn look(&mut self, values: impl FnOnce() -> Values, sample: impl FnOnce() -> Sample) {
        let may_replace = self.live.replaced < REPLACED_PER_WINDOW_MAX;
        if self.looks >= LOOKS_PER_REQUEST_MAX || (self.live.samples.is_full() && !may_replace) {
            return;
        }
        self.looks += 1;
        let samples = &mut self.delta.samples;
        match self.live.samples.offer(values()) {
            Chosen::Keep => {
                self.places.push(Some(samples.len()));
                samples.push(sample());
            }
            Chosen::Replace(place) => {
                self.live.replaced += 1;
                if let Some(own) = self.places[place] {
                    samples[own] = sample();
                } else {
                    self.places[place] = Some(samples.len());
                    samples.push(sample());
                }
            }
            Chosen::Drop => {}
        }
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
        passages: occurrence.passage.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, Cluster, Severity};

    const WINDOW: UnixNanos = UnixNanos(1);

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
            passage: None,
        }
    }

    fn sample(body: &str) -> Sample {
        Sample { occurred: UnixNanos(1), body: body.to_owned(), ..Sample::default() }
    }

    fn add(fold: &mut Fold<'_>, occurrence: Occurrence, body: &str) {
        fold.add(occurrence, ClusterDetail::default, || Values::of(&sample(body)), || sample(body));
    }

    /// Commits a request of these bodies of one cluster; gives the samples that the store is offered.
    fn commit(dedupe: &Dedupe, window: UnixNanos, bodies: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut fold = Fold::new(dedupe, window);
        bodies.into_iter().for_each(|body| add(&mut fold, occurrence(1, 1), &body));
        let (deltas, clusters) = fold.finish();
        dedupe.committed([0; 16], clusters);
        deltas.into_iter().flat_map(|delta| delta.samples).map(|sample| sample.body).collect()
    }

    fn numbered(numbers: std::ops::Range<usize>, host: &str) -> impl Iterator<Item = String> {
        numbers.map(move |n| format!("request {n} on {host}"))
    }

    #[test]
    fn copies_of_one_error_are_one_delta_with_a_few_examples() {
        let dedupe = Dedupe::default();
        let mut fold = Fold::new(&dedupe, WINDOW);
        for n in 0..20 {
            add(&mut fold, occurrence(1, 100 + n), &format!("body {}", n / 2));
        }
        add(&mut fold, occurrence(2, 1), "other");
        let (mut deltas, _) = fold.finish();
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
                    if fold.place(fingerprint, b"shop") == Place::Own {
                        add(&mut fold, Occurrence { fingerprint, ..occurrence(0, 1) }, "x");
                        assert_eq!(fold.place(fingerprint, b"shop"), Place::Own, "what is there has room");
                    }
                }
                let (deltas, clusters) = fold.finish();
                taken += deltas.len();
                dedupe.committed([0; 16], clusters);
            }
            taken
        };
        assert_eq!(fill(1, 1), NEWCOMERS_PER_REQUEST_MAX);
        assert_eq!(fill(2, 20), Dedupe::CLUSTERS_MAX / 4, "one service leaves places to others");
        assert_eq!(fill(3, 1), NEWCOMERS_PER_REQUEST_MAX, "a new window has room again");
    }

    #[test]
    fn requests_that_are_read_at_the_same_time_share_the_places() {
        let dedupe = Dedupe::new(100);
        let mut folds = [Fold::new(&dedupe, WINDOW), Fold::new(&dedupe, WINDOW)];
        let mut own = 0;
        for n in 0..1_000_u128 {
            for (nth, fold) in folds.iter_mut().enumerate() {
                let fingerprint = Fingerprint::from_bytes((n * 2 + nth as u128).to_be_bytes());
                own += usize::from(fold.place(fingerprint, b"shop") == Place::Own);
            }
        }
        assert_eq!(own, 25);
    }

    /// What is new is shown though five came before; what every record has anew is not.
    #[test]
    fn a_late_sample_that_shows_another_host_is_offered() {
        let dedupe = Dedupe::default();
        assert_eq!(commit(&dedupe, WINDOW, numbered(0..9, "a")).len(), Cluster::SAMPLES_MAX);
        assert_eq!(commit(&dedupe, WINDOW, numbered(10..500, "a")), Vec::<String>::new());
        assert_eq!(commit(&dedupe, WINDOW, numbered(500..501, "b")), ["request 500 on b"]);
        assert_eq!(commit(&dedupe, WINDOW, numbered(501..999, "b")), Vec::<String>::new());
        // Within one request too, where only the last of those that took a place from another is made a sample of.
        let fresh = Dedupe::default();
        let both = numbered(0..9, "a").chain(numbered(10..11, "b"));
        let samples = commit(&fresh, WINDOW, both);
        assert_eq!(samples.len(), Cluster::SAMPLES_MAX);
        assert!(samples.contains(&"request 10 on b".to_owned()), "{samples:?}");
    }

    /// A sender whose records show ever more cannot make each of them a sample.
    #[test]
    fn what_is_offered_in_place_of_others_is_bounded() {
        let dedupe = Dedupe::default();
        let body = |n: usize| (0..n).map(|k| format!("w{n}x{k} ")).collect::<Vec<_>>().concat();
        let growing = |from: usize| (from..from + 50).map(body);
        let offered: usize = (1..20).map(|n| commit(&dedupe, WINDOW, growing(n)).len()).sum();
        assert!(offered <= Cluster::SAMPLES_MAX + REPLACED_PER_WINDOW_MAX, "{offered}");
        let mut fold = Fold::new(&dedupe, WINDOW);
        fold.add(occurrence(1, 1), || panic!("a detail"), || panic!("a look"), || panic!("a sample"));
        assert_eq!(fold.finish().0[0].detail, None, "a cluster that the store knows costs a count alone");
    }

    #[test]
    fn a_flood_of_copies_in_one_request_is_looked_at_a_bounded_number_of_times() {
        let dedupe = Dedupe::default();
        let mut fold = Fold::new(&dedupe, WINDOW);
        let looks = std::cell::Cell::new(0);
        for n in 0..10_000 {
            let body = format!("request {n}");
            let values = || {
                looks.set(looks.get() + 1);
                Values::of(&sample(&body))
            };
            fold.add(occurrence(1, 1), ClusterDetail::default, values, || sample(&body));
        }
        assert_eq!(looks.get(), LOOKS_PER_REQUEST_MAX);
        assert_eq!(fold.finish().0[0].count, 10_000);
    }
}
