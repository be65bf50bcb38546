//! Which request does what.

use serde_json::{Value, json};

use super::app::Installed;
use super::history;
use super::people::People;
use super::pulls::{Pulls, is_base};
use super::repository::{Entry, Repository};
use super::shapes::{NAME, OWNER, Shapes};

/// The modes that GitHub takes, with the kind of object that each is for.
const MODES: &[(&str, &str)] =
    &[("100644", "blob"), ("100755", "blob"), ("120000", "blob"), ("040000", "tree"), ("160000", "commit")];

/// An answer before it is sent.
pub struct Reply {
    pub status: u16,
    pub body: Value,
    /// Where else the answer is.
    pub location: Option<String>,
}

impl Reply {
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, body, location: None }
    }

    /// The answer is elsewhere.
    pub fn redirect(location: String) -> Self {
        Self { location: Some(location), ..Self::new(302, Value::Null) }
    }

    /// An error as GitHub words it.
    pub fn error(status: u16, message: &str) -> Self {
        let documentation = "https://docs.github.com/rest";
        Self::new(
            status,
            json!({"message": message, "documentation_url": documentation, "status": status.to_string()}),
        )
    }

    pub fn not_found() -> Self {
        Self::error(404, "Not Found")
    }

    /// The refusal of one field.
    pub fn invalid(error: &Value) -> Self {
        let mut reply = Self::error(422, "Validation Failed");
        reply.body["errors"] = json!([error]);
        reply
    }
}

fn unprocessable(message: &str) -> Reply {
    Reply::error(422, message)
}

/// A request that came with what every request must have.
pub struct Asked<'a> {
    pub method: &'a str,
    /// The path without its leading slash, each segment decoded.
    pub path: Vec<String>,
    pub query: Vec<(String, String)>,
    pub body: &'a Value,
}

/// One repository of GitHub.
pub struct Model {
    pub repository: Repository,
    pub pulls: Pulls,
    pub installed: Installed,
    pub people: People,
    pub shapes: Shapes,
    /// What a client must never do, and did.
    pub violations: Vec<String>,
}

impl Model {
    pub fn answer(&mut self, asked: &Asked) -> Reply {
        let path: Vec<_> = asked.path.iter().map(String::as_str).collect();
        self.pulls.count_comments(|number| self.people.count(number));
        if (asked.method, &path[..]) == ("POST", &["graphql"]) {
            return self.people.graphql(asked.body, &mut self.pulls);
        }
        if let ("POST", ["app", "installations", id, "access_tokens"]) = (asked.method, path.as_slice()) {
            return self.installed.grant(id, asked.body, &self.shapes);
        }
        let known = path.strip_prefix(&["repos", OWNER, NAME]).and_then(|rest| self.route(asked, rest));
        known.unwrap_or_else(|| {
            self.violations.push(format!("unexpected: {} /{}", asked.method, path.join("/")));
            Reply::not_found()
        })
    }

    fn route(&mut self, asked: &Asked, path: &[&str]) -> Option<Reply> {
        let (body, repository, shapes) = (asked.body, &self.repository, &self.shapes);
        let reply = match (asked.method, path) {
            ("GET", []) => Reply::new(200, shapes.repository()),
            ("GET", ["installation"]) => Installed::installation(shapes),
            ("GET", ["git", "ref", name @ ..]) => self.get_reference(&name.join("/")),
            ("GET", ["git", kind @ ("commits" | "trees" | "blobs"), sha]) => {
                let recursive = asked.query.iter().any(|(key, _)| key == "recursive");
                self.get_object(kind, sha, recursive)
            }
            ("GET", ["commits"]) => history::list(asked, repository, shapes),
            ("GET", ["commits", sha, "check-runs"]) => self.people.check_runs(sha, &asked.query, shapes),
            ("GET", ["commits", sha, "status"]) => People::status(sha, shapes),
            ("GET", ["commits", name @ ..]) => self.get_commit(&name.join("/")),
            ("GET", ["compare", ends]) => history::compare(ends, asked, repository, shapes),
            ("POST", ["git", "blobs"]) => self.create_blob(body),
            ("POST", ["git", "trees"]) => self.create_tree(body),
            ("POST", ["git", "commits"]) => self.create_commit(body),
            ("POST", ["git", "refs"]) => self.create_reference(body),
            ("PATCH", ["git", "refs", name @ ..]) => self.update_reference(&name.join("/"), body),
            ("DELETE", ["git", "refs", name @ ..]) => self.delete_reference(&name.join("/")),
            ("GET", ["pulls"]) => {
                if asked.query.iter().any(|(key, value)| key == "head" && !value.contains(':')) {
                    self.violations
                        .push("the filter `head` lacks its owner: GitHub takes no notice of it".to_owned());
                }
                self.pulls.list(&asked.query, repository, shapes)
            }
            ("POST", ["pulls"]) => self.pulls.open(body, repository, shapes),
            ("GET", ["pulls", number]) => self.pulls.get(number, repository, shapes),
            ("POST", ["pulls", number, "requested_reviewers"]) => {
                self.pulls.request_reviews(number, body, repository, shapes)
            }
            ("GET", ["labels"]) => self.pulls.labels(),
            ("GET", ["labels", name]) => {
                self.pulls.label(name).map_or_else(Reply::not_found, |label| Reply::new(200, label))
            }
            ("POST", ["labels"]) => self.pulls.create_label(body, shapes),
            ("GET", ["issues", number, "labels"]) => self.pulls.issue_labels(number, None, shapes),
            ("POST", ["issues", number, "labels"]) => self.pulls.issue_labels(number, Some(body), shapes),
            ("GET", ["check-runs", id]) => self.people.check_run(id, shapes),
            ("GET", ["check-runs", id, "annotations"]) => self.people.annotations(id, shapes),
            ("GET", ["actions", "runs"]) => self.people.workflow_runs(&asked.query, shapes),
            ("GET", ["actions", "jobs", id, "logs"]) => self.people.log_address(id, shapes),
            ("GET", ["issues", number, "comments"]) => self.people.comments(number, &asked.query, shapes),
            ("POST", ["issues", number, "comments"]) => {
                self.people.create_comment(number, body, &self.pulls, shapes)
            }
            ("GET", ["collaborators", login, "permission"]) => self.people.permission(login, shapes),
            _ => return None,
        };
        Some(reply)
    }

