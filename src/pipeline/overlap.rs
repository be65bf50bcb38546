//! What comes both ways: read back from where logs are kept, and sent again by an exporter that had no answer.
//!
//! Exporters send again for minutes what nobody acknowledged. After an outage shorter than that the same records are in the
//! hole that is read back, in requests with other bytes, which the digest of requests cannot tell. So each error that
//! happened in the hole is known by its service, its time and its first line, and the store counts it the first way it comes:
//! it notes that in the transaction that counts, so it holds for all replicas, and over a crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{Hole, LogRecord, Passage, Resource, UnixNanos};

/// Errors that one process notes at most, so that made-up times fill no disk: an hour of 5,000 a second, some 3 GB. Further ones
/// that come both ways count twice.
const NOTED_MAX: u64 = 18_000_000;

/// How many were noted; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Noted(Arc<AtomicU64>);

impl Noted {
    /// Whether one more has room.
    fn has_room(&self) -> bool {
        let noted = self.0.fetch_add(1, Ordering::Relaxed);
        if noted == NOTED_MAX {
            tracing::error!(
                "{NOTED_MAX} errors of the time in which nobody counted came; those that come twice may count twice now"
            );
        }
        noted < NOTED_MAX
    }
}

/// The passage of an error, the record `index` of its request, where it happened in one of the holes. Without any it costs
/// this look.
pub(super) fn passage(
    holes: &[Hole],
    noted: &Noted,
    resource: &Resource<'_>,
    record: &LogRecord<'_>,
    index: u64,
) -> Option<Passage> {
    if holes.is_empty() {
        return None;
    }
    let at = record.time_or_observed();
    let hole = holes.iter().find(|hole| hole.holds(at) && noted.has_room())?;
    Some(Passage { key: key(resource, record.body, at), hole: hole.to, index })
}

/// Of what both ways keep as it was. A trace's first line stands alone where its lines came one by one.
fn key(resource: &Resource<'_>, body: &[u8], at: UnixNanos) -> [u8; 16] {
    let first_line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&at.0.to_le_bytes());
    hasher.update(&(resource.service_name.len() as u64).to_le_bytes()).update(resource.service_name);
    hasher.update(first_line);
    let mut key = [0; 16];
    key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_hole_is_known_by_service_time_and_first_line() {
        let hole = |from, to| Hole { from: UnixNanos(from), to: UnixNanos(to) };
        let noted = Noted::default();
        let passage_in = |holes: &[Hole], service: &str, at, body: &str| {
            let resource = Resource { service_name: service.as_bytes(), ..Resource::default() };
            let record = LogRecord { time: UnixNanos(at), body: body.as_bytes(), ..LogRecord::default() };
            passage(holes, &noted, &resource, &record, 7)
        };
        let holes = [hole(10, 20), hole(30, 40)];
        let of = |service, at, body| passage_in(&holes, service, at, body);
        let known = of("a", 15, "x").unwrap();
        assert_eq!((known.hole, known.index), (UnixNanos(20), 7));
        assert_eq!(of("a", 15, "x\nat y"), Some(known), "a trace's first line alone");
        assert_eq!(of("a", 35, "x").unwrap().hole, UnixNanos(40));
        for (service, at, body) in [("a", 16, "x"), ("b", 15, "x"), ("a", 15, "y"), ("", 15, "ax")] {
            assert_ne!(of(service, at, body).unwrap().key, known.key, "{service} {at} {body}");
        }
        for at in [9, 10, 20, 25, 30, 40, 41] {
            assert_eq!(of("a", at, "x"), None, "{at}");
        }
        assert_eq!(passage_in(&[], "a", 15, "x"), None);
        let observed = LogRecord { observed_time: UnixNanos(15), body: b"x", ..LogRecord::default() };
        assert!(passage(&holes, &noted, &Resource::default(), &observed, 0).is_some());
        noted.0.store(NOTED_MAX, Ordering::Relaxed);
        assert_eq!(of("a", 15, "x"), None, "there is no room");
    }
}
