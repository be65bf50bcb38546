//! What may be spent and opened holds over restarts and on all replicas, and whoever gets no pull request is told why.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::engines::Postgres;
use crate::support::github::GitHubStandIn;
use crate::support::otlp::{exception_record, export, record, request};
use crate::support::python;
use crate::support::service::Service;

const SCAN: &str = "/error-monitor/monitor/scan";
const STATUS: &str = "/error-monitor/autonomous/status";

/// How long what is awaited may take.
const PATIENCE: Duration = Duration::from_secs(30);

const SOURCE: &str = "def work(request):\n    raise ValueError(request)\n";
const FILES: [&str; 6] = ["a.py", "b.py", "c.py", "d.py", "e.py", "f.py"];

/// A change of a file of the shop.
fn submission(file: &str) -> Turn {
    submission_with(file, "high")
}

/// The same, of which Claude is this sure.
fn submission_with(file: &str, confidence: &str) -> Turn {
    Turn::tool_use(
        "submit_fix",
        json!({
            "title": "Refuse the request",
            "root_cause": "`work` raises on every request.",
            "explanation": "It does not any more.",
            "edits": [{"path": format!("shop/{file}"), "find": "    raise ValueError(request)\n", "replace": "    return request\n"}],
            "new_files": null,
            "confidence": confidence,
            "how_to_verify": "Run it.",
        }),
    )
}

/// A limit on spending that the account set itself.
fn spend_limit() -> Turn {
    let message = "You have reached your specified API usage limits. You will regain access on 2126-12-01 at 00:00 UTC.";
    Turn::status(
        400,
        &[],
        json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}}),
    )
}

/// An exception of `kind` whose innermost frame is in `function` of `file`.
fn failure(kind: &str, file: &str, function: &str) -> logmend::proto::logs::v1::LogRecord {
    let trace = format!(
        "Traceback (most recent call last):\n  File \"/app/shop/{file}\", line 2, in {function}\n    raise {kind}(request)\n{kind}: bad\n"
    );
    exception_record(kind, "bad", &trace)
}

struct World {
    github: GitHubStandIn,
    claude: ClaudeStandIn,
}

impl World {
    async fn start(turns: Vec<Turn>) -> Self {
        let paths = FILES.map(|file| format!("shop/{file}"));
        let files: Vec<_> = paths.iter().map(|path| (path.as_str(), SOURCE)).collect();
        Self { github: GitHubStandIn::start(&files).await, claude: ClaudeStandIn::start(turns).await }
    }

    /// A service that mends what it finds, all at once, and learns nothing beside.
    async fn service(&self, settings: &[(&str, &str)]) -> Service {
        let standard = [("LOGMEND_LEARN", "off"), ("LOGMEND_MAX_FIXES_PER_WINDOW", "9")];
        let settings: Vec<_> = standard.iter().chain(settings).copied().collect();
        Service::mending(&self.github, &self.claude, &settings).await
    }

    fn assert_no_violations(&self) {
        assert_eq!(self.github.violations(), Vec::<String>::new());
        assert_eq!(self.claude.violations(), Vec::<String>::new());
    }
}

async fn emit(service: &Service, name: &str, records: Vec<logmend::proto::logs::v1::LogRecord>) {
    export(&service.grpc_url(), request(name, records)).await.unwrap();
}

async fn fixes_with(service: &Service, status: &str, count: usize) -> Vec<Value> {
    let of = |answer: &Value| -> Vec<Value> {
        let fixes = answer["fixes"].as_array().unwrap();
        fixes.iter().filter(|fix| fix["status"] == status).cloned().collect()
    };
    let fixes = service.until("/error-monitor/fixes/generated", |answer| of(answer).len() == count).await;
    of(&fixes)
}

