//! A stand-in for GitHub: a real repository behind the wire format of its REST API.
//!
//! It answers in the full shapes of GitHub's published description, refuses what GitHub refuses, and keeps in
//! [`GitHubStandIn::violations`] what a client may never do.

pub mod app;
mod history;
mod people;
mod pulls;
mod repository;
mod routes;
mod shapes;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

use self::people::People;
use self::pulls::Pulls;
use self::repository::{BASE, Repository};
use self::routes::{Asked, Model, Reply};
use self::shapes::Shapes;
use super::python;
use super::server::{self, Server};

/// The token that requests must carry.
const TOKEN: &str = "github_pat_11STANDIN0_k3ptOutOfLogs";

/// The version of the REST API that requests must name.
const API_VERSION: &str = "2022-11-28";

/// What goes wrong with a request.
#[derive(Clone)]
pub enum Fault {
    /// It is answered with this status and these headers, and nothing is done.
    Status(u16, &'static [(&'static str, &'static str)]),
    /// The connection ends without an answer, and nothing is done.
    DropConnection,
    /// It is carried out, but the answer is this status.
    DoThenStatus(u16),
    /// It is carried out, but the connection ends without an answer.
    DoThenDropConnection,
    /// It is carried out at once, but the answer comes later.
    DoThenDelay(Duration),
    /// It is carried out and answered later.
    Delay(Duration),
}

/// One request with its answer.
#[derive(Clone, Serialize)]
pub struct Call {
    pub method: String,
    /// As it was sent, percent-encoding included.
    pub path: String,
    pub query: String,
    /// The JSON that was sent; null where there was none.
    pub body: Value,
    pub status: u16,
    pub answer: Value,
    /// Whether the answer is that of a [`Fault`].
    pub injected: bool,
}

/// A fault that waits for its request.
struct Planned {
    method: String,
    fragment: String,
    fault: Fault,
}

struct Shared {
    model: Model,
    calls: Vec<Call>,
    planned: Vec<Planned>,
}

/// GitHub with one repository, `acme/shop`.
pub struct GitHubStandIn {
    server: Server,
    shared: Arc<Mutex<Shared>>,
}

impl GitHubStandIn {
    /// Starts one whose repository has `files` on `main`; a file that begins with `#!` is executable.
    pub async fn start(files: &[(&str, &str)]) -> Self {
        let listener = server::listener().await;
        let shapes = Shapes { base_url: format!("http://{}", listener.local_addr().unwrap()) };
        let repository = Repository::with_files(files);
        let (pulls, people, installed) = (Pulls::default(), People::default(), app::Installed::default());
        let model = Model { repository, pulls, people, installed, shapes, violations: Vec::new() };
        let shared = Arc::new(Mutex::new(Shared { model, calls: Vec::new(), planned: Vec::new() }));
        let router = Router::new().fallback(handle).with_state(shared.clone());
        Self { server: Server::start(listener, router), shared }
    }

    /// The API's address.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The token that it takes.
    #[expect(clippy::unused_self, reason = "a caller need not know that all stand-ins take the same")]
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// The next request with this method whose path contains `fragment` meets `fault`; of several faults the first planned
    /// comes first.
    pub fn fail_next(&self, method: &str, fragment: &str, fault: Fault) {
        let planned = Planned { method: method.to_owned(), fragment: fragment.to_owned(), fault };
        self.shared.lock().unwrap().planned.push(planned);
    }

    /// The pull requests as GitHub would answer them now, the first one first.
    pub fn pull_requests(&self) -> Vec<Value> {
        let shared = &mut *self.shared.lock().unwrap();
        shared.model.pulls.all(&shared.model.repository, &shared.model.shapes)
    }

    /// People close a pull request without merging it.
    pub fn close_pull_request(&self, number: usize) {
        self.shared.lock().unwrap().model.pulls.close(number);
    }

    /// People merge a pull request.
    pub fn merge_pull_request(&self, number: usize) {
        self.merge(number);
    }

    /// As [`GitHubStandIn::merge_pull_request`]; answers the commit that the merge made.
    pub fn merge(&self, number: usize) -> String {
        let model = &mut self.shared.lock().unwrap().model;
        model.pulls.merge(number, &model.repository)
    }

    /// The base moves so that a pull request does not fit any more.
    pub fn conflict(&self, number: usize) {
        self.shared.lock().unwrap().model.pulls.conflict(number);
    }

    /// CI begins a check of a branch's newest commit, or ends it.
    pub fn check(&self, branch: &str, name: &str, conclusion: Option<&str>, log: &str) {
        let model = &mut self.shared.lock().unwrap().model;
        let sha = model.repository.resolve(&format!("refs/heads/{branch}")).unwrap();
        model.people.check(&sha, name, conclusion, log);
    }

