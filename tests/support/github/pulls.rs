//! Pull requests and labels: the part of GitHub that git does not keep.

use serde_json::{Value, json};

use super::repository::{BASE, Repository};
use super::routes::Reply;
use super::shapes::{OWNER, Shapes};

/// The longest title and body in characters, beyond which GitHub refuses a pull request.
const TITLE_MAX: usize = 256;
const BODY_MAX: usize = 65_536;
/// The longest description of a label in characters.
const DESCRIPTION_MAX: usize = 100;

/// Who opens pull requests here.
const AUTHOR: &str = "logmend[bot]";
/// Who can be asked for a review.
const COLLABORATORS: [&str; 2] = ["hubot", "octocat"];
const TEAMS: [&str; 1] = ["payments"];

/// What people and programs said about a change.
#[expect(clippy::struct_excessive_bools, reason = "GitHub keeps them apart too")]
struct PullRequest {
    title: String,
    body: Value,
    branch: String,
    base: String,
    draft: bool,
    maintainer_can_modify: bool,
    labels: Vec<String>,
    /// Logins, and slugs of teams, that are asked for a review.
    reviewers: Vec<String>,
    teams: Vec<String>,
    created_at: String,
    closed_at: Option<String>,
    /// Whether that was by merging it.
    merged: bool,
    /// What the branch pointed at when it was last seen.
    sha: String,
    /// What it became on the base branch.
    merge_commit: Option<String>,
    /// Whether it cannot be merged.
    conflict: bool,
    comments: usize,
}

/// The pull requests, numbered from 1, and the labels.
#[derive(Default)]
pub struct Pulls {
    all: Vec<PullRequest>,
    /// The labels as answered.
    labels: Vec<Value>,
}

impl Pulls {
    /// Whether a branch has a pull request.
    pub fn is_of(&self, branch: &str) -> bool {
        self.all.iter().any(|pull| pull.branch == branch)
    }

    /// `POST …/pulls`.
    pub fn open(&mut self, body: &Value, repository: &Repository, shapes: &Shapes) -> Reply {
        let text = |key: &str| body[key].as_str().unwrap_or_default();
        let (title, base) = (text("title"), text("base"));
        let branch = text("head").strip_prefix(&format!("{OWNER}:")).unwrap_or(text("head"));
        let (head_sha, base_sha) = (repository.resolve(&heads(branch)), repository.resolve(&heads(base)));
        let invalid = |field: &str, code: &str| {
            Err(Reply::invalid(&json!({"resource": "PullRequest", "field": field, "code": code})))
        };
        let custom = |message: String| {
            Err(Reply::invalid(&json!({"resource": "PullRequest", "code": "custom", "message": message})))
        };
        let checked = match (head_sha, base_sha) {
            _ if title.trim().is_empty() => invalid("title", "missing_field"),
            _ if title.chars().count() > TITLE_MAX => {
                custom(format!("title is too long (maximum is {TITLE_MAX} characters)"))
            }
            _ if text("body").chars().count() > BODY_MAX => {
                custom(format!("body is too long (maximum is {BODY_MAX} characters)"))
            }
            (None, _) => invalid("head", "invalid"),
            (_, None) => invalid("base", "invalid"),
            _ if self
                .all
                .iter()
                .any(|pull| pull.closed_at.is_none() && pull.branch == branch && pull.base == base) =>
            {
                custom(format!("A pull request already exists for {OWNER}:{branch}."))
            }
            (Some(head), Some(base_sha)) if repository.is_ancestor(&head, &base_sha) => {
                custom(format!("No commits between {base} and {branch}"))
            }
            (Some(head), Some(_)) => Ok(head),
        };
        let sha = match checked {
            Ok(sha) => sha,
            Err(refused) => return refused,
        };
        self.all.push(PullRequest {
            title: title.to_owned(),
            body: body["body"].clone(),
            branch: branch.to_owned(),
            base: base.to_owned(),
            draft: body["draft"] == true,
            maintainer_can_modify: body["maintainer_can_modify"] != false,
            labels: Vec::new(),
            reviewers: Vec::new(),
            teams: Vec::new(),
            created_at: super::now(),
            closed_at: None,
            merged: false,
            sha,
            merge_commit: None,
            conflict: false,
            comments: 0,
        });
        Reply::new(201, self.shape(self.all.len(), repository, shapes))
    }

    /// A pull request in full, as it is now.
    pub fn get(&mut self, number: &str, repository: &Repository, shapes: &Shapes) -> Reply {
        match number.parse() {
            Ok(number) if (1..=self.all.len()).contains(&number) => {
                Reply::new(200, self.shape(number, repository, shapes))
            }
            _ => Reply::not_found(),
        }
    }

