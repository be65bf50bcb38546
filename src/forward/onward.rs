//! The request as it goes on.

use bytes::Bytes;

use super::Mode;
use crate::model::{Fingerprint, SeverityNumber, Verdict};
use crate::otlp::{Attributes, Fate, Malformed, Spliced, splice};

/// A record of a request that a rule held for.
#[derive(Debug, Clone)]
pub struct Matched {
    /// Which record of the request it is, from 0, in the order of the walk.
    pub index: u64,
    /// Its cluster.
    pub fingerprint: Fingerprint,
    /// Its severity number.
    pub severity_number: SeverityNumber,
    /// What the classifier says of it.
    pub verdict: Verdict,
    /// Its trace.
    pub trace_id: Option<[u8; 16]>,
    /// What decides whether it stays here.
    pub hold: Hold,
    /// Whether it stays here; see [`Attempt::hold_back`](super::Attempt::hold_back).
    pub held_back: bool,
}

/// What decides whether a record stays here, where copies do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Its cluster: the first record of it goes on.
    ByCluster,
    /// It goes on whatever its cluster did before.
    Never,
    /// As the record before it: both are lines of one trace.
    AsBefore,
    /// It stays if the head of its trace, in an earlier request, did.
    AsHead(bool),
}

impl Matched {
    fn attributes(&self) -> Attributes {
        annotation(&self.verdict, self.fingerprint)
    }
}

/// What an annotated record gains.
pub(super) fn annotation(verdict: &Verdict, fingerprint: Fingerprint) -> Attributes {
    Attributes::default()
        .with("logmend.category", verdict.category.as_str())
        .with("logmend.severity", verdict.severity.as_str())
        .with("logmend.fingerprint", &fingerprint.to_string())
        .with("logmend.rule", &verdict.rule)
}

/// What goes on of a request that holds `records` records, of which `matched` matched, in order.
///
/// # Errors
///
/// [`Malformed`], which a request that was walked is not.
pub fn onward(mode: Mode, request: &Bytes, records: u64, matched: &[Matched]) -> Result<Spliced, Malformed> {
    let others = if mode == Mode::Matched { Fate::Drop } else { Fate::Keep };
    match (&others, matched) {
        (Fate::Keep, []) => return Ok(Spliced { request: request.clone(), records }),
        (_, []) => return Ok(Spliced { request: Bytes::new(), records: 0 }),
        _ => {}
    }
    let mut matched = matched.iter().peekable();
    splice(request, |index| match matched.next_if(|record| record.index == index) {
        None => others.clone(),
        Some(record) if record.held_back => Fate::Drop,
        Some(record) => Fate::Annotate(record.attributes()),
    })
}
