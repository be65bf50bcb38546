//! Whether this process refuses what exporters send, for reasons that pass.

use std::collections::VecDeque;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Alerts, found};
use crate::model::{AlertRule, UnixNanos};
use crate::store::FoundAlert;

/// How often the count is read, and how many readings are a minute.
const EVERY: Duration = Duration::from_secs(5);
const READINGS: usize = 12;
/// How many refusals in a minute are told: a few happen where a database restarts.
const REFUSED_MIN: u64 = 10;
/// How many readings without any end it: two minutes.
const QUIET_READINGS: u32 = 24;

/// Reads `refused`, which counts refusals that senders come again after, until `stop` is cancelled.
///
/// The store may be why: what is noted is noted as soon as it takes it.
pub async fn refusing(
    alerts: Alerts,
    instance: String,
    refused: impl Fn() -> u64 + Send,
    stop: CancellationToken,
) {
    let watching = async {
        let mut watch = Watch::new(refused());
        let mut waiting = None;
        loop {
            tokio::time::sleep(EVERY).await;
            let now = alerts.store.now();
            waiting = watch.read(refused(), now).or(waiting);
            waiting = match waiting {
                Some(change) if alerts.note_refusing(&instance, change, now).await => None,
                waiting => waiting,
            };
        }
    };
    stop.run_until_cancelled(watching).await;
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// So many were refused in the minute before `at`.
    Began { at: UnixNanos, refused: u64 },
    /// What began at `at` is over.
    Ended { at: UnixNanos },
}

impl Alerts {
    /// Notes a change; false where the store did not take it.
    async fn note_refusing(&self, instance: &str, change: Change, now: UnixNanos) -> bool {
        let alert = |at: UnixNanos| FoundAlert {
            error_id: instance.to_owned(),
            ..found(format!("refusing:{instance}:{}", at.0), AlertRule::Refusing, at)
        };
        let noted = match change {
            Change::Began { at, refused } => {
                let told_of = serde_json::json!({ "refused": refused }).to_string();
                self.store.note_alert(&FoundAlert { told_of, ..alert(at) }).await
            }
            Change::Ended { at } => self.end(&alert(at), now).await,
        };
        noted.is_ok()
    }
}

/// The readings of a minute.
#[derive(Debug)]
struct Watch {
    readings: VecDeque<u64>,
    /// Since when it is refused, and for how many readings it was not.
    refusing: Option<(UnixNanos, u32)>,
}

impl Watch {
    fn new(refused: u64) -> Self {
        Self { readings: VecDeque::from([refused]), refusing: None }
    }

    /// Takes a reading; tells what it changes.
    fn read(&mut self, refused: u64, now: UnixNanos) -> Option<Change> {
        let before = self.readings.front().copied().unwrap_or(refused);
        let is_quiet = self.readings.back() == Some(&refused);
        self.readings.push_back(refused);
        if self.readings.len() > READINGS {
            self.readings.pop_front();
        }
        let lately = refused.saturating_sub(before);
        match &mut self.refusing {
            None if lately >= REFUSED_MIN => {
                self.refusing = Some((now, 0));
                Some(Change::Began { at: now, refused: lately })
            }
            None => None,
            Some((at, quiet)) => {
                *quiet = if is_quiet { *quiet + 1 } else { 0 };
                if *quiet < QUIET_READINGS {
                    return None;
                }
                let at = *at;
                self.refusing = None;
                Some(Change::Ended { at })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_refusals_in_a_minute_are_told_and_two_quiet_minutes_end_it() {
        let mut watch = Watch::new(100);
        let mut changes = Vec::new();
        // Five in each of two minutes are too few; then they come fast; then none.
        let counts = (0..24).map(|n| 100 + n / 2).chain((1..4).map(|n| 111 + 5 * n)).chain([126; 30]);
        for (n, count) in (0_u64..).zip(counts) {
            changes.extend(watch.read(count, UnixNanos(n)));
        }
        assert_eq!(
            changes,
            [Change::Began { at: UnixNanos(24), refused: 10 }, Change::Ended { at: UnixNanos(24) },]
        );
    }
}
