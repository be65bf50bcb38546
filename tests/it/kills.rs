//! `kill -9` between any two steps of a fix: in the end there is one branch and one pull request, and Claude is not asked again
//! for what it has answered.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::end_to_end::{mending, repository};
use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::{Fault, GitHubStandIn};
use crate::support::python;
use crate::support::service::Service;

const PATIENCE: Duration = Duration::from_mins(1);
/// Longer than it takes to kill it.
const HELD: Duration = Duration::from_secs(5);

async fn start(claude: &ClaudeStandIn, github: &GitHubStandIn) -> Service {
    Service::mending(github, claude, &[]).await
}

async fn begin(service: &Service) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/emit.py");
    python::run(script, &[&service.grpc_url(), "payments", "3"]).await;
    service.post("/error-monitor/monitor/scan").await;
}

async fn until(what: &str, service: &Service, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: {}", service.logs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn opened(service: &Service) -> bool {
    let fixes = service.get("/error-monitor/fixes/generated").await;
    fixes["fixes"].as_array().unwrap().iter().any(|fix| fix["status"] == "draft")
}

fn assert_one(github: &GitHubStandIn, at: &str) {
    let pull_requests = github.pull_requests();
    assert_eq!(pull_requests.len(), 1, "{at}");
    assert_eq!(github.branches().len(), 2, "{at}: no stray branch: {:?}", github.branches());
    let labels: Vec<Value> = pull_requests[0]["labels"].as_array().unwrap().clone();
    assert!(labels.iter().any(|label| label["name"] == "logmend"), "{at}: {labels:?}");
    assert_eq!(github.violations(), Vec::<String>::new(), "{at}");
}

/// At each write to GitHub, before it is done and after.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_write_to_github_leaves_one_pull_request() {
    for step in ["/git/blobs", "/git/trees", "/git/commits", "/git/refs", "/pulls", "/labels"] {
        for is_done in [false, true] {
            let at = format!("{step}, done: {is_done}");
            let (github, claude) =
                (GitHubStandIn::start(&repository()).await, ClaudeStandIn::start(mending()).await);
            let mut service = start(&claude, &github).await;
            github.fail_next(
                "POST",
                step,
                if is_done { Fault::DoThenDelay(HELD) } else { Fault::Delay(HELD) },
            );
            begin(&service).await;
            // What is done shows at once; what is held is known by the calls before it.
            let before = ["/git/blobs", "/git/trees", "/git/commits", "/git/refs", "/pulls", "/labels"];
            let earlier = before.iter().take_while(|known| **known != step).last();
            until(&at, &service, async || {
                let asked = claude.requests().len() == 3;
                let calls = github.calls();
                let wrote =
                    |end: &str| calls.iter().any(|call| call.method == "POST" && call.path.ends_with(end));
                asked && earlier.is_none_or(|earlier| wrote(earlier))
            })
            .await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            service.kill();
            let service = service.restart().await;
            until(&at, &service, async || opened(&service).await).await;
            assert_one(&github, &at);
            assert_eq!(claude.requests().len(), 3, "{at}: it is not asked again");
        }
    }
}

/// In the middle of each answer of Claude: the conversation begins anew, and what it cost before is bounded.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_turn_of_claude_leaves_one_pull_request() {
    for turn in 0..3 {
        let at = format!("turn {turn}");
        let held = mending().into_iter().take(turn + 1).enumerate();
        let held: Vec<Turn> = held.map(|(n, one)| if n == turn { one.after(HELD) } else { one }).collect();
        let turns = held.into_iter().chain(mending()).collect();
        let (github, claude) = (GitHubStandIn::start(&repository()).await, ClaudeStandIn::start(turns).await);
        let mut service = start(&claude, &github).await;
        begin(&service).await;
        until(&at, &service, async || claude.requests().len() == turn + 1).await;
        service.kill();
        let service = service.restart().await;
        until(&at, &service, async || opened(&service).await).await;
        assert_one(&github, &at);
        assert_eq!(claude.requests().len(), turn + 1 + 3, "{at}");
        assert_eq!(claude.violations(), Vec::<String>::new());
    }
}
