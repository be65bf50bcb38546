//! What a change may do to a repository: it breaks no file, keeps the form of each, and fits the base branch as it stands, on
//! which people go on working meanwhile.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::{Fault, GitHubStandIn};
use crate::support::otlp;
use crate::support::service::Service;

const FILE: &str = "#!/usr/bin/env python3\r\nimport sys\r\n\r\n\r\ndef charge(order):\r\n    return order[\"amount\"] * 100\r\n";
const TRACE: &str = "Traceback (most recent call last):\n  File \"/app/shop/pay.py\", line 6, in charge\n    return order[\"amount\"] * 100\nKeyError: 'amount'\n";

fn submission() -> Turn {
    replacing("shop/pay.py", "    # Gifts have none.\n    return order.get(\"amount\", 0) * 100\n")
}

/// `charge` in the file at `path` gets another body.
fn replacing(path: &str, body: &str) -> Turn {
    Turn::tool_use(
        "submit_fix",
        json!({
            "title": "Read a missing amount as zero", "root_cause": "It may be missing.", "explanation": "It is zero then.",
            "edits": [{
                "path": path,
                "find": "def charge(order):\n    return order[\"amount\"] * 100\n",
                "replace": format!("def charge(order):\n{body}"),
            }],
            "new_files": null, "confidence": "high", "how_to_verify": "Charge a gift.",
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
        let github = GitHubStandIn::start(&[("shop/pay.py", FILE), ("README.md", "# a shop\n")]).await;
        let claude = ClaudeStandIn::start(turns).await;
        let service = Service::mending(&github, &claude, &[]).await;
        Self { github, claude, service }
    }

    async fn fail_and_scan(&self) {
        let records = vec![otlp::exception_record("KeyError", "'amount'", TRACE)];
        otlp::export(&self.service.grpc_url(), otlp::request("payments", records)).await.unwrap();
        self.service.post("/error-monitor/monitor/scan").await;
    }

    async fn fix(&self) -> Value {
        self.service.finished_fix(Duration::from_secs(20)).await
    }

    /// Claude has answered and GitHub refuses the first write; people push `files`; the service is started anew.
    async fn while_it_waits_people_push(mut self, files: &[(&str, &[u8])]) -> (Self, String) {
        self.github.fail_next("POST", "/git/blobs", Fault::Status(429, &[("retry-after", "3600")]));
        self.fail_and_scan().await;
        self.service.wait_for_log("it is tried again", 1).await;
        let commit = self.github.push_to_base(files);
        self.service = self.service.restart().await;
        (self, commit)
    }

    fn branch(&self) -> Option<String> {
        self.github.branches().into_iter().find(|name| name.starts_with("logmend/"))
    }

    fn assert_asked_once(&self) {
        assert_eq!(self.claude.requests().len(), 1, "Claude was not asked again");
        assert_eq!(self.claude.violations(), Vec::<String>::new());
        assert_eq!(self.github.violations(), Vec::<String>::new());
    }
}

/// A changed file keeps its mode and its line endings.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_its_mode_and_its_line_endings() {
    let world = World::start(vec![submission()]).await;
    world.fail_and_scan().await;
    assert_eq!(world.fix().await["status"], "draft", "{}", world.service.logs());
    let branch = world.branch().unwrap();
    let entry = world.github.git(&["ls-tree", &branch, "shop/pay.py"]);
    assert!(entry.starts_with("100755 blob "), "{entry}");
    let mended = world.github.git(&["show", &format!("{branch}:shop/pay.py")]);
    let changed = "    # Gifts have none.\r\n    return order.get(\"amount\", 0) * 100\r\n";
    assert_eq!(mended, FILE.replace("    return order[\"amount\"] * 100\r\n", changed));
    world.assert_asked_once();
}

/// A file that is no UTF-8 is neither read nor changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_another_encoding_is_left_alone() {
    let decline = Turn::tool_use("decline", json!({"reason": "The file cannot be changed."}));
    let world = World::start(vec![replacing("shop/alt.py", "    return 0\n"), decline]).await;
    let latin1 = b"# caf\xe9\ndef charge(order):\n    return order[\"amount\"] * 100\n";
    world.github.push_to_base(&[("shop/alt.py", latin1)]);
    world.fail_and_scan().await;
    assert_eq!(world.fix().await["status"], "declined");
    let told = world.claude.requests()[1]["messages"].to_string();
    assert!(told.contains("`shop/alt.py` is no text"), "{told}");
    assert_eq!(world.github.branches(), ["main"]);
}

