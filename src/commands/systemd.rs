//! What systemd is told, where it started the service with `Type=notify`: `sd_notify(3)`. Elsewhere nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The listeners stand.
pub(super) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("listening")]);
}

/// New requests are refused from now on.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("answering the requests in hand")]);
}

/// Says twice in the time that the unit's `WatchdogSec` gives that the runtime gets its turns; never ends.
pub(super) async fn keep_alive() {
    let Some(within) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    // A unit that asks for less than a few milliseconds would have nothing else done.
    let every = (within / 2).max(Duration::from_millis(10));
    loop {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(every).await;
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd was not told; where the unit has Type=notify it waits in vain");
    }
}
