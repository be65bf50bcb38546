//! How streams ended a moment ago, since the next line of a trace may come in the next request.
//!
//! An acknowledgement never waits for a later request: what is open when a request ends is counted as what it is so far, and
//! remembered here. Where the next request of the same stream goes on with it, the whole is looked at anew. Losing the memory,
//! as a restart does, costs no count: the first part stays what it was counted as.
//!
//! Whoever goes on with an entry takes it out, so that no two requests do; it is put back where nothing was committed. A
//! request that is sent again finds what it went on with the first time, and comes to the same end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Open;
use crate::model::{Fingerprint, SeverityNumber, UnixNanos};

/// Streams at most: as many as the processes of a large cluster. One that falls out is joined within its requests alone.
const ENTRIES_MAX: usize = 4_096;

/// Text at most, in bytes, of all entries.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Text at most of one entry, in bytes; what is longer is not remembered. No line of a real trace comes after that much.
const ENTRY_BYTES_MAX: usize = 64 * 1024;

/// For how long. The lines of a trace are written at once, and collectors send what they have every few seconds at the latest
/// (the Collector's `batch` processor: 200 ms).
const KEPT: Duration = Duration::from_secs(10);

/// Which stream: made of its resource, scope, file and output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(in crate::pipeline) struct Key([u8; 16]);

impl Key {
    /// Of the parts' bytes, each with its length before it.
    pub(in crate::pipeline) fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(key)
    }
}

/// Which request: made of its length and its two ends, which cost the same however long it is. Requests that are alike in that
/// are one that was sent again: their records' times stand there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::pipeline) struct Mark(Key);

/// How much of each end is looked at, in bytes: more than the resource and the first record of most requests.
const END_BYTES: usize = 1024;

impl Mark {
    pub(in crate::pipeline) fn of(request: &[u8]) -> Self {
        let head = &request[..request.len().min(END_BYTES)];
        let tail = &request[request.len().saturating_sub(END_BYTES)..];
        Self(Key::of(&[&request.len().to_le_bytes(), head, tail]))
    }
}

/// What an occurrence was counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) struct Counted {
    pub(in crate::pipeline) fingerprint: Fingerprint,
    /// The window that was open then; 0, which none is, where it came another way and that one was counted.
    pub(in crate::pipeline) window: UnixNanos,
    /// Which record of its request it was.
    pub(in crate::pipeline) index: Option<u64>,
    /// Whether its records were held back from the next hop.
    pub(in crate::pipeline) held: bool,
}

/// A line that was open, or several that were joined.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Piece {
    pub(in crate::pipeline) text: Vec<u8>,
    pub(in crate::pipeline) severity_number: SeverityNumber,
    pub(in crate::pipeline) time: UnixNanos,
    pub(in crate::pipeline) trace_id: Option<[u8; 16]>,
    /// What it is counted as; several where lines turned out to be one occurrence.
    pub(in crate::pipeline) counted: Vec<Counted>,
}

/// How a stream ended.
#[derive(Debug)]
pub(in crate::pipeline) struct Remembered {
    pub(in crate::pipeline) open: Open,
    /// The open group, and the lines that wait for a frame.
    pub(in crate::pipeline) pieces: Vec<Piece>,
}

impl Remembered {
    /// Notes what of it (these records, in order) is not counted by this request, since it came another way before: whatever it goes on with, that is
    /// neither counted nor moved.
    pub(in crate::pipeline) fn leave_out(&mut self, records: &[u64]) {
        for one in self.pieces.iter_mut().flat_map(|piece| &mut piece.counted) {
            if one.index.is_some_and(|index| records.binary_search(&index).is_ok()) {
                one.window = UnixNanos::default();
            }
        }
    }

    fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.text.len()).sum()
    }
}

/// What is known of a stream.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Entry {
    tail: Arc<Remembered>,
    /// The request that ended so.
    made_by: Mark,
    /// What it went on with, if it did.
    before: Option<Arc<Remembered>>,
    at: UnixNanos,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.tail.bytes() + self.before.as_ref().map_or(0, |before| before.bytes())
    }
}

