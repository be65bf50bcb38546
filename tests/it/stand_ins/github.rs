//! The stand-in for GitHub: octocrab finds its way, GitHub's own description fits, and what is forbidden is noted.

use std::time::{Duration, Instant};

use http::StatusCode;
use octocrab::Octocrab;
use octocrab::models::git::CreateTreeEntry;
use octocrab::models::repos::Object;
use octocrab::params::State;
use octocrab::params::repos::Reference;
use serde_json::{Value, json};

use crate::support::github::{Fault, GitHubStandIn};
use crate::support::{python, server};

const FILES: &[(&str, &str)] = &[
    ("src/pay.py", "def pay(x):\n    return x\n"),
    ("run.sh", "#!/bin/sh\nexec python src/pay.py\n"),
    ("old.txt", "old\n"),
];

const BRANCH: &str = "logmend/internal_error/0123456789ab";

/// The client that the service uses.
fn octocrab(github: &GitHubStandIn) -> Octocrab {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Octocrab::builder().base_uri(github.url()).unwrap().personal_token(github.token()).build().unwrap()
}

fn status(error: octocrab::Error) -> (StatusCode, String) {
    match error {
        octocrab::Error::GitHub { source, .. } => {
            (source.status_code, format!("{}{}", source.message, json!(source.errors)))
        }
        other => panic!("{other:?}"),
    }
}

/// A branch with one commit that changes `src/pay.py`.
async fn branch(client: &Octocrab, name: &str, content: &str) {
    let git = client.git("acme", "shop");
    let base = git.get_ref(&Reference::Branch("main".to_owned())).await.unwrap();
    let Object::Commit { sha: parent, .. } = base.object else { panic!("no commit") };
    let tree = git.get_commit(&parent).await.unwrap().tree.sha;
    let blob = git.create_blob(content).encoding("utf-8").send().await.unwrap();
    let entry = CreateTreeEntry::new("src/pay.py", "100644", "blob").with_sha(blob.sha);
    let tree = git.create_tree(vec![entry]).base_tree(tree).send().await.unwrap();
    let commit =
        git.create_commit("Pay once\n\nBecause.", tree.sha).parents(vec![parent]).send().await.unwrap();
    git.create_ref(&Reference::Branch(name.to_owned()), commit.sha).await.unwrap();
}

/// Requests and answers are GitHub's, by its own description.
async fn judge(github: &GitHubStandIn) {
    let description = python::github_openapi();
    python::feed(&python::script("github_openapi.py"), &[&description], &github.calls_as_lines()).await;
}

/// The real client walks the whole way, and the branch can be cloned.
#[tokio::test(flavor = "multi_thread")]
async fn octocrab_reads_commits_and_opens_a_pull_request() {
    let github = GitHubStandIn::start(FILES).await;
    let client = octocrab(&github);
    let repository = client.repos("acme", "shop").get().await.unwrap();
    assert_eq!(repository.default_branch.as_deref(), Some("main"));

    let head = github.git(&["rev-parse", "main"]).trim().to_owned();
    let git = client.git("acme", "shop");
    let tree = git.get_commit(&head).await.unwrap().tree.sha;
    let tree = git.get_tree(&tree).recursive(true).send().await.unwrap();
    let listed: Vec<_> = tree.tree.iter().map(|entry| (entry.path.as_str(), entry.mode.as_str())).collect();
    let expected = [("old.txt", "100644"), ("run.sh", "100755"), ("src", "040000"), ("src/pay.py", "100644")];
    assert_eq!(listed, expected);
    let blob = git.get_blob(&tree.tree[3].sha).await.unwrap();
    assert_eq!((blob.encoding.as_str(), blob.size), ("base64", FILES[0].1.len()));
    client.repos("acme", "shop").get_commit(&head).await.unwrap();

    branch(&client, BRANCH, "def pay(x):\n    return x + 1\n").await;
    let pulls = client.pulls("acme", "shop");
    let opened =
        pulls.create("Pay once", BRANCH, "main").body("It paid twice.").draft(true).send().await.unwrap();
    let labels = client
        .issues("acme", "shop")
        .add_labels(1, &["auto".to_owned(), "logmend".to_owned()])
        .await
        .unwrap();
    assert_eq!((opened.number, opened.draft, labels.len()), (1, Some(true), 2));
    let of_branch = || pulls.list().state(State::All).head(format!("acme:{BRANCH}"));
    assert_eq!(of_branch().send().await.unwrap().items.len(), 1);
    github.close_pull_request(1);
    let closed = pulls.get(1).await.unwrap();
    assert!(closed.closed_at.is_some() && closed.merged_at.is_none());
    assert_eq!(closed.labels.unwrap().len(), 2);

    assert_eq!(github.branches(), [BRANCH, "main"]);
    let clone = github.clone_branch(BRANCH);
    assert!(std::fs::read_to_string(clone.path().join("src/pay.py")).unwrap().contains("x + 1"));
    assert_eq!(std::fs::read_to_string(clone.path().join("run.sh")).unwrap(), FILES[1].1);
    assert!(github.diff_with_base(BRANCH).contains("+    return x + 1"));
    assert_eq!(github.git(&["log", "-1", "--format=%s", BRANCH]), "Pay once\n");
    assert_eq!(github.pull_requests()[0]["state"], "closed");
    assert_eq!(github.violations(), Vec::<String>::new());
    judge(&github).await;
}

