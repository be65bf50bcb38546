//! What CI and people do at a repository: checks, comments, rights, and what becomes of a draft.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pulls::Pulls;
use super::repository::{Entry, Repository};
use super::routes::Reply;
use super::shapes::{Shapes, node_id};

/// One check of a commit.
struct Check {
    sha: String,
    name: String,
    conclusion: Option<String>,
    /// What its job has printed.
    log: String,
}

/// One comment.
struct Comment {
    pull: usize,
    author: String,
    body: String,
    at: String,
}

/// CI and people.
#[derive(Default)]
pub struct People {
    checks: Vec<Check>,
    comments: Vec<Comment>,
    /// `admin`, `write`, `read` by login; others are no collaborators.
    rights: BTreeMap<String, String>,
    /// Whether the token may read check runs.
    pub checks_are_hidden: bool,
    /// Whether the token may end a draft.
    pub drafts_stay: bool,
}

impl People {
    /// CI begins or ends a check; a check of that name at that commit stands in its place.
    pub fn check(&mut self, sha: &str, name: &str, conclusion: Option<&str>, log: &str) {
        self.checks.retain(|check| (check.sha.as_str(), check.name.as_str()) != (sha, name));
        self.checks.push(Check {
            sha: sha.to_owned(),
            name: name.to_owned(),
            conclusion: conclusion.map(str::to_owned),
            log: log.to_owned(),
        });
    }

    /// Somebody gets a right.
    pub fn grant(&mut self, login: &str, right: &str) {
        self.rights.insert(login.to_owned(), right.to_owned());
    }

    /// Somebody writes a comment; answers its id.
    pub fn comment(&mut self, pull: usize, author: &str, body: &str) -> usize {
        let (author, body, at) = (author.to_owned(), body.to_owned(), super::now());
        self.comments.push(Comment { pull, author, body, at });
        self.comments.len()
    }

    /// The comments of a pull request, as author and text.
    pub fn said(&self, pull: usize) -> Vec<(String, String)> {
        let of = self.comments.iter().filter(|comment| comment.pull == pull);
        of.map(|comment| (comment.author.clone(), comment.body.clone())).collect()
    }

    /// How many comments a pull request has.
    pub fn count(&self, pull: usize) -> usize {
        self.said(pull).len()
    }

    /// `GET …/commits/{sha}/check-runs`.
    pub fn check_runs(&self, sha: &str, query: &[(String, String)], shapes: &Shapes) -> Reply {
        if self.checks_are_hidden {
            return Reply::error(403, "Resource not accessible by personal access token");
        }
        let all = self.checks.iter().enumerate().filter(|(_, check)| check.sha == sha);
        let runs: Vec<_> = all.map(|(at, _)| self.run(at, shapes)).collect();
        let page = page(query, &runs);
        Reply::new(200, json!({"total_count": runs.len(), "check_runs": page}))
    }

    /// `GET …/check-runs/{id}`.
    pub fn check_run(&self, id: &str, shapes: &Shapes) -> Reply {
        match self.at(id) {
            Some(at) => Reply::new(200, self.run(at, shapes)),
            None => Reply::not_found(),
        }
    }

