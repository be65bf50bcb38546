//! GitHub's objects in the full shape in which its REST API documents them.

use serde_json::{Map, Value, json};

use super::repository::{BASE, Listed, Repository};

/// Who owns the repository.
pub const OWNER: &str = "acme";
/// The repository's name.
pub const NAME: &str = "shop";

/// When everything that has no time of its own was made.
const LONG_AGO: &str = "2026-01-05T08:00:00Z";

/// Fields of a repository that are its address with one more word.
const REPOSITORY_URLS: &str = "archive assignees blobs branches collaborators comments commits compare contents contributors \
    deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels \
    languages merges milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees";

/// Fields of a user that are its address with one more word.
const USER_URLS: &str =
    "followers following gists starred subscriptions organizations repos events received_events";

const REPOSITORY_COUNTS: &str = "forks_count stargazers_count watchers_count open_issues_count subscribers_count \
    network_count forks open_issues watchers";

/// Makes addresses of the API.
#[derive(Clone)]
pub struct Shapes {
    /// The API's own address.
    pub base_url: String,
}

impl Shapes {
    /// An address below the repository's.
    pub fn url(&self, rest: &str) -> String {
        format!("{}/repos/{OWNER}/{NAME}/{rest}", self.base_url)
    }

    fn html(&self, rest: &str) -> String {
        format!("{}/html/{OWNER}/{NAME}/{rest}", self.base_url)
    }

    pub fn user(&self, login: &str, kind: &str) -> Value {
        // An App's login ends in `[bot]`, and no address can hold brackets.
        let encoded = login.replace('[', "%5B").replace(']', "%5D");
        let url = format!("{}/users/{encoded}", self.base_url);
        let about = json!({
            "login": login, "id": 4_201, "node_id": node_id("User", login), "gravatar_id": "", "type": kind, "site_admin": false,
            "avatar_url": format!("{}/avatars/{encoded}", self.base_url), "html_url": format!("{}/html/{encoded}", self.base_url),
            "url": url,
        });
        merged(
            about,
            USER_URLS.split_whitespace().map(|word| (format!("{word}_url"), json!(format!("{url}/{word}")))),
        )
    }

    /// A team of the owner.
    pub fn team(&self, slug: &str) -> Value {
        let url = format!("{}/organizations/1/team/{slug}", self.base_url);
        json!({
            "id": 77, "node_id": node_id("Team", slug), "name": slug, "slug": slug, "description": null, "privacy": "closed",
            "notification_setting": "notifications_enabled", "permission": "push", "url": url,
            "html_url": format!("{}/html/orgs/{OWNER}/teams/{slug}", self.base_url), "members_url": format!("{url}/members{{/member}}"),
            "repositories_url": format!("{url}/repos"), "parent": null, "type": "organization", "organization_id": 1,
        })
    }

    /// The repository; the shape inside a pull request lacks nothing that the full one has.
    pub fn repository(&self) -> Value {
        let url = format!("{}/repos/{OWNER}/{NAME}", self.base_url);
        let about = json!({
            "id": 1_296_269, "node_id": node_id("Repository", NAME), "name": NAME, "full_name": format!("{OWNER}/{NAME}"),
            "owner": self.user(OWNER, "Organization"), "private": true, "visibility": "private", "url": url,
            "html_url": self.html("").trim_end_matches('/'), "description": null, "fork": false, "homepage": null,
            "language": null, "license": null, "mirror_url": null, "default_branch": BASE, "size": 108, "topics": [],
            "git_url": format!("git://example.com/{OWNER}/{NAME}.git"), "svn_url": self.html(""),
            "ssh_url": format!("git@example.com:{OWNER}/{NAME}.git"), "clone_url": self.html(".git"), "is_template": false,
            "has_issues": true, "has_projects": true, "has_wiki": true, "has_pages": false, "has_discussions": false,
            "has_downloads": true, "archived": false, "disabled": false, "pushed_at": LONG_AGO, "created_at": LONG_AGO,
            "updated_at": LONG_AGO, "permissions": {"admin": false, "push": true, "pull": true},
        });
        let urls = REPOSITORY_URLS
            .split_whitespace()
            .map(|word| (format!("{word}_url"), json!(format!("{url}/{word}"))));
        let counts = REPOSITORY_COUNTS.split_whitespace().map(|word| (word.to_owned(), json!(0)));
        merged(about, urls.chain(counts))
    }

