//! The records of one request, joined: each stream's lines into the traces that they are of, before anything is classified.
//!
//! A stream is what has one resource, scope, file and output. A record takes part where its body is a text and no exception
//! stands beside it; any other ends what is open before it.

use super::joining::{
    Claim, Counted, Group, Joiner, Key, Line, Mark, Memory, Piece, Remembered, tells_of_an_error,
};
use crate::model::{LogRecord, Resource, Scope, SeverityNumber, UnixNanos, Way};

/// How many streams of a request are kept apart and remembered. Of more, the lines are joined where they follow each other.
const STREAMS_MAX: usize = 64;

/// A record that takes part, or what is remembered of one.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) record: LogRecord<'a>,
    /// The text of what came in an earlier request.
    remembered: Option<Vec<u8>>,
    /// Which records of this request it is made of, in order; the first of them apart, so that most parts allocate nothing.
    index: Option<u64>,
    later: Vec<u64>,
    /// What it is counted as, where an earlier request brought it.
    pub(super) counted: Vec<Counted>,
}

impl<'a> Part<'a> {
    pub(super) fn new(record: &LogRecord<'a>, index: u64) -> Self {
        Self { record: *record, remembered: None, index: Some(index), later: Vec::new(), counted: Vec::new() }
    }

    fn remembered(piece: &Piece) -> Self {
        let record = LogRecord {
            time: piece.time,
            severity_number: piece.severity_number,
            trace_id: piece.trace_id,
            ..LogRecord::default()
        };
        let remembered = Some(piece.text.clone());
        // It was a record of another request.
        let counted = piece.counted.iter().map(|one| Counted { index: None, ..*one }).collect();
        Self { record, remembered, index: None, later: Vec::new(), counted }
    }

    /// Whether its head came in an earlier request.
    pub(super) fn is_remembered(&self) -> bool {
        self.remembered.is_some()
    }

    /// The records of this request that it is made of.
    pub(super) fn indexes(&self) -> impl Iterator<Item = u64> {
        self.index.into_iter().chain(self.later.iter().copied())
    }

    /// What is remembered of it, with the text of the group that it begins.
    fn to_piece(&self, joined: Option<&[u8]>, counted: Vec<Counted>) -> Piece {
        Piece {
            text: joined.unwrap_or_else(|| self.text()).to_vec(),
            severity_number: self.record.severity(),
            time: self.record.time_or_observed(),
            trace_id: self.record.trace_id,
            counted,
        }
    }
}

impl Line for Part<'_> {
    fn text(&self) -> &[u8] {
        self.remembered.as_deref().unwrap_or(self.record.body)
    }

    /// A trace behind an INFO line was rather printed by the runtime than logged with it.
    fn may_be_logged_with_a_trace(&self) -> bool {
        let severity = self.record.severity();
        if severity.is_unspecified() {
            tells_of_an_error(self.text())
        } else {
            severity >= SeverityNumber::WARN
        }
    }

    /// The trace is as grave as the gravest of its lines. It happened when its head did.
    fn absorb(&mut self, later: Self) {
        let severity: SeverityNumber = self.record.severity().max(later.record.severity());
        self.record.severity_number = severity;
        self.later.extend(later.indexes());
        self.counted.extend(later.counted);
    }
}

/// One stream.
#[derive(Debug)]
struct Stream<'a> {
    resource: Resource<'a>,
    scope: Scope<'a>,
    log_file: &'a [u8],
    log_iostream: &'a [u8],
    /// None where it is one too many to be remembered.
    key: Option<Key>,
    joiner: Joiner<Part<'a>>,
}

impl<'a> Stream<'a> {
    /// Whether a record is of this stream. Records of one scope share their resource's very bytes.
    #[inline]
    fn has(&self, resource: &Resource<'a>, scope: &Scope<'a>, record: &LogRecord<'a>) -> bool {
        same(self.resource.wire, resource.wire)
            && same(self.scope.wire, scope.wire)
            && self.log_file == record.log_file
            && self.log_iostream == record.log_iostream
    }
}

#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    std::ptr::eq(one, other) || one == other
}

/// What is made of a group: it answers what the group is counted as.
pub(super) trait Take<'a> {
    fn take(&mut self, resource: &Resource<'a>, group: Group<'_, Part<'a>>) -> Vec<Counted>;
}

