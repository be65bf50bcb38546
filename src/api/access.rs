//! The door to the API: with a token set, every call needs one, or a session that was given for one; without, reading is open
//! and changing calls come from this machine alone.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret as _;

use super::Settings;
use super::error::Problem;
use super::sessions::Sessions;
use crate::model::{KnownToken, Live, TokenHash, TokenScope, Tokens, UnixNanos, presented};
use crate::store::Store;

/// Whom to let in; clones share everything.
#[derive(Debug, Clone)]
pub struct Access {
    /// Those that are good for the API, and those for ingest, which are told why they are not.
    tokens: Live<Tokens>,
    sessions: Sessions,
    clock: fn() -> UnixNanos,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The name of the token; `None` where none is needed.
    name: Option<String>,
    /// What the call may do.
    pub(super) scope: TokenScope,
}

impl Caller {
    /// How the audit trail names who calls.
    pub(super) fn actor(&self) -> String {
        self.name.as_ref().map_or_else(|| "api".to_owned(), |name| format!("api:{name}"))
    }

    fn of(token: &KnownToken) -> Self {
        // That of the environment is the only one without a name of its own.
        Self { name: Some(token.name.clone()).filter(|name| !name.is_empty()), scope: token.scope }
    }
}

impl Settings {
    /// All tokens that are good for the API, by their hashes.
    #[must_use]
    pub fn known_tokens(&self) -> Tokens {
        let own = self.token.secret().map(|token| KnownToken {
            name: String::new(),
            scope: TokenScope::Admin,
            hash: TokenHash::of(token.expose_secret()),
        });
        Tokens::new(own.into_iter().chain(self.tokens.iter().cloned()).collect())
    }
}

impl Access {
    /// A door that asks for the tokens of the settings, or one that keeps changing calls to this machine where there are none.
    /// Sessions are signed with a key of the store.
    #[must_use]
    pub fn new(settings: &Settings, store: Store, clock: fn() -> UnixNanos) -> Self {
        let tokens = Live::new(settings.known_tokens());
        Self { sessions: Sessions::new(store, tokens.clone()), tokens, clock }
    }

    /// Whether a token is asked for.
    pub(super) fn is_locked(&self) -> bool {
        self.tokens.with(|tokens| tokens.iter().any(|token| token.scope >= TokenScope::Read))
    }

    /// The tokens, which people may replace.
    #[must_use]
    pub fn tokens(&self) -> &Live<Tokens> {
        &self.tokens
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Who calls, where the call may do what it asks for.
    pub(super) async fn check(&self, request: &Parts) -> Result<Caller, Problem> {
        let changes = !matches!(request.method, Method::GET | Method::HEAD);
        if !self.is_locked() {
            if changes {
                comes_from_this_machine(request)?;
            } else if is_loopback(request)
                && !is_proxied(&request.headers)
                && !is_named_as_this_machine(request)
            {
                let why = "this is asked for under a name that somebody else may have pointed at this machine: ask for localhost, or set LOGMEND_API_TOKEN";
                return Err(Problem::new(StatusCode::FORBIDDEN, why));
            }
            return Ok(Caller {
                name: None,
                scope: if changes { TokenScope::Admin } else { TokenScope::Read },
            });
        }
        let needed = if changes { TokenScope::Admin } else { TokenScope::Read };
        let caller = match presented(&request.headers) {
            Some(token) => Caller::of(self.tokens.get().find(token).ok_or_else(unauthorized)?),
            None => self.of_session(request, changes).await?,
        };
        if caller.scope < needed {
            let why = format!("the token's scope is {}; this call needs {needed}", caller.scope);
            return Err(Problem::new(StatusCode::FORBIDDEN, why));
        }
        Ok(caller)
    }

    /// Browsers send a session with every call to us, also one that another page has them make.
    async fn of_session(&self, request: &Parts, changes: bool) -> Result<Caller, Problem> {
        let token = self.sessions.find(&request.headers, (self.clock)()).await?;
        let caller = Caller::of(&token.ok_or_else(unauthorized)?);
        if changes && !is_same_origin(request) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "changing calls by a session come from the dashboard's own pages alone",
            ));
        }
        Ok(caller)
    }
}

/// Without a token only whoever is on this machine changes anything: no page of another site that a browser here shows, and
/// nobody behind a proxy that runs here.
fn comes_from_this_machine(request: &Parts) -> Result<(), Problem> {
    let forbidden = |why: &str| Err(Problem::new(StatusCode::FORBIDDEN, why));
    if !is_loopback(request) || is_proxied(&request.headers) {
        return forbidden(
            "changing calls from another machine need a token: set LOGMEND_API_TOKEN and send it as `authorization: Bearer TOKEN`",
        );
    }
    if is_cross_site(request) || is_by_a_page_of_another_name(request) {
        return forbidden("changing calls from another site's page are refused");
    }
    Ok(())
}

fn is_loopback(request: &Parts) -> bool {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback())
}

/// Whether the call is for a name that nobody outside can point here: of this machine, or of one label, which is no name of the
/// internet's. Programs that name nobody are no browsers.
fn is_named_as_this_machine(request: &Parts) -> bool {
    let is_local = |host: &str| {
        let name = host.split_once(':').map_or(host, |(name, _)| name);
        !name.contains('.') || name.to_ascii_lowercase().ends_with(".localhost")
    };
    host(request).is_none_or(|host| is_loopback_name(host) || is_local(host))
}

fn is_proxied(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip"].iter().any(|name| headers.contains_key(*name))
}

/// A page of another site that runs in a browser on this machine must not reach changing calls
/// (Fetch Metadata, W3C; older browsers send `Origin` alone).
pub(super) fn is_cross_site(request: &Parts) -> bool {
    match (text(request, "sec-fetch-site"), text(request, "origin")) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => !is_of_origin(request, origin),
        (None, None) => false,
    }
}

/// Whether a browser says that a page of ours makes the call.
fn is_same_origin(request: &Parts) -> bool {
    match (text(request, "sec-fetch-site"), text(request, "origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => is_of_origin(request, origin),
        (None, None) => false,
    }
}

/// Whether a page makes the call that was loaded under a name that somebody else may have pointed at this machine.
fn is_by_a_page_of_another_name(request: &Parts) -> bool {
    let by_a_page = text(request, "sec-fetch-site").is_some() || text(request, "origin").is_some();
    by_a_page && !host(request).is_some_and(is_loopback_name)
}

fn is_loopback_name(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name).trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn is_of_origin(request: &Parts, origin: &str) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some() && authority == host(request)
}

/// Whom the call is for: HTTP/2 says it in the address.
fn host(request: &Parts) -> Option<&str> {
    text(request, "host").or_else(|| request.uri.authority().map(axum::http::uri::Authority::as_str))
}

fn text<'r>(request: &'r Parts, name: &str) -> Option<&'r str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}

fn unauthorized() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "send a token of the scope read or admin as `authorization: Bearer TOKEN` or `x-api-key: TOKEN`, or log in with POST /login",
    )
}

pub(super) async fn door(State(access): State<Access>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    match access.check(&head).await {
        Ok(caller) => {
            head.extensions.insert(caller);
            let mut response = next.run(Request::from_parts(head, body)).await;
            // Answers hold log text: no browser is to guess what that may be.
            let as_told = header::HeaderValue::from_static("nosniff");
            response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, as_told);
            response
        }
        Err(problem) => {
            let mut response = problem.into_response();
            if response.status() == StatusCode::UNAUTHORIZED {
                let challenge = header::HeaderValue::from_static("Bearer");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}

#[cfg(test)]
mod tests;
