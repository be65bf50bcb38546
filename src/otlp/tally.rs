//! What a walk has passed so far, held against the limits of a request.

use super::{Limits, Unreadable};

/// What a walk passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walked {
    /// How many log records.
    pub records: u64,
    /// How many envelopes: resources' and scopes'.
    pub envelopes: u64,
    /// How many attributes, map entries and list elements, of resources, scopes and records.
    pub attributes: u64,
    /// How many values were nested too deeply and are taken as opaque.
    pub values_cut: u64,
    /// How many trace and span ids had a wrong length and are taken as absent.
    pub ids_dropped: u64,
    /// How many keys and values were given by their place in a table that logs don't have, and are taken as empty.
    pub references_dropped: u64,
}

/// Counts, and refuses what goes past the limits before anything is made of it.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) limits: Limits,
    pub(super) walked: Walked,
}

impl Tally {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, walked: Walked::default() }
    }

    #[inline]
    pub(super) fn record(&mut self) -> Result<(), Unreadable> {
        self.walked.records += 1;
        within("log records", self.walked.records, self.limits.records_max)
    }

    #[inline]
    pub(super) fn envelope(&mut self) -> Result<(), Unreadable> {
        self.walked.envelopes += 1;
        within("resources and scopes", self.walked.envelopes, self.limits.records_max)
    }

    #[inline]
    pub(super) fn attribute(&mut self) -> Result<(), Unreadable> {
        self.walked.attributes += 1;
        within("attributes", self.walked.attributes, self.limits.attributes_max)
    }
}

#[inline]
fn within(what: &'static str, count: u64, max: u64) -> Result<(), Unreadable> {
    if count <= max { Ok(()) } else { Err(Unreadable::TooMany { what, max }) }
}
