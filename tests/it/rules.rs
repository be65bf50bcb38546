//! What whoever writes rules is promised: a changed file is in use at once and costs no record, a broken one changes nothing, and
//! `logmend rules` shows, explains and checks.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::next_hop::{NextHop, text};
use crate::support::otlp;
use crate::support::service::Service;

/// Records of one request: all of them see one set of rules.
const BATCH: usize = 20;

fn rule(id: &str, conditions: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\ncategory = \"till_error\"\nseverity = \"high\"\nfixable = false\nsuggested_fix = \"Close the till and count.\"\n{conditions}\n"
    )
}

/// As editors and configuration tools do it: a new file takes the old one's name.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

/// Under traffic that never stops, the rules change four times. Every record arrives, each is told by a rule, and all
/// records of one request by the same one.
#[tokio::test(flavor = "multi_thread")]
async fn rules_change_under_traffic_and_no_record_is_dropped_or_misjudged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    std::fs::write(&path, rule("till-open", "any = [\"till is open\"]")).unwrap();
    let hop = NextHop::start().await;
    let service = Service::start(&[
        ("LOGMEND_RULES", path.to_str().unwrap()),
        ("LOGMEND_FORWARD_ENDPOINT", hop.url()),
        ("LOGMEND_FORWARD_MODE", "all"),
    ])
    .await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut traffic = JoinSet::new();
    traffic.spawn({
        let (url, stop) = (service.grpc_url(), Arc::clone(&stop));
        async move {
            let mut sent = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let records =
                    (0..BATCH).map(|n| otlp::record(17, &format!("till is open, {sent} of {n}"))).collect();
                otlp::export(&url, otlp::request("shop", records)).await.unwrap();
                sent += 1;
            }
            sent
        }
    });
    let read_again = "was read again";
    for (round, id) in ["till-a", "till-b", "till-c"].into_iter().enumerate() {
        replace(&path, &rule(id, "near = [{ first = \"till\", second = \"open\", within = 5 }]"));
        service.wait_for_log(read_again, round + 1).await;
    }
    // A broken file changes nothing, and is told with its place.
    replace(&path, &rule("till-d", "any = [7]\nwithin = 3"));
    service
        .wait_for_log(
            "is not used, the former rules stay: line 7, column 8: rule `till-d`: `any` is a number",
            1,
        )
        .await;
    service
        .wait_for_log(
            "is not used, the former rules stay: line 8, column 1: rule `till-d`: there is no key `within`",
            1,
        )
        .await;
    let health = service.get("/error-monitor/health").await;
    assert_eq!(health["components"]["rules"]["status"], "degraded", "{health}");
    replace(
        &path,
        &rule(
            "till-e",
            "any = [\"till is open\"]\nservices = [\"shop\"]\nresource_attributes = { \"service.name\" = \"shop\" }",
        ),
    );
    service.wait_for_log(read_again, 4).await;
    let health = service.get("/error-monitor/health").await;
    assert_eq!(health["components"]["rules"]["status"], "ok", "{health}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::Relaxed);
    let sent = usize::try_from(traffic.join_next().await.unwrap().unwrap()).unwrap();

    service.wait_until_counted(u64::try_from(sent * BATCH).unwrap(), Duration::from_secs(20)).await;
    let records = hop.wait_for_records(sent * BATCH).await;
    assert_eq!(records.len(), sent * BATCH, "each record arrives once");
    let told: Vec<_> = records.iter().map(|(_, record)| text(record, "logmend.rule").unwrap()).collect();
    for request in told.chunks(BATCH) {
        assert!(request.iter().all(|id| *id == request[0]), "one request, one set of rules: {request:?}");
    }
    let mut order = told;
    order.dedup();
    assert_eq!(order, ["till-open", "till-a", "till-b", "till-c", "till-e"]);
}

fn rules(arguments: &[&str]) -> Output {
    rules_on(arguments, "")
}

