//! What was logged while no logmend counted, read back from Loki through the same pipeline as everything else.

use tokio_util::sync::CancellationToken;

use crate::loki::{self, Client, Hole, NotTaken};
use crate::model::{Transport, UnixNanos};
use crate::pipeline::{Pipeline, PipelineError};
use crate::store::{Store, StoreError};

/// A replica that said so lately is up, and counts: there is no hole where it does.
const UP: UnixNanos = UnixNanos(6_000_000_000);

/// What is to be read, and where it goes.
#[derive(Debug)]
pub(super) struct Missed {
    /// Earliest first.
    holes: Vec<Hole>,
    store: Store,
    pipeline: Pipeline,
}

impl Missed {
    /// The hole that this start ends, and what a crash left of earlier ones; none for a store on which nothing was ever
    /// counted. Asked before the first request is taken: what arrives moves when it was last counted, and what exporters
    /// send again must be told from what is read.
    pub(super) async fn find(store: Store, pipeline: &Pipeline, now: UnixNanos) -> Result<Self, StoreError> {
        let since = UnixNanos(now.0.saturating_sub(UP.0));
        let others_count = store.is_shared() && store.replicas_since(since).await? > 0;
        let mut known = store.holes().await?;
        // Where the latest hole ends it was up again, also if nothing was counted since.
        let up = known.iter().map(|(_, to)| *to).max().unwrap_or_default();
        let last_alive = store.last_alive().await?.filter(|_| !others_count);
        let hole = last_alive.and_then(|last_alive| Hole::since(last_alive.max(up), now));
        if let Some(Hole { from, to }) = hole {
            store.set_hole(from, to).await?;
            known.push((from, to));
        }
        let mut holes = Vec::new();
        for (from, to) in known {
            match Hole::since(from, now) {
                Some(Hole { from, .. }) if from < to => holes.push(Hole { from, to }),
                _ => store.close_hole(to).await?,
            }
        }
        let pipeline = match (holes.first(), holes.last()) {
            (Some(first), Some(last)) => pipeline.reading_back(first.from, last.to),
            _ => pipeline.clone(),
        };
        Ok(Self { holes, store, pipeline })
    }

    async fn read(self, client: &Client, stop: &CancellationToken) {
        for hole in self.holes {
            tracing::info!("reading back from Loki what was logged from {} to {}", hole.from, hole.to);
            let pipeline = self.pipeline.clone();
            let store = self.store.clone();
            let take = move |request| take(pipeline.clone(), request, store.now());
            let report =
                loki::read_back(client, hole, take, |since| noted(self.store.set_hole(since, hole.to)), stop)
                    .await;
            tell(&report);
            if report.is_whole {
                noted(self.store.close_hole(hole.to)).await;
            }
        }
    }
}

/// Reads what was missed, and looks after Loki until `stop` is cancelled.
pub(super) async fn run(client: Client, missed: Missed, stop: CancellationToken) {
    tokio::join!(missed.read(&client, &stop), loki::watch(client.clone(), stop.clone()));
}

async fn take(pipeline: Pipeline, request: bytes::Bytes, now: UnixNanos) -> Result<u64, NotTaken> {
    match pipeline.process(request, now, Transport::Loki).await {
        Ok(receipt) => Ok(receipt.counted),
        Err(PipelineError::Unreadable(error)) => Err(NotTaken::Never(error.to_string())),
        Err(error) => Err(NotTaken::NotNow(error.to_string())),
    }
}

/// What is not noted is read once more after a crash; its digests then tell that it is counted.
async fn noted(note: impl Future<Output = Result<(), StoreError>>) {
    if let Err(error) = note.await {
        tracing::warn!(%error, "how far Loki is read back was not noted");
    }
}

fn tell(report: &loki::Report) {
    let loki::Report { pages, entries, taken, counted, incomplete, is_whole } = *report;
    if is_whole {
        tracing::info!(pages, entries, taken, "read back from Loki: {counted} errors that were missed");
    } else {
        tracing::warn!(
            pages,
            entries,
            taken,
            counted,
            "the stop cut the reading back off; the next start goes on"
        );
    }
    if incomplete > 0 {
        tracing::error!(
            nanoseconds = incomplete,
            "entries were lost: so many of one time are in Loki that it does not tell all of them"
        );
    }
}
