//! Whether this process refuses what exporters send, for reasons that pass.

use std::collections::VecDeque;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::client::{Outcome, send};
use super::content::{Content, Notice};
use super::totals::Went;
use super::{Alerts, Kind, delivery_id, found};
use crate::model::{AlertRule, UnixNanos};
use crate::store::{DeliveryAction, FoundAlert, StoreError};

/// How often the count is read, and how many readings are a minute.
const EVERY: Duration = Duration::from_secs(5);
const READINGS: usize = 12;
/// How many refusals in a minute are told: a few happen where a database restarts.
const REFUSED_MIN: u64 = 10;
/// How many readings without any end it: two minutes.
const QUIET_READINGS: u32 = 24;

/// How many changes wait for the store; more do not come while it is away.
const WAITING_MAX: usize = 8;

/// Reads `refused`, which counts refusals that senders come again after, until `stop` is cancelled.
///
/// The store may be why. Then targets are told from here, past the outbox and its caps, and what was told is noted as soon as the
/// store takes it.
pub async fn refusing(
    alerts: Alerts,
    instance: String,
    refused: impl Fn() -> u64 + Send,
    stop: CancellationToken,
) {
    let watching = async {
        let mut watch = Watch::new(refused());
        let mut waiting = VecDeque::new();
        let mut directly = Directly::default();
        loop {
            tokio::time::sleep(EVERY).await;
            let now = alerts.store.now();
            waiting.extend(watch.read(refused(), now).filter(|_| waiting.len() < WAITING_MAX));
            let Some(change) = waiting.front() else { continue };
            match alerts.note_refusing(&instance, *change, &directly, now).await {
                Ok(()) => {
                    waiting.pop_front();
                    directly = Directly::default();
                }
                Err(error) => {
                    tracing::debug!(%error, "that requests are refused is not noted yet");
                    if let Change::Began { at, refused } = change {
                        alerts.tell_directly(&began(&instance, *at, *refused), &mut directly, now).await;
                    }
                }
            }
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

/// Who was told past the outbox.
#[derive(Debug, Default)]
struct Directly {
    told: Vec<Kind>,
    rounds: usize,
}

fn began(instance: &str, at: UnixNanos, refused: u64) -> FoundAlert {
    FoundAlert {
        error_id: instance.to_owned(),
        told_of: serde_json::json!({ "refused": refused }).to_string(),
        ..found(format!("refusing:{instance}:{}", at.0), AlertRule::Refusing, at)
    }
}

impl Alerts {
    async fn note_refusing(
        &self,
        instance: &str,
        change: Change,
        directly: &Directly,
        now: UnixNanos,
    ) -> Result<(), StoreError> {
        match change {
            Change::Began { at, refused } => {
                let alert = began(instance, at, refused);
                let mut told = self.deliveries(&alert, "firing");
                told.retain(|(target, _)| directly.told.iter().any(|kind| kind.as_str() == *target));
                // First: whoever leads decides as soon as it is noted, and leaves out who was told.
                self.store.note_delivered(&alert.key, &told, now).await?;
                if told.is_empty() {
                    return self.store.note_alert(&alert).await;
                }
                // Whoever was told is told of its end too, whatever the caps would have held back.
                let content = Content::of_refusing(&alert).to_json();
                let all = self.deliveries(&alert, "firing");
                self.store.tell_at_once(&alert, &content, &all, now).await
            }
            Change::Ended { at } => self.end(&began(instance, at, 0), now).await,
        }
    }

    /// Tells those targets that were not told yet; a minute later, those that forget it otherwise.
    async fn tell_directly(&self, alert: &FoundAlert, directly: &mut Directly, now: UnixNanos) {
        if !self.settings().rules.contains(&AlertRule::Refusing) {
            return;
        }
        directly.rounds += 1;
        if directly.rounds.is_multiple_of(READINGS) {
            directly.told.retain(|kind| *kind != Kind::Alertmanager);
        }
        let content = Content::of_refusing(alert);
        for target in self.targets.iter().filter(|target| target.kind().takes(alert.rule, false)) {
            let kind = target.kind();
            if directly.told.contains(&kind) {
                continue;
            }
            let notice = Notice {
                id: &delivery_id(kind, &alert.key, "firing"),
                action: DeliveryAction::Firing,
                key: &alert.key,
                rule: alert.rule,
                at: alert.at,
                ended_at: None,
                now,
                content: &content,
            };
            match send(target, target.request(&notice)).await {
                Outcome::Sent => {
                    self.totals.count(kind, Went::Sent);
                    directly.told.push(kind);
                }
                Outcome::Later { why, .. } | Outcome::Refused(why) => {
                    self.totals.count(kind, Went::Retried);
                    tracing::warn!(target = %kind, "it was not told that requests are refused: {why}; it is tried again");
                }
            }
        }
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