    pub fn reference(&self, name: &str, sha: &str) -> Value {
        let kind = "commit";
        json!({
            "ref": name, "node_id": node_id("Ref", name), "url": self.url(&format!("git/{name}")),
            "object": {"type": kind, "sha": sha, "url": self.url(&format!("git/{kind}s/{sha}"))},
        })
    }

    /// A commit of the git database; `about` is what the commit says.
    pub fn git_commit(&self, sha: &str, about: &Value) -> Value {
        let mut commit = json!({
            "sha": sha, "node_id": node_id("Commit", sha), "url": self.url(&format!("git/commits/{sha}")),
            "html_url": self.html(&format!("commit/{sha}")), "verification": unsigned(),
            "tree": self.tree_link(about), "parents": self.parents(about, "git/commits"),
        });
        for key in ["author", "committer", "message"] {
            commit[key] = about[key].clone();
        }
        commit
    }

    /// A commit of the repository: with the people behind it.
    pub fn commit(&self, sha: &str, about: &Value) -> Value {
        json!({
            "sha": sha, "node_id": node_id("Commit", sha), "url": self.url(&format!("commits/{sha}")),
            "html_url": self.html(&format!("commit/{sha}")), "comments_url": self.url(&format!("commits/{sha}/comments")),
            "commit": {
                "url": self.url(&format!("git/commits/{sha}")), "author": about["author"], "committer": about["committer"],
                "message": about["message"], "comment_count": 0, "tree": self.tree_link(about), "verification": unsigned(),
            },
            "author": null, "committer": null, "parents": self.parents(about, "commits"),
        })
    }

    fn tree_link(&self, about: &Value) -> Value {
        let sha = about["tree"].as_str().unwrap();
        json!({"sha": sha, "url": self.url(&format!("git/trees/{sha}"))})
    }

    fn parents(&self, about: &Value, below: &str) -> Vec<Value> {
        let parents = about["parents"].as_array().unwrap().iter().map(|sha| sha.as_str().unwrap());
        parents
            .map(|sha| {
                let url = self.url(&format!("{below}/{sha}"));
                json!({"sha": sha, "url": url, "html_url": self.html(&format!("commit/{sha}"))})
            })
            .collect()
    }

