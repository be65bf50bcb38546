//! The next hop: one delivery of one request, whatever number of calls it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::outcome::Outcome;
use super::seldom::Seldom;
use super::{Mode, Protocol, Settings, SetupError, grpc, http};
use crate::model::UnixNanos;
use crate::otlp::{Spliced, halves};

pub(super) const USER_AGENT: &str = concat!("logmend/", env!("CARGO_PKG_VERSION"));

/// Deliveries at a time. More of them wait for their turn within their timeout; how many that can be, the receivers bound.
const DELIVERIES_MAX: usize = 64;

/// How often a next hop that is away is asked whether it is back, where no request finds out.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// What the next hop took of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Records that it did not take and will not take.
    pub rejected: u64,
    /// Why.
    pub message: String,
}

/// Why the next hop did not take a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDelivered {
    /// Not now: the sender keeps the request and sends it again, after the delay if there is one.
    #[error("the next hop does not take it now: {why}")]
    Retry {
        /// What the next hop asks for.
        after: Option<Duration>,
        /// Its words.
        why: String,
    },
    /// Never.
    #[error("the next hop refuses it: {why}")]
    Refused {
        /// Its words.
        why: String,
    },
}

/// Totals since the start.
#[derive(Debug, Default)]
pub struct Totals {
    /// Records that the next hop took.
    pub sent: AtomicU64,
    /// Records that it did not take: in refused requests, which may come again, and rejected ones.
    pub send_failed: AtomicU64,
    /// Records that were held back.
    pub held_back: AtomicU64,
    /// Summaries that it took.
    pub summaries: AtomicU64,
    /// Requests that were too large for it and were parted.
    pub splits: AtomicU64,
}

/// The client of the next hop; clones share everything.
#[derive(Debug, Clone)]
pub struct NextHop {
    mode: Mode,
    client: Client,
    timeout: Duration,
    shared: Arc<Shared>,
}

#[derive(Debug, Clone)]
enum Client {
    Grpc(grpc::Client),
    Http(http::Client),
}

#[derive(Debug)]
struct Shared {
    permits: Semaphore,
    totals: Totals,
    /// Why it is degraded, as the latest delivery found it; `None` where it is not.
    trouble: watch::Sender<Option<String>>,
    told_degraded: Seldom,
    told_misconfigured: Seldom,
    told_rejected: Seldom,
}

impl NextHop {
    /// A client; it connects with the first request. `clock` reads dates in answers.
    ///
    /// # Errors
    ///
    /// Where certificates or the URL are of no use.
    pub fn new(settings: &Settings, clock: fn() -> UnixNanos) -> Result<Self, SetupError> {
        let client = match settings.protocol {
            Protocol::Grpc => Client::Grpc(grpc::Client::new(settings)?),
            Protocol::Http => Client::Http(http::Client::new(settings, clock)?),
        };
        let shared = Shared {
            permits: Semaphore::new(DELIVERIES_MAX),
            totals: Totals::default(),
            trouble: watch::Sender::new(None),
            told_degraded: Seldom::default(),
            told_misconfigured: Seldom::default(),
            told_rejected: Seldom::default(),
        };
        Ok(Self { mode: settings.mode, client, timeout: settings.timeout, shared: Arc::new(shared) })
    }