/// What a request goes on with.
#[derive(Debug)]
pub(in crate::pipeline) struct Claim {
    pub(in crate::pipeline) key: Key,
    pub(in crate::pipeline) tail: Arc<Remembered>,
    /// What is put back; nothing was taken where the request went on with it before.
    taken: Option<Entry>,
}

/// The memory; clones share it. The lock is held for a look-up, never across an await.
#[derive(Debug, Clone, Default)]
pub(in crate::pipeline) struct Memory(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<Key, Entry>,
    /// Oldest first; an entry that was replaced since stands here more than once.
    order: VecDeque<(UnixNanos, Key)>,
    bytes: usize,
}

impl Memory {
    /// Whether a stream that goes on with this line may go on with what is remembered of it.
    pub(in crate::pipeline) fn goes_on(&self, key: Key, line: &[u8], now: UnixNanos) -> bool {
        let entries = self.lock();
        entries.by_key.get(&key).is_some_and(|entry| {
            let tails = [Some(&entry.tail), entry.before.as_ref()];
            is_fresh(entry.at, now) && tails.into_iter().flatten().any(|tail| tail.open.goes_on_with(line))
        })
    }

    /// Takes out what is remembered of a stream; for the request that did so before, what it took then.
    pub(in crate::pipeline) fn claim(&self, key: Key, request: Mark) -> Option<Claim> {
        let mut entries = self.lock();
        let entry = entries.by_key.get(&key)?;
        if entry.made_by == request {
            return entry.before.as_ref().map(|tail| Claim { key, tail: Arc::clone(tail), taken: None });
        }
        let entry = entries.remove(key)?;
        Some(Claim { key, tail: Arc::clone(&entry.tail), taken: Some(entry) })
    }

    /// Puts back what was claimed by a request that changed nothing.
    pub(in crate::pipeline) fn put_back(&self, claims: Vec<Claim>) {
        let mut entries = self.lock();
        for claim in claims {
            if let Some(entry) = claim.taken
                && !entries.by_key.contains_key(&claim.key)
            {
                entries.insert(claim.key, entry);
            }
        }
    }

    /// Remembers how the streams of a request ended that is counted; `claims` are what it went on with.
    pub(in crate::pipeline) fn remember(
        &self,
        tails: Vec<(Key, Remembered)>,
        claims: Vec<Claim>,
        made_by: Mark,
        now: UnixNanos,
    ) {
        let mut claimed: HashMap<_, _> = claims.into_iter().map(|claim| (claim.key, claim.tail)).collect();
        let mut entries = self.lock();
        for (key, tail) in tails {
            entries.remove(key);
            let entry = Entry { tail: Arc::new(tail), made_by, before: claimed.remove(&key), at: now };
            if entry.tail.bytes() <= ENTRY_BYTES_MAX {
                entries.insert(key, entry);
            }
        }
        entries.evict(now);
    }

    /// As [`Memory::remember`], for a request that another process counted, or this one before it was started anew: what goes
    /// on with its lines is told from what is new, and neither counted nor moved.
    pub(in crate::pipeline) fn remember_counted(
        &self,
        mut tails: Vec<(Key, Remembered)>,
        claims: Vec<Claim>,
        made_by: Mark,
        now: UnixNanos,
    ) {
        let pieces = tails.iter_mut().flat_map(|(_, tail)| &mut tail.pieces);
        pieces.flat_map(|piece| &mut piece.counted).for_each(|one| one.window = UnixNanos::default());
        self.remember(tails, claims, made_by, now);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // A panic while it was held may have left a wrong sum of bytes; the bounds of entries and time still hold.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn insert(&mut self, key: Key, entry: Entry) {
        self.bytes += entry.bytes();
        self.order.push_back((entry.at, key));
        self.by_key.insert(key, entry);
    }

    fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.by_key.remove(&key)?;
        self.bytes = self.bytes.saturating_sub(entry.bytes());
        Some(entry)
    }

    /// Forgets what is too old, and the oldest of what is too much.
    fn evict(&mut self, now: UnixNanos) {
        while let Some((at, key)) = self.order.front().copied() {
            let is_too_much = self.by_key.len() > ENTRIES_MAX
                || self.bytes > BYTES_MAX
                || self.order.len() > 4 * ENTRIES_MAX;
            if is_fresh(at, now) && !is_too_much {
                break;
            }
            self.order.pop_front();
            if self.by_key.get(&key).is_some_and(|entry| entry.at == at) {
                self.remove(key);
            }
        }
    }
}

