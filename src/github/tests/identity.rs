//! As whom the client speaks, and to which server.

use super::*;

/// A key of no App, made for tests.
const KEY: &str = include_str!("../../../tests/support/github/app.pem");

const INSTALLATION: &str = "GET /api/v3/repos/acme/shop/installation";
const TOKENS: &str = "POST /api/v3/app/installations/51/access_tokens";
const REPOSITORY: &str = "GET /api/v3/repos/acme/shop";

fn shop() -> RepoName {
    "acme/shop".parse().unwrap()
}

/// As GitHub has them since April 2026: long, with dots.
fn token(n: usize) -> String {
    format!("ghs_7_{n}.{}", "aB3-_.xY".repeat(64))
}

fn granted(n: usize, expires_at: &str) -> Vec<Step> {
    vec![
        (INSTALLATION, 200, json!({"id": 51, "app_id": 7})),
        (TOKENS, 201, json!({"token": token(n), "expires_at": expires_at})),
    ]
}

const LATER: &str = "2999-01-01T00:00:00Z";

async fn app(steps: Vec<Step>) -> (GitHub, Script) {
    let (api_url, script) = server(steps).await;
    let credentials = Some(Credentials::App(App::new(7, KEY).unwrap()));
    (GitHub::new(&Settings { api_url, credentials, ..Settings::default() }).unwrap(), script)
}

async fn about(github: &GitHub) -> Result<Value, GitHubError> {
    github.get(&shop().route("")).await
}

fn bearers(script: &Script) -> Vec<String> {
    let heads = script.heads.lock().unwrap();
    let bearer = |head: &HeaderMap| {
        head["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned()
    };
    heads.iter().map(bearer).collect()
}

#[tokio::test]
async fn an_app_is_given_a_token_for_the_repository_and_uses_it_again() {
    let answer = || (REPOSITORY, 200, json!({}));
    let (github, script) = app([granted(1, LATER), vec![answer(), answer()]].concat()).await;
    about(&github).await.unwrap();
    about(&github).await.unwrap();
    let bearers = bearers(&script);
    assert!(bearers[0].starts_with("eyJ") && bearers[1].starts_with("eyJ"), "{bearers:?}");
    assert_eq!(bearers[2..], [token(1), token(1)]);
    assert_eq!(script.bodies.lock().unwrap()[1], json!({"repositories": ["shop"]}));
    assert!(!format!("{github:?}").contains("ghs_"));
}

#[tokio::test]
async fn a_token_that_is_about_to_end_or_is_refused_is_replaced_once() {
    let answer = || (REPOSITORY, 200, json!({}));
    let refused = || (REPOSITORY, 401, json!({"message": "Bad credentials"}));
    let ended =
        [granted(1, "2001-01-01T00:00:00Z"), vec![answer()], granted(2, LATER), vec![answer()]].concat();
    let revoked = [granted(1, LATER), vec![answer(), refused()], granted(2, LATER), vec![answer()]].concat();
    for steps in [ended, revoked] {
        let (github, script) = app(steps).await;
        about(&github).await.unwrap();
        about(&github).await.unwrap();
        assert_eq!(bearers(&script).last(), Some(&token(2)));
        assert!(script.steps.lock().unwrap().is_empty());
    }
    let (github, script) = app([granted(1, LATER), vec![refused()]].concat()).await;
    let error = about(&github).await.unwrap_err();
    assert!(error.to_string().contains("GITHUB_APP_PRIVATE_KEY") && !error.is_transient(), "{error}");
    assert!(script.steps.lock().unwrap().is_empty(), "a new token that is refused is not replaced");
}

#[tokio::test]
async fn an_app_that_is_not_installed_is_told_with_the_mend() {
    let (github, _) = app(vec![(INSTALLATION, 404, json!({"message": "Not Found"}))]).await;
    let error = about(&github).await.unwrap_err();
    assert!(
        matches!(error, GitHubError::Unfit { .. }) && error.to_string().contains("install it there"),
        "{error}"
    );
    let busy = (INSTALLATION, 503, json!({}));
    let (github, _) = app([vec![busy], granted(1, LATER), vec![(REPOSITORY, 200, json!({}))]].concat()).await;
    about(&github).await.unwrap();
    let odd = (TOKENS, 201, json!({"token": token(1), "expires_at": 7}));
    let (github, _) = app(vec![granted(1, LATER).remove(0), odd]).await;
    let error = about(&github).await.unwrap_err();
    assert!(
        matches!(error, GitHubError::Malformed { .. }) && !format!("{error:?}").contains("ghs_"),
        "{error:?}"
    );
}

#[tokio::test]
async fn each_repository_is_spoken_for_by_the_nearest_account() {
    let answer = || vec![("GET /api/v3/repos/", 200, json!({})); 3];
    let (default, default_script) = server(answer()).await;
    let (other, other_script) = server(answer()).await;
    let account = |scope: &str, api_url: &str, token: &str| Account {
        scope: scope.parse().unwrap(),
        api_url: api_url.to_owned(),
        credentials: Credentials::Token(token.to_owned().into()),
    };
    let accounts = vec![
        account("Umbrella", &other, "of-the-owner"),
        account("umbrella/Lab", &other, "of-the-repository"),
        account("acme/shop", &default, "of-the-shop"),
    ];
    let github = GitHub::new(&Settings { api_url: default, credentials: None, accounts }).unwrap();
    for repository in ["umbrella/shop", "UMBRELLA/lab", "acme/shop", "acme/other"] {
        let repository: RepoName = repository.parse().unwrap();
        assert_eq!(github.may_write(&repository), repository.to_string() != "acme/other");
        github.get::<Value>(&repository.route("")).await.unwrap();
    }
    assert_eq!(bearers(&other_script), ["of-the-owner", "of-the-repository"]);
    let heads = default_script.heads.lock().unwrap();
    let sent: Vec<_> =
        heads.iter().map(|head| head.get("authorization").map(|value| value.to_str().unwrap())).collect();
    assert_eq!(sent, [Some("Bearer of-the-shop"), None]);
}

#[tokio::test]
async fn graphql_is_asked_where_it_stands_and_its_refusals_are_those_of_rest() {
    const GRAPHQL: &str = "POST /api/graphql";
    let refusal =
        |kind: &str| (GRAPHQL, 200, json!({"data": null, "errors": [{"type": kind, "message": "No."}]}));
    let query = "mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { clientMutationId } }";
    let variables = json!({"id": "PR_1"});
    let ask = async |steps| {
        let (github, script) = scripted(steps).await;
        (github.graphql(&shop(), query, &variables).await, script)
    };
    let done = (GRAPHQL, 200, json!({"data": {"x": 1}}));
    let (answered, script) = ask(vec![refusal("RATE_LIMITED"), (GRAPHQL, 502, json!({})), done]).await;
    assert_eq!(answered.unwrap(), json!({"x": 1}));
    assert_eq!(script.bodies.lock().unwrap()[0], json!({"query": query, "variables": variables}));
    assert_eq!(bearers(&script)[0], TOKEN);
    for (kind, status) in
        [("FORBIDDEN", 403), ("NOT_FOUND", 404), ("UNPROCESSABLE", 422), ("OF_TOMORROW", 422)]
    {
        let (answered, _) = ask(vec![refusal(kind)]).await;
        let error = answered.unwrap_err();
        assert!(
            matches!(&error, GitHubError::Refused { status: told, message, .. } if told.as_u16() == status && message == "No."),
            "{error}"
        );
    }
}
