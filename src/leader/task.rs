//! Drives a [`Leader`] by the clock.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Leader, Leadership, RENEWALS, Terms};

/// A term that this process still holds, and how long at least.
struct Held {
    leadership: Leadership,
    until: Instant,
}

/// Stands for the lead until `stop` is cancelled, a `term` at a time, and gives it up then. Answers the terms, and the task that
/// drives them.
pub fn run(
    leader: impl Leader,
    term: Duration,
    stop: CancellationToken,
) -> (Terms, impl Future<Output = ()> + Send) {
    let (told, current) = watch::channel(None);
    (Terms { current }, drive(leader, term, told, stop))
}

async fn drive(
    leader: impl Leader,
    term: Duration,
    told: watch::Sender<Option<Leadership>>,
    stop: CancellationToken,
) {
    let mut held = None::<Held>;
    while !stop.is_cancelled() {
        let asked = Instant::now();
        held = next(&leader, term, held).await;
        told.send_if_modified(|current| {
            let fence = |leadership: &Option<Leadership>| leadership.as_ref().map(Leadership::fence);
            let next = held.as_ref().map(|held| held.leadership.clone());
            let differs = fence(current) != fence(&next);
            if differs {
                *current = next;
            }
            differs
        });
        let again = asked + term / RENEWALS;
        let again = held.as_ref().map_or(again, |held| again.min(held.until));
        stop.run_until_cancelled(tokio::time::sleep_until(again.into())).await;
    }
    if let Some(held) = held {
        held.leadership.ended.cancel();
        told.send_replace(None);
        leader.step_down(held.leadership.fence).await;
    }
}

/// What is held after one more try. The term counts from before the try: its answer may have been long on its way.
async fn next(leader: &impl Leader, term: Duration, held: Option<Held>) -> Option<Held> {
    let asked = Instant::now();
    let rest = held.as_ref().map_or(term, |held| held.until.saturating_duration_since(asked));
    // What is held ends in time whatever the store does.
    let stood = tokio::time::timeout(rest.max(Duration::from_millis(1)), leader.stand()).await;
    let until = asked + term;
    match (stood, held) {
        (Ok(Ok(Some(fence))), Some(held)) if held.leadership.fence == fence => {
            // A process that slept past the end of its term may find it its own still: nobody else wanted it.
            Some(Held { until, ..held })
        }
        (Ok(Ok(Some(fence))), before) => {
            end(before);
            tracing::info!(%fence, "this process leads: it closes windows and writes fixes");
            Some(Held { leadership: Leadership { fence, ended: CancellationToken::new() }, until })
        }
        (Ok(Err(error)), Some(held)) if Instant::now() < held.until => {
            tracing::warn!(%error, "the term of leadership was not renewed; it is tried again");
            Some(held)
        }
        (Ok(Err(error)), before) => {
            tracing::debug!(%error, "the store does not say who leads");
            end(before);
            None
        }
        // Another leads, or the store did not answer in time.
        (Ok(Ok(None)) | Err(_), before) => {
            end(before);
            None
        }
    }
}

fn end(held: Option<Held>) {
    if let Some(Held { leadership, .. }) = held {
        tracing::warn!(fence = %leadership.fence, "this process leads no longer");
        leadership.ended.cancel();
    }
}
