//! The dashboard: what a reader sees in a real Chromium, and what pages are over plain HTTP.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};

use super::end_to_end::{mending, repository};
use crate::support::claude::ClaudeStandIn;
use crate::support::github::GitHubStandIn;
use crate::support::otlp::{TRACEBACK, exception_record, export, record, request};
use crate::support::programs::{prepared, run};
use crate::support::server;
use crate::support::service::Service;

const PAGES: [&str; 5] = ["/", "/windows", "/fixes", "/pipeline", "/send-logs"];

async fn get(service: &Service, path: &str) -> Response {
    server::client().get(service.api_url() + path).send().await.unwrap()
}

async fn text(service: &Service, path: &str) -> String {
    let response = get(service, path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.unwrap()
}

/// A reader comes to a fresh service, sends a first record, finds an error and its fix, and acts: each page is looked at in light and
/// dark, judged by axe-core, at widths from 320 pixels to 4K, and nothing that a log line says takes effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_finds_her_way_in_a_real_browser() {
    let github = GitHubStandIn::start(&repository()).await;
    let claude = ClaudeStandIn::start(mending()).await;
    let service = Service::mending(&github, &claude, &[]).await;
    let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    let mut browser = Command::new("node");
    browser
        .env("NODE_PATH", prepared("LOGMEND_BROWSER_MODULES"))
        .env("LOGMEND_CHROMIUM", prepared("LOGMEND_CHROMIUM"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/peers/browser/drive.js"))
        .args([service.api_url(), service.http_url().await])
        .arg(screenshots);
    println!("{}", run(browser).await);
}

/// Nothing is loaded from elsewhere, nothing runs that stands in a page, and no other site frames it.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_says_what_a_browser_may_do() {
    let service = Service::start(&[]).await;
    for path in PAGES.into_iter().chain([
        "/login",
        "/errors/ffff",
        "/?severity=bad",
        "/assets/style.css",
        "/assets/none",
    ]) {
        let response = get(&service, path).await;
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap());
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
    }
    for (path, status) in [
        ("/errors/ffff", StatusCode::NOT_FOUND),
        ("/?severity=bad", StatusCode::BAD_REQUEST),
        ("/?cursor=bad", StatusCode::BAD_REQUEST),
        ("/windows?before=bad", StatusCode::BAD_REQUEST),
        ("/assets/../Cargo.toml", StatusCode::NOT_FOUND),
    ] {
        let response = get(&service, path).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

/// Whoever has no token is sent to where one lets her in; a page then is as the API: behind the session, and out of reach of other
/// sites.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_lets_a_reader_in_and_nobody_else() {
    let service = Service::start(&[("LOGMEND_API_TOKEN", "s3cret-of-the-door")]).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let call = |method: Method, path: &str| client.request(method, service.api_url() + path);
    for path in PAGES.into_iter().chain(["/errors/ffff"]) {
        let response = call(Method::GET, path).send().await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()["location"]),
            (StatusCode::SEE_OTHER, &HeaderValue::from_static("/login")),
            "{path}"
        );
    }
    assert_eq!(call(Method::POST, "/send-test").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert!(text(&service, "/login").await.contains("name=\"token\""));
    let form = |token: &str| {
        let form = call(Method::POST, "/login").header("content-type", "application/x-www-form-urlencoded");
        form.header("sec-fetch-site", "same-origin").body(format!("token={token}"))
    };
    let refused = form("wrong").send().await.unwrap();
    let back = refused.headers()["location"].to_str().unwrap();
    assert!(text(&service, back).await.contains("does not let you in"), "{back}");
    let let_in = form("s3cret-of-the-door").send().await.unwrap();
    assert_eq!(let_in.headers()["location"], "/");
    let cookie = let_in.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    for path in PAGES {
        let page = call(Method::GET, path).header("cookie", session).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        assert!(page.text().await.unwrap().contains("action=\"/logout\""), "{path}");
    }
    let test = |site: &str| {
        call(Method::POST, "/send-test").header("cookie", session).header("sec-fetch-site", site)
    };
    assert_eq!(test("cross-site").send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(test("same-origin").send().await.unwrap().status(), StatusCode::SEE_OTHER);
}

/// A page that looks for news costs a few bytes where there is none, and files are asked for once.
#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_is_not_sent_again() {
    let service = Service::start(&[]).await;
    let page = text(&service, "/send-logs").await;
    let style = page.split("href=\"").find(|part| part.starts_with("/assets/style.css?v=")).unwrap();
    let style = style.split('"').next().unwrap();
    for path in ["/send-logs", style] {
        let first = get(&service, path).await;
        let tag = first.headers()["etag"].clone();
        let again = server::client().get(service.api_url() + path).header("if-none-match", &tag);
        let again = again.send().await.unwrap();
        assert_eq!(
            (again.status(), again.headers().get("etag")),
            (StatusCode::NOT_MODIFIED, Some(&tag)),
            "{path}"
        );
        assert_eq!(again.bytes().await.unwrap().len(), 0, "{path}");
    }
    let cached = |headers: &HeaderMap| headers["cache-control"].to_str().unwrap().to_owned();
    assert!(cached(get(&service, style).await.headers()).contains("immutable"));
    assert_eq!(cached(get(&service, "/send-logs").await.headers()), "private, no-cache");
}