/// The streams of one request.
#[derive(Debug)]
pub(super) struct Streams<'a, 'm> {
    known: Vec<Stream<'a>>,
    current: usize,
    memory: &'m Memory,
    /// What is read back goes on with nothing that was sent.
    way: &'static [u8],
    request: Mark,
    now: UnixNanos,
    /// What streams go on with.
    pub(super) claims: Vec<Claim>,
}

impl<'a, 'm> Streams<'a, 'm> {
    pub(super) fn new(memory: &'m Memory, way: Way, request: Mark, now: UnixNanos) -> Self {
        let way = if way == Way::Sent { b"sent" } else { &b"read back"[..] };
        Self { known: Vec::new(), current: 0, memory, way, request, now, claims: Vec::new() }
    }

    /// Takes the next record of the request.
    #[inline]
    pub(super) fn record(
        &mut self,
        (resource, scope): (&Resource<'a>, &Scope<'a>),
        part: Part<'a>,
        taker: &mut impl Take<'a>,
    ) {
        let record = &part.record;
        if !self.known.get(self.current).is_some_and(|stream| stream.has(resource, scope, record)) {
            self.turn_to(resource, scope, record, taker);
        }
        let joiner = &mut self.known[self.current].joiner;
        let mut take = |group: Group<'_, Part<'a>>| drop(taker.take(resource, group));
        if takes_part(record) {
            joiner.push(part, &mut take);
        } else {
            joiner.finish(&mut take);
            take(Group { first: part, lines: 1, joined: None, is_fragment: false });
        }
    }

    /// Makes the stream of a record the current one.
    fn turn_to(
        &mut self,
        resource: &Resource<'a>,
        scope: &Scope<'a>,
        record: &LogRecord<'a>,
        taker: &mut impl Take<'a>,
    ) {
        if let Some(known) = self.known.iter().position(|stream| stream.has(resource, scope, record)) {
            self.current = known;
            return;
        }
        let mut stream = Stream {
            resource: *resource,
            scope: *scope,
            log_file: record.log_file,
            log_iostream: record.log_iostream,
            key: None,
            joiner: Joiner::default(),
        };
        if self.known.len() < STREAMS_MAX {
            let key = Key::of(&[self.way, resource.wire, scope.wire, record.log_file, record.log_iostream]);
            stream.key = Some(key);
            if takes_part(record)
                && self.memory.goes_on(key, record.body, self.now)
                && let Some(claim) = self.memory.claim(key, self.request)
            {
                stream.joiner = resumed(&claim.tail);
                self.claims.push(claim);
            }
            self.known.push(stream);
        } else if self.known.len() == STREAMS_MAX {
            self.known.push(stream);
        } else if let Some(last) = self.known.last_mut() {
            // The place beyond the bound is for whichever stream has the word.
            let resource = last.resource;
            last.joiner.finish(&mut |group| drop(taker.take(&resource, group)));
            *last = stream;
        }
        self.current = self.known.len() - 1;
    }

    /// Ends the request; tells how its streams ended, and what they went on with.
    pub(super) fn finish(mut self, taker: &mut impl Take<'a>) -> (Vec<(Key, Remembered)>, Vec<Claim>) {
        let mut tails = Vec::with_capacity(self.known.len());
        for stream in &mut self.known {
            let open = stream.joiner.open();
            let mut pieces = Vec::new();
            let resource = stream.resource;
            stream.joiner.finish(&mut |group| {
                // What it is counted as is known only once it was taken, which takes it.
                let mut piece = group.first.to_piece(group.joined, Vec::new());
                piece.counted = taker.take(&resource, group);
                pieces.push(piece);
            });
            if let (Some(key), Some(open)) = (stream.key, open) {
                tails.push((key, Remembered { open, pieces }));
            }
        }
        (tails, self.claims)
    }
}

fn resumed<'a>(tail: &Remembered) -> Joiner<Part<'a>> {
    match tail.pieces.split_first() {
        Some((first, waiting)) => {
            let waiting = waiting.iter().map(Part::remembered).collect();
            Joiner::resume(&tail.open, Part::remembered(first), waiting)
        }
        None => Joiner::default(),
    }
}

/// A text without an exception of its own. JSON is a record's own text from end to end.
#[inline]
fn takes_part(record: &LogRecord<'_>) -> bool {
    record.body_map.is_empty() && !record.has_exception() && record.body.first() != Some(&b'{')
}
