//! What nobody counted, who reads it, and that it counts once whichever way it comes.

use super::engine::sql;
use super::*;
use crate::model::{Hole, Passage};

const SECOND: u64 = 1_000_000_000;

/// A process that started and said last that it is up then, in seconds from now.
async fn replica(store: &Store, id: &str, [started, seen]: [u64; 2], now: UnixNanos) {
    let [started, seen] = [started, seen].map(|ago| now.to_i64() - i64::try_from(ago * SECOND).unwrap());
    let up = sql("INSERT INTO replica (id, started_at, seen_at) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at");
    store.database.execute(up.bind(id).bind(started).bind(seen)).await.unwrap();
}

fn known(store: &Store) -> Vec<Hole> {
    store.holes().borrow().to_vec()
}

async fn a_hole_shrinks_from_its_beginning_until_it_is_closed(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let now = store.now();
    store.arrive("first").await.unwrap();
    assert_eq!((known(store), store.take_hole("first").await.unwrap()), (vec![], None), "nobody was ever up");
    store.database.execute("DELETE FROM replica").await.unwrap();
    // What is of the future tells nothing.
    store.commit(batch(1, vec![delta(1, 1, now.0 - 50), delta(2, 1, u64::MAX / 2)])).await.unwrap();

    store.arrive("second").await.unwrap();
    let hole = known(store)[0];
    assert_eq!(hole.from, UnixNanos(now.0 - 50));
    assert!(hole.to >= now);
    assert_eq!(store.take_hole("second").await.unwrap(), Some(hole));
    for since in [now.0 - 20, now.0 - 30] {
        store.read_up_to(UnixNanos(since), hole.to).await.unwrap();
    }
    let rest = Hole { from: UnixNanos(now.0 - 20), ..hole };
    assert_eq!(store.take_hole("second").await.unwrap(), Some(rest));
    store.close_hole(hole.to).await.unwrap();
    assert_eq!(store.take_hole("second").await.unwrap(), None);
    store.look_at_holes().await.unwrap();
    assert_eq!(known(store), [hole], "what was read may still be sent");

    let running = running.reopen().await;
    running.store.arrive("third").await.unwrap();
    let holes = known(&running.store);
    assert_eq!(
        (holes.len(), holes[1], holes[0].from),
        (2, hole, hole.to),
        "the next one begins where it ends"
    );
}

/// Of several processes on one store one reads a hole, and another one goes on where that one went.
#[tokio::test]
async fn a_hole_has_one_reader_who_is_up() {
    let running = Running::start(On::Postgres).await;
    let store = &running.store;
    let now = store.now();
    replica(store, "before", [500, 100], now).await;
    let (one, other) = tokio::join!(store.arrive("one"), store.arrive("other"));
    one.and(other).unwrap();
    store.look_at_holes().await.unwrap();
    let mut holes = known(store);
    holes.sort_by_key(|hole| hole.from);
    assert_eq!((holes.len(), holes[0].from), (2, UnixNanos(now.0 - 100 * SECOND)));
    assert_eq!(holes[1].from, holes[0].to, "whoever came second missed nothing that the first does not read");
    let first = [store.take_hole("one").await.unwrap(), store.take_hole("other").await.unwrap()];
    assert!(first.contains(&Some(holes[0])) && first.contains(&None), "{first:?}: one reads");
    let (reader, waiting) = if first[0].is_some() { ("one", "other") } else { ("other", "one") };

    store.read_up_to(UnixNanos(now.0 - 50 * SECOND), holes[0].to).await.unwrap();
    replica(store, reader, [0, 7], now).await;
    let rest = store.take_hole(waiting).await.unwrap();
    assert_eq!(rest.map(|rest| (rest.from.0, rest.to)), Some((now.0 - 50 * SECOND, holes[0].to)));
    assert_eq!(store.take_hole(reader).await.unwrap(), None, "it is not the other's any more");
}

/// Where another process said a moment ago that it is up, it takes some seconds until it is known whether it is.
#[tokio::test]
async fn where_another_was_up_there_is_no_hole() {
    for is_up in [true, false] {
        let running = Running::start(On::Postgres).await;
        let store = &running.store;
        let now = store.now();
        replica(store, "before", [500, 2], now).await;
        store.arrive("new").await.unwrap();
        let hole = known(store)[0];
        assert_eq!(store.take_hole("new").await.unwrap(), None, "it may be up");
        // Whoever starts later tells nothing of the time before.
        store.arrive("newer").await.unwrap();
        assert_eq!(store.take_hole("new").await.unwrap(), None);
        if is_up {
            store
                .database
                .execute(
                    sql("UPDATE replica SET seen_at = $1 WHERE id = 'before'").bind(hole.to.to_i64() + 1),
                )
                .await
                .unwrap();
            assert_eq!(store.take_hole("new").await.unwrap(), None);
        } else {
            replica(store, "before", [500, 7], now).await;
            assert_eq!(store.take_hole("new").await.unwrap(), Some(hole));
        }
        let closed =
            store.database.one(sql("SELECT closed_at FROM hole WHERE until = $1").bind(hole.to.to_i64()));
        assert_eq!(closed.await.unwrap().time_or_none(0).unwrap().is_some(), is_up);
        assert!(known(store).contains(&hole), "until that is known, what is sent of it is noted");
    }
}

