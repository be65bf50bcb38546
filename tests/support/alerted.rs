//! Stand-ins for Slack, a webhook, PagerDuty and Alertmanager on one port: they keep what comes as it came, and answer as each of
//! them does or as they are told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::python;
use super::server::{Server, listener};

/// How long what is awaited may take, on a machine that compiles meanwhile.
const AWAITED_MAX: Duration = Duration::from_secs(30);

/// The secrets that the targets are known by; none may be seen anywhere else.
pub const SLACK_PATH: &str = "/services/T0AAAA/B0BBBB/s1ackS3cret";
pub const WEBHOOK_PATH: &str = "/hook/w3bhookS3cret";
pub const WEBHOOK_SECRET: &str = "s1gningS3cret";
pub const ROUTING_KEY: &str = "r0utingS3cretr0utingS3cretr0utin";
const PAGERDUTY_PATH: &str = "/v2/enqueue";
const ALERTMANAGER_PATH: &str = "/am/api/v2/alerts";

/// Somebody who is alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Slack,
    Webhook,
    PagerDuty,
    Alertmanager,
}

/// What came.
#[derive(Debug, Clone)]
pub struct Sent {
    pub who: Who,
    pub headers: HeaderMap,
    pub body: Value,
    pub bytes: Bytes,
    pub at: Instant,
}

impl Sent {
    /// The id that all tries of one delivery share.
    pub fn delivery(&self) -> &str {
        self.headers["x-logmend-delivery"].to_str().unwrap()
    }

    /// Whether it is signed, over its time and its body.
    pub fn is_signed(&self) -> bool {
        let header = |name: &str| self.headers[name].to_str().unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).unwrap();
        mac.update(header("x-logmend-timestamp").as_bytes());
        mac.update(b".");
        mac.update(&self.bytes);
        let hex = header("x-logmend-signature").strip_prefix("sha256=").unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        mac.verify_slice(&(0..64).step_by(2).map(byte).collect::<Vec<_>>()).is_ok()
    }
}

/// How one target answers the next requests.
#[derive(Debug, Clone)]
pub enum Answer {
    /// As it does if all is well.
    Ok,
    /// With this status, and this `Retry-After`.
    Status(u16, Option<u64>),
    /// Not at all.
    Never,
}

/// What each is to be answered next.
type Planned = Vec<(Who, VecDeque<Answer>)>;

#[derive(Clone, Default)]
struct Kept {
    sent: Arc<Mutex<Vec<Sent>>>,
    answers: Arc<Mutex<Planned>>,
    violations: Arc<Mutex<Vec<String>>>,
}

/// All of them.
pub struct Alerted {
    server: Server,
    kept: Kept,
}

