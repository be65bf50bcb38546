//! People elsewhere are told of what matters: in each target's own format, once, within the caps, and also after a crash.

use std::process::Command;
use std::time::Duration;

use logmend::proto::logs::v1::LogRecord;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::support::alerted::{
    Alerted, Answer, ROUTING_KEY, SLACK_PATH, Sent, WEBHOOK_PATH, WEBHOOK_SECRET, Who,
};
use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::engines::Postgres;
use crate::support::github::GitHubStandIn;
use crate::support::otlp::{exception_record, export, request};
use crate::support::service::Service;

const ALERTS: &str = "/error-monitor/alerts";
const SCAN: &str = "/error-monitor/monitor/scan";
const PATIENCE: Duration = Duration::from_secs(30);
const ALL: [Who; 4] = [Who::Slack, Who::Webhook, Who::PagerDuty, Who::Alertmanager];

/// An exception of `kind` in a file of its own.
fn failure(kind: &str, message: &str) -> LogRecord {
    let trace = format!(
        "Traceback (most recent call last):\n  File \"/app/shop/{kind}.py\", line 2, in work\n    raise {kind}(request)\n{kind}: bad\n"
    );
    exception_record(kind, message, &trace)
}

async fn emit(service: &Service, records: Vec<LogRecord>) {
    export(&service.grpc_url(), request("shop", records)).await.unwrap();
}

/// Settings of a service that alerts, and more of them.
fn together<'a>(
    targets: &'a [(&'static str, String)],
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    targets.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()).collect()
}

async fn start(alerted: &Alerted, who: &[Who], settings: &[(&str, &str)]) -> Service {
    Service::start(&together(&alerted.settings(who), settings)).await
}

/// Changes the store beneath the service, as time or people would.
async fn change(service: &Service, statement: impl Into<String>) {
    let file = service.folder().join("logmend.db");
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(PATIENCE);
    let mut connection = options.connect().await.unwrap();
    connection.execute(AssertSqlSafe(statement.into())).await.unwrap();
    connection.close().await.unwrap();
}

fn target<'a>(alerts: &'a Value, name: &str) -> &'a Value {
    alerts["targets"].as_array().unwrap().iter().find(|target| target["target"] == name).unwrap()
}

