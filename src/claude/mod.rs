//! Claude's Messages API: one call, tried again where that is safe.
//!
//! Source: Claude API documentation, "Messages", version 2026-10-21. That version has no sampling parameters; the 5.5 models
//! take no forced `tool_choice`, no prefilled answer and no thinking budget. What the model answers is kept as raw JSON and
//! goes back byte for byte: its thinking blocks are bound to everything before them.
//!
//! In comes a [`Request`], out goes an [`Answer`], and [`price`] tells what it cost. What is asked, and what is made of the
//! answer, is known to the rooms that ask.

mod block;
pub mod data;
mod error;
mod models;
pub mod price;
mod stream;
mod wire;

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::BytesMut;
use secrecy::{ExposeSecret, SecretString};

pub use error::{ClaudeError, Regained};
pub use models::{Lifecycle, ModelNews};
use stream::Stream;
pub use wire::{Answer, Block, Message, Request, StopReason, Usage};

/// The public API.
pub const DEFAULT_BASE_URL: &str = "https://api.anthropic.com";
/// The model that Anthropic's documentation says to start with.
pub const DEFAULT_MODEL: &str = "claude-opus-5-5";
/// The version of the API that this room speaks.
const API_VERSION: &str = "2026-10-21";

/// The longest answer that is read: 32,000 tokens are some 150 KB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// As the vendor's own clients have it: ten minutes for an answer, five seconds for a connection.
const ANSWER_AWAITED: Duration = Duration::from_mins(10);
const CONNECT_AWAITED: Duration = Duration::from_secs(5);
/// The longest answer in tokens that is awaited in one piece; the vendor's own clients refuse to await a longer one, as it may
/// take more than ten minutes. It comes as a stream.
const UNSTREAMED_TOKENS_MAX: u32 = 21_333;
/// How long a stream may be silent (the API sends pings), and how long it may take as a whole.
const PIECE_AWAITED: Duration = Duration::from_mins(2);
const STREAM_AWAITED: Duration = Duration::from_mins(20);
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

    /// Asks, again and again while the API is busy. What may have been paid for is not asked again: who pays decides that.
    ///
    /// # Errors
    ///
    /// [`ClaudeError`]; a transient one after several tries.
    pub async fn ask(&self, request: &Request<'_>) -> Result<Answer, ClaudeError> {
        let mut body = serde_json::to_vec(request).map_err(|error| ClaudeError::Client(error.to_string()))?;
        let streams = request.max_tokens > UNSTREAMED_TOKENS_MAX;
        if streams {
            // A request is an object that is not empty, so its last byte closes it.
            body.pop();
            body.extend_from_slice(br#","stream":true}"#);
        }
        (|| self.once(body.clone(), streams))
            .retry(
                ExponentialBuilder::default()
                    .with_min_delay(Duration::from_millis(500))
                    .with_max_delay(WAIT_MAX)
                    .with_max_times(TRIES - 1)
                    .with_jitter(),
            )
            .when(|error| error.is_transient() && !error.may_cost())
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
    async fn once(&self, body: Vec<u8>, streams: bool) -> Result<Answer, ClaudeError> {
        let request = self
            .call(reqwest::Method::POST, "/v1/messages")
            .header("content-type", "application/json")
            .timeout(if streams { STREAM_AWAITED } else { ANSWER_AWAITED })
            .body(body);
        let response = request.send().await.map_err(network)?;
        let status = response.status();
        tracing::Span::current().record("http.response.status_code", status.as_u16());
        if status.is_success() && streams {
            return streamed(response).await;
        }
        let headers = response.headers().clone();
        let bytes = whole(response).await?;
        if !status.is_success() {
            return Err(ClaudeError::of_answer(status, &headers, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| ClaudeError::Malformed(error.to_string()))
    }

    /// A call with what every call carries.
    fn call(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.settings.base_url))
            .header("anthropic-version", API_VERSION)
            // Where both this and a bearer token are sent, the API takes this one.
            .header("x-api-key", self.settings.api_key.expose_secret())
    }
}

fn network(error: reqwest::Error) -> ClaudeError {
    let unreached = error.is_connect();
    let told = error.without_url().to_string();
    if unreached { ClaudeError::Unreached(told) } else { ClaudeError::Network(told) }
}

/// The bytes of an answer that comes in one.
async fn whole(mut response: reqwest::Response) -> Result<BytesMut, ClaudeError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(network)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(ClaudeError::Malformed(format!("it is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// An answer that comes in pieces.
async fn streamed(mut response: reqwest::Response) -> Result<Answer, ClaudeError> {
    let mut stream = Stream::default();
    while !stream.is_whole() {
        let piece = tokio::time::timeout(PIECE_AWAITED, response.chunk()).await.map_err(|_| {
            ClaudeError::Network(format!("the stream was silent for {} s", PIECE_AWAITED.as_secs()))
        })?;
        let Some(piece) = piece.map_err(network)? else { break };
        stream.take(&piece)?;
    }
    stream.answer()
}