/// A change that breaks a file, or does nothing, is told and may be mended; nothing of it is written.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_told_and_never_written() {
    let broken = || replacing("shop/pay.py", "    return order.get(\"amount\", 0 * 100\n");
    let idle = || replacing("shop/pay.py", "    # TODO\n    return order[\"amount\"] * 100\n");
    let world = World::start(vec![broken(), idle(), submission()]).await;
    world.fail_and_scan().await;
    assert_eq!(world.fix().await["status"], "draft", "{}", world.service.logs());
    let told = world.claude.requests()[2]["messages"].to_string();
    assert!(told.contains("`shop/pay.py` would not parse: there are syntax errors at line 6"), "{told}");
    assert!(told.contains("only comments or white space are changed"), "{told}");

    let world = World::start((0..4).map(|_| broken()).collect()).await;
    world.fail_and_scan().await;
    let fix = world.fix().await;
    assert_eq!(fix["status"], "failed");
    let reason = fix["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("no submitted change held (syntax): `shop/pay.py` would not parse"),
        "{reason}"
    );
    assert_eq!(world.github.branches(), ["main"]);
}

/// People changed other things: the change is built on what they did.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_built_on_the_base_as_it_stands() {
    let elsewhere = FILE.replace("import sys\r\n", "import os\r\nimport sys\r\n");
    let files: [(&str, &[u8]); 2] = [("README.md", b"# the shop\n"), ("shop/pay.py", elsewhere.as_bytes())];
    let (world, commit) = World::start(vec![submission()]).await.while_it_waits_people_push(&files).await;
    assert_eq!(world.fix().await["status"], "draft", "{}", world.service.logs());
    let branch = world.branch().unwrap();
    assert_eq!(world.github.git(&["rev-parse", &format!("{branch}^")]).trim(), commit);
    let mended = world.github.git(&["show", &format!("{branch}:shop/pay.py")]);
    assert!(mended.contains("import os\r\n") && mended.contains("order.get(\"amount\", 0)"), "{mended}");
    assert_eq!(world.github.git(&["show", &format!("{branch}:README.md")]), "# the shop\n");
    world.assert_asked_once();
}

/// People mended it themselves, or rewrote the place: no pull request, and the reason is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fits_no_more_is_not_proposed() {
    let mended = FILE.replace(
        "    return order[\"amount\"] * 100",
        "    # Gifts have none.\r\n    return order.get(\"amount\", 0) * 100",
    );
    let rewritten = FILE.replace("order[\"amount\"] * 100", "order.cents()");
    for (text, code) in [(mended, "already_changed"), (rewritten, "conflict")] {
        let world = World::start(vec![submission()]).await;
        let (world, _) = world.while_it_waits_people_push(&[("shop/pay.py", text.as_bytes())]).await;
        let fix = world.fix().await;
        assert_eq!(fix["status"], "failed", "{fix:#}");
        let told = format!(
            "no submitted change held ({code}): the base branch has moved on since the change was made: "
        );
        assert!(fix["reason"].as_str().unwrap().starts_with(&told), "{fix:#}");
        assert_eq!(world.github.branches(), ["main"]);
        world.assert_asked_once();
    }
}

/// What is at GitHub already stays as it is, wherever the base branch has gone since.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_was_begun_is_gone_on_with() {
    let mut world = World::start(vec![submission()]).await;
    // The pull request is opened, but logmend does not learn of it.
    world.github.fail_next("POST", "/pulls", Fault::DoThenDelay(Duration::from_secs(20)));
    world.fail_and_scan().await;
    for _ in 0..400 {
        if !world.github.pull_requests().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    world.service.kill();
    let tip = world.github.git(&["rev-parse", &world.branch().unwrap()]);
    world.github.push_to_base(&[("shop/pay.py", FILE.replace("[\"amount\"]", "[\"total\"]").as_bytes())]);
    world.service = world.service.restart().await;
    assert_eq!(world.fix().await["status"], "draft", "{}", world.service.logs());
    assert_eq!(world.github.git(&["rev-parse", &world.branch().unwrap()]), tip);
    assert_eq!(world.github.pull_requests().len(), 1);
    world.assert_asked_once();
}

/// A branch that no pull request came of is removed, at the next start where GitHub does not let it be removed at once, and
/// left to people who have worked on it since.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_without_a_pull_request_does_not_stay_behind() {
    for taken_over in [false, true] {
        let mut world = World::start(vec![submission()]).await;
        world.github.fail_next("POST", "/pulls", Fault::Status(403, &[]));
        world.github.fail_next("DELETE", "/git/refs/heads/", Fault::Status(429, &[("retry-after", "3600")]));
        world.fail_and_scan().await;
        let fix = world.fix().await;
        assert_eq!(fix["status"], "failed", "{fix:#}");
        world.service.wait_for_log("the branch of a failed fix is still there", 1).await;
        let branch = world.branch().unwrap();
        if taken_over {
            world.github.push_file(&branch, "shop/pay.py", "def charge(order):\n    return 0\n");
        }
        world.service = world.service.restart().await;
        world.service.wait_for_log("no pull request came of the branch", 1).await;
        assert_eq!(world.branch().is_some(), taken_over, "{}", world.service.logs());
        world.service = world.service.restart().await;
        assert_eq!(
            world.github.calls().iter().filter(|call| call.method == "DELETE").count(),
            if taken_over { 1 } else { 2 }
        );
        world.assert_asked_once();
    }
}
