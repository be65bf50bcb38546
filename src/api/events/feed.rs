//! The changes that all listeners of this process share: the store is looked at once a second while somebody listens, and not
//! at all while nobody does.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::shape::{ClusterEvent, FixEvent, WindowEvent};
use crate::model::{Fingerprint, UnixNanos};
use crate::store::{ClusterFilter, EndedWindow, FixFilter, Store, StoreError};

/// How many may listen: each is a connection with a task of its own.
const LISTENERS_MAX: usize = 64;
/// How long what was found stands.
const LOOK_EVERY: Duration = Duration::from_millis(900);
/// After so long without a look nobody has listened, and what changed meanwhile is news to nobody.
const IDLE: Duration = Duration::from_secs(30);
/// How far a look goes back: as long as a commit may take after its requests were stamped, and clocks may differ.
const OVERLAP: UnixNanos = UnixNanos(20 * 1_000_000_000);
/// Errors and fixes that one look tells of; where more have changed the page is to be loaded anew.
const TOLD_MAX: usize = 200;
/// What one look reads of the store at most.
const READ_MAX: u32 = 2_000;
/// Events that are kept for listeners who have not read them yet.
const KEPT_MAX: usize = 1_000;

/// One event.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: UnixNanos,
    pub(super) name: &'static str,
    pub(super) data: String,
}

impl Event {
    /// The connection stands; its id is where to come back to.
    pub(super) fn ready(now: UnixNanos) -> Arc<Self> {
        Self::of("ready", now, &json!({"at": now}))
    }

    /// More has changed than is told: whoever listens loads what it shows anew.
    pub(super) fn reload(now: UnixNanos, reason: &str) -> Arc<Self> {
        Self::of("reload", now, &json!({"reason": reason}))
    }

    fn of(name: &'static str, id: UnixNanos, data: &impl Serialize) -> Arc<Self> {
        Arc::new(Self { id, name, data: serde_json::to_string(data).unwrap_or_default() })
    }
}

/// What changed, shared by clones.
#[derive(Debug, Clone, Default)]
pub(in crate::api) struct Feed {
    // Held across awaits: of many listeners one looks.
    looked: Arc<Mutex<Looked>>,
    listeners: Arc<AtomicUsize>,
}

/// One listener's place; it is free again once this is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Looked {
    at: Option<Instant>,
    /// Up to when changes were seen.
    up_to: UnixNanos,
    /// What was seen of the last while, and of which change.
    seen: HashMap<Thing, UnixNanos>,
    kept: VecDeque<Arc<Event>>,
    /// How many events there were before those that are kept.
    gone: u64,
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Thing {
    Cluster(Fingerprint),
    Fix(String),
    Window(UnixNanos),
}

impl Feed {
    /// A place for one more listener, if there is one.
    pub(super) fn place(&self) -> Option<Place> {
        let taken = self.listeners.fetch_add(1, Ordering::Relaxed);
        // It gives the place back where it is one too many.
        let place = Place(Arc::clone(&self.listeners));
        (taken < LISTENERS_MAX).then_some(place)
    }

    /// Looks for changes unless somebody just has; the number of the latest event.
    pub(super) async fn look(&self, store: &Store) -> Result<u64, StoreError> {
        let mut looked = self.looked.lock().await;
        if looked.at.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            looked.look(store).await?;
        }
        Ok(looked.latest())
    }

    /// The events after this number, and the number of the latest. Who was away for too long is told to load anew.
    pub(super) async fn after(&self, number: u64, now: UnixNanos) -> (VecDeque<Arc<Event>>, u64) {
        let looked = self.looked.lock().await;
        if number < looked.gone {
            return (VecDeque::from([Event::reload(now, "more has changed than is kept")]), looked.latest());
        }
        let passed = usize::try_from(number - looked.gone).unwrap_or(usize::MAX);
        (looked.kept.iter().skip(passed).cloned().collect(), looked.latest())
    }
}

impl Looked {
    fn latest(&self) -> u64 {
        self.gone + self.kept.len() as u64
    }

    async fn look(&mut self, store: &Store) -> Result<(), StoreError> {
        let now = store.now();
        let begins = self.at.is_none_or(|at| at.elapsed() >= IDLE);
        if begins {
            self.up_to = now;
            self.seen.clear();
        }
        let since = UnixNanos(self.up_to.0.saturating_sub(OVERLAP.0));
        let changes = Changes::read(store, since).await?;
        // Whoever waits for this may leave in the middle: nothing counts as seen before it is kept for the others.
        let mut seen = self.seen.clone();
        let fresh = changes.unseen(&mut seen);
        if !begins {
            let told = fresh.told(store, now, self.up_to).await?;
            self.keep(told);
        }
        seen.retain(|_, at| *at > since);
        self.seen = seen;
        // A clock that is ahead must not hide what others stamp.
        self.up_to = self.up_to.max(changes.latest().min(now));
        self.at = Some(Instant::now());
        Ok(())
    }

    fn keep(&mut self, events: Vec<Arc<Event>>) {
        self.kept.extend(events);
        let over = self.kept.len().saturating_sub(KEPT_MAX);
        self.kept.drain(..over);
        self.gone += over as u64;
    }
}

/// What changed since a listener was told last, as events.
pub(super) async fn since(
    store: &Store,
    since: UnixNanos,
    now: UnixNanos,
) -> Result<Vec<Arc<Event>>, StoreError> {
    let since = UnixNanos(since.0.saturating_sub(OVERLAP.0));
    Changes::read(store, since).await?.told(store, now, since).await
}

