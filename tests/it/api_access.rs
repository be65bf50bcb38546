//! Who may do what at the API and the receivers: tokens with scopes, and sessions that people get for them.

use std::process::Command;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::otlp::{export, export_with_token, record, request};
use crate::support::server;
use crate::support::service::Service;

/// What `logmend token` prints: the token, and the entry of the settings.
fn token(name: &str, scope: &str) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logmend"));
    let output = command.env_clear().args(["token", name, "--scope", scope]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let token = text.lines().find_map(|line| line.strip_prefix("token   ")).unwrap();
    let entry = text.lines().find_map(|line| line.strip_prefix("LOGMEND_TOKENS=")).unwrap();
    (token.to_owned(), entry.to_owned())
}

struct House {
    service: Service,
    ingest: String,
    read: String,
    admin: String,
}

impl House {
    async fn start() -> Self {
        let [ingest, read, admin] = [token("ci", "ingest"), token("wall", "read"), token("ops", "admin")];
        let tokens = [&ingest.1, &read.1, &admin.1].map(String::as_str).join(",");
        let service = Service::start(&[("LOGMEND_TOKENS", &tokens)]).await;
        Self { service, ingest: ingest.0, read: read.0, admin: admin.0 }
    }

    async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let call = client.build().unwrap().request(method, self.service.api_url() + path);
        let call = headers.iter().fold(call, |call, (name, value)| call.header(*name, *value));
        call.body(body.to_owned()).send().await.unwrap()
    }

    async fn status(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.call(method, path, headers, "").await.status().as_u16()
    }
}

const STOP: &str = "/error-monitor/monitor/stop";
const STATUS: &str = "/error-monitor/autonomous/status";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_scope() {
    let house = House::start().await;
    let bearer = |token: &str| format!("Bearer {token}");
    for (token, reads, changes) in [
        (house.ingest.as_str(), 403, 403),
        (&house.read, 200, 403),
        (&house.admin, 200, 200),
        ("lm_wrong", 401, 401),
    ] {
        for header in [("x-api-key", token.to_owned()), ("authorization", bearer(token))] {
            let headers = [(header.0, header.1.as_str())];
            assert_eq!(house.status(Method::GET, STATUS, &headers).await, reads, "{headers:?}");
            assert_eq!(house.status(Method::POST, STOP, &headers).await, changes, "{headers:?}");
            assert_eq!(house.status(Method::GET, "/metrics", &headers).await, reads, "{headers:?}");
        }
    }
    assert_eq!(house.status(Method::GET, STATUS, &[]).await, 401);
    assert_eq!(house.status(Method::GET, "/health/ready", &[]).await, 200);
    // No other site's page is told that it may read.
    let options = [("origin", "https://elsewhere.example"), ("x-api-key", house.admin.as_str())];
    let answer = house.call(Method::GET, STATUS, &options, "").await;
    assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("access-control")));

    let logs = || request("shop", vec![record(17, "no luck")]);
    let url = house.service.grpc_url();
    assert_eq!(export(&url, logs()).await.unwrap_err().code(), tonic::Code::Unauthenticated);
    export_with_token(&url, logs(), &house.ingest).await.unwrap();
    export_with_token(&url, logs(), &house.admin).await.unwrap();
    assert!(!house.service.logs().contains("lm_"), "no token is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_with_a_token_and_change_things_from_our_pages() {
    let house = House::start().await;
    let json_type = ("content-type", "application/json");
    let body = |token: &str| json!({"token": token}).to_string();
    for wrong in ["lm_wrong", house.ingest.as_str()] {
        let answer = house.call(Method::POST, "/login", &[json_type], &body(wrong)).await;
        assert_eq!(answer.status(), 401, "{answer:?}");
        assert!(!answer.headers().contains_key("set-cookie"));
    }
    let answer = house.call(Method::POST, "/login", &[json_type], &body(&house.admin)).await;
    assert_eq!(answer.status(), 200);
    let set = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.contains("; HttpOnly; SameSite=Strict") && !set.contains("Secure"), "{set}");
    let session: Value = answer.json().await.unwrap();
    assert_eq!((&session["name"], &session["scope"]), (&json!("ops"), &json!("admin")));

    let cookie = set.split(';').next().unwrap();
    let ours = ("sec-fetch-site", "same-origin");
    assert_eq!(house.status(Method::GET, STATUS, &[("cookie", cookie)]).await, 200);
    assert_eq!(house.status(Method::POST, STOP, &[("cookie", cookie), ours]).await, 200);
    for other in
        [("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example"), ("accept", "*/*")]
    {
        assert_eq!(house.status(Method::POST, STOP, &[("cookie", cookie), other]).await, 403, "{other:?}");
    }
    let forged = cookie.replace('.', ".1");
    assert_eq!(house.status(Method::GET, STATUS, &[("cookie", &forged)]).await, 401);

    let form = ("content-type", "application/x-www-form-urlencoded");
    let answer = house.call(Method::POST, "/login", &[form], &format!("token={}", house.read)).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &"/".parse().unwrap()));
    let proxied = [form, ("x-forwarded-proto", "https")];
    let answer = house.call(Method::POST, "/login", &proxied, &format!("token={}", house.read)).await;
    assert!(answer.headers()["set-cookie"].to_str().unwrap().ends_with("; Secure"));
    let answer = house.call(Method::POST, "/login", &[form], "token=no").await;
    assert_eq!(answer.headers()["location"], "/login?error=token");
    let elsewhere = [form, ("sec-fetch-site", "cross-site")];
    let answer = house.call(Method::POST, "/login", &elsewhere, &format!("token={}", house.read)).await;
    assert_eq!(answer.status(), 403);
    let long = "x".repeat(5_000);
    assert_eq!(house.call(Method::POST, "/login", &[json_type], &long).await.status(), 413);

    let ended = house.call(Method::POST, "/logout", &[("cookie", cookie)], "").await;
    assert!(ended.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    // Whoever did something is named in the audit trail.
    let errors = || request("shop", vec![record(17, "no luck")]);
    export_with_token(&house.service.grpc_url(), errors(), &house.ingest).await.unwrap();
    let key = ("x-api-key", house.admin.as_str());
    let recent: Value =
        house.call(Method::GET, "/error-monitor/errors/recent", &[key], "").await.json().await.unwrap();
    let ignore = format!("/error-monitor/errors/{}/ignore", recent["errors"][0]["id"].as_str().unwrap());
    assert_eq!(house.status(Method::POST, &ignore, &[key]).await, 200);
    let audit: Value =
        house.call(Method::GET, "/error-monitor/audit?action=ignore", &[key], "").await.json().await.unwrap();
    assert_eq!(audit["audit"][0]["actor"], "api:ops");
}

/// A session outlives a restart, as its key is in the store.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_a_restart() {
    let mut house = House::start().await;
    let body = json!({"token": house.read}).to_string();
    let answer = house.call(Method::POST, "/login", &[("content-type", "application/json")], &body).await;
    let set = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    house.service = house.service.restart().await;
    let cookie = set.split(';').next().unwrap();
    assert_eq!(house.status(Method::GET, STATUS, &[("cookie", cookie)]).await, 200);
    let _ = server::client();
}
