//! Reads what was logged in a hole in time, and has each entry counted.
//!
//! Entries of one resource go one after the other, since the next one may be the next line of the same stack trace: whoever
//! counts them joins lines of requests that follow each other. Those of different resources go side by side, so that the
//! store can gather them into one commit.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::{Client, Direction};
use super::pages::Pages;
use super::record;
use super::wire::Entry;
use crate::model::{Hole, UnixNanos};

/// Requests in hand at a time: a few commits' worth, far from what the store lets wait.
const SIDE_BY_SIDE: usize = 64;

/// Rests between two tries, of a page and of a request: at first, and at most.
const REST_MIN: Duration = Duration::from_millis(250);
const REST_MAX: Duration = Duration::from_secs(30);

/// Why an entry was not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// Not now: it is given again.
    NotNow(String),
    /// Never.
    Never(String),
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Answers of Loki.
    pub pages: u64,
    /// Entries in them.
    pub entries: u64,
    /// How many of them were taken.
    pub taken: u64,
    /// How many of those are errors that are counted now and were not before.
    pub counted: u64,
    /// Nanoseconds that held more entries than Loki tells; the rest of theirs is not read.
    pub incomplete: u64,
    /// Whether the end was reached.
    pub is_whole: bool,
}

/// Reads a hole through and hands each entry, as an OTLP request, to `take`, which answers how many errors it counted. After
/// each page `note` is told up to and with which time all is taken: where a reading after a crash may begin.
///
/// What Loki does not answer, and what is not taken now, is tried again with growing rests until it is or `stop` is
/// cancelled. At most 64 requests are in hand, and at most one page of entries is held.
pub async fn read_back<F, T, N>(
    client: &Client,
    hole: Hole,
    take: F,
    note: impl Fn(UnixNanos) -> N,
    stop: &CancellationToken,
) -> Report
where
    N: Future<Output = ()>,
    F: Fn(Bytes) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<u64, NotTaken>> + Send,
{
    let mut report = Report::default();
    let read = async {
        let mut pages = Pages::new(UnixNanos(hole.from.0.saturating_add(1)), hole.to);
        let mut rest = Rest::default();
        while let Some(page) = pages.next() {
            let entries = match client.entries(client.query(), page, Direction::Forward).await {
                Ok(entries) => entries,
                Err(error) if error.is_of_length() && pages.take_too_long() => continue,
                Err(error) => {
                    tracing::debug!(%error, "a page of Loki is asked for again");
                    rest.take(error.wait()).await;
                    continue;
                }
            };
            rest = Rest::default();
            report.pages += 1;
            let fresh = pages.take(entries);
            report.entries += fresh.len() as u64;
            report.incomplete = pages.incomplete();
            give(fresh, &take, &mut report).await;
            if let Some(next) = pages.next() {
                note(UnixNanos(next.start.0.saturating_sub(1))).await;
            }
        }
        report.is_whole = true;
    };
    stop.run_until_cancelled(read).await;
    report
}

/// Hands out the entries of one page: in order within a resource, resources side by side.
async fn give<F, T>(entries: Vec<Entry>, take: &F, report: &mut Report)
where
    F: Fn(Bytes) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<u64, NotTaken>> + Send,
{
    let mut streams: HashMap<Bytes, Vec<Bytes>> = HashMap::new();
    for record::Request { resource, bytes } in entries.into_iter().map(record::request) {
        streams.entry(resource).or_default().push(bytes);
    }
    let mut in_hand = JoinSet::new();
    let mut add = |told: Option<Result<(u64, u64), tokio::task::JoinError>>| match told {
        Some(Ok((taken, counted))) => {
            report.taken += taken;
            report.counted += counted;
        }
        Some(Err(error)) => tracing::error!(%error, "entries of Loki were not counted"),
        None => {}
    };
    for requests in streams.into_values() {
        if in_hand.len() >= SIDE_BY_SIDE {
            add(in_hand.join_next().await);
        }
        let take = take.clone();
        in_hand.spawn(async move {
            let (mut taken, mut counted) = (0, 0);
            for request in requests {
                if let Some(errors) = give_one(request, &take).await {
                    taken += 1;
                    counted += errors;
                }
            }
            (taken, counted)
        });
    }
    while !in_hand.is_empty() {
        add(in_hand.join_next().await);
    }
}

/// How many errors were counted; `None` where it is never taken.
async fn give_one<F, T>(request: Bytes, take: &F) -> Option<u64>
where
    F: Fn(Bytes) -> T,
    T: Future<Output = Result<u64, NotTaken>>,
{
    let mut rest = Rest::default();
    loop {
        match take(request.clone()).await {
            Ok(counted) => return Some(counted),
            Err(NotTaken::NotNow(why)) => {
                tracing::debug!("an entry of Loki is given again: {why}");
                rest.take(None).await;
            }
            Err(NotTaken::Never(why)) => {
                tracing::warn!("an entry of Loki cannot be counted: {why}");
                return None;
            }
        }
    }
}

/// A rest that doubles.
struct Rest(Duration);

impl Default for Rest {
    fn default() -> Self {
        Self(REST_MIN)
    }
}

impl Rest {
    /// Rests, for as long as was `asked` for where that is longer.
    async fn take(&mut self, asked: Option<Duration>) {
        let wait = self.0.max(asked.unwrap_or_default());
        // Somewhere in the second half: replicas that were started together do not ask together.
        tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.0 = (self.0 * 2).min(REST_MAX);
    }
}