/// All of a page, with style and script, is less than 100 KB, also with a full list.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_list_can_be_read_without_a_script_and_is_small() {
    let service = Service::start(&[]).await;
    let name = |n: usize| {
        format!("{}{}", char::from(b'a' + u8::try_from(n % 26).unwrap()), "qzxv".repeat(n / 26 + 1))
    };
    let records: Vec<_> = (0..60)
        .map(|n| exception_record(&format!("Failed{}", name(n)), "it broke", &format!("at {}", name(n))))
        .collect();
    export(&service.grpc_url(), request("shop", records)).await.unwrap();
    let page = text(&service, "/").await;
    assert_eq!(page.matches("<tr data-id=").count(), 50, "{page}");
    assert!(!page.contains(" style=\"") && !page.contains(" onclick"), "nothing that the policy refuses");
    let mut bytes = page.len();
    for file in ["/assets/style.css", "/assets/script.js", "/assets/icon.svg"] {
        bytes += text(&service, file).await.len();
    }
    assert!(bytes < 100_000, "{bytes} bytes");
    let next = page.split("href=\"").find(|part| part.starts_with("/?cursor=")).unwrap();
    let rest = text(&service, next.split('"').next().unwrap()).await;
    assert_eq!(rest.matches("<tr data-id=").count(), 10);
    let id = page.split("data-id=\"").nth(1).unwrap().split('"').next().unwrap();
    let detail = text(&service, &format!("/errors/{id}")).await;
    assert!(detail.contains("Why one error") && detail.contains("it broke"), "{detail}");
    let short = get(&service, &format!("/errors/{}", &id[..12])).await;
    assert!(short.url().path().ends_with(id), "the beginning of an id leads to the page of the whole");
}

/// How long a list of 10,000 errors takes, measured by hand: `cargo test --test it ten_thousand -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn ten_thousand_errors_are_listed_quickly() {
    let service = Service::start(&[]).await;
    let name = |n: usize| {
        (0..4)
            .map(|at| char::from(b'a' + u8::try_from(n / 26_usize.pow(at) % 26).unwrap()))
            .collect::<String>()
    };
    for batch in 0..40 {
        let records = (0..250).map(|n| {
            let name = name(batch * 250 + n);
            let trace = TRACEBACK.replace("cart.py", &format!("{name}.py"));
            exception_record(&format!("Failed{name}"), "it broke", &trace)
        });
        let request = request(&format!("service-{batch}"), records.collect());
        export(&service.grpc_url(), request).await.unwrap();
        if batch % 10 == 9 {
            // A window keeps only so many apart.
            service.post("/error-monitor/monitor/scan").await;
        }
    }
    let known = service.get("/error-monitor/autonomous/status").await["monitor"]["total_patterns"].clone();
    for path in
        ["/", "/?severity=critical,high", "/?q=broke", "/?service=service-7", "/?status=all&since=24h"]
    {
        let mut took = Vec::new();
        for _ in 0..21 {
            let begun = Instant::now();
            text(&service, path).await;
            took.push(begun.elapsed());
        }
        took.sort();
        println!("{path} of {known} errors: median {:?}, longest {:?}", took[10], took[20]);
    }
}

/// Log text is text: whatever it holds stands in the page escaped, and what cannot be seen is shown.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_escaped_on_every_page() {
    let service = Service::start(&[]).await;
    let hostile = "\"><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}'\u{1b}[31m";
    let records = vec![exception_record(hostile, hostile, hostile), record(17, hostile)];
    export(&service.grpc_url(), request(hostile, records)).await.unwrap();
    let listed = service.get("/error-monitor/errors/recent").await;
    let errors = listed["errors"].as_array().unwrap();
    let details = errors.iter().map(|error| format!("/errors/{}", error["id"].as_str().unwrap()));
    for path in details.chain(PAGES.map(str::to_owned)).chain([format!("/?q={}", "%3Cscript%3E")]) {
        let page = text(&service, &path).await;
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}:\n{page}");
        assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'), "{path}:\n{page}");
    }
}
