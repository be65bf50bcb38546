//! Finds what people are alerted of and decides about it, as long as this process leads.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::content::{Content, NAMED_MAX};
use super::{Alerts, Kind, caps, found};
use crate::leader::Terms;
use crate::model::{AlertRule, UnixNanos};
use crate::store::{FoundAlert, StoreError};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(1);
/// How often it is looked what is over, in looks.
const OVER_EVERY: u32 = 5;
/// How often it is looked what waits for too long, in looks.
const OLD_EVERY: u32 = 60;
/// How many alerts are decided about in one look; the next one goes on.
const DECIDED_MAX: u32 = 1_000;
/// How often an error must come in an hour before it is compared with what is usual: below, chance alone makes tenfolds.
const RATE_COUNT_MIN: u64 = 20;

/// Looks until `stop` is cancelled.
pub async fn watch(alerts: Alerts, terms: Terms, stop: CancellationToken) {
    terms
        .while_leading(stop, |leadership| {
            let alerts = alerts.led_by(&leadership);
            async move {
                let mut looked = Looked::default();
                loop {
                    if let Err(error) = Box::pin(alerts.look(&mut looked)).await {
                        tracing::warn!(%error, "it was not looked what people are to be alerted of; it is tried again");
                    }
                    tokio::time::sleep(EVERY).await;
                }
            }
        })
        .await;
}

/// What was looked at in this term.
#[derive(Debug, Default)]
struct Looked {
    /// The latest window whose errors were compared with what is usual.
    window: Option<UnixNanos>,
    looks: u32,
}

impl Alerts {
    async fn look(&self, looked: &mut Looked) -> Result<(), StoreError> {
        let now = self.store.now();
        self.store.note_new_errors(now).await?;
        let window = self.store.latest_triaged_window().await?;
        if let Some(window) = window.filter(|window| looked.window != Some(*window)) {
            self.compare(window, now).await?;
            looked.window = Some(window);
        }
        self.decide(now).await?;
        self.gather(now).await?;
        if looked.looks.is_multiple_of(OVER_EVERY) {
            self.end_what_is_over(now).await?;
        }
        if looked.looks.is_multiple_of(OLD_EVERY) {
            self.store.give_up_old_deliveries(now).await?;
        }
        looked.looks = looked.looks.wrapping_add(1);
        Ok(())
    }

    /// Compares each error with how often it came before.
    async fn compare(&self, window: UnixNanos, now: UnixNanos) -> Result<(), StoreError> {
        let factor = u32::try_from(self.settings().rate_factor).unwrap_or(u32::MAX).into();
        let above = self.store.errors_above(factor, RATE_COUNT_MIN, now).await?;
        for (key, error_id) in self.store.lasting_of(AlertRule::Rate).await? {
            if above.iter().all(|rate| rate.error_id != error_id) {
                self.end(&FoundAlert { error_id, ..found(key, AlertRule::Rate, now) }, now).await?;
            }
        }
        if self.settings().rules.contains(&AlertRule::Rate) {
            self.store.note_rates(&above, window, now).await?;
        }
        Ok(())
    }

    /// Decides about what was found.
    async fn decide(&self, now: UnixNanos) -> Result<(), StoreError> {
        let found = self.store.found_alerts(DECIDED_MAX).await?;
        if found.is_empty() {
            return Ok(());
        }
        let told = self.store.alerts_told_within_an_hour(now).await?;
        let plan = caps::plan(&found, &told, &self.settings(), now);
        for alert in &plan.tell {
            let content = self.content(alert).await?;
            let deliveries = self.deliveries(alert, "firing");
            self.store.tell_alert(alert, &content.to_json(), &deliveries, now).await?;
            tracing::info!(rule = %alert.rule, alert = alert.key, "alert: {}", content.title);
        }
        for (alerts, wanted) in [(&plan.skip, false), (&plan.hold, true)] {
            let keys: Vec<_> = alerts.iter().map(|alert| alert.key.as_str()).collect();
            self.store.put_alerts_aside(&keys, wanted).await?;
        }
        self.waiting.notify_waiters();
        Ok(())
    }

    /// Tells together what was held back, where that is due.
    async fn gather(&self, now: UnixNanos) -> Result<(), StoreError> {
        let counts = self.store.held_alerts_due(now).await?;
        if counts.is_empty() {
            return Ok(());
        }
        let mut named = Vec::new();
        for alert in self.store.held_alerts(NAMED_MAX).await? {
            let content = self.content(&alert).await?;
            named.push(format!("{}: {}", content.title, content.summary));
        }
        let digest = found(format!("digest:{}", now.0), AlertRule::Digest, now);
        let content = Content::of_digest(counts, named);
        let deliveries = self.deliveries(&digest, "firing");
        self.store.tell_digest(&digest, &content.to_json(), &deliveries, now).await?;
        tracing::info!("alert: {} held back are told together", content.title);
        self.waiting.notify_waiters();
        Ok(())
    }

    async fn end_what_is_over(&self, now: UnixNanos) -> Result<(), StoreError> {
        for alert in self.store.alerts_that_are_over(now).await? {
            self.end(&alert, now).await?;
        }
        Ok(())
    }

    /// Ends an alert that lasts. An incident that other alerts of the same error are part of stays open.
    pub(super) async fn end(&self, alert: &FoundAlert, now: UnixNanos) -> Result<(), StoreError> {
        let mut deliveries = self.deliveries(alert, "resolved");
        if self.store.another_lasts(&alert.key, &alert.error_id).await? {
            deliveries.retain(|(target, _)| *target != Kind::PagerDuty.as_str());
        }
        self.store.end_alert(&alert.key, &deliveries, now).await?;
        tracing::info!(rule = %alert.rule, alert = alert.key, "alert: it is over");
        self.waiting.notify_waiters();
        Ok(())
    }
}
