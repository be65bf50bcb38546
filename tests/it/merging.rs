//! One bug, one cluster: what a single line can't tell is settled at the window's end, and stays settled.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::{Fault, GitHubStandIn};
use crate::support::otlp;
use crate::support::service::Service;

mod splits;

/// The severity number of ERROR.
const ERROR: i32 = 17;

/// Words without a digit, such as no mask can tell from the text around them.
const WORDS: [&str; 12] = [
    "invoices",
    "orders",
    "carts",
    "refunds",
    "coupons",
    "ledgers",
    "parcels",
    "returns",
    "vouchers",
    "wishlists",
    "catalogs",
    "reviews",
];

/// One bug: the word is what was exported just then.
fn message(word: &str) -> String {
    format!("Exporter {word} stopped: Too many open files")
}

async fn send(service: &Service, words: &[&str]) {
    let records = words.iter().map(|word| otlp::record(ERROR, &message(word))).collect();
    otlp::export(&service.grpc_url(), otlp::request("shop", records)).await.unwrap();
}

async fn errors(service: &Service) -> Vec<Value> {
    let recent = service.get("/error-monitor/errors/recent").await;
    recent["errors"].as_array().unwrap().clone()
}

async fn error(service: &Service, id: &Value) -> Value {
    let path = format!("/error-monitor/errors/{}", id.as_str().unwrap());
    service.get(&path).await["error"].clone()
}