    /// Somebody writes a comment below a pull request.
    pub fn comment(&self, number: usize, author: &str, body: &str) {
        self.shared.lock().unwrap().model.people.comment(number, author, body);
    }

    /// The comments of a pull request that are ours.
    pub fn our_comments(&self, number: usize) -> Vec<String> {
        let said = self.shared.lock().unwrap().model.people.said(number);
        said.into_iter().filter(|(author, _)| author == "logmend[bot]").map(|(_, body)| body).collect()
    }

    /// Somebody gets a right: `admin`, `write` or `read`.
    pub fn grant(&self, login: &str, right: &str) {
        self.shared.lock().unwrap().model.people.grant(login, right);
    }

    /// The token may not read check runs any more.
    pub fn hide_checks(&self) {
        self.shared.lock().unwrap().model.people.checks_are_hidden = true;
    }

    /// The token may not end drafts any more.
    pub fn keep_drafts(&self) {
        self.shared.lock().unwrap().model.people.drafts_stay = true;
    }

    /// Somebody pushes a file to a branch.
    pub fn push_file(&self, branch: &str, path: &str, content: &str) {
        people::push(&self.shared.lock().unwrap().model.repository, branch, path, content);
    }

    /// People push these files to the base branch; a file that is there keeps its mode. Answers the new commit.
    pub fn push_to_base(&self, files: &[(&str, &[u8])]) -> String {
        self.shared.lock().unwrap().model.repository.push_to_base(files)
    }

    /// How many tokens its App was given.
    pub fn tokens_granted(&self) -> usize {
        self.shared.lock().unwrap().model.installed.granted()
    }

    /// No token that its App was given holds any more.
    pub fn revoke_tokens(&self) {
        self.shared.lock().unwrap().model.installed.revoke();
    }

    /// People commit these files to the base branch at `date` (RFC 3339); the new commit's id.
    pub fn push(&self, message: &str, files: &[(&str, &str)], date: &str) -> String {
        let shared = &self.shared.lock().unwrap();
        let repository = &shared.model.repository;
        let tip = repository.resolve(&format!("refs/heads/{BASE}")).unwrap();
        let commit = repository.commit_files(&tip, message, files, date);
        repository.point(&format!("refs/heads/{BASE}"), &commit, Some(&tip)).unwrap();
        commit
    }

    /// A commit that stands on no branch, as that of a fork does under the repository's name.
    pub fn commit_of_a_fork(&self, files: &[(&str, &str)]) -> String {
        let shared = &self.shared.lock().unwrap();
        let repository = &shared.model.repository;
        let tip = repository.resolve(&format!("refs/heads/{BASE}")).unwrap();
        repository.commit_files(&tip, "Not of this repository", files, "2026-01-09T00:00:00Z")
    }

    /// The branches, by name.
    pub fn branches(&self) -> Vec<String> {
        self.shared.lock().unwrap().model.repository.branches()
    }

    /// All requests so far.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.lock().unwrap().calls.clone()
    }

    /// The requests as lines of JSON, which `github_openapi.py` checks.
    pub fn calls_as_lines(&self) -> String {
        // GraphQL has a schema of its own.
        let calls = self.calls().into_iter().filter(|call| call.path != "/graphql");
        let calls: Vec<_> = calls.map(|call| serde_json::to_value(call).unwrap()).collect();
        python::lines(&calls)
    }

    /// What requests lacked, or did that none may do.
    pub fn violations(&self) -> Vec<String> {
        self.shared.lock().unwrap().model.violations.clone()
    }

    /// A working copy of a branch.
    pub fn clone_branch(&self, branch: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.shared.lock().unwrap().model.repository.clone_branch(branch, folder.path());
        folder
    }

    /// What a pull request of `branch` would show.
    pub fn diff_with_base(&self, branch: &str) -> String {
        self.git(&["diff", &format!("{BASE}...{branch}")])
    }

    /// What a git command prints in the repository.
    pub fn git(&self, args: &[&str]) -> String {
        self.shared.lock().unwrap().model.repository.git(args)
    }
}

async fn handle(State(shared): State<Arc<Mutex<Shared>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if let Some(id) = head.uri.path().strip_prefix("/signed-logs/") {
        return signed_log(&shared, id, &head.headers);
    }
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let (method, path) = (head.method.as_str(), head.uri.path());
    let fault = shared.lock().unwrap().planned_for(method, path);
    if let Some(Fault::Delay(delay)) = fault {
        tokio::time::sleep(delay).await;
    }
    let injected = match &fault {
        Some(Fault::Status(status, _) | Fault::DoThenStatus(status)) => {
            Some(Reply::error(*status, "Injected fault"))
        }
        Some(Fault::DropConnection | Fault::DoThenDropConnection) => Some(Reply::new(0, Value::Null)),
        _ => None,
    };
    let undone = matches!(fault, Some(Fault::Status(..) | Fault::DropConnection));
    let body = parse(&bytes);
    let call = Call {
        method: method.to_owned(),
        path: path.to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: body.clone().unwrap_or_default(),
        status: 0,
        answer: Value::Null,
        injected: injected.is_some(),
    };
    let reply = shared.lock().unwrap().carry_out(call, &head.headers, body.is_none(), undone, injected);
    match fault {
        Some(Fault::DropConnection | Fault::DoThenDropConnection) => server::drop_connection(),
        Some(Fault::DoThenDelay(delay)) => tokio::time::sleep(delay).await,
        _ => {}
    }
    let extra = if let Some(Fault::Status(_, headers)) = fault { headers } else { &[] };
    respond(&reply, extra)
}