/// What GitHub refuses is refused in its words, and the answers are still its own shapes.
#[tokio::test(flavor = "multi_thread")]
async fn github_refuses_what_is_there_already_or_not_at_all() {
    let github = GitHubStandIn::start(FILES).await;
    let client = octocrab(&github);
    let git = client.git("acme", "shop");
    let missing = git.get_ref(&Reference::Branch("nowhere".to_owned())).await.unwrap_err();
    assert_eq!(status(missing).0, 404);
    branch(&client, BRANCH, "def pay(x):\n    return 2 * x\n").await;

    let reference = Reference::Branch(BRANCH.to_owned());
    let head = github.git(&["rev-parse", "main"]).trim().to_owned();
    let tree = github.git(&["rev-parse", "main^{tree}"]).trim().to_owned();
    let (code, told) = status(git.create_ref(&reference, &head).await.unwrap_err());
    assert!(code == 422 && told.contains("Reference already exists"), "{told}");
    let other = Reference::Branch("other".to_owned());
    assert_eq!(status(git.create_ref(&other, tree).await.unwrap_err()).0, 422);
    git.create_ref(&other, &head).await.unwrap();

    let pulls = client.pulls("acme", "shop");
    pulls.create("Pay", BRANCH, "main").send().await.unwrap();
    for (head, expected) in [
        (BRANCH, "A pull request already exists for acme:logmend/internal_error/0123456789ab."),
        ("other", "No commits between main and other"),
        ("nowhere", "invalid"),
    ] {
        let (code, told) = status(pulls.create("Pay", head, "main").send().await.unwrap_err());
        assert!(code == 422 && told.contains(expected), "{told}");
    }
    let issues = client.issues("acme", "shop");
    issues.create_label("auto", "ededed", "Made by logmend").await.unwrap();
    let again = issues.create_label("auto", "ededed", "Made by logmend").await;
    assert!(status(again.unwrap_err()).1.contains("already_exists"));
    assert_eq!(github.violations(), Vec::<String>::new());
    judge(&github).await;
}

