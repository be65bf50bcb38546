//! One exchange with one GitHub as one of its users or Apps: sent once, bounded, whatever comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use octocrab::Octocrab;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::Instrument as _;

use super::app::{App, Granted, Installation, Tokens};
use super::names::segment;
use super::{Credentials, GitHubError, RepoName, span};

/// The version of the REST API that this room speaks.
const API_VERSION: &str = "2022-11-28";

/// The longest answer that is read: a tree of 100,000 entries has 7 MB, GitHub's own bound; base64 makes a blob of 1 MiB 1.4.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is sent.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// A path below the API's address, or a whole address at the same host.
    pub(super) address: &'a str,
    pub(super) body: Option<&'a Value>,
    /// Method and path, as errors name it.
    pub(super) name: &'a str,
}

#[derive(Debug)]
enum Identity {
    Nobody,
    Token(SecretString),
    App(App, Tokens),
}

/// A GitHub and who speaks to it.
#[derive(Debug)]
pub(super) struct Connection {
    octocrab: Octocrab,
    identity: Identity,
    /// The REST API's address, without a slash at its end.
    api_url: String,
    /// Where its GraphQL API is.
    pub(super) graphql_url: String,
}

impl Connection {
    pub(super) fn new(api_url: &str, credentials: Option<&Credentials>) -> Result<Self, GitHubError> {
        let client = |error: octocrab::Error| GitHubError::Client(root_cause(&error));
        let identity = match credentials {
            None => Identity::Nobody,
            Some(Credentials::App(app)) => Identity::App(app.clone(), Tokens::default()),
            // One read from a file with its line break, say.
            Some(Credentials::Token(token)) if bearer(token).is_none() => {
                return Err(GitHubError::Client("the token holds a character that no token has".to_owned()));
            }
            Some(Credentials::Token(token)) => Identity::Token(token.clone()),
        };
        // octocrab is given no credentials: it sends them to public GitHub's host or a bare path alone, and retries by itself.
        let octocrab = Octocrab::builder()
            .base_uri(origin(api_url)?)
            .map_err(client)?
            .set_connect_timeout(Some(Duration::from_secs(5)))
            .set_read_timeout(Some(Duration::from_secs(30)))
            .set_write_timeout(Some(Duration::from_secs(30)))
            .add_header(header::ACCEPT, "application/vnd.github+json".to_owned())
            .build()
            .map_err(client)?;
        let api_url = api_url.trim_end_matches('/').to_owned();
        Ok(Self { octocrab, identity, graphql_url: graphql_url(&api_url), api_url })
    }

    /// Whether anybody is known here.
    pub(super) fn may_write(&self) -> bool {
        !matches!(self.identity, Identity::Nobody)
    }

    /// Sends a call about a repository and reads the answer, whatever its status. An App's token that GitHub knows no more,
    /// since it was revoked or the App installed anew, is replaced once; a refused token means that nothing was done.
    pub(super) async fn exchange(
        &self,
        call: &Call<'_>,
        repository: Option<&RepoName>,
    ) -> Result<(Parts, Bytes), GitHubError> {
        let (app, tokens) = match &self.identity {
            Identity::Nobody => return self.send(call, None).await,
            Identity::Token(token) => return self.send(call, Some(token)).await,
            Identity::App(app, tokens) => (app, tokens),
        };
        let Some(repository) = repository else { return self.send(call, app.proof().as_ref()).await };
        if let Some(token) = tokens.get(repository) {
            let (parts, bytes) = self.send(call, Some(&token)).await?;
            if parts.status != StatusCode::UNAUTHORIZED {
                return Ok((parts, bytes));
            }
            tokens.forget(repository);
        }
        let token = self.token_for(app, tokens, repository).await?;
        self.send(call, Some(&token)).await
    }

    /// A new token of the App for one repository, and for no other that the App can see.
    async fn token_for(
        &self,
        app: &App,
        tokens: &Tokens,
        repository: &RepoName,
    ) -> Result<SecretString, GitHubError> {
        let proof = app.proof();
        let found = self.installation(app, repository).await?;
        let route = format!("/app/installations/{}/access_tokens", segment(&found.id.to_string()));
        let body = json!({"repositories": [repository.name()]});
        let (granted, parts): (Granted, _) =
            self.ask(Method::POST, &route, Some(&body), proof.as_ref()).await?;
        let usable = granted.usable(&parts.headers);
        let token = granted.token.into();
        tokens.keep(repository, &token, usable);
        Ok(token)
    }

    /// What the App may do in a repository, by the names of permissions; `None` where a token speaks, or nobody.
    pub(super) async fn granted(
        &self,
        repository: &RepoName,
    ) -> Result<Option<BTreeMap<String, String>>, GitHubError> {
        let Identity::App(app, _) = &self.identity else { return Ok(None) };
        self.installation(app, repository).await.map(|found| Some(found.permissions))
    }

    /// Where the App is installed that a repository is within.
    async fn installation(&self, app: &App, repository: &RepoName) -> Result<Installation, GitHubError> {
        let route = repository.route("/installation");
        match self.ask(Method::GET, &route, None, app.proof().as_ref()).await {
            Err(GitHubError::Refused { status: StatusCode::NOT_FOUND, .. }) => {
                let why =
                    "is none that the GitHub App is installed on: install it there, or check GITHUB_APP_ID";
                Err(GitHubError::Unfit { repository: repository.clone(), why: why.to_owned() })
            }
            other => other.map(|(found, _)| found),
        }
    }