impl Alerted {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let kept = Kept::default();
        let router = Router::new().fallback(take).with_state(kept.clone());
        Self { server: Server::start(listener().await, router), kept }
    }

    /// The settings of a service that alerts these of them.
    pub fn settings(&self, who: &[Who]) -> Vec<(&'static str, String)> {
        let url = |path: &str| self.server.url() + path;
        let mut settings = vec![("LOGMEND_ALERT_ALLOW_PRIVATE", "true".to_owned())];
        for who in who {
            settings.extend(match who {
                Who::Slack => vec![("LOGMEND_SLACK_WEBHOOK_URL", url(SLACK_PATH))],
                Who::Webhook => vec![
                    ("LOGMEND_WEBHOOK_URL", url(WEBHOOK_PATH)),
                    ("LOGMEND_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
                ],
                Who::PagerDuty => vec![
                    ("LOGMEND_PAGERDUTY_URL", self.server.url()),
                    ("LOGMEND_PAGERDUTY_ROUTING_KEY", ROUTING_KEY.to_owned()),
                ],
                Who::Alertmanager => vec![("LOGMEND_ALERTMANAGER_URL", url("/am/"))],
            });
        }
        settings
    }

    /// Has one of them answer its next requests so; after these as always.
    pub fn answer(&self, who: Who, answers: impl IntoIterator<Item = Answer>) {
        let mut all = self.kept.answers.lock().unwrap();
        all.retain(|(of, _)| *of != who);
        all.push((who, answers.into_iter().collect()));
    }

    /// What came to one of them so far.
    pub fn sent(&self, who: Who) -> Vec<Sent> {
        self.kept.sent.lock().unwrap().iter().filter(|sent| sent.who == who).cloned().collect()
    }

    /// Waits until something came to one of them of which this holds.
    pub async fn until(&self, who: Who, what: &str, holds: impl Fn(&Sent) -> bool) -> Sent {
        let begun = Instant::now();
        loop {
            let sent = self.sent(who);
            if let Some(found) = sent.iter().find(|sent| holds(sent)) {
                return found.clone();
            }
            let bodies: Vec<_> = sent.iter().map(|sent| &sent.body).collect();
            assert!(begun.elapsed() < AWAITED_MAX, "{who:?} was not sent {what}: {bodies:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the webhook was sent an alert of a rule.
    pub async fn rule(&self, rule: &str) -> Sent {
        self.until(Who::Webhook, rule, |sent| sent.body["rule"] == rule && sent.body["status"] == "firing")
            .await
    }

    /// Everything that came is in its target's format, and nothing came by another way.
    pub async fn check(&self) {
        assert_eq!(*self.kept.violations.lock().unwrap(), Vec::<String>::new());
        let root = env!("CARGO_MANIFEST_DIR");
        let schema = |who| match who {
            Who::Slack => format!("{root}/tests/support/alerts/slack.schema.json"),
            Who::Webhook => format!("{root}/docs/alerts.schema.json"),
            Who::PagerDuty => format!("{root}/tests/support/alerts/pagerduty.schema.json"),
            Who::Alertmanager => format!("{root}/tests/support/alerts/alertmanager.schema.json"),
        };
        let sent = self.kept.sent.lock().unwrap().clone();
        let lines: Vec<_> =
            sent.iter().map(|sent| json!({"schema": schema(sent.who), "body": sent.body})).collect();
        python::feed(&python::script("alerts_schemas.py"), &[], &python::lines(&lines)).await;
        assert!(sent.iter().all(|sent| sent.who != Who::Webhook || sent.is_signed()));
    }
}

async fn take(
    State(kept): State<Kept>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let who = match uri.path() {
        SLACK_PATH => Who::Slack,
        WEBHOOK_PATH => Who::Webhook,
        PAGERDUTY_PATH => Who::PagerDuty,
        ALERTMANAGER_PATH => Who::Alertmanager,
        _ => return violation(&kept, format!("{method} {uri} is nobody's")),
    };
    let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let Some(body) = serde_json::from_slice(&bytes).ok().filter(|_| method == Method::POST && is_json) else {
        return violation(&kept, format!("{method} {uri} with {headers:?} is no JSON that is posted"));
    };
    kept.sent.lock().unwrap().push(Sent { who, headers, body, bytes, at: Instant::now() });
    let told =
        kept.answers.lock().unwrap().iter_mut().find(|(of, _)| *of == who).and_then(|(_, of)| of.pop_front());
    match told.unwrap_or(Answer::Ok) {
        Answer::Ok => ok(who),
        Answer::Status(status, after) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), "not now").into_response();
            if let Some(after) = after {
                response.headers_mut().insert(header::RETRY_AFTER, after.into());
            }
            response
        }
        Answer::Never => std::future::pending().await,
    }
}

/// As each of them answers.
fn ok(who: Who) -> Response {
    match who {
        Who::Slack => "ok".into_response(),
        Who::Webhook => StatusCode::NO_CONTENT.into_response(),
        Who::PagerDuty => {
            let answer = json!({"status": "success", "message": "Event processed", "dedup_key": "x"});
            (StatusCode::ACCEPTED, axum::Json(answer)).into_response()
        }
        Who::Alertmanager => StatusCode::OK.into_response(),
    }
}

fn violation(kept: &Kept, told: String) -> Response {
    kept.violations.lock().unwrap().push(told);
    StatusCode::NOT_FOUND.into_response()
}
