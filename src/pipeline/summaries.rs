//! At a window's end the next hop is told of what was held back in it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::forward::{self, NextHop, NotDelivered};
use crate::leader::{Leadership, Terms};
use crate::model::UnixNanos;
use crate::store::{Store, StoreError};

/// Summaries in one request: with messages of 4 KiB at most this stays below the 4 MiB that every receiver takes.
const PAGE: u32 = 100;

/// How long the first pause lasts where the next hop or the store does not answer; each further one twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How often one summary is refused before it is given up, some three minutes in all: a proxy on the way that answers
/// 500 for a while is no reason to.
const REFUSALS_MAX: u32 = 8;

/// What became of one page.
enum Page {
    /// Sent, or refused for good: there may be more.
    Done,
    /// There is nothing to tell.
    Nothing,
    /// The next hop refuses it: one of its summaries may be at fault, or something on the way for a while.
    Refused,
    /// Not now; the next hop may ask for a pause.
    Later(Option<Duration>),
}

/// Sends the summaries of closed windows, and after a start those that an earlier process left, as long as this process leads, until `stop` is cancelled.
///
/// A summary is marked after the next hop acknowledged it, so a crash in between sends it twice; its `log.record.uid` tells.
pub async fn summarise(
    store: Store,
    hop: NextHop,
    terms: Terms,
    clock: fn() -> UnixNanos,
    stop: CancellationToken,
) {
    // What is on its way when the service stops, or the term ends, is sent by the next process.
    let sending = |leadership: Leadership| {
        let (store, hop) = (store.led_by(leadership.fence()), hop.clone());
        async move { run(&store, &hop, clock).await }
    };
    terms.while_leading(stop, sending).await;
}

async fn run(store: &Store, hop: &NextHop, clock: fn() -> UnixNanos) {
    let mut window = store.window();
    let (mut limit, mut pause, mut refusals) = (PAGE, PAUSE_MIN, 0);
    loop {
        window.mark_unchanged();
        let give_up = refusals >= REFUSALS_MAX;
        let page = send_page(store, hop, limit, give_up, clock).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "summaries of what was held back wait");
            Page::Later(None)
        });
        match page {
            Page::Done => (pause, refusals) = (PAUSE_MIN, 0),
            Page::Refused if limit > 1 => limit = 1,
            Page::Refused => {
                refusals += 1;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            Page::Nothing => {
                (limit, pause) = (PAGE, PAUSE_MIN);
                // The store lives as long as this task.
                let _ = window.changed().await;
            }
            Page::Later(after) => {
                tokio::time::sleep(after.unwrap_or_default().max(pause)).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

async fn send_page(
    store: &Store,
    hop: &NextHop,
    limit: u32,
    give_up: bool,
    clock: fn() -> UnixNanos,
) -> Result<Page, StoreError> {
    let page = store.unsummarised(limit).await?;
    let Some(last) = page.last() else { return Ok(Page::Nothing) };
    let delivered = match forward::summary(&page, clock()) {
        Ok(request) => hop.deliver(request).await,
        Err(error) => Err(NotDelivered::Refused { why: error.to_string() }),
    };
    match delivered {
        Ok(delivered) => {
            let taken = (page.len() as u64).saturating_sub(delivered.rejected);
            hop.totals().summaries.fetch_add(taken, Ordering::Relaxed);
        }
        Err(NotDelivered::Retry { after, .. }) => return Ok(Page::Later(after)),
        Err(NotDelivered::Refused { .. }) if page.len() > 1 || !give_up => return Ok(Page::Refused),
        Err(NotDelivered::Refused { why }) => {
            let fingerprint = last.cluster.fingerprint;
            tracing::error!(%fingerprint, "the next hop refuses a summary for good, it is not sent: {why}");
        }
    }
    store.mark_summarised(last.window_start, last.cluster.fingerprint, clock()).await?;
    Ok(Page::Done)
}