/// The one fix, once it is no longer worked on.
async fn fix(service: &Service) -> Value {
    for _ in 0..300 {
        let fixes = service.get("/error-monitor/fixes/generated").await;
        assert_eq!(fixes["total_fixes"], 1, "{fixes:#}");
        let fix = &fixes["fixes"][0];
        if !matches!(fix["status"].as_str(), Some("pending" | "generating")) {
            return fix.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the fix was not finished");
}

fn submission() -> Turn {
    Turn::tool_use(
        "submit_fix",
        json!({
            "title": "Close what was opened",
            "root_cause": "The file is never closed.",
            "explanation": "It is closed now.",
            "edits": [{"path": "export.py", "find": "open(path)\n", "replace": "open(path).close()\n"}],
            "new_files": null,
            "confidence": "high",
            "how_to_verify": "Export twice.",
        }),
    )
}

/// A service with what a fix takes.
async fn world() -> (GitHubStandIn, ClaudeStandIn, Service) {
    let github = GitHubStandIn::start(&[("export.py", "open(path)\n")]).await;
    let claude = ClaudeStandIn::start(vec![submission()]).await;
    let service = Service::mending(&github, &claude, &[]).await;
    (github, claude, service)
}

/// Twelve words, twelve fingerprints, one bug: one error, one pull request, under every one of its ids; until people say
/// that one of them is another bug.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_differ_in_a_word_become_one_error_and_one_pull_request() {
    let (github, claude, mut service) = world().await;
    send(&service, &WORDS).await;
    let apart = errors(&service).await;
    assert_eq!(apart.len(), WORDS.len(), "{apart:#?}");
    assert!(apart.iter().all(|error| error["aliases"] == json!([]) && error["separated_at"].is_null()));

    let scanned = service.post("/error-monitor/monitor/scan").await;
    let expected =
        json!({"status": "scanned", "errors_found": 1, "critical_errors": 1, "auto_fixes_started": 1});
    assert_eq!(scanned, expected);
    let together = errors(&service).await;
    assert_eq!(together.len(), 1, "{together:#?}");
    let merged = &together[0];
    assert_eq!(merged["id"], json!(apart.iter().filter_map(|error| error["id"].as_str()).min()));
    assert_eq!((&merged["count"], &merged["alias_count"]), (&json!(12), &json!(11)));
    assert!(merged["message"].as_str().unwrap().contains("<*>"), "{merged:#}");
    let aliases = merged["aliases"].as_array().unwrap();
    let ids: BTreeSet<_> = aliases.iter().map(|alias| alias["fingerprint"].as_str()).collect();
    let others = apart.iter().map(|error| error["id"].as_str()).filter(|id| *id != merged["id"].as_str());
    assert_eq!(ids, others.collect());
    for alias in aliases {
        assert!(alias["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{alias:#}");
        assert!(alias["since"].is_string() && alias["count"] == 1, "{alias:#}");
        let own = apart.iter().find(|error| error["id"] == alias["fingerprint"]).unwrap();
        assert_eq!(alias["message"], own["message"]);
        assert_eq!(error(&service, &alias["fingerprint"]).await["id"], merged["id"]);
    }

    // The next record of a member counts at once; the next window, with a word that nobody knew, begins no second fix.
    send(&service, &["orders"]).await;
    assert_eq!(errors(&service).await[0]["count"], 13);
    let first = fix(&service).await;
    assert_eq!((&first["status"], &first["error_pattern_id"]), (&json!("draft"), &merged["id"]));
    send(&service, &["reviews", "gifts"]).await;
    let scanned = service.post("/error-monitor/monitor/scan").await;
    assert_eq!((&scanned["errors_found"], &scanned["auto_fixes_started"]), (&json!(1), &json!(0)));
    let grown = error(&service, &merged["id"]).await;
    assert_eq!((&grown["count"], &grown["alias_count"]), (&json!(15), &json!(12)));
    assert_eq!((&grown["fix_id"], &grown["status"]), (&first["id"], &json!("fix_proposed")));
    assert_eq!(fix(&service).await["error_pattern_id"], grown["id"]);
    assert_eq!((github.pull_requests().len(), claude.requests().len()), (1, 1));

    // One of them is another bug, people say.
    let taken = grown["aliases"].as_array().unwrap().last().unwrap()["fingerprint"].clone();
    let path = format!("/error-monitor/errors/{}", taken.as_str().unwrap());
    let separated = service.post(&format!("{path}/separate")).await;
    assert_eq!(separated["status"], "separated");
    let alone = &separated["error"];
    assert_eq!((&alone["id"], &alone["count"], &alone["fix_id"]), (&taken, &json!(1), &Value::Null));
    assert!(alone["separated_at"].is_string(), "{alone:#}");
    let rest = error(&service, &grown["id"]).await;
    assert_eq!((&rest["count"], &rest["alias_count"]), (&json!(14), &json!(11)));

    // Nothing of it is lost with the process.
    let before = errors(&service).await;
    assert_eq!(before.len(), 2);
    service.kill();
    service = service.restart().await;
    assert_eq!(errors(&service).await, before);
    send(&service, &["orders"]).await;
    assert_eq!(error(&service, &rest["id"]).await["count"], 15);

    let rejoined = service.post(&format!("{path}/rejoin")).await;
    assert_eq!((&rejoined["error"]["id"], &rejoined["error"]["count"]), (&grown["id"], &json!(16)));
    assert_eq!(errors(&service).await.len(), 1);
    let taken = taken.as_str().unwrap();
    assert_eq!(audited(&service).await, [("separate".into(), taken.into()), ("rejoin".into(), taken.into())]);
    assert_eq!(github.violations(), Vec::<String>::new());
    assert_eq!(claude.violations(), Vec::<String>::new());
}

/// What people changed, as the audit trail has it: action and subject.
async fn audited(service: &Service) -> Vec<(String, String)> {
    let database = format!("sqlite://{}/logmend.db", service.folder().display());
    let pool = sqlx::SqlitePool::connect(&database).await.unwrap();
    let sql =
        "SELECT action, subject FROM audit WHERE actor = 'api' AND action <> 'close_window' ORDER BY id";
    sqlx::query_as(sql).fetch_all(&pool).await.unwrap()
}

/// Separating is a changing call like others: it needs to know whom.
#[tokio::test(flavor = "multi_thread")]
async fn only_an_error_that_is_known_can_be_separated() {
    let service = Service::start(&[]).await;
    let unknown = "0123456789abcdef0123456789abcdef";
    for (id, status) in [(unknown, 404), ("0123", 400)] {
        for action in ["separate", "rejoin"] {
            let url = format!("{}/error-monitor/errors/{id}/{action}", service.api_url());
            let refused = reqwest::Client::new().post(&url).send().await.unwrap();
            assert_eq!(refused.status().as_u16(), status, "{url}");
        }
    }
}

/// A fix that waits while its error gets another id goes on under the name that it was begun with: one branch, one pull request.
#[tokio::test(flavor = "multi_thread")]
async fn a_fix_that_was_begun_keeps_its_branch_when_its_error_gets_another_id() {
    let (github, claude, mut service) = world().await;
    send(&service, &WORDS).await;
    github.fail_next("POST", "/pulls", Fault::Status(429, &[("retry-after", "3600")]));
    service.post("/error-monitor/monitor/scan").await;
    service.wait_for_log("it is tried again", 1).await;
    let begun = errors(&service).await[0]["id"].clone();

    // As many as make it all but certain, whatever the version of the fingerprint.
    let letters = || 'a'..='z';
    let more: Vec<String> =
        letters().flat_map(|one| letters().map(move |other| format!("{one}{other}gizmos"))).collect();
    send(&service, &more.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let scanned = service.post("/error-monitor/monitor/scan").await;
    assert_eq!((&scanned["errors_found"], &scanned["auto_fixes_started"]), (&json!(1), &json!(0)));
    let now = error(&service, &begun).await;
    assert_ne!(now["id"], begun, "one of the new words has a smaller fingerprint");

    service = service.restart().await;
    let fix = fix(&service).await;
    assert_eq!((&fix["status"], &fix["error_pattern_id"]), (&json!("draft"), &now["id"]));
    let branch = format!("logmend/internal_error/{}", &begun.as_str().unwrap()[..12]);
    assert_eq!(fix["branch"], json!(branch));
    assert_eq!(github.branches(), [branch, "main".to_owned()]);
    assert_eq!((github.pull_requests().len(), claude.requests().len()), (1, 1));
    assert_eq!(error(&service, &begun).await["status"], "fix_proposed");
    assert_eq!(github.violations(), Vec::<String>::new());
}
