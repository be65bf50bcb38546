//! After the merge: whether the error is gone.

use std::time::Duration;

use super::settle::{Deployed, SeenIn, Settled, Since, settle};
use super::{Follow, RemedyError, say};
use crate::github::{Contained, GitHubError, RepoName};
use crate::model::{ClusterStatus, Fix, FixStatus, UnixNanos};
use crate::store::{Followed, Release, Watched};

/// Commits that one look compares, and all looks together: whoever sends logs could name any number. Others are unknown.
const COMPARED_PER_LOOK_MAX: usize = 5;
const COMPARED_MAX: usize = 100;

/// How long a build that holds the merge is waited for; later the clock alone tells.
const DEPLOYMENT_AWAITED: Duration = Duration::from_hours(14 * 24);

impl Follow {
    /// Looks what was seen of a merged fix's error, and says so once it is settled.
    pub(super) async fn watch_merged(&self, fix: Fix, now: UnixNanos) -> Result<(), RemedyError> {
        let Ok(repository) = fix.repository.parse::<RepoName>() else { return Ok(()) };
        let (Some(mut followed), Some(merged_at)) = (self.store.followed(&fix.id).await?, fix.ended_at)
        else {
            return Ok(());
        };
        let seen = self.store.sightings_since(fix.fingerprint, merged_at).await?;
        let releases = self.store.releases_since(fix.fingerprint, merged_at).await?;
        let (mut deployed, mut seen_in) = self.builds(&fix, &followed, &repository, &releases, now).await?;
        let waited = Duration::from_nanos(now.0.saturating_sub(merged_at.0));
        if deployed == Deployed::NotYet && waited > DEPLOYMENT_AWAITED {
            // Its commits may be picked into a branch of releases, whose builds never hold the merge itself.
            (deployed, seen_in) = (Deployed::Unknown, SeenIn::Unknown);
        }
        let since = Since {
            merged_at,
            deployed,
            seen_in,
            last_seen: seen.last,
            fixed: followed.watched == Watched::Fixed,
            now,
            quiet: self.settings.silence,
        };
        let by_commit = matches!(deployed, Deployed::At(_));
        let (watched, status, text) = match settle(&since) {
            Settled::NotYet => return Ok(()),
            Settled::Fixed => {
                let begun = if let Deployed::At(time) = deployed { time.max(merged_at) } else { merged_at };
                let text = say::fixed(self.settings.silence, begun, by_commit);
                (Watched::Fixed, ClusterStatus::Fixed, text)
            }
            Settled::Regressed => {
                let text = say::regressed(seen, merged_at, seen_in == SeenIn::Fixed);
                (Watched::Regressed, ClusterStatus::Regressed, text)
            }
        };
        let key = format!("{}:{watched}", fix.id);
        let us = self.github.look_at(&repository, followed.number).await?.author;
        match self.github.say_once(&repository, followed.number, &us, &key, &text).await {
            Err(error @ GitHubError::Refused { .. }) => {
                tracing::warn!(fix = fix.id, %error, "a comment could not be written: {text}");
            }
            other => other?,
        }
        let cluster = self.store.cluster(fix.fingerprint).await?;
        // What people ignore stays ignored.
        if cluster.is_some_and(|cluster| cluster.status != ClusterStatus::Ignored) {
            self.store.set_status(fix.fingerprint, status).await?;
        }
        if watched == Watched::Regressed {
            self.store.update_fix(&Fix { status: FixStatus::Regressed, ..fix.clone() }).await?;
        }
        followed.watched = watched;
        self.store.write_followed(&followed).await?;
        tracing::info!(fix = fix.id, "the error of a merged change is {watched}");
        self.audit("watch", &fix.id, watched.as_str(), now).await
    }

    /// Which of the builds hold the change. What GitHub said of a commit is noted: it does not change.
    async fn builds(
        &self,
        fix: &Fix,
        followed: &Followed,
        repository: &RepoName,
        releases: &[Release],
        now: UnixNanos,
    ) -> Result<(Deployed, SeenIn), RemedyError> {
        if followed.merge_commit.is_empty() {
            return Ok((Deployed::Unknown, SeenIn::Unknown));
        }
        let steps = self.store.steps(&fix.id).await?;
        let unknown = |release: &Release| format!("unknown:{}:{}", now.as_secs() / 86_400, release.revision);
        let (mut known, mut compared) = (Vec::new(), 0);
        for release in releases {
            let named = |what: &str| format!("{what}:{}", release.revision);
            let contained = if steps.contains(&named("holds")) {
                Contained::Yes
            } else if steps.contains(&named("lacks")) {
                Contained::No
            } else if steps.contains(&unknown(release))
                || compared == COMPARED_PER_LOOK_MAX
                || steps.len() + compared >= COMPARED_MAX
            {
                Contained::Unknown
            } else {
                compared += 1;
                let found =
                    self.github.contains(repository, &release.revision, &followed.merge_commit).await?;
                let step = match found {
                    Contained::Yes => named("holds"),
                    Contained::No => named("lacks"),
                    // It may not have been pushed yet.
                    Contained::Unknown => unknown(release),
                };
                self.store.note_step(&fix.id, &step, now).await?;
                found
            };
            known.push((contained, release));
        }
        Ok(judge(&known))
    }
}

fn judge(known: &[(Contained, &Release)]) -> (Deployed, SeenIn) {
    let of = |wanted| known.iter().filter(move |(contained, _)| *contained == wanted).map(|(_, of)| *of);
    let deployed = match of(Contained::Yes).map(|release| release.first_seen).min() {
        Some(time) => Deployed::At(time),
        None if of(Contained::No).next().is_some() => Deployed::NotYet,
        None => Deployed::Unknown,
    };
    let own = |wanted| of(wanted).filter_map(|release| release.own_last_seen).max();
    let seen_in = match (own(Contained::Yes), own(Contained::No)) {
        (Some(_), _) => SeenIn::Fixed,
        (None, Some(_)) => SeenIn::Older,
        (None, None) => SeenIn::Unknown,
    };
    (deployed, seen_in)
}
