//! One call to GitHub: sent, bounded, tried again where that is safe.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use http::{HeaderName, Method, header};
use http_body_util::{BodyExt, Limited};
use octocrab::Octocrab;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::GitHubError;

/// The version of the REST API that this room speaks.
const API_VERSION: &str = "2022-11-28";

/// The longest answer that is read: a tree of 100,000 entries has 7 MB, GitHub's own bound; base64 makes a blob of 1 MiB 1.4.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Tries of one call, and the longest wait between two.
const TRIES: usize = 5;
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Which GitHub, and as whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The REST API. Default: `https://api.github.com`; of GitHub Enterprise Server `https://HOST/api/v3`.
    pub api_url: String,
    /// A token; without it public repositories can be read.
    pub token: Option<SecretString>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { api_url: "https://api.github.com".to_owned(), token: None }
    }
}

/// A client of GitHub's REST API.
#[derive(Debug, Clone)]
pub struct GitHub {
    octocrab: Octocrab,
}

impl GitHub {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`GitHubError::Client`] where the URL cannot be used or the machine has no certificates.
    pub fn new(settings: &Settings) -> Result<Self, GitHubError> {
        let client = |error: octocrab::Error| GitHubError::Client(root_cause(&error));
        let mut builder = Octocrab::builder()
            .base_uri(settings.api_url.as_str())
            .map_err(client)?
            .set_connect_timeout(Some(Duration::from_secs(5)))
            .set_read_timeout(Some(Duration::from_secs(30)))
            .set_write_timeout(Some(Duration::from_secs(30)))
            .add_header(header::ACCEPT, "application/vnd.github+json".to_owned())
            .add_header(HeaderName::from_static("x-github-api-version"), API_VERSION.to_owned());
        if let Some(token) = &settings.token {
            builder = builder.personal_token(token.expose_secret().to_owned());
        }
        Ok(Self { octocrab: builder.build().map_err(client)? })
    }

    /// Reads, again and again while GitHub is busy.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, GitHubError> {
        self.again_while_busy(Method::GET, path, None).await
    }

    /// Creates what may be created twice without harm: blobs, trees and commits that nothing points to.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, GitHubError> {
        self.again_while_busy(Method::POST, path, Some(body)).await
    }

    /// Creates once: the caller looks before it tries again.
    pub(super) async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, GitHubError> {
        self.once(Method::POST, path, Some(body)).await
    }

    async fn again_while_busy<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, GitHubError> {
        again_while_busy(|| self.once(method.clone(), path, body)).await
    }

    async fn once<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, GitHubError> {
        let call = format!("{method} {path}");
        let network = |why: String| GitHubError::Network { call: call.clone(), why };
        let sent = if method == Method::GET {
            self.octocrab._get(path).await
        } else {
            self.octocrab._post(path, body).await
        };
        let (parts, body) = sent.map_err(|error| network(root_cause(&error)))?.into_parts();
        let bytes: Bytes = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| network(root_cause(&*error)))?
            .to_bytes();
        if !parts.status.is_success() {
            return Err(GitHubError::of_answer(call, parts.status, &parts.headers, &bytes));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| GitHubError::Malformed { call, why: error.to_string() })
    }
}

/// Tries a call up to [`TRIES`] times while its failure is transient, waiting as long as GitHub asks; where that is longer
/// than [`WAIT_MAX`], the call fails and whoever made it comes back later.
pub(super) async fn again_while_busy<T, F>(call: impl FnMut() -> F) -> Result<T, GitHubError>
where
    F: Future<Output = Result<T, GitHubError>>,
{
    call.retry(
        ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(WAIT_MAX)
            .with_max_times(TRIES - 1)
            .with_jitter(),
    )
    .when(GitHubError::is_transient)
    .adjust(|error, planned| {
        let wait = planned.map(|planned| error.wait().unwrap_or(planned));
        wait.filter(|wait| *wait <= WAIT_MAX)
    })
    .await
}

/// The innermost cause: octocrab's own texts carry backtraces.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().lines().next().unwrap_or_default().to_owned()
}
