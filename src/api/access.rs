//! The door to the API: with a token set, every call needs it; without, changing calls come from this machine alone.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Problem;
use crate::model::Token;

/// Whom to let in.
#[derive(Debug, Clone)]
pub struct Access {
    token: Token,
}

impl Access {
    /// A door that asks for `token`, or one that keeps changing calls to this machine.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self { token }
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        if self.token.is_set() {
            return if self.token.admits(request.headers()) { Ok(()) } else { Err(unauthorized()) };
        }
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(());
        }
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        if !peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback()) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "changing calls from another machine need a token: set LOGMEND_API_TOKEN and send it as `authorization: Bearer TOKEN`",
            ));
        }
        if is_cross_site(request) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "changing calls from another site's page are refused",
            ));
        }
        Ok(())
    }
}

/// A page of another site that runs in a browser on this machine must not reach changing calls
/// (Fetch Metadata, W3C; older browsers send `Origin` alone).
fn is_cross_site(request: &Request) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    match (header("sec-fetch-site"), header("origin"), header("host")) {
        (Some(site), _, _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin), host) => origin.split_once("://").map(|(_, authority)| authority) != host,
        (None, None, _) => false,
    }
}

fn unauthorized() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "send the API token as `authorization: Bearer TOKEN`")
}

pub(super) async fn door(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.check(&request) {
        Ok(()) => next.run(request).await,
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
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(method: Method, peer: &str, headers: &[(&'static str, &'static str)]) -> Request {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        request
    }

    /// What a caller says of itself is of no matter: only where its connection comes from.
    #[test]
    fn without_a_token_only_this_machine_changes_anything() {
        let open = Access::new(Token::default());
        let admits = |method, peer, headers: &[_]| open.check(&request(method, peer, headers)).is_ok();
        for peer in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(admits(Method::POST, peer, &[]), "{peer}");
        }
        for peer in ["192.0.2.7:1", "10.0.0.1:1", "[2001:db8::1]:1", "[::ffff:192.0.2.7]:1"] {
            assert!(admits(Method::GET, peer, &[]), "{peer}");
            for headers in [
                &[][..],
                &[("x-forwarded-for", "127.0.0.1")],
                &[("forwarded", "for=127.0.0.1"), ("host", "localhost")],
            ] {
                assert!(!admits(Method::POST, peer, headers), "{peer} {headers:?}");
            }
        }
        assert!(!admits(
            Method::POST,
            "127.0.0.1:1",
            &[("origin", "https://elsewhere.example"), ("host", "localhost:8080")]
        ));
        let mut nobody = request(Method::POST, "127.0.0.1:1", &[]);
        nobody.extensions_mut().clear();
        assert!(open.check(&nobody).is_err(), "a caller from nowhere");
    }

    #[test]
    fn with_a_token_everybody_needs_it() {
        let locked = Access::new(Token::new(Some("s3cret".to_owned().into())));
        let check = |headers: &[_]| locked.check(&request(Method::GET, "127.0.0.1:1", headers));
        assert!(check(&[]).is_err());
        assert!(check(&[("authorization", "Bearer s3cret")]).is_ok());
    }
}
