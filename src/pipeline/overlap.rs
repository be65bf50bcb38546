//! What comes both ways: read back from where logs are kept, and sent again by an exporter that had no answer.
//!
//! Exporters send again for minutes what nobody acknowledged. After an outage shorter than that the same records are in the
//! hole that is read back, in requests with other bytes, which the digest of requests cannot tell. So each error that
//! happened in the hole is known here by its service, its time and its first line: whichever way brings it first has it counted,
//! and the other way's copy is left out. Two of one way are two errors.
//!
//! Kept in memory and only for as long as exporters go on trying: after a second crash within those minutes an error may
//! count twice. Where more errors than the bound happened in the hole, further ones may, too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::{LogRecord, Resource, UnixNanos};

/// For how long after the hole exporters may send what is in it: they give up after 5 minutes (the Collector's
/// `retry_on_failure.max_elapsed_time`); this is twice that, as for the digests of requests.
const AWAITED: Duration = Duration::from_mins(10);

/// Errors at most: some 6 MB.
const KNOWN_MAX: usize = 100_000;

/// How an error came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// An exporter sent it.
    Sent,
    /// It was read back.
    ReadBack,
}

/// The errors of one hole; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Overlap {
    /// Whether there is a hole. Without one an error costs this look.
    is_open: Arc<AtomicBool>,
    hole: Arc<Mutex<Hole>>,
}

#[derive(Debug, Default)]
struct Hole {
    from: UnixNanos,
    to: UnixNanos,
    came: HashMap<[u8; 16], Way>,
}

impl Overlap {
    /// From now on what happened after `from` and up to `to` may come both ways.
    pub(super) fn open(&self, from: UnixNanos, to: UnixNanos) {
        *self.hole.lock().unwrap_or_else(PoisonError::into_inner) = Hole { from, to, came: HashMap::new() };
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// Whether this error came the other way before; else it is known from now on that it came this way.
    pub(super) fn came_before(
        &self,
        way: Way,
        resource: &Resource<'_>,
        record: &LogRecord<'_>,
        received: UnixNanos,
    ) -> bool {
        if !self.is_open.load(Ordering::Relaxed) {
            return false;
        }
        let at = if record.time == UnixNanos::default() { record.observed_time } else { record.time };
        let mut hole = self.hole.lock().unwrap_or_else(PoisonError::into_inner);
        if u128::from(received.0.saturating_sub(hole.to.0)) > AWAITED.as_nanos() {
            self.is_open.store(false, Ordering::Relaxed);
            hole.came = HashMap::new();
            return false;
        }
        if at <= hole.from || at > hole.to {
            return false;
        }
        let has_room = hole.came.len() < KNOWN_MAX;
        match hole.came.entry(key(resource, record.body, at)) {
            std::collections::hash_map::Entry::Occupied(known) => *known.get() != way,
            std::collections::hash_map::Entry::Vacant(entry) => {
                if has_room {
                    entry.insert(way);
                }
                false
            }
        }
    }
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
    fn the_second_way_is_left_out_in_the_hole_alone() {
        use Way::{ReadBack, Sent};
        let overlap = Overlap::default();
        let came = |way, service: &str, at, body: &str, received| {
            let resource = Resource { service_name: service.as_bytes(), ..Resource::default() };
            let record = LogRecord { time: UnixNanos(at), body: body.as_bytes(), ..LogRecord::default() };
            overlap.came_before(way, &resource, &record, UnixNanos(received))
        };
        assert!(!came(Sent, "a", 15, "x", 30) && !came(ReadBack, "a", 15, "x", 30), "there is no hole");
        overlap.open(UnixNanos(10), UnixNanos(20));
        for (way, service, at, body, expected) in [
            (Sent, "a", 15, "x", false),
            (Sent, "a", 15, "x", false),
            (ReadBack, "a", 15, "x", true),
            (ReadBack, "a", 15, "x\nat y", true),
            (ReadBack, "a", 16, "x", false),
            (ReadBack, "b", 15, "x", false),
            (Sent, "b", 15, "x", true),
            (ReadBack, "a", 10, "x", false),
            (Sent, "a", 10, "x", false),
            (Sent, "a", 21, "x", false),
            (ReadBack, "a", 21, "x", false),
        ] {
            assert_eq!(came(way, service, at, body, 30), expected, "{way:?} {service} {at} {body}");
        }
        assert!(!came(Sent, "b", 15, "x", 21 + 600_000_000_000), "exporters have given up");
    }

    #[test]
    fn what_is_known_is_bounded() {
        let overlap = Overlap::default();
        overlap.open(UnixNanos(0), UnixNanos(u64::MAX));
        for at in 1..=KNOWN_MAX as u64 + 10 {
            let record = LogRecord { time: UnixNanos(at), ..LogRecord::default() };
            assert!(!overlap.came_before(Way::Sent, &Resource::default(), &record, UnixNanos(1)));
        }
        assert_eq!(overlap.hole.lock().unwrap().came.len(), KNOWN_MAX);
    }
}
