//! The outbox of alerts: what is noted once, what is told to whom, and what is over.

use super::engine::sql;
use super::*;
use crate::model::{AlertRule, Family, Fix};

const HOUR: u64 = 3_600_000_000_000;
const DAY: u64 = 24 * HOUR;

/// A record whose message alone names its error.
fn worded(byte: u8) -> Delta {
    let detail =
        ClusterDetail { message: format!("no {byte}"), named_by_message: true, ..ClusterDetail::default() };
    Delta { detail: Some(Arc::new(detail)), ..delta(byte, 1, 500) }
}

fn grave(byte: u8, severity: Severity, named_by_message: bool) -> Delta {
    let mut delta = if named_by_message { worded(byte) } else { delta(byte, 1, 500) };
    delta.verdict.severity = severity;
    delta
}

/// What was found and not decided about.
async fn found(store: &Store) -> Vec<String> {
    store.found_alerts(99).await.unwrap().into_iter().map(|alert| alert.key).collect()
}

fn new(byte: u8) -> String {
    format!("new:{}", id(byte))
}

async fn look(store: &Store, now: u64) -> Vec<String> {
    store.note_new_errors(UnixNanos(now)).await.unwrap();
    found(store).await
}

/// At once where the error's name is certain or it is critical, else when its window was triaged; once in any case.
async fn new_errors_are_noted_once(on: On) {
    let Running { store, .. } = &Running::start(on).await;
    let deltas = vec![
        grave(1, Severity::High, false),
        grave(2, Severity::Critical, true),
        grave(3, Severity::High, true),
        grave(4, Severity::High, true),
        grave(5, Severity::Medium, false),
    ];
    store.commit(batch(1, deltas)).await.unwrap();
    assert_eq!(look(store, 700).await, [new(1), new(2)]);
    assert_eq!(look(store, 701).await, [new(1), new(2)], "once");
    let closed = store.close_window(UnixNanos(800)).await.unwrap();
    let family =
        Family { id: id(3), aliases: vec![id(4)], template: "no <*>".into(), reason: "a word".into() };
    store.set_families(&[family], UnixNanos(810)).await.unwrap();
    assert_eq!(look(store, 820).await.len(), 2, "it is not triaged");
    store.mark_triaged(closed.start, UnixNanos(830)).await.unwrap();
    assert_eq!(look(store, 840).await, [new(1), new(2), new(3)], "a family is one");
    // Later windows bring the same errors, and another member of the family.
    let again =
        vec![grave(1, Severity::High, false), grave(3, Severity::High, true), grave(6, Severity::High, true)];
    store.commit(batch(2, again)).await.unwrap();
    let closed = store.close_window(UnixNanos(900)).await.unwrap();
    let family =
        Family { id: id(3), aliases: vec![id(4), id(6)], template: "no <*>".into(), reason: "a word".into() };
    store.set_families(&[family], UnixNanos(910)).await.unwrap();
    store.mark_triaged(closed.start, UnixNanos(930)).await.unwrap();
    assert_eq!(look(store, 940).await.len(), 3);
    // What is left of a crash is found by the next look: the mark moves last.
    store.commit(batch(3, vec![grave(7, Severity::High, false)])).await.unwrap();
    store.close_window(UnixNanos(950)).await.unwrap();
    assert_eq!(look(store, 960).await.last().unwrap(), &new(7));
}

/// In the transaction that changes what they tell of.
async fn what_changes_a_row_notes_it(on: On) {
    let Running { store, .. } = &Running::start(on).await;
    store.commit(batch(1, vec![delta(1, 1, 500), delta(2, 1, 500)])).await.unwrap();
    store.close_window(UnixNanos(600)).await.unwrap();
    store.set_status(id(1), ClusterStatus::Fixed).await.unwrap();
    store.commit(batch(2, vec![delta(1, 1, 610), delta(2, 1, 610)])).await.unwrap();
    let closed = store.close_window(UnixNanos(700)).await.unwrap();
    assert_eq!(found(store).await, [format!("regressed:{}:{}", id(1), closed.start.0)]);
    store.set_status(id(1), ClusterStatus::Regressed).await.unwrap();
    assert_eq!(found(store).await.len(), 1, "it is said already");
    store.set_status(id(2), ClusterStatus::Regressed).await.unwrap();
    assert_eq!(found(store).await.len(), 2);

    let cluster = store.cluster(id(1)).await.unwrap().unwrap();
    let fix = store.claim_fix(&cluster, UnixNanos(720)).await.unwrap().unwrap();
    let draft = Fix { status: FixStatus::Draft, pr_url: Some("https://x/1".into()), ..fix.clone() };
    for _ in 0..2 {
        store.update_fix(&draft).await.unwrap();
    }
    assert!(store.observe_pull_request(&fix.id, FixStatus::Merged, Some(UnixNanos(730))).await.unwrap());
    store.update_fix(&Fix { status: FixStatus::Merged, ..draft }).await.unwrap();
    let cluster = store.cluster(id(2)).await.unwrap().unwrap();
    let other = store.claim_fix(&cluster, UnixNanos(720)).await.unwrap().unwrap();
    store.update_fix(&Fix { status: FixStatus::Failed, ..other.clone() }).await.unwrap();
    for day in [2, 2, 3] {
        store.is_first_today("usd_per_day", UnixNanos(day * DAY)).await.unwrap();
    }
    let found = found(store).await;
    for key in [
        format!("fix_opened:{}", fix.id),
        format!("fix_merged:{}", fix.id),
        format!("fix_failed:{}", other.id),
        format!("budget:usd_per_day:{}", 2 * DAY),
        format!("budget:usd_per_day:{}", 3 * DAY),
    ] {
        assert!(found.contains(&key), "{key} in {found:?}");
    }
    assert_eq!(found.len(), 7, "{found:?}");
}

