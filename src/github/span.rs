//! The span of one call, as OpenTelemetry's semantic conventions for HTTP clients have it, with the route's template in place of
//! its address: that names branches, files and people, and no two of it are alike.
//!
//! Source: OpenTelemetry semantic conventions, "Semantic conventions for HTTP spans"; the templates are those of GitHub's own
//! description of its API.

use http::response::Parts;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::GitHubError;
use super::connection::Call;

/// The routes that are called, below a repository. Longer ones stand before those that they begin with.
const BELOW_A_REPOSITORY: &[&str] = &[
    "",
    "/actions/jobs/{job_id}/logs",
    "/actions/runs",
    "/check-runs/{check_run_id}/annotations",
    "/check-runs/{check_run_id}",
    "/collaborators/{username}/permission",
    "/commits/{ref}/check-runs",
    "/commits/{ref}/status",
    "/commits/{ref}",
    "/commits",
    "/compare/{basehead}",
    "/git/blobs/{file_sha}",
    "/git/blobs",
    "/git/commits/{commit_sha}",
    "/git/commits",
    "/git/ref/{ref}",
    "/git/refs/{ref}",
    "/git/refs",
    "/git/trees/{tree_sha}",
    "/git/trees",
    "/installation",
    "/issues/{issue_number}/comments",
    "/issues/{issue_number}/labels",
    "/labels",
    "/pulls/{pull_number}/requested_reviewers",
    "/pulls/{pull_number}",
    "/pulls",
];

const REPOSITORY: &str = "/repos/{owner}/{repo}";
const ACCESS_TOKENS: &str = "/app/installations/{installation_id}/access_tokens";

/// The span of a call that is about to be sent to the API at this address.
pub(super) fn of_call(api_url: &str, call: &Call<'_>) -> Span {
    let uri = api_url.parse::<http::Uri>().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
    let template = template(call.address);
    tracing::info_span!(
        "call GitHub",
        otel.name = %format_args!("{} {template}", call.method),
        otel.kind = "client",
        otel.status_code = field::Empty,
        http.request.method = %call.method,
        url.template = template,
        server.address = uri.host().unwrap_or_default(),
        server.port = port,
        http.response.status_code = field::Empty,
    )
}

/// Notes what came of it. Of a client's span every refusal is an error, also one that was to be expected.
pub(super) fn tell<B>(span: &Span, answered: &Result<(Parts, B), GitHubError>) {
    let fault = match answered {
        Ok((parts, _)) => {
            span.record("http.response.status_code", parts.status.as_u16());
            let is_refused = parts.status.is_client_error() || parts.status.is_server_error();
            is_refused.then(|| parts.status.as_u16().to_string())
        }
        Err(GitHubError::Network { .. }) => Some("network".to_owned()),
        Err(_) => Some("malformed".to_owned()),
    };
    if let Some(fault) = fault {
        span.record("otel.status_code", "ERROR");
        span.set_attribute("error.type", fault);
    }
}

/// The template of an address, which is a path below the API's own or, as that of GraphQL, a whole one.
fn template(address: &str) -> String {
    let path = address.split('?').next().unwrap_or_default();
    if !path.starts_with('/') {
        return "/graphql".to_owned();
    }
    if let Some(below) = below_a_repository(path) {
        let known = BELOW_A_REPOSITORY.iter().find(|template| fits(template, below));
        return format!("{REPOSITORY}{}", known.unwrap_or(&"/{path}"));
    }
    if fits(ACCESS_TOKENS, path) { ACCESS_TOKENS.to_owned() } else { "/{path}".to_owned() }
}

/// What follows `/repos/OWNER/NAME`.
fn below_a_repository(path: &str) -> Option<&str> {
    let (_, rest) = path.strip_prefix("/repos/")?.split_once('/')?;
    Some(rest.find('/').map_or("", |end| &rest[end..]))
}

/// Whether a path is one of a template. A value at the end may have slashes in it, as branches have.
fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/').peekable(), path.split('/'));
    while let Some(part) = wanted.next() {
        let Some(segment) = given.next() else { return false };
        let is_value = part.starts_with('{');
        if is_value && wanted.peek().is_none() {
            return !segment.is_empty();
        }
        if !is_value && part != segment {
            return false;
        }
    }
    given.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_nothing_of_what_is_called() {
        for (address, expected) in [
            ("/repos/acme/shop", "/repos/{owner}/{repo}"),
            ("/repos/acme/shop/git/ref/heads/release/2.0", "/repos/{owner}/{repo}/git/ref/{ref}"),
            ("/repos/acme/shop/git/refs/heads/logmend/x/1", "/repos/{owner}/{repo}/git/refs/{ref}"),
            ("/repos/acme/shop/git/trees/abc?recursive=1", "/repos/{owner}/{repo}/git/trees/{tree_sha}"),
            ("/repos/acme/shop/git/trees", "/repos/{owner}/{repo}/git/trees"),
            ("/repos/acme/shop/commits?sha=abc&path=secret.py", "/repos/{owner}/{repo}/commits"),
            (
                "/repos/acme/shop/commits/abc/check-runs?page=1",
                "/repos/{owner}/{repo}/commits/{ref}/check-runs",
            ),
            ("/repos/acme/shop/commits/v1/2", "/repos/{owner}/{repo}/commits/{ref}"),
            ("/repos/acme/shop/compare/a...b", "/repos/{owner}/{repo}/compare/{basehead}"),
            (
                "/repos/acme/shop/pulls/7/requested_reviewers",
                "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",
            ),
            ("/repos/acme/shop/unknown/7", "/repos/{owner}/{repo}/{path}"),
            ("/app/installations/7/access_tokens", ACCESS_TOKENS),
            ("/users/octocat", "/{path}"),
            ("https://api.github.com/graphql", "/graphql"),
        ] {
            assert_eq!(template(address), expected, "{address}");
        }
    }
}
