//! What may be spent and opened is decided by the store, for all replicas and over restarts.

use super::*;
use crate::model::{Breaker, Cap, Exceeded, Expense, Limits, NoFix};

const HOUR: u64 = 3_600_000_000_000;
const DAY: u64 = 24 * HOUR;
const NOW: UnixNanos = UnixNanos(1_000 * DAY);

fn limits() -> Limits {
    Limits { usd_per_fix: 2.0, usd_per_day: 3.0, usd_per_month: 5.0, ..Limits::default() }
}

fn of_fix(subject: &str, usd_max: f64) -> Call<'_> {
    Call { expense: Expense::Fix, subject, usd_max }
}

fn of_rule(usd_max: f64) -> Call<'static> {
    Call { expense: Expense::Rule, subject: "learned-1", usd_max }
}

async fn reserved(store: &Store, call: Call<'_>, now: UnixNanos) -> Result<Reservation, Exceeded> {
    store.reserve(call, &limits(), now).await.unwrap()
}

/// Each limit holds, and what was reserved and never settled counts in full, also after a restart.
async fn what_a_crash_left_unsettled_counts_in_full(on: On) {
    let mut running = Running::start(on).await;
    let first = reserved(&running.store, of_fix("a", 1.0), NOW).await.unwrap();
    let cost = Cost { usd: 0.25, uncached_tokens: 9_000 };
    running.store.settle(first, Some(cost), NOW).await.unwrap();
    // The process is killed in this call.
    let _left = reserved(&running.store, of_fix("a", 1.5), NOW).await.unwrap();
    running = running.reopen().await;
    let store = &running.store;
    let spent = reserved(store, of_fix("a", 0.5), NOW).await.unwrap_err();
    assert_eq!(spent, Exceeded::Fix { limit: 2.0, spent: 1.75 });
    let given_back = reserved(store, of_fix("a", 0.25), NOW).await.unwrap();
    store.release(given_back).await.unwrap();
    let unknown = reserved(store, of_fix("a", 0.25), NOW).await.unwrap();
    store.settle(unknown, None, NOW).await.unwrap();
    let usage = store.usage(NOW).await.unwrap();
    assert_eq!((usage.usd_of_day, usage.usd_of_month, usage.usd_reserved), (2.0, 2.0, 1.5));
    assert!(store.was_asked(Expense::Fix, "a").await.unwrap());
    assert!(!store.was_asked(Expense::Triage, "a").await.unwrap());
}

async fn the_limits_of_a_day_and_a_month_are_of_all_that_claude_is_asked(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let _ = reserved(store, of_fix("a", 2.0), NOW).await.unwrap();
    let _ = reserved(store, of_rule(1.0), NOW).await.unwrap();
    for call in [of_fix("b", 0.01), of_rule(0.01)] {
        assert_eq!(reserved(store, call, NOW).await.unwrap_err(), Exceeded::Day(3.0));
        assert_eq!(store.could_reserve(call, &limits(), NOW).await.unwrap(), Err(Exceeded::Day(3.0)));
    }
    let next_day = UnixNanos(NOW.0 + DAY + 1);
    assert_eq!(store.could_reserve(of_rule(0.01), &limits(), next_day).await.unwrap(), Ok(()));
    let _ = reserved(store, of_fix("b", 2.0), next_day).await.unwrap();
    assert_eq!(reserved(store, of_rule(0.01), next_day).await.unwrap_err(), Exceeded::Month(5.0));
    let next_month = UnixNanos(NOW.0 + 31 * DAY + 2);
    assert_eq!(store.could_reserve(of_rule(2.9), &limits(), next_month).await.unwrap(), Ok(()));
}

async fn calls_and_tokens_of_a_fix_are_counted_over_restarts(on: On) {
    let mut running = Running::start(on).await;
    let limits = Limits { calls_per_fix: 2, uncached_tokens_per_fix: 100, ..Limits::default() };
    for (fix, uncached_tokens, exceeded) in [("a", 10, Exceeded::Calls(2)), ("b", 60, Exceeded::Calls(2))] {
        for _ in 0..2 {
            let granted = running.store.reserve(of_fix(fix, 0.01), &limits, NOW).await.unwrap().unwrap();
            let cost = Cost { usd: 0.01, uncached_tokens };
            running.store.settle(granted, Some(cost), NOW).await.unwrap();
            running = running.reopen().await;
        }
        assert_eq!(
            running.store.reserve(of_fix(fix, 0.01), &limits, NOW).await.unwrap().unwrap_err(),
            exceeded
        );
    }
    let more_calls = Limits { calls_per_fix: 9, ..limits };
    let again = running.store.reserve(of_fix("b", 0.01), &more_calls, NOW).await.unwrap();
    assert_eq!(again.unwrap_err(), Exceeded::Tokens(100));
    assert!(running.store.reserve(of_fix("c", 0.01), &more_calls, NOW).await.unwrap().is_ok());
}

