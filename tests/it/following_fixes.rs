//! Pull requests are followed until people have decided, and their errors until they are gone: nothing is done twice, and
//! nothing that is people's.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::{Fault, GitHubStandIn};
use crate::support::otlp::{attribute, exception_record, export, request};
use crate::support::python;
use crate::support::service::Service;

const SOURCE: &str = "def checkout(request):\n    raise ValueError(request)\n";
const FIRST: &str = "    return request\n";
const SECOND: &str = "    return request or None\n";
const SECRET: &str = "a-secret-of-the-tests-0123456789";

fn submission(find: &str, replace: &str) -> Turn {
    Turn::tool_use(
        "submit_fix",
        json!({
            "title": "Refuse the request",
            "root_cause": "`checkout` raises on every request.",
            "explanation": "It does not any more. Thanks @everyone.",
            "edits": [{"path": "shop/cart.py", "find": find, "replace": replace}],
            "new_files": null,
            "confidence": "high",
            "how_to_verify": "Run it.",
        }),
    )
}

fn first() -> Turn {
    submission("    raise ValueError(request)\n", FIRST)
}

fn repair() -> Turn {
    submission(FIRST, SECOND)
}

struct World {
    github: GitHubStandIn,
    claude: ClaudeStandIn,
    service: Service,
}

impl World {
    /// One draft pull request stands.
    async fn with_draft(more: Vec<Turn>, settings: &[(&str, &str)]) -> Self {
        let github = GitHubStandIn::start(&[("shop/cart.py", SOURCE), ("shop/other.py", "x = 1\n")]).await;
        let claude = ClaudeStandIn::start([first()].into_iter().chain(more).collect()).await;
        let standard = [("LOGMEND_LEARN", "off")];
        let settings: Vec<_> = standard.iter().chain(settings).copied().collect();
        let service = Service::mending(&github, &claude, &settings).await;
        let world = Self { github, claude, service };
        world.fail("").await;
        world.scan().await;
        world.fix_is("draft").await;
        world
    }

    /// The shop's error, logged once by the build of this commit.
    async fn fail(&self, revision: &str) {
        let trace = "Traceback (most recent call last):\n  File \"/app/shop/cart.py\", line 2, in checkout\n    raise ValueError(request)\nValueError: bad\n";
        let mut sent = request("shop", vec![exception_record("ValueError", "bad", trace)]);
        if !revision.is_empty() {
            let resource = sent.resource_logs[0].resource.as_mut().unwrap();
            resource.attributes.push(attribute("vcs.ref.head.revision", revision));
        }
        export(&self.service.grpc_url(), sent).await.unwrap();
    }

    async fn scan(&self) {
        self.service.post("/error-monitor/monitor/scan").await;
    }

    /// The pull request is looked at, and what is to be done is done.
    async fn look(&self) {
        let looks = || {
            let of = |call: &&crate::support::github::Call| {
                call.method == "GET" && call.path.ends_with("/pulls/1")
            };
            self.github.calls().iter().filter(of).count()
        };
        let before = looks();
        self.scan().await;
        self.until("a look", || looks() > before).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..2_400 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{what} did not come:\n{}", self.service.logs());
    }

    async fn fix(&self) -> Value {
        self.service.get("/error-monitor/fixes/generated").await["fixes"][0].clone()
    }

