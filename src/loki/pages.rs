//! The way through a hole in time, page by page, without losing entries of one nanosecond.
//!
//! Loki answers the first so many entries from a start on, and knows no cursor. The next page therefore begins at the last
//! entry's own nanosecond, not after it, and what was seen of that nanosecond is dropped: a page may end in the midst of it.
//! This is synchronous and asks nobody; [`Pages::next`] is the question and [`Pages::take`] takes the answer.

use std::collections::HashSet;

use super::wire::Entry;
use crate::model::UnixNanos;

/// Entries of one page: what Loki's own clients ask for. Some 500 KB of ordinary lines.
pub(super) const LIMIT: u32 = 1_000;

/// Entries of one page where a single nanosecond fills smaller ones: Loki's default `max_entries_limit_per_query`.
const LIMIT_MAX: u32 = 5_000;

/// What to ask for: entries with `start` ≤ time < `end`, the first `limit` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) start: UnixNanos,
    pub(super) end: UnixNanos,
    pub(super) limit: u32,
}

/// Where the reading is.
#[derive(Debug)]
pub(super) struct Pages {
    start: UnixNanos,
    end: UnixNanos,
    limit: u32,
    /// More than this did not fit an answer since the reading last went on.
    limit_max: u32,
    /// What was seen at `start`.
    seen: HashSet<[u8; 16]>,
    /// Nanoseconds that held more entries than one answer can: the rest of theirs is not read.
    incomplete: u64,
    done: bool,
}

impl Pages {
    /// From `start` on, up to before `end`.
    pub(super) fn new(start: UnixNanos, end: UnixNanos) -> Self {
        Self {
            start,
            end,
            limit: LIMIT,
            limit_max: LIMIT_MAX,
            seen: HashSet::new(),
            incomplete: 0,
            done: start >= end,
        }
    }

    /// The next question; `None` at the end.
    pub(super) fn next(&self) -> Option<Page> {
        let Self { start, end, limit, .. } = *self;
        (!self.done).then_some(Page { start, end, limit })
    }

    /// How many nanoseconds held more entries than one answer can.
    pub(super) fn incomplete(&self) -> u64 {
        self.incomplete
    }

    /// Takes the answer to [`Pages::next`], in order of time; returns what is new in it.
    pub(super) fn take(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let is_full = entries.len() >= self.limit as usize;
        let last = entries.last().map_or(self.start, |entry| entry.time);
        let start = self.start;
        entries.retain(|entry| entry.time != start || self.seen.insert(entry.digest()));
        if !is_full {
            self.done = true;
        } else if last > start {
            self.seen = entries.iter().filter(|entry| entry.time == last).map(Entry::digest).collect();
            self.go_on_at(last);
        } else if self.limit < self.limit_max {
            self.limit = self.limit.saturating_mul(2).min(self.limit_max);
        } else {
            self.skip();
        }
        entries
    }

    /// Takes it that the answer was too long to read. False where it cannot be asked for less.
    pub(super) fn take_too_long(&mut self) -> bool {
        if self.limit == 1 {
            return false;
        }
        self.limit /= 2;
        self.limit_max = self.limit;
        true
    }

    /// Leaves the rest of a nanosecond that does not fit an answer.
    fn skip(&mut self) {
        self.incomplete += 1;
        self.seen.clear();
        self.go_on_at(UnixNanos(self.start.0.saturating_add(1)));
        self.done = self.start >= self.end;
    }

    fn go_on_at(&mut self, start: UnixNanos) {
        self.start = start;
        // The next entries may be as long as those that did not fit: from there on the page grows again step by step.
        self.limit = if self.limit_max < LIMIT { (self.limit * 2).min(LIMIT) } else { LIMIT };
        self.limit_max = LIMIT_MAX;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::loki::wire::Labels;

    /// A model of Loki: it holds entries, and answers the first of a range, those of one nanosecond in an order of its own.
    struct Model {
        entries: Vec<Entry>,
        /// How many lines an answer can hold before it is too long.
        fits: usize,
        asked: u32,
    }

    impl Model {
        fn new(times: &[u64], fits: usize) -> Self {
            let stream = Arc::new(Labels::new());
            let entry = |(n, time): (usize, &u64)| Entry {
                time: UnixNanos(*time),
                line: format!("line {n}"),
                stream: Arc::clone(&stream),
                metadata: Labels::new(),
            };
            Self { entries: times.iter().enumerate().map(entry).collect(), fits, asked: 0 }
        }

        fn answer(&mut self, page: Page) -> Option<Vec<Entry>> {
            self.asked += 1;
            let in_range = |entry: &&Entry| page.start <= entry.time && entry.time < page.end;
            let mut found: Vec<_> = self.entries.iter().filter(in_range).cloned().collect();
            // Loki promises no order among entries of one nanosecond, nor the same one twice.
            let asked = self.asked;
            found.sort_by_key(|entry| {
                (entry.time, blake3::hash(format!("{asked}{}", entry.line).as_bytes()).as_bytes()[0])
            });
            found.truncate(page.limit as usize);
            (found.len() <= self.fits).then_some(found)
        }
    }

    /// Everything that is read, as lines, and how many nanoseconds are not whole.
    fn read(model: &mut Model, end: u64) -> (Vec<String>, u64) {
        let mut pages = Pages::new(UnixNanos(0), UnixNanos(end));
        let mut read = Vec::new();
        while let Some(page) = pages.next() {
            assert!(model.asked < 20_000, "it comes to an end");
            match model.answer(page) {
                Some(entries) => read.extend(pages.take(entries).into_iter().map(|entry| entry.line)),
                None => assert!(pages.take_too_long()),
            }
        }
        (read, pages.incomplete())
    }

    fn check(times: &[u64], fits: usize, incomplete: u64) -> Vec<String> {
        let mut model = Model::new(times, fits);
        let (mut lines, cut) = read(&mut model, 100);
        let read = lines.len();
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), read, "nothing is read twice");
        assert_eq!(cut, incomplete);
        lines
    }

    #[test]
    fn a_nanosecond_that_fills_a_page_is_read_whole_up_to_what_loki_answers() {
        for (times, read, incomplete) in [
            (vec![], 0, 0),
            (vec![7; 1], 1, 0),
            (vec![7; 1_000], 1_000, 0),
            (vec![7; 1_001], 1_001, 0),
            (vec![7; 4_999], 4_999, 0),
            (vec![7; 5_001], 5_000, 1),
            ([vec![7; 6_000], vec![8; 6_000], vec![9; 3]].concat(), 10_003, 2),
            (vec![100; 5], 0, 0),
        ] {
            let found = check(&times, usize::MAX, incomplete).len();
            // What Loki tells of a nanosecond that is too full may differ from page to page, and then more is found.
            let as_expected =
                if incomplete == 0 { found == read } else { (read..=times.len()).contains(&found) };
            assert!(as_expected, "{found} of {} entries", times.len());
        }
    }

    #[test]
    fn a_page_that_is_too_long_is_asked_for_in_parts() {
        let times: Vec<_> = (0..2_000).map(|n| n / 20).collect();
        assert_eq!(check(&times, 60, 0).len(), 2_000);
        let mut pages = Pages::new(UnixNanos(0), UnixNanos(9));
        while pages.take_too_long() {}
        assert_eq!(pages.next().map(|page| page.limit), Some(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever entries share a nanosecond, each is read exactly once.
        #[test]
        fn every_entry_is_read_once(times in proptest::collection::vec(0_u64..12, 0..4_000)) {
            prop_assert_eq!(check(&times, usize::MAX, 0).len(), times.len());
        }
    }
}