fn rules_on(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_logmend"))
        .env_clear()
        .arg("rules")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What it printed, where it ended with `code`.
fn printed(output: Output, code: i32) -> (String, String) {
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    assert!(!out.contains('\x1b'), "colour is for terminals");
    (out, err)
}

#[test]
fn list_shows_the_catalogue_whole_or_by_category_as_a_table_or_json() {
    let (table, _) = printed(rules(&["list"]), 0);
    assert!(table.contains("redis-read-only") && table.contains("go-nil-pointer"));
    let (json, _) = printed(rules(&["list", "--category", "cache_error", "--format", "json"]), 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    let listed = json["rules"].as_array().unwrap();
    assert!(listed.len() > 10 && listed.iter().all(|rule| rule["category"] == "cache_error"), "{json}");
    assert!(listed.iter().all(|rule| rule["file"] == "caches.toml"), "{json}");
    let (_, told) = printed(rules(&["list", "--category", "cache"]), 78);
    assert_eq!(told, "logmend: no rule is of the category `cache`; `logmend rules list` shows all\n");
}

#[test]
fn test_tells_which_rule_holds_by_which_texts_and_what_nearly_did() {
    let (told, _) = printed(rules(&["test", "dial tcp 10.0.0.5:6379: connect: connection refused"]), 0);
    // Where it stands changes with every rule that is added before it.
    let told = regex::Regex::new("rule [0-9]+ of").unwrap().replace(&told, "rule N of");
    insta::assert_snapshot!(told, @r#"
    dial tcp 10.0.0.5:6379: connect: connection refused
                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    `redis-unavailable` is the first rule that holds
      cache_error, high, not fixable; rule N of the catalogue
      any: ":6379: connect: connection refused" in body at 17..51
      min_severity: severity number 13 or above
      mend: Check that Redis runs and can be reached, and let the service go on without its cache.
    behind it, these hold too: connection-refused
    "#);
}

#[test]
fn test_takes_severity_service_and_attributes_and_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    let conditions = "all = [\"till\", \"open\"]\nservices = [\"shop-*\"]\nattributes = { \"till.id\" = 7 }";
    std::fs::write(&path, rule("till-open", conditions)).unwrap();
    let file = path.to_str().unwrap();
    let flags =
        ["test", "--rules", file, "--service", "shop-eu", "--attribute", "till.id=7", "--format", "json"];
    let (told, _) = printed(rules_on(&flags, "the till is open\nthe till is shut\n"), 0);
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [open, shut] = &lines[..] else { panic!("{told}") };
    assert_eq!(open["explanation"]["rule"]["id"], "till-open", "{open}");
    assert_eq!(open["explanation"]["rule"]["checks"][1]["found"][0]["start"], 12, "{open}");
    assert_eq!(shut["explanation"]["outcome"], "none", "{shut}");
    assert_eq!(shut["explanation"]["nearly_held"][0]["id"], "till-open", "{shut}");
    let (told, _) = printed(rules(&["test", "--rules", file, "--severity", "info", "the till is open"]), 0);
    assert!(told.contains("its text is not read"), "{told}");
    let (told, _) =
        printed(rules(&["test", "--rules", file, "--attribute", "till.id=7", "the till is open"]), 0);
    assert!(told.contains("nearly: `till-open`, but services asks for shop-*"), "{told}");
}

#[test]
fn lint_finds_nothing_in_the_built_in_rules_and_points_at_what_is_wrong_elsewhere() {
    let (told, _) = printed(rules(&["lint"]), 0);
    assert!(told.ends_with("0 wrong, 0 advised\n"), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    let file = path.to_str().unwrap();
    let two = rule("till-open", "any = [\"till is open\"]\nmust = [\"the till is shut\"]")
        + &rule("till-left-open", "any = [\"till is open still\"]");
    std::fs::write(&path, two).unwrap();
    let (told, _) = printed(rules(&["lint", file]), 1);
    for expected in [
        "line 8, column 9: rule `till-open`: it does not hold for its line",
        "line 9, column 1: rule `till-left-open`: it never gets its turn: `till-open` stands before it",
        "advice: rule `till-left-open`: `must` has 0 lines",
        "2 rules, 1 lines: 2 wrong, 4 advised",
    ] {
        assert!(told.contains(expected), "{expected} in\n{told}");
    }
    std::fs::write(&path, rule("till-open", "any = [\"t\"]\nmust = 7")).unwrap();
    let (_, told) = printed(rules(&["lint", file]), 78);
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 2, "each fault is told: {told}");
    assert!(
        lines[0]
            .starts_with(&format!("logmend: {file}: line 7, column 8: rule `till-open`: `any` holds \"t\"")),
        "{told}"
    );
}

/// Thousands of rules are linted in time that a person waits for.
#[test]
fn lint_is_not_slow_on_large_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    let many: String =
        (0..2_000).map(|n| rule(&format!("r{n}"), &format!("any = [\"code {n:05}\"]"))).collect();
    std::fs::write(&path, many).unwrap();
    let begun = Instant::now();
    printed(rules(&["lint", path.to_str().unwrap()]), 0);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}
