//! A look at Redis that leaves the leader's lock alone: whether it answers, and does what the lock needs.

use std::time::Duration;

use ::redis::{Client, RedisError, Script};
use secrecy::{ExposeSecret as _, SecretString};

use super::RedisFault;
use super::redis::{GIVE_UP, KEY};

/// How long Redis may take for each command.
const COMMAND_MAX: Duration = Duration::from_secs(5);

/// A lock of our own under the leader's name, which goes by itself if we do not take it away.
const HELD_MILLIS: u64 = 10_000;

/// What Redis looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Whether a replica holds the leader's lock.
    pub is_led: bool,
}

/// What Redis does not do.
#[derive(Debug, thiserror::Error)]
pub enum LookFault {
    /// The URL is none.
    #[error(transparent)]
    Url(#[from] RedisFault),
    /// It was not reached, or refuses a command.
    #[error("{doing} failed: {source}")]
    Command {
        /// The command.
        doing: &'static str,
        /// Why.
        source: RedisError,
    },
    /// It answers, but not as a lock needs it.
    #[error("a lock that was just taken is not there: is it a single Redis, and no cache that forgets?")]
    Forgetful,
}

/// Looks at the Redis at `url`: takes a lock beside the leader's, and gives it up.
///
/// # Errors
///
/// [`LookFault`]; none shows the URL, which may hold a password.
pub async fn look(url: &SecretString) -> Result<Looked, LookFault> {
    let failed = |doing| move |source| LookFault::Command { doing, source };
    let client = Client::open(url.expose_secret()).map_err(|_| RedisFault)?;
    let settings = ::redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(COMMAND_MAX))
        .set_response_timeout(Some(COMMAND_MAX));
    let connected = client.get_multiplexed_async_connection_with_config(&settings).await;
    let mut redis = connected.map_err(failed("connecting"))?;
    ::redis::cmd("PING").exec_async(&mut redis).await.map_err(failed("PING"))?;
    let (key, id) = (format!("{KEY}:check"), format!("{:032x}", fastrand::u128(..)));
    let mut set = ::redis::cmd("SET");
    set.arg(&key).arg(&id).arg("NX").arg("PX").arg(HELD_MILLIS);
    let taken: Option<String> = set.query_async(&mut redis).await.map_err(failed("SET NX PX"))?;
    let given_up: i64 =
        Script::new(GIVE_UP).key(&key).arg(&id).invoke_async(&mut redis).await.map_err(failed("EVAL"))?;
    // Where another check holds it just now, that one sees it through.
    if taken.is_some() && given_up != 1 {
        return Err(LookFault::Forgetful);
    }
    let led: i64 = ::redis::cmd("EXISTS").arg(KEY).query_async(&mut redis).await.map_err(failed("EXISTS"))?;
    Ok(Looked { is_led: led == 1 })
}
