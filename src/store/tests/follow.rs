//! What is known of pull requests that are followed.

use super::*;

const DAY: u64 = 24 * 3_600_000_000_000;

async fn what_is_followed_is_kept_over_a_restart(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    assert_eq!(store.followed("a-1").await.unwrap(), None);
    let mut followed = Followed {
        fix_id: "a-1".into(),
        number: 7,
        node_id: "PR_7".into(),
        head: "c1".into(),
        pushes: 1,
        pushed_at: UnixNanos(50),
        ..Followed::default()
    };
    store.write_followed(&followed).await.unwrap();
    followed = Followed {
        next_head: "c2".into(),
        work: Work::Repair,
        tries: 1,
        answer: Some("{}".into()),
        handed_over: true,
        merge_commit: "m".into(),
        watched: Watched::Fixed,
        ..followed
    };
    store.write_followed(&followed).await.unwrap();
    for at in [1, 2] {
        store.note_step("a-1", "said:conflict", UnixNanos(at)).await.unwrap();
    }
    let running = running.reopen().await;
    assert_eq!(running.store.followed("a-1").await.unwrap(), Some(followed));
    assert_eq!(running.store.steps("a-1").await.unwrap().into_iter().collect::<Vec<_>>(), ["said:conflict"]);
}

/// An error's build is known each time that it is described, and what is no commit id is never taken for one.
async fn sightings_and_builds_are_known_since_the_merge(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let seen_in = |byte, at, revision: &str| {
        let base = delta(byte, 2, at);
        let detail = ClusterDetail {
            vcs_revision: revision.into(),
            ..ClusterDetail::clone(base.detail.as_deref().unwrap())
        };
        Delta { detail: Some(Arc::new(detail)), ..base }
    };
    store.commit(batch(1, vec![seen_in(1, 500, "aaaaaaa")])).await.unwrap();
    store.commit(batch(2, vec![seen_in(1, 700, "BBBBBBB"), seen_in(2, 650, "bbbbbbb")])).await.unwrap();
    store.commit(batch(3, vec![seen_in(3, 900, "main"), seen_in(2, 800, "ccccccc")])).await.unwrap();
    let releases = store.releases_since(id(1), UnixNanos(600)).await.unwrap();
    let releases: Vec<_> = releases
        .iter()
        .map(|release| {
            (release.revision.as_str(), release.first_seen.0, release.own_last_seen.map(|at| at.0))
        })
        .collect();
    assert_eq!(releases, [("ccccccc", 800, None), ("bbbbbbb", 650, Some(700))]);
    let seen = store.sightings_since(id(1), UnixNanos(600)).await.unwrap();
    assert_eq!((seen.count, seen.last), (4, Some(UnixNanos(700))), "of the windows that reach past it");
    assert_eq!(store.sightings_since(id(1), UnixNanos(700)).await.unwrap(), Sightings::default());
}

async fn merged_fixes_are_watched_until_their_error_comes_back(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    store.commit(batch(1, vec![delta(1, 1, 500)])).await.unwrap();
    let cluster = store.cluster(id(1)).await.unwrap().unwrap();
    let mut fix = store.claim_fix(&cluster, UnixNanos(600)).await.unwrap().unwrap();
    let mut followed = Followed { fix_id: fix.id.clone(), ..Followed::default() };
    let watched = async |now| store.fixes_to_watch(UnixNanos(now)).await.unwrap().len();
    store.write_followed(&followed).await.unwrap();
    assert_eq!(watched(700).await, 0, "it is not merged");
    (fix.status, fix.ended_at) = (FixStatus::Merged, Some(UnixNanos(650)));
    store.update_fix(&fix).await.unwrap();
    followed.watched = Watched::Fixed;
    store.write_followed(&followed).await.unwrap();
    assert_eq!((watched(700).await, watched(61 * DAY).await), (1, 0));
    followed.watched = Watched::Regressed;
    store.write_followed(&followed).await.unwrap();
    assert_eq!(watched(700).await, 0);
}

on_each! {
    what_is_followed_is_kept_over_a_restart,
    sightings_and_builds_are_known_since_the_merge,
    merged_fixes_are_watched_until_their_error_comes_back,
}
