//! Several replicas on one PostgreSQL: they count as one, and one at a time leads.

mod following;
mod pull_requests;
mod redis;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use prost::Message as _;
use tokio::task::{JoinSet, spawn_blocking};

use crate::support::engines::{Database, Postgres};
use crate::support::otlp::{TRACEBACK, exception_record, export_bytes, request};
use crate::support::service::Service;

const SCAN: &str = "/error-monitor/monitor/scan";
const HEALTH: &str = "/error-monitor/health";

/// The shortest term, and how often it is renewed.
const TERM_SECS: &str = "3";
const TERM: Duration = Duration::from_secs(3);
const RENEWED: Duration = Duration::from_secs(1);
/// What a machine that compiles meanwhile may add to a time that is promised.
const SLACK: Duration = Duration::from_secs(4);
/// How long what is awaited may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Windows whose end was noted more than once.
const CLOSED_TWICE: &str = "SELECT count(*) FROM (SELECT subject FROM audit WHERE action = 'close_window' \
                            GROUP BY subject HAVING count(*) > 1) AS twice";
/// Closed windows that the next one does not begin at the end of.
const GAPS: &str = "SELECT count(*) FROM (SELECT closed_at, lead(start) OVER (ORDER BY start) AS next \
                    FROM \"window\") AS w WHERE closed_at <> next";
const CLOSED: &str = "SELECT count(*) FROM \"window\" WHERE closed_at IS NOT NULL";

/// Replicas on one database. One that is down or asleep is taken out.
struct Fleet {
    replicas: BTreeMap<usize, Service>,
    database: Database,
}

impl Fleet {
    /// As many replicas as there are settings in `each`; `all` has settings of all of them.
    async fn start(all: &[(&str, &str)], each: &[&[(&str, &str)]]) -> Self {
        let database = spawn_blocking(Postgres::database).await.unwrap();
        let url = database.url();
        let standard = [("DATABASE_URL", url.as_str()), ("LOGMEND_LEADER_TERM", TERM_SECS)];
        let mut replicas = BTreeMap::new();
        for (at, own) in each.iter().enumerate() {
            let settings: Vec<_> = standard.iter().chain(all).chain(*own).copied().collect();
            replicas.insert(at, Service::start(&settings).await);
        }
        Self { replicas, database }
    }

