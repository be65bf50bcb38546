//! When it is looked: at the start, every minute, whenever a window is over, and when GitHub tells of an event.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Follow, RemedyError};
use crate::leader::{Leadership, Terms};
use crate::model::UnixNanos;

/// How long between two looks at most.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Pull requests that are looked at in an hour, each time counted. A look is two to six calls as a rule, and GitHub takes 5,000
/// in an hour for everything; windows can be a second long, and events can come in floods.
const LOOKS_PER_HOUR_MAX: u32 = 600;

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

/// How often it was looked in the hour that runs.
#[derive(Debug, Default)]
struct Pace {
    hour: u64,
    looks: u32,
}

impl Pace {
    /// Whether there is a look left in the hour of `now`; it is used up then.
    fn take(&mut self, now: UnixNanos) -> bool {
        let hour = now.as_secs() / 3_600;
        if hour != self.hour {
            *self = Self { hour, looks: 0 };
        }
        self.looks += 1;
        self.looks <= LOOKS_PER_HOUR_MAX
    }
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
    /// Looks at all pull requests, or at those with these numbers. What fails for one is no matter to the next, unless GitHub,
    /// Claude or the store do not answer: the others would meet the same.
    async fn look(
        &self,
        numbers: Option<&BTreeSet<u64>>,
        pace: &mut Pace,
        clock: fn() -> UnixNanos,
    ) -> Result<(), RemedyError> {
        let mut failed = None;
        for fix in self.store.fixes_with_open_pull_requests().await? {
            if !self.is_named(&fix.id, numbers).await? {
                continue;
            }
            if !pace.take(clock()) {
                tracing::debug!("pull requests are looked at again in the next hour");
                break;
            }
            match Box::pin(self.look_at(fix, clock)).await {
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => failed = Some(error),
                Ok(()) => {}
            }
        }
        if numbers.is_none() {
            for fix in self.store.fixes_to_watch(clock()).await? {
                match self.watch_merged(fix, clock()).await {
                    Err(error) if error.is_transient() => return Err(error),
                    Err(error) => failed = Some(error),
                    Ok(()) => {}
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn is_named(&self, fix_id: &str, numbers: Option<&BTreeSet<u64>>) -> Result<bool, RemedyError> {
        let Some(numbers) = numbers else { return Ok(true) };
        let followed = self.store.followed(fix_id).await?;
        Ok(followed.is_some_and(|followed| numbers.contains(&followed.number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_bounded_in_each_hour() {
        let mut pace = Pace::default();
        let looks = |pace: &mut Pace, from: u64| {
            (from..from + 1_000).filter(|secs| pace.take(UnixNanos::from_secs(*secs))).count()
        };
        assert_eq!(looks(&mut pace, 1_763_287_200), 600);
        assert_eq!(looks(&mut pace, 1_763_288_400), 0, "the same hour");
        assert_eq!(looks(&mut pace, 1_763_290_800), 600, "the next one");
    }

    #[test]
    fn a_flood_of_events_is_bounded() {
        let wakes = Wakes::default();
        (0..1_000_000).for_each(|number| wakes.wake(number));
        assert_eq!(wakes.take().len(), NAMED_MAX);
        assert!(wakes.take().is_empty());
    }
}