fn is_fresh(at: UnixNanos, now: UnixNanos) -> bool {
    u128::from(now.0.saturating_sub(at.0)) <= KEPT.as_nanos()
}

#[cfg(test)]
mod tests {
    use super::super::Joiner;
    use super::*;
    use crate::pipeline::joining::Numbered;

    const NOW: UnixNanos = UnixNanos(1_000_000_000_000);

    fn tail(line: &[u8]) -> Remembered {
        let mut joiner = Joiner::default();
        joiner.push(Numbered { number: 1, line }, &mut |_| {});
        let open = joiner.open().expect("a line is open");
        let piece = Piece {
            text: line.to_vec(),
            severity_number: SeverityNumber::ERROR,
            time: NOW,
            trace_id: None,
            counted: Vec::new(),
        };
        Remembered { open, pieces: vec![piece] }
    }

    fn mark(n: u8) -> Mark {
        Mark::of(&[n])
    }

    fn key(n: usize) -> Key {
        Key::of(&[&n.to_le_bytes()])
    }

    fn after(seconds: u64) -> UnixNanos {
        UnixNanos(NOW.0 + seconds * 1_000_000_000)
    }

    const FRAME: &[u8] = b"\tat com.shop.Cart.total(Cart.java:12)";

    #[test]
    fn one_request_goes_on_with_a_stream_and_the_same_one_again_comes_to_the_same() {
        let memory = Memory::default();
        memory.remember(vec![(key(1), tail(b"no cart"))], Vec::new(), mark(1), NOW);
        assert!(memory.goes_on(key(1), FRAME, after(1)) && !memory.goes_on(key(2), FRAME, NOW));
        assert!(!memory.goes_on(key(1), b"all is well", NOW));
        assert!(!memory.goes_on(key(1), FRAME, after(11)), "it is too old");
        assert!(memory.claim(key(1), mark(1)).is_none(), "no request goes on with its own end");
        let claim = memory.claim(key(1), mark(2)).expect("it is there");
        assert!(memory.claim(key(1), mark(3)).is_none(), "nobody else may go on with it");
        memory.put_back(vec![claim]);
        let claim = memory.claim(key(1), mark(2)).expect("it was put back");
        memory.remember(vec![(key(1), tail(b"Error: a, longer"))], vec![claim], mark(2), NOW);
        let again = memory.claim(key(1), mark(2)).expect("the same request finds what it found");
        assert_eq!(again.tail.pieces[0].text, b"no cart");
        memory.put_back(vec![again]);
        let next = memory.claim(key(1), mark(3)).expect("another one finds how it ended");
        assert_eq!(next.tail.pieces[0].text, b"Error: a, longer");
    }

    #[test]
    fn the_memory_is_bounded_by_entries_bytes_and_time() {
        let memory = Memory::default();
        let held = |memory: &Memory| {
            let entries = memory.lock();
            assert!(entries.order.len() <= 4 * ENTRIES_MAX);
            (entries.by_key.len(), entries.bytes)
        };
        for n in 0..3 * ENTRIES_MAX {
            memory.remember(vec![(key(n), tail(b"Error: a"))], Vec::new(), mark(1), NOW);
        }
        assert_eq!(held(&memory).0, ENTRIES_MAX);
        for n in 0..ENTRIES_MAX {
            memory.remember(vec![(key(n), tail(&[b'x'; ENTRY_BYTES_MAX]))], Vec::new(), mark(1), NOW);
            assert!(held(&memory).1 <= BYTES_MAX);
        }
        memory.remember(vec![(key(1), tail(&[b'x'; ENTRY_BYTES_MAX + 1]))], Vec::new(), mark(1), after(1));
        assert!(!memory.goes_on(key(1), FRAME, after(1)), "what is too long is not remembered");
        for n in 0..10 * ENTRIES_MAX {
            let now = UnixNanos(after(20).0 + n as u64);
            memory.remember(vec![(key(n % 2), tail(b"a"))], Vec::new(), mark(1), now);
        }
        assert_eq!(held(&memory), (2, 2), "what is too old is gone");
    }
}
