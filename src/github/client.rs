//! One call to GitHub: sent, bounded, tried again where that is safe.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use http::response::Parts;
use http::{Method, Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use octocrab::Octocrab;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::GitHubError;

/// The version of the REST API that this room speaks.
const API_VERSION: &str = "2022-11-28";

/// Where GraphQL is served, below its own base.
pub(super) const GRAPHQL: &str = "/graphql";

/// The longest answer that is read: a tree of 100,000 entries has 7 MB, GitHub's own bound; base64 makes a blob of 1 MiB 1.4.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Tries of one call, and the longest wait between two.
const TRIES: usize = 5;
const WAIT_MAX: Duration = Duration::from_mins(1);

/// The longest that one try takes as a whole: the bounds on connecting and on each read let an answer trickle in for hours.
const TRY_MAX: Duration = Duration::from_mins(2);

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
    /// The same for GraphQL, which GitHub Enterprise Server has beside its REST API, not below it.
    graphql: Octocrab,
}

impl GitHub {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`GitHubError::Client`] where the URL or the token cannot be used, or the machine has no certificates.
    pub fn new(settings: &Settings) -> Result<Self, GitHubError> {
        let graphql_url = settings.api_url.trim_end_matches('/').trim_end_matches("/v3");
        Ok(Self {
            octocrab: Self::octocrab(settings, &settings.api_url)?,
            graphql: Self::octocrab(settings, graphql_url)?,
        })
    }

    fn octocrab(settings: &Settings, base_url: &str) -> Result<Octocrab, GitHubError> {
        let client = |error: octocrab::Error| GitHubError::Client(root_cause(&error));
        // octocrab panics on a token that no header can carry: one read from a file with its line break, say.
        if settings.token.as_ref().is_some_and(|token| !is_token(token.expose_secret())) {
            return Err(GitHubError::Client("the token holds a character that no token has".to_owned()));
        }
        let mut builder = Octocrab::builder()
            .base_uri(base_url)
            .map_err(client)?
            .set_connect_timeout(Some(Duration::from_secs(5)))
            .set_read_timeout(Some(Duration::from_secs(30)))
            .set_write_timeout(Some(Duration::from_secs(30)))
            .add_header(header::ACCEPT, "application/vnd.github+json".to_owned());
        if let Some(token) = &settings.token {
            builder = builder.personal_token(token.expose_secret().to_owned());
        }
        builder.build().map_err(client)
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
        let tried = tokio::time::timeout(TRY_MAX, self.exchange(&call, method, path, body)).await;
        let (parts, bytes) = tried.unwrap_or_else(|_| {
            let why = format!("there was no whole answer within {} s", TRY_MAX.as_secs());
            Err(GitHubError::Network { call: call.clone(), why })
        })?;
        tracing::Span::current().record("http.response.status_code", parts.status.as_u16());
        if !parts.status.is_success() {
            return Err(GitHubError::of_answer(call, parts.status, &parts.headers, &bytes));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| GitHubError::Malformed { call, why: error.to_string() })
    }

    /// Sends a request and reads the answer, whatever its status, as far as [`ANSWER_BYTES_MAX`].
    pub(super) async fn exchange(
        &self,
        call: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(Parts, Bytes), GitHubError> {
        let network = |why: String| GitHubError::Network { call: call.to_owned(), why };
        let malformed = |why: String| GitHubError::Malformed { call: call.to_owned(), why };
        let request = request(method, path, body).map_err(|error| malformed(error.to_string()))?;
        let client = if path == GRAPHQL { &self.graphql } else { &self.octocrab };
        let sent = client.execute(request).await;
        let (parts, body) = sent.map_err(|error| network(root_cause(&error)))?.into_parts();
        match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(whole) => Ok((parts, whole.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(malformed(format!("it is longer than {ANSWER_BYTES_MAX} bytes")))
            }
            Err(error) => Err(network(root_cause(&*error))),
        }
    }
}

/// Built here and not by octocrab, which adds the version of the API that its own manifest names.
fn request(method: Method, path: &str, body: Option<&Value>) -> Result<Request<String>, http::Error> {
    let request = Request::builder().method(method).uri(path).header("x-github-api-version", API_VERSION);
    match body {
        Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(body.to_string()),
        None => request.body(String::new()),
    }
}

/// Tokens are opaque, but they are sent in a header.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
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
