//! The parts of the way of a record, each alone, over requests in memory.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use anyhow::Context as _;
use bytes::Bytes;
use serde::Serialize;

use crate::classify::{Classifier, Literals, Scratch};
use crate::fingerprint;
use crate::model::LogRecord;
use crate::otlp::{self, Limits, Unfolded};

/// What of the files is read into memory, in bytes.
pub(super) const BYTES_MAX: usize = 64 * 1024 * 1024;

/// What was measured. Times are of one core.
#[derive(Debug, Serialize)]
pub(super) struct InProcess {
    pub(super) records: u64,
    /// As OTLP.
    pub(super) wire_bytes: u64,
    /// Bodies and exceptions.
    pub(super) text_bytes: u64,
    /// Records in which a rule's literal stands.
    pub(super) records_with_a_literal: u64,
    /// Records that are errors.
    pub(super) errors: u64,
    /// The walk of the bytes, with every check.
    pub(super) walk_ns_a_record: f64,
    /// All literals found, every record scanned.
    pub(super) literals_ns_a_record: f64,
    /// The same by plain aho-corasick; none where its automaton would be too large.
    pub(super) aho_corasick_ns_a_record: Option<f64>,
    /// To the first rule that holds, of the records that their severity does not rule out.
    pub(super) classify_ns_a_record: f64,
    /// Of an error; none where there are so few that it drowns in the noise.
    pub(super) fingerprint_ns_an_error: Option<f64>,
    /// All of it.
    pub(super) all_ns_a_record: f64,
}

/// Measures over requests for about so long; `None` where they hold no record.
pub(super) fn measure(
    requests: &[Bytes],
    classifier: &Classifier,
    lasting: Duration,
) -> anyhow::Result<Option<InProcess>> {
    let limits = Limits::default();
    let mut texts = Vec::new();
    let (mut records, mut errors, mut text_bytes) = (0, 0, 0);
    let mut scratch = Scratch::default();
    for request in requests {
        let walked = otlp::walk(request, &limits, |resource, _, record| {
            let unfolded = Unfolded::new(record);
            let record = unfolded.record();
            errors += u64::from(classifier.classify(&record, resource, &mut scratch).is_some());
            texts.extend(fields(&record).map(<[u8]>::to_vec));
        });
        records += walked.context("a request of ours cannot be read")?.records;
    }
    if records == 0 {
        return Ok(None);
    }
    text_bytes += texts.iter().map(Vec::len).sum::<usize>() as u64;
    let literals =
        Literals::new(classifier.literals()).context("no automaton can be built of the literals")?;
    let plain = plain(classifier.literals())?;

    let clock = Clock { slice: lasting / 6, records };
    let mut found = Vec::new();
    let mut holding = 0;
    for fields in texts.chunks(FIELDS) {
        holding += u64::from(fields.iter().any(|text| {
            literals.find(text, &mut found);
            !found.is_empty()
        }));
    }
    let literals_ns = clock.a_record(|| {
        for text in &texts {
            literals.find(black_box(text), &mut found);
            black_box(&found);
        }
    });
    let plain_ns = plain.map(|plain| {
        clock.a_record(|| {
            for text in &texts {
                found.clear();
                found.extend(plain.find_overlapping_iter(black_box(text)));
                black_box(&found);
            }
        })
    });
    let walk_ns = clock.a_record(|| {
        for request in requests {
            let _ = black_box(otlp::walk(black_box(request), &limits, |_, _, record| {
                black_box(record);
            }));
        }
    });
    let mut classify = |fingerprints: bool| {
        clock.a_record(|| {
            for request in requests {
                let _ = black_box(otlp::walk(black_box(request), &limits, |resource, _, record| {
                    if !classifier.may_hold(record) {
                        return;
                    }
                    let unfolded = Unfolded::new(record);
                    let record = unfolded.record();
                    if classifier.classify(&record, resource, &mut scratch).is_some() && fingerprints {
                        black_box(fingerprint::analyze(&record, resource));
                    }
                }));
            }
        })
    };
    let (to_classes_ns, all_ns) = (classify(false), classify(true));
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let of_an_error = (errors * ERRORS_ONE_IN >= records)
        .then(|| (all_ns - to_classes_ns).max(0.0) * records as f64 / errors as f64);
    Ok(Some(InProcess {
        records,
        wire_bytes: requests.iter().map(Bytes::len).sum::<usize>() as u64,
        text_bytes,
        records_with_a_literal: holding,
        errors,
        walk_ns_a_record: walk_ns,
        literals_ns_a_record: literals_ns,
        aho_corasick_ns_a_record: plain_ns,
        classify_ns_a_record: (to_classes_ns - walk_ns).max(0.0),
        fingerprint_ns_an_error: of_an_error,
        all_ns_a_record: all_ns,
    }))
}

/// Plain aho-corasick, where its automaton has room: some hundred bytes for each byte of the literals.
fn plain(literals: &[String]) -> anyhow::Result<Option<AhoCorasick>> {
    if literals.iter().map(String::len).sum::<usize>() > DFA_TEXT_BYTES_MAX {
        return Ok(None);
    }
    let kind = Some(AhoCorasickKind::DFA);
    let plain = AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(literals);
    plain.map(Some).context("no automaton can be built of the literals")
}

/// What rules look at.
const FIELDS: usize = 4;

fn fields<'r>(record: &LogRecord<'r>) -> impl Iterator<Item = &'r [u8]> + use<'r> {
    let exception = record.exception;
    [record.body, exception.type_name, exception.message, exception.stacktrace].into_iter()
}

/// A fingerprint is told where at least one record in so many is an error.
const ERRORS_ONE_IN: u64 = 200;

/// The literals' text of which an automaton is built to compare with, in bytes.
const DFA_TEXT_BYTES_MAX: usize = 64 * 1024;

/// A sample is as many passes as last so long: the clock itself takes some ten nanoseconds.
const SAMPLE_MIN: Duration = Duration::from_millis(1);
const PASSES_MAX: u32 = 1 << 20;

/// Repeats for so long.
struct Clock {
    slice: Duration,
    records: u64,
}

impl Clock {
    /// Nanoseconds a record: the median of all samples, of one at least.
    fn a_record(&self, mut pass: impl FnMut()) -> f64 {
        let begun = Instant::now();
        let mut samples = Vec::new();
        let mut passes = 1_u32;
        while samples.is_empty() || begun.elapsed() < self.slice {
            let start = Instant::now();
            for _ in 0..passes {
                pass();
            }
            let sample = start.elapsed();
            if sample < SAMPLE_MIN && passes < PASSES_MAX {
                passes *= 2;
            } else {
                samples.push(sample / passes);
            }
        }
        samples.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let records = self.records.max(1) as f64;
        samples[samples.len() / 2].as_secs_f64() * 1e9 / records
    }
}
