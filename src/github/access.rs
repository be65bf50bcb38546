//! What whoever speaks for a repository may do there, found out without changing anything.
//!
//! An App's installation lists its permissions, and a classic token's answers list its scopes. A fine-grained token tells
//! nothing of itself ("GitHub REST API documentation", "Permissions required for fine-grained personal access tokens"), so that
//! what is to be created is asked for in a way that cannot succeed: GitHub refuses a missing permission (403) before it looks
//! at what is asked for (422).

use std::collections::BTreeMap;

use http::response::Parts;
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::names::segment;
use super::{GitHub, GitHubError, RepoName};
use crate::model::UnixNanos;

/// No object has this id: git's own sign for "nothing".
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// Who speaks for the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaker {
    /// Nobody: what is public can be read.
    Nobody,
    /// A token of the classic kind, with its scopes.
    Classic(Vec<String>),
    /// A fine-grained token.
    FineGrained,
    /// A GitHub App's installation.
    App,
}

/// What may be done in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// By whom.
    pub speaker: Speaker,
    /// The branch that fixes are for, which is there.
    pub base_branch: String,
    /// What is needed and not granted, as GitHub names permissions: `contents: write`.
    pub missing: Vec<&'static str>,
    /// Whether workflows may be changed, which is never done; `None` where that cannot be seen.
    pub may_change_workflows: Option<bool>,
    /// When the token ends, where GitHub says so.
    pub ends: Option<String>,
    /// What time it is by GitHub's clock.
    pub told_at: Option<UnixNanos>,
}

/// The repository as GitHub tells of it.
#[derive(Deserialize)]
struct About {
    #[serde(default)]
    private: bool,
    permissions: Option<Granted>,
}

/// What the user may do, whatever the token may.
#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    push: bool,
}

impl GitHub {
    /// Looks at what may be done in a repository: each question is asked once.
    ///
    /// # Errors
    ///
    /// [`GitHubError`] where the repository or its base branch cannot be read, or cannot be written by anybody.
    pub async fn access(&self, repository: &RepoName, branch: Option<&str>) -> Result<Access, GitHubError> {
        let (parts, bytes) = self.asked(Method::GET, &repository.route(""), None).await?;
        let about: About = read("GET the repository", &bytes)?;
        let base = self.base(repository, branch).await?;
        let mut missing = self.unreadable(repository, &base.commit).await?;
        let granted = self.of(Some(repository)).granted(repository).await?;
        let (speaker, workflows) = match (granted, scopes(&parts.headers)) {
            (Some(granted), _) => {
                missing.extend(unwritable(&granted));
                (Speaker::App, Some(granted.get("workflows").is_some_and(|right| right == "write")))
            }
            _ if !self.may_write(repository) => {
                missing.extend(["contents: write", "pull_requests: write"]);
                (Speaker::Nobody, Some(false))
            }
            (None, Some(scopes)) => {
                missing.extend(beyond_scopes(&scopes, &about));
                let workflows = scopes.iter().any(|scope| scope == "workflow");
                (Speaker::Classic(scopes), Some(workflows))
            }
            (None, None) => {
                missing.extend(self.refused_writes(repository, &base.branch).await?);
                (Speaker::FineGrained, None)
            }
        };
        Ok(Access {
            speaker,
            base_branch: base.branch,
            missing,
            may_change_workflows: workflows,
            ends: text(&parts, "github-authentication-token-expiration"),
            told_at: UnixNanos::of_date_header(&parts.headers),
        })
    }

