//! What a replica finds as it begins to lead.

use super::*;
use crate::leader::{self, Alone};
use crate::store::{Settings, Store};

/// How long is waited for what is to happen at once.
const AT_ONCE: Duration = Duration::from_secs(10);

const MINUTE: u64 = 60_000_000_000;

fn first_minute() -> UnixNanos {
    UnixNanos(MINUTE)
}

fn seventh_minute() -> UnixNanos {
    UnixNanos(7 * MINUTE + 1)
}

fn next_minute(time: UnixNanos) -> UnixNanos {
    UnixNanos((time.0 / MINUTE + 1) * MINUTE)
}

fn next_hour(time: UnixNanos) -> UnixNanos {
    UnixNanos((time.0 / (60 * MINUTE) + 1) * 60 * MINUTE)
}

/// What is open and what is not triaged, in minutes, once somebody led for a while on a store that was opened in the first minute.
async fn led(border_after: fn(UnixNanos) -> UnixNanos, prepare: impl AsyncFnOnce(&Store)) -> (u64, usize) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::sqlite(folder.path().join("test.db"));
    let (earlier, _) = Store::open(&settings, first_minute).await.unwrap();
    prepare(&earlier).await;
    let (store, _) = Store::open(&settings, seventh_minute).await.unwrap();
    let triage =
        Triage::new(store.clone(), crate::triage::Settings::default(), false, std::sync::Arc::default());
    let stop = CancellationToken::new();
    let alone = Alone::new(store.clone(), "alone".to_owned());
    let (terms, leading) = leader::run(alone, leader::TERM, stop.clone());
    let mut window = store.window();
    let observed = async {
        let _ = tokio::time::timeout(Duration::from_millis(300), window.changed()).await;
        let begun = std::time::Instant::now();
        let paused = store.is_paused().await.unwrap();
        while !paused && !store.untriaged_windows().await.unwrap().is_empty() && begun.elapsed() < AT_ONCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    };
    tokio::join!(leading, run(triage, terms, Some(border_after), stop.clone()), observed);
    let open = store.open_window_start().await.unwrap();
    (open.0 / MINUTE, store.untriaged_windows().await.unwrap().len())
}

/// A window whose border passed meanwhile ends at once, and once; one whose border is to come goes on.
#[tokio::test]
async fn a_window_that_is_overdue_ends_as_soon_as_somebody_leads() {
    assert_eq!(led(next_minute, async |_| {}).await, (7, 0));
    assert_eq!(led(next_hour, async |_| {}).await, (1, 0));
}

/// Where the leader died between a window's end and its triage, the next one goes on with it.
#[tokio::test]
async fn what_was_closed_and_not_triaged_is_triaged_by_the_next_leader() {
    let close = async |store: &Store| {
        store.close_window(UnixNanos(2 * MINUTE)).await.unwrap();
    };
    assert_eq!(led(next_hour, close).await, (2, 0));
}

/// While people have paused triage nothing is closed nor triaged.
#[tokio::test]
async fn a_pause_holds_for_the_next_leader_too() {
    let close_and_pause = async |store: &Store| {
        store.close_window(UnixNanos(2 * MINUTE)).await.unwrap();
        store.set_paused(true).await.unwrap();
    };
    assert_eq!(led(next_minute, close_and_pause).await, (2, 1));
}
