//! Drives [`Triage`] by the clock.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Triage;
use crate::leader::{Leadership, Terms};
use crate::model::UnixNanos;

/// How often the leader looks whether another replica was asked to close the window.
const LOOKED: Duration = Duration::from_millis(250);

/// Closes a window at each border, and when somebody asks for it, as long as this process leads, until `stop` is cancelled. A
/// failure is told and the next border is tried.
///
/// `border_after` gives the first border after a time; `None` where windows end on demand only. A window that people closed in
/// between is simply shorter. While triage is paused windows stay open.
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
                let mut border = border_after.map(|after| after(triage.store.now()));
                loop {
                    wait(&triage, border).await;
                    if let Err(error) = triage.fulfil_scans(triage.store.now()).await {
                        tracing::error!("✗ Error in monitoring loop: {error}");
                    }
                    let now = triage.store.now();
                    let Some(due) = border.filter(|border| *border <= now) else { continue };
                    border = border_after.map(|after| after(now));
                    end_in_time(&triage, due).await;
                }
            }
        })
        .await;
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
            triage.close_window(border, triage.settings.auto_fix, "logmend").await?;
        }
        Ok::<_, crate::store::StoreError>(())
    };
    if let Err(error) = ended.await {
        tracing::error!("✗ Error in monitoring loop: {error}");
    }
}