/// Log text is escaped for each, what is over is told, and no secret is seen anywhere else.
#[tokio::test(flavor = "multi_thread")]
async fn each_target_is_told_in_its_own_format() {
    let alerted = Alerted::start().await;
    let service = start(&alerted, &ALL, &[]).await;
    let hostile =
        "<!channel> @here <https://evil.example|x> https://evil.example password=hunter2horse \u{202e}&";
    emit(&service, vec![failure("ValueError", hostile)]).await;
    let webhook = alerted.rule("new").await;
    let error = &webhook.body["error"];
    let id = error["id"].as_str().unwrap().to_owned();
    assert_eq!((&error["service"], &error["count"]), (&json!("shop"), &json!(1)));
    let slack = alerted.until(Who::Slack, "an alert", |_| true).await;
    for gone in ["<!", "@here", "<http", "https://evil", "hunter2", "\u{202e}"] {
        assert!(!slack.body.to_string().contains(gone), "{gone} in {}", slack.body);
    }
    let trigger = alerted.until(Who::PagerDuty, "an event", |_| true).await;
    assert_eq!((&trigger.body["event_action"], &trigger.body["dedup_key"]), (&json!("trigger"), &json!(id)));
    let firing = alerted.until(Who::Alertmanager, "an alert", |_| true).await.body[0].clone();
    assert_eq!(firing["labels"]["fingerprint"], json!(id));
    assert_eq!(
        (&firing["labels"]["alertname"], &firing["labels"]["service"]),
        (&json!("LogmendNewError"), &json!("shop"))
    );
    assert!(firing["endsAt"].as_str().unwrap() > firing["startsAt"].as_str().unwrap());

    let tried = service.post(&format!("{ALERTS}/test")).await;
    assert_eq!(
        (&tried["status"], tried["results"].as_array().unwrap().len()),
        (&json!("sent"), 4),
        "{tried:#}"
    );
    alerted.rule("test").await;

    change(&service, "UPDATE cluster SET status = 'ignored'").await;
    alerted
        .until(Who::PagerDuty, "that it is over", |sent| {
            sent.body["event_action"] == "resolve" && sent.body["dedup_key"] == json!(id)
        })
        .await;
    let over = alerted.until(Who::Webhook, "that it is over", |sent| sent.body["status"] == "resolved").await;
    assert_eq!(over.body["alert"], webhook.body["alert"]);
    assert_ne!(over.delivery(), webhook.delivery());
    let ended = over.body["ended_at"].clone();
    let resolved =
        alerted.until(Who::Alertmanager, "that it is over", |sent| sent.body[0]["endsAt"] == ended).await;
    assert_eq!(
        (&resolved.body[0]["labels"], &resolved.body[0]["startsAt"]),
        (&firing["labels"], &firing["startsAt"])
    );

    let alerts = service
        .until(ALERTS, |alerts| {
            alerts["targets"].as_array().unwrap().iter().all(|target| target["waiting"] == 0)
        })
        .await;
    assert_eq!(target(&alerts, "slack")["status"], "ok");
    assert_eq!(alerts["recent"].as_array().unwrap().len(), 11, "{alerts:#}");
    let health = service.get("/error-monitor/health").await;
    assert_eq!(health["components"]["alerts"], json!({"status": "ok"}));
    let metrics = reqwest::get(service.api_url() + "/metrics").await.unwrap().text().await.unwrap();
    for (series, count) in
        [("slack\",outcome=\"sent", 2), ("webhook\",outcome=\"sent", 3), ("webhook\",outcome=\"failed", 0)]
    {
        let line = format!("logmend_alerts_total{{target=\"{series}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    alerted.check().await;
    let shown = [service.logs(), alerts.to_string(), health.to_string(), metrics].concat();
    for secret in [SLACK_PATH, WEBHOOK_PATH, WEBHOOK_SECRET, ROUTING_KEY] {
        assert!(!shown.contains(secret.rsplit('/').next().unwrap()), "{secret}");
    }
}

/// A process that dies between a commit and the sending, or before it knows that it was sent, tells all the same, and where it
/// has to tell twice the delivery says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_neither_loses_an_alert_nor_repeats_it_unknown() {
    let alerted = Alerted::start().await;
    let mut service = start(&alerted, &[Who::Webhook, Who::Alertmanager], &[]).await;
    // Acknowledged, and dead before anybody looked at it.
    emit(&service, vec![failure("AError", "a")]).await;
    service.kill();
    assert_eq!(alerted.sent(Who::Webhook).len(), 0);
    service = service.restart().await;
    alerted.rule("new").await;
    let firing = alerted.until(Who::Alertmanager, "an alert", |_| true).await;

    // Sent, and dead before the answer.
    alerted.answer(Who::Webhook, [Answer::Never]);
    emit(&service, vec![failure("BError", "b")]).await;
    let is_second = |sent: &Sent| sent.body["summary"].as_str().unwrap().contains("BError");
    let first = alerted.until(Who::Webhook, "the second error", is_second).await;
    service.kill();
    service = service.restart().await;
    // The Alertmanager is told at once of what lasts.
    let reminded = |sent: &Sent| {
        let alerts = sent.body.as_array().unwrap();
        alerts.len() == 2 && alerts.iter().any(|alert| alert["labels"] == firing.body[0]["labels"])
    };
    alerted.until(Who::Alertmanager, "what lasts", reminded).await;
    service.until(ALERTS, |alerts| target(alerts, "webhook")["waiting"] == 0).await;

    // Answered; a crash after that repeats nothing.
    service.kill();
    service = service.restart().await;
    emit(&service, vec![failure("CError", "c")]).await;
    alerted.until(Who::Webhook, "the third error", |sent| sent.body.to_string().contains("CError")).await;
    service.until(ALERTS, |alerts| target(alerts, "webhook")["waiting"] == 0).await;
    let sent = alerted.sent(Who::Webhook);
    let ids: Vec<_> = sent.iter().map(Sent::delivery).collect();
    assert_eq!(ids.len(), 4, "{ids:?}");
    assert_eq!(ids.iter().filter(|id| **id == first.delivery()).count(), 2);
    assert_eq!(sent[1].bytes, sent[2].bytes, "the same is told");
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    alerted.check().await;
}

/// Whoever leads next sends what the leader left, under the same id; nobody else sends anything.
#[tokio::test(flavor = "multi_thread")]
async fn another_replica_goes_on_where_the_leader_died() {
    let alerted = Alerted::start().await;
    alerted.answer(Who::Webhook, [Answer::Never]);
    let database = tokio::task::spawn_blocking(Postgres::database).await.unwrap();
    let url = database.url();
    let settings = [("DATABASE_URL", url.as_str()), ("LOGMEND_LEADER_TERM", "3")];
    let mut one = start(&alerted, &[Who::Webhook], &settings).await;
    let other = start(&alerted, &[Who::Webhook], &settings).await;
    let leads = |health: &Value| health["components"]["replicas"]["leads"] == true;
    one.until("/error-monitor/health", leads).await;
    emit(&other, vec![failure("AError", "a")]).await;
    let first = alerted.rule("new").await;
    one.kill();
    let alerts = other.until(ALERTS, |alerts| alerts["recent"][0]["state"] == "sent").await;
    assert_eq!((&alerts["recent"][0]["tries"], alerts["recent"].as_array().unwrap().len()), (&json!(2), 1));
    let tried = other.post(&format!("{ALERTS}/test")).await;
    assert_eq!(tried["status"], "sent", "{tried:#}");
    let sent = alerted.sent(Who::Webhook);
    let ids: Vec<_> = sent.iter().map(Sent::delivery).collect();
    assert_eq!((ids.len(), ids[0], ids[1]), (3, first.delivery(), first.delivery()));
    alerted.check().await;
}

/// What is over the cap of an hour comes together.
#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_cap_comes_as_a_digest() {
    let alerted = Alerted::start().await;
    let service =
        start(&alerted, &ALL, &[("LOGMEND_ALERTS_PER_HOUR", "2"), ("LOGMEND_ALERT_RULES", "new")]).await;
    let kinds = ["AError", "BError", "CError", "DError", "EError"];
    emit(&service, kinds.map(|kind| failure(kind, "x")).into()).await;
    let alerts = service.until(ALERTS, |alerts| alerts["held_back"] == 3).await;
    assert_eq!(alerts["recent"].as_array().unwrap().len(), 8, "{alerts:#}");
    change(&service, "UPDATE alert SET at = at - 600000000000 WHERE state = 'held'").await;
    let digest = alerted.rule("digest").await;
    assert_eq!(digest.body["digest"]["counts"], json!({"new": 3}));
    assert_eq!(digest.body["digest"]["named"].as_array().unwrap().len(), 3);
    assert_eq!(digest.body["title"], "3 more alerts");
    let alerts = service
        .until(ALERTS, |alerts| {
            alerts["targets"].as_array().unwrap().iter().all(|target| target["waiting"] == 0)
        })
        .await;
    assert_eq!((&alerts["held_back"], alerts["recent"].as_array().unwrap().len()), (&json!(0), 12));
    for who in ALL {
        assert_eq!(alerted.sent(who).len(), 3, "{who:?}");
    }
    let slack = alerted.sent(Who::Slack);
    // A second lies between the sending of two; their ways may differ a little.
    assert!(slack[1].at - slack[0].at > Duration::from_millis(700), "Slack takes one in a second");
    alerted.check().await;
}

