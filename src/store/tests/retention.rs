//! What is kept for how long, and what stays whatever its age.

use std::time::{Duration, Instant};

use super::engine::sql;
use super::*;

const DAY: u64 = 24 * 3_600 * 1_000_000_000;
/// The statement that writes a row of a time.
type Row = fn(u64) -> String;

/// When it is cleaned up.
const NOW: u64 = 1_000 * DAY;
/// How long a commit may wait beside a large deletion, on a machine that compiles meanwhile; without the small steps it waits for
/// all of it.
const COMMIT_MAX: Duration = Duration::from_secs(2);

async fn rows(store: &Store, table: &str) -> i64 {
    let counted = sql(format!("SELECT count(*) AS n FROM {table}"));
    store.database.one(counted).await.unwrap().integer("n").unwrap()
}

async fn run(store: &Store, statement: String) {
    store.database.execute(sql(statement)).await.unwrap();
}

async fn forget(store: &Store) -> u64 {
    store.forget_old(&Retention::default(), UnixNanos(NOW)).await.unwrap()
}

/// Of each kind one row on either side of its bound.
async fn each_kind_goes_after_its_own_time(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let minute = DAY / 24 / 60;
    // Table, how long it is kept, and how a row of a time is written.
    let kinds: [(&str, u64, Row); 6] = [
        ("request_digest", 10 * minute, |at| {
            format!("INSERT INTO request_digest (digest, committed_at) VALUES ('{at}', {at})")
        }),
        ("sample", 7 * DAY, |at| {
            format!(
                "INSERT INTO sample (fingerprint, digest, body, occurred, trace_id, attributes, kept_in)
                 VALUES ('f', '{at}', 'b', 5, '', '{{}}', {at})"
            )
        }),
        ("audit", 365 * DAY, |at| {
            format!("INSERT INTO audit (at, actor, action, subject, outcome) VALUES ({at}, '', '', '', '')")
        }),
        ("cluster_hour", 30 * DAY, |at| {
            format!("INSERT INTO cluster_hour (fingerprint, hour, count) VALUES ('f', {at}, 1)")
        }),
        ("scan", DAY / 24, |at| format!("INSERT INTO scan (id, requested_at) VALUES ('{at}', {at})")),
        ("replica", DAY, |at| {
            format!("INSERT INTO replica (id, started_at, seen_at) VALUES ('{at}', {at}, {at})")
        }),
    ];
    for (table, kept, row) in kinds {
        for at in [NOW - kept - 1, NOW - kept + 1] {
            run(store, row(at)).await;
        }
        assert_eq!(forget(store).await, 1, "{table}");
        assert_eq!(rows(store, table).await, 1, "{table}");
    }
}

/// A hole is known for an hour after it was read, and one that is not read for a day and an hour; what came of it is known as
/// long as it is.
async fn what_came_of_a_hole_goes_with_it(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let hour = DAY / 24;
    let closed = |at: u64| at.to_string();
    let open = "NULL".to_owned();
    // When it ended, when it was read, whether it is known, and whether what came of it is: as long as an earlier one is.
    let holes = [
        (NOW - 3 * hour, closed(NOW - hour + 1), true, true),
        (NOW - 4 * hour, closed(NOW - hour - 1), false, true),
        (NOW - 25 * hour + 1, open.clone(), true, true),
        (NOW - 25 * hour - 1, open, false, false),
        (NOW - 26 * hour, closed(NOW - 25 * hour), false, false),
    ];
    for (until, closed_at, ..) in &holes {
        run(
            store,
            format!(
                "INSERT INTO hole (until, began, since, reader, closed_at) VALUES ({until}, 1, 1, '', {closed_at})"
            ),
        )
        .await;
        run(
            store,
            format!("INSERT INTO passage (key, hole, sent, read_back) VALUES ('{until}', {until}, 1, 0)"),
        )
        .await;
        run(
            store,
            format!("INSERT INTO request_digest (digest, committed_at, hole) VALUES ('{until}', 1, {until})"),
        )
        .await;
    }
    forget(store).await;
    for (table, column) in [("hole", "until"), ("passage", "hole"), ("request_digest", "hole")] {
        let left = sql(format!("SELECT {column} FROM {table} ORDER BY {column} DESC"));
        let left = store.database.fetch(left).await.unwrap();
        let left: Vec<_> = left.iter().map(|row| row.number(0).unwrap()).collect();
        let is_kept = |hole: &&(u64, String, bool, bool)| if table == "hole" { hole.2 } else { hole.3 };
        let kept: Vec<_> = holes.iter().filter(is_kept).map(|hole| hole.0).collect();
        assert_eq!(left, kept, "{table}");
    }
}

