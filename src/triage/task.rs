//! Drives [`Triage`] by the clock.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Triage;
use crate::model::UnixNanos;

/// Closes a window at each border until `stop` is cancelled. A failure is told and the next border is tried.
///
/// `border_after` gives the first border after a time. A window that people closed in between is simply shorter.
/// While triage is paused windows stay open.
pub async fn run(
    triage: Triage,
    border_after: impl Fn(UnixNanos) -> UnixNanos + Send,
    clock: fn() -> UnixNanos,
    stop: CancellationToken,
) {
    tracing::info!("Starting autonomous monitoring loop");
    loop {
        let now = clock();
        let border = border_after(now);
        let wait = Duration::from_nanos(border.0.saturating_sub(now.0));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return,
        }
        if !triage.is_running() {
            continue;
        }
        // The timer may ring a moment early; the border is what counts.
        let now = clock().max(border);
        if let Err(error) = triage.close_window(now, triage.settings().auto_fix, "logmend").await {
            tracing::error!("✗ Error in monitoring loop: {error}");
        }
    }
}
