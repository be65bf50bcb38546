//! Claude's Messages API: one call, tried again where that is safe.
//!
//! Source: Claude API documentation, "Messages", version 2026-10-21. That version has no sampling parameters; the 5.5 models
//! take no forced `tool_choice`, no prefilled answer and no thinking budget. What the model answers is kept as raw JSON and
//! goes back byte for byte: its thinking blocks are bound to everything before them.
//!
//! In comes a [`Request`], out goes an [`Answer`], and [`price`] tells what it cost. What is asked, and what is made of the
//! answer, is known to the rooms that ask.

pub mod data;
mod error;
pub mod price;
mod wire;

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::BytesMut;
use secrecy::{ExposeSecret, SecretString};

pub use error::{ClaudeError, Regained};
pub use wire::{Answer, Block, Message, Request, StopReason, Usage};

/// The public API.
pub const DEFAULT_BASE_URL: &str = "https://api.anthropic.com";
/// The model that Anthropic's documentation says to start with.
pub const DEFAULT_MODEL: &str = "claude-opus-5-5";
/// The version of the API that this room speaks.
const API_VERSION: &str = "2026-10-21";

/// The longest answer that is read: 21,000 tokens are some 100 KB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// As the vendor's own clients have it: ten minutes for an answer, five seconds for a connection.
const ANSWER_AWAITED: Duration = Duration::from_mins(10);
const CONNECT_AWAITED: Duration = Duration::from_secs(5);
/// Tries of one call, and the longest wait between two: a background worker has more patience than the vendor's clients.
const TRIES: usize = 5;
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Which API, as whom, which model.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The API, without a trailing slash.
    pub base_url: String,
    /// The key.
    pub api_key: SecretString,
    /// The model.
    pub model: String,
}

/// A client of the Messages API.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    settings: Settings,
}

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ClaudeError::Client`] where the machine has no certificates or the URL cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, ClaudeError> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_AWAITED)
            .timeout(ANSWER_AWAITED)
            // A redirect would carry the key to another host.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ClaudeError::Client(error.to_string()))?;
        Ok(Self { http, settings: settings.clone() })
    }

    /// The model that is asked.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.settings.model
    }

    /// Asks, again and again while the API is busy.
    ///
    /// # Errors
    ///
    /// [`ClaudeError`]; a transient one after several tries.
    pub async fn ask(&self, request: &Request<'_>) -> Result<Answer, ClaudeError> {
        let body = serde_json::to_vec(request).map_err(|error| ClaudeError::Client(error.to_string()))?;
        (|| self.once(body.clone()))
            .retry(
                ExponentialBuilder::default()
                    .with_min_delay(Duration::from_millis(500))
                    .with_max_delay(WAIT_MAX)
                    .with_max_times(TRIES - 1)
                    .with_jitter(),
            )
            .when(ClaudeError::is_transient)
            .adjust(|error, planned| {
                let wait = planned.map(|planned| error.wait().unwrap_or(planned));
                wait.filter(|wait| *wait <= WAIT_MAX)
            })
            .await
    }

    #[tracing::instrument(
        name = "ask Claude",
        skip_all,
        fields(otel.kind = "client", gen_ai.request.model = self.settings.model, http.response.status_code)
    )]
    async fn once(&self, body: Vec<u8>) -> Result<Answer, ClaudeError> {
        let network = |error: reqwest::Error| {
            let unreached = error.is_connect();
            let told = error.without_url().to_string();
            if unreached { ClaudeError::Unreached(told) } else { ClaudeError::Network(told) }
        };
        let mut response = self
            .http
            .post(format!("{}/v1/messages", self.settings.base_url))
            .header("anthropic-version", API_VERSION)
            // Where both this and a bearer token are sent, the API takes this one.
            .header("x-api-key", self.settings.api_key.expose_secret())
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .map_err(network)?;
        tracing::Span::current().record("http.response.status_code", response.status().as_u16());
        let mut bytes = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(ClaudeError::Malformed(format!("it is longer than {ANSWER_BYTES_MAX} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        if !response.status().is_success() {
            return Err(ClaudeError::of_answer(response.status(), response.headers(), &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| ClaudeError::Malformed(error.to_string()))
    }
}