/// However many ask at the same moment, through however many handles, no more is granted than there is.
async fn two_replicas_never_grant_more_than_there_is(on: On) {
    let one = Running::start(on).await;
    let other = Running::open(one.settings.clone()).await;
    let stores = [&one.store, &other.store];
    let limits = Limits { usd_per_day: 1.0, pull_requests_per_hour: 3, ..Limits::default() };
    let calls = (0..24).map(|n| {
        let (store, limits) = (stores[n % 2].clone(), limits.clone());
        async move { store.reserve(of_rule(0.1), &limits, NOW).await.unwrap().is_ok() }
    });
    let granted = futures_join(calls.collect()).await;
    assert_eq!(granted.iter().filter(|granted| **granted).count(), 10);

    one.store.commit(batch(1, (1..=8).map(|byte| delta(byte, 1, 500)).collect())).await.unwrap();
    let mut fixes = Vec::new();
    for byte in 1..=8 {
        let cluster = one.store.cluster(id(byte)).await.unwrap().unwrap();
        fixes.push(one.store.claim_fix(&cluster, NOW).await.unwrap().unwrap());
    }
    let opened = fixes.iter().enumerate().map(|(n, fix)| {
        let (store, limits, id) = (stores[n % 2].clone(), limits.clone(), fix.id.clone());
        async move { store.take_pull_request(&id, "acme/shop", &limits, NOW).await.unwrap().is_ok() }
    });
    let taken = futures_join(opened.collect()).await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 3);
}

async fn each_cap_on_pull_requests_holds_until_there_is_room(on: On) {
    let mut running = Running::start(on).await;
    let store = running.store.clone();
    store.commit(batch(1, (1..=6).map(|byte| delta(byte, 1, 500)).collect())).await.unwrap();
    let mut fixes = Vec::new();
    for byte in 1..=6 {
        let cluster = store.cluster(id(byte)).await.unwrap().unwrap();
        let mut fix = store.claim_fix(&cluster, NOW).await.unwrap().unwrap();
        fix.repository = if byte == 6 { "acme/mail" } else { "acme/shop" }.to_owned();
        fix.status = FixStatus::Generating;
        store.update_fix(&fix).await.unwrap();
        fixes.push(fix);
    }
    let limits = Limits {
        pull_requests_per_hour: 2,
        pull_requests_per_day: 3,
        open_pull_requests: 4,
        open_pull_requests_per_repository: 4,
        ..Limits::default()
    };
    let at = |hours: u64| UnixNanos(NOW.0 + hours * HOUR + hours);
    let take = async |store: &Store, n: usize, limits: &Limits, now| {
        store.take_pull_request(&fixes[n].id, &fixes[n].repository, limits, now).await.unwrap()
    };
    assert_eq!(take(&store, 0, &limits, NOW).await, Ok(()));
    assert_eq!(take(&store, 1, &limits, NOW).await, Ok(()));
    assert_eq!(take(&store, 2, &limits, NOW).await, Err(Cap::PerHour(2)));
    running = running.reopen().await;
    let store = running.store.clone();
    assert_eq!(take(&store, 0, &limits, NOW).await, Ok(()), "it has its place");
    assert_eq!(take(&store, 2, &limits, at(2)).await, Ok(()));
    assert_eq!(take(&store, 3, &limits, at(2)).await, Err(Cap::PerDay(3)));
    let tight = Limits { open_pull_requests: 3, ..limits.clone() };
    assert_eq!(take(&store, 3, &tight, at(30)).await, Err(Cap::Open(3)));
    let tight = Limits { open_pull_requests_per_repository: 3, ..limits.clone() };
    assert_eq!(take(&store, 3, &tight, at(30)).await, Err(Cap::OpenInRepository(3)));
    assert_eq!(take(&store, 5, &tight, at(30)).await, Ok(()), "the other repository has room");
    let usage = store.usage(at(30)).await.unwrap();
    assert_eq!((usage.open_pull_requests, usage.pull_requests_of_hour), (4, 1));
    assert_eq!(usage.open_by_repository, [("acme/mail".to_owned(), 1), ("acme/shop".to_owned(), 3)]);
    // One that comes to nothing makes room, as does one that people close.
    fixes[1].status = FixStatus::Failed;
    (fixes[2].status, fixes[2].pr_url) =
        (FixStatus::Closed, Some("https://github.com/acme/shop/pull/1".into()));
    for fix in &fixes[1..3] {
        store.update_fix(fix).await.unwrap();
    }
    assert_eq!(store.usage(at(30)).await.unwrap().open_pull_requests, 2);
}

