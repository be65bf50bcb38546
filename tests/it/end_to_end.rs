//! One error all the way: a real SDK exporter, the real binary, Claude and GitHub on their wire formats, a real branch.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::GitHubStandIn;
use crate::support::python;
use crate::support::service::Service;

/// The application whose bug is mended: what `tests/support/emit.py` runs.
const APPLICATION: &str = include_str!("../support/emit.py");

/// The files of its repository.
pub(crate) fn repository() -> Vec<(&'static str, &'static str)> {
    vec![("emit.py", APPLICATION), ("README.md", "# a shop\n")]
}

/// What Claude answers: it looks, then mends the line.
pub(crate) fn mending() -> Vec<Turn> {
    vec![
        Turn::tool_use("list_files", json!({"path": ""})),
        Turn::tool_use("read_file", json!({"path": "emit.py", "start_line": null, "end_line": null})),
        submission(),
    ]
}

fn submission() -> Turn {
    Turn::tool_use(
        "submit_fix",
        json!({
            "title": "Read a missing amount as zero",
            "root_cause": "`charge` indexes `order[\"amount\"]`, which orders without an amount do not have.",
            "explanation": "The amount is read with a default of 0. Thanks @everyone, fixes #1.",
            "edits": [{
                "path": "emit.py",
                "find": "    return order[\"amount\"] * 100\n",
                "replace": "    return order.get(\"amount\", 0) * 100\n",
            }],
            "new_files": null,
            "confidence": "high",
            "how_to_verify": "Run the application with an order that has no amount.",
        }),
    )
}

struct World {
    github: GitHubStandIn,
    claude: ClaudeStandIn,
    service: Service,
}

impl World {
    async fn start(turns: Vec<Turn>) -> Self {
        let github = GitHubStandIn::start(&repository()).await;
        let claude = ClaudeStandIn::start(turns).await;
        let service = Service::mending(&github, &claude, &[]).await;
        Self { github, claude, service }
    }

