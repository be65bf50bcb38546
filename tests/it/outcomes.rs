//! What people do with pull requests is looked up, and a category that they close three times in a row is left alone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cart;
use crate::support::claude::ClaudeStandIn;
use crate::support::github::GitHubStandIn;
use crate::support::otlp::{exception_record, export, request};
use crate::support::python;
use crate::support::service::Service;

struct World {
    github: GitHubStandIn,
    claude: ClaudeStandIn,
    service: Service,
}

impl World {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let github = GitHubStandIn::start(&[(cart::PATH, cart::SOURCE)]).await;
        let claude = ClaudeStandIn::start((0..9).map(|_| cart::submission("high")).collect()).await;
        let standard = [
            ("LOGMEND_LEARN", "off"),
            ("LOGMEND_MAX_PRS_PER_HOUR", "100"),
            ("LOGMEND_MAX_PRS_PER_DAY", "100"),
        ];
        let settings: Vec<_> = standard.iter().chain(settings).copied().collect();
        let service = Service::mending(&github, &claude, &settings).await;
        Self { github, claude, service }
    }

    /// An error of the shop that no other is like: its function is its own.
    async fn fail_in(&self, function: &str) {
        let trace = format!(
            "Traceback (most recent call last):\n  File \"/app/shop/cart.py\", line 2, in {function}\n    raise ValueError(request)\nValueError: bad\n"
        );
        let record = exception_record("ValueError", "bad", &trace);
        export(&self.service.grpc_url(), request("shop", vec![record])).await.unwrap();
    }

    async fn scan(&self) -> u64 {
        let scanned = self.service.post("/error-monitor/monitor/scan").await;
        scanned["auto_fixes_started"].as_u64().unwrap()
    }

    /// Waits until as many fixes have this status.
    async fn fixes(&self, status: &str, count: usize) -> Vec<Value> {
        for _ in 0..400 {
            let fixes = self.service.get("/error-monitor/fixes/generated").await;
            let found: Vec<_> = fixes["fixes"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|fix| fix["status"] == status)
                .cloned()
                .collect();
            if found.len() == count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let fixes = self.service.get("/error-monitor/fixes/generated").await;
        panic!("there are not {count} fixes that are {status}: {fixes:#}\n{}", self.service.logs());
    }

    async fn outcome(&self) -> Value {
        let outcomes = self.service.get("/error-monitor/outcomes").await;
        let dashboard = self.service.get("/error-monitor/dashboard").await;
        assert_eq!(outcomes["outcomes"], dashboard["outcomes"]);
        assert_eq!(outcomes["closed_in_a_row_max"], 3);
        outcomes["outcomes"][0].clone()
    }

    async fn assert_no_violations(&self) {
        assert_eq!(self.github.violations(), Vec::<String>::new());
        assert_eq!(self.claude.violations(), Vec::<String>::new());
        let openapi = python::github_openapi();
        python::feed(&python::script("github_openapi.py"), &[&openapi], &self.github.calls_as_lines()).await;
    }
}

/// Three pull requests of one category that people close unmerged are enough; a fourth waits until they say otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn a_category_that_people_close_three_times_is_left_alone_until_they_allow_it() {
    let mut world = World::start(&[]).await;
    for (n, function) in ["first", "second", "third"].into_iter().enumerate() {
        world.fail_in(function).await;
        assert_eq!(world.scan().await, 1, "{}", world.service.logs());
        world.fixes("draft", 1).await;
        world.github.close_pull_request(n + 1);
        world.scan().await;
        world.fixes("closed", n + 1).await;
    }
    let outcome = world.outcome().await;
    assert_eq!(
        (&outcome["closed"], &outcome["closed_in_a_row"], &outcome["fixable"], &outcome["service"]),
        (&json!(3), &json!(3), &json!(false), &json!("shop")),
        "{outcome:#}"
    );
    world.service.kill();
    world.service = world.service.restart().await;
    world.fail_in("fourth").await;
    assert_eq!(world.scan().await, 0);
    assert!(world.service.logs().contains("3 pull requests in a row were closed unmerged"));
    assert_eq!(world.github.pull_requests().len(), 3);

    let category = outcome["category"].as_str().unwrap();
    let allowed = world.service.post(&format!("/error-monitor/outcomes/shop/{category}/allow")).await;
    assert_eq!(allowed["status"], "allowed");
    let outcome = world.outcome().await;
    assert_eq!((&outcome["fixable"], &outcome["allowed_by"]), (&json!(true), &json!("api")), "{outcome:#}");
    world.fail_in("fourth").await;
    assert_eq!(world.scan().await, 1);
    world.fixes("draft", 1).await;
    world.assert_no_violations().await;
}

/// A merged pull request is seen, and no longer counts among those that stand open.
#[tokio::test(flavor = "multi_thread")]
async fn a_merged_pull_request_is_seen_and_makes_room_for_the_next() {
    let world = World::start(&[("LOGMEND_MAX_OPEN_PRS", "1")]).await;
    world.fail_in("first").await;
    world.scan().await;
    world.fixes("draft", 1).await;
    world.fail_in("second").await;
    assert_eq!(world.scan().await, 0, "one may stand open");
    world.github.merge_pull_request(1);
    world.scan().await;
    world.fixes("merged", 1).await;
    let outcome = world.outcome().await;
    assert_eq!((&outcome["merged"], &outcome["merged_and_quiet"]), (&json!(1), &json!(0)), "{outcome:#}");
    world.fail_in("second").await;
    assert_eq!(world.scan().await, 1);
    world.fixes("draft", 1).await;
    world.assert_no_violations().await;
}

/// GitHub not answering is waited out: the end is seen when it answers again, also after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_seen_when_github_answers_again() {
    use crate::support::github::Fault;
    let mut world = World::start(&[]).await;
    world.fail_in("first").await;
    world.scan().await;
    world.fixes("draft", 1).await;
    world.github.close_pull_request(1);
    world.github.fail_next("GET", "/pulls", Fault::Status(404, &[]));
    world.scan().await;
    world.service.wait_for_log("its pull request is not found", 1).await;
    assert_eq!(world.fixes("draft", 1).await.len(), 1);
    world.service = world.service.restart().await;
    world.fixes("closed", 1).await;
}