    async fn fix_is(&self, status: &str) -> Value {
        for _ in 0..2_400 {
            let fix = self.fix().await;
            if fix["status"] == status {
                return fix;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the fix is not {status}: {:#}\n{}", self.fix().await, self.service.logs());
    }

    async fn error(&self) -> Value {
        let patterns = self.service.get("/error-monitor/errors/patterns").await;
        patterns["patterns"][0].clone()
    }

    fn branch(&self) -> String {
        self.github.pull_requests()[0]["head"]["ref"].as_str().unwrap().to_owned()
    }

    fn git(&self, args: &[&str]) -> String {
        self.github.git(args).trim().to_owned()
    }

    fn is_draft(&self) -> bool {
        self.github.pull_requests()[0]["draft"] == true
    }

    /// Calls with this method and ending.
    fn calls(&self, method: &str, ending: &str) -> usize {
        let of = |call: &&crate::support::github::Call| call.method == method && call.path.ends_with(ending);
        self.github.calls().iter().filter(of).count()
    }

    async fn assert_no_violations(&self) {
        assert_eq!(self.github.violations(), Vec::<String>::new());
        assert_eq!(self.claude.violations(), Vec::<String>::new());
        let openapi = python::github_openapi();
        python::feed(&python::script("github_openapi.py"), &[&openapi], &self.github.calls_as_lines()).await;
        let asked = python::lines(&self.claude.requests());
        python::feed(&python::script("anthropic_types.py"), &["requests"], &asked).await;
    }
}

/// A draft waits for its checks, and is ready once all are green.
#[tokio::test(flavor = "multi_thread")]
async fn green_checks_make_a_draft_ready() {
    let world = World::with_draft(vec![], &[]).await;
    let branch = world.branch();
    world.look().await;
    assert!(world.is_draft(), "CI has not begun");
    world.github.check(&branch, "test", None, "");
    world.github.check(&branch, "lint", Some("success"), "");
    world.look().await;
    assert!(world.is_draft(), "one check runs");
    world.github.check(&branch, "test", Some("neutral"), "");
    world.look().await;
    world.fix_is("ready").await;
    assert!(!world.is_draft());
    world.look().await;
    assert_eq!(world.calls("POST", "/graphql"), 1);
    assert_eq!(world.github.our_comments(1), Vec::<String>::new(), "there is nothing to say");
    world.assert_no_violations().await;
}

/// Red checks are repaired once, by a commit after the first; red again, it stays a draft and says what was tried.
#[tokio::test(flavor = "multi_thread")]
async fn red_checks_are_repaired_once_and_told_of_then() {
    let world = World::with_draft(vec![repair()], &[]).await;
    let (branch, token) = (world.branch(), ["ghp_", &"a1B2".repeat(9)].concat());
    let first = world.git(&["rev-parse", &branch]);
    let log =
        format!("{}\nAssertionError: None is not a request @octocat\nTOKEN={token}\n", "…\n".repeat(20_000));
    world.github.check("main", "test", Some("success"), "");
    world.github.check(&branch, "test", Some("failure"), &log);
    world.scan().await;
    world.until("a repair", || world.git(&["rev-parse", &branch]) != first).await;
    let fix = world.fix_is("draft").await;
    assert_eq!(world.git(&["rev-parse", &format!("{branch}^")]), first, "it comes after the first");
    assert_eq!(world.git(&["rev-list", "--count", &format!("main..{branch}")]), "2");
    let whole = SOURCE.replace("    raise ValueError(request)\n", SECOND);
    assert_eq!(world.git(&["show", &format!("{branch}:shop/cart.py")]), whole.trim());
    let diff = fix["code_changes"]["shop/cart.py"].as_str().unwrap();
    assert!(
        diff.contains(&format!("-    raise ValueError(request)\n+{SECOND}")),
        "the change as a whole: {diff}"
    );

    let asked = world.claude.requests();
    assert_eq!(asked.len(), 2);
    let prompt = asked[1].to_string();
    for shown in
        ["AssertionError: None is not a request", "shop/cart.py:2: assertion failed", "1 test failed"]
    {
        assert!(prompt.contains(shown), "{shown} in {prompt}");
    }
    assert!(prompt.contains("+    return request") && !prompt.contains(&token), "{prompt}");
    assert!(fix["cost_usd"].as_f64().unwrap() > 0.0);

    world.look().await;
    assert!(world.is_draft(), "CI has not begun with the repair");
    world.github.check(&branch, "test", Some("failure"), "again");
    for _ in 0..3 {
        world.look().await;
    }
    let said = world.github.our_comments(1);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("stays a draft: `test` fails") && said[0].contains("one more"), "{}", said[0]);
    assert!(!said[0].contains("@everyone"), "{}", said[0]);
    assert!(world.is_draft() && world.claude.requests().len() == 2);
    assert_eq!(world.calls("PATCH", &branch), 1);
    let error = world.error().await;
    assert_eq!(error["no_fix"]["code"], "ci_failed", "{error:#}");
    world.assert_no_violations().await;
}

/// Claude declining a repair is told, and nothing is pushed.
#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_comes_to_nothing_is_told() {
    let decline = Turn::tool_use("decline", json!({"reason": "The test needs a network."}));
    let world = World::with_draft(vec![decline], &[]).await;
    world.github.check(&world.branch(), "test", Some("timed_out"), "");
    world.look().await;
    world.until("a comment", || world.github.our_comments(1).len() == 1).await;
    world.look().await;
    let said = world.github.our_comments(1);
    assert!(said.len() == 1 && said[0].contains("The test needs a network."), "{said:#?}");
    world.fix_is("draft").await;
    assert_eq!((world.claude.requests().len(), world.calls("PATCH", &world.branch())), (2, 0));
    world.assert_no_violations().await;
}

/// A check that is red without the change is not held against it.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_red_on_the_base_is_not_ours() {
    let world = World::with_draft(vec![], &[]).await;
    world.github.check("main", "flaky", Some("failure"), "");
    world.github.check(&world.branch(), "flaky", Some("failure"), "");
    world.github.check(&world.branch(), "test", Some("success"), "");
    world.look().await;
    world.fix_is("ready").await;
    let said = world.github.our_comments(1);
    assert!(
        said.len() == 1 && said[0].contains("fail on the base commit too") && said[0].contains("`flaky`")
    );
    assert_eq!(world.claude.requests().len(), 1);
    world.assert_no_violations().await;
}

