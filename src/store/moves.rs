//! Moves: what was counted as one error and turns out to be of another.

use super::StoreError;
use super::engine::{Transaction, sql};
use crate::model::{Delta, Fingerprint, UnixNanos};

/// Occurrences that were counted and turn out to be one, of another cluster: a trace whose first lines came in an earlier request.
#[derive(Debug, Clone)]
pub struct Move {
    /// What they were counted as: one is taken away from each.
    pub from: Vec<MovedFrom>,
    /// What is added for them, of the window that all of them were counted in. Where that is over by now, or none of them is there
    /// any more, nothing changes: their count is as right as it was.
    /// `None` where it is counted already, as it came another way too.
    pub to: Option<Delta>,
}

/// One occurrence that was counted.
#[derive(Debug, Clone, Copy)]
pub struct MovedFrom {
    /// Its cluster.
    pub fingerprint: Fingerprint,
    /// The window that was open when it was read.
    pub window: UnixNanos,
    /// Whether it was held back from the next hop.
    pub held: bool,
}

/// Takes one occurrence away from each cluster, in the open window. False where nothing was taken: the window in which they were
/// counted is over. A cluster of no occurrences is not shown any more; its row stays, since other requests may know it.
pub(super) async fn take_away(
    transaction: &mut Transaction,
    window_start: UnixNanos,
    from: &[MovedFrom],
) -> Result<bool, StoreError> {
    if from.iter().any(|one| one.window != window_start) {
        return Ok(false);
    }
    let mut taken = false;
    for one in from {
        let one = take_one(transaction, window_start, one).await;
        taken |= one.map_err(StoreError::while_doing("taking from a cluster"))?;
    }
    Ok(taken)
}

async fn take_one(
    transaction: &mut Transaction,
    window_start: UnixNanos,
    one: &MovedFrom,
) -> Result<bool, sqlx::Error> {
    let fingerprint = one.fingerprint.to_string();
    let taken = sql("UPDATE window_cluster SET count = count - 1, held_back = GREATEST(held_back - $3, 0)
         WHERE window_start = $1 AND fingerprint = $2 AND count > 0");
    let taken = taken.bind(window_start.to_i64()).bind(&fingerprint).bind(one.held);
    if transaction.execute(taken).await? == 0 {
        return Ok(false);
    }
    let counted = sql("UPDATE cluster SET count = count - 1 WHERE fingerprint = $1 AND count > 0");
    transaction.execute(counted.bind(&fingerprint)).await?;
    let emptied =
        sql("DELETE FROM window_cluster WHERE window_start = $1 AND fingerprint = $2 AND count = 0");
    transaction.execute(emptied.bind(window_start.to_i64()).bind(&fingerprint)).await?;
    Ok(true)
}
