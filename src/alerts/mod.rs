//! Tells people elsewhere of what matters: Slack, a webhook of their own, PagerDuty, Alertmanager.
//!
//! In come the alerts that the store notes where they happen, and those that [`watch()`] finds there. Each is decided about once:
//! told, held back for a digest, or nothing that anybody wants. What is told is written with its deliveries in one transaction, and
//! [`deliver()`] sends those, one target beside the other. Out goes one HTTP request for each delivery and try. A crash loses none; one
//! whose answer was lost is sent again under the same id.
//!
//! All of it is a leader's work, but for [`refusing()`]: each process sees for itself whether it refuses. This room does not know
//! how errors are found or fixes written. With a target down nothing else waits.

mod alertmanager;
mod caps;
mod client;
mod content;
mod deliver;
mod pagerduty;
mod private;
mod refusing;
mod settings;
mod slack;
mod target;
mod totals;
mod watch;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::Notify;

pub use client::ClientFault;
pub use deliver::deliver;
pub use refusing::refusing;
pub use settings::{Destination, Settings};
pub use target::{Endpoint, InvalidEndpoint, Kind};
pub use totals::{Totals, Went};
pub use watch::watch;

use crate::leader::Leadership;
use crate::model::{AlertRule, Live, UnixNanos};
use crate::store::{FoundAlert, NewDelivery, Recent, Store, StoreError, TargetState};
use content::Content;
use target::Target;

/// How long whoever tries the targets waits for them.
const TEST_AWAITED: Duration = Duration::from_secs(30);
/// How often it is looked whether they have answered.
const LOOKED: Duration = Duration::from_millis(100);

/// The targets and what is decided by; clones share everything.
#[derive(Debug, Clone)]
pub struct Alerts {
    store: Store,
    settings: Live<Settings>,
    targets: Arc<[Target]>,
    totals: Arc<Totals>,
    /// Told when there is something to send, also by who tries the targets.
    waiting: Arc<Notify>,
}

/// How one target stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetReport {
    /// Which.
    pub kind: Kind,
    /// Where it is: its host, without what may be secret.
    pub place: String,
    /// How deliveries go.
    pub state: TargetState,
    /// Whether deliveries fail now.
    pub failing: bool,
}

impl Alerts {
    /// Alerts by these settings, of which people may change all but the targets; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ClientFault`] where the machine has no certificates.
    pub fn new(store: Store, settings: Live<Settings>) -> Result<Self, ClientFault> {
        let Settings { allow_private, destinations, .. } = settings.get();
        let targets = destinations.iter().map(|to| Target::new(to.clone(), allow_private));
        let targets = targets.collect::<Result<Vec<_>, _>>()?;
        let totals = Arc::default();
        Ok(Self { store, settings, targets: targets.into(), totals, waiting: Arc::default() })
    }

    /// The same, of a leader: nothing is written by it once its term is over.
    #[must_use]
    pub fn led_by(&self, leadership: &Leadership) -> Self {
        Self { store: self.store.led_by(leadership.fence()), ..self.clone() }
    }

    /// What it goes by.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings.get()
    }

    /// What was sent since the start.
    #[must_use]
    pub fn totals(&self) -> Arc<Totals> {
        Arc::clone(&self.totals)
    }

    /// Which targets are set up.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.targets.iter().map(Target::kind)
    }

    /// Which targets are set up, each with its host.
    pub fn places(&self) -> impl Iterator<Item = (Kind, String)> {
        self.targets.iter().map(|target| (target.kind(), target.place()))
    }

    /// Whether anybody is told.
    #[must_use]
    pub fn has_targets(&self) -> bool {
        !self.targets.is_empty()
    }

    /// How each target stands.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn reports(&self) -> Result<Vec<TargetReport>, StoreError> {
        let mut reports = Vec::new();
        for target in self.targets.iter() {
            let name = target.kind().as_str();
            reports.push(TargetReport {
                kind: target.kind(),
                place: target.place(),
                state: self.store.target_state(name).await?,
                failing: self.store.is_target_failing(name, self.store.now()).await?,
            });
        }
        Ok(reports)
    }

    /// The latest deliveries, the latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn recent(&self, count_max: u32) -> Result<Vec<Recent>, StoreError> {
        self.store.recent_deliveries(None, count_max).await
    }

    /// How many alerts wait for the next digest.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn held(&self) -> Result<u64, StoreError> {
        self.store.held_alert_count().await
    }

    /// Sends a test alert to all targets, by whichever replica leads, and waits until each was tried once, or for half a minute.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn test(&self) -> Result<Vec<Recent>, StoreError> {
        let now = self.store.now();
        let key = format!("test:{:032x}", fastrand::u128(..));
        let alert = found(key.clone(), AlertRule::Test, now);
        let content = Content::of_test().to_json();
        self.store.tell_at_once(&alert, &content, &self.deliveries(&alert, "firing"), now).await?;
        self.waiting.notify_waiters();
        let tried = async {
            loop {
                let recent = self.store.recent_deliveries(Some(&key), 9).await?;
                let is_tried = |one: &Recent| one.state != "waiting" || !one.last_error.is_empty();
                if recent.iter().all(is_tried) {
                    return Ok(recent);
                }
                tokio::time::sleep(LOOKED).await;
            }
        };
        match tokio::time::timeout(TEST_AWAITED, tried).await {
            Ok(recent) => recent,
            Err(_) => self.store.recent_deliveries(Some(&key), 9).await,
        }
    }

    /// The deliveries of an alert to all targets that take its kind.
    fn deliveries(&self, alert: &FoundAlert, action: &str) -> Vec<NewDelivery> {
        let takers = self.kinds().filter(|kind| kind.takes(alert.rule, action == "resolved"));
        takers.map(|kind| (kind.as_str(), delivery_id(kind, &alert.key, action))).collect()
    }
}

/// An alert about nothing that has an id.
fn found(key: String, rule: AlertRule, at: UnixNanos) -> FoundAlert {
    FoundAlert { key, rule, error_id: String::new(), fix_id: String::new(), told_of: String::new(), at }
}

/// The id that all tries share, also those after a crash: it is made of what is told to whom.
fn delivery_id(kind: Kind, alert_key: &str, action: &str) -> String {
    let digest = blake3::hash(format!("{kind}\0{alert_key}\0{action}").as_bytes());
    digest.to_hex()[..32].to_owned()
}

/// A key for signatures.
type Secret = SecretString;