/// A raw request, for what octocrab cannot say.
async fn ask(github: &GitHubStandIn, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = server::client()
        .request(method.parse().unwrap(), format!("{}/repos/acme/shop{path}", github.url()))
        .header("authorization", format!("token {}", github.token()))
        .header("user-agent", "tests")
        .header("x-github-api-version", "2022-11-28");
    let request = if body.is_null() { request } else { request.json(&body) };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// A file goes away by a null id; branches under an encoded slash are found; one is moved on, but not back.
#[tokio::test(flavor = "multi_thread")]
async fn github_deletes_files_and_moves_branches_forward() {
    let github = GitHubStandIn::start(FILES).await;
    branch(&octocrab(&github), BRANCH, "def pay(x):\n    return 0\n").await;
    let head = github.git(&["rev-parse", BRANCH]).trim().to_owned();
    let entry = json!({"path": "old.txt", "mode": "100644", "type": "blob", "sha": null});
    let base_tree = github.git(&["rev-parse", "main^{tree}"]).trim().to_owned();
    let (_, tree) =
        ask(&github, "POST", "/git/trees", json!({"base_tree": base_tree, "tree": [entry]})).await;
    assert_eq!(tree["tree"].as_array().unwrap().len(), 2, "{tree:#}");
    let commit = json!({"message": "Tidy up", "tree": tree["sha"], "parents": [head]});
    let (_, commit) = ask(&github, "POST", "/git/commits", commit).await;
    let encoded = format!("/git/refs/heads%2F{}", BRANCH.replace('/', "%2F"));
    let (code, _) = ask(&github, "PATCH", &encoded, json!({"sha": commit["sha"], "force": false})).await;
    let (_, moved) = ask(&github, "GET", &encoded.replace("refs", "ref"), Value::Null).await;
    assert_eq!((code, &moved["object"]["sha"]), (200, &commit["sha"]));
    assert_eq!(ask(&github, "PATCH", &encoded, json!({"sha": head})).await.0, 422);
    assert_eq!(github.violations(), Vec::<String>::new());
    judge(&github).await;
}

/// What no client may do is noted, one by one.
#[tokio::test(flavor = "multi_thread")]
async fn github_notes_what_is_forbidden() {
    let github = GitHubStandIn::start(FILES).await;
    let head = github.git(&["rev-parse", "main"]).trim().to_owned();
    let tree = github.git(&["rev-parse", "main^{tree}"]).trim().to_owned();
    let put = |path: &str, mode: &str| json!({"base_tree": tree, "tree": [{"path": path, "mode": mode, "type": "blob", "content": "x"}]});
    for (method, path, body, expected) in [
        ("PATCH", "/git/refs/heads/main", json!({"sha": head}), "writes to the base branch"),
        ("PATCH", "/git/refs/heads/other", json!({"sha": head, "force": true}), "forces refs/heads/other"),
        ("PUT", "/pulls/1/merge", Value::Null, "unexpected: PUT /repos/acme/shop/pulls/1/merge"),
        ("DELETE", "/git/refs/heads/main", Value::Null, "removes refs/heads/main"),
        ("GET", "/pulls?head=main", Value::Null, "lacks its owner"),
        ("POST", "/git/trees", put("run.sh", "100644"), "changes the mode of run.sh"),
        ("POST", "/git/trees", put(".github/workflows/ci.yml", "100644"), "writes a workflow"),
    ] {
        let before = github.violations().len();
        ask(&github, method, path, body).await;
        let noted = github.violations();
        assert_eq!(noted.len(), before + 1, "{path}: {noted:?}");
        assert!(noted[before].contains(expected), "{noted:?}");
    }
    let bare = server::client().get(format!("{}/repos/acme/shop", github.url())).send().await.unwrap();
    assert_eq!(bare.status(), 403);
    assert!(github.violations().iter().any(|noted| noted.contains("no user-agent")));
    assert_eq!(github.git(&["rev-parse", "main"]).trim(), head);
}

/// Faults come once each, in order, with or without the deed.
#[tokio::test(flavor = "multi_thread")]
async fn github_fails_when_it_is_told_to() {
    let github = GitHubStandIn::start(FILES).await;
    let blob = json!({"content": "x"});
    github.fail_next("POST", "/git/blobs", Fault::Status(429, &[("retry-after", "7")]));
    github.fail_next("POST", "/git/blobs", Fault::Delay(Duration::from_millis(60)));
    assert_eq!(ask(&github, "POST", "/git/blobs", blob.clone()).await.0, 429);
    let begun = Instant::now();
    assert_eq!(ask(&github, "POST", "/git/blobs", blob).await.0, 201);
    assert!(begun.elapsed() >= Duration::from_millis(60));

    let label = |name: &str| json!({"name": name});
    github.fail_next("POST", "/labels", Fault::DoThenStatus(502));
    github.fail_next("POST", "/labels", Fault::DoThenDelay(Duration::from_millis(60)));
    assert_eq!(ask(&github, "POST", "/labels", label("one")).await.0, 502);
    assert_eq!(ask(&github, "POST", "/labels", label("two")).await.0, 201);
    assert_eq!(ask(&github, "GET", "/labels", Value::Null).await.1.as_array().unwrap().len(), 2);

    github.fail_next("GET", "/labels", Fault::DropConnection);
    let url = format!("{}/repos/acme/shop/labels", github.url());
    assert!(server::client().get(&url).send().await.is_err());
    assert_eq!(github.calls().iter().filter(|call| call.injected).count(), 3);
    judge(&github).await;
}

/// The checker finds a request and an answer that are not GitHub's.
#[tokio::test(flavor = "multi_thread")]
async fn the_description_of_github_finds_faults() {
    let call = |method: &str, path: &str, body: Value, answer: Value| {
        let call = json!({"method": method, "path": format!("/repos/acme/shop{path}"), "query": "", "body": body,
            "status": 201, "answer": answer, "injected": false});
        call.to_string() + "\n"
    };
    let blob = json!({"url": "http://x", "sha": "0"});
    for (line, expected) in [
        (
            call("POST", "/git/trees", json!({"base_tree": "9fb0"}), json!({})),
            "'tree' is a required property",
        ),
        (
            call("POST", "/git/blobs", json!({"content": "x", "encodng": "utf-8"}), blob),
            "`encodng` is no property",
        ),
        (call("POST", "/git/blobs", json!({"content": "x"}), json!({"sha": 1})), "answer 201"),
        (call("POST", "/no/such/route", Value::Null, Value::Null), "no such route"),
    ] {
        let description = python::github_openapi();
        let judged = python::attempt(&python::script("github_openapi.py"), &[&description], &line).await;
        let told = judged.unwrap_err();
        assert!(told.contains(expected), "{told}");
    }
}
