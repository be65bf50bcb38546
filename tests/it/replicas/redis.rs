//! The lock in Redis, and a Redis that is gone, hangs, or cannot be reached by the leader alone.

use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::{Fleet, HEALTH, PATIENCE, TERM};
use crate::support::engines::{Proxy, Redis};
use crate::support::service::Service;

const KEY: &str = "logmend:leader";

async fn wait_for_redis(replica: &Service, expected: &str) {
    let begun = Instant::now();
    loop {
        let health = replica.get(HEALTH).await;
        if health["components"]["redis"]["status"] == expected {
            let wanted = if expected == "ok" { "healthy" } else { "degraded" };
            assert_eq!(health["status"], wanted, "{health:#}");
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "Redis never was {expected}: {health:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// For a term and some more one replica leads, the same one, and windows end.
async fn goes_on(fleet: &Fleet, leader: usize) {
    let begun = Instant::now();
    fleet.wait_for_windows(2).await;
    while begun.elapsed() < TERM + Duration::from_secs(2) {
        assert_eq!(fleet.leads_now().await, Some(leader));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fleet.wait_for_windows(1).await;
}

/// Whatever becomes of Redis, one replica leads, windows end on time, and people are told.
#[tokio::test(flavor = "multi_thread")]
async fn windows_end_whatever_becomes_of_redis() {
    let mut redis = spawn_blocking(Redis::start).await.unwrap();
    let proxies = [Proxy::to(redis.port()), Proxy::to(redis.port())];
    let urls = proxies.each_ref().map(|proxy| format!("redis://127.0.0.1:{}", proxy.port()));
    let each = urls.each_ref().map(|url| [("REDIS_URL", url.as_str())]);
    let fleet =
        Fleet::start(&[("ERROR_MONITOR_INTERVAL", "1")], &each.each_ref().map(<[_; 1]>::as_slice)).await;
    let leader = fleet.leader().await;
    let (leading, following) = (&fleet.replicas[&leader], &fleet.replicas[&(1 - leader)]);
    let holder = redis.cli(&["GET", KEY]);
    assert_eq!(fleet.database.psql("SELECT owner FROM lease"), holder);
    let left: u64 = redis.cli(&["PTTL", KEY]).parse().unwrap();
    assert!(left > 0 && left <= 3_000, "{left}");

    // The leader alone cannot reach it: what the other takes in Redis it gives back.
    proxies[leader].stall();
    wait_for_redis(leading, "degraded").await;
    goes_on(&fleet, leader).await;
    wait_for_redis(following, "ok").await;
    proxies[leader].flow();
    wait_for_redis(leading, "ok").await;

    redis.pause();
    wait_for_redis(leading, "degraded").await;
    goes_on(&fleet, leader).await;
    redis.resume();
    wait_for_redis(leading, "ok").await;

    redis.kill_9();
    wait_for_redis(leading, "degraded").await;
    wait_for_redis(following, "degraded").await;
    goes_on(&fleet, leader).await;
    redis.start_again();
    wait_for_redis(leading, "ok").await;
    wait_for_redis(following, "ok").await;
    goes_on(&fleet, leader).await;
    assert_eq!(redis.cli(&["GET", KEY]), holder);
    fleet.assert_windows_follow_each_other();
}