/// A token that may read no check runs reads the workflows' runs; one that may not end a draft says so, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_few_rights_does_what_it_can() {
    let world = World::with_draft(vec![], &[]).await;
    world.github.hide_checks();
    world.github.keep_drafts();
    world.github.check(&world.branch(), "test", Some("success"), "");
    for _ in 0..3 {
        world.look().await;
    }
    let said = world.github.our_comments(1);
    assert!(said.len() == 1 && said[0].contains("did not let it be marked as ready"), "{said:#?}");
    assert!(world.is_draft() && world.calls("POST", "/graphql") == 1);
    world.fix_is("draft").await;
    world.assert_no_violations().await;
}

/// A branch that a person has pushed to is theirs: no commit, no comment, no end of the draft.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_a_person_pushed_to_is_left_alone() {
    let world = World::with_draft(vec![repair()], &[]).await;
    let branch = world.branch();
    world.github.push_file(&branch, "shop/cart.py", "def checkout(request):\n    return 1\n");
    let theirs = world.git(&["rev-parse", &branch]);
    world.github.check(&branch, "test", Some("failure"), "");
    world.look().await;
    world.github.check(&branch, "test", Some("success"), "");
    world.look().await;
    assert_eq!(world.git(&["rev-parse", &branch]), theirs);
    assert!(
        world.is_draft() && world.github.our_comments(1).is_empty() && world.claude.requests().len() == 1
    );
    world.github.merge(1);
    world.scan().await;
    world.fix_is("merged").await;
    world.assert_no_violations().await;
}

/// A merged change whose error is silent has mended it; an error that comes back has not been mended. Each is said once.
#[tokio::test(flavor = "multi_thread")]
async fn a_merged_change_is_watched() {
    let world = World::with_draft(vec![], &[("LOGMEND_FIX_WATCH_SECS", "2")]).await;
    // GitHub tells whole seconds.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    world.github.merge(1);
    world.scan().await;
    world.fix_is("merged").await;
    tokio::time::sleep(Duration::from_millis(3_200)).await;
    for _ in 0..2 {
        world.scan().await;
    }
    world.until("a comment", || world.github.our_comments(1).len() == 1).await;
    let said = world.github.our_comments(1);
    assert!(said[0].contains("was not seen for 2 seconds since the merge"), "{}", said[0]);
    world.service.wait_for_log("the error of a merged change is fixed", 1).await;
    assert_eq!(world.error().await["status"], "fixed");
    assert_eq!(world.fix().await["status"], "merged");

    world.fail("").await;
    world.fail("").await;
    world.scan().await;
    world.fix_is("regressed").await;
    for _ in 0..2 {
        world.scan().await;
    }
    let said = world.github.our_comments(1);
    assert!(
        said.len() == 2 && said[1].contains("The error is back") && said[1].contains("2 times"),
        "{said:#?}"
    );
    assert_eq!(world.error().await["status"], "regressed");
    assert_eq!(
        (world.github.pull_requests().len(), world.claude.requests().len()),
        (1, 1),
        "nothing new by itself"
    );
    world.assert_no_violations().await;
}

