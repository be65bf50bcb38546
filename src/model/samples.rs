//! Which samples of a cluster are kept: those that together show the most different values.
//!
//! Five copies with the same customer, host and route tell less than five that differ. A further sample is kept where there
//! is room and it shows a value that no other shows; where there is no room, in place of another where all of them together
//! then show strictly more. So the union of values never shrinks, every replacement makes it grow, and since it is bounded
//! there are few replacements: a flood in which each record has an id of its own replaces nothing, because what such a
//! record brings is what the record in whose place it would stand takes away.
//!
//! Which five are kept depends on the order in which they come, as with every choice that forgets what it did not keep;
//! that five are kept, and that none of those that were left out would show more in place of one of them when it came, does
//! not. This is the swap of "maximum coverage" over a stream (Saha and Getoor, "On Maximum Coverage in the Streaming Model",
//! SDM 2009), with a swap for any gain.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::{Cluster, Sample};

/// How many values of one sample are compared. Messages have some 20 words and records some 10 attributes; of a sample with
/// more, those with the smallest hashes stand for it, so that two samples are compared by the same ones.
const VALUES_MAX: usize = 64;

/// How many words of a body are read, and how many attributes: what one sample costs at most is some 10 microseconds.
const WORDS_MAX: usize = 256;

/// How much of a word or value is read, in bytes: enough to tell two apart.
const VALUE_BYTES_MAX: usize = 256;

/// The values that one sample shows, as hashes: sorted, each once, at most 64. They are compared within one process and
/// never stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values(Arc<[u64]>);

/// Gathers the values of one sample.
#[derive(Debug, Default)]
pub struct ValuesOf {
    hashes: Vec<u64>,
    attributes: usize,
}

impl ValuesOf {
    /// The words of a text: runs of letters, digits and what joins the parts of names, numbers and addresses.
    #[must_use]
    pub fn text(mut self, text: &[u8]) -> Self {
        let read = &text[..text.len().min(WORDS_MAX * VALUE_BYTES_MAX)];
        let words = read.split(|byte| !is_of_a_word(*byte)).filter(|word| !word.is_empty());
        self.hashes.extend(words.take(WORDS_MAX).map(|word| hash(&[], word)));
        self
    }

    /// The value of an attribute, as a whole.
    pub fn attribute(&mut self, key: &[u8], value: &[u8]) {
        if self.attributes < WORDS_MAX {
            self.attributes += 1;
            self.hashes.push(hash(key, value));
        }
    }

    /// The values.
    #[must_use]
    pub fn finish(mut self) -> Values {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.hashes.truncate(VALUES_MAX);
        Values(self.hashes.into())
    }
}

impl Values {
    /// The values of a sample.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        let mut values = ValuesOf::default().text(sample.body.as_bytes());
        for (key, value) in &sample.attributes {
            values.attribute(key.as_bytes(), value.as_bytes());
        }
        values.finish()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn holds(&self, value: u64) -> bool {
        self.0.binary_search(&value).is_ok()
    }
}

fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@') || !byte.is_ascii()
}

fn hash(key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key[..key.len().min(VALUE_BYTES_MAX)].hash(&mut hasher);
    value[..value.len().min(VALUE_BYTES_MAX)].hash(&mut hasher);
    hasher.finish()
}

/// What becomes of one more sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// There is room, and it shows something new.
    Keep,
    /// It stands in place of the sample of this number from now on.
    Replace(usize),
    /// The others show as much without it.
    Drop,
}

/// The values of the samples that are kept of one cluster, at most [`Cluster::SAMPLES_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    kept: Vec<Values>,
}

impl Choice {
    /// Decides on one more sample and remembers it where it is kept. Of two that could go equally well the later goes.
    pub fn offer(&mut self, sample: Values) -> Chosen {
        let chosen = self.decide(&sample);
        match chosen {
            Chosen::Keep => self.kept.push(sample),
            Chosen::Replace(number) => self.kept[number] = sample,
            Chosen::Drop => {}
        }
        chosen
    }

    /// Takes in what another choice for the same cluster kept.
    pub fn absorb(&mut self, other: &Self) {
        for sample in &other.kept {
            self.offer(sample.clone());
        }
    }