/// What may pass is tried again, five times; what never will is not; both are told.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_fails_is_tried_again_within_reason() {
    let alerted = Alerted::start().await;
    let who = [Who::Slack, Who::Webhook, Who::PagerDuty];
    let service = start(&alerted, &who, &[]).await;
    alerted.answer(Who::Slack, [Answer::Status(429, Some(1800))]);
    alerted.answer(Who::Webhook, vec![Answer::Status(500, None); 5]);
    alerted.answer(Who::PagerDuty, [Answer::Status(400, None)]);
    emit(&service, vec![failure("AError", "a")]).await;
    let alerts = service
        .until(ALERTS, |alerts| {
            alerts["targets"].as_array().unwrap().iter().all(|target| target["status"] == "failing")
        })
        .await;
    let of =
        |name: &str| alerts["recent"].as_array().unwrap().iter().find(|of| of["target"] == name).unwrap();
    assert_eq!((&of("pagerduty")["state"], &of("pagerduty")["tries"]), (&json!("failed"), &json!(1)));
    assert_eq!(of("pagerduty")["last_error"], "it answered 400: not now");
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let wait = time(&of("slack")["next_try_at"]).as_second() - time(&of("slack")["created_at"]).as_second();
    assert!(of("slack")["state"] == "waiting" && wait >= 1_799, "{wait}");
    let health = service.get("/error-monitor/health").await;
    assert_eq!(
        (&health["status"], &health["components"]["alerts"]["status"]),
        (&json!("degraded"), &json!("degraded"))
    );

    for tries in 2..=5 {
        change(&service, "UPDATE alert_delivery SET next_at = 0 WHERE target = 'webhook'").await;
        let is_tried = |of: &Value| {
            let (tried, state) = (of["tries"].as_u64().unwrap(), of["state"].as_str().unwrap());
            of["target"] == "webhook" && tried >= tries && (tries < 5 || state == "failed")
        };
        service.until(ALERTS, |alerts| alerts["recent"].as_array().unwrap().iter().any(is_tried)).await;
    }
    let alerts = service.get(ALERTS).await;
    assert_eq!(target(&alerts, "webhook")["last_error"], "it answered 500: not now; it was tried 5 times");
    let ids: Vec<_> = alerted.sent(Who::Webhook).iter().map(|sent| sent.delivery().to_owned()).collect();
    assert!(ids.len() == 5 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    change(&service, "UPDATE alert_delivery SET next_at = 0").await;
    service.until(ALERTS, |alerts| target(alerts, "slack")["status"] == "ok").await;
    // One that arrives says that all is well again.
    emit(&service, vec![failure("BError", "b")]).await;
    service.until("/error-monitor/health", |health| health["components"]["alerts"]["status"] == "ok").await;
    alerted.check().await;
}

