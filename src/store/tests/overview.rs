//! What pages show of many errors and windows at once.

use super::*;

const HOUR: u64 = 3_600_000_000_000;

async fn many_errors_have_their_hours_and_windows_tell_what_they_held(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let first = *store.window().borrow();
    let border = UnixNanos(first.0 - first.0 % HOUR + HOUR);
    store.commit(batch(1, vec![delta(1, 2, 500), delta(2, 3, 500)])).await.unwrap();
    let closed = store.close_window(border).await.unwrap();
    store.commit(batch(2, vec![delta(1, 7, 600)])).await.unwrap();
    let hours = store.hours_of([id(1), id(2), id(9)], UnixNanos(0)).await.unwrap();
    let counts = |of| hours.get(&id(of)).into_iter().flatten().map(|hour| hour.count).collect::<Vec<_>>();
    assert_eq!((counts(1), counts(2), counts(9)), (vec![2, 7], vec![3], vec![]));
    assert_eq!(hours[&id(1)], store.hours(id(1), UnixNanos(0)).await.unwrap(), "as for one");

    let windows = store.windows_before(UnixNanos::MAX, 10).await.unwrap();
    let told: Vec<_> = windows.iter().map(|of| (of.start, of.errors, of.fresh, of.records)).collect();
    assert_eq!(told, [(closed.next_start, 1, 0, 7), (closed.start, 2, 2, 5)]);
    assert_eq!((windows[0].closed_at, windows[1].closed_at), (None, Some(border)));
    assert_eq!(store.windows_before(closed.next_start, 1).await.unwrap(), windows[1..]);
    assert_eq!(store.latest_record_at().await.unwrap(), Some(UnixNanos(600)));
    assert_eq!(store.waiting().0, 0);
}

async fn what_was_done_about_an_error_is_found_by_its_subject(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    for (at, subject) in [(1, "a"), (2, "b"), (3, "a")] {
        let entry =
            AuditEntry { at: UnixNanos(at), actor: "api", action: "ignore", subject, outcome: "done" };
        store.audit(&entry).await.unwrap();
    }
    let taken = store.taken_on(["a"], 10).await.unwrap();
    assert_eq!(taken.iter().map(|taken| taken.at.0).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(store.taken_on(["a", "b"], 2).await.unwrap().len(), 2);

    store.commit(batch(1, vec![delta(1, 1, 500)])).await.unwrap();
    let cluster = store.cluster(id(1)).await.unwrap().unwrap();
    let fix = store.claim_fix(&cluster, UnixNanos(700)).await.unwrap().unwrap();
    let briefs = store.fixes_in_brief([fix.id.as_str(), "other"]).await.unwrap();
    assert_eq!(briefs.len(), 1);
    assert_eq!((&briefs[0].id, briefs[0].status), (&fix.id, FixStatus::Pending));
    assert_eq!(store.fixes_begun_since(UnixNanos(700)).await.unwrap(), briefs);
    assert_eq!(store.fixes_begun_since(UnixNanos(701)).await.unwrap(), []);
    assert_eq!(store.services().await.unwrap(), [cluster.detail.service]);
}

on_each! {
    many_errors_have_their_hours_and_windows_tell_what_they_held,
    what_was_done_about_an_error_is_found_by_its_subject,
}
