//! GitHub's GraphQL API, for the little that its REST API cannot do: a draft ends there alone.

use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::again_while_busy;
use super::{GitHub, GitHubError, RepoName};

/// GraphQL answers 200 where it refuses, too.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Value,
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
}

impl Fault {
    /// The status by which the REST API says the same, so that callers need know one language of refusals alone.
    fn status(&self) -> StatusCode {
        match self.kind.as_deref() {
            Some("RATE_LIMITED" | "RATE_LIMIT") => StatusCode::TOO_MANY_REQUESTS,
            Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => StatusCode::FORBIDDEN,
            Some("NOT_FOUND") => StatusCode::NOT_FOUND,
            Some("SERVICE_UNAVAILABLE" | "INTERNAL") => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

impl GitHub {
    /// Asks, as whoever speaks for `repository`, again and again while GitHub is busy: a mutation must be one that may be
    /// carried out twice. Answers `data`.
    ///
    /// # Errors
    ///
    /// [`GitHubError`]; a refusal that comes with status 200 has the status that the REST API gives to its like.
    pub async fn graphql(
        &self,
        repository: &RepoName,
        query: &str,
        variables: &Value,
    ) -> Result<Value, GitHubError> {
        let body = json!({"query": query, "variables": variables});
        again_while_busy(|| self.graphql_once(repository, &body)).await
    }

    async fn graphql_once(&self, repository: &RepoName, body: &Value) -> Result<Value, GitHubError> {
        let connection = self.of(Some(repository));
        let url = connection.graphql_url.clone();
        let call = "POST graphql".to_owned();
        let (parts, bytes) = self.tried(&call, Method::POST, &url, Some(body), Some(repository)).await?;
        if !parts.status.is_success() {
            return Err(GitHubError::of_answer(call, parts.status, &parts.headers, &bytes));
        }
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|error| GitHubError::Malformed { call: call.clone(), why: error.to_string() })?;
        let Some(fault) = answer.errors.first() else { return Ok(answer.data) };
        let told: Vec<_> = answer.errors.iter().filter_map(|fault| fault.message.as_deref()).collect();
        let told = json!({"message": told.join("; ")}).to_string();
        let status = fault.status();
        // Those of a limit tell how long to wait; beside any other refusal they would make a limit of it.
        let headers = if status == StatusCode::TOO_MANY_REQUESTS { parts.headers } else { HeaderMap::new() };
        Err(GitHubError::of_answer(call, status, &headers, told.as_bytes()))
    }
}