    /// Whether one more can only be kept in place of another.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kept.len() >= Cluster::SAMPLES_MAX
    }

    /// How many samples are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many values are held, of all samples.
    #[must_use]
    pub fn values(&self) -> usize {
        self.kept.iter().map(Values::count).sum()
    }

    fn decide(&self, sample: &Values) -> Chosen {
        let gain = sample.0.iter().filter(|value| !self.kept.iter().any(|kept| kept.holds(**value))).count();
        if self.kept.is_empty() || (gain > 0 && !self.is_full()) {
            return Chosen::Keep;
        }
        let loss = |(number, kept): (usize, &Values)| {
            let others = || self.kept.iter().enumerate().filter(move |(other, _)| *other != number);
            let is_lost = |value: &u64| !sample.holds(*value) && !others().any(|(_, one)| one.holds(*value));
            (kept.0.iter().filter(|value| is_lost(value)).count(), std::cmp::Reverse(number))
        };
        let least = if gain > 0 { self.kept.iter().enumerate().map(loss).min() } else { None };
        match least {
            Some((fewest, std::cmp::Reverse(number))) if gain > fewest => Chosen::Replace(number),
            _ => Chosen::Drop,
        }
    }
}

/// What changes in the samples of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Which of the kept ones go, ascending.
    pub removed: Vec<usize>,
    /// Which of the new ones are kept, ascending.
    pub added: Vec<usize>,
}

/// Decides which of `kept` stay and which of `new` come to them, looked at in this order. At most [`Cluster::SAMPLES_MAX`]
/// are kept then; of more that were kept before, the first.
#[must_use]
pub fn admit(kept: &[Sample], new: &[Sample]) -> Admitted {
    let staying = kept.len().min(Cluster::SAMPLES_MAX);
    let mut choice = Choice { kept: kept[..staying].iter().map(Values::of).collect() };
    let mut places: Vec<_> = (0..staying).map(Place::Kept).collect();
    for (number, sample) in new.iter().enumerate() {
        match choice.offer(Values::of(sample)) {
            Chosen::Keep => places.push(Place::New(number)),
            Chosen::Replace(place) => places[place] = Place::New(number),
            Chosen::Drop => {}
        }
    }
    let added = (0..new.len()).filter(|number| places.contains(&Place::New(*number))).collect();
    let removed = (0..kept.len()).filter(|number| !places.contains(&Place::Kept(*number))).collect();
    Admitted { removed, added }
}

