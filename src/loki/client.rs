//! One question to Loki, asked again where that is safe.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::BytesMut;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use super::LokiError;
use super::pages::Page;
use super::wire::{self, Entry};
use crate::model::UnixNanos;

/// The longest answer that is read: a thousand lines of 8 KB. Where they are longer, fewer are asked for.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How much of a refusal is read.
const REFUSAL_BYTES_MAX: usize = 8 * 1024;
/// Loki's own limit on a query is five minutes (`query_timeout`); a page of log lines takes less than a second as a rule.
const ANSWER_AWAITED: Duration = Duration::from_secs(30);
const CONNECT_AWAITED: Duration = Duration::from_secs(5);
/// Tries of one question; whoever reads a hole goes on later, and a prompt can do without.
const TRIES: usize = 3;

/// Which Loki, as whom, and what of it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its address without a trailing slash, such as `http://loki:3100`: what stands before `/loki/api/v1/`.
    pub query_url: String,
    /// The tenant, for `X-Scope-OrgID`; a Loki of one tenant needs none.
    pub tenant: Option<String>,
    /// A bearer token, where something before Loki asks for one. Loki itself authenticates nobody.
    pub token: Option<SecretString>,
    /// Which logs are looked at: a query of log lines in Loki's language, which begins with a stream selector.
    pub query: String,
}

impl Settings {
    /// Everything that says which service it is from. Loki 3 sets the label itself on all that it takes in.
    pub const QUERY: &str = r#"{service_name=~".+"}"#;
}

/// Which entries of a range come first, where there are more than a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

/// A client of Loki's HTTP API; clones share everything.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    settings: Arc<Settings>,
    clock: fn() -> UnixNanos,
    /// Why it is degraded, as the latest question found it; `None` where it is not.
    trouble: Arc<watch::Sender<Option<String>>>,
}

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`LokiError::Client`] where the machine has no certificates or the URL cannot be used.
    pub fn new(settings: Settings, clock: fn() -> UnixNanos) -> Result<Self, LokiError> {
        let unusable = |error: &dyn std::fmt::Display| LokiError::Client(error.to_string());
        Url::parse(&settings.query_url).map_err(|error| unusable(&error))?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_AWAITED)
            .timeout(ANSWER_AWAITED)
            // A redirect would carry the token to another host.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| unusable(&error))?;
        Ok(Self { http, settings: Arc::new(settings), clock, trouble: Arc::new(watch::Sender::new(None)) })
    }

    /// Why it is degraded; `None` where it is not.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.subscribe()
    }

    /// The query of all that is looked at.
    pub(super) fn query(&self) -> &str {
        &self.settings.query
    }

    /// Asks for the smallest piece, so that [`Client::trouble`] is what it is now.
    pub async fn look(&self) {
        let end = (self.clock)();
        let page = Page { start: UnixNanos(end.0.saturating_sub(1_000_000_000)), end, limit: 1 };
        // What came of it is told where people look: in the health, and in the log where it changed.
        let _ = self.entries(self.query(), page, Direction::Forward).await;
    }

    /// The entries that answer a query, earliest first.
    pub(super) async fn entries(
        &self,
        query: &str,
        page: Page,
        direction: Direction,
    ) -> Result<Vec<Entry>, LokiError> {
        let url = self.url(query, page, direction)?;
        let outcome = (|| self.once(url.clone()))
            .retry(
                ExponentialBuilder::default()
                    .with_min_delay(Duration::from_millis(250))
                    .with_max_times(TRIES - 1)
                    .with_jitter(),
            )
            .when(LokiError::is_transient)
            .adjust(|error, planned| planned.map(|planned| error.wait().unwrap_or(planned)))
            .await;
        self.tell(outcome.as_ref().err());
        outcome
    }

    fn url(&self, query: &str, page: Page, direction: Direction) -> Result<Url, LokiError> {
        let direction = match direction {
            Direction::Forward => "forward",
            Direction::Backward => "backward",
        };
        let (start, end, limit) = (page.start.0.to_string(), page.end.0.to_string(), page.limit.to_string());
        let parameters =
            [("query", query), ("start", &start), ("end", &end), ("limit", &limit), ("direction", direction)];
        let address = format!("{}/loki/api/v1/query_range", self.settings.query_url);
        Url::parse_with_params(&address, parameters).map_err(|error| LokiError::Client(error.to_string()))
    }

    #[tracing::instrument(
        name = "ask Loki",
        skip_all,
        fields(
            otel.name = "GET /loki/api/v1/query_range",
            otel.kind = "client",
            http.request.method = "GET",
            url.template = "/loki/api/v1/query_range",
            server.address = url.host_str(),
            server.port = url.port_or_known_default(),
            http.response.status_code,
        )
    )]
    async fn once(&self, url: Url) -> Result<Vec<Entry>, LokiError> {
        let network = |error: reqwest::Error| LokiError::Network(told(&error.without_url()));
        let mut request = self.http.get(url).header("x-loki-response-encoding-flags", "categorize-labels");
        if let Some(tenant) = &self.settings.tenant {
            request = request.header("x-scope-orgid", tenant);
        }
        if let Some(token) = &self.settings.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let mut response = request.send().await.map_err(network)?;
        let status = response.status();
        tracing::Span::current().record("http.response.status_code", status.as_u16());
        let bytes_max = if status.is_success() { ANSWER_BYTES_MAX } else { REFUSAL_BYTES_MAX };
        let mut bytes = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if bytes.len() + chunk.len() > bytes_max {
                if status.is_success() {
                    return Err(LokiError::TooLong(ANSWER_BYTES_MAX));
                }
                break;
            }
            bytes.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(LokiError::of_answer(status, response.headers(), &self.without_token(&bytes)));
        }
        // Some megabytes of JSON take longer than the async threads may be held.
        tokio::task::spawn_blocking(move || wire::entries(&bytes))
            .await
            .map_err(|error| LokiError::Malformed(error.to_string()))?
    }

    /// What was said, without our token: a gateway may well repeat what it refuses.
    fn without_token(&self, said: &[u8]) -> String {
        let said = String::from_utf8_lossy(said);
        match &self.settings.token {
            Some(token) => said.replace(token.expose_secret(), "[REDACTED:token]"),
            None => said.into_owned(),
        }
    }

    /// Keeps how the latest question went, and logs where that changed. An answer that is too long is no trouble.
    fn tell(&self, error: Option<&LokiError>) {
        let trouble = error.filter(|error| !error.is_of_length()).map(ToString::to_string);
        self.trouble.send_if_modified(|known| {
            match (known.is_some(), &trouble) {
                (false, Some(trouble)) => tracing::warn!("Loki does not answer: {trouble}"),
                (true, None) => tracing::info!("Loki answers again"),
                _ => {}
            }
            let changed = *known != trouble;
            *known = trouble;
            changed
        });
    }
}

/// An error with its causes: reqwest's own words are `error sending request`.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