    /// Waits until one leads.
    async fn leader(&self) -> usize {
        let begun = Instant::now();
        loop {
            if let Some(leader) = self.leads_now().await {
                return leader;
            }
            assert!(begun.elapsed() < PATIENCE, "none leads");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Which one leads now; never two.
    async fn leads_now(&self) -> Option<usize> {
        let mut leaders = Vec::new();
        for (at, replica) in &self.replicas {
            if replica.get(HEALTH).await["components"]["replicas"]["leads"] == true {
                leaders.push(*at);
            }
        }
        assert!(leaders.len() <= 1, "{leaders:?} lead");
        leaders.first().copied()
    }

    /// Takes one out.
    fn take(&mut self, at: usize) -> Service {
        self.replicas.remove(&at).unwrap()
    }

    /// One that does not lead.
    async fn follower(&self) -> &Service {
        let leader = self.leader().await;
        self.replicas.iter().find(|(at, _)| **at != leader).unwrap().1
    }

    fn psql(&self, sql: &str) -> u64 {
        self.database.psql(sql).parse().unwrap()
    }

    /// Waits until as many more windows are closed.
    async fn wait_for_windows(&self, more: u64) {
        let (begun, wanted) = (Instant::now(), self.psql(CLOSED) + more);
        while self.psql(CLOSED) < wanted {
            assert!(begun.elapsed() < PATIENCE, "{wanted} windows are not closed");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Every window was closed once, and the next one began where it ended.
    fn assert_windows_follow_each_other(&self) {
        assert_eq!(
            (self.psql(CLOSED_TWICE), self.psql(GAPS)),
            (0, 0),
            "{}",
            self.database.psql("TABLE audit")
        );
    }
}

/// A request of an application: some occurrences of one of five errors. No two have the same bytes.
fn traffic(n: usize) -> Vec<u8> {
    let records = (0..=n % 3).map(|_| exception_record("ValueError", &format!("bad total {n}"), TRACEBACK));
    request(&format!("service-{}", n % 5), records.collect()).encode_to_vec()
}

/// Occurrences by error.
async fn counts(service: &Service) -> BTreeMap<String, u64> {
    let recent = service.get("/error-monitor/errors/recent").await;
    let errors = recent["errors"].as_array().unwrap().iter();
    errors.map(|error| (error["id"].as_str().unwrap().to_owned(), error["count"].as_u64().unwrap())).collect()
}

/// Sends until some replica takes it, each time to the next one.
async fn send(urls: &[String], first: usize, bytes: Vec<u8>) {
    let begun = Instant::now();
    for url in urls.iter().cycle().skip(first % urls.len()) {
        if export_bytes(url, bytes.clone()).await.is_ok() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "no replica takes a request");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Requests are spread over three replicas, of which one is killed amid them; what is not acknowledged is sent to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_count_what_one_counts_also_where_one_is_killed() {
    const SENDERS: usize = 6;
    let stream: Vec<_> = (0..180).map(traffic).collect();
    let one = Service::start(&[]).await;
    for bytes in &stream {
        export_bytes(&one.grpc_url(), bytes.clone()).await.unwrap();
    }
    let mut fleet = Fleet::start(&[], &[&[], &[], &[]]).await;
    let urls: Arc<Vec<_>> = Arc::new(fleet.replicas.values().map(Service::grpc_url).collect());
    let (stream, taken) = (Arc::new(stream), Arc::new(AtomicUsize::new(0)));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (urls, stream, taken) = (Arc::clone(&urls), Arc::clone(&stream), Arc::clone(&taken));
        senders.spawn(async move {
            for (n, bytes) in stream.iter().enumerate().skip(sender).step_by(SENDERS) {
                send(&urls, n, bytes.clone()).await;
                taken.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    while taken.load(Ordering::SeqCst) < stream.len() / 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let leader = fleet.leader().await;
    fleet.take(leader).kill();
    senders.join_all().await;

    let expected = counts(&one).await;
    for replica in fleet.replicas.values() {
        assert_eq!(counts(replica).await, expected);
        // Whatever replica took a request before, it counts once.
        for bytes in &stream[..20] {
            export_bytes(&replica.grpc_url(), bytes.clone()).await.unwrap();
        }
    }
    let scanned = fleet.replicas.values().next().unwrap().post(SCAN).await;
    assert_eq!((&scanned["status"], &scanned["errors_found"]), (&"scanned".into(), &5.into()));
    for replica in fleet.replicas.values() {
        assert_eq!(counts(replica).await, expected);
    }
    let occurrences: usize = (0..stream.len()).map(|n| n % 3 + 1).sum();
    assert_eq!(fleet.psql("SELECT sum(count) FROM window_cluster"), occurrences as u64);
    fleet.assert_windows_follow_each_other();
}

/// Windows end every second, whoever leads: after a crash, after a hand-over, and where a leader slept through its term.
#[tokio::test(flavor = "multi_thread")]
async fn one_replica_leads_whatever_becomes_of_leaders() {
    let mut fleet = Fleet::start(&[("ERROR_MONITOR_INTERVAL", "1")], &[&[], &[], &[]]).await;
    let first = fleet.leader().await;
    for replica in fleet.replicas.values() {
        let replicas = &replica.get(HEALTH).await["components"]["replicas"];
        assert_eq!((&replicas["status"], &replicas["count"]), (&"ok".into(), &3.into()));
    }

    fleet.take(first).kill();
    let begun = Instant::now();
    let second = fleet.leader().await;
    assert!(begun.elapsed() < TERM + RENEWED + SLACK, "{:?} after a crash", begun.elapsed());
    fleet.wait_for_windows(2).await;

    let (status, gone) = fleet.take(second).terminate().await;
    assert!(status.success(), "{status}");
    let begun = Instant::now();
    fleet.leader().await;
    assert!(begun.elapsed() < RENEWED + SLACK, "{:?} after a hand-over", begun.elapsed());
    fleet.replicas.insert(second, gone.restart().await);

    for nap in 1..=2 {
        let leader = fleet.leader().await;
        let asleep = fleet.take(leader);
        asleep.pause();
        let next = fleet.leader().await;
        fleet.wait_for_windows(2).await;
        asleep.resume();
        asleep.wait_for_log("this process leads no longer", 1).await;
        fleet.replicas.insert(leader, asleep);
        assert_eq!(fleet.leader().await, next, "nap {nap}");
        fleet.wait_for_windows(1).await;
    }
    fleet.assert_windows_follow_each_other();
}