    /// All in full, the first one first.
    pub fn all(&mut self, repository: &Repository, shapes: &Shapes) -> Vec<Value> {
        (1..=self.all.len()).map(|number| self.shape(number, repository, shapes)).collect()
    }

    /// `GET …/pulls`: the newest first, in the shape of lists.
    pub fn list(&mut self, query: &[(String, String)], repository: &Repository, shapes: &Shapes) -> Reply {
        let of = |key: &str| query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        let number = |key, default| of(key).and_then(|value| value.parse().ok()).unwrap_or(default);
        let (per_page, page) = (number("per_page", 30_usize), number("page", 1_usize));
        let found = self.all(repository, shapes).into_iter().rev().filter(|pull| {
            let state = of("state").unwrap_or("open");
            (state == "all" || pull["state"] == state)
                && of("head").is_none_or(|head| pull["head"]["label"] == head)
                && of("base").is_none_or(|base| pull["base"]["ref"] == base)
        });
        let found = found.skip(per_page * page.saturating_sub(1)).take(per_page.min(100));
        Reply::new(200, found.map(simple).collect())
    }

    /// People close a pull request without merging it.
    pub fn close(&mut self, number: usize) {
        self.all[number - 1].closed_at = Some(super::now());
    }

    /// People merge a pull request. The base branch stays as it is, so that other changes to it still fit; the commit that the
    /// merge made is answered.
    pub fn merge(&mut self, number: usize, repository: &Repository) -> String {
        self.close(number);
        let pull = &mut self.all[number - 1];
        let head = repository.resolve(&heads(&pull.branch)).unwrap();
        let base = repository.resolve(&heads(&pull.base)).unwrap();
        let tree = repository.commit(&head)["tree"].as_str().unwrap().to_owned();
        let commit = repository.write_commit("Merge", &tree, &[&base, &head], &[]).unwrap();
        (pull.merged, pull.merge_commit) = (true, Some(commit.clone()));
        commit
    }

    /// The base has moved so that the change does not fit any more, unless its branch holds the base as it is.
    pub fn conflict(&mut self, number: usize) {
        self.all[number - 1].conflict = true;
    }

    /// Ends the draft of a pull request by its id in GraphQL; false where there is none.
    pub fn mark_ready(&mut self, id: &str) -> bool {
        let named = |number: usize| super::shapes::node_id("PullRequest", &number.to_string()) == id;
        let found = (1..=self.all.len()).find(|number| named(*number));
        if let Some(number) = found {
            self.all[number - 1].draft = false;
        }
        found.is_some()
    }

    /// How many comments each has.
    pub fn count_comments(&mut self, of: impl Fn(usize) -> usize) {
        for (at, pull) in self.all.iter_mut().enumerate() {
            pull.comments = of(at + 1);
        }
    }

    /// The number of a pull request that is there.
    pub fn number(&self, number: &str) -> Option<usize> {
        number.parse().ok().filter(|number| (1..=self.all.len()).contains(number))
    }

    fn shape(&mut self, number: usize, repository: &Repository, shapes: &Shapes) -> Value {
        let labels: Vec<_> =
            self.all[number - 1].labels.iter().map(|name| self.label(name).unwrap()).collect();
        let pull = &mut self.all[number - 1];
        if let Some(sha) = repository.resolve(&heads(&pull.branch)).filter(|_| pull.closed_at.is_none()) {
            pull.sha = sha;
        }
        let mut shape = shapes.pull_request_links(number, &pull.sha);
        let base_sha = repository.resolve(&heads(&pull.base)).unwrap();
        let conflict = pull.conflict && !repository.is_ancestor(&base_sha, &pull.sha);
        let about = json!({
            "state": if pull.closed_at.is_some() { "closed" } else { "open" }, "locked": false, "title": pull.title,
            "user": shapes.user(AUTHOR, "Bot"), "body": pull.body, "labels": labels, "milestone": null,
            "active_lock_reason": null, "created_at": pull.created_at, "updated_at": pull.created_at,
            "closed_at": pull.closed_at, "merged_at": pull.closed_at.as_ref().filter(|_| pull.merged),
            "merge_commit_sha": pull.merge_commit, "assignee": null, "assignees": [],
            "requested_reviewers": pull.reviewers.iter().map(|login| shapes.user(login, "User")).collect::<Vec<_>>(),
            "requested_teams": pull.teams.iter().map(|slug| shapes.team(slug)).collect::<Vec<_>>(), "head": shapes.end(&pull.branch, &pull.sha),
            "base": shapes.end(&pull.base, &base_sha), "author_association": "CONTRIBUTOR", "auto_merge": null,
            "draft": pull.draft, "merged": pull.merged, "rebaseable": null,
            "mergeable": if conflict { json!(false) } else { Value::Null },
            "mergeable_state": if conflict { "dirty" } else { "unknown" }, "merged_by": null, "comments": pull.comments, "review_comments": 0, "commits": 1,
            "maintainer_can_modify": pull.maintainer_can_modify, "additions": 1, "deletions": 1, "changed_files": 1,
        });
        let Value::Object(about) = about else { unreachable!("an object") };
        shape.as_object_mut().unwrap().extend(about);
        shape
    }

