//! How pull requests end: looked up at GitHub when a window is over, and written to their fixes.
//!
//! People merge and close; nothing tells us. There are few open ones at a time (`LOGMEND_MAX_OPEN_PRS`), so one call for
//! each is all it takes.

use tokio_util::sync::CancellationToken;

use super::RemedyError;
use crate::github::{GitHub, PullRequest, PullRequestState};
use crate::leader::{Leadership, Terms};
use crate::model::{Fix, FixStatus, UnixNanos};
use crate::store::{AuditEntry, Store};

/// Times in an hour that all open pull requests are looked at: ten times as often as windows of 5 minutes end. Windows can be
/// a second long, and GitHub takes 5,000 calls in an hour for everything.
const LOOKS_PER_HOUR_MAX: u32 = 120;

/// Looks for the ends of pull requests.
#[derive(Debug, Clone)]
pub struct Ends {
    store: Store,
    github: GitHub,
}

impl Ends {
    /// One that looks at GitHub through `github`.
    #[must_use]
    pub fn new(store: Store, github: GitHub) -> Self {
        Self { store, github }
    }

    /// Looks at every pull request that stands open as far as is known here. The first that cannot be looked at ends it:
    /// the others would meet the same.
    async fn look(&self, clock: fn() -> UnixNanos) -> Result<(), RemedyError> {
        for fix in self.store.fixes_with_open_pull_requests().await? {
            let (Ok(repository), Ok(branch)) = (fix.repository.parse(), fix.branch.parse()) else {
                tracing::warn!(
                    fix = fix.id,
                    "its repository or branch cannot be read, its pull request is not looked at"
                );
                continue;
            };
            if let Some(pull_request) = self.github.pull_request_of(&repository, &branch).await? {
                self.note(&fix, &pull_request, clock()).await?;
            }
        }
        Ok(())
    }

    async fn note(&self, fix: &Fix, pull_request: &PullRequest, now: UnixNanos) -> Result<(), RemedyError> {
        let status = FixStatus::of_pull_request(pull_request.state);
        if status == fix.status || (status == FixStatus::Ready && fix.status == FixStatus::Repairing) {
            return Ok(());
        }
        let has_ended = !matches!(pull_request.state, PullRequestState::Open { .. });
        // GitHub's time, so that an end that came while we were down counts from when it was; a wrong clock there is bounded.
        let ended_at = has_ended.then(|| pull_request.ended_at.map_or(now, |at| at.min(now)));
        if self.store.observe_pull_request(&fix.id, status, ended_at).await? {
            tracing::info!(fix = fix.id, pull_request = pull_request.url, "the pull request is {status} now");
            let outcome = status.to_string();
            let entry = AuditEntry {
                at: now,
                actor: "logmend",
                action: "observe_pull_request",
                subject: &fix.id,
                outcome: &outcome,
            };
            self.store.audit(&entry).await?;
        }
        Ok(())
    }
}

impl FixStatus {
    /// Where a fix stands by its pull request.
    pub(super) fn of_pull_request(state: PullRequestState) -> Self {
        match state {
            PullRequestState::Open { draft: true } => Self::Draft,
            PullRequestState::Open { draft: false } => Self::Ready,
            PullRequestState::Merged => Self::Merged,
            PullRequestState::Closed => Self::Closed,
        }
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

/// Looks at the start and whenever a window is over, as often as may be, as long as this process leads, until `stop` is cancelled. A failure is told, and
/// tried again then.
pub async fn watch(ends: Ends, terms: Terms, clock: fn() -> UnixNanos, stop: CancellationToken) {
    let watching = |leadership: Leadership| {
        let ends = Ends { store: ends.store.led_by(leadership.fence()), ..ends.clone() };
        async move {
            let (mut window, mut pace) = (ends.store.window(), Pace::default());
            loop {
                if pace.take(clock())
                    && let Err(error) = ends.look(clock).await
                {
                    tracing::warn!("open pull requests were not looked at: {error}");
                }
                // The store lives as long as this task.
                let _ = window.changed().await;
            }
        }
    };
    Box::pin(terms.while_leading(stop, watching)).await;
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
        assert_eq!(looks(&mut pace, 1_763_287_200), 120);
        assert_eq!(looks(&mut pace, 1_763_288_400), 0, "the same hour");
        assert_eq!(looks(&mut pace, 1_763_290_800), 120, "the next one");
    }
}