    fn at(&self, id: &str) -> Option<usize> {
        id.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < self.checks.len())
    }

    fn run(&self, at: usize, shapes: &Shapes) -> Value {
        let check = &self.checks[at];
        let id = at + 1;
        let url = shapes.url(&format!("check-runs/{id}"));
        let status = if check.conclusion.is_some() { "completed" } else { "in_progress" };
        let failed = check.conclusion.as_deref() == Some("failure");
        json!({
            "id": id, "node_id": node_id("CheckRun", &id.to_string()), "head_sha": check.sha, "name": check.name, "url": url,
            "html_url": url, "details_url": url, "status": status, "conclusion": check.conclusion,
            "started_at": super::now(), "completed_at": check.conclusion.as_ref().map(|_| super::now()), "external_id": "",
            "check_suite": {"id": 5}, "app": shapes.app("github-actions"), "pull_requests": [],
            "output": {
                "title": if failed { json!("1 test failed") } else { Value::Null }, "summary": null, "text": null,
                "annotations_count": usize::from(failed), "annotations_url": format!("{url}/annotations"),
            },
        })
    }

    /// `GET …/check-runs/{id}/annotations`.
    pub fn annotations(&self, id: &str, shapes: &Shapes) -> Reply {
        let Some(at) = self.at(id) else { return Reply::not_found() };
        let failed = self.checks[at].conclusion.as_deref() == Some("failure");
        let annotation = json!({
            "path": "shop/cart.py", "blob_href": shapes.url("blob"), "start_line": 2, "end_line": 2, "start_column": null,
            "end_column": null, "annotation_level": "failure", "title": null, "message": "assertion failed", "raw_details": null,
        });
        Reply::new(200, if failed { json!([annotation]) } else { json!([]) })
    }

    /// `GET …/actions/jobs/{id}/logs`: where the log can be fetched without a token.
    pub fn log_address(&self, id: &str, shapes: &Shapes) -> Reply {
        match self.at(id) {
            Some(_) => Reply::redirect(format!("{}/signed-logs/{id}?sig=s3cret", shapes.base_url)),
            None => Reply::not_found(),
        }
    }

    /// The log behind a signed address.
    pub fn log(&self, id: &str) -> Option<String> {
        self.at(id).map(|at| self.checks[at].log.clone())
    }

    /// `GET …/actions/runs?head_sha=`: one run for each check.
    pub fn workflow_runs(&self, query: &[(String, String)], shapes: &Shapes) -> Reply {
        let sha = query.iter().find(|(key, _)| key == "head_sha").map(|(_, value)| value.as_str());
        let of = self.checks.iter().filter(|check| Some(check.sha.as_str()) == sha);
        let runs: Vec<_> = of
            .map(|check| shapes.workflow_run(&check.name, &check.sha, check.conclusion.as_deref()))
            .collect();
        Reply::new(200, json!({"total_count": runs.len(), "workflow_runs": runs}))
    }

    /// `GET …/commits/{sha}/status`: nobody here uses statuses.
    pub fn status(sha: &str, shapes: &Shapes) -> Reply {
        let url = shapes.url(&format!("commits/{sha}"));
        Reply::new(
            200,
            json!({
                "state": "pending", "sha": sha, "total_count": 0, "statuses": [], "repository": shapes.repository(),
                "commit_url": url, "url": format!("{url}/status"),
            }),
        )
    }

    /// `GET …/issues/{n}/comments`, the oldest first.
    pub fn comments(&self, number: &str, query: &[(String, String)], shapes: &Shapes) -> Reply {
        let all = self.comments.iter().enumerate().filter(|(_, comment)| comment.pull.to_string() == number);
        let all: Vec<_> = all.map(|(at, comment)| shape(at + 1, comment, shapes)).collect();
        Reply::new(200, json!(page(query, &all)))
    }

    /// `POST …/issues/{n}/comments`.
    pub fn create_comment(&mut self, number: &str, body: &Value, pulls: &Pulls, shapes: &Shapes) -> Reply {
        let Some(pull) = pulls.number(number) else { return Reply::not_found() };
        let text = body["body"].as_str().unwrap_or_default();
        if text.trim().is_empty() || text.len() > 65_536 {
            return Reply::invalid(&json!({"resource": "IssueComment", "field": "body", "code": "invalid"}));
        }
        let id = self.comment(pull, "logmend[bot]", text);
        Reply::new(201, shape(id, &self.comments[id - 1], shapes))
    }

    /// `GET …/collaborators/{login}/permission`.
    pub fn permission(&self, login: &str, shapes: &Shapes) -> Reply {
        let Some(right) = self.rights.get(login) else {
            return Reply::error(404, &format!("{login} is not a user"));
        };
        let mut user = shapes.user(login, "User");
        user["role_name"] = json!(right);
        Reply::new(200, json!({"permission": right, "role_name": right, "user": user}))
    }

    /// `POST /graphql`: the one mutation that ends a draft.
    pub fn graphql(&self, body: &Value, pulls: &mut Pulls) -> Reply {
        let query = body["query"].as_str().unwrap_or_default();
        let known = query.contains("markPullRequestReadyForReview(input: {pullRequestId: $id})");
        let refused = |kind: &str, message: &str| {
            let error = json!({"type": kind, "path": ["markPullRequestReadyForReview"], "message": message});
            Reply::new(200, json!({"data": {"markPullRequestReadyForReview": null}, "errors": [error]}))
        };
        let id = body["variables"]["id"].as_str().unwrap_or_default();
        if !known {
            let error = json!({"message": "Parse error", "locations": []});
            Reply::new(200, json!({"errors": [error]}))
        } else if self.drafts_stay {
            refused("FORBIDDEN", "Resource not accessible by personal access token")
        } else if pulls.mark_ready(id) {
            let ready = json!({"pullRequest": {"isDraft": false}});
            Reply::new(200, json!({"data": {"markPullRequestReadyForReview": ready}}))
        } else {
            refused("NOT_FOUND", "Could not resolve to a node with the global id")
        }
    }
}

fn shape(id: usize, comment: &Comment, shapes: &Shapes) -> Value {
    let (url, issue) =
        (shapes.url(&format!("issues/comments/{id}")), shapes.url(&format!("issues/{}", comment.pull)));
    let kind = if comment.author.ends_with("[bot]") { "Bot" } else { "User" };
    json!({
        "id": id, "node_id": node_id("IssueComment", &id.to_string()), "html_url": url, "issue_url": issue, "url": url,
        "user": shapes.user(&comment.author, kind), "created_at": comment.at, "updated_at": comment.at, "body": comment.body,
        "author_association": "NONE",
    })
}

fn page(query: &[(String, String)], all: &[Value]) -> Vec<Value> {
    let of = |key: &str, default: usize| {
        query
            .iter()
            .find(|(name, _)| name == key)
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(default)
    };
    let per_page = of("per_page", 30).min(100);
    all.iter().skip(per_page * (of("page", 1) - 1)).take(per_page).cloned().collect()
}

/// Somebody pushes a file to a branch, as people do.
pub fn push(repository: &Repository, branch: &str, path: &str, content: &str) {
    let reference = format!("refs/heads/{branch}");
    let old = repository.resolve(&reference).unwrap();
    let sha = repository.write_blob(content.as_bytes());
    let entry = Entry::Put { path: path.to_owned(), mode: "100644".to_owned(), sha };
    let tree = repository.write_tree(Some(&old), &[entry]).unwrap();
    let jane = [("GIT_AUTHOR_NAME", "Jane"), ("GIT_COMMITTER_NAME", "Jane")];
    let commit = repository.write_commit("By hand", &tree, &[&old], &jane).unwrap();
    repository.point(&reference, &commit, Some(&old)).unwrap();
}