fn passage(key: u8, index: u64) -> Passage {
    Passage { key: [key; 16], hole: UnixNanos(50), index }
}

/// A request of which the record at each place is this error.
fn request(digest: u8, way: Way, keys: &[u8]) -> Batch {
    let passages = (0..).zip(keys).map(|(index, key)| passage(*key, index)).collect();
    let delta = Delta { passages, ..delta(1, keys.len() as u64, 500) };
    Batch { way, ..batch(digest, vec![delta]) }
}

const READ_BACK: Way = Way::ReadBack(UnixNanos(50));

async fn what_comes_both_ways_counts_once(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let count = async || store.cluster(id(1)).await.unwrap().map_or(0, |cluster| cluster.count);
    for (digest, way, keys, committed, total) in [
        (1, Way::Sent, &[1, 2][..], Committed::Counted, 2),
        (2, READ_BACK, &[1], Committed::InPart(vec![0]), 2),
        (3, READ_BACK, &[1], Committed::Counted, 3), // read twice, sent once: they are two
        (4, Way::Sent, &[9, 1, 8], Committed::InPart(vec![1]), 5),
        (5, Way::Sent, &[1], Committed::Counted, 6),
        (6, READ_BACK, &[7, 7, 6], Committed::Counted, 9),
        (7, Way::Sent, &[7, 6, 7, 7], Committed::InPart(vec![0, 1, 2]), 10),
        (6, READ_BACK, &[7, 7, 6], Committed::Replay, 10),
        (8, READ_BACK, &[5, 5], Committed::Counted, 12),
    ] {
        assert_eq!(store.commit(request(digest, way, keys)).await.unwrap(), committed, "{digest}");
        assert_eq!(count().await, total, "{digest}");
    }
    // What an exporter sends again after a restart, and on another replica, is known there.
    let running = running.reopen().await;
    let again = running.store.commit(request(9, Way::Sent, &[5, 5, 5])).await.unwrap();
    assert_eq!(again, Committed::InPart(vec![0, 1]));
    let window = *running.store.window().borrow();
    assert_eq!(running.store.window_outlines(window).await.unwrap()[0].count, 13);
}

/// All that a request adds to a cluster may be known: then the cluster, which may be none, is not touched.
async fn a_cluster_of_which_all_is_known_is_not_made(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    store.commit(request(1, READ_BACK, &[1])).await.unwrap();
    let elsewhere = Delta { passages: vec![passage(1, 0)], ..delta(2, 1, 500) };
    let sent = Batch { deltas: vec![elsewhere, delta(3, 1, 500)], ..batch(2, Vec::new()) };
    assert_eq!(store.commit(sent).await.unwrap(), Committed::InPart(vec![0]));
    assert_eq!(store.cluster(id(2)).await.unwrap(), None);
    assert_eq!(store.cluster(id(3)).await.unwrap().unwrap().count, 1);
}

/// Two replicas get the same error at the same time, one read back and one sent, a hundred times.
#[tokio::test]
async fn replicas_that_get_both_ways_at_once_count_once() {
    let running = Running::start(On::Postgres).await;
    let other = Running::open(running.settings.clone()).await;
    let (mut counted, mut left_out) = (0, 0);
    for n in 0..100 {
        let commit = |store: &Store, digest, way| {
            let (store, request) = (store.clone(), request(digest, way, &[n, n, 255 - n]));
            async move { store.commit(request).await.unwrap() }
        };
        let both =
            tokio::join!(commit(&running.store, n, Way::Sent), commit(&other.store, n + 100, READ_BACK),);
        for one in <[Committed; 2]>::from(both) {
            match one {
                Committed::Counted => counted += 3,
                Committed::InPart(known) => {
                    counted += 3 - known.len();
                    left_out += known.len();
                }
                Committed::Replay => panic!("they differ"),
            }
        }
    }
    assert_eq!((counted, left_out), (300, 300));
    assert_eq!(other.store.cluster(id(1)).await.unwrap().unwrap().count, 300);
}

on_each! {
    a_cluster_of_which_all_is_known_is_not_made,
    a_hole_shrinks_from_its_beginning_until_it_is_closed,
    what_comes_both_ways_counts_once,
}
