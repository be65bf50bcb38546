//! Replicas whose own clocks differ agree on the time that windows go by.

use std::time::Duration;

use super::*;
use crate::model::Fence;

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
        let apart = store.now().0.abs_diff(right().0);
        assert!(apart < Duration::from_secs(5).as_nanos() as u64, "{apart} ns");
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
    let held = asleep.database.begin(engine::Purpose::EndWindow).await.unwrap();
    let begun = std::time::Instant::now();
    awake.close_window(awake.now()).await.unwrap();
    assert!(begun.elapsed() > Duration::from_secs(5) && begun.elapsed() < Duration::from_secs(20));
    assert!(held.commit().await.is_err());
}
