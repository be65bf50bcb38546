//! One group of records after the other: classified, fingerprinted, folded.

use std::cell::Cell;
use std::sync::Arc;

use arc_swap::Guard;

use super::joining::{Counted, Group};
use super::overflow::{self, Of};
use super::totals::{Cuts, Overflow};
use super::traces::{Part, Take};
use super::{Pipeline, onward, overlap};
use crate::classify::{Classifier, Scratch};
use crate::fingerprint;
use crate::forward::{Hold, Matched};
use crate::model::{Delta, HeldBack, Hole, LogRecord, Resource, Severity, UnixNanos, Verdict};
use crate::otlp::Unfolded;
use crate::store::{Move, MovedFrom};
use crate::window::{Fold, Occurrence, Place};

/// What is found in one request, so far.
pub(super) struct Matching<'p> {
    pipeline: &'p Pipeline,
    received: UnixNanos,
    /// The window that was open when the reading began.
    window: UnixNanos,
    /// One set of rules for the whole request, also where it is replaced meanwhile.
    rules: Guard<Arc<Classifier>>,
    scratch: Scratch,
    /// Times in which nobody counted.
    pub(super) holes: Arc<[Hole]>,
    pub(super) fold: Fold<'p>,
    /// Further lines of traces that are counted.
    pub(super) joined: u64,
    pub(super) moves: Vec<Move>,
    pub(super) matched: Vec<Matched>,
    pub(super) overflow: Overflow,
    /// A cell: what is kept is asked for while the fold is lent.
    pub(super) cuts: Cell<Cuts>,
}

impl<'p> Matching<'p> {
    pub(super) fn new(pipeline: &'p Pipeline, received: UnixNanos) -> Self {
        let window = *pipeline.store.window().borrow();
        Self {
            pipeline,
            received,
            window,
            rules: pipeline.rules.current(),
            scratch: Scratch::default(),
            holes: pipeline.store.holes().borrow().clone(),
            fold: Fold::new(&pipeline.dedupe, window),
            joined: 0,
            moves: Vec::new(),
            matched: Vec::new(),
            overflow: Overflow::default(),
            cuts: Cell::default(),
        }
    }

