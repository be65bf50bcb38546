//! When it is looked: at the start, every minute, whenever a window is over, and when GitHub tells of an event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Follow, RemedyError};
use crate::leader::{Leadership, Terms};
use crate::model::UnixNanos;

/// How long between two looks at most.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Looks at one pull request: so many at once, and one more every so often. Windows can be a second long, events come in floods, and a
/// look is three to six calls.
const LOOKS_AT_ONCE: u64 = 20;
const LOOK_REFILLED: Duration = Duration::from_secs(20);

/// Looks at all pull requests in an hour, each time counted: GitHub takes 5,000 calls in an hour for everything.
const LOOKS_PER_HOUR_MAX: u32 = 1_000;

/// How long the pull requests of a repository rest after GitHub or Claude did not answer for one of them.
const REST: Duration = Duration::from_mins(1);

/// Pull requests that events have named and that were not looked at yet. One more than these is looked at like all others,
/// within the minute.
const NAMED_MAX: usize = 100;

/// Where it is told that something has happened at a pull request; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Wakes {
    numbers: Arc<Mutex<BTreeSet<u64>>>,
    told: Arc<Notify>,
}

impl Wakes {
    /// Something has happened at the pull request of this number. What, GitHub is asked.
    pub fn wake(&self, number: u64) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if numbers.len() < NAMED_MAX {
            numbers.insert(number);
        }
        drop(numbers);
        self.told.notify_one();
    }

    fn take(&self) -> BTreeSet<u64> {
        std::mem::take(&mut self.numbers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How often it was looked, and what rests.
#[derive(Debug, Default)]
struct Pace {
    hour: u64,
    looks: u32,
    /// By fix, the time up to which its looks are used up.
    used: BTreeMap<String, UnixNanos>,
    /// By repository, until when it rests.
    rests: BTreeMap<String, UnixNanos>,
}

impl Pace {
    /// Whether there is a look left for a fix at `now`; it is used up then.
    fn take(&mut self, fix_id: &str, now: UnixNanos) -> bool {
        let hour = now.as_secs() / 3_600;
        if hour != self.hour {
            *self = Self { hour, rests: std::mem::take(&mut self.rests), ..Self::default() };
        }
        let refilled = nanos(LOOK_REFILLED);
        let earliest = UnixNanos(now.0.saturating_sub(refilled * LOOKS_AT_ONCE));
        let used = self.used.entry(fix_id.to_owned()).or_insert(earliest);
        let next = UnixNanos((*used).max(earliest).0 + refilled);
        if next > now || self.looks >= LOOKS_PER_HOUR_MAX {
            return false;
        }
        *used = next;
        self.looks += 1;
        true
    }

    fn is_resting(&mut self, repository: &str, now: UnixNanos) -> bool {
        self.rests.retain(|_, until| *until > now);
        self.rests.contains_key(repository)
    }

    fn rest(&mut self, repository: &str, wait: Duration, now: UnixNanos) {
        self.rests.insert(repository.to_owned(), UnixNanos(now.0.saturating_add(nanos(wait))));
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Looks as long as this process leads, until `stop` is cancelled. A failure is told, and tried again with the next look.
pub async fn watch(
    follow: Follow,
    wakes: Wakes,
    terms: Terms,
    clock: fn() -> UnixNanos,
    stop: CancellationToken,
) {
    let watching = |leadership: Leadership| {
        let follow = Follow { store: follow.store.led_by(leadership.fence()), ..follow.clone() };
        lead(follow, wakes.clone(), clock)
    };
    Box::pin(terms.while_leading(stop, watching)).await;
}

async fn lead(follow: Follow, wakes: Wakes, clock: fn() -> UnixNanos) {
    let (mut window, mut pace) = (follow.store.window(), Pace::default());
    let mut named = None;
    loop {
        if let Err(error) = Box::pin(follow.look(named.as_ref(), &mut pace, clock)).await {
            tracing::warn!("open pull requests were not looked at: {error}");
        }
        named = tokio::select! {
            () = wakes.told.notified() => Some(wakes.take()),
            // The store lives as long as this task.
            _ = window.changed() => None,
            () = tokio::time::sleep(LOOK_EVERY) => None,
        };
    }
}

impl Follow {
    /// Looks at all pull requests, or at those with these numbers. What fails for one is no matter to the next; where GitHub or Claude
    /// does not answer, those of the same repository rest, and only where the store does not, all do.
    async fn look(
        &self,
        numbers: Option<&BTreeSet<u64>>,
        pace: &mut Pace,
        clock: fn() -> UnixNanos,
    ) -> Result<(), RemedyError> {
        for fix in self.store.fixes_with_open_pull_requests().await? {
            if !self.is_named(&fix.id, numbers).await? || pace.is_resting(&fix.repository, clock()) {
                continue;
            }
            if !pace.take(&fix.id, clock()) {
                tracing::debug!(fix = fix.id, "its pull request was looked at often enough for now");
                continue;
            }
            let repository = fix.repository.clone();
            let looked = Box::pin(self.look_at(fix, clock)).await;
            rest_or_fail(looked, &repository, pace, clock())?;
        }
        if numbers.is_some() {
            return Ok(());
        }
        for fix in self.store.fixes_to_watch(clock()).await? {
            if pace.is_resting(&fix.repository, clock()) {
                continue;
            }
            let repository = fix.repository.clone();
            let watched = self.watch_merged(fix, clock()).await;
            rest_or_fail(watched, &repository, pace, clock())?;
        }
        Ok(())
    }

    async fn is_named(&self, fix_id: &str, numbers: Option<&BTreeSet<u64>>) -> Result<bool, RemedyError> {
        let Some(numbers) = numbers else { return Ok(true) };
        let followed = self.store.followed(fix_id).await?;
        Ok(followed.is_some_and(|followed| numbers.contains(&followed.number)))
    }
}

/// A passing fault lets its repository rest as long as is asked for; one of the store ends the look.
fn rest_or_fail(
    looked: Result<(), RemedyError>,
    repository: &str,
    pace: &mut Pace,
    now: UnixNanos,
) -> Result<(), RemedyError> {
    match looked {
        Ok(()) => {}
        Err(RemedyError::Store(error)) => return Err(error.into()),
        Err(error) => {
            tracing::warn!(repository, "a pull request was not looked at: {error}");
            if error.is_transient() {
                pace.rest(repository, error.wait().unwrap_or_default().max(REST), now);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flood at one pull request takes nothing from the others.
    #[test]
    fn looks_are_bounded_for_each_and_for_all() {
        let mut pace = Pace::default();
        let looks = |pace: &mut Pace, fix: &str, from: u64, to: u64| {
            (from..to).filter(|secs| pace.take(fix, UnixNanos::from_secs(*secs))).count()
        };
        let hour = 1_763_287_200;
        assert_eq!(looks(&mut pace, "flooded", hour, hour + 1_000), 20 + 49);
        assert_eq!(looks(&mut pace, "other", hour + 1_000, hour + 1_010), 10);
        for n in 0..100 {
            looks(&mut pace, &n.to_string(), hour + 1_100, hour + 1_110);
        }
        assert_eq!(pace.looks, LOOKS_PER_HOUR_MAX);
        assert!(!pace.take("another", UnixNanos::from_secs(hour + 1_200)));
        assert!(pace.take("another", UnixNanos::from_secs(hour + 3_600)), "the next hour");
    }

    #[test]
    fn one_repository_rests_alone() {
        let (mut pace, now) = (Pace::default(), UnixNanos::from_secs(100));
        pace.rest("acme/shop", Duration::from_mins(1), now);
        assert!(pace.is_resting("acme/shop", UnixNanos::from_secs(159)));
        assert!(!pace.is_resting("acme/web", now));
        assert!(!pace.is_resting("acme/shop", UnixNanos::from_secs(160)));
    }

    #[test]
    fn a_flood_of_events_is_bounded() {
        let wakes = Wakes::default();
        (0..1_000_000).for_each(|number| wakes.wake(number));
        assert_eq!(wakes.take().len(), NAMED_MAX);
        assert!(wakes.take().is_empty());
    }
}
