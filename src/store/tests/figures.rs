//! What the store holds is told in numbers.

use super::*;
use crate::model::Family;

/// An error counts once whatever it is a family of, as grave as its gravest member; a fix where it stands.
async fn figures_tell_what_the_store_holds(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    assert_eq!(store.figures().await.unwrap(), Figures::default());
    let critical = Verdict { severity: Severity::Critical, ..delta(1, 1, 500).verdict };
    let deltas = vec![
        Delta { verdict: critical, ..delta(1, 1, 500) },
        delta(2, 1, 500),
        delta(3, 1, 500),
        delta(4, 1, 500),
    ];
    store.commit(batch(1, deltas)).await.unwrap();
    let family =
        Family { id: id(1), aliases: vec![id(2)], template: "no <*>".into(), reason: "alike".into() };
    store.set_families(&[family], UnixNanos(1_000)).await.unwrap();
    store.set_status(id(4), ClusterStatus::Ignored).await.unwrap();
    for (byte, status, pr_url) in
        [(1, FixStatus::Merged, Some("https://github.example/1")), (3, FixStatus::Failed, None)]
    {
        let cluster = store.cluster(id(byte)).await.unwrap().unwrap();
        let mut fix = store.claim_fix(&cluster, UnixNanos(1_000)).await.unwrap().unwrap();
        (fix.status, fix.pr_url) = (status, pr_url.map(str::to_owned));
        store.update_fix(&fix).await.unwrap();
    }
    store.close_window(UnixNanos(2_000)).await.unwrap();

    let figures = store.figures().await.unwrap();
    assert_eq!(Severity::ALL.map(|severity| figures.open(severity)), [0, 0, 0, 1, 1]);
    assert_eq!((figures.fixes(FixStatus::Merged), figures.fixes(FixStatus::Failed)), (1, 1));
    assert_eq!(figures.pull_requests(&[FixStatus::Merged, FixStatus::Failed]), 1);
    assert_eq!(figures.last_closed, Some(UnixNanos(2_000)));
    assert_eq!(store.waiting_requests(), 0);
}

on_each!(figures_tell_what_the_store_holds);
