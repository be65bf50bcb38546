//! How often an error came in each hour, and whether it goes on.

use super::*;
use crate::model::{Activity, Frame};

const HOUR: u64 = 3_600_000_000_000;

async fn windows_add_up_by_the_hour_and_the_open_one_counts(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let first = *store.window().borrow();
    // The next windows begin in two later hours.
    let border = |hours: u64| UnixNanos(first.0 - first.0 % HOUR + hours * HOUR);
    let mut digest = 0;
    for (counts, end) in
        [(vec![2, 3], border(1)), (vec![4], UnixNanos(border(1).0 + 300)), (vec![5], border(3))]
    {
        for count in counts {
            digest += 1;
            store.commit(batch(digest, vec![delta(1, count, 500)])).await.unwrap();
        }
        store.close_window(end).await.unwrap();
    }
    store.commit(batch(99, vec![delta(1, 7, 600), delta(2, 1, 600)])).await.unwrap();
    let hours = store.hours(id(1), UnixNanos(0)).await.unwrap();
    let hours: Vec<_> = hours.into_iter().map(|hour| (hour.start, hour.count)).collect();
    assert_eq!(hours, [(border(0), 5), (border(1), 9), (border(3), 7)]);
    assert_eq!(store.hours(id(1), border(2)).await.unwrap().len(), 1);
    assert_eq!(store.hours(id(3), UnixNanos(0)).await.unwrap(), []);
}

async fn an_error_is_new_then_ongoing_regressed_after_its_fix_and_quiet_after_a_day(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let activity = async |now| store.cluster(id(1)).await.unwrap().unwrap().activity(UnixNanos(now));
    store.commit(batch(1, vec![delta(1, 1, 500)])).await.unwrap();
    store.close_window(UnixNanos(900)).await.unwrap();
    assert_eq!(activity(600).await, Activity::New);
    store.commit(batch(2, vec![delta(1, 1, 700)])).await.unwrap();
    store.close_window(UnixNanos(990)).await.unwrap();
    assert_eq!(activity(800).await, Activity::Ongoing);
    assert_eq!(activity(700 + 24 * HOUR).await, Activity::Quiet);
    store.set_status(id(1), ClusterStatus::Fixed).await.unwrap();
    store.commit(batch(3, vec![delta(1, 1, 750)])).await.unwrap();
    store.close_window(UnixNanos(999)).await.unwrap();
    assert_eq!(activity(800).await, Activity::Regressed);
}

/// What triage looks at: the same errors and counts, without what makes them large.
async fn an_outline_is_a_windows_cluster_without_what_is_large(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let framed = |byte, fixable| {
        let base = delta(byte, 3, 500);
        let frame = Frame { file: "a.py".into(), line: Some(1), function: "f".into(), in_app: true };
        let detail = ClusterDetail {
            frames: vec![frame],
            stack_trace: "Traceback".into(),
            message: "m".repeat(5_000),
            ..ClusterDetail::default()
        };
        let verdict = Verdict { fixable, ..base.verdict };
        Delta { detail: Some(Arc::new(detail)), verdict, ..delta(byte, 3, 500) }
    };
    store.commit(batch(1, vec![framed(1, true), framed(2, false)])).await.unwrap();
    let window = store.close_window(UnixNanos(900)).await.unwrap().start;
    let whole = store.window_clusters(window).await.unwrap();
    let outlines = store.window_outlines(window).await.unwrap();
    for (whole, outline) in whole.iter().zip(&outlines) {
        let told =
            |c: &Cluster| (c.fingerprint, c.count, c.verdict.clone(), c.status, c.detail.service.clone());
        assert_eq!(told(whole), told(outline));
        assert_eq!((whole.detail.message.len(), outline.detail.message.len()), (5_000, 1_024));
        assert_eq!((whole.examples.len(), outline.examples.len()), (1, 0));
        assert!(outline.detail.stack_trace.is_empty() && !whole.detail.stack_trace.is_empty());
    }
    let located: Vec<_> = outlines.iter().map(|outline| outline.detail.frames.len()).collect();
    assert_eq!(
        (whole.len(), located),
        (2, vec![1, 0]),
        "where the code is matters for what may be mended alone"
    );
}

on_each! {
    an_outline_is_a_windows_cluster_without_what_is_large,
    windows_add_up_by_the_hour_and_the_open_one_counts,
    an_error_is_new_then_ongoing_regressed_after_its_fix_and_quiet_after_a_day,
}