/// The codes of why errors have no pull request, by the service's errors.
async fn codes(service: &Service) -> Vec<String> {
    let recent = service.get("/error-monitor/errors/recent").await;
    let errors = recent["errors"].as_array().unwrap();
    let mut codes: Vec<_> =
        errors.iter().map(|error| error["no_fix"]["code"].as_str().unwrap_or("none").to_owned()).collect();
    codes.sort();
    codes
}

/// Five errors of one file are one cause: one pull request, and the others are told which one they wait for.
#[tokio::test(flavor = "multi_thread")]
async fn five_errors_that_share_a_cause_make_one_pull_request() {
    let world = World::start(FILES.map(submission).into()).await;
    let service = world.service(&[]).await;
    let functions = ["one", "two", "three", "four", "five"];
    let shared = |functions: &[&str]| {
        functions.iter().map(|function| failure(&format!("{function}Error"), "a.py", function)).collect()
    };
    emit(&service, "shop", shared(&functions)).await;
    let scanned = service.post(SCAN).await;
    assert_eq!((&scanned["errors_found"], &scanned["auto_fixes_started"]), (&json!(5), &json!(1)));
    let drafts = fixes_with(&service, "draft", 1).await;
    assert_eq!(codes(&service).await, ["none", "overlap", "overlap", "overlap", "overlap"]);

    // Nor do they make one each later, while that change waits for people.
    emit(&service, "shop", shared(&functions)).await;
    assert_eq!(service.post(SCAN).await["auto_fixes_started"], 0);
    let recent = service.get("/error-monitor/errors/recent").await;
    let held = recent["errors"].as_array().unwrap().iter().find(|error| error["fix_id"].is_null()).unwrap();
    let why = held["no_fix"]["reason"].as_str().unwrap();
    assert!(why.contains(drafts[0]["id"].as_str().unwrap()), "{why}");
    assert_eq!(world.github.pull_requests().len(), 1);
    assert_eq!(world.claude.requests().len(), 1);
    world.assert_no_violations();
}

/// Two pull requests an hour: the third fix waits with what was written, also over a restart, and its code says so.
#[tokio::test(flavor = "multi_thread")]
async fn the_third_pull_request_of_an_hour_waits() {
    let world = World::start(FILES.map(submission).into()).await;
    let mut service = world.service(&[("LOGMEND_MAX_PRS_PER_HOUR", "4")]).await;
    // Three are begun while there is room for four; then people allow but two.
    let failures = ["AError", "BError", "CError"].into_iter().zip(FILES);
    emit(&service, "shop", failures.clone().map(|(kind, file)| failure(kind, file, kind)).collect()).await;
    assert_eq!(service.post(SCAN).await["auto_fixes_started"], 3, "{}", service.logs());
    fixes_with(&service, "draft", 3).await;
    let budgets = service.get(STATUS).await["budgets"].clone();
    assert_eq!(budgets["pull_requests_per_hour"], json!({"limit": 4, "used": 3, "left": 1}), "{budgets:#}");
    assert_eq!(
        budgets["open_pull_requests_per_repository"]["repositories"]["acme/shop"],
        json!({"limit": 5, "used": 3, "left": 2})
    );
    assert_eq!(budgets["fixes_per_window"], json!({"limit": 9, "used": 3, "left": 6}));
    assert!(budgets["usd_per_day"]["used"].as_f64().unwrap() > 0.0, "{budgets:#}");
    assert_eq!(budgets["usd_reserved"], json!(0.0), "all is settled");

    service = service.restart().await;
    let more = ["DError", "EError"].into_iter().zip(["d.py", "e.py"]);
    emit(&service, "shop", more.map(|(kind, file)| failure(kind, file, kind)).collect()).await;
    assert_eq!(service.post(SCAN).await["auto_fixes_started"], 1, "one has room");
    fixes_with(&service, "draft", 4).await;
    assert_eq!(codes(&service).await, ["none", "none", "none", "none", "pr_cap"]);
    for _ in 0..2 {
        emit(
            &service,
            "shop",
            vec![failure("EError", "e.py", "EError"), failure("DError", "d.py", "DError")],
        )
        .await;
        assert_eq!(service.post(SCAN).await["auto_fixes_started"], 0);
    }
    let told = service.logs().matches("pull requests were opened within an hour").count();
    assert_eq!(told, 1, "{}", service.logs());
    assert_eq!(world.github.pull_requests().len(), 4);
    world.assert_no_violations();
}