/// Where builds say which commit they are of, old ones that still run are no sign of anything, and one sighting in a new one is.
#[tokio::test(flavor = "multi_thread")]
async fn builds_that_name_their_commit_are_told_apart() {
    let mut world = World::with_draft(vec![], &[("LOGMEND_FIX_WATCH_SECS", "1")]).await;
    // What a process knows of an error it describes again after 15 minutes, or after a restart.
    world.service = world.service.restart().await;
    let merged = world.github.merge(1);
    let old = world.git(&["rev-parse", "main"]);
    world.fail(&old).await;
    world.scan().await;
    world.fix_is("merged").await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    world.scan().await;
    world.until("a comparison", || world.calls("GET", &format!("{merged}...{old}")) == 1).await;
    world.scan().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        (world.fix().await["status"].as_str(), world.github.our_comments(1).len()),
        (Some("merged"), 0)
    );

    world.service = world.service.restart().await;
    world.fail(&merged).await;
    world.scan().await;
    world.fix_is("regressed").await;
    let said = world.github.our_comments(1);
    assert!(said.len() == 1 && said[0].contains("a build that holds this change logs it"), "{said:#?}");
    assert_eq!(world.calls("GET", &format!("{merged}...{old}")), 1, "a comparison is made once");
    world.assert_no_violations().await;
}

/// What people said when they closed it is kept, without secrets; what others said is not.
#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_close_is_kept() {
    let world = World::with_draft(vec![], &[]).await;
    world.github.grant("jane", "write");
    world.github.grant("mallory", "read");
    world.github.comment(1, "jane", "Wrong layer, see password=hunter2hunter2 in the settings");
    world.github.comment(1, "mallory", "because I say so");
    world.github.close_pull_request(1);
    world.scan().await;
    let fix = world.fix_is("closed").await;
    let reason = fix["reason"].as_str().unwrap();
    assert!(reason.starts_with("Wrong layer") && !reason.contains("hunter2"), "{reason}");
    world.assert_no_violations().await;
}

/// Orders are for those who may write: what others write has no effect, and each order is carried out once.
#[tokio::test(flavor = "multi_thread")]
async fn orders_are_taken_from_those_who_may_write() {
    let world = World::with_draft(vec![repair()], &[]).await;
    world.github.grant("mallory", "read");
    for stranger in ["mallory", "nobody"] {
        world.github.comment(1, stranger, "/logmend ignore");
        world.github.comment(1, stranger, "/logmend retry");
    }
    for _ in 0..2 {
        world.look().await;
    }
    assert_eq!(world.calls("GET", "/collaborators/mallory/permission"), 2, "asked once for each order");
    assert!(world.github.our_comments(1).is_empty() && world.claude.requests().len() == 1);
    assert_eq!(world.error().await["status"], "fix_proposed");

    world.github.grant("jane", "admin");
    world.github.comment(1, "jane", "We live with it.\n\n/logmend ignore");
    for _ in 0..2 {
        world.look().await;
    }
    let said = world.github.our_comments(1);
    assert!(said.len() == 1 && said[0].contains("left alone"), "{said:#?}");
    assert_eq!(world.error().await["status"], "ignored");
    world.github.check(&world.branch(), "test", Some("failure"), "");
    world.look().await;
    assert_eq!(world.claude.requests().len(), 1, "it is people's now");
    world.assert_no_violations().await;
}

/// A conflict is told once; asked to, the change is made anew on the base as it is now, and the branch only moves forward.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_told_and_a_retry_makes_the_change_anew() {
    let anew = submission("    raise TypeError(request)\n", FIRST);
    let world = World::with_draft(vec![anew], &[]).await;
    let branch = world.branch();
    let first = world.git(&["rev-parse", &branch]);
    world.github.push_file("main", "shop/cart.py", "def checkout(request):\n    raise TypeError(request)\n");
    world.github.conflict(1);
    for _ in 0..2 {
        world.look().await;
    }
    let said = world.github.our_comments(1);
    assert!(
        said.len() == 1 && said[0].contains("conflict") && world.claude.requests().len() == 1,
        "{said:#?}"
    );

    world.github.grant("jane", "write");
    world.github.comment(1, "jane", "/logmend retry");
    world.scan().await;
    world.until("a new commit", || world.git(&["rev-parse", &branch]) != first).await;
    world.fix_is("draft").await;
    let parents = world.git(&["show", "-s", "--format=%P", &branch]);
    assert_eq!(parents, format!("{first} {}", world.git(&["rev-parse", "main"])), "after both");
    let diff = world.github.diff_with_base(&branch);
    assert!(diff.contains("-    raise TypeError(request)") && diff.contains("+    return request"), "{diff}");
    world.look().await;
    assert_eq!(world.claude.requests().len(), 2, "the order was carried out once");
    world.assert_no_violations().await;
}

