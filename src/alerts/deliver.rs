//! Sends what waits for one target, as long as this process leads: one after the other, each claimed before it is sent.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::client::{Outcome, send};
use super::content::{Content, Notice};
use super::target::Target;
use super::totals::Went;
use super::{Alerts, Kind};
use crate::leader::Terms;
use crate::model::UnixNanos;
use crate::store::{Delivery, DeliveryAction, StoreError};

/// How long until the next try, by how many were made: five tries within twenty minutes.
const RESTS: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_mins(3), Duration::from_mins(15)];
/// How long it is waited where nothing is due; whoever decides something wakes it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After the store did not answer.
const REST: Duration = Duration::from_secs(5);
/// Slack takes a message in a second ("Rate limits"); for the others it is no harm.
const PACE: Duration = Duration::from_secs(1);
/// How often a target is reminded of what lasts, and of how much at once.
const REMIND_EVERY: Duration = Duration::from_mins(1);
const REMINDED_MAX: u32 = 2_000;

/// Sends to the target of one kind until `stop` is cancelled. Where there is no such target it ends with `stop` all the same.
pub async fn deliver(alerts: Alerts, kind: Kind, terms: Terms, stop: CancellationToken) {
    let Some(target) = alerts.targets.iter().find(|target| target.kind() == kind).cloned() else {
        return stop.cancelled().await;
    };
    terms
        .while_leading(stop, |leadership| {
            let (alerts, target) = (alerts.led_by(&leadership), target.clone());
            Box::pin(async move {
                // At once in a new term: who led before may be gone for longer than what lasts is known for.
                let mut reminded = None::<tokio::time::Instant>;
                loop {
                    if reminded.is_none_or(|at| at.elapsed() >= REMIND_EVERY) {
                        reminded = Some(tokio::time::Instant::now());
                        alerts.remind(&target).await;
                    }
                    let woken = alerts.waiting.notified();
                    let rest = match alerts.send_next(&target).await {
                        Ok(true) if kind == Kind::Slack => PACE,
                        Ok(true) => continue,
                        Ok(false) => {
                            let _ = tokio::time::timeout(LOOK_EVERY, woken).await;
                            Duration::ZERO
                        }
                        Err(error) => {
                            tracing::warn!(%error, target = %kind, "no alert was sent; it is tried again");
                            REST
                        }
                    };
                    tokio::time::sleep(rest).await;
                }
            })
        })
        .await;
}

impl Alerts {
    /// Sends the delivery that is due. False where none is.
    async fn send_next(&self, target: &Target) -> Result<bool, StoreError> {
        let (kind, now) = (target.kind(), self.store.now());
        let Some(delivery) = self.store.due_delivery(kind.as_str(), now).await? else { return Ok(false) };
        let next_at = after(now, rest(delivery.tries));
        if !self.store.claim_delivery(&delivery.id, next_at).await? {
            return Ok(true);
        }
        let content = Content::from_json(&delivery.content);
        let outcome = send(target, target.request(&notice(&delivery, &content, now))).await;
        self.note(kind, &delivery, next_at, outcome).await?;
        Ok(true)
    }

    async fn note(
        &self,
        kind: Kind,
        delivery: &Delivery,
        planned: UnixNanos,
        outcome: Outcome,
    ) -> Result<(), StoreError> {
        let now = self.store.now();
        let is_last = delivery.tries as usize >= RESTS.len();
        let (why, next_at) = match outcome {
            Outcome::Sent => {
                self.totals.count(kind, Went::Sent);
                return self.store.delivered(&delivery.id, now).await;
            }
            Outcome::Later { why, wait } if !is_last => {
                let asked = after(now, wait.unwrap_or_default());
                if wait.is_some() {
                    // It means all of them.
                    self.store.put_off_deliveries(kind.as_str(), asked).await?;
                }
                (why, Some(planned.max(asked)))
            }
            Outcome::Later { why, .. } => (format!("{why}; it was tried {} times", delivery.tries + 1), None),
            Outcome::Refused(why) => (why, None),
        };
        if next_at.is_some() {
            self.totals.count(kind, Went::Retried);
            tracing::debug!(target = %kind, delivery = delivery.id, "an alert was not sent: {why}; it is tried again");
        } else {
            self.totals.count(kind, Went::Failed);
            tracing::error!(target = %kind, delivery = delivery.id, alert = delivery.alert_key, "an alert was not sent: {why}");
        }
        self.store.not_delivered(&delivery.id, &why, next_at, now).await
    }

    /// Tells again of what lasts, where the target forgets it otherwise. It is told again in a minute, whatever became of it.
    async fn remind(&self, target: &Target) {
        let lasting = match self.store.lasting_alerts(target.kind().as_str(), REMINDED_MAX).await {
            Ok(lasting) if lasting.is_empty() => return,
            Ok(lasting) => lasting,
            Err(error) => return tracing::warn!(%error, "nobody was reminded of alerts that last"),
        };
        let contents: Vec<_> = lasting.iter().map(|alert| Content::from_json(&alert.content)).collect();
        let now = self.store.now();
        let notices = lasting.iter().zip(&contents).map(|(alert, content)| Notice {
            id: "",
            action: DeliveryAction::Firing,
            key: &alert.key,
            rule: alert.rule,
            at: alert.at,
            ended_at: None,
            now,
            content,
        });
        let Some(request) = target.reminder(&notices.collect::<Vec<_>>()) else { return };
        match send(target, request).await {
            Outcome::Sent => {}
            Outcome::Later { why, .. } | Outcome::Refused(why) => {
                tracing::warn!(target = %target.kind(), "it was not reminded of alerts that last: {why}");
            }
        }
    }
}

fn notice<'a>(delivery: &'a Delivery, content: &'a Content, now: UnixNanos) -> Notice<'a> {
    Notice {
        id: &delivery.id,
        action: delivery.action,
        key: &delivery.alert_key,
        rule: delivery.rule,
        at: delivery.at,
        ended_at: delivery.ended_at,
        now,
        content,
    }
}

/// The rest after so many tries and the one that begins, a fifth more or less: not all come back at once.
fn rest(tries: u32) -> Duration {
    let rest = RESTS.get(tries as usize).or(RESTS.last()).copied().unwrap_or(REST);
    rest.mul_f32(0.8 + 0.4 * fastrand::f32())
}

fn after(time: UnixNanos, by: Duration) -> UnixNanos {
    UnixNanos(time.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_and_differ() {
        for (tries, planned) in [(0, 5.0), (1, 30.0), (3, 900.0), (9, 900.0)] {
            let rest = rest(tries).as_secs_f32();
            assert!((planned * 0.79..=planned * 1.21).contains(&rest), "{tries}: {rest}");
        }
    }
}
