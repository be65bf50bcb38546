//! One branch and one pull request, whatever becomes of the leader and of GitHub's answers in the middle of it.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::{JoinSet, spawn_blocking};

use super::{Fleet, PATIENCE, SCAN};
use crate::end_to_end::{mending, repository};
use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::engines::Redis;
use crate::support::github::{Fault, GitHubStandIn};
use crate::support::otlp::{TRACEBACK, exception_record, export, request};
use crate::support::service::Service;

/// Longer than a term and a renewal: by then another one leads.
const LATE: Duration = Duration::from_secs(8);

/// In which step something happens.
#[derive(Clone, Copy)]
enum Step {
    /// Claude's first answer comes late.
    Claude,
    /// GitHub does what this request asks for, and its answer is lost, late, or an error.
    GitHub(&'static str, Answer),
}

#[derive(Clone, Copy)]
enum Answer {
    Late,
    Lost,
    Error500,
}

/// What becomes of the leader as soon as the step was done.
#[derive(Clone, Copy)]
enum Leader {
    Dies,
    /// It wakes once another one has done the work.
    Sleeps,
}

#[derive(Clone, Copy)]
enum Lock {
    None,
    Redis,
    /// It hangs from that moment on.
    RedisThatHangs,
}

struct World {
    github: GitHubStandIn,
    claude: ClaudeStandIn,
    fleet: Fleet,
}

impl World {
    async fn start(step: Step, redis: Option<&Redis>) -> Self {
        let github = GitHubStandIn::start(&repository()).await;
        let mut turns: Vec<Turn> = mending().into_iter().chain(mending()).collect();
        match step {
            Step::Claude => {
                let late = turns.remove(0).after(LATE);
                turns.insert(0, late);
            }
            Step::GitHub(fragment, answer) => {
                let fault = match answer {
                    Answer::Late => Fault::DoThenDelay(LATE),
                    Answer::Lost => Fault::DoThenDropConnection,
                    Answer::Error500 => Fault::DoThenStatus(500),
                };
                github.fail_next("POST", fragment, fault);
            }
        }
        let claude = ClaudeStandIn::start(turns).await;
        let (github_url, claude_url) = (github.url(), claude.url());
        let redis_url = redis.map(Redis::url);
        let mut settings = vec![
            ("ANTHROPIC_API_KEY", claude.key()),
            ("ANTHROPIC_BASE_URL", claude_url.as_str()),
            ("GITHUB_TOKEN", github.token()),
            ("GITHUB_API_URL", github_url.as_str()),
            ("GITHUB_REPOSITORY", "acme/shop"),
        ];
        settings.extend(redis_url.as_deref().map(|url| ("REDIS_URL", url)));
        let fleet = Fleet::start(&settings, &[&[], &[]]).await;
        Self { github, claude, fleet }
    }

    /// Waits until the step was reached.
    async fn reach(&self, step: Step) {
        let begun = Instant::now();
        loop {
            let reached = match step {
                Step::Claude => !self.claude.requests().is_empty(),
                Step::GitHub(fragment, _) => self
                    .github
                    .calls()
                    .iter()
                    .any(|call| call.method == "POST" && call.path.contains(fragment)),
            };
            if reached {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the step was not reached");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn wait_for_draft(replica: &Service) {
    let begun = Instant::now();
    loop {
        let fixes = replica.get("/error-monitor/fixes/generated").await;
        if fixes["fixes"][0]["status"] == "draft" {
            assert_eq!(fixes["total_fixes"], 1, "{fixes:#}");
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "no draft: {fixes:#}\n{}", replica.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn check(step: Step, end: Leader, lock: Lock) {
    let redis = match lock {
        Lock::None => None,
        Lock::Redis | Lock::RedisThatHangs => Some(spawn_blocking(Redis::start).await.unwrap()),
    };
    let mut world = World::start(step, redis.as_ref()).await;
    let leader = world.fleet.leader().await;
    let other = world.fleet.follower().await;
    let error = exception_record("ValueError", "bad total", TRACEBACK);
    export(&other.grpc_url(), request("checkout", vec![error])).await.unwrap();
    assert_eq!(other.post(SCAN).await["auto_fixes_started"], 1);
    world.reach(step).await;

    let mut leading = world.fleet.take(leader);
    match end {
        Leader::Dies => leading.kill(),
        Leader::Sleeps => leading.pause(),
    }
    if let (Lock::RedisThatHangs, Some(redis)) = (lock, &redis) {
        redis.pause();
    }
    let next = world.fleet.leader().await;
    wait_for_draft(&world.fleet.replicas[&next]).await;
    if matches!(end, Leader::Sleeps) {
        leading.resume();
        leading.wait_for_log("this process leads no longer", 1).await;
        // It does not go on: what it would do now it does within moments.
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.fleet.replicas.insert(leader, leading);
        assert_eq!(world.fleet.leader().await, next);
    }

    let survivor = &world.fleet.replicas[&next];
    wait_for_draft(survivor).await;
    assert_eq!(survivor.post(SCAN).await["auto_fixes_started"], 0);
    let errors = survivor.get("/error-monitor/errors/recent").await;
    let branch = format!("logmend/internal_error/{}", &errors["errors"][0]["id"].as_str().unwrap()[..12]);
    assert_eq!(world.github.branches(), [branch.clone(), "main".to_owned()]);
    let pull_requests = world.github.pull_requests();
    assert_eq!(pull_requests.len(), 1, "{pull_requests:#?}");
    assert_eq!(pull_requests[0]["head"]["ref"], json!(branch));
    assert_eq!(world.github.violations(), Vec::<String>::new());
    world.fleet.assert_windows_follow_each_other();
}

async fn check_all(cases: impl IntoIterator<Item = (Step, Leader, Lock)>) {
    let mut checks = JoinSet::new();
    for (step, end, lock) in cases {
        checks.spawn(check(step, end, lock));
    }
    checks.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_pull_request_is_opened_whatever_becomes_of_the_leader() {
    check_all([
        (Step::Claude, Leader::Sleeps, Lock::None),
        (Step::GitHub("/git/commits", Answer::Late), Leader::Sleeps, Lock::None),
        (Step::GitHub("/git/refs", Answer::Error500), Leader::Dies, Lock::None),
        (Step::GitHub("/pulls", Answer::Error500), Leader::Sleeps, Lock::None),
        (Step::GitHub("/labels", Answer::Lost), Leader::Dies, Lock::None),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_pull_request_is_opened_whatever_becomes_of_redis_and_the_leader() {
    check_all([
        (Step::GitHub("/git/blobs", Answer::Error500), Leader::Dies, Lock::Redis),
        (Step::GitHub("/git/refs", Answer::Late), Leader::Sleeps, Lock::RedisThatHangs),
        (Step::GitHub("/pulls", Answer::Lost), Leader::Dies, Lock::RedisThatHangs),
        (Step::GitHub("/pulls", Answer::Late), Leader::Sleeps, Lock::Redis),
    ])
    .await;
}
