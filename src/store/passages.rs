//! Errors that may come twice: read back, and sent again by an exporter that had no answer.
//!
//! Each is noted in the transaction that counts it, so that of the two ways the first to be durable is the one that counts, on
//! whichever replica, and a crash forgets neither. Of one error that either way brings several times, as many count as the way
//! that brings more of it does bring.

use std::collections::BTreeMap;

use super::engine::{Rows, Transaction, sql};
use super::{Batch, StoreError};
use crate::model::{Delta, Passage, UnixNanos, Way};

/// How often an error came, each way.
#[derive(Debug, Clone, Copy, Default)]
struct Came {
    sent: i64,
    read_back: i64,
}

impl Came {
    /// Counts it once more; whether that makes one more error.
    fn add(&mut self, way: Way) -> bool {
        let (own, other) = match way {
            Way::Sent => (&mut self.sent, self.read_back),
            Way::ReadBack(_) => (&mut self.read_back, self.sent),
        };
        *own += 1;
        *own > other
    }
}

/// Notes the passages of these batches. Tells of each batch which records are left out, in order: they came the other way before.
pub(super) async fn add(
    transaction: &mut Transaction,
    batches: impl Iterator<Item = &Batch> + Clone,
) -> Result<Vec<Vec<u64>>, StoreError> {
    let mut more = BTreeMap::<[u8; 16], (UnixNanos, Came)>::new();
    for (way, passage) in batches.clone().flat_map(passages) {
        more.entry(passage.key).or_insert((passage.hole, Came::default())).1.add(way);
    }
    if more.is_empty() {
        return Ok(batches.map(|_| Vec::new()).collect());
    }
    let mut came = note(transaction, &more).await?;
    let left_out = |batch| {
        let known = passages(batch).filter(|(way, passage)| !came.entry(passage.key).or_default().add(*way));
        let mut left_out: Vec<_> = known.map(|(_, passage)| passage.index).collect();
        left_out.sort_unstable();
        left_out
    };
    Ok(batches.map(left_out).collect())
}

fn passages(batch: &Batch) -> impl Iterator<Item = (Way, &Passage)> {
    batch.deltas.iter().flat_map(|delta| &delta.passages).map(|passage| (batch.way, passage))
}

/// Adds to how often each error came; tells how often it had before. In the order of the keys, as every replica does.
async fn note(
    transaction: &mut Transaction,
    more: &BTreeMap<[u8; 16], (UnixNanos, Came)>,
) -> Result<BTreeMap<[u8; 16], Came>, StoreError> {
    let failed = StoreError::while_doing("noting what was read back");
    let rows = Rows::default()
        .texts("key", more.keys().map(super::writer::digits))
        .integers("hole", more.values().map(|(hole, _)| hole.to_i64()))
        .integers("sent", more.values().map(|(_, came)| came.sent))
        .integers("read_back", more.values().map(|(_, came)| came.read_back));
    let noted = sql("INSERT INTO passage AS p (key, hole, sent, read_back)
         SELECT key, hole, sent, read_back FROM {rows} WHERE TRUE
         ON CONFLICT (key) DO UPDATE SET sent = p.sent + excluded.sent, read_back = p.read_back + excluded.read_back
         RETURNING key, sent, read_back");
    let mut before = BTreeMap::new();
    for row in transaction.fetch(noted.with(rows)).await.map_err(&failed)? {
        let key = super::writer::digest("passage", "key", row.text("key").map_err(&failed)?)?;
        let now = || Ok(Came { sent: row.integer("sent")?, read_back: row.integer("read_back")? });
        let Came { sent, read_back } = now().map_err(&failed)?;
        let (_, added) = more.get(&key).copied().unwrap_or_default();
        before.insert(key, Came { sent: sent - added.sent, read_back: read_back - added.read_back });
    }
    Ok(before)
}

/// What of a delta counts where these records of its request are left out; `None` where nothing does, also where one of them
/// was held back from the next hop: what it was counted as is told there.
pub(super) fn counting(delta: &Delta, left_out: &[u64]) -> Option<Delta> {
    let came_before = delta.passages.iter().filter(|passage| left_out.binary_search(&passage.index).is_ok());
    let count = delta.count.saturating_sub(came_before.count() as u64);
    (count > 0).then(|| Delta { count, passages: Vec::new(), ..delta.clone() })
}