    /// What goes on to it.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Totals since the start.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.shared.totals
    }

    /// Why it is degraded; `None` where it is not.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.shared.trouble.subscribe()
    }

    /// Delivers a request and answers when the next hop has acknowledged it. One without records is not sent.
    ///
    /// A request that is too large for the next hop goes in parts; of one that fails in the middle, parts may arrive twice.
    /// Cancel-safe in this sense: a request whose future is dropped may have arrived.
    ///
    /// # Errors
    ///
    /// [`NotDelivered`].
    pub async fn deliver(&self, whole: Spliced) -> Result<Delivered, NotDelivered> {
        let records = whole.records;
        if records == 0 {
            return Ok(Delivered::default());
        }
        let outcome = tokio::time::timeout(self.timeout, self.deliver_parts(whole)).await;
        let outcome = outcome.unwrap_or_else(|_| {
            let why = format!("no answer within {:?}", self.timeout);
            self.degraded(&why);
            Err(NotDelivered::Retry { after: None, why })
        });
        let rejected = outcome.as_ref().map_or(records, |delivered| delivered.rejected.min(records));
        self.shared.totals.sent.fetch_add(records - rejected, Ordering::Relaxed);
        self.shared.totals.send_failed.fetch_add(rejected, Ordering::Relaxed);
        if let Ok(Delivered { rejected: 1.., message }) = &outcome
            && self.shared.told_rejected.now()
        {
            tracing::warn!(rejected, "the next hop rejects records for good: {message}");
        }
        outcome
    }

    async fn deliver_parts(&self, whole: Spliced) -> Result<Delivered, NotDelivered> {
        // The semaphore is never closed; a permit that is none would only bound less.
        let _permit = self.shared.permits.acquire().await;
        let in_one_piece = whole.records;
        let mut delivered = Delivered::default();
        let mut parts = vec![whole];
        while let Some(part) = parts.pop() {
            match self.call(part.request.clone()).await {
                Outcome::Accepted { rejected, message } => delivered.reject(rejected, message),
                Outcome::TooLarge { .. } if part.records > 1 => {
                    let [first, second] = parted(part).await?;
                    self.shared.totals.splits.fetch_add(1, Ordering::Relaxed);
                    parts.extend([second, first]);
                }
                Outcome::TooLarge { why } => delivered.reject(1, why),
                // The other parts are not at fault.
                Outcome::Refused { why } if part.records < in_one_piece => {
                    delivered.reject(part.records, why);
                }
                Outcome::Refused { why } => return Err(NotDelivered::Refused { why }),
                Outcome::Retry { after, why } => return Err(NotDelivered::Retry { after, why }),
                Outcome::NotAdmitted { why } => return Err(NotDelivered::Retry { after: None, why }),
            }
        }
        Ok(delivered)
    }

    /// Asks with a request without records, which every receiver takes, whether the next hop is there.
    pub async fn probe(&self) {
        if tokio::time::timeout(self.timeout, self.call(Bytes::new())).await.is_err() {
            self.degraded(&format!("no answer within {:?}", self.timeout));
        }
    }

    /// One call, and what it says of the next hop's health.
    async fn call(&self, request: Bytes) -> Outcome {
        let outcome = match &self.client {
            Client::Grpc(client) => client.call(request).await,
            Client::Http(client) => client.call(request).await,
        };
        match &outcome {
            Outcome::Retry { why, .. } => self.degraded(why),
            Outcome::NotAdmitted { why } => self.misconfigured(why),
            Outcome::Accepted { .. } | Outcome::TooLarge { .. } | Outcome::Refused { .. } => self.healthy(),
        }
        outcome
    }

    fn healthy(&self) {
        let was = self.shared.trouble.send_if_modified(|trouble| trouble.take().is_some());
        if was {
            tracing::info!("the next hop takes requests again");
        }
    }

    fn degraded(&self, why: &str) {
        self.shared.trouble.send_replace(Some(why.to_owned()));
        if self.shared.told_degraded.now() {
            tracing::warn!("the next hop takes nothing now, senders are told to send again: {why}");
        }
    }

    fn misconfigured(&self, why: &str) {
        self.shared.trouble.send_replace(Some(format!("it does not let us in: {why}")));
        if self.shared.told_misconfigured.now() {
            tracing::error!(
                "the next hop does not let us in; look at LOGMEND_FORWARD_ENDPOINT, LOGMEND_FORWARD_PROTOCOL \
                 and LOGMEND_FORWARD_HEADERS; senders are told to send again meanwhile: {why}"
            );
        }
    }
}

impl Delivered {
    fn reject(&mut self, rejected: u64, message: String) {
        self.rejected += rejected;
        if self.message.is_empty() {
            self.message = message;
        }
    }
}

/// Parts a request off the async threads: it is a large one.
async fn parted(part: Spliced) -> Result<[Spliced; 2], NotDelivered> {
    let parted = tokio::task::spawn_blocking(move || halves(&part.request, part.records)).await;
    match parted {
        Ok(Ok(halves)) => Ok(halves),
        // It was walked and spliced before, so this is not its fault.
        Ok(Err(error)) => Err(NotDelivered::Refused { why: error.to_string() }),
        Err(_) => Err(NotDelivered::Retry { after: None, why: "stopping".to_owned() }),
    }
}

/// Asks at the start, and while the next hop is away, whether it is there, so that health tells it without traffic.
pub async fn watch(hop: NextHop, stop: CancellationToken) {
    let mut trouble = hop.trouble();
    let watching = async {
        loop {
            hop.probe().await;
            tokio::time::sleep(PROBE_EVERY).await;
            // The sender lives as long as `hop`.
            let _ = trouble.wait_for(Option::is_some).await;
        }
    };
    tokio::select! {
        () = watching => {}
        () = stop.cancelled() => {}
    }
}
