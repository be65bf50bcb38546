//! A stand-in for Claude's Messages API, which judges every request as the API does.
//!
//! It answers a script, turn by turn, and refuses with the documented errors what the API of version 2026-10-21 refuses;
//! [`ClaudeStandIn::violations`] keeps each refusal.

mod history;
mod request;
mod schema;
mod turn;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use self::turn::Answer;
pub use self::turn::Turn;
use super::server::{self, Server};

/// The key that requests must carry.
const KEY: &str = "sk-ant-api03-standin-k3ptOutOfLogs";

/// The models that it knows, all of which always may think and take no forced tool.
const MODELS: &[&str] = &["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2"];

/// One request that was answered by a message.
struct Exchange {
    request: Value,
    /// The content of the answer, as a value and as the text of each block.
    content: Value,
    blocks: Vec<String>,
}

/// An error as the API words it.
struct Refusal {
    status: u16,
    kind: &'static str,
    message: String,
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { status: 400, kind: "invalid_request_error", message: message.into() })
}

/// Refuses a request of which `holds` is not true.
fn check(holds: bool, message: impl FnOnce() -> String) -> Result<(), Refusal> {
    if holds { Ok(()) } else { refuse(message()) }
}

/// Refuses an object that has other keys.
fn known_keys(object: &Value, known: &[&str], place: &str) -> Result<(), Refusal> {
    let Some(fields) = object.as_object() else {
        return refuse(format!("{place}: Input should be an object"));
    };
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) if place.is_empty() => refuse(format!("{key}: Extra inputs are not permitted")),
        Some(key) => refuse(format!("{place}.{key}: Extra inputs are not permitted")),
    }
}

#[derive(Default)]
struct Shared {
    script: VecDeque<Turn>,
    requests: Vec<Value>,
    answers: Vec<Value>,
    exchanges: Vec<Exchange>,
    violations: Vec<String>,
    /// When the models are retired, where they are deprecated.
    retires_at: Option<String>,
}

/// Claude, with its answers written beforehand.
pub struct ClaudeStandIn {
    server: Server,
    shared: Arc<Mutex<Shared>>,
}

impl ClaudeStandIn {
    /// Starts one that answers `script`; after that it declines.
    pub async fn start(script: Vec<Turn>) -> Self {
        let shared = Arc::new(Mutex::new(Shared { script: script.into(), ..Shared::default() }));
        let router = Router::new()
            .route("/v1/messages", post(create_message))
            .route("/v1/messages/count_tokens", post(count_tokens))
            .route("/v1/models/{id}", get(get_model))
            .fallback(unexpected)
            .with_state(shared.clone());
        Self { server: Server::start(server::listener().await, router), shared }
    }

    /// The API's address.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The key that it takes.
    #[expect(clippy::unused_self, reason = "a caller need not know that all stand-ins take the same")]
    pub fn key(&self) -> &'static str {
        KEY
    }

    /// The bodies of all requests for a message, those that were refused included.
    pub fn requests(&self) -> Vec<Value> {
        self.shared.lock().unwrap().requests.clone()
    }

    /// The messages that it answered.
    pub fn answers(&self) -> Vec<Value> {
        self.shared.lock().unwrap().answers.clone()
    }

    /// All models are deprecated from now on.
    pub fn deprecate(&self, retires_at: &str) {
        self.shared.lock().unwrap().retires_at = Some(retires_at.to_owned());
    }

    /// Why requests were refused, and what the API would take but should not be sent.
    pub fn violations(&self) -> Vec<String> {
        self.shared.lock().unwrap().violations.clone()
    }
}

type Stand = State<Arc<Mutex<Shared>>>;

async fn create_message(State(shared): Stand, headers: HeaderMap, body: Bytes) -> Response {
    let (delay, response) = shared.lock().unwrap().create_message(&headers, &body);
    tokio::time::sleep(delay).await;
    response
}

async fn count_tokens(State(shared): Stand, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let checked = request::headers(&headers, true).and_then(|()| request::body(&request, true));
    let counted = checked.map(|()| json!({"input_tokens": turn::prompt_tokens(&request)}));
    shared.lock().unwrap().answer("count_tokens", counted)
}

async fn get_model(State(shared): Stand, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let missing = || Refusal { status: 404, kind: "not_found_error", message: format!("model: {id}") };
    let found = request::headers(&headers, false).and_then(|()| {
        let known = MODELS.contains(&id.as_str());
        known.then(|| model(&id)).ok_or_else(missing)
    });
    let mut shared = shared.lock().unwrap();
    let found = found.map(|mut model| {
        if let Some(day) = &shared.retires_at {
            model["lifecycle"] = json!("deprecated");
            (model["deprecated_at"], model["retires_at"]) = (model["created_at"].clone(), json!(day));
        }
        model
    });
    shared.answer("models", found)
}