    fn get_reference(&self, name: &str) -> Reply {
        let name = format!("refs/{name}");
        let sha = self.repository.resolve(&name);
        sha.map_or_else(Reply::not_found, |sha| Reply::new(200, self.shapes.reference(&name, &sha)))
    }

    fn get_object(&self, kind: &str, sha: &str, recursive: bool) -> Reply {
        let (repository, shapes) = (&self.repository, &self.shapes);
        let body = match (kind, repository.kind(sha).as_deref()) {
            ("commits", Some("commit")) => shapes.git_commit(sha, &repository.commit(sha)),
            ("trees", Some("tree" | "commit")) => shapes.tree(sha, repository.tree(sha, recursive)),
            ("blobs", Some("blob")) => shapes.blob(sha, repository),
            _ => return Reply::not_found(),
        };
        Reply::new(200, body)
    }

    fn get_commit(&self, name: &str) -> Reply {
        match history::find(name, &self.repository) {
            Some(sha) => Reply::new(200, self.shapes.commit(&sha, &self.repository.commit(&sha))),
            None => unprocessable(&format!("No commit found for SHA: {name}")),
        }
    }

    fn create_blob(&mut self, body: &Value) -> Reply {
        let Some(content) = body["content"].as_str() else {
            return unprocessable("Invalid request.\n\n\"content\" wasn't supplied.");
        };
        let bytes = match body["encoding"].as_str().unwrap_or("utf-8") {
            "utf-8" => content.as_bytes().to_vec(),
            "base64" => match super::decode(content) {
                Some(bytes) => bytes,
                None => return unprocessable("content is not valid Base64"),
            },
            _ => return unprocessable("encoding must be utf-8 or base64"),
        };
        let sha = self.repository.write_blob(&bytes);
        Reply::new(201, json!({"sha": sha, "url": self.shapes.url(&format!("git/blobs/{sha}"))}))
    }

    fn create_tree(&mut self, body: &Value) -> Reply {
        let base = body["base_tree"].as_str();
        if base.is_some_and(|base| self.repository.kind(base).as_deref() != Some("tree")) {
            return unprocessable("base_tree is not a valid tree oid");
        }
        let Some(asked) = body["tree"].as_array().filter(|tree| !tree.is_empty()) else {
            return unprocessable("Invalid tree info");
        };
        let entries: Result<Vec<_>, _> = asked.iter().map(|entry| self.tree_entry(entry, base)).collect();
        match entries.and_then(|entries| self.repository.write_tree(base, &entries)) {
            Ok(sha) => Reply::new(201, self.shapes.tree(&sha, self.repository.tree(&sha, false))),
            Err(message) => unprocessable(&message),
        }
    }

