//! The client against a scripted server; the end-to-end tests have one that keeps a real repository.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::*;
use crate::model::Fingerprint;

mod identity;
mod walking;

const TOKEN: &str = "ghp_never-to-be-seen";

/// What is expected and what is answered.
type Step = (&'static str, u16, Value);

#[derive(Clone, Default)]
struct Script {
    steps: Arc<Mutex<VecDeque<Step>>>,
    bodies: Arc<Mutex<Vec<Value>>>,
    heads: Arc<Mutex<Vec<HeaderMap>>>,
}

async fn answer(
    State(script): State<Script>,
    method: Method,
    uri: Uri,
    head: HeaderMap,
    body: Bytes,
) -> Response {
    let call = format!("{method} {uri}");
    let Some((expected, status, answer)) = script.steps.lock().unwrap().pop_front() else {
        return (StatusCode::IM_A_TEAPOT, format!("unexpected {call}")).into_response();
    };
    if !call.contains(expected) {
        return (StatusCode::IM_A_TEAPOT, format!("{call} in place of {expected}")).into_response();
    }
    script.heads.lock().unwrap().push(head);
    script.bodies.lock().unwrap().push(serde_json::from_slice(&body).unwrap_or_default());
    (StatusCode::from_u16(status).unwrap(), [("retry-after", "0")], answer.to_string()).into_response()
}

async fn scripted(steps: Vec<Step>) -> (GitHub, Script) {
    let (api_url, script) = server(steps).await;
    let credentials = Some(Credentials::Token(TOKEN.to_owned().into()));
    (GitHub::new(&Settings { api_url, credentials, ..Settings::default() }).unwrap(), script)
}

/// A server, by the address of its API, which is where GitHub Enterprise Server has it.
#[expect(clippy::disallowed_methods, reason = "a test's own task")]
async fn server(steps: Vec<Step>) -> (String, Script) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let script = Script { steps: Arc::new(Mutex::new(steps.into())), ..Script::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api_url = format!("http://{}/api/v3", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (api_url, script)
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
    json!({
        "number": number, "node_id": "PR_1", "html_url": "https://github.com/acme/shop/pull/1", "state": "open",
        "draft": draft, "merged_at": null, "head": head(),
    })
}

fn head() -> Value {
    json!({"label": "Acme:logmend/internal_error/abababababab", "sha": "c1"})
}

const REF: &str = "GET /api/v3/repos/acme/shop/git/ref/heads/logmend/internal_error/abababababab";
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
const LABELS: &str = "POST /api/v3/repos/acme/shop/labels";
const REFS: &str = "POST /api/v3/repos/acme/shop/git/refs";
const TIP: &str = "GET /api/v3/repos/acme/shop/git/commits/c9";

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
    for (merged_at, expected) in
        [(json!(null), PullRequestState::Closed), (json!("2026-11-24T04:00:00Z"), PullRequestState::Merged)]
    {
        let mut closed = pull(3, true);
        (closed["state"], closed["merged_at"]) = (json!("closed"), merged_at);
        let (github, _) = scripted(vec![(LOOK, 200, json!([closed]))]).await;
        assert_eq!(github.open_draft(&proposal()).await.unwrap().state, expected);
    }
}

#[tokio::test]
async fn an_open_pull_request_of_the_branch_is_adopted_and_those_of_others_are_not() {
    let (mut foreign, mut older) = (pull(9, false), pull(8, true));
    foreign["head"]["label"] = json!("mallory:logmend/internal_error/abababababab");
    older["state"] = json!("closed");
    let listed = json!([foreign, older, pull(7, true)]);
    let (github, script) = scripted(vec![(LOOK, 200, listed), (LABEL, 200, json!([]))]).await;
    let adopted = github.open_draft(&proposal()).await.unwrap();
    assert_eq!(
        (adopted.number, adopted.head_sha.as_deref().unwrap(), adopted.node_id.as_deref()),
        (7, "c1", Some("PR_1"))
    );
    assert!(script.steps.lock().unwrap().is_empty());
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
    assert!(error.to_string().contains("acme/shop"));
}

#[tokio::test]
async fn a_branch_that_appears_in_the_meantime_must_be_ours_too() {
    let exists = json!({"message": "Reference already exists", "documentation_url": "d", "status": "422"});
    let raced = |status, message: &str| {
        let mut steps = created();
        steps.truncate(5);
        steps.push((REFS, status, exists.clone()));
        steps.push((REF, 200, json!({"object": {"sha": "c9"}})));
        steps.push((TIP, 200, json!({"tree": {"sha": "t1"}, "message": message})));
        steps
    };
    for status in [409, 422] {
        let mut ours = raced(status, &proposal().commit_message);
        ours.extend([(LOOK, 200, json!([])), (OPEN, 201, pull(7, true)), (LABEL, 200, json!([]))]);
        let (github, _) = scripted(ours).await;
        assert_eq!(github.open_draft(&proposal()).await.unwrap().number, 7);
    }
    let (github, _) = scripted(raced(422, "Logmend-Fingerprint: 00000000000000000000000000000000")).await;
    let error = github.open_draft(&proposal()).await.unwrap_err();
    assert!(matches!(error, GitHubError::BranchTaken { .. }), "{error}");

    let mut gone = raced(422, "");
    gone.truncate(6);
    gone.push((REF, 404, json!({"message": "Not Found"})));
    let (github, _) = scripted(gone).await;
    let error = github.open_draft(&proposal()).await.unwrap_err();
    assert!(error.to_string().contains("Reference already exists"), "{error}");
}

#[tokio::test]
async fn an_answer_lost_after_creating_the_branch_makes_no_second_one() {
    let mut steps = created();
    steps[5].1 = 502;
    steps.insert(6, (REFS, 422, json!({"message": "Reference already exists"})));
    steps.insert(7, (REF, 200, json!({"object": {"sha": "c9"}})));
    steps.insert(8, (TIP, 200, json!({"tree": {"sha": "t1"}, "message": proposal().commit_message})));
    steps.extend([(OPEN, 201, pull(7, true)), (LABEL, 200, json!([]))]);
    let (github, script) = scripted(steps).await;
    assert_eq!(github.open_draft(&proposal()).await.unwrap().number, 7);
    assert!(script.steps.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_pull_request_that_github_says_is_there_is_found() {
    let errors = json!([{"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for acme:b."}]);
    let mut steps = created();
    steps.extend([
        (OPEN, 422, json!({"message": "Validation Failed", "errors": errors})),
        (LOOK, 200, json!([pull(7, true)])),
        (LABEL, 200, json!([])),
    ]);
    let (github, _) = scripted(steps).await;
    assert_eq!(github.open_draft(&proposal()).await.unwrap().number, 7);
}

#[tokio::test]
async fn github_down_is_given_up_after_five_tries() {
    let (github, script) = scripted(vec![("GET", 503, json!({})); 6]).await;
    let error = github.base(&"acme/shop".parse().unwrap(), None).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(script.steps.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_pull_request_is_tried_five_times_and_not_five_times_five() {
    let mut steps = created();
    steps.truncate(6);
    steps.extend(vec![(LOOK, 503, json!({})); 6]);
    let (github, script) = scripted(steps).await;
    assert!(github.open_draft(&proposal()).await.unwrap_err().is_transient());
    assert_eq!(script.steps.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_secret_in_the_change_ends_it() {
    let found = json!({"message": "Repository rule violations found", "metadata": {"secret_scanning": {"bypass_placeholders": []}}});
    let mut steps = created();
    steps[2] = ("POST /api/v3/repos/acme/shop/git/blobs", 422, found);
    let (github, _) = scripted(steps).await;
    let error = github.open_draft(&proposal()).await.unwrap_err();
    assert!(matches!(error, GitHubError::SecretFound { .. }) && !error.is_transient(), "{error}");
}

#[tokio::test]
async fn labels_that_the_server_does_not_make_are_made_first() {
    let missing =
        json!({"message": "Validation Failed", "errors": [{"resource": "Label", "code": "invalid"}]});
    let exists =
        json!({"message": "Validation Failed", "errors": [{"resource": "Label", "code": "already_exists"}]});
    let mut two = proposal();
    two.labels = vec!["auto".into(), "logmend".into()];
    let steps = vec![
        (LOOK, 200, json!([pull(7, true)])),
        (LABEL, 422, missing),
        (LABELS, 422, exists),
        (LABELS, 201, json!({})),
        (LABEL, 200, json!([])),
    ];
    let (github, script) = scripted(steps).await;
    github.open_draft(&two).await.unwrap();
    assert!(script.steps.lock().unwrap().is_empty());
    assert_eq!(script.bodies.lock().unwrap()[3]["name"], "logmend");
}

#[tokio::test]
async fn a_repository_that_cannot_be_written_is_told_before_anything_is_read() {
    for (about, expected) in [
        (json!({"default_branch": "main", "full_name": "acme/store"}), "set GITHUB_REPOSITORY to acme/store"),
        (json!({"default_branch": "main", "full_name": "acme/shop", "archived": true}), "is archived"),
    ] {
        let (github, _) = scripted(vec![("GET /api/v3/repos/acme/shop", 200, about)]).await;
        let error = github.base(&"acme/shop".parse().unwrap(), Some("main")).await.unwrap_err();
        assert!(error.to_string().contains(expected) && !error.is_transient(), "{error}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off_and_not_asked_for_again() {
    let (github, script) = scripted(vec![("GET", 200, json!("x".repeat(17 << 20))); 2]).await;
    let error = github.base(&"acme/shop".parse().unwrap(), None).await.unwrap_err();
    assert!(matches!(error, GitHubError::Malformed { .. }), "{error}");
    assert_eq!(script.steps.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn every_request_names_the_version_once_and_carries_the_token() {
    let mut steps = created();
    steps.extend([(OPEN, 201, pull(7, true)), (LABEL, 200, json!([]))]);
    let (github, script) = scripted(steps).await;
    github.open_draft(&proposal()).await.unwrap();
    let heads = script.heads.lock().unwrap();
    assert_eq!(heads.len(), 9);
    for head in heads.iter() {
        let all =
            |name: &str| head.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(all("x-github-api-version"), ["2022-11-28"]);
        assert_eq!(all("accept"), ["application/vnd.github+json"]);
        assert_eq!(all("authorization"), [format!("Bearer {TOKEN}")]);
        assert_eq!(all("user-agent").len(), 1);
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused_and_not_shown() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for bad in ["", "ghp_secret\n", "ghp secret", "ghp_sécret"] {
        let credentials = Some(Credentials::Token(bad.to_owned().into()));
        let settings = Settings { credentials, ..Settings::default() };
        let error = GitHub::new(&settings).unwrap_err();
        assert!(matches!(error, GitHubError::Client(_)) && !format!("{error:?}").contains("ghp"), "{error}");
    }
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
        ("GET /api/v3/repos/acme/shop", 200, json!({"default_branch": "trunk/x", "full_name": "Acme/shop"})),
        ("GET /api/v3/repos/acme/shop/git/ref/heads/trunk/x", 200, json!({"object": {"sha": "c1"}})),
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
    let refusals =
        [(401, "GITHUB_TOKEN is wrong"), (404, "check GITHUB_REPOSITORY"), (301, "renamed or moved")];
    for (status, expected) in refusals {
        let (github, _) = scripted(vec![("GET", status, json!({"message": "Bad credentials"}))]).await;
        let error = github.base(&"acme/shop".parse().unwrap(), None).await.unwrap_err();
        assert!(error.to_string().contains(expected) && !error.is_transient(), "{error}");
        assert!(!format!("{error:?} {error} {github:?}").contains(TOKEN));
    }
}

const GRAPHQL: &str = "POST /api/graphql";

/// GitHub Enterprise Server has GraphQL beside its REST API.
#[tokio::test]
async fn a_draft_is_ended_through_graphql_and_a_refusal_is_told() {
    let done = json!({"data": {"markPullRequestReadyForReview": {"pullRequest": {"isDraft": false}}}});
    let words = format!("no access for {TOKEN}{}", "x".repeat(36));
    let refused = json!({"data": null, "errors": [{"type": "FORBIDDEN", "message": words}]});
    let forbidden = json!({"message": "Resource not accessible"});
    let (github, script) =
        scripted(vec![(GRAPHQL, 200, done), (GRAPHQL, 200, refused), (GRAPHQL, 422, forbidden)]).await;
    let repository: RepoName = "acme/shop".parse().unwrap();
    assert_eq!(github.mark_ready(&repository, "PR_1").await.unwrap(), Readied::Done);
    assert!(
        matches!(github.mark_ready(&repository, "PR_1").await.unwrap(), Readied::Refused(told) if told.len() < 310)
    );
    assert_eq!(
        github.mark_ready(&repository, "PR_1").await.unwrap(),
        Readied::Refused("Resource not accessible".to_owned())
    );
    let bodies = script.bodies.lock().unwrap();
    assert!(bodies.iter().all(|body| body["variables"]["id"] == "PR_1"), "{bodies:?}");
}

const MOVE: &str = "PATCH /api/v3/repos/acme/shop/git/refs/heads/logmend/internal_error/abababababab";

/// A branch moves only from where it is known to stand, and never by force.
#[tokio::test]
async fn a_branch_moves_forward_or_not_at_all() {
    let repository = "acme/shop".parse().unwrap();
    let branch = "logmend/internal_error/abababababab".parse().unwrap();
    let tip = |sha: &str| (REF, 200, json!({"object": {"sha": sha}}));
    for (steps, expected) in [
        (vec![tip("c1"), (MOVE, 200, json!({}))], Advance::Done),
        (vec![tip("c2")], Advance::Done),
        (vec![tip("c9")], Advance::Moved),
        (vec![(REF, 404, json!({"message": "Not Found"}))], Advance::Moved),
        (vec![tip("c1"), (MOVE, 422, json!({"message": "Update is not a fast forward"}))], Advance::Moved),
        // The answer was lost; it had moved all the same.
        (vec![tip("c1"), (MOVE, 502, json!({})), tip("c2")], Advance::Done),
    ] {
        let (github, script) = scripted(steps).await;
        assert_eq!(github.advance(&repository, &branch, "c1", "c2").await.unwrap(), expected);
        let moved = script.bodies.lock().unwrap();
        let moved = moved.iter().filter(|body| !body.is_null());
        assert!(moved.into_iter().all(|body| *body == json!({"sha": "c2", "force": false})));
        assert!(script.steps.lock().unwrap().is_empty());
    }
}

/// A comment whose answer was lost is looked for, not written again; one of somebody else with the same words is no matter.
#[tokio::test]
async fn a_comment_is_written_once() {
    let repository = "acme/shop".parse().unwrap();
    let by =
        |login: &str| json!([{"id": 1, "user": {"login": login}, "body": "x\n\n<!-- logmend:a-1:k -->"}]);
    for (steps, posts) in [
        (vec![("GET", 200, by("us"))], 0),
        (vec![("GET", 200, by("mallory")), ("POST", 201, json!({}))], 1),
        (vec![("GET", 200, json!([])), ("POST", 502, json!({})), ("GET", 200, by("us"))], 1),
    ] {
        let (github, script) = scripted(steps).await;
        github.say_once(&repository, 7, "us", "a-1:k", "x").await.unwrap();
        let bodies = script.bodies.lock().unwrap();
        assert_eq!(bodies.iter().filter(|body| body["body"].is_string()).count(), posts);
    }
}
