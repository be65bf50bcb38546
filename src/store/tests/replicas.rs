//! Replicas whose own clocks differ agree on the time that windows go by.

use std::time::Duration;

use super::*;
use crate::model::{Fence, Fix};

const HOUR: u64 = 3_600_000_000_000;

fn right() -> UnixNanos {
    UnixNanos(u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap())
}

fn an_hour_ahead() -> UnixNanos {
    UnixNanos(right().0 + HOUR)
}

fn an_hour_behind() -> UnixNanos {
    UnixNanos(right().0 - HOUR)
}

/// Borders, terms and what is forgotten go by the database's clock.
#[tokio::test]
async fn windows_go_by_the_clock_of_the_database() {
    let database = tokio::task::spawn_blocking(engines::Postgres::database).await.unwrap();
    let settings: Settings = database.url().parse().unwrap();
    let mut stores = Vec::new();
    for clock in [right as fn() -> UnixNanos, an_hour_ahead, an_hour_behind] {
        stores.push(Store::open(&settings, clock).await.unwrap().0);
    }
    for store in &stores {
        let apart = Duration::from_nanos(store.now().0.abs_diff(right().0));
        assert!(apart < Duration::from_secs(5), "{apart:?}");
        assert_eq!(store.open_window_start().await.unwrap(), stores[0].open_window_start().await.unwrap());
    }
    let term = Duration::from_secs(30);
    assert_eq!(stores[0].lead("right", stores[0].now(), term).await.unwrap(), Some(Fence(1)));
    assert_eq!(stores[1].lead("ahead", stores[1].now(), term).await.unwrap(), None, "the term is not over");
    assert_eq!(stores[0].lead("right", stores[0].now(), term).await.unwrap(), Some(Fence(1)));

    let ends = [stores[1].now(), stores[2].now(), stores[0].now()];
    for (store, now) in stores.iter().rev().zip(ends) {
        let closed = store.close_window(now).await.unwrap();
        assert!(closed.start < closed.next_start && closed.next_start.0.abs_diff(right().0) < HOUR / 60);
    }
}

/// What sleeps in the middle of a transaction does not hold up the others for good.
#[tokio::test]
async fn a_replica_that_sleeps_in_a_transaction_is_cut_off() {
    let database = tokio::task::spawn_blocking(engines::Postgres::database).await.unwrap();
    let settings: Settings = database.url().parse().unwrap();
    let (asleep, _) = Store::open(&settings, right).await.unwrap();
    let (awake, _) = Store::open(&settings, right).await.unwrap();
    let held = asleep.database.begin(engine::Purpose::Alone).await.unwrap();
    let begun = std::time::Instant::now();
    awake.close_window(awake.now()).await.unwrap();
    assert!(begun.elapsed() > Duration::from_secs(5) && begun.elapsed() < Duration::from_secs(20));
    assert!(held.commit().await.is_err());
}

/// A leader whose term is over writes nothing, on either database: not even what it had read before.
async fn a_leader_whose_term_is_over_changes_nothing(on: On) {
    let running = Running::start(on).await;
    let (store, term) = (&running.store, Duration::from_nanos(10));
    running.store.commit(batch(1, vec![delta(1, 3, 50)])).await.unwrap();
    let first = store.lead("first", UnixNanos(100), term).await.unwrap().unwrap();
    let asleep = store.led_by(first);
    let cluster = asleep.clusters(ClusterFilter::default()).await.unwrap().remove(0);
    let window = asleep.close_window(UnixNanos(105)).await.unwrap();
    assert_eq!(store.lead("second", UnixNanos(110), term).await.unwrap(), None, "the term is not over");
    let second = store.lead("second", UnixNanos(111), term).await.unwrap().unwrap();
    assert!(second.0 > first.0);

    let now = UnixNanos(112);
    assert!(asleep.close_window(now).await.is_err());
    assert!(asleep.mark_triaged(window.start, now).await.is_err());
    assert!(asleep.claim_fix(&cluster, now).await.is_err());
    assert!(asleep.report_scan("any", "done").await.is_err());
    let entry = AuditEntry { at: now, actor: "logmend", action: "any", subject: "any", outcome: "done" };
    assert!(asleep.audit(&entry).await.is_err());
    asleep.give_up_lead(first).await.unwrap_err();

    let awake = store.led_by(second);
    assert_eq!(awake.open_window_start().await.unwrap(), window.next_start);
    assert_eq!(awake.untriaged_windows().await.unwrap(), [window.start]);
    let fix = awake.claim_fix(&cluster, now).await.unwrap().unwrap();
    assert_eq!(awake.claim_fix(&cluster, now).await.unwrap(), None);
    assert!(asleep.update_fix(&Fix { reason: "late".into(), ..fix.clone() }).await.is_err());
    assert_eq!(awake.fix(&fix.id).await.unwrap(), Some(fix));
    assert_eq!(store.lead("third", UnixNanos(115), term).await.unwrap(), None, "the second leads still");
}

on_each!(a_leader_whose_term_is_over_changes_nothing);