/// The log behind a signed address, on what would be another host: it must not be told the token.
fn signed_log(shared: &Mutex<Shared>, id: &str, headers: &HeaderMap) -> Response {
    let model = &mut shared.lock().unwrap().model;
    if headers.contains_key("authorization") {
        model.violations.push("a signed address was told the token".to_owned());
    }
    Response::new(Body::from(model.people.log(id).unwrap_or_default()))
}

/// The JSON of a body: null where it is empty, `None` where it is no JSON.
fn parse(bytes: &[u8]) -> Option<Value> {
    if bytes.is_empty() { Some(Value::Null) } else { serde_json::from_slice(bytes).ok() }
}

impl Shared {
    fn planned_for(&mut self, method: &str, path: &str) -> Option<Fault> {
        let at =
            self.planned.iter().position(|plan| plan.method == method && path.contains(&plan.fragment))?;
        Some(self.planned.remove(at).fault)
    }

    /// Does what `call` asks for unless it is to stay `undone`, and records it with its answer.
    fn carry_out(
        &mut self,
        mut call: Call,
        headers: &HeaderMap,
        broken: bool,
        undone: bool,
        injected: Option<Reply>,
    ) -> Reply {
        let refused =
            self.check(&call, headers).or_else(|| broken.then(|| Reply::error(400, "Problems parsing JSON")));
        let reply = refused.or_else(|| {
            let path = call.path.trim_start_matches('/').trim_end_matches('/');
            let asked = Asked {
                method: &call.method,
                path: path.split('/').map(decode_percent).collect(),
                query: parse_query(&call.query),
                body: &call.body,
            };
            (!undone).then(|| self.model.answer(&asked))
        });
        let reply = injected.or(reply).unwrap_or_else(Reply::not_found);
        (call.status, call.answer) = (reply.status, reply.body.clone());
        self.calls.push(call);
        reply
    }

    /// What every request must have; the refusal of one that lacks it.
    fn check(&mut self, call: &Call, headers: &HeaderMap) -> Option<Reply> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let violations = &mut self.model.violations;
        let mut violate = |what: &str| violations.push(format!("{} {}: {what}", call.method, call.path));
        if text("x-github-api-version") != API_VERSION {
            violate(&format!(
                "x-github-api-version is `{}`, not {API_VERSION}",
                text("x-github-api-version")
            ));
        }
        if text("user-agent").is_empty() {
            violate("no user-agent");
            return Some(Reply::error(
                403,
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
            ));
        }
        let (scheme, token) = text("authorization").split_once(' ').unwrap_or_default();
        if app::is_asked_as_app(&call.path) {
            let why = app::refused(token)?;
            violate(why);
            return Some(Reply::error(401, why));
        }
        match self.model.installed.holds(token) {
            Some(true) => return None,
            // It held when it was given: who sends it does nothing wrong.
            Some(false) => return Some(Reply::error(401, "Bad credentials")),
            None => {}
        }
        if !(scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token")) || token != TOKEN
        {
            violate("no token, or another one");
            return Some(Reply::error(401, "Bad credentials"));
        }
        None
    }
}

fn respond(reply: &Reply, extra: &[(&'static str, &'static str)]) -> Response {
    // 204 has no body.
    let body = if reply.status == 204 { Body::empty() } else { Body::from(reply.body.to_string()) };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status.try_into().unwrap();
    let standard = [
        ("content-type", "application/json; charset=utf-8"),
        ("x-github-api-version-selected", API_VERSION),
        ("x-github-request-id", "C0DE:1234:5678:9ABC:STANDIN"),
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", "4980"),
    ];
    for (name, value) in standard.iter().chain(extra) {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    if let Some(location) = &reply.location {
        response.headers_mut().insert("location", location.parse().unwrap());
    }
    response
}

/// The pairs of a query string.
fn parse_query(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode_percent(key), decode_percent(&value.replace('+', " "))))
        .collect()
}

/// Text without percent-encoding.
fn decode_percent(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, tail)) = rest.split_first() {
        let hex =
            (byte == b'%').then(|| tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok())).flatten();
        let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Base64 with or without line breaks.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.split_whitespace().collect::<String>()).ok()
}

/// The time in GitHub's form.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