/// A fix that is written when the hour is full waits with its change; it is told once, and nothing is opened.
#[tokio::test(flavor = "multi_thread")]
async fn a_cap_is_decided_at_the_moment_before_a_pull_request_is_opened() {
    let turns = FILES.map(|file| submission(file).after(Duration::from_millis(300)));
    let world = World::start(turns.into()).await;
    let database = tokio::task::spawn_blocking(Postgres::database).await.unwrap();
    let url = database.url();
    let settings = [("DATABASE_URL", url.as_str()), ("LOGMEND_LEADER_TERM", "3")];
    let mut one = world.service(&settings).await;
    let mut other = world.service(&settings).await;
    // At the window's end there is room for two, so two are begun. What a third was written for meets the store's cap.
    emit(&other, "shop", vec![failure("AError", "a.py", "a"), failure("BError", "b.py", "b")]).await;
    assert_eq!(other.post(SCAN).await["auto_fixes_started"], 2);
    fixes_with(&one, "draft", 2).await;
    emit(&one, "shop", vec![failure("CError", "c.py", "c")]).await;
    assert_eq!(one.post(SCAN).await["auto_fixes_started"], 0);
    let error = other.until("/error-monitor/errors/recent", |answer| answer["count"] == 3).await;
    let id =
        error["errors"].as_array().unwrap().iter().find(|error| error["fix_id"].is_null()).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
    // Somebody begins it all the same.
    database.psql(&format!(
        "INSERT INTO fix (id, fingerprint, error_message, error_category, severity, status, reason, tries, analysis, \
         proposed_fix, code_changes, repository, base_commit, branch, created_at, model, input_tokens, output_tokens, cost_usd) \
         VALUES ('{}-1', '{id}', 'm', 'internal_error', 3, 'pending', '', 0, '', '', '{{}}', '', '', '', 1, '', 0, 0, 0)",
        &id[..12]
    ));
    // Whoever leads next finds it.
    one.kill();
    other.kill();
    (one, other) = (one.restart().await, other.restart().await);
    for service in [&one, &other] {
        let fixes = service
            .until("/error-monitor/fixes/generated", |answer| {
                let fixes = answer["fixes"].as_array().unwrap();
                fixes
                    .iter()
                    .any(|fix| fix["status"] == "pending" && fix["files_affected"] == json!(["shop/c.py"]))
            })
            .await;
        let waiting = fixes["fixes"].as_array().unwrap().iter().find(|fix| fix["pr_url"].is_null()).unwrap();
        assert_eq!(waiting["no_fix"]["code"], "pr_cap", "{waiting:#}");
    }
    assert_eq!(world.github.pull_requests().len(), 2);
    assert_eq!(world.claude.requests().len(), 3);
    let told = [&one, &other].map(|service| service.logs().matches("the fix waits: ").count());
    assert_eq!(told.iter().sum::<usize>(), 1, "{told:?}");
    world.assert_no_violations();
}

