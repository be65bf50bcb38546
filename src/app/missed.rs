//! What was logged while no logmend counted, read back from Loki through the same pipeline as everything else.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::loki::{self, Client, NotTaken};
use crate::model::{Hole, Transport, UnixNanos};
use crate::pipeline::{Pipeline, PipelineError};
use crate::store::{Store, StoreError};
use crate::telemetry;

/// How often it is looked whether there is something to read: this process's own hole at first, later those of replicas that
/// went in the middle of theirs.
const LOOK: Duration = Duration::from_secs(1);

/// Reads what was missed, and looks after Loki until `stop` is cancelled.
pub(super) async fn run(client: Client, store: Store, pipeline: Pipeline, stop: CancellationToken) {
    tokio::join!(read(&client, &store, &pipeline, &stop), loki::watch(client.clone(), stop.clone()));
}

/// Reads one hole after the other.
async fn read(client: &Client, store: &Store, pipeline: &Pipeline, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        match store.take_hole(telemetry::instance_id()).await {
            Ok(Some(hole)) => read_one(client, store, pipeline, hole, stop).await,
            Ok(None) => drop(stop.run_until_cancelled(tokio::time::sleep(LOOK)).await),
            Err(error) => {
                tracing::debug!(%error, "what is to be read back from Loki is not known yet");
                stop.run_until_cancelled(tokio::time::sleep(LOOK)).await;
            }
        }
    }
}

async fn read_one(client: &Client, store: &Store, pipeline: &Pipeline, hole: Hole, stop: &CancellationToken) {
    tracing::info!("reading back from Loki what was logged from {} to {}", hole.from, hole.to);
    let (pipeline, clock) = (pipeline.reading_back(hole.to), store.clone());
    let take = move |request| take(pipeline.clone(), request, clock.now());
    let note = |since| noted(store.read_up_to(since, hole.to));
    // Its errors are known for as long, and not longer.
    let given_up = stop.child_token();
    let reading = loki::read_back(client, hole, take, note, &given_up);
    let giving_up = async {
        tokio::time::sleep(Store::HOLES_READ_FOR).await;
        given_up.cancel();
        std::future::pending().await
    };
    let report = tokio::select! {
        report = reading => report,
        report = giving_up => report,
    };
    tell(&report, hole, stop.is_cancelled());
    if report.is_whole || given_up.is_cancelled() && !stop.is_cancelled() {
        noted(store.close_hole(hole.to)).await;
    }
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

fn tell(report: &loki::Report, hole: Hole, is_stopping: bool) {
    let loki::Report { pages, entries, taken, counted, incomplete, is_whole } = *report;
    if is_whole {
        tracing::info!(pages, entries, taken, "read back from Loki: {counted} errors that were missed");
    } else if is_stopping {
        tracing::warn!(
            pages,
            entries,
            taken,
            counted,
            "the stop cut the reading back off; the next start goes on"
        );
    } else {
        tracing::error!(
            pages,
            entries,
            taken,
            counted,
            "Loki did not tell for a day what was logged from {} to {}; the rest of it is given up",
            hole.from,
            hole.to
        );
    }
    if incomplete > 0 {
        tracing::error!(
            nanoseconds = incomplete,
            "entries were lost: so many of one time are in Loki that it does not tell all of them"
        );
    }
}
