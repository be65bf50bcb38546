//! Drives [`Triage`] by the clock.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Triage;
use crate::leader::{Leadership, Terms};
use crate::model::UnixNanos;
use crate::store::StoreError;

/// How often the leader looks whether another replica was asked to close the window.
const LOOKED: Duration = Duration::from_millis(250);

/// Closes a window at each border, and when somebody asks for it, as long as this process leads, until `stop` is cancelled. A
/// failure is told and the next border is tried.
///
/// `border_after` gives the first border after a time; `None` where windows end on demand only. A window that people closed in
/// between is simply shorter; one whose border passed while nobody led ends as soon as somebody does. While triage is paused windows stay open.
pub async fn run(
    triage: Triage,
    terms: Terms,
    border_after: Option<impl Fn(UnixNanos) -> UnixNanos + Send>,
    stop: CancellationToken,
) {
    tracing::info!("Starting autonomous monitoring loop");
    terms
        .while_leading(stop, |leadership: Leadership| {
            let (triage, border_after) = (triage.led_by(&leadership), border_after.as_ref());
            async move {
                let mut border = match border_after {
                    Some(after) => Some(border_of_open_window(&triage, after).await),
                    None => None,
                };
                told(triage.fulfil_scans(triage.store.now()).await);
                told(triage.go_on(triage.store.now()).await);
                let mut asked = None;
                loop {
                    let now = triage.store.now();
                    if let (Some(due), Some(after)) = (border.filter(|border| *border <= now), border_after) {
                        border = Some(after(now));
                        // Where several borders passed while nobody led, the window ends now.
                        end_in_time(&triage, if after(due) <= now { now } else { due }).await;
                    }
                    wait(&triage, border).await;
                    told(triage.look_for_asked(&mut asked).await);
                    told(triage.fulfil_scans(triage.store.now()).await);
                }
            }
        })
        .await;
}

/// Where the open window ends. That may be over: nobody led then.
async fn border_of_open_window(triage: &Triage, after: &impl Fn(UnixNanos) -> UnixNanos) -> UnixNanos {
    let next = after(triage.store.now());
    // After a clock that went back a window may begin in the future.
    triage.store.open_window_start().await.map_or(next, |start| after(start).min(next))
}

/// Until the border, or until somebody may have asked for the window's end.
async fn wait(triage: &Triage, border: Option<UnixNanos>) {
    let left = border.map(|border| Duration::from_nanos(border.0.saturating_sub(triage.store.now().0)));
    // Whoever is asked in this process says so; another has only the store to say it by.
    let longest = if triage.store.is_shared() { LOOKED } else { Duration::from_hours(1) };
    tokio::select! {
        () = tokio::time::sleep(left.unwrap_or(longest).min(longest)) => {}
        () = triage.wanted() => {}
    }
}

async fn end_in_time(triage: &Triage, border: UnixNanos) {
    let ended = async {
        if triage.is_running().await? {
            triage.close_window(border, triage.settings().auto_fix, "logmend").await?;
        }
        Ok(())
    };
    told(ended.await);
}

fn told(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::error!("✗ Error in monitoring loop: {error}");
    }
}

#[cfg(test)]
mod tests;