async fn tell(store: &Store, key: &str, rule: AlertRule, error: u8, now: u64) -> FoundAlert {
    let alert = FoundAlert {
        key: key.to_owned(),
        rule,
        error_id: id(error).to_string(),
        fix_id: String::new(),
        told_of: String::new(),
        at: UnixNanos(now),
    };
    let to = [("slack", format!("{key}-slack")), ("webhook", format!("{key}-webhook"))];
    store.tell_at_once(&alert, "{}", &to, UnixNanos(now)).await.unwrap();
    alert
}

/// A delivery waits until somebody says that it arrived, also over a restart; tries are counted before they are made.
async fn deliveries_wait_until_they_arrive(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    tell(store, "a", AlertRule::New, 1, 600).await;
    tell(store, "a", AlertRule::New, 1, 650).await;
    let due = async |store: &Store, now| store.due_delivery("slack", UnixNanos(now)).await.unwrap();
    let first = due(store, 600).await.unwrap();
    assert_eq!((first.id.as_str(), first.tries, first.rule), ("a-slack", 0, AlertRule::New));
    assert!(store.claim_delivery("a-slack", UnixNanos(700)).await.unwrap());
    assert_eq!(due(store, 699).await, None);
    let running = running.reopen().await;
    let store = &running.store;
    assert_eq!(due(store, 700).await.unwrap().tries, 1);
    store.not_delivered("a-slack", "it answered 500", Some(UnixNanos(800)), UnixNanos(700)).await.unwrap();
    let state = store.target_state("slack").await.unwrap();
    assert_eq!((state.waiting, state.last_error.as_str()), (1, "it answered 500"));
    assert!(store.is_target_failing("slack", UnixNanos(700)).await.unwrap());
    store.delivered("a-slack", UnixNanos(900)).await.unwrap();
    assert!(!store.claim_delivery("a-slack", UnixNanos(950)).await.unwrap(), "it arrived");
    let state = store.target_state("slack").await.unwrap();
    assert_eq!((state.waiting, state.last_error.as_str(), state.last_sent_at), (0, "", Some(UnixNanos(900))));
    store.not_delivered("a-webhook", "it answered 400", None, UnixNanos(910)).await.unwrap();
    assert_eq!(store.recent_deliveries(None, 9).await.unwrap().len(), 2);
    assert_eq!(store.target_state("webhook").await.unwrap().last_failed_at, Some(UnixNanos(910)));
    tell(store, "b", AlertRule::New, 2, 1_000).await;
    store.give_up_old_deliveries(UnixNanos(1_001 + DAY)).await.unwrap();
    assert_eq!(due(store, 2 * DAY).await, None);
    assert_eq!(store.target_state("slack").await.unwrap().last_error, "it was not sent within a day");
}

