//! One try of one delivery over HTTP.

use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderName, HeaderValue, StatusCode, header};
use reqwest::Url;
use serde_json::Value;

use super::private::PublicAlone;
use super::target::Target;
use crate::redact;

const CONNECT_AWAITED: Duration = Duration::from_secs(5);
const ANSWER_AWAITED: Duration = Duration::from_secs(10);
/// How much of an answer is read, and how much of that is told.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
const TOLD_BYTES_MAX: usize = 200;
/// The longest wait that a target may ask for.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// The client cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("the client cannot be built: {0}")]
pub struct ClientFault(#[source] reqwest::Error);

/// A client that follows no redirect, which could lead inside, and asks no proxy, which would look up names in its stead.
pub(super) fn client(allow_private: bool) -> Result<reqwest::Client, ClientFault> {
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_AWAITED)
        .timeout(ANSWER_AWAITED)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("logmend/", env!("CARGO_PKG_VERSION")));
    let builder =
        if allow_private { builder } else { builder.dns_resolver(std::sync::Arc::new(PublicAlone)) };
    builder.build().map_err(ClientFault)
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: String,
}

impl Outgoing {
    pub(super) fn new(url: Url, body: &Value) -> Self {
        Self { url, headers: Vec::new(), body: body.to_string() }
    }
}

/// How a try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The target has it.
    Sent,
    /// It may take it later: why not now, and how long it asks to wait.
    Later { why: String, wait: Option<Duration> },
    /// It never takes it.
    Refused(String),
}

/// Sends a request once.
pub(super) async fn send(target: &Target, request: Outgoing) -> Outcome {
    let Outgoing { url, headers, body } = request;
    let mut builder = target.client().post(url).header(header::CONTENT_TYPE, "application/json").body(body);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    let later = |error: reqwest::Error| Outcome::Later {
        why: target.hide(&format!("it was not reached: {}", chain(&error.without_url()))),
        wait: None,
    };
    let mut response = match builder.send().await {
        Ok(response) => response,
        Err(error) => return later(error),
    };
    let status = response.status();
    if status.is_success() {
        return Outcome::Sent;
    }
    let wait = asked_wait(response.headers());
    let mut said = BytesMut::new();
    // What cannot be read is not told.
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_BYTES_MAX.saturating_sub(said.len()).min(chunk.len());
        said.extend_from_slice(&chunk[..room]);
        if room == 0 || said.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    judge(status, wait, &target.hide(&String::from_utf8_lossy(&said)))
}

/// 408, 429 and what begins with 5 may pass; anything else stays as it is.
fn judge(status: StatusCode, wait: Option<Duration>, said: &str) -> Outcome {
    let said = redact::redact(&redact::plain(said)).split_whitespace().collect::<Vec<_>>().join(" ");
    let said = match redact::cut(&said, TOLD_BYTES_MAX) {
        "" => String::new(),
        said => format!(": {said}"),
    };
    let why = format!("it answered {}{said}", status.as_u16());
    match status.as_u16() {
        408 | 429 | 500..=599 => Outcome::Later { why, wait },
        300..=399 => {
            Outcome::Refused(format!("{why}; redirects are not followed, set the URL that it leads to"))
        }
        _ => Outcome::Refused(why),
    }
}

/// `Retry-After` in seconds. As a date it is left out: the planned wait is as good.
fn asked_wait(headers: &http::HeaderMap) -> Option<Duration> {
    let secs = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs).min(WAIT_MAX))
}

/// An error with its causes: reqwest's own words are `error sending request`.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_by_what_to_do() {
        let judge = |status| judge(StatusCode::from_u16(status).unwrap(), None, "no\n such \u{1b}[31mthing");
        for status in [408, 429, 500, 502, 503, 504] {
            let why = format!("it answered {status}: no such thing");
            assert_eq!(judge(status), Outcome::Later { why, wait: None });
        }
        for status in [400, 401, 403, 404, 410, 413, 422] {
            assert_eq!(judge(status), Outcome::Refused(format!("it answered {status}: no such thing")));
        }
        assert!(matches!(judge(302), Outcome::Refused(why) if why.contains("redirects are not followed")));
    }
}