async fn a_breaker_stands_against_every_call_until_it_ends_or_people_say_so(on: On) {
    let mut running = Running::start(on).await;
    let until = UnixNanos(NOW.0 + DAY);
    let breaker = Breaker { reason: "usage limits".into(), opened_at: NOW, until };
    running.store.open_breaker(&breaker).await.unwrap();
    let sooner = Breaker { until: UnixNanos(NOW.0 + HOUR), ..breaker.clone() };
    running.store.open_breaker(&sooner).await.unwrap();
    running = running.reopen().await;
    let store = &running.store;
    assert_eq!(reserved(store, of_rule(0.01), NOW).await.unwrap_err(), Exceeded::Breaker(breaker.clone()));
    assert_eq!(store.breaker(UnixNanos(until.0 - 1)).await.unwrap(), Some(breaker.clone()));
    assert_eq!(store.breaker(until).await.unwrap(), None, "it is over");
    assert!(reserved(store, of_rule(0.01), until).await.is_ok());
    assert!(store.close_breaker().await.unwrap());
    assert!(!store.close_breaker().await.unwrap());
    assert!(reserved(store, of_rule(0.01), NOW).await.is_ok());
}

async fn what_is_told_is_told_once_a_day(on: On) {
    let mut running = Running::start(on).await;
    assert!(running.store.is_first_today("usd_per_day", NOW).await.unwrap());
    running = running.reopen().await;
    let store = &running.store;
    assert!(!store.is_first_today("usd_per_day", UnixNanos(NOW.0 + HOUR)).await.unwrap());
    assert!(store.is_first_today("usd_per_month", NOW).await.unwrap());
    assert!(store.is_first_today("usd_per_day", UnixNanos(NOW.0 + DAY)).await.unwrap());
}

async fn why_an_error_has_no_pull_request_is_kept_with_its_time(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    store.commit(batch(1, (1..=3).map(|byte| delta(byte, 1, 500)).collect())).await.unwrap();
    let note = async |code, reason: &str, at| {
        store.note_unfixed(&[(id(1), code, reason.to_owned())], UnixNanos(at)).await.unwrap();
        store.unfixed([id(1), id(2)]).await.unwrap().remove(&id(1)).unwrap()
    };
    assert_eq!(note(NoFix::Waiting, "w", 600).await.at, UnixNanos(600));
    assert_eq!(note(NoFix::Waiting, "w", 700).await.at, UnixNanos(600), "the same as before");
    let other = note(NoFix::PrCap, "two an hour\0", 800).await;
    assert_eq!(
        (other.code, other.reason.as_str(), other.at),
        (NoFix::PrCap, "two an hour\u{fffd}", UnixNanos(800))
    );
    store.clear_unfixed(id(1)).await.unwrap();
    assert!(store.unfixed([id(1)]).await.unwrap().is_empty());
    // What people closed is muted, whatever was noted.
    let mut fix = store.claim_fix(&store.cluster(id(2)).await.unwrap().unwrap(), NOW).await.unwrap().unwrap();
    (fix.status, fix.ended_at) = (FixStatus::Closed, Some(UnixNanos(900)));
    store.update_fix(&fix).await.unwrap();
    store.note_unfixed(&[(id(2), NoFix::Waiting, String::new())], NOW).await.unwrap();
    let closed = store.unfixed([id(2)]).await.unwrap().remove(&id(2)).unwrap();
    assert_eq!((closed.code, closed.at), (NoFix::Muted, UnixNanos(900)));
    // Many at once.
    let many: Vec<_> = (0..2_500_u32)
        .map(|n| {
            let mut bytes = [7; 16];
            bytes[..4].copy_from_slice(&n.to_be_bytes());
            (Fingerprint::from_bytes(bytes), NoFix::NotUrgent, "mild".to_owned())
        })
        .collect();
    store.note_unfixed(&many, NOW).await.unwrap();
    assert_eq!(store.unfixed(many.iter().map(|(id, ..)| *id)).await.unwrap().len(), 2_500);
}

async fn errors_are_new_where_no_member_of_their_family_was_seen_before(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let mut mild = delta(3, 1, 900);
    mild.verdict.severity = Severity::Medium;
    store.commit(batch(1, vec![delta(1, 1, 500), delta(2, 1, 900), mild])).await.unwrap();
    let new = store.new_errors_since(UnixNanos(800)).await.unwrap();
    assert_eq!(new.iter().map(|error| error.fingerprint).collect::<Vec<_>>(), [id(2)]);
    assert_eq!((new[0].service.as_str(), new[0].severity), ("checkout", Severity::High));
}

on_each! {
    what_a_crash_left_unsettled_counts_in_full,
    the_limits_of_a_day_and_a_month_are_of_all_that_claude_is_asked,
    calls_and_tokens_of_a_fix_are_counted_over_restarts,
    two_replicas_never_grant_more_than_there_is,
    each_cap_on_pull_requests_holds_until_there_is_room,
    a_breaker_stands_against_every_call_until_it_ends_or_people_say_so,
    what_is_told_is_told_once_a_day,
    why_an_error_has_no_pull_request_is_kept_with_its_time,
    errors_are_new_where_no_member_of_their_family_was_seen_before,
}