    /// Classifies one occurrence, the record `index` of the request; what it was counted as before is told better, if it was.
    fn occurrence(
        &mut self,
        resource: &Resource<'_>,
        (record, index): (&LogRecord<'_>, u64),
        counted: &[Counted],
        is_fragment: bool,
    ) -> Option<(Matched, Vec<Counted>)> {
        let pipeline = self.pipeline;
        if !self.rules.may_hold(record) {
            return None;
        }
        let unfolded = Unfolded::new(record);
        let record = &unfolded.record();
        let class = self.rules.classify(record, resource, &mut self.scratch)?;
        let analysis = fingerprint::analyze(record, resource);
        let has_in_app_frame = analysis.frames.iter().any(|frame| frame.in_app);
        let occurrence = Occurrence {
            fingerprint: analysis.fingerprint,
            at: record.occurred(self.received),
            severity_number: record.severity(),
            verdict: class.verdict(record.severity(), has_in_app_frame),
            passage: overlap::passage(&self.holes, &pipeline.noted, resource, record, index)
                .filter(|_| counted.is_empty()),
        };
        // The head of a fragment is not known here: it was counted or lost before. So that nothing is lost it counts, and so
        // that no error gets two fixes, it asks for none.
        let occurrence = if is_fragment { headless(occurrence) } else { occurrence };
        let too_many = match self.fold.place(occurrence.fingerprint, resource.service_name) {
            Place::Own => None,
            Place::WithService => {
                self.overflow.with_service += 1;
                Some(Of::Service(resource.service_name))
            }
            Place::WithMany => {
                self.overflow.with_many += 1;
                Some(Of::Many)
            }
        };
        // The next hop is told what it is all the same, and of each one: no summary could tell them apart.
        let hold = if too_many.is_some() { Hold::Never } else { Hold::ByCluster };
        let matched = Matched { hold, ..onward::matched(&occurrence, record) };
        let occurrence = match too_many {
            None => occurrence,
            Some(of) => overflow::occurrence(&occurrence, of),
        };
        let (fingerprint, at) = (occurrence.fingerprint, occurrence.at);
        let (kept, cuts) = (&pipeline.kept, &self.cuts);
        let category = &matched.verdict.category;
        let detail = || {
            if let Some(of) = too_many {
                return overflow::detail(of, kept.service(resource), category);
            }
            note(cuts, kept.cuts_of_detail(&analysis, record));
            kept.detail(analysis, resource, record)
        };
        let values = || kept.values(record);
        let sample = || {
            note(cuts, kept.cuts_of_sample(record));
            kept.sample(record, at)
        };
        let now = Counted { fingerprint, window: self.window, index: None, held: false };
        if counted.is_empty() {
            self.fold.add(occurrence, detail, values, sample);
            return Some((matched, vec![now]));
        }
        let came_another_way = |one: &&Counted| one.window == UnixNanos::default();
        if counted.iter().any(|one| came_another_way(&one)) {
            return Some((matched, self.take_back(counted)));
        }
        let is_open = counted.iter().all(|one| one.window == self.window);
        let is_new = counted.len() > 1 || counted[0].fingerprint != fingerprint;
        if !(is_open && is_new) {
            return Some((matched, counted.to_vec()));
        }
        let mut one = Fold::new(&pipeline.dedupe, self.window);
        one.add(occurrence, detail, values, sample);
        let to = one.finish().0.pop();
        let was_held = counted.iter().any(|one| one.held);
        let to = to.map(|to| Delta { held: held_back(was_held), ..to });
        self.moves.push(moved(counted, to));
        Some((matched, vec![Counted { held: was_held, ..now }]))
    }

    /// Takes back what lines of an occurrence were counted as that came another way and is counted: nothing more of it is.
    fn take_back(&mut self, counted: &[Counted]) -> Vec<Counted> {
        let none = UnixNanos::default();
        let twice: Vec<_> =
            counted.iter().filter(|one| one.window == self.window && one.window != none).collect();
        if !twice.is_empty() {
            self.moves.push(moved(twice, None));
        }
        counted.iter().map(|one| Counted { window: none, ..*one }).collect()
    }

    /// Tells the next hop of each record of a group: all of them go on, or none does.
    fn tell(&mut self, part: &Part<'_>, matched: &Matched) {
        let first = if part.is_remembered() {
            Hold::AsHead(part.counted.iter().any(|one| one.held))
        } else {
            matched.hold
        };
        for (place, index) in part.indexes().enumerate() {
            let hold = if place == 0 { first } else { Hold::AsBefore };
            self.matched.push(Matched { index, hold, ..matched.clone() });
        }
    }
}

impl<'a> Take<'a> for Matching<'_> {
    fn take(&mut self, resource: &Resource<'a>, group: Group<'_, Part<'a>>) -> Vec<Counted> {
        let Group { first, joined, is_fragment, .. } = group;
        let Some(index) = first.indexes().next() else { return first.counted };
        let records = first.indexes().count() as u64;
        let record = match joined {
            Some(body) => LogRecord { body, ..first.record },
            None => first.record,
        };
        let Some((matched, mut counted)) =
            self.occurrence(resource, (&record, index), &first.counted, is_fragment)
        else {
            return first.counted;
        };
        self.joined += records - u64::from(first.counted.is_empty());
        if self.pipeline.onward.is_some() {
            self.tell(&first, &matched);
        }
        if first.counted.is_empty() {
            for one in &mut counted {
                one.index = Some(index);
            }
        }
        counted
    }
}

fn note(cuts: &Cell<Cuts>, more: Cuts) {
    let mut all = cuts.get();
    all.add(more);
    cuts.set(all);
}

/// An occurrence of which only the rest came.
fn headless(occurrence: Occurrence) -> Occurrence {
    let severity = occurrence.verdict.severity.min(Severity::Medium);
    Occurrence { verdict: Verdict { severity, fixable: false, ..occurrence.verdict }, ..occurrence }
}

fn moved<'c>(counted: impl IntoIterator<Item = &'c Counted>, to: Option<Delta>) -> Move {
    let from = |one: &Counted| MovedFrom { fingerprint: one.fingerprint, window: one.window, held: one.held };
    Move { from: counted.into_iter().map(from).collect(), to }
}

fn held_back(held: bool) -> HeldBack {
    HeldBack { count: u64::from(held), trace_ids: Vec::new() }
}