    /// The application runs and fails `times` times.
    async fn emit(&self, times: u32) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/emit.py");
        python::run(script, &[&self.service.grpc_url(), "payments", &times.to_string()]).await;
    }

    async fn scan(&self) -> Value {
        self.service.post("/error-monitor/monitor/scan").await
    }

    /// Waits until the one fix has left the states in which it is worked on.
    async fn fix(&self) -> Value {
        for _ in 0..300 {
            let fixes = self.service.get("/error-monitor/fixes/generated").await;
            if let Some(fix) = fixes["fixes"].get(0)
                && !matches!(fix["status"].as_str(), Some("pending" | "generating"))
            {
                return fix.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the fix was not finished; the log:\n{}", self.service.logs());
    }

    fn assert_no_violations(&self) {
        assert_eq!(self.github.violations(), Vec::<String>::new());
        assert_eq!(self.claude.violations(), Vec::<String>::new());
    }
}

/// An exception that an application logs through its SDK becomes a draft pull request that holds the fix.
#[tokio::test(flavor = "multi_thread")]
async fn an_exception_of_a_python_service_becomes_a_draft_pull_request() {
    let world = World::start(mending()).await;
    world.emit(7).await;

    let critical = world.service.get("/error-monitor/errors/critical").await;
    assert_eq!(critical["count"], 1, "{critical:#}");
    let error = &critical["critical_errors"][0];
    assert_eq!(error["service"], "payments");
    assert_eq!(error["error_type"], "KeyError");
    assert_eq!(error["count"], 7);
    assert_eq!((&error["category"], &error["severity"]), (&json!("internal_error"), &json!("high")));
    assert_eq!(error["function"], "charge");
    assert!(error["file"].as_str().unwrap().ends_with("emit.py"), "{error:#}");
    assert!(error["line"].is_u64() && error["fixable"] == true);
    let shown = critical.to_string();
    assert!(!shown.contains("customer1@example.com") && !shown.contains("tok_a1b2"), "{shown}");

    let scanned = world.scan().await;
    let expected =
        json!({"status": "scanned", "errors_found": 1, "critical_errors": 1, "auto_fixes_started": 1});
    assert_eq!(scanned, expected);

    let fix = world.fix().await;
    assert_eq!(fix["status"], "draft", "{fix:#}\n{}", world.service.logs());
    assert_eq!(fix["error_pattern_id"], error["id"]);
    assert_eq!(fix["files_affected"], json!(["emit.py"]));
    assert!(fix["cost_usd"].as_f64().unwrap() > 0.0 && fix["input_tokens"].as_u64().unwrap() > 0);
    assert!(
        fix["code_changes"]["emit.py"]
            .as_str()
            .unwrap()
            .contains("+    return order.get(\"amount\", 0) * 100")
    );

    let branch = format!("logmend/internal_error/{}", &error["id"].as_str().unwrap()[..12]);
    assert_eq!(world.github.branches(), [branch.clone(), "main".to_owned()]);
    let clone = world.github.clone_branch(&branch);
    let mended = std::fs::read_to_string(clone.path().join("emit.py")).unwrap();
    assert_eq!(mended, APPLICATION.replace("order[\"amount\"] * 100", "order.get(\"amount\", 0) * 100"));
    let diff = world.github.diff_with_base(&branch);
    assert_eq!(
        diff.lines().filter(|line| line.starts_with('+') || line.starts_with('-')).count(),
        4,
        "{diff}"
    );
    assert!(world.github.git(&["log", "-1", "--format=%B", &branch]).contains(error["id"].as_str().unwrap()));

    let pull_requests = world.github.pull_requests();
    assert_eq!(pull_requests.len(), 1);
    let pull_request = &pull_requests[0];
    assert_eq!(pull_request["draft"], true);
    assert_eq!(pull_request["head"]["ref"], json!(branch));
    assert_eq!(pull_request["base"]["ref"], "main");
    let title = pull_request["title"].as_str().unwrap();
    assert!(title.starts_with("[AUTO] Fix internal_error: "), "{title}");
    let labels: Vec<_> =
        pull_request["labels"].as_array().unwrap().iter().map(|label| &label["name"]).collect();
    assert_eq!(labels, ["auto", "logmend"]);
    assert_eq!(fix["pr_url"], pull_request["html_url"]);
    let body = pull_request["body"].as_str().unwrap();
    assert!(body.contains(error["id"].as_str().unwrap()) && body.contains("charge"), "{body}");
    for inert in ["@everyone", "fixes #1", "@example.com", "tok_a1b2"] {
        assert!(!body.contains(inert), "{inert} in\n{body}");
    }

    let asked = world.claude.requests();
    assert_eq!(asked.len(), 3);
    let prompt = asked[0].to_string();
    assert!(
        prompt.contains("KeyError")
            && !prompt.contains("customer1@example.com")
            && !prompt.contains("tok_a1b2")
    );
    for line in [
        "✓ Autonomous error monitoring started",
        "✓ Error monitor initialized",
        "Starting autonomous monitoring loop",
        "Detected 1 error patterns",
        "Generating fixes for 1 critical errors",
        "Fix created: internal_error - KeyError",
    ] {
        assert!(world.service.logs().contains(line), "{line}\nin\n{}", world.service.logs());
    }
    world.assert_no_violations();
    // The vendors' own published types judge every request that was made, and every answer of the stand-ins.
    let openapi = python::github_openapi();
    python::feed(&python::script("github_openapi.py"), &[&openapi], &world.github.calls_as_lines()).await;
    python::feed(&python::script("anthropic_types.py"), &["requests"], &python::lines(&asked)).await;
    python::feed(
        &python::script("anthropic_types.py"),
        &["answers"],
        &python::lines(&world.claude.answers()),
    )
    .await;

    let one = world.service.get(&format!("/error-monitor/fixes/{}", fix["id"].as_str().unwrap())).await;
    assert_eq!(one["fix"], fix);
    let again = world.service.get(&format!("/error-monitor/errors/{}", error["id"].as_str().unwrap())).await;
    assert_eq!(again["error"]["status"], "fix_proposed");
}

/// The second occurrence of an error opens no second pull request, nor does it after a restart or once people closed the first.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_comes_back_opens_no_second_pull_request() {
    let mut world = World::start(mending()).await;
    world.emit(1).await;
    world.scan().await;
    assert_eq!(world.fix().await["status"], "draft");

    world.emit(2).await;
    assert_eq!(world.scan().await["auto_fixes_started"], 0);
    world.service = world.service.restart().await;
    world.emit(3).await;
    world.github.close_pull_request(1);
    assert_eq!(world.scan().await["auto_fixes_started"], 0);

    let critical = world.service.get("/error-monitor/errors/critical").await;
    assert_eq!((&critical["count"], &critical["critical_errors"][0]["count"]), (&json!(1), &json!(6)));
    assert_eq!(world.github.pull_requests().len(), 1);
    assert_eq!(world.claude.requests().len(), 3);
    world.assert_no_violations();
}