    pub fn tree(&self, sha: &str, entries: Vec<Listed>) -> Value {
        let entries = entries.into_iter().map(|entry| {
            let url = self.url(&format!("git/{}s/{}", entry.kind, entry.sha));
            let mut shape =
                json!({"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha, "url": url});
            if let Some(size) = entry.size {
                shape["size"] = json!(size);
            }
            shape
        });
        let entries: Vec<_> = entries.collect();
        json!({"sha": sha, "url": self.url(&format!("git/trees/{sha}")), "tree": entries, "truncated": false})
    }

    pub fn blob(&self, sha: &str, repository: &Repository) -> Value {
        let content = repository.blob(sha);
        let encoded = super::encode(&content);
        // GitHub breaks base64 into lines of 60 characters, the last one too.
        let lines =
            encoded.as_bytes().chunks(60).map(|line| format!("{}\n", std::str::from_utf8(line).unwrap()));
        json!({
            "sha": sha, "node_id": node_id("Blob", sha), "url": self.url(&format!("git/blobs/{sha}")),
            "size": content.len(), "encoding": "base64", "content": lines.collect::<String>(),
        })
    }

    pub fn label(&self, name: &str, color: &str, description: &Value) -> Value {
        json!({
            "id": 208_045_946, "node_id": node_id("Label", name), "url": self.url(&format!("labels/{name}")), "name": name,
            "color": color, "description": description, "default": false,
        })
    }

    /// What of a pull request follows from its number.
    pub fn pull_request_links(&self, number: usize, head_sha: &str) -> Value {
        let url = self.url(&format!("pulls/{number}"));
        let issue = self.url(&format!("issues/{number}"));
        let html = self.html(&format!("pull/{number}"));
        let links = [
            ("self", url.clone()),
            ("html", html.clone()),
            ("issue", issue.clone()),
            ("comments", format!("{issue}/comments")),
            ("review_comments", format!("{url}/comments")),
            ("review_comment", self.url("pulls/comments{/number}")),
            ("commits", format!("{url}/commits")),
            ("statuses", self.url(&format!("statuses/{head_sha}"))),
        ];
        let mut shape = json!({
            "id": 1_000 + number, "node_id": node_id("PullRequest", &number.to_string()), "number": number, "url": url,
            "html_url": html, "diff_url": format!("{html}.diff"), "patch_url": format!("{html}.patch"), "issue_url": issue,
        });
        for (name, href) in &links {
            shape["_links"][name] = json!({"href": href});
            if !matches!(*name, "self" | "html" | "issue") {
                shape[format!("{name}_url")] = json!(href);
            }
        }
        shape
    }

    /// A GitHub App.
    pub fn app(&self, slug: &str) -> Value {
        json!({
            "id": 15_368, "slug": slug, "node_id": node_id("App", slug), "owner": self.user("github", "Organization"),
            "name": slug, "description": "", "external_url": self.html(""), "html_url": self.html(""), "created_at": LONG_AGO,
            "updated_at": LONG_AGO, "permissions": {}, "events": [],
        })
    }

    /// A run of a workflow.
    pub fn workflow_run(&self, name: &str, sha: &str, conclusion: Option<&str>) -> Value {
        let url = self.url("actions/runs/9");
        let status = if conclusion.is_some() { "completed" } else { "in_progress" };
        let author = json!({"name": "logmend[bot]", "email": "bot@example.com"});
        let mut run = json!({
            "id": 9, "node_id": node_id("WorkflowRun", "9"), "name": name, "head_branch": "x", "run_number": 1,
            "display_title": name, "event": "pull_request", "status": status, "conclusion": conclusion, "head_sha": sha,
            "path": ".github/workflows/test.yml", "workflow_id": 3, "url": url, "html_url": url, "created_at": LONG_AGO,
            "updated_at": LONG_AGO, "head_repository": self.repository(), "repository": self.repository(),
            "pull_requests": [],
            "head_commit": {
                "id": sha, "tree_id": sha, "message": "m", "timestamp": LONG_AGO, "author": author, "committer": author,
            },
        });
        for key in ["jobs", "logs", "check_suite", "cancel", "rerun", "artifacts", "workflow"] {
            run[format!("{key}_url")] = json!(format!("{url}/{key}"));
        }
        run
    }

    /// One end of a pull request.
    pub fn end(&self, branch: &str, sha: &str) -> Value {
        let owner = self.user(OWNER, "Organization");
        json!({"label": format!("{OWNER}:{branch}"), "ref": branch, "sha": sha, "user": owner, "repo": self.repository()})
    }
}

fn unsigned() -> Value {
    json!({"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null})
}

pub fn node_id(kind: &str, of: &str) -> String {
    super::encode(format!("{kind}:{of}").as_bytes())
}

fn merged(object: Value, more: impl Iterator<Item = (String, Value)>) -> Value {
    let Value::Object(object) = object else { unreachable!("an object") };
    Value::Object(object.into_iter().chain(more).collect::<Map<_, _>>())
}