/// A limit of Claude's account stops all calls until people say so; errors are found and counted meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_account_opens_the_breaker_and_detection_goes_on() {
    let world = World::start(vec![spend_limit(), submission("a.py")]).await;
    let mut service = world.service(&[]).await;
    emit(&service, "shop", vec![failure("AError", "a.py", "a")]).await;
    assert_eq!(service.post(SCAN).await["auto_fixes_started"], 1);
    let status = service.until(STATUS, |status| !status["budgets"]["breaker"].is_null()).await;
    let breaker = &status["budgets"]["breaker"];
    assert!(breaker["reason"].as_str().unwrap().contains("usage limits"), "{breaker:#}");
    let health = service.get("/error-monitor/health").await;
    assert_eq!(
        (&health["status"], &health["components"]["claude"]["status"]),
        (&json!("degraded"), &json!("degraded"))
    );
    let fixes = fixes_with(&service, "pending", 1).await;
    assert_eq!(fixes[0]["no_fix"]["code"], "budget", "{fixes:#?}");

    // Also over a crash, nothing is asked again, and what comes is counted.
    service.kill();
    service = service.restart().await;
    emit(&service, "shop", vec![failure("BError", "b.py", "b"), failure("AError", "a.py", "a")]).await;
    let scanned = service.post(SCAN).await;
    assert_eq!((&scanned["errors_found"], &scanned["auto_fixes_started"]), (&json!(2), &json!(0)));
    assert_eq!(codes(&service).await, ["budget", "budget"]);
    assert_eq!(world.claude.requests().len(), 1);
    assert_eq!(service.logs().matches("Claude is not asked until").count(), 2, "by the log and with the fix");

    service.post("/error-monitor/monitor/start").await;
    fixes_with(&service, "draft", 1).await;
    assert_eq!(service.get(STATUS).await["budgets"]["breaker"], Value::Null);
    assert_eq!(service.get("/error-monitor/health").await["components"]["claude"]["status"], "ok");
    assert_eq!(world.claude.requests().len(), 2);
    world.assert_no_violations();
}

/// Money that a call was under way for when the process was killed counts as spent.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_a_call_makes_no_budget_too_generous() {
    let late = submission("a.py").after(Duration::from_secs(20));
    let world = World::start(vec![late, submission("a.py"), submission("a.py")]).await;
    // Less than two calls may cost at most, so one that was cut off leaves too little.
    let mut service = world.service(&[("LOGMEND_MAX_USD_PER_FIX", "0.6")]).await;
    emit(&service, "shop", vec![failure("AError", "a.py", "a")]).await;
    service.post(SCAN).await;
    let begun = Instant::now();
    while world.claude.requests().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{}", service.logs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let reserved = service.get(STATUS).await["budgets"]["usd_reserved"].clone();
    assert!(reserved.as_f64().unwrap() > 0.3, "{reserved}");
    service.kill();
    service = service.restart().await;
    let failed = fixes_with(&service, "failed", 1).await;
    assert_eq!(failed[0]["no_fix"]["code"], "budget", "{failed:#?}");
    assert_eq!(world.claude.requests().len(), 1);
    assert_eq!(service.get(STATUS).await["budgets"]["usd_reserved"], reserved);
    world.assert_no_violations();
}

/// The money of a day holds over restarts and on both replicas, and is told once.
#[tokio::test(flavor = "multi_thread")]
async fn the_money_of_a_day_holds_on_two_replicas_and_over_restarts() {
    let world = World::start(FILES.map(submission).into()).await;
    let database = tokio::task::spawn_blocking(Postgres::database).await.unwrap();
    let url = database.url();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("LOGMEND_LEADER_TERM", "3"),
        ("LOGMEND_MAX_USD_PER_DAY", "0.7"),
        ("LOGMEND_MAX_PRS_PER_HOUR", "9"),
    ];
    let mut one = world.service(&settings).await;
    let other = world.service(&settings).await;
    // One call may cost some 40 cents at most, and costs less than 2.
    database.psql(
        "INSERT INTO claude_call (id, expense, subject, at, usd) VALUES ('x', 'fix', 'gone', \
                   CAST(extract(epoch FROM now()) * 1000000000 AS BIGINT), 0.695)",
    );
    emit(&one, "shop", vec![failure("AError", "a.py", "a")]).await;
    assert_eq!(other.post(SCAN).await["auto_fixes_started"], 0);
    one.kill();
    one = one.restart().await;
    emit(&other, "shop", vec![failure("BError", "b.py", "b")]).await;
    let scanned = one.post(SCAN).await;
    assert_eq!((&scanned["errors_found"], &scanned["auto_fixes_started"]), (&json!(1), &json!(0)));
    assert_eq!(codes(&other).await, ["budget", "budget"]);
    assert_eq!(world.claude.requests().len(), 0);
    let told = [&one, &other].map(|service| service.logs().matches("the budget of a day").count());
    assert_eq!(told.iter().sum::<usize>(), 1, "{told:?}");
    database.psql("UPDATE claude_call SET usd = 0.01");
    emit(&other, "shop", vec![failure("BError", "b.py", "b")]).await;
    assert_eq!(one.post(SCAN).await["auto_fixes_started"], 1);
    fixes_with(&one, "draft", 1).await;
    world.assert_no_violations();
}