async fn unexpected(State(shared): Stand, request: axum::extract::Request) -> Response {
    let message = format!("unexpected: {} {}", request.method(), request.uri().path());
    shared.lock().unwrap().answer("", Err(Refusal { status: 404, kind: "not_found_error", message }))
}

impl Shared {
    /// The answer to a request for a message, and how long it takes.
    fn create_message(&mut self, headers: &HeaderMap, body: &[u8]) -> (Duration, Response) {
        let text = String::from_utf8_lossy(body);
        let request: Value = serde_json::from_str(&text).unwrap_or_default();
        self.requests.push(request.clone());
        let checked = request::headers(headers, true)
            .and_then(|()| request::body(&request, false))
            .and_then(|()| history::unchanged(&request, &self.exchanges));
        if let Err(refusal) = checked {
            return (Duration::ZERO, self.answer("messages", Err(refusal)));
        }
        for at in history::reworded(&text, &self.exchanges) {
            self.violations.push(format!(
                "messages.{at}: the assistant's blocks do not come back as the text they were"
            ));
        }
        let declined = || Turn::tool_use("decline", json!({"reason": "The script of this test has ended."}));
        let mut turn = self.script.pop_front().unwrap_or_else(declined);
        while let Answer::With(answer) = turn.answer {
            turn = answer(&request);
        }
        (turn.delay, self.take(&turn.answer, request))
    }

    fn take(&mut self, answer: &Answer, request: Value) -> Response {
        match answer {
            Answer::Status(status, headers, body) => respond(*status, headers, body.to_string()),
            Answer::Raw(body) => {
                self.answers.push(body.clone());
                let content = body["content"].clone();
                let blocks = content.as_array().into_iter().flatten().map(Value::to_string).collect();
                self.exchanges.push(Exchange { request, content, blocks });
                respond(200, &[], body.to_string())
            }
            Answer::Message(message) => {
                let rendered = message.render(self.answers.len() + 1, &request, self.cached(&request));
                let body: Value = serde_json::from_str(&rendered.body).unwrap();
                let (content, streams) = (body["content"].clone(), request["stream"] == true);
                self.answers.push(body);
                self.exchanges.push(Exchange { request, content, blocks: rendered.blocks });
                if streams { stream(turn::sent(&rendered.events)) } else { respond(200, &[], rendered.body) }
            }
            Answer::Broken(message, events, fault) => {
                let mut rendered = message.render(self.answers.len() + 1, &request, self.cached(&request));
                rendered.events.truncate(*events);
                if !fault.is_null() {
                    rendered.events.push(fault.to_string());
                }
                stream(turn::sent(&rendered.events))
            }
            Answer::With(_) => unreachable!("it was replaced by what it gave"),
        }
    }

    /// The tokens of the longest earlier prompt that this one begins with.
    fn cached(&self, request: &Value) -> u64 {
        let first = &request["messages"][0];
        let same = self.exchanges.iter().filter(|exchange| {
            history::without_marks(&exchange.request["messages"][0]) == history::without_marks(first)
        });
        same.map(|exchange| turn::prompt_tokens(&exchange.request)).max().unwrap_or_default()
    }

    /// A body, or a refusal, which is kept.
    fn answer(&mut self, route: &str, result: Result<Value, Refusal>) -> Response {
        let refusal = match result {
            Ok(body) => return respond(200, &[], body.to_string()),
            Err(refusal) => refusal,
        };
        self.violations.push(format!("{route}: {}: {}", refusal.kind, refusal.message));
        let error = json!({"type": refusal.kind, "message": refusal.message});
        let body = json!({"type": "error", "error": error, "request_id": "req_011StandIn"});
        respond(refusal.status, &[], body.to_string())
    }
}

fn respond(status: u16, headers: &[(String, String)], body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.try_into().unwrap();
    let standard = [
        ("content-type", "application/json"),
        ("request-id", "req_011StandIn"),
        ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
        ("anthropic-ratelimit-requests-limit", "4000"),
        ("anthropic-ratelimit-requests-remaining", "3999"),
    ];
    for (name, value) in standard {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

fn stream(events: String) -> Response {
    let mut response = respond(200, &[], events);
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("text/event-stream; charset=utf-8"));
    response
}

/// What the API tells about a model.
fn model(id: &str) -> Value {
    let yes = json!({"supported": true});
    let no = json!({"supported": false});
    json!({
        "type": "model", "id": id, "display_name": id, "created_at": "2026-09-22T00:00:00Z", "lifecycle": "active",
        "line": null, "deprecated_at": null, "retires_at": null, "max_input_tokens": 1_000_000, "max_tokens": 128_000,
        "capabilities": {
            "batch": yes, "structured_outputs": yes,
            "effort": {"supported": true, "low": yes, "medium": yes, "high": yes, "xhigh": yes, "max": yes},
            "thinking": {"supported": true, "types": {"adaptive": yes, "between_tools": no, "disabled": no, "enabled": no}},
        },
    })
}
