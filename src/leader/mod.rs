//! One replica at a time closes windows, writes fixes and sends summaries: who, and for how long.
//!
//! Out goes [`Leadership`], which only a held term makes; whoever does a leader's work is given one, and stops when it ends. It
//! spares work. What guarantees are the store, which refuses a write whose fence is of an earlier term, its unique claims, and
//! GitHub's branch names: a leader that was asleep while its term ended changes nothing when it wakes.
//!
//! Where nobody else can be on the store, this process leads from its start ([`Alone`]). Else a lease in the store decides
//! ([`Lease`]), and where there is a Redis its lock comes before that ([`Redis`]), so that those who don't lead need not ask
//! the database.

mod lease;
mod look;
mod redis;
mod task;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::redis::{Redis, RedisFault, check_redis_url};
pub use lease::{Alone, Lease};
pub use look::{LookFault, Looked, look};
pub use task::run;

use crate::model::Fence;
use crate::store::StoreError;

/// How long a term lasts unless it is renewed, where nobody says otherwise: after a crash nobody leads for so long.
pub const TERM: Duration = Duration::from_secs(15);

/// How often a term is renewed in its length, and the others try: two renewals may fail.
const RENEWALS: u32 = 3;

/// What a way to lead answers, later.
pub type Answer<'l, T> = Pin<Box<dyn Future<Output = T> + Send + 'l>>;

/// A way to find out who leads.
pub trait Leader: Send + Sync {
    /// Begins a term or renews it. `None` where another leads.
    fn stand(&self) -> Answer<'_, Result<Option<Fence>, StoreError>>;

    /// Ends a term before its time.
    fn step_down(&self, fence: Fence) -> Answer<'_, ()>;
}

impl Leader for Box<dyn Leader> {
    fn stand(&self) -> Answer<'_, Result<Option<Fence>, StoreError>> {
        (**self).stand()
    }

    fn step_down(&self, fence: Fence) -> Answer<'_, ()> {
        (**self).step_down(fence)
    }
}

/// That this process leads, in this term. Clones are of the same term.
#[derive(Debug, Clone)]
pub struct Leadership {
    fence: Fence,
    ended: CancellationToken,
}

impl Leadership {
    /// The number of the term, which every write of the leader names.
    #[must_use]
    pub fn fence(&self) -> Fence {
        self.fence
    }
}

/// The terms of this process, as they come and go.
#[derive(Debug, Clone)]
pub struct Terms {
    current: watch::Receiver<Option<Leadership>>,
}

impl Terms {
    /// Whether this process leads.
    #[must_use]
    pub fn is_leading(&self) -> bool {
        self.current.borrow().is_some()
    }

    /// Does `work` in each term, from its beginning to its end, until `stop` is cancelled. Work that a term's end cuts off is
    /// dropped where it waits.
    pub async fn while_leading<W: Future<Output = ()>>(
        mut self,
        stop: CancellationToken,
        mut work: impl FnMut(Leadership) -> W,
    ) {
        let terms = async {
            loop {
                let leadership = self.current.borrow_and_update().clone();
                if let Some(leadership) = leadership {
                    let ended = leadership.ended.clone();
                    ended.run_until_cancelled(work(leadership)).await;
                    // Work that is done before its term is over is not begun again in it.
                    ended.cancelled().await;
                }
                if self.current.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        };
        stop.run_until_cancelled(terms).await;
    }
}

#[cfg(test)]
mod tests;
