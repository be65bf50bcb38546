//! One call to GitHub: sent, bounded, tried again where that is safe.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use http::Method;
use http::response::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::accounts::Accounts;
use super::connection::{Call, Connection};
use super::{GitHubError, RepoName, Settings};

/// Tries of one call, and the longest wait between two.
const TRIES: usize = 5;
const WAIT_MAX: Duration = Duration::from_mins(1);

/// The longest that one try takes as a whole: the bounds on connecting and on each read let an answer trickle in for hours.
const TRY_MAX: Duration = Duration::from_mins(2);

/// A client of GitHub's REST and GraphQL APIs, which speaks for each repository as the settings say.
#[derive(Debug, Clone)]
pub struct GitHub {
    accounts: Arc<Accounts>,
}

impl GitHub {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`GitHubError::Client`] where a URL or a token cannot be used, or the machine has no certificates.
    pub fn new(settings: &Settings) -> Result<Self, GitHubError> {
        Ok(Self { accounts: Arc::new(Accounts::new(settings)?) })
    }

    /// Whether there are credentials by which something could be written to a repository.
    #[must_use]
    pub fn may_write(&self, repository: &RepoName) -> bool {
        self.of(Some(repository)).may_write()
    }

    pub(super) fn of(&self, repository: Option<&RepoName>) -> &Connection {
        self.accounts.of(repository)
    }

    /// Reads, again and again while GitHub is busy.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, GitHubError> {
        self.again_while_busy(Method::GET, path, None).await
    }

    /// Reads once, within a try that is repeated as a whole.
    pub(super) async fn get_once<T: DeserializeOwned>(&self, path: &str) -> Result<T, GitHubError> {
        self.once(Method::GET, path, None).await
    }

    /// Creates what may be created twice without harm: blobs, trees and commits that nothing points to, and what GitHub
    /// itself refuses to create twice.
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

    #[tracing::instrument(
        name = "call GitHub",
        skip_all,
        fields(otel.kind = "client", http.request.method = %method, url.path = path, http.response.status_code)
    )]
    pub(super) async fn once<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, GitHubError> {
        let call = format!("{method} {path}");
        let repository = RepoName::of_route(path);
        let (parts, bytes) = self.tried(&call, method, path, body, repository.as_ref()).await?;
        tracing::Span::current().record("http.response.status_code", parts.status.as_u16());
        if !parts.status.is_success() {
            return Err(GitHubError::of_answer(call, parts.status, &parts.headers, &bytes));
        }
        // 204 says that there is nothing to say.
        let bytes = if bytes.is_empty() { Bytes::from_static(b"null") } else { bytes };
        serde_json::from_slice(&bytes)
            .map_err(|error| GitHubError::Malformed { call, why: error.to_string() })
    }

    /// One try, as whoever speaks for the repository; it is over after [`TRY_MAX`].
    pub(super) async fn tried(
        &self,
        name: &str,
        method: Method,
        address: &str,
        body: Option<&Value>,
        repository: Option<&RepoName>,
    ) -> Result<(Parts, Bytes), GitHubError> {
        let call = Call { method, address, body, name };
        let exchange = self.of(repository).exchange(&call, repository);
        tokio::time::timeout(TRY_MAX, exchange).await.unwrap_or_else(|_| {
            let why = format!("there was no whole answer within {} s", TRY_MAX.as_secs());
            Err(GitHubError::Network { call: name.to_owned(), why })
        })
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