/// Killed between what is done at GitHub and the note of it, it says and pushes nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_cut_off_is_not_done_twice() {
    let mut world = World::with_draft(vec![repair()], &[]).await;
    let branch = world.branch();
    let first = world.git(&["rev-parse", &branch]);
    world.github.check(&branch, "test", Some("failure"), "");
    world.github.fail_next("PATCH", "/git/refs", Fault::DoThenDelay(Duration::from_secs(30)));
    world.scan().await;
    world.until("a push", || world.git(&["rev-parse", &branch]) != first).await;
    assert_eq!(world.fix().await["status"], "repairing");
    world.service.kill();
    world.service = world.service.restart().await;
    world.fix_is("draft").await;
    assert_eq!(world.git(&["rev-list", "--count", &format!("main..{branch}")]), "2");

    world.github.check(&branch, "test", Some("failure"), "");
    world.github.fail_next("POST", "/comments", Fault::DoThenDelay(Duration::from_secs(30)));
    world.scan().await;
    world.until("a comment", || world.github.our_comments(1).len() == 1).await;
    world.service.kill();
    world.service = world.service.restart().await;
    for _ in 0..2 {
        world.look().await;
    }
    assert_eq!(world.github.our_comments(1).len(), 1);
    assert_eq!(world.git(&["rev-list", "--count", &format!("main..{branch}")]), "2");
    assert_eq!(world.claude.requests().len(), 2);
    world.assert_no_violations().await;
}

fn signed(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let digest: Vec<String> = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={}", digest.concat())
}

async fn deliver(world: &World, body: &str, signature: &str) -> u16 {
    let url = format!("{}/webhooks/github", world.service.api_url());
    let call = reqwest::Client::new().post(url).header("x-github-event", "check_run");
    let call = call.header("x-hub-signature-256", signature).body(body.to_owned());
    call.send().await.unwrap().status().as_u16()
}

/// A signed event makes it look at once; an unsigned one, or what an event claims, does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_event_wakes_and_nothing_else() {
    let world = World::with_draft(vec![], &[("GITHUB_WEBHOOK_SECRET", SECRET)]).await;
    world.look().await;
    world.github.check(&world.branch(), "test", Some("success"), "");
    let looks = world.calls("GET", "/pulls/1");
    let event = json!({"action": "completed", "check_run": {"pull_requests": [{"number": 1}]}}).to_string();
    assert_eq!(deliver(&world, &event, "").await, 401);
    assert_eq!(deliver(&world, &event, &signed("another body")).await, 401);
    assert_eq!(deliver(&world, &"x".repeat(300_000), &signed("x")).await, 413);
    let lies = json!({"action": "closed", "pull_request": {"number": 2, "merged": true}}).to_string();
    assert_eq!(deliver(&world, &lies, &signed(&lies)).await, 202);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(world.is_draft() && world.calls("GET", "/pulls/1") == looks, "{}", world.service.logs());
    assert_eq!(deliver(&world, &event, &signed(&event)).await, 202);
    world.fix_is("ready").await;
    assert_eq!(deliver(&world, &event, &signed(&event)).await, 202, "sent again");
    world.until("one more look", || world.calls("GET", "/pulls/1") == looks + 2).await;
    assert_eq!(world.calls("POST", "/graphql"), 1);
    world.assert_no_violations().await;
}

/// Without a secret there is no such route; a short secret is refused at the start.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_there_are_no_events() {
    let world = World::with_draft(vec![], &[]).await;
    assert_eq!(deliver(&world, "{}", &signed("{}")).await, 404);
}
