//! Sessions of the dashboard: a cookie that says which token it was given for, and until when, signed with a key that all
//! replicas share. Nothing is kept of it: it ends with its time, or when its token is taken out of the settings.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::OnceCell;

use crate::model::{KnownToken, Live, Tokens, UnixNanos};
use crate::store::{Store, StoreError};

/// The cookie's name.
const COOKIE: &str = "logmend_session";

/// How long a session lasts: a day's work.
pub(super) const SESSION_SECS: u64 = 12 * 3_600;

/// The name of the key in the store.
const KEY: &str = "session_key";

/// Gives out and reads sessions; clones share the key.
#[derive(Debug, Clone)]
pub(super) struct Sessions {
    store: Store,
    tokens: Live<Tokens>,
    key: Arc<OnceCell<[u8; 64]>>,
}

impl Sessions {
    pub(super) fn new(store: Store, tokens: Live<Tokens>) -> Self {
        Self { store, tokens, key: Arc::default() }
    }

    /// The cookie of a session for this token.
    pub(super) async fn begin(
        &self,
        token: &KnownToken,
        secure: bool,
        now: UnixNanos,
    ) -> Result<String, StoreError> {
        let claim = format!("{}.{}", token.hash.id(), now.as_secs() + SESSION_SECS);
        let signature = hex(&self.signed(&claim).await?.finalize().into_bytes());
        Ok(cookie(&format!("{claim}.{signature}"), SESSION_SECS, secure))
    }

    /// The token that a call's session was given for, as long as both are good.
    pub(super) async fn find(
        &self,
        headers: &HeaderMap,
        now: UnixNanos,
    ) -> Result<Option<KnownToken>, StoreError> {
        let Some(value) = presented(headers) else { return Ok(None) };
        let Some((claim, signature)) = value.rsplit_once('.') else { return Ok(None) };
        let Some(signature) = unhex(signature) else { return Ok(None) };
        // Compared in constant time, and before anything of it is believed.
        if self.signed(claim).await?.verify_slice(&signature).is_err() {
            return Ok(None);
        }
        let Some((id, until)) = claim.split_once('.') else { return Ok(None) };
        if until.parse().is_ok_and(|until: u64| now.as_secs() < until) {
            Ok(self.tokens.with(|tokens| tokens.iter().find(|token| token.hash.id() == id).cloned()))
        } else {
            Ok(None)
        }
    }

    async fn signed(&self, claim: &str) -> Result<Hmac<Sha256>, StoreError> {
        let key = self.key.get_or_try_init(|| self.read_key()).await?;
        let mut mac = Hmac::<Sha256>::new(&(*key).into());
        mac.update(b"session:");
        mac.update(claim.as_bytes());
        Ok(mac)
    }

    async fn read_key(&self) -> Result<[u8; 64], StoreError> {
        let mut fresh = [0; 64];
        let random = rustls::crypto::ring::default_provider().secure_random;
        let unusable =
            || StoreError::Inconsistent { table: "secret", column: "value", value: KEY.to_owned() };
        random.fill(&mut fresh).map_err(|_| unusable())?;
        let kept = self.store.shared_secret(KEY, &hex(&fresh)).await?;
        unhex(&kept).and_then(|key| key.try_into().ok()).ok_or_else(unusable)
    }
}

/// What ends a session in the browser.
pub(super) fn end(secure: bool) -> String {
    cookie("", 0, secure)
}

fn cookie(value: &str, age: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

/// The one session that a call presents; of two nobody knows which is meant.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value);
    ours.next().filter(|value| ours.next().is_none() && !value.is_empty())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TokenHash, TokenScope};
    use crate::store::Settings;

    fn sent(cookie: &str) -> HeaderMap {
        let pair = cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("theme=dark; {pair}").parse().unwrap())])
    }

    #[tokio::test]
    async fn a_session_is_good_for_its_time_its_token_and_every_replica() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::sqlite(folder.path().join("test.db"));
        let (store, _writer) = Store::open(&settings, || UnixNanos(1)).await.unwrap();
        let token = KnownToken { name: "ops".into(), scope: TokenScope::Admin, hash: TokenHash::of("t") };
        let tokens = Tokens::new(vec![token.clone()]);
        let one = Sessions::new(store.clone(), tokens.clone().into());
        let other = Sessions::new(store.clone(), tokens.into());
        let now = UnixNanos::from_secs(1_000);
        let cookie = one.begin(&token, true, now).await.unwrap();
        assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
        assert_eq!(other.find(&sent(&cookie), now).await.unwrap(), Some(token));

        let late = UnixNanos::from_secs(1_000 + SESSION_SECS);
        assert_eq!(other.find(&sent(&cookie), late).await.unwrap(), None, "its time is over");
        let gone = Sessions::new(store, Live::default());
        assert_eq!(gone.find(&sent(&cookie), now).await.unwrap(), None, "its token is taken out");
        let longer = cookie.replacen(&(1_000 + SESSION_SECS).to_string(), "99999999", 1);
        for forged in [longer.as_str(), "logmend_session=a.b.c", "logmend_session=", "logmend_session=é"] {
            assert_eq!(one.find(&sent(forged), now).await.unwrap(), None, "{forged}");
        }
        let mut twice = sent(&cookie);
        twice.append(header::COOKIE, cookie.parse().unwrap());
        assert_eq!(one.find(&twice, now).await.unwrap(), None);
    }
}
