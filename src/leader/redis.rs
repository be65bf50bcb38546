//! A lock in Redis before the lease: `SET key value NX PX`, renewed and given up by compare-and-set
//! (Redis documentation, "Distributed Locks with Redis", for a single instance).
//!
//! The lock spares the others the database. It excludes nobody for certain: it is lost in a fail-over, and outlived by a process
//! that sleeps. So whoever holds it still takes the lease; and where Redis cannot be reached, the lease alone decides.
//! Whoever has the lock and not the lease gives the lock up: one that cannot reach the database keeps nobody from leading, and
//! a leader that Redis forgot finds its lock free.

use std::time::Duration;

use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
use ::redis::{Client, Script};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OnceCell, watch};

use super::{Answer, Leader, Lease};
use crate::model::Fence;
use crate::store::StoreError;

/// The lock's key; its value is the process that holds it.
pub(super) const KEY: &str = "logmend:leader";

/// How long one command may take, connection included, where the term is not so short that it is a sixth of it. A Redis that is
/// slower is as good as none; the lease is to be renewed in time all the same.
const COMMAND_MAX: Duration = Duration::from_secs(1);

/// Takes the lock, or renews it where it is ours: 1 where we hold it then.
const TAKE: &str = "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0";

/// Gives the lock up where it is ours.
pub(super) const GIVE_UP: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// A `REDIS_URL` that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("it is no Redis URL; write redis://HOST:6379, or rediss://USER:PASSWORD@HOST:6379 for TLS")]
pub struct RedisFault;

/// A lock in Redis, then the lease.
pub struct Redis {
    client: Client,
    connection: OnceCell<ConnectionManager>,
    id: String,
    lease: Lease,
    term: Duration,
    /// Why Redis is not used, `None` where it answered the last time: what changes is told once.
    trouble: watch::Sender<Option<String>>,
}

/// Whether a `REDIS_URL` can be used.
///
/// # Errors
///
/// [`RedisFault`].
pub fn check_redis_url(url: &SecretString) -> Result<(), RedisFault> {
    Client::open(url.expose_secret()).map(drop).map_err(|_| RedisFault)
}

impl Redis {
    /// The process `id`, which takes the lock at `url` and then `lease`. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`RedisFault`], which does not show the URL: it may hold a password.
    pub fn new(url: &SecretString, id: String, lease: Lease) -> Result<Self, RedisFault> {
        let client = Client::open(url.expose_secret()).map_err(|_| RedisFault)?;
        let (term, trouble) = (lease.term(), watch::Sender::new(None));
        Ok(Self { client, connection: OnceCell::new(), id, lease, term, trouble })
    }

    /// Runs a script over the lock; `None` where Redis does not answer in time.
    async fn script(&self, text: &str) -> Option<bool> {
        let patience = COMMAND_MAX.min(self.term / 6);
        let run = async {
            let settings = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(patience))
                .set_response_timeout(Some(patience))
                .set_number_of_retries(1);
            let connect = || self.client.get_connection_manager_with_config(settings);
            let mut connection = self.connection.get_or_try_init(connect).await?.clone();
            let millis = u64::try_from(self.term.as_millis()).unwrap_or(u64::MAX);
            let script = Script::new(text);
            script.key(KEY).arg(&self.id).arg(millis).invoke_async::<i64>(&mut connection).await
        };
        let outcome = tokio::time::timeout(patience, run).await;
        let held = match &outcome {
            Ok(Ok(held)) => Some(*held == 1),
            _ => None,
        };
        let trouble = held.is_none().then(|| {
            let kind = match &outcome {
                Ok(Err(error)) => format!("{:?}", error.kind()),
                _ => "no answer in time".to_owned(),
            };
            format!("Redis does not answer ({kind}); the store alone decides who leads")
        });
        self.trouble.send_if_modified(|known| {
            let changed = known.is_some() != trouble.is_some();
            match (&trouble, changed) {
                (Some(trouble), true) => tracing::warn!("{trouble}"),
                (None, true) => tracing::info!("Redis answers again"),
                _ => {}
            }
            std::mem::replace(known, trouble.clone()) != trouble
        });
        held
    }

    /// Why Redis is not used, as it changes; `None` where it answers.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.subscribe()
    }
}

impl Leader for Redis {
    fn stand(&self) -> Answer<'_, Result<Option<Fence>, StoreError>> {
        Box::pin(async {
            let locked = self.script(TAKE).await;
            if locked == Some(false) {
                return Ok(None);
            }
            let stood = self.lease.stand().await;
            if locked == Some(true) && !matches!(stood, Ok(Some(_))) {
                self.script(GIVE_UP).await;
            }
            stood
        })
    }

    fn step_down(&self, fence: Fence) -> Answer<'_, ()> {
        Box::pin(async move {
            self.lease.step_down(fence).await;
            self.script(GIVE_UP).await;
        })
    }
}