    /// What of CI cannot be read.
    async fn unreadable(
        &self,
        repository: &RepoName,
        commit: &str,
    ) -> Result<Vec<&'static str>, GitHubError> {
        let commit = segment(commit);
        let mut missing = Vec::new();
        for (name, rest) in [
            ("checks: read", format!("/commits/{commit}/check-runs?per_page=1")),
            ("statuses: read", format!("/commits/{commit}/status")),
            ("actions: read", "/actions/runs?per_page=1".to_owned()),
        ] {
            match self.asked(Method::GET, &repository.route(&rest), None).await {
                Ok(_) => {}
                Err(GitHubError::Refused {
                    status: StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, ..
                }) => {
                    missing.push(name);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// What GitHub refuses to create before it looks at it: a branch at no commit, a pull request from a branch into itself.
    async fn refused_writes(
        &self,
        repository: &RepoName,
        base: &str,
    ) -> Result<Vec<&'static str>, GitHubError> {
        let branch = json!({"ref": "refs/heads/logmend/check", "sha": NO_COMMIT});
        let pull = json!({"title": "logmend check", "head": base, "base": base});
        let mut missing = Vec::new();
        for (name, rest, body) in
            [("contents: write", "/git/refs", branch), ("pull_requests: write", "/pulls", pull)]
        {
            match self.asked(Method::POST, &repository.route(rest), Some(&body)).await {
                Err(GitHubError::Refused {
                    status: StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, ..
                }) => {
                    missing.push(name);
                }
                // Whatever else it is refused for comes after the permission.
                Err(GitHubError::Refused { .. }) | Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// One call, with the answer's head.
    async fn asked(
        &self,
        method: Method,
        route: &str,
        body: Option<&Value>,
    ) -> Result<(Parts, bytes::Bytes), GitHubError> {
        let call = format!("{method} {route}");
        let repository = RepoName::of_route(route);
        let (parts, bytes) = self.tried(&call, method, route, body, repository.as_ref()).await?;
        if parts.status.is_success() {
            return Ok((parts, bytes));
        }
        Err(GitHubError::of_answer(call, parts.status, &parts.headers, &bytes))
    }
}

fn read<'a, T: Deserialize<'a>>(call: &str, bytes: &'a [u8]) -> Result<T, GitHubError> {
    serde_json::from_slice(bytes)
        .map_err(|error| GitHubError::Malformed { call: call.to_owned(), why: error.to_string() })
}

fn text(parts: &Parts, header: &str) -> Option<String> {
    let text = parts.headers.get(header)?.to_str().ok()?;
    Some(crate::redact::cut(text, 40).to_owned())
}

/// The scopes of a classic token; `None` for any other, and for one without scopes, which is found out like any other.
fn scopes(headers: &HeaderMap) -> Option<Vec<String>> {
    let scopes = headers.get("x-oauth-scopes")?.to_str().ok()?;
    let scopes: Vec<_> =
        scopes.split(',').map(|scope| scope.trim().to_owned()).filter(|scope| !scope.is_empty()).collect();
    (!scopes.is_empty()).then_some(scopes)
}

/// What a classic token may not write: its scopes are for all repositories that its user may push to.
fn beyond_scopes(scopes: &[String], about: &About) -> Vec<&'static str> {
    let has = |name: &str| scopes.iter().any(|scope| scope == name);
    let may_push = about.permissions.as_ref().is_none_or(|granted| granted.push);
    if may_push && (has("repo") || has("public_repo") && !about.private) {
        Vec::new()
    } else {
        vec!["contents: write", "pull_requests: write"]
    }
}

/// What an App's installation may not write.
fn unwritable(granted: &BTreeMap<String, String>) -> Vec<&'static str> {
    let may_write = |name: &str| granted.get(name).is_some_and(|right| right == "write");
    let needed = [("contents", "contents: write"), ("pull_requests", "pull_requests: write")];
    needed.into_iter().filter(|(name, _)| !may_write(name)).map(|(_, told)| told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_a_classic_token_are_judged_with_what_its_user_may_do() {
        let check = |scopes: &str, private: bool, push: bool, expected: usize| {
            let header = HeaderMap::from_iter([("x-oauth-scopes".parse().unwrap(), scopes.parse().unwrap())]);
            let about = About { private, permissions: Some(Granted { push }) };
            let missing = beyond_scopes(&super::scopes(&header).unwrap(), &about);
            assert_eq!(missing.len(), expected, "{scopes} {private} {push}");
        };
        check("repo, workflow", true, true, 0);
        check("repo", true, false, 2);
        check("public_repo", false, true, 0);
        check("public_repo", true, true, 2);
        check("read:org", false, true, 2);
        let empty = HeaderMap::from_iter([("x-oauth-scopes".parse().unwrap(), "".parse().unwrap())]);
        assert!(scopes(&empty).is_none() && scopes(&HeaderMap::new()).is_none());
    }

    #[test]
    fn permissions_of_an_app_are_read_as_granted() {
        let granted = |pairs: &[(&str, &str)]| {
            unwritable(&pairs.iter().map(|(name, right)| ((*name).into(), (*right).into())).collect())
        };
        assert_eq!(granted(&[("contents", "write"), ("pull_requests", "write")]), [""; 0]);
        assert_eq!(granted(&[("contents", "read")]), ["contents: write", "pull_requests: write"]);
    }
}
