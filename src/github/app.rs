//! A GitHub App: who it says it is, and the tokens that it is given for one repository each.
//!
//! Sources: GitHub documentation, "Generating a JSON Web Token for a GitHub App" and "Generating an installation access token
//! for a GitHub App". A token holds for an hour and for the one repository that it was asked for; its form is nobody's
//! business but GitHub's, which has changed it more than once.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, header};
use octocrab::auth::{AppAuth, EncodingKey};
use secrecy::SecretString;
use serde::Deserialize;

use super::RepoName;

/// How long before its end a token is not used any more: the longest try of a call, and time for one that follows it.
const SPARE: Duration = Duration::from_mins(5);

/// How long a token is used whose answer does not tell by when it was given: half of the hour that GitHub documents.
const UNTOLD: Duration = Duration::from_mins(30);

/// Tokens that are kept at once. When that many are there all are let go: one that is missed is asked for again.
const TOKENS_MAX: usize = 256;

/// A GitHub App by its id and private key.
#[derive(Clone)]
pub struct App {
    auth: AppAuth,
}

/// A text that is no private key of an App.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("it is no RSA private key in PEM form, as GitHub hands it out: -----BEGIN RSA PRIVATE KEY-----")]
pub struct InvalidPrivateKey;

impl App {
    /// The App of this id; `pem` is its private key, as GitHub's page of the App hands it out.
    ///
    /// # Errors
    ///
    /// [`InvalidPrivateKey`], which repeats nothing of it.
    pub fn new(id: u64, pem: &str) -> Result<Self, InvalidPrivateKey> {
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| InvalidPrivateKey)?;
        let auth = AppAuth { app_id: id.into(), key };
        // A key that is PEM but nothing else shows itself when it signs.
        auth.generate_bearer_token().map_err(|_| InvalidPrivateKey)?;
        Ok(Self { auth })
    }

    /// What proves for the next minutes that it is us.
    pub(super) fn proof(&self) -> Option<SecretString> {
        self.auth.generate_bearer_token().ok().map(SecretString::from)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("id", &self.auth.app_id.0).finish_non_exhaustive()
    }
}

/// Where an App is installed.
#[derive(Deserialize)]
pub(super) struct Installation {
    pub(super) id: u64,
    /// What it may do there, by name.
    #[serde(default)]
    pub(super) permissions: BTreeMap<String, String>,
}

/// A token as GitHub answers it.
#[derive(Deserialize)]
pub(super) struct Granted {
    pub(super) token: SecretText,
    expires_at: String,
}

/// A secret of an answer: [`SecretString`] itself cannot be read from JSON.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct SecretText(String);

impl From<SecretText> for SecretString {
    fn from(text: SecretText) -> Self {
        Self::from(text.0)
    }
}

impl Granted {
    /// For how long the token may be used, by GitHub's own clock: ours may be wrong.
    pub(super) fn usable(&self, headers: &HeaderMap) -> Duration {
        let given = headers.get(header::DATE).and_then(|date| date.to_str().ok());
        let given = given.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let ends = self.expires_at.parse::<jiff::Timestamp>().ok();
        let (Some(given), Some(ends)) = (given, ends) else { return UNTOLD };
        let secs = ends.as_second().saturating_sub(given.timestamp().as_second());
        Duration::from_secs(u64::try_from(secs).unwrap_or(0)).saturating_sub(SPARE)
    }
}

/// The tokens that are still good, by repository.
#[derive(Default)]
pub(super) struct Tokens {
    /// A std mutex, since it is held for a look-up alone: two calls that both miss a token ask for one each.
    by_repository: Mutex<HashMap<RepoName, (SecretString, Instant)>>,
}

impl Tokens {
    pub(super) fn get(&self, repository: &RepoName) -> Option<SecretString> {
        let known = self.by_repository.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(repository).filter(|(_, until)| Instant::now() < *until).map(|(token, _)| token.clone())
    }

    pub(super) fn keep(&self, repository: &RepoName, token: &SecretString, usable: Duration) {
        let mut known = self.by_repository.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TOKENS_MAX {
            known.clear();
        }
        known.insert(repository.clone(), (token.clone(), Instant::now() + usable));
    }

    pub(super) fn forget(&self, repository: &RepoName) {
        self.by_repository.lock().unwrap_or_else(PoisonError::into_inner).remove(repository);
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_until_shortly_before_its_end_by_the_clock_of_github() {
        let granted =
            |expires_at: &str| Granted { token: SecretText("t".into()), expires_at: expires_at.into() };
        let headers = |date: &str| HeaderMap::from_iter([(header::DATE, date.parse().unwrap())]);
        for (date, ends, expected) in [
            ("Tue, 24 Nov 2026 04:00:00 GMT", "2026-11-24T05:00:00Z", Duration::from_mins(55)),
            ("Tue, 24 Nov 2026 04:00:00 GMT", "2026-11-24T04:03:00Z", Duration::ZERO),
            ("Tue, 24 Nov 2026 04:00:00 GMT", "2026-11-24T03:00:00Z", Duration::ZERO),
            ("Tue, 24 Nov 2026 04:00:00 GMT", "soon", UNTOLD),
            ("once", "2026-11-24T05:00:00Z", UNTOLD),
        ] {
            assert_eq!(granted(ends).usable(&headers(date)), expected, "{date} {ends}");
        }
    }

    #[test]
    fn tokens_are_known_until_their_time_and_are_bounded() {
        let tokens = Tokens::default();
        let name = |n: usize| format!("acme/shop{n}").parse::<RepoName>().unwrap();
        tokens.keep(&name(0), &"t".to_owned().into(), Duration::ZERO);
        assert!(tokens.get(&name(0)).is_none());
        for n in 0..2 * TOKENS_MAX {
            tokens.keep(&name(n), &"t".to_owned().into(), Duration::from_mins(1));
        }
        assert!(tokens.get(&name(2 * TOKENS_MAX - 1)).is_some());
        assert!(tokens.by_repository.lock().unwrap().len() <= TOKENS_MAX);
        tokens.forget(&name(2 * TOKENS_MAX - 1));
        assert!(tokens.get(&name(2 * TOKENS_MAX - 1)).is_none());
    }

    #[test]
    fn what_is_no_private_key_is_refused_and_not_repeated() {
        for bad in
            ["", "ghp_secret", "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n"]
        {
            assert_eq!(App::new(7, bad).unwrap_err(), InvalidPrivateKey, "{bad}");
        }
    }
}