/// That something is over comes after it, once, and to those alone who were told of it.
async fn what_is_over_is_told_after_it(on: On) {
    let Running { store, .. } = &Running::start(on).await;
    store.commit(batch(1, vec![delta(1, 1, 500), delta(2, 1, 500)])).await.unwrap();
    let alert = tell(store, "a", AlertRule::New, 1, 600).await;
    let other = tell(store, "b", AlertRule::Regressed, 1, 601).await;
    tell(store, "c", AlertRule::New, 2, 602).await;
    assert!(store.another_lasts(&alert.key, &alert.error_id).await.unwrap());
    assert_eq!(store.alerts_that_are_over(UnixNanos(700)).await.unwrap(), []);
    store.set_status(id(1), ClusterStatus::Ignored).await.unwrap();
    let over = store.alerts_that_are_over(UnixNanos(700)).await.unwrap();
    assert_eq!(over.iter().map(|alert| alert.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    for alert in [&alert, &other, &alert] {
        let to = [("webhook", format!("{}-over", alert.key)), ("pagerduty", format!("{}-pd", alert.key))];
        store.end_alert(&alert.key, &to, UnixNanos(710)).await.unwrap();
    }
    let next = async || store.due_delivery("webhook", UnixNanos(720)).await.unwrap().map(|due| due.id);
    for expected in ["a-webhook", "b-webhook", "c-webhook", "a-over", "b-over"] {
        assert_eq!(next().await.as_deref(), Some(expected));
        store.delivered(expected, UnixNanos(720)).await.unwrap();
    }
    assert_eq!(next().await, None);
    tell(store, "d", AlertRule::New, 2, 730).await;
    store.put_off_deliveries("webhook", UnixNanos(800)).await.unwrap();
    assert_eq!(store.due_delivery("webhook", UnixNanos(799)).await.unwrap(), None, "it asked to wait");
    assert_eq!(store.due_delivery("pagerduty", UnixNanos(720)).await.unwrap(), None, "it was not told");
    // What was not seen for a day is over too.
    let over = store.alerts_that_are_over(UnixNanos(501 + DAY)).await.unwrap();
    assert_eq!(over.iter().map(|alert| alert.key.as_str()).collect::<Vec<_>>(), ["c", "d"]);
}

async fn what_is_held_back_is_told_together(on: On) {
    let Running { store, .. } = &Running::start(on).await;
    store.commit(batch(1, (1..=5).map(|n| delta(n, 1, 500)).collect())).await.unwrap();
    let now = 10 * HOUR;
    store.note_new_errors(UnixNanos(now)).await.unwrap();
    let found = store.found_alerts(99).await.unwrap();
    let keys: Vec<_> = found.iter().map(|alert| alert.key.as_str()).collect();
    store.put_alerts_aside(&keys[..1], false).await.unwrap();
    store.put_alerts_aside(&keys[1..], true).await.unwrap();
    assert_eq!(store.held_alert_count().await.unwrap(), 4);
    assert!(store.held_alerts_due(UnixNanos(now + 1)).await.unwrap().is_empty(), "it may become more");
    let later = UnixNanos(now + HOUR / 10);
    assert_eq!(store.held_alerts_due(later).await.unwrap(), [(AlertRule::New, 4)].into());
    assert_eq!(store.held_alerts(3).await.unwrap().len(), 3);
    let digest = FoundAlert { key: "d".into(), rule: AlertRule::Digest, ..found[0].clone() };
    store.tell_digest(&digest, "{}", &[("slack", "d-slack".to_owned())], later).await.unwrap();
    assert_eq!(store.held_alert_count().await.unwrap(), 0);
    assert_eq!(store.due_delivery("slack", later).await.unwrap().unwrap().id, "d-slack");
    assert!(store.held_alerts_due(later).await.unwrap().is_empty());
}

/// Compared with its own week, where it is known for a day at least and often enough to tell.
async fn an_error_that_comes_more_often_is_found(on: On) {
    let Running { store, .. } = &Running::start(on).await;
    let now = 100 * DAY;
    let begun = UnixNanos(now - 300_000_000_000);
    store.close_window(begun).await.unwrap();
    let deltas = [(1, 500), (2, 50), (3, 500), (4, 19), (5, 500)];
    let deltas = deltas.map(|(byte, count)| delta(byte, count, now - 1));
    store.commit(batch(1, deltas.into())).await.unwrap();
    store.close_window(UnixNanos(now)).await.unwrap();
    // Ten in each hour of two days; the third is known since this morning, the fifth is ignored.
    for (byte, hours) in [(1, 48), (2, 48), (3, 5), (4, 48), (5, 48)] {
        for hour in 2..hours {
            let added = sql("INSERT INTO cluster_hour (fingerprint, hour, count) VALUES ($1, $2, $3)");
            let count = if byte == 4 { 1_i64 } else { 10 };
            let added =
                added.bind(id(byte).to_string()).bind(UnixNanos(now - hour * HOUR).to_i64()).bind(count);
            store.database.execute(added).await.unwrap();
        }
    }
    store.set_status(id(5), ClusterStatus::Ignored).await.unwrap();
    let above = store.errors_above(10.0, 20, UnixNanos(now)).await.unwrap();
    assert_eq!(above.len(), 1, "{above:?}");
    assert_eq!(above[0].error_id, id(1).to_string());
    assert!((above[0].per_hour - 500.0).abs() < 1e-9, "{above:?}");
    assert!((9.0..=10.5).contains(&above[0].usual_per_hour), "{above:?}");
    for window in [1, 2] {
        store.note_rates(&above, UnixNanos(window), UnixNanos(now)).await.unwrap();
    }
    let noted = store.found_alerts(9).await.unwrap();
    assert_eq!(noted.len(), 1);
    assert!(noted[0].told_of.contains("\"per_hour\":500.0"), "{noted:?}");
}

/// Nobody writes who does not lead any more.
async fn who_leads_no_longer_sends_nothing(on: On) {
    let Running { store, .. } = &Running::start(on).await;
    let fence = store.take_lead("a").await.unwrap();
    let asleep = store.led_by(fence);
    tell(store, "a", AlertRule::New, 1, 600).await;
    store.take_lead("b").await.unwrap();
    assert!(asleep.claim_delivery("a-slack", UnixNanos(700)).await.is_err());
    assert!(asleep.note_new_errors(UnixNanos(700)).await.is_err());
}

on_each! {
    new_errors_are_noted_once,
    what_changes_a_row_notes_it,
    deliveries_wait_until_they_arrive,
    what_is_over_is_told_after_it,
    what_is_held_back_is_told_together,
    an_error_that_comes_more_often_is_found,
    who_leads_no_longer_sends_nothing,
}