/// Where more errors deserve a fix than may get one, Claude is asked once which are likely mended; without an answer the order
/// stays as it was.
#[tokio::test(flavor = "multi_thread")]
async fn the_most_likely_mended_go_first() {
    let order = Turn::with(|request| {
        assert_eq!(request["model"], "claude-haiku-5-5");
        assert_eq!(request["output_config"]["effort"], "low");
        let text = request["messages"][0]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("The repository is acme/shop."), "{text}");
        // The error of c.py first.
        let at = text.find("/app/shop/c.py").unwrap();
        let number = text[..at].rsplit("Error ").find_map(|rest| rest.split(' ').next()?.parse::<u32>().ok());
        Turn::text(&json!({"order": [number]}).to_string())
    });
    let turns = vec![order, submission("c.py"), Turn::text("the second one"), submission("a.py")];
    let world = World::start(turns).await;
    let service = world.service(&[("LOGMEND_MAX_FIXES_PER_WINDOW", "1")]).await;
    let all = || {
        let failures = ["AError", "BError", "CError"].into_iter().zip(FILES).enumerate();
        failures.flat_map(|(n, (kind, file))| vec![failure(kind, file, kind); 3 - n]).collect::<Vec<_>>()
    };
    emit(&service, "shop", all()).await;
    assert_eq!(service.post(SCAN).await["auto_fixes_started"], 1);
    let draft = fixes_with(&service, "draft", 1).await;
    assert_eq!(draft[0]["files_affected"], json!(["shop/c.py"]), "{}", service.logs());
    assert_eq!(codes(&service).await, ["none", "waiting", "waiting"]);
    assert_eq!(world.claude.requests().len(), 2);

    // An answer that is nonsense: the most frequent comes first.
    emit(&service, "shop", all()[..5].to_vec()).await;
    assert_eq!(service.post(SCAN).await["auto_fixes_started"], 1);
    let drafts = fixes_with(&service, "draft", 2).await;
    assert!(drafts.iter().any(|fix| fix["files_affected"] == json!(["shop/a.py"])), "{drafts:#?}");
    assert!(service.logs().contains("errors are ordered without Claude"), "{}", service.logs());
    let asked = world.claude.requests();
    assert_eq!(asked.len(), 4);
    world.assert_no_violations();
    python::feed(&python::script("anthropic_types.py"), &["requests"], &python::lines(&asked)).await;
}

