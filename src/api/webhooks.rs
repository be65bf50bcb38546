//! Events of GitHub: each tells that something has happened at a pull request, and nothing else is believed of it.
//!
//! Whoever holds the secret can only make us look at GitHub sooner than we would; so can whoever sends an old event again.

use std::fmt;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State as Of};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::Sha256;

use super::State;
use super::error::{Problem, no_such_route};
use super::openapi::{self, Problems, Unhandled};

/// The longest event that is read: those of checks and comments have some 30 KB. What is longer is found out within a minute.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// Pull requests that one event may name.
const NAMED_MAX: usize = 10;

/// What takes GitHub's events.
#[derive(Clone)]
pub struct Webhooks {
    secret: SecretString,
    wake: Arc<dyn Fn(u64) + Send + Sync>,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").finish_non_exhaustive()
    }
}

impl Webhooks {
    /// One that takes events signed with `secret`, and calls `wake` with the number of each pull request that they name.
    pub fn new(secret: SecretString, wake: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { secret, wake: Arc::new(wake) }
    }

    /// Whether a body carries our secret's signature. Compared in constant time.
    fn is_signed(&self, signature: &[u8], body: &[u8]) -> bool {
        let key = self.secret.expose_secret().as_bytes();
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
        mac.update(body);
        mac.verify_slice(signature).is_ok()
    }
}

/// The signature of an event, `sha256=` and 64 hex digits ("Validating webhook deliveries").
fn signature(headers: &HeaderMap) -> Option<Vec<u8>> {
    let hex = headers.get("x-hub-signature-256")?.to_str().ok()?.strip_prefix("sha256=")?;
    let is_digest = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
    is_digest.then(|| (0..64).step_by(2).map(byte).collect())?
}

/// The pull requests that an event names.
fn numbers(event: &Value) -> Vec<u64> {
    let listed = ["check_run", "check_suite", "workflow_run"]
        .into_iter()
        .filter_map(|key| event[key]["pull_requests"].as_array())
        .flatten();
    let named = [&event["pull_request"], &event["issue"]].into_iter().chain(listed);
    named.filter_map(|of| of["number"].as_u64()).take(NAMED_MAX).collect()
}

/// `POST /webhooks/github`.
#[utoipa::path(post, path = "/webhooks/github", tag = "webhooks", request_body(content = serde_json::Value, description = "An event of GitHub, signed with GITHUB_WEBHOOK_SECRET"), responses((status = 202, description = "It is looked at GitHub what happened"), (status = 413, description = "The event is too long", body = openapi::Problem, content_type = "application/problem+json"), Problems, Unhandled))]
pub(super) async fn github(Of(state): Of<State>, uri: Uri, request: Request) -> Response {
    let Some(webhooks) = state.webhooks else { return no_such_route(uri).await.into_response() };
    match take(&webhooks, request).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn take(webhooks: &Webhooks, request: Request) -> Result<(), Problem> {
    let unsigned =
        || Problem::new(StatusCode::UNAUTHORIZED, "the event is not signed with GITHUB_WEBHOOK_SECRET");
    let signature = signature(request.headers()).ok_or_else(unsigned)?;
    let body = to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("an event may have {BODY_BYTES_MAX} bytes"))
    })?;
    if !webhooks.is_signed(&signature, &body) {
        return Err(unsigned());
    }
    let event: Value = serde_json::from_slice(&body).map_err(|_| {
        Problem::bad_request("the event is no JSON: set the webhook's content type to application/json")
    })?;
    for number in numbers(&event) {
        (webhooks.wake)(number);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of GitHub's own page.
    #[test]
    fn githubs_own_example_is_signed() {
        let webhooks = Webhooks::new("It's a Secret to Everybody".to_owned().into(), |_| ());
        let told = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let headers = |value: &str| {
            HeaderMap::from_iter([(
                axum::http::HeaderName::from_static("x-hub-signature-256"),
                axum::http::HeaderValue::from_str(value).unwrap(),
            )])
        };
        let read = signature(&headers(told)).unwrap();
        assert!(webhooks.is_signed(&read, b"Hello, World!"));
        assert!(!webhooks.is_signed(&read, b"Hello, World?"));
        assert!(!webhooks.is_signed(&read[..31], b"Hello, World!"));
        for bad in ["", "sha256=", &told[..70], &told.replace('7', "x"), &told.replace("256", "1")] {
            assert_eq!(signature(&headers(bad)), None, "{bad}");
        }
    }

    #[test]
    fn an_event_names_pull_requests_and_nothing_else() {
        for (event, expected) in [
            (json!({"pull_request": {"number": 7}}), vec![7]),
            (json!({"issue": {"number": 7}, "comment": {"body": "/logmend ignore"}}), vec![7]),
            (json!({"check_run": {"pull_requests": [{"number": 1}, {"number": 2}]}}), vec![1, 2]),
            (json!({"zen": "x", "number": 3}), vec![]),
            (json!([1]), vec![]),
            (json!({"pull_request": {"number": "7"}}), vec![]),
        ] {
            assert_eq!(numbers(&event), expected, "{event}");
        }
    }
}