/// The open window, windows that were not triaged, and errors that people or fixes are concerned with stay.
async fn what_is_old_and_still_needed_stays(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let begun = *store.window().borrow();
    let at = |nanos| UnixNanos(begun.0 + nanos);
    // 1: nobody cares. 2: ignored. 3: has a fix. 4: in a window that was not triaged. 5: in the open window.
    store.commit(batch(1, (1..4).map(|id| delta(id, 1, 500)).collect())).await.unwrap();
    store.set_status(id(2), ClusterStatus::Ignored).await.unwrap();
    let fixed = store.cluster(id(3)).await.unwrap().unwrap();
    store.claim_fix(&fixed, at(600)).await.unwrap().unwrap();
    let triaged = store.close_window(at(1_000)).await.unwrap().start;
    store.mark_triaged(triaged, at(1_001)).await.unwrap();
    store.commit(batch(2, vec![delta(4, 1, 1_100)])).await.unwrap();
    let untriaged = store.close_window(at(2_000)).await.unwrap();
    store.commit(batch(3, vec![delta(5, 1, 2_100)])).await.unwrap();

    let now = at(100 * DAY);
    assert!(store.forget_old(&Retention::default(), now).await.unwrap() > 0);
    assert_eq!(store.untriaged_windows().await.unwrap(), [untriaged.start]);
    assert_eq!(store.open_window_start().await.unwrap(), untriaged.next_start);
    assert_eq!(rows(store, "\"window\"").await, 2, "the triaged one is gone");
    assert_eq!(store.window_clusters(untriaged.start).await.unwrap().len(), 1, "triage still needs it");
    let mut known = Vec::new();
    for byte in 1..6 {
        if store.cluster(id(byte)).await.unwrap().is_some() {
            known.push(byte);
        }
    }
    assert_eq!(known, [2, 3, 4, 5]);
    assert_eq!(store.fixes().await.unwrap().len(), 1);
}

/// Much that is old goes in many small steps: commits go on meanwhile.
async fn a_large_deletion_holds_up_no_commit(on: On) {
    const MANY: u64 = 30_000;
    let running = Running::start(on).await;
    let store = &running.store;
    let digest = format!(
        "INSERT INTO request_digest (digest, committed_at) WITH RECURSIVE n (i) AS
        (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) SELECT 'old-' || i, i FROM n"
    );
    run(store, digest).await;
    let forgetting = forget(store);
    let committing = async {
        let (mut longest, mut done) = (Duration::ZERO, 0_u8);
        while done < 50 {
            let begun = Instant::now();
            let fresh = Batch { received: UnixNanos(NOW), ..batch(done, vec![delta(1, 1, NOW)]) };
            store.commit(fresh).await.unwrap();
            longest = longest.max(begun.elapsed());
            done += 1;
            if rows(store, "request_digest").await <= i64::from(done) {
                break;
            }
        }
        (longest, done)
    };
    let (gone, (longest, done)) = tokio::join!(forgetting, committing);
    println!("{on:?}: {done} commits beside the deletion of {gone} rows, the longest took {longest:?}");
    // An example of the commits may go too: by the clock of some of these tests their window began long ago.
    assert!((MANY..=MANY + 1).contains(&gone), "{gone}");
    assert!(done > 3 && longest < COMMIT_MAX, "{done} commits, the longest took {longest:?}");
    assert_eq!(rows(store, "request_digest").await, i64::from(done));
}

/// What is read from a file may be years old; it was counted now.
async fn records_of_long_ago_are_kept_from_when_they_were_counted(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let begun = *store.window().borrow();
    store.commit(batch(1, vec![delta(1, 1, 1)])).await.unwrap();
    let window = store.close_window(UnixNanos(begun.0 + 1_000)).await.unwrap().start;
    store.mark_triaged(window, UnixNanos(begun.0 + 1_001)).await.unwrap();
    let kept = async |days| {
        store.forget_old(&Retention::default(), UnixNanos(begun.0 + days * DAY)).await.unwrap();
        store.cluster(id(1)).await.unwrap().map(|cluster| cluster.examples.len())
    };
    assert_eq!((kept(6).await, kept(8).await, kept(31).await), (Some(1), Some(0), None));
}

on_each! {
    what_came_of_a_hole_goes_with_it,
    records_of_long_ago_are_kept_from_when_they_were_counted,
    each_kind_goes_after_its_own_time,
    what_is_old_and_still_needed_stays,
    a_large_deletion_holds_up_no_commit,
}
