//! Who leads, and the upkeep that a leader does.

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;

use super::App;
use crate::config::Config;
use crate::leader::{self, Alone, Leader, Lease, Redis, Terms};
use crate::store::Store;
use crate::telemetry;

/// How often what is old is deleted: digests, the shortest-lived, are kept for minutes.
const UPKEEP: Duration = Duration::from_mins(1);

/// Why a lock is not used, as it changes.
type Trouble = watch::Receiver<Option<String>>;

/// The way in which this process leads.
pub(super) fn leader(config: &Config, store: &Store) -> anyhow::Result<(Box<dyn Leader>, Option<Trouble>)> {
    let id = telemetry::instance_id().to_owned();
    if !store.is_shared() {
        return Ok((Box::new(Alone::new(store.clone(), id)), None));
    }
    let lease = Lease::new(store.clone(), id.clone(), config.leader_term);
    let Some(url) = &config.redis else { return Ok((Box::new(lease), None)) };
    let redis = Redis::new(url, id, lease).context("REDIS_URL")?;
    let trouble = redis.trouble();
    Ok((Box::new(redis), Some(trouble)))
}

impl App {
    /// Says that this process is up, and stands for the lead.
    pub(super) fn start_leading(&self, leader: Box<dyn Leader>, config: &Config) -> Terms {
        let (store, id) = (self.store.clone(), telemetry::instance_id().to_owned());
        let stop = self.edges_stop.clone();
        self.edge("the watch over the store", async move {
            store.beat(id, stop).await;
            Ok(())
        });
        let (terms, leading) = leader::run(leader, config.leader_term, self.edges_stop.clone());
        self.edge("the stand for the lead", async move {
            leading.await;
            Ok(())
        });
        terms
    }

    /// Deletes what is old, as long as this process leads.
    pub(super) fn start_upkeep(&self, config: &Config, terms: &Terms) {
        let (store, kept) = (self.store.clone(), config.retention.clone());
        let (terms, stop) = (terms.clone(), self.edges_stop.clone());
        self.edge("the deletion of what is old", async move {
            let upkeep = |leadership: leader::Leadership| {
                let (store, kept) = (store.led_by(leadership.fence()), kept.clone());
                async move {
                    loop {
                        match store.forget_old(&kept, store.now()).await {
                            Ok(0) => {}
                            Ok(rows) => tracing::debug!(rows, "what is old was deleted"),
                            Err(error) => {
                                tracing::warn!(%error, "what is old was not deleted; it is tried again");
                            }
                        }
                        tokio::time::sleep(UPKEEP).await;
                    }
                }
            };
            terms.while_leading(stop, upkeep).await;
            Ok(())
        });
    }
}