/// A service that is killed between Claude's answer and the pull request goes on where it was: one pull request, Claude is not asked again.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_fix_is_resumed_and_never_doubled() {
    use crate::support::github::Fault;
    let mut world = World::start(mending()).await;
    world.emit(1).await;
    // GitHub opens the pull request, but its answer does not come in time.
    world.github.fail_next("POST", "/pulls", Fault::DoThenDelay(Duration::from_secs(20)));
    world.scan().await;
    for _ in 0..400 {
        if !world.github.pull_requests().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(world.github.pull_requests().len(), 1, "{}", world.service.logs());
    world.service.kill();
    world.service = world.service.restart().await;

    assert_eq!(world.fix().await["status"], "draft", "{}", world.service.logs());
    assert_eq!(world.github.pull_requests().len(), 1);
    assert_eq!(world.claude.requests().len(), 3, "Claude was not asked again");
    world.assert_no_violations();
}

/// Claude or GitHub failing keeps the claim and never stops ingestion.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_told_and_the_work_waits_for_another() {
    let refused = Turn::status(
        401,
        &[],
        json!({"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}),
    );
    let world = World::start(vec![refused]).await;
    world.emit(1).await;
    world.scan().await;
    world.service.wait_for_log("it is tried again", 1).await;
    let fix = world.service.get("/error-monitor/fixes/generated").await["fixes"][0].clone();
    assert_eq!((&fix["status"], &fix["no_fix"]["code"]), (&json!("pending"), &json!("waiting")));
    assert!(fix["reason"].as_str().unwrap().contains("ANTHROPIC_API_KEY"), "{fix:#}");
    assert!(!world.service.logs().contains(world.claude.key()), "the key is in the log");
    world.emit(1).await;
    assert_eq!(world.service.get("/error-monitor/errors/critical").await["critical_errors"][0]["count"], 2);
    assert_eq!(world.github.pull_requests().len(), 0);
}

/// Overload, a declined answer, and a passing fault of GitHub.
#[tokio::test(flavor = "multi_thread")]
async fn passing_faults_are_waited_out_and_a_declined_fix_opens_nothing() {
    let overloaded = Turn::status(
        529,
        &[("retry-after", "0")],
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    );
    let decline = Turn::tool_use("decline", json!({"reason": "The defect is in another service."}));
    let world = World::start(vec![overloaded, decline]).await;
    world.emit(1).await;
    world.scan().await;
    let fix = world.fix().await;
    assert_eq!(
        (&fix["status"], &fix["reason"]),
        (&json!("declined"), &json!("The defect is in another service."))
    );
    assert_eq!(world.github.branches(), ["main"]);
    world.assert_no_violations();
}

/// A limit of GitHub's that lasts an hour uses up nothing: the fix waits with what Claude wrote, over any number of restarts.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_outage_is_waited_out() {
    use crate::support::github::Fault;
    let mut world = World::start(mending()).await;
    world.emit(1).await;
    let outages = 6;
    for _ in 0..outages {
        world.github.fail_next("POST", "/git/blobs", Fault::Status(429, &[("retry-after", "3600")]));
    }
    world.scan().await;
    for outage in 1..=outages {
        let told = "it is tried again";
        world.service.wait_for_log(told, outage).await;
        let fixes = world.service.get("/error-monitor/fixes/generated").await;
        let fix = &fixes["fixes"][0];
        assert_eq!(fix["status"], "pending", "{fix:#}");
        assert!(fix["reason"].as_str().unwrap().contains("429"), "{fix:#}");
        world.service = world.service.restart().await;
    }
    assert_eq!(world.fix().await["status"], "draft", "{}", world.service.logs());
    assert_eq!(world.claude.requests().len(), 3, "Claude was not asked again");
    world.assert_no_violations();
}
