//! What nobody counted.

use super::*;

async fn a_hole_shrinks_from_its_beginning_until_it_is_closed(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    assert_eq!(store.last_alive().await.unwrap(), None);
    for (since, until) in [(50, 60), (10, 20), (15, 20), (12, 20)] {
        store.set_hole(UnixNanos(since), UnixNanos(until)).await.unwrap();
    }
    let holes = [(15, 20), (50, 60)].map(|(since, until)| (UnixNanos(since), UnixNanos(until)));
    assert_eq!(store.holes().await.unwrap(), holes);
    store.close_hole(UnixNanos(20)).await.unwrap();
    assert_eq!(store.holes().await.unwrap(), holes[1..]);
    store.commit(batch(1, vec![delta(1, 1, 77), delta(2, 1, u64::MAX / 2)])).await.unwrap();
    assert_eq!(store.last_alive().await.unwrap(), Some(UnixNanos(77)), "not what is of the future");
}

on_each! {
    a_hole_shrinks_from_its_beginning_until_it_is_closed,
}