/// Whatever gets no pull request has a code and a sentence, in lists, alone, with its fix and on the dashboard.
#[tokio::test(flavor = "multi_thread")]
async fn each_error_without_a_pull_request_says_why() {
    let refused = Turn::stop_reason("refusal", "");
    let decline = Turn::tool_use("decline", json!({"reason": "The defect is in another service."}));
    let world = World::start(vec![refused, decline]).await;
    let service = world.service(&[("LOGMEND_MIN_EVENTS", "2")]).await;
    let twice = |kind: &str, file: &str| vec![failure(kind, file, kind); 2];
    emit(&service, "shop", twice("AError", "a.py")).await;
    service.post(SCAN).await;
    fixes_with(&service, "failed", 1).await;
    assert_eq!(codes(&service).await, ["refused"]);
    emit(&service, "shop", [twice("BError", "b.py"), vec![failure("CError", "c.py", "c")]].concat()).await;
    emit(&service, "mail", vec![record(13, "Rate limit exceeded for tenant 5, retrying"); 2]).await;
    service.post(SCAN).await;
    fixes_with(&service, "declined", 1).await;
    let codes = codes(&service).await;
    assert_eq!(codes, ["below_min_events", "not_actionable", "not_urgent", "refused"]);
    let declined = fixes_with(&service, "declined", 1).await;
    assert_eq!(declined[0]["no_fix"]["reason"], "The defect is in another service.");
    let error = format!("/error-monitor/errors/{}", declined[0]["error_pattern_id"].as_str().unwrap());
    let error = service.get(&error).await;
    assert_eq!(error["error"]["no_fix"], declined[0]["no_fix"]);
    let dashboard = service.get("/error-monitor/dashboard").await;
    assert!(
        dashboard["recent_critical"]
            .as_array()
            .unwrap()
            .iter()
            .all(|error| error["no_fix"]["at"].is_string())
    );
    world.assert_no_violations();
}

/// An error whose trace names no file of the repository, or one of several, one that Claude is not sure of, and one of a service
/// without a repository: each says so, and no pull request is opened.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_certain_enough_is_not_opened() {
    let decline = || Turn::tool_use("decline", json!({"reason": "The code is not here."}));
    let unsure = submission_with("a.py", "low");
    let paths = [("shop/a.py", SOURCE), ("one/pay.py", SOURCE), ("two/pay.py", SOURCE)];
    let world = World {
        github: GitHubStandIn::start(&paths).await,
        claude: ClaudeStandIn::start(vec![decline(), decline(), unsure]).await,
    };
    let folder = tempfile::tempdir().unwrap();
    let services = folder.path().join("services.toml");
    std::fs::write(&services, "[services.shop]\nrepository = \"acme/shop\"\n").unwrap();
    let (github_url, claude_url) = (world.github.url(), world.claude.url());
    let service = Service::start(&[
        ("ANTHROPIC_API_KEY", world.claude.key()),
        ("ANTHROPIC_BASE_URL", &claude_url),
        ("GITHUB_TOKEN", world.github.token()),
        ("GITHUB_API_URL", &github_url),
        ("LOGMEND_LEARN", "off"),
        ("LOGMEND_SERVICES", services.to_str().unwrap()),
    ])
    .await;
    for (kind, file, status) in [
        ("AError", "nowhere.py", "declined"),
        ("BError", "pay.py", "declined"),
        ("CError", "a.py", "proposed"),
    ] {
        let before = fixes_with(&service, status, usize::from(kind == "BError")).await.len();
        emit(&service, "shop", vec![failure(kind, file, kind)]).await;
        emit(&service, "mail", vec![failure(kind, file, kind)]).await;
        assert_eq!(service.post(SCAN).await["auto_fixes_started"], 1, "of one service alone");
        fixes_with(&service, status, before + 1).await;
    }
    let codes = codes(&service).await;
    assert_eq!(codes, ["ambiguous_file", "low_confidence", "unmapped", "unmapped", "unmapped", "unmapped"]);
    assert_eq!(world.github.pull_requests(), Vec::<Value>::new());
    world.assert_no_violations();
}

/// Without anybody to write fixes, those that deserve one are told so.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_that_it_is_one() {
    let world = World::start(Vec::new()).await;
    let service = world.service(&[("AUTO_FIX_ENABLED", "false")]).await;
    emit(&service, "shop", vec![failure("AError", "a.py", "a")]).await;
    service.post(SCAN).await;
    assert_eq!(codes(&service).await, ["disabled"]);
    assert_eq!(world.claude.requests().len(), 0);
}