/// An error that comes back, one that comes more often, and money that is spent.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_or_grows_or_is_spent_is_told() {
    let alerted = Alerted::start().await;
    let github = GitHubStandIn::start(&[("shop/AError.py", "x = 1\n")]).await;
    let claude = ClaudeStandIn::start(Vec::new()).await;
    let targets = alerted.settings(&[Who::Webhook, Who::Alertmanager]);
    let more = [("LOGMEND_LEARN", "off"), ("LOGMEND_MAX_USD_PER_DAY", "0")];
    let service = Service::mending(&github, &claude, &together(&targets, &more)).await;
    emit(&service, vec![failure("AError", "a")]).await;
    let known = alerted.rule("new").await;
    let id = known.body["error"]["id"].as_str().unwrap();
    service.post(SCAN).await;
    let budget = alerted.rule("budget").await;
    assert_eq!((&budget.body["limit"], &budget.body["severity"]), (&json!("usd_per_day"), &json!("medium")));

    change(&service, "UPDATE cluster SET status = 'fixed'").await;
    alerted.until(Who::Webhook, "that it is over", |sent| sent.body["status"] == "resolved").await;
    // Two days with one of it in each hour, but for the latest.
    let hours = format!(
        "INSERT INTO cluster_hour (fingerprint, hour, count)
         WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 50)
         SELECT '{id}', (CAST(unixepoch() AS INTEGER) / 3600 - n) * 3600000000000, 1 FROM n WHERE TRUE
         ON CONFLICT DO NOTHING"
    );
    change(&service, hours).await;
    emit(&service, (0..30).map(|n| failure("AError", &format!("a {n}"))).collect()).await;
    service.post(SCAN).await;
    let regressed = alerted.rule("regressed").await;
    assert_eq!(regressed.body["error"]["id"], json!(id));
    let rate = alerted.rule("rate").await;
    assert_eq!((&rate.body["rate"]["usual_per_hour"], &rate.body["error"]["id"]), (&json!(1.0), &json!(id)));
    assert!(rate.body["rate"]["per_hour"].as_f64().unwrap() >= 30.0, "{}", rate.body);
    alerted.check().await;
}

/// With the store away, people are told all the same, and once.
#[tokio::test(flavor = "multi_thread")]
async fn that_requests_are_refused_is_told_without_the_store() {
    let limit = |service: &Service, bytes: &str| {
        let (pid, limit) = (service.pid().to_string(), format!("--fsize={bytes}:"));
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    };
    let alerted = Alerted::start().await;
    let targets = alerted.settings(&[Who::Webhook, Who::PagerDuty]);
    // A write beyond the limit fails, as on a full disk, and does not end the process.
    let service = Service::start_behind("trap '' XFSZ", &together(&targets, &[])).await;
    limit(&service, "0");
    let url = service.grpc_url();
    for n in 0..12 {
        let refused = export(&url, request("shop", vec![failure("AError", &n.to_string())])).await;
        refused.unwrap_err();
    }
    let told = alerted.rule("refusing").await;
    assert_eq!((&told.body["severity"], &told.body["error"]), (&json!("critical"), &Value::Null));
    let trigger = alerted.until(Who::PagerDuty, "an event", |_| true).await;
    assert_eq!(trigger.body["dedup_key"], told.body["alert"]);
    let health = service.get("/error-monitor/health").await;
    assert_eq!(health["components"]["store"]["status"], "degraded", "it cannot write yet");
    limit(&service, "unlimited");
    let alerts = service.until(ALERTS, |alerts| alerts["recent"].as_array().unwrap().len() == 2).await;
    assert!(alerts["recent"].as_array().unwrap().iter().all(|of| of["state"] == "sent"), "{alerts:#}");
    // What is told after it, is; nothing is told again.
    service.post(&format!("{ALERTS}/test")).await;
    assert_eq!((alerted.sent(Who::Webhook).len(), alerted.sent(Who::PagerDuty).len()), (2, 2));
    alerted.check().await;
}