    /// One entry of a new tree, or why it is refused.
    fn tree_entry(&mut self, entry: &Value, base: Option<&str>) -> Result<Entry, String> {
        let path = entry["path"].as_str().unwrap_or_default().to_owned();
        if path.split('/').any(|part| matches!(part.to_ascii_lowercase().as_str(), "" | "." | ".." | ".git"))
        {
            return Err("tree.path contains a malformed path component".to_owned());
        }
        let there = base.map(|base| self.repository.tree(base, true)).unwrap_or_default();
        let there = there.iter().find(|listed| listed.path == path);
        let mode = entry["mode"].as_str().unwrap_or_default();
        let Some((mode, kind)) = MODES.iter().find(|(known, _)| *known == mode) else {
            return Err("tree.mode must be one of 100644, 100755, 040000, 160000, 120000".to_owned());
        };
        if path.starts_with(".github/workflows/") {
            self.violations.push(format!("writes a workflow: {path}"));
        }
        if there.is_some_and(|listed| listed.mode != *mode) {
            self.violations.push(format!("changes the mode of {path} to {mode}"));
        }
        if entry["type"].as_str().is_some_and(|named| named != *kind) {
            return Err(format!("tree.type does not fit mode {mode}"));
        }
        let sha = match (entry.get("sha"), entry.get("content").and_then(Value::as_str)) {
            (Some(Value::Null), None) if there.is_some() => return Ok(Entry::Delete { path }),
            (Some(Value::Null), None) => return Err("GitRPC::BadObjectState".to_owned()),
            (Some(Value::String(sha)), None) => sha.clone(),
            (None, Some(content)) if *kind == "blob" => self.repository.write_blob(content.as_bytes()),
            _ => return Err("Must supply either tree.sha or tree.content".to_owned()),
        };
        if *kind != "commit" && self.repository.kind(&sha).as_deref() != Some(kind) {
            return Err(format!("tree.sha {sha} is not a valid {kind}"));
        }
        Ok(Entry::Put { path, mode: (*mode).to_owned(), sha })
    }

    fn create_commit(&mut self, body: &Value) -> Reply {
        let tree = body["tree"].as_str().unwrap_or_default();
        let message = body["message"].as_str().unwrap_or_default();
        let parents: Vec<_> =
            body["parents"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if message.trim().is_empty() {
            return unprocessable("Invalid request.\n\n\"message\" wasn't supplied.");
        }
        if self.repository.kind(tree).as_deref() != Some("tree") {
            return unprocessable("Tree SHA does not exist");
        }
        if parents.iter().any(|parent| self.repository.kind(parent).as_deref() != Some("commit")) {
            return unprocessable("Parent SHA does not exist or is not a commit object");
        }
        let mut people = Vec::new();
        for (who, variable) in [("author", "AUTHOR"), ("committer", "COMMITTER")] {
            for part in ["name", "email", "date"] {
                if let Some(value) = body[who][part].as_str() {
                    people.push((format!("GIT_{variable}_{}", part.to_ascii_uppercase()), value));
                }
            }
        }
        let people: Vec<_> = people.iter().map(|(variable, value)| (variable.as_str(), *value)).collect();
        match self.repository.write_commit(message, tree, &parents, &people) {
            Ok(sha) => Reply::new(201, self.shapes.git_commit(&sha, &self.repository.commit(&sha))),
            Err(message) => unprocessable(&message),
        }
    }

    fn create_reference(&mut self, body: &Value) -> Reply {
        let (name, sha) =
            (body["ref"].as_str().unwrap_or_default(), body["sha"].as_str().unwrap_or_default());
        if !name.starts_with("refs/") || name.matches('/').count() < 2 {
            return unprocessable("Reference name must start with 'refs/' and have at least two slashes");
        }
        if self.repository.resolve(name).is_some() {
            return unprocessable("Reference already exists");
        }
        match self.repository.kind(sha).as_deref() {
            Some("commit") => {}
            Some(_) => return unprocessable("Object is not a commit"),
            None => return unprocessable("Object does not exist"),
        }
        match self.repository.point(name, sha, None) {
            Ok(()) => Reply::new(201, self.shapes.reference(name, sha)),
            Err(_) => unprocessable("Reference update failed"),
        }
    }

    fn update_reference(&mut self, name: &str, body: &Value) -> Reply {
        let (name, sha) = (format!("refs/{name}"), body["sha"].as_str().unwrap_or_default());
        if body["force"] == true {
            self.violations.push(format!("forces {name}"));
            return unprocessable("Cannot force-push to this branch");
        }
        if is_base(&name) {
            self.violations.push(format!("writes to the base branch: {name}"));
            return unprocessable("Changes must be made through a pull request.");
        }
        let Some(old) = self.repository.resolve(&name) else {
            return unprocessable("Reference does not exist");
        };
        if self.repository.kind(sha).as_deref() != Some("commit") {
            return unprocessable("Object does not exist");
        }
        if !self.repository.is_ancestor(&old, sha) {
            return unprocessable("Update is not a fast forward");
        }
        match self.repository.point(&name, sha, Some(&old)) {
            Ok(()) => Reply::new(200, self.shapes.reference(&name, sha)),
            Err(_) => unprocessable("Reference update failed"),
        }
    }
    /// Whatever is no branch of ours, or has a pull request, is not to be removed.
    fn delete_reference(&mut self, name: &str) -> Reply {
        let name = format!("refs/{name}");
        let Some(old) = self.repository.resolve(&name) else {
            return unprocessable("Reference does not exist");
        };
        let branch = name.trim_start_matches("refs/heads/");
        if !branch.starts_with("logmend/") || self.pulls.is_of(branch) {
            self.violations.push(format!("removes {name}"));
            return unprocessable("Cannot delete this branch");
        }
        self.repository.remove(&name, &old);
        Reply::new(204, Value::Null)
    }
}