/// What changed, each with when it did.
#[derive(Debug, Default)]
struct Changes {
    things: Vec<(Thing, UnixNanos)>,
    windows: Vec<EndedWindow>,
    /// Whether there are more.
    more: bool,
}

impl Changes {
    async fn read(store: &Store, since: UnixNanos) -> Result<Self, StoreError> {
        let clusters = store.changed_clusters(since, READ_MAX).await?;
        let fixes = store.changed_fixes(since, READ_MAX).await?;
        let windows = store.ended_windows().await?;
        let more = clusters.len().max(fixes.len()) >= READ_MAX as usize;
        let ended = |window: &EndedWindow| window.triaged_at.unwrap_or_default().max(window.closed_at);
        let things = clusters.into_iter().map(|(id, at)| (Thing::Cluster(id), at));
        let things = things.chain(fixes.into_iter().map(|(id, at)| (Thing::Fix(id), at)));
        let ends = windows.iter().map(|window| (Thing::Window(window.start), ended(window)));
        let things = things.chain(ends.filter(|(_, at)| *at > since)).collect();
        Ok(Self { things, windows, more })
    }

    fn latest(&self) -> UnixNanos {
        self.things.iter().map(|(_, at)| *at).max().unwrap_or_default()
    }

    /// Those that were not seen yet; they are from now on.
    fn unseen(&self, seen: &mut HashMap<Thing, UnixNanos>) -> Self {
        let fresh = |(thing, at): &&(Thing, UnixNanos)| seen.insert(thing.clone(), *at) != Some(*at);
        let things = self.things.iter().filter(fresh).cloned().collect();
        Self { things, windows: self.windows.clone(), more: self.more }
    }

    /// The events of it, the earliest change first, with ids that never go back behind `from`.
    async fn told(
        mut self,
        store: &Store,
        now: UnixNanos,
        from: UnixNanos,
    ) -> Result<Vec<Arc<Event>>, StoreError> {
        if self.things.is_empty() {
            return Ok(Vec::new());
        }
        if self.more || self.things.len() > TOLD_MAX {
            return Ok(vec![Event::reload(now, "much has changed")]);
        }
        self.things.sort_by_key(|(_, at)| *at);
        let mut states = self.states(store).await?;
        let mut id = from;
        let events = self.things.iter().filter_map(|(thing, at)| {
            let (name, data) = states.remove(thing)?;
            id = id.max((*at).min(now));
            Some(Arc::new(Event { id, name, data }))
        });
        Ok(events.collect())
    }

    /// How each of them stands now.
    async fn states(&self, store: &Store) -> Result<HashMap<Thing, (&'static str, String)>, StoreError> {
        let clusters: Vec<_> = self.things.iter().filter_map(|(thing, _)| thing.cluster()).collect();
        let fixes: Vec<_> = self.things.iter().filter_map(|(thing, _)| thing.fix()).collect();
        let mut states = HashMap::new();
        let mut put = |thing, name, data: Result<String, _>| {
            states.insert(thing, (name, data.unwrap_or_default()));
        };
        if !clusters.is_empty() {
            let filter = ClusterFilter { ids: Some(clusters), ..ClusterFilter::default() };
            for cluster in store.clusters(filter).await? {
                let thing = Thing::Cluster(cluster.fingerprint);
                put(thing, "cluster", serde_json::to_string(&ClusterEvent::from(cluster)));
            }
        }
        if !fixes.is_empty() {
            let filter = FixFilter { ids: Some(fixes), ..FixFilter::default() };
            for fix in store.fixes_page(&filter).await?.0 {
                put(Thing::Fix(fix.id.clone()), "fix", serde_json::to_string(&FixEvent::from(fix)));
            }
        }
        for window in &self.windows {
            let data = serde_json::to_string(&WindowEvent::from(*window));
            put(Thing::Window(window.start), "window", data);
        }
        Ok(states)
    }
}

impl Thing {
    fn cluster(&self) -> Option<Fingerprint> {
        if let Self::Cluster(id) = self { Some(*id) } else { None }
    }

    fn fix(&self) -> Option<String> {
        if let Self::Fix(id) = self { Some(id.clone()) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let feed = Feed::default();
        let mut places: Vec<_> = (0..LISTENERS_MAX).filter_map(|_| feed.place()).collect();
        assert_eq!(places.len(), LISTENERS_MAX);
        assert!(feed.place().is_none() && feed.place().is_none());
        places.pop();
        assert!(feed.place().is_some());
    }

    #[tokio::test]
    async fn who_does_not_read_is_told_to_load_anew() {
        let feed = Feed::default();
        let some = |count: usize| vec![Event::ready(UnixNanos(1)); count];
        feed.looked.lock().await.keep(some(3));
        assert_eq!(feed.after(1, UnixNanos(9)).await.0.len(), 2);
        feed.looked.lock().await.keep(some(KEPT_MAX));
        let (events, latest) = feed.after(1, UnixNanos(9)).await;
        assert_eq!((events.len(), events[0].name, latest), (1, "reload", 3 + KEPT_MAX as u64));
        assert_eq!(feed.after(latest, UnixNanos(9)).await.0.len(), 0);
    }

    #[test]
    fn a_change_is_fresh_once() {
        let mut seen = HashMap::new();
        let at = |at| Changes { things: vec![(Thing::Fix("f".into()), UnixNanos(at))], ..Changes::default() };
        assert_eq!(at(1).unseen(&mut seen).things.len(), 1);
        assert_eq!(at(1).unseen(&mut seen).things.len(), 0);
        assert_eq!(at(2).unseen(&mut seen).things.len(), 1);
    }
}
