//! The client against a scripted server; the end-to-end tests have one that keeps a real repository.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::*;
use crate::model::Fingerprint;

const TOKEN: &str = "ghp_never-to-be-seen";

/// What is expected and what is answered.
type Step = (&'static str, u16, Value);

#[derive(Clone, Default)]
struct Script {
    steps: Arc<Mutex<VecDeque<Step>>>,
    bodies: Arc<Mutex<Vec<Value>>>,
}

async fn answer(State(script): State<Script>, method: Method, uri: Uri, body: Bytes) -> Response {
    let call = format!("{method} {uri}");
    let Some((expected, status, answer)) = script.steps.lock().unwrap().pop_front() else {
        return (StatusCode::IM_A_TEAPOT, format!("unexpected {call}")).into_response();
    };
    if !call.contains(expected) {
        return (StatusCode::IM_A_TEAPOT, format!("{call} in place of {expected}")).into_response();
    }
    script.bodies.lock().unwrap().push(serde_json::from_slice(&body).unwrap_or_default());
    (StatusCode::from_u16(status).unwrap(), [("retry-after", "0")], answer.to_string()).into_response()
}

#[expect(clippy::disallowed_methods, reason = "a test's own task")]
async fn scripted(steps: Vec<Step>) -> (GitHub, Script) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let script = Script { steps: Arc::new(Mutex::new(steps.into())), ..Script::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api_url = format!("http://{}/api/v3", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let token = Some(TOKEN.to_owned().into());
    (GitHub::new(&Settings { api_url, token }).unwrap(), script)
}

fn proposal() -> Proposal {
    let fingerprint = Fingerprint::from_bytes([0xab; 16]);
    Proposal {
        repository: "acme/shop".parse().unwrap(),
        base_branch: "main".into(),
        base_commit: "c0".into(),
        base_tree: "t0".into(),
        branch: "logmend/internal_error/abababababab".parse().unwrap(),
        commit_message: format!("Fix it\n\n{}", Proposal::trailer(fingerprint)),
        files: vec![ProposedFile { path: "a.py".into(), content: b"x = 1\n".to_vec(), executable: true }],
        title: "[AUTO] Fix".into(),
        body: "what".into(),
        labels: vec!["auto".into()],
        fingerprint,
    }
}

fn pull(number: u64, draft: bool) -> Value {
    json!({"number": number, "html_url": "https://github.com/acme/shop/pull/1", "state": "open", "draft": draft, "merged_at": null})
}

const REF: &str = "GET /api/v3/repos/acme/shop/git/ref/heads%2Flogmend%2Finternal_error%2Fabababababab";
const LOOK: &str =
    "GET /api/v3/repos/acme/shop/pulls?state=all&head=acme%3Alogmend%2Finternal_error%2Fabababababab";

fn created() -> Vec<Step> {
    vec![
        (LOOK, 200, json!([])),
        (REF, 404, json!({"message": "Not Found"})),
        ("POST /api/v3/repos/acme/shop/git/blobs", 201, json!({"sha": "b1"})),
        ("POST /api/v3/repos/acme/shop/git/trees", 201, json!({"sha": "t1"})),
        ("POST /api/v3/repos/acme/shop/git/commits", 201, json!({"sha": "c1"})),
        ("POST /api/v3/repos/acme/shop/git/refs", 201, json!({})),
        (LOOK, 200, json!([])),
    ]
}

const OPEN: &str = "POST /api/v3/repos/acme/shop/pulls";
const LABEL: &str = "POST /api/v3/repos/acme/shop/issues/7/labels";

#[tokio::test]
async fn a_proposal_becomes_blob_tree_commit_branch_draft_and_labels() {
    let mut steps = created();
    steps.extend([(OPEN, 201, pull(7, true)), (LABEL, 200, json!([]))]);
    let (github, script) = scripted(steps).await;
    let opened = github.open_draft(&proposal()).await.unwrap();
    assert_eq!((opened.number, opened.state), (7, PullRequestState::Open { draft: true }));
    assert!(script.steps.lock().unwrap().is_empty());
    let bodies = script.bodies.lock().unwrap();
    assert_eq!(bodies[2], json!({"content": "eCA9IDEK", "encoding": "base64"}));
    assert_eq!(bodies[3]["tree"], json!([{"path": "a.py", "mode": "100755", "type": "blob", "sha": "b1"}]));
    assert_eq!(bodies[5]["ref"], "refs/heads/logmend/internal_error/abababababab");
    assert_eq!(
        (&bodies[7]["draft"], &bodies[7]["head"]),
        (&json!(true), &json!("logmend/internal_error/abababababab"))
    );
}

#[tokio::test]
async fn a_closed_pull_request_is_answered_and_nothing_is_written() {
    let closed = json!([{"number": 3, "html_url": "u", "state": "closed", "draft": true, "merged_at": null}]);
    let (github, _) = scripted(vec![(LOOK, 200, closed)]).await;
    assert_eq!(github.open_draft(&proposal()).await.unwrap().state, PullRequestState::Closed);
}

#[tokio::test]
async fn a_branch_of_ours_is_gone_on_with_and_a_foreign_one_left_alone() {
    let tip = |message: &str| {
        vec![
            (LOOK, 200, json!([])),
            (REF, 200, json!({"object": {"sha": "c1"}})),
            (
                "GET /api/v3/repos/acme/shop/git/commits/c1",
                200,
                json!({"tree": {"sha": "t1"}, "message": message}),
            ),
        ]
    };
    let mut ours = tip(&proposal().commit_message);
    ours.extend([(LOOK, 200, json!([])), (OPEN, 201, pull(7, true)), (LABEL, 200, json!([]))]);
    let (github, _) = scripted(ours).await;
    assert_eq!(github.open_draft(&proposal()).await.unwrap().number, 7);

    let (github, _) = scripted(tip("somebody's work")).await;
    let error = github.open_draft(&proposal()).await.unwrap_err();
    assert!(matches!(error, GitHubError::BranchTaken { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_lost_after_creating_makes_no_second_pull_request() {
    let mut steps = created();
    steps.extend([
        (OPEN, 500, json!({"message": "Server Error"})),
        (LOOK, 200, json!([pull(7, true)])),
        (LABEL, 200, json!([])),
    ]);
    let (github, script) = scripted(steps).await;
    assert_eq!(github.open_draft(&proposal()).await.unwrap().number, 7);
    assert!(script.steps.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_repository_without_drafts_gets_a_pull_request_all_the_same() {
    let refusal = json!({"message": "Validation Failed", "errors": ["Draft pull requests are not supported in this repository."]});
    let mut steps = created();
    steps.extend([
        (OPEN, 422, refusal),
        (OPEN, 201, pull(7, false)),
        (LABEL, 403, json!({"message": "Forbidden"})),
    ]);
    steps.extend(std::iter::repeat_n((LABEL, 403, json!({"message": "Forbidden"})), 4));
    let (github, _) = scripted(steps).await;
    assert_eq!(github.open_draft(&proposal()).await.unwrap().state, PullRequestState::Open { draft: false });
}

#[tokio::test]
async fn a_repository_is_read_at_a_commit_also_while_github_is_busy() {
    let (github, _) = scripted(vec![
        ("GET /api/v3/repos/acme/shop", 503, json!({})),
        ("GET /api/v3/repos/acme/shop", 200, json!({"default_branch": "trunk/x"})),
        ("GET /api/v3/repos/acme/shop/git/ref/heads%2Ftrunk%2Fx", 200, json!({"object": {"sha": "c1"}})),
        ("GET /api/v3/repos/acme/shop/git/commits/c1", 200, json!({"tree": {"sha": "t1"}, "message": "m"})),
        (
            "GET /api/v3/repos/acme/shop/git/trees/t1?recursive=1",
            200,
            json!({"truncated": false, "tree": [
                {"path": "a.py", "mode": "100644", "type": "blob", "sha": "b1", "size": 3},
                {"path": "lib", "mode": "160000", "type": "commit", "sha": "s1"},
            ]}),
        ),
        (
            "GET /api/v3/repos/acme/shop/git/blobs/b1",
            200,
            json!({"content": "eCA9\nIDEK\n", "encoding": "base64"}),
        ),
    ])
    .await;
    let repository = "acme/shop".parse().unwrap();
    let base = github.base(&repository, None).await.unwrap();
    assert_eq!(base, Base { branch: "trunk/x".into(), commit: "c1".into(), tree: "t1".into() });
    let tree = github.tree(&repository, &base.tree).await.unwrap();
    assert_eq!((tree.entries[0].size, tree.entries[1].kind), (3, EntryKind::Commit));
    assert_eq!(github.blob(&repository, "b1").await.unwrap(), b"x = 1\n");
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_never_the_token() {
    for (status, expected) in [(401, "GITHUB_TOKEN is wrong"), (404, "check GITHUB_REPOSITORY")] {
        let (github, _) = scripted(vec![("GET", status, json!({"message": "Bad credentials"}))]).await;
        let error = github.base(&"acme/shop".parse().unwrap(), None).await.unwrap_err();
        assert!(error.to_string().contains(expected) && !error.is_transient(), "{error}");
        assert!(!format!("{error:?} {error} {github:?}").contains(TOKEN));
    }
}

#[test]
fn names_are_checked() {
    for bad in ["shop", "a/b/c", "a b/c", "/x", "a/..", "a/b?x"] {
        assert!(bad.parse::<RepoName>().is_err(), "{bad}");
    }
    for bad in ["main", "logmend/", "logmend/../main", "logmend/A", "refs/heads/logmend/a"] {
        assert!(bad.parse::<Branch>().is_err(), "{bad}");
    }
}
