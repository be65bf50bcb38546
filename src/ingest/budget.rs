//! The bytes that all requests in hand may take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request waits for its share before it is refused. An instant refusal makes SDKs rebuild their connection.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// How many requests wait at once; the next one is refused at once.
const WAITING_MAX: usize = 256;

/// A share is never smaller, so that a flood of tiny requests is bounded in number too: what one costs beside its bytes.
const SHARE_BYTES_MIN: usize = 1_024;

/// The budget; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    bytes_max: usize,
}

/// The budget is spent: the request may come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes of all requests in hand are at their bound; send again")]
pub(super) struct Spent;

impl Budget {
    pub(super) fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(bytes_max)), waiting: Arc::default(), bytes_max }
    }

    /// How many bytes are in hand.
    pub(super) fn in_flight(&self) -> usize {
        self.bytes_max.saturating_sub(self.free.available_permits())
    }

    /// A share for a request that begins. Waits a moment for it.
    pub(super) async fn share(&self, bytes: usize) -> Result<Share, Spent> {
        let mut share = Share { budget: self.clone(), permit: None, bytes: 0 };
        share.grow_to(bytes.max(SHARE_BYTES_MIN)).await?;
        Ok(share)
    }

    async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Spent> {
        if let Ok(permit) = self.try_take(bytes) {
            return Ok(permit);
        }
        let _waiting = Waiting::enter(&self.waiting)?;
        let bytes = u32::try_from(bytes).map_err(|_| Spent)?;
        let wait = Arc::clone(&self.free).acquire_many_owned(bytes);
        tokio::time::timeout(WAIT_MAX, wait).await.map_err(|_| Spent)?.map_err(|_| Spent)
    }

    fn try_take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Spent> {
        let bytes = u32::try_from(bytes).map_err(|_| Spent)?;
        Arc::clone(&self.free).try_acquire_many_owned(bytes).map_err(|_| Spent)
    }
}

/// One of the few that wait.
struct Waiting<'b>(&'b AtomicUsize);

impl<'b> Waiting<'b> {
    fn enter(waiting: &'b AtomicUsize) -> Result<Self, Spent> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX { Ok(place) } else { Err(Spent) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request's share of the budget; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Share {
    /// Grows to at least `bytes`, after a moment's wait at most.
    pub(super) async fn grow_to(&mut self, bytes: usize) -> Result<(), Spent> {
        if bytes > self.bytes {
            let more = self.budget.take(bytes - self.bytes).await?;
            self.add(more, bytes);
        }
        Ok(())
    }

    /// As [`Share::grow_to`], for code that cannot wait.
    pub(super) fn try_grow_to(&mut self, bytes: usize) -> Result<(), Spent> {
        if bytes > self.bytes {
            let more = self.budget.try_take(bytes - self.bytes)?;
            self.add(more, bytes);
        }
        Ok(())
    }

    fn add(&mut self, more: OwnedSemaphorePermit, bytes: usize) {
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        self.bytes = bytes;
    }

    /// An empty share of the same budget, for what the request's bytes become.
    pub(super) fn sibling(&self) -> Self {
        Self { budget: self.budget.clone(), permit: None, bytes: 0 }
    }

    /// Bytes that hold this share until their last copy is dropped.
    pub(super) fn hold(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Held { bytes, _share: self })
    }
}

struct Held<T> {
    bytes: T,
    _share: Share,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_share_is_held_until_the_last_copy_of_its_bytes_is_dropped() {
        let budget = Budget::new(10_000);
        let share = budget.share(4_000).await.unwrap();
        let bytes = share.hold(vec![1; 4_000]);
        let copy = bytes.slice(1..2);
        drop(bytes);
        assert_eq!(budget.in_flight(), 4_000);
        drop(copy);
        assert_eq!(budget.in_flight(), 0);
    }

    #[tokio::test]
    async fn what_is_over_the_budget_is_refused_after_a_moment() {
        let budget = Budget::new(10_000);
        let mut first = budget.share(6_000).await.unwrap();
        assert_eq!(budget.share(6_000).await.err(), Some(Spent));
        assert_eq!(first.try_grow_to(12_000), Err(Spent));
        assert_eq!(first.try_grow_to(9_000), Ok(()));
        drop(first);
        assert!(budget.share(10_000).await.is_ok());
    }

    #[tokio::test]
    async fn tiny_requests_are_bounded_in_number() {
        let budget = Budget::new(SHARE_BYTES_MIN * 3);
        let shares = [budget.share(0).await, budget.share(1).await, budget.share(2).await];
        assert!(shares.iter().all(Result::is_ok));
        assert!(budget.try_take(1).is_err());
    }
}