    /// `POST …/pulls/{n}/requested_reviewers`: all or none of them.
    pub fn request_reviews(
        &mut self,
        number: &str,
        body: &Value,
        repository: &Repository,
        shapes: &Shapes,
    ) -> Reply {
        let known = number.parse().ok().filter(|number| (1..=self.all.len()).contains(number));
        let Some(number) = known else { return Reply::not_found() };
        let names = |key: &str| {
            let names = body[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        let (reviewers, teams) = (names("reviewers"), names("team_reviewers"));
        if reviewers.iter().any(|login| login == AUTHOR) {
            return Reply::error(422, "Review cannot be requested from pull request author.");
        }
        let are_known = reviewers.iter().all(|login| COLLABORATORS.contains(&login.as_str()))
            && teams.iter().all(|slug| TEAMS.contains(&slug.as_str()));
        if !are_known {
            return Reply::error(
                422,
                "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a \
                 collaborator of the acme/shop repository.",
            );
        }
        let pull = &mut self.all[number - 1];
        pull.reviewers.extend(reviewers);
        pull.teams.extend(teams);
        for names in [&mut pull.reviewers, &mut pull.teams] {
            names.sort();
            names.dedup();
        }
        Reply::new(201, simple(self.shape(number, repository, shapes)))
    }

    /// A label by its name, which GitHub compares without regard to case.
    pub fn label(&self, name: &str) -> Option<Value> {
        self.labels.iter().find(|label| label["name"].as_str().unwrap().eq_ignore_ascii_case(name)).cloned()
    }

    pub fn labels(&self) -> Reply {
        Reply::new(200, json!(self.labels))
    }

    /// `POST …/labels`.
    pub fn create_label(&mut self, body: &Value, shapes: &Shapes) -> Reply {
        let name = body["name"].as_str().unwrap_or_default();
        let color = body["color"].as_str().unwrap_or("ededed");
        let refused = |field: &str, code: &str| {
            Reply::invalid(&json!({"resource": "Label", "field": field, "code": code}))
        };
        if name.is_empty() {
            return refused("name", "missing_field");
        }
        if self.label(name).is_some() {
            return refused("name", "already_exists");
        }
        if color.len() != 6 || !color.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return refused("color", "invalid");
        }
        if body["description"].as_str().is_some_and(|text| text.chars().count() > DESCRIPTION_MAX) {
            return refused("description", "invalid");
        }
        let label = shapes.label(name, color, &body["description"]);
        self.labels.push(label.clone());
        Reply::new(201, label)
    }

    /// `GET` and `POST …/issues/{n}/labels`; a label that is not there is made, as GitHub does.
    pub fn issue_labels(&mut self, number: &str, add: Option<&Value>, shapes: &Shapes) -> Reply {
        let known = number.parse().ok().filter(|number| (1..=self.all.len()).contains(number));
        let Some(number) = known else { return Reply::not_found() };
        let added = add.map_or(&[][..], |body| body["labels"].as_array().map_or(&[][..], Vec::as_slice));
        if add.is_some() && added.is_empty() {
            return Reply::invalid(&json!({"resource": "Label", "field": "labels", "code": "missing_field"}));
        }
        for name in added.iter().filter_map(|label| label.as_str().or_else(|| label["name"].as_str())) {
            if self.label(name).is_none() {
                self.labels.push(shapes.label(name, "ededed", &Value::Null));
            }
            let labels = &mut self.all[number - 1].labels;
            if !labels.iter().any(|label| label.eq_ignore_ascii_case(name)) {
                labels.push(name.to_owned());
            }
        }
        Reply::new(200, self.all[number - 1].labels.iter().map(|name| self.label(name).unwrap()).collect())
    }
}

/// A branch's full name.
fn heads(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// Of a pull request what lists show. Their schema knows no label without a description.
fn simple(mut pull: Value) -> Value {
    for key in [
        "merged",
        "mergeable",
        "rebaseable",
        "mergeable_state",
        "merged_by",
        "comments",
        "review_comments",
        "commits",
        "maintainer_can_modify",
        "additions",
        "deletions",
        "changed_files",
    ] {
        pull.as_object_mut().unwrap().remove(key);
    }
    for label in pull["labels"].as_array_mut().unwrap() {
        if label["description"].is_null() {
            label["description"] = json!("");
        }
    }
    pull
}

/// Whether a branch is the one that pull requests are for.
pub fn is_base(reference: &str) -> bool {
    reference == heads(BASE)
}
