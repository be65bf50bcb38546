//! The lock in a real Redis, before the lease of a real store.

use secrecy::SecretString;

use super::super::{Leader as _, Lease, Redis};
use super::engines;
use crate::model::{Fence, UnixNanos};
use crate::store::{Settings, Store};

use std::time::{Duration, Instant};

const KEY: &str = "logmend:leader";
const TERM: Duration = Duration::from_secs(30);

struct World {
    redis: engines::Redis,
    store: Store,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let redis = tokio::task::spawn_blocking(engines::Redis::start).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::sqlite(folder.path().join("test.db"));
        let (store, _) = Store::open(&settings, || UnixNanos(1_000)).await.unwrap();
        Self { redis, store, _folder: folder }
    }

    fn lease(&self, id: &str) -> Lease {
        Lease::new(self.store.clone(), id.to_owned(), TERM)
    }

    fn candidate(&self, id: &str) -> Redis {
        Redis::new(&SecretString::from(self.redis.url()), id.to_owned(), self.lease(id)).unwrap()
    }

    fn holder(&self) -> String {
        self.redis.cli(&["GET", KEY])
    }

    fn left(&self) -> u64 {
        self.redis.cli(&["PTTL", KEY]).parse().unwrap_or(0)
    }
}

async fn stand(candidate: &Redis) -> Option<Fence> {
    candidate.stand().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_is_taken_renewed_and_given_up_by_its_holder_alone() {
    let world = World::start().await;
    let (ours, other) = (world.candidate("ours"), world.candidate("other"));
    let first = stand(&ours).await;
    assert_eq!((first, world.holder()), (Some(Fence(1)), "ours".to_owned()));
    let term = u64::try_from(TERM.as_millis()).unwrap();
    assert!(world.left() > term / 2 && world.left() <= term, "{}", world.left());

    assert_eq!(stand(&other).await, None);
    world.redis.cli(&["PEXPIRE", KEY, "5000"]);
    assert_eq!(stand(&ours).await, first, "the same term goes on");
    assert!(world.left() > term / 2, "it was renewed: {}", world.left());

    other.step_down(Fence(99)).await;
    assert_eq!(world.holder(), "ours", "one gives up only one's own");
    assert_eq!(stand(&ours).await, first);

    ours.step_down(Fence(1)).await;
    assert_eq!(world.holder(), "");
    assert_eq!((stand(&other).await, world.holder()), (Some(Fence(2)), "other".to_owned()));
    assert_eq!(stand(&ours).await, None);
}

/// One that Redis prefers and the store doesn't keeps nobody from leading.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_without_the_lease_is_given_up() {
    let world = World::start().await;
    let (ours, other) = (world.candidate("ours"), world.candidate("other"));
    assert_eq!(stand(&ours).await, Some(Fence(1)));
    world.redis.cli(&["DEL", KEY]);
    assert_eq!((stand(&other).await, world.holder()), (None, String::new()));
    assert_eq!((stand(&ours).await, world.holder()), (Some(Fence(1)), "ours".to_owned()));
}

/// Where Redis is gone or hangs the lease alone decides, soon enough, and it is told; it is used again when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_lease_decides() {
    let mut world = World::start().await;
    let (ours, other) = (world.candidate("ours"), world.candidate("other"));
    let trouble = ours.trouble();
    assert_eq!(stand(&ours).await, Some(Fence(1)));
    let outage = async |world: &World| {
        let begun = Instant::now();
        assert_eq!(stand(&ours).await, Some(Fence(1)));
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert!(trouble.borrow().as_ref().unwrap().contains("the store alone decides who leads"));
        assert_eq!(stand(&other).await, None);
        let _ = world;
    };
    world.redis.pause();
    outage(&world).await;
    world.redis.resume();
    assert_eq!(stand(&ours).await, Some(Fence(1)));
    assert_eq!((trouble.borrow().clone(), world.holder()), (None, "ours".to_owned()));

    world.redis.kill_9();
    outage(&world).await;
    world.redis.start_again();
    // The connection is made anew in the background.
    let begun = Instant::now();
    while trouble.borrow().is_some() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is not used again");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(stand(&ours).await, Some(Fence(1)));
    }
    assert_eq!(world.holder(), "ours");
}