/// Whose place it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Kept(usize),
    New(usize),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn sample(body: &str) -> Sample {
        Sample { body: body.to_owned(), ..Sample::default() }
    }

    /// Sends texts one after the other; gives what is kept, and how often one took the place of another.
    fn choose<'a>(bodies: impl IntoIterator<Item = &'a str>) -> (Vec<&'a str>, usize) {
        let (mut choice, mut kept, mut replaced) = (Choice::default(), Vec::new(), 0);
        for body in bodies {
            match choice.offer(Values::of(&sample(body))) {
                Chosen::Keep => kept.push(body),
                Chosen::Replace(place) => {
                    kept[place] = body;
                    replaced += 1;
                }
                Chosen::Drop => {}
            }
        }
        (kept, replaced)
    }

    #[test]
    fn a_sample_is_kept_where_it_shows_more_than_what_goes_for_it() {
        let check = |bodies: &[&str], expected: &[&str]| {
            assert_eq!(choose(bodies.iter().copied()).0, expected, "{bodies:?}");
        };
        check(&["refused"], &["refused"]);
        check(&[""], &[""]);
        // The same values again, in any order, show nothing.
        check(&["user anna", "user anna", "anna user"], &["user anna"]);
        check(&["user anna", "user ben"], &["user anna", "user ben"]);
        // A host that was not seen before, beside an id that every one has; the latest of its equals goes.
        let six = ["id 1 on a", "id 2 on a", "id 3 on a", "id 4 on a", "id 5 on a", "id 6 on b"];
        check(&six, &[six[0], six[1], six[2], six[3], six[5]]);
        // One that shows what two others show frees a place for nobody, yet what is unique stays.
        check(&["a", "b", "c", "d", "e", "a b"], &["a", "b", "c", "d", "e"]);
        check(&["a", "b", "c", "d", "e", "a f g"], &["a f g", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_flood_of_ids_replaces_nothing() {
        let bodies: Vec<_> = (0..10_000).map(|id| format!("request {id} failed")).collect();
        let (kept, replaced) = choose(bodies.iter().map(String::as_str));
        assert_eq!((kept.len(), replaced), (Cluster::SAMPLES_MAX, 0));
    }

    #[test]
    fn attributes_are_values_by_their_names() {
        let with = |key: &str, value: &str| {
            let attributes = [(key.to_owned(), value.to_owned())].into_iter().collect();
            Values::of(&Sample { attributes, ..sample("payment failed") })
        };
        let mut choice = Choice::default();
        assert_eq!(choice.offer(with("customer", "7")), Chosen::Keep);
        assert_eq!(choice.offer(with("customer", "7")), Chosen::Drop);
        assert_eq!(choice.offer(with("retry", "7")), Chosen::Keep);
        assert_eq!(choice.offer(with("customer", "8")), Chosen::Keep);
    }

    #[test]
    fn a_long_sample_costs_a_bounded_number_of_values() {
        let long = (0..100_000).map(|n| format!("w{n} ")).collect::<Vec<_>>().concat();
        assert_eq!(Values::of(&sample(&long)).count(), VALUES_MAX);
        assert_eq!(Values::of(&sample(&"a".repeat(1 << 20))).count(), 1);
    }

    #[test]
    fn what_the_store_is_told_names_who_goes_and_who_comes() {
        let samples = |bodies: &[&str]| bodies.iter().map(|body| sample(body)).collect::<Vec<_>>();
        let check = |kept: &[&str], new: &[&str], removed: &[usize], added: &[usize]| {
            let expected = Admitted { removed: removed.to_vec(), added: added.to_vec() };
            assert_eq!(admit(&samples(kept), &samples(new)), expected, "{kept:?} {new:?}");
        };
        check(&[], &[], &[], &[]);
        check(&[], &["a", "a", "b"], &[], &[0, 2]);
        check(&["a", "b"], &["b", "c"], &[], &[1]);
        check(&["a", "b", "c", "d", "e"], &["f"], &[], &[]);
        check(&["a", "b", "c", "d", "e"], &["f g", "h i"], &[3, 4], &[0, 1]);
        // One that came and went again is none of the new ones.
        check(&["a x", "b y", "c z", "d w", "e"], &["f g", "f g h i"], &[4], &[1]);
        check(&["a", "b", "c", "d", "e", "f", "g"], &[], &[5, 6], &[]);
    }

    fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
        proptest::collection::vec(proptest::collection::vec(0_u8..40, 0..8), 0..200)
    }

    proptest! {
        /// Never more than five, what they show never shrinks, and what replaces shows strictly more: so it comes to an end.
        #[test]
        fn what_is_shown_only_grows(bodies in bodies()) {
            let (mut choice, mut shown, mut replaced) = (Choice::default(), 0, 0);
            for body in bodies {
                let text = body.iter().map(|word| format!("w{word} ")).collect::<Vec<_>>().concat();
                let chosen = choice.offer(Values::of(&sample(&text)));
                let union = choice.kept.iter().flat_map(|kept| kept.0.iter()).collect::<BTreeSet<_>>().len();
                prop_assert!(choice.len() <= Cluster::SAMPLES_MAX && union >= shown);
                if let Chosen::Replace(_) = chosen {
                    prop_assert!(union > shown);
                    replaced += 1;
                }
                shown = union;
            }
            prop_assert!(replaced <= Cluster::SAMPLES_MAX * VALUES_MAX);
        }

        /// Passes over the same samples come to one that changes nothing.
        #[test]
        fn it_comes_to_rest(bodies in bodies()) {
            let values: Vec<_> = bodies
                .iter()
                .map(|body| body.iter().fold(ValuesOf::default(), |values, word| values.text(&[b'a' + word])).finish())
                .collect();
            let mut choice = Choice::default();
            let mut passes = 0;
            while values.iter().filter(|one| choice.offer((*one).clone()) != Chosen::Drop).count() > 0 {
                passes += 1;
                prop_assert!(passes <= Cluster::SAMPLES_MAX * VALUES_MAX);
            }
        }

        /// However they come in batches, the store keeps five at most, and as many values as it had or more.
        #[test]
        fn batches_lose_nothing_that_is_shown(bodies in bodies(), size in 1_usize..20) {
            let samples: Vec<_> = bodies.iter().map(|body| sample(&format!("{body:?}"))).collect();
            let shown = |kept: &[Sample]| kept.iter().flat_map(|one| Values::of(one).0.to_vec()).collect::<BTreeSet<_>>().len();
            let mut kept = Vec::<Sample>::new();
            for batch in samples.chunks(size) {
                let Admitted { removed, added } = admit(&kept, batch);
                let before = shown(&kept);
                let stay = kept.iter().enumerate().filter(|(n, _)| !removed.contains(n)).map(|(_, one)| one.clone());
                kept = stay.chain(added.iter().map(|n| batch[*n].clone())).collect();
                prop_assert!(kept.len() <= Cluster::SAMPLES_MAX && shown(&kept) >= before);
            }
        }
    }
}
