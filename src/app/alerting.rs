//! Alerts: what finds them, what sends them, and what counts both.

use anyhow::Context as _;

use super::App;
use crate::alerts::{self, Alerts, Kind, Settings};
use crate::ingest::{Reason, Receiver};
use crate::leader::Terms;
use crate::model::{Live, Transport};
use crate::pipeline::Counts;
use crate::store::Store;
use crate::telemetry::{self, Metrics};

/// Refusals that pass: senders come again after them, and people should know why.
const PASSING: [Reason; 2] = [Reason::Overloaded, Reason::Unavailable];

pub(super) fn alerts(settings: Live<Settings>, store: &Store) -> anyhow::Result<Alerts> {
    Alerts::new(store.clone(), settings).context("alerts: the machine has no certificates")
}

/// Counts tries of deliveries; without targets there are none.
pub(super) fn count(metrics: &mut Metrics<Counts>, alerts: &Alerts) {
    if !alerts.has_targets() {
        return;
    }
    let tries = metrics.counter(
        "logmend_alerts",
        "Tries to send an alert, by target and how they went: sent, retried (tried again later), failed (given up).",
        "{alert}",
    );
    for (kind, went) in alerts.kinds().flat_map(|kind| alerts::Went::ALL.map(|went| (kind, went))) {
        let totals = alerts.totals();
        let labels = [("target", kind.as_str()), ("outcome", went.as_str())];
        tries.with(labels, move |_| totals.of(kind, went));
    }
}

impl App {
    /// Finds alerts and sends them. Without a target nothing is looked for.
    pub(super) fn start_alerts(&self, alerts: &Alerts, terms: &Terms) {
        if !alerts.has_targets() {
            return;
        }
        let places: Vec<_> = alerts.places().map(|(kind, place)| format!("{kind} ({place})")).collect();
        tracing::info!("alerts go to {}", places.join(", "));
        let (watched, led, stop) = (alerts.clone(), terms.clone(), self.edges_stop.clone());
        self.edge("the watch for alerts", async move {
            alerts::watch(watched, led, stop).await;
            Ok(())
        });
        for kind in alerts.kinds().collect::<Vec<Kind>>() {
            let (sent, led, stop) = (alerts.clone(), terms.clone(), self.edges_stop.clone());
            self.edge("the sending of alerts", async move {
                alerts::deliver(sent, kind, led, stop).await;
                Ok(())
            });
        }
        let (noted, receiver, stop) = (alerts.clone(), self.receiver.clone(), self.edges_stop.clone());
        self.edge("the watch over refusals", async move {
            let id = telemetry::instance_id().to_owned();
            alerts::refusing(noted, id, move || refused(&receiver), stop).await;
            Ok(())
        });
    }
}

fn refused(receiver: &Receiver) -> u64 {
    let all =
        Transport::LISTENING.into_iter().flat_map(|transport| PASSING.map(|reason| (transport, reason)));
    all.map(|(transport, reason)| receiver.refusals().of(transport, reason)).sum()
}