    /// As the App itself: what its tokens take.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        proof: Option<&SecretString>,
    ) -> Result<(T, Parts), GitHubError> {
        let name = format!("{method} {path}");
        let call = Call { method, address: path, body, name: &name };
        let (parts, bytes) = self.send(&call, proof).await?;
        if !parts.status.is_success() {
            return Err(GitHubError::of_answer(name, parts.status, &parts.headers, &bytes));
        }
        // What cannot be read may hold a token, so that nothing of it is repeated.
        let read = serde_json::from_slice(&bytes).map_err(|error| GitHubError::Malformed {
            call: name.clone(),
            why: format!("line {}, column {} is not as documented", error.line(), error.column()),
        })?;
        Ok((read, parts))
    }

    /// Sends a call once, in a span of its own.
    async fn send(
        &self,
        call: &Call<'_>,
        token: Option<&SecretString>,
    ) -> Result<(Parts, Bytes), GitHubError> {
        let span = span::of_call(&self.api_url, call);
        let answered = self.send_untold(call, token).instrument(span.clone()).await;
        span::tell(&span, &answered);
        answered
    }

    async fn send_untold(
        &self,
        call: &Call<'_>,
        token: Option<&SecretString>,
    ) -> Result<(Parts, Bytes), GitHubError> {
        let network = |why: String| GitHubError::Network { call: call.name.to_owned(), why };
        let malformed = |why: String| GitHubError::Malformed { call: call.name.to_owned(), why };
        let address = match call.address.strip_prefix('/') {
            Some(path) => format!("{}/{path}", self.api_url),
            None => call.address.to_owned(),
        };
        let request = request(call, &address, token).map_err(|error| malformed(error.to_string()))?;
        let sent = self.octocrab.execute(request).await;
        let (parts, body) = sent.map_err(|error| network(root_cause(&error)))?.into_parts();
        match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(whole) => Ok((parts, whole.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(malformed(format!("it is longer than {ANSWER_BYTES_MAX} bytes")))
            }
            Err(error) => Err(network(root_cause(&*error))),
        }
    }
}

/// Built here and not by octocrab, which adds the version of the API that its own manifest names.
fn request(
    call: &Call<'_>,
    address: &str,
    token: Option<&SecretString>,
) -> Result<Request<String>, http::Error> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(address)
        .header("x-github-api-version", API_VERSION);
    if let Some(bearer) = token.and_then(bearer) {
        request = request.header(header::AUTHORIZATION, bearer);
    }
    match call.body {
        Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(body.to_string()),
        None => request.body(String::new()),
    }
}

/// Tokens are opaque, but they are sent in a header: `None` for one that no header can carry.
fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let text = token.expose_secret();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {text}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Scheme and host of an address. octocrab would put a path of its own before every other one, that of GraphQL included.
fn origin(api_url: &str) -> Result<String, GitHubError> {
    let uri: http::Uri =
        api_url.parse().map_err(|error: http::uri::InvalidUri| GitHubError::Client(error.to_string()))?;
    match (uri.scheme(), uri.authority()) {
        (Some(scheme), Some(authority)) => Ok(format!("{scheme}://{authority}")),
        _ => Err(GitHubError::Client("the address has no scheme or no host".to_owned())),
    }
}

/// GitHub Enterprise Server has its REST API at `/api/v3` and GraphQL at `/api/graphql`; elsewhere it stands below the API's
/// own host: `https://api.github.com/graphql`, `https://api.SUBDOMAIN.ghe.com/graphql`.
fn graphql_url(api_url: &str) -> String {
    let api_url = api_url.trim_end_matches('/');
    let root = api_url.strip_suffix("/v3").filter(|root| root.ends_with("/api")).unwrap_or(api_url);
    format!("{root}/graphql")
}

/// The innermost cause: octocrab's own texts carry backtraces.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphql_stands_where_each_kind_of_github_has_it() {
        for (api_url, expected) in [
            ("https://api.github.com", "https://api.github.com/graphql"),
            ("https://api.github.com/", "https://api.github.com/graphql"),
            ("https://ghes.acme.com/api/v3", "https://ghes.acme.com/api/graphql"),
            ("https://ghes.acme.com/api/v3/", "https://ghes.acme.com/api/graphql"),
            ("https://api.acme.ghe.com", "https://api.acme.ghe.com/graphql"),
            ("https://proxy.acme.com/v3", "https://proxy.acme.com/v3/graphql"),
        ] {
            assert_eq!(graphql_url(api_url), expected);
        }
    }

    #[test]
    fn a_token_is_anything_that_a_header_can_carry() {
        let long = format!("ghs_123_{}", "aB3-.".repeat(103));
        for good in ["ghp_x", &long] {
            assert!(bearer(&good.to_owned().into()).is_some());
        }
        for bad in ["", "ghp_x\n", "a b", "ä"] {
            assert!(bearer(&bad.to_owned().into()).is_none(), "{bad:?}");
        }
    }
}