/// From a pull request that stands to its merge; and a fix that came to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_how_fixes_go() {
    let submission = Turn::tool_use(
        "submit_fix",
        json!({
            "title": "Refuse the request",
            "root_cause": "`work` raises on every request.",
            "explanation": "It does not any more.",
            "edits": [{"path": "shop/AError.py", "find": "    raise AError(request)\n", "replace": "    return request\n"}],
            "new_files": null,
            "confidence": "high",
            "how_to_verify": "Run it.",
        }),
    );
    let alerted = Alerted::start().await;
    let source = "def work(request):\n    raise AError(request)\n";
    let github = GitHubStandIn::start(&[("shop/AError.py", source), ("shop/BError.py", source)]).await;
    let claude = ClaudeStandIn::start(vec![submission, Turn::stop_reason("refusal", "")]).await;
    let targets = alerted.settings(&[Who::Webhook, Who::PagerDuty, Who::Slack]);
    let settings = together(&targets, &[("LOGMEND_LEARN", "off")]);
    let service = Service::mending(&github, &claude, &settings).await;
    emit(&service, vec![failure("AError", "a")]).await;
    service.post(SCAN).await;
    let opened = alerted.rule("fix_opened").await;
    let url = opened.body["fix"]["pull_request"].as_str().unwrap().to_owned();
    assert!(
        url.contains("/acme/shop/pull/1") && opened.body["error"]["service"] == "shop",
        "{}",
        opened.body
    );
    alerted
        .until(Who::Slack, "the link", |sent| {
            sent.body.to_string().contains(&format!("<{url}|Pull request>"))
        })
        .await;
    github.merge_pull_request(1);
    emit(&service, vec![failure("BError", "b")]).await;
    service.post(SCAN).await;
    let merged = alerted.rule("fix_merged").await;
    assert_eq!((&merged.body["fix"]["status"], &merged.body["severity"]), (&json!("merged"), &json!("info")));
    let failed = alerted.rule("fix_failed").await;
    assert_eq!(failed.body["fix"]["status"], "failed");
    assert!(!failed.body["fix"]["reason"].as_str().unwrap().is_empty());
    let rules: Vec<_> = alerted.sent(Who::PagerDuty);
    let rules: Vec<_> = rules.iter().map(|sent| &sent.body["payload"]["custom_details"]["rule"]).collect();
    assert!(
        rules.iter().all(|rule| **rule == "new"),
        "nobody is called out of bed for a pull request: {rules:?}"
    );
    alerted.check().await;
}

/// Its URL is not repeated.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_in_a_private_network_is_refused_at_the_start() {
    for url in
        ["https://169.254.169.254/s3cret", "http://[::ffff:10.0.0.1]/s3cret", "http://localhost:1/s3cret"]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_logmend"))
            .env_clear()
            .env("LOGMEND_SLACK_WEBHOOK_URL", url)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{told}");
        for expected in
            ["LOGMEND_SLACK_WEBHOOK_URL leads into a private network", "LOGMEND_ALERT_ALLOW_PRIVATE=true"]
        {
            assert!(told.contains(expected), "{told}");
        }
        assert!(!told.contains("s3cret"), "{told}");
    }
}

/// Without a target nothing is looked for, and a try says how to set one.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_target_nobody_is_told() {
    let service = Service::start(&[]).await;
    let health = service.get("/error-monitor/health").await;
    assert_eq!(health["components"]["alerts"]["status"], "disabled");
    let tried = reqwest::Client::new().post(service.api_url() + ALERTS + "/test").send().await.unwrap();
    assert_eq!(tried.status(), 409);
    assert!(tried.text().await.unwrap().contains("LOGMEND_SLACK_WEBHOOK_URL"));
    assert_eq!(service.get(ALERTS).await["targets"], json!([]));
}
