//! What is known of an error beside its own records: the files that its frames name at the deployed commit, what changed in them
//! before it began, how often it came, and what else the service logged.
//!
//! All of it is gathered once, before Claude is asked; what people read of it in the pull request is kept with what Claude
//! submitted. What GitHub refuses to tell is left out and said to be; where it does not answer, the work is tried again.

mod changes;
mod hours;
mod revision;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::changes::{Change, Suspect, is_conventional};
pub use self::hours::Counts;
pub use self::revision::Revision;

use super::RemedyError;
use super::mapping::{self, LeftOut, Mapping, Why};
use super::places::Place;
use super::snapshot::{Snapshot, SnapshotError, Snapshots, numbered};
use crate::github::{Base, GitHub, GitHubError};
use crate::model::{Cluster, Fingerprint};
use crate::redact;
use crate::store::Store;

/// Files whose source and history are shown.
const FILES_MAX: usize = 3;
/// Lines that are shown before and after a frame's line.
pub(super) const LINES_AROUND: usize = 80;
/// Other errors of the window that are shown.
const RELATED_MAX: usize = 8;
/// How much of another error's line is shown.
const RELATED_CHARS: usize = 200;

/// What is known of an error beside its own records.
#[derive(Debug, Default)]
pub struct Evidence {
    /// What the service logged around it; empty where nobody keeps that.
    pub around: Vec<String>,
    /// Where its frames stand.
    pub mapping: Mapping,
    /// Source as it was deployed, by path, of the files that stand otherwise at the base commit.
    pub deployed: BTreeMap<String, String>,
    /// The latest changes to the files, the newest of each file first.
    pub changes: Vec<Change>,
    /// Other errors of the service in the same window, the most frequent first; text of logs.
    pub related: Vec<String>,
    /// What the pull request tells of all this.
    pub told: Told,
}

/// What a pull request tells of the evidence. Texts of others in it are as they came: whoever shows them takes their effect away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Which code ran.
    pub revision: Revision,
    /// The frames with a file, innermost first: `app/pay.py:2` and the function.
    pub frames: Vec<(String, String)>,
    /// The change that may have brought it.
    pub suspect: Option<Suspect>,
    /// How often it came by the hour.
    pub counts: Option<Counts>,
    /// What was looked at and is not used, and why.
    pub left_out: Vec<String>,
    /// How many other errors of the service the window had.
    pub related: usize,
    /// Owners of the changed files.
    pub owners: Vec<String>,
    /// Whether the repository's history is written in Conventional Commits.
    pub is_conventional: bool,
}

/// Where is looked.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// GitHub.
    pub github: &'a GitHub,
    /// The service's place there.
    pub place: &'a Place,
    /// The commit that a change is made against.
    pub base: &'a Base,
    /// The repository at that commit.
    pub snapshot: &'a Snapshot,
    /// Where it is at others.
    pub snapshots: &'a Snapshots,
}

impl Evidence {
    /// Lines around an error, and nothing else.
    #[cfg(test)]
    pub(in crate::remedy) fn of_lines(around: &[String]) -> Self {
        Self { around: around.to_vec(), ..Self::default() }
    }

    /// Lines around an error, and where its frames stand in a repository as it is.
    #[cfg(test)]
    pub(in crate::remedy) async fn at_base(
        cluster: &Cluster,
        around: &[String],
        snapshot: &Snapshot,
    ) -> Result<Self, SnapshotError> {
        let mut evidence = Self::of_lines(around);
        evidence.locate(cluster, snapshot, "").await?;
        Ok(evidence)
    }

    /// Gathers all there is. `known_as` are the ids that the error goes by in the store.
    ///
    /// # Errors
    ///
    /// Where GitHub or the store does not answer.
    pub async fn gather(
        cluster: &Cluster,
        known_as: [Fingerprint; 2],
        around: Vec<String>,
        site: Site<'_>,
        store: &Store,
    ) -> Result<Self, RemedyError> {
        let mut evidence = Self { around, ..Self::default() };
        let deployed = evidence.find_revision(cluster, site).await?;
        let snapshot = deployed.as_ref().unwrap_or(site.snapshot);
        let root = &site.place.service.source_root;
        evidence.locate(cluster, snapshot, root).await.map_err(remedy_error)?;
        if deployed.is_some() {
            evidence.compare(snapshot, site.snapshot).await.map_err(remedy_error)?;
        }
        evidence.look_back(cluster, site).await?;
        evidence.told.counts = Counts::read(store, cluster).await?;
        evidence.related = related(cluster, known_as, store).await?;
        evidence.told.related = evidence.related.len();
        Ok(evidence)
    }

    /// Finds the deployed commit; answers the repository as it was then, where that is not the base's own tree.
    async fn find_revision(
        &mut self,
        cluster: &Cluster,
        site: Site<'_>,
    ) -> Result<Option<Snapshot>, RemedyError> {
        let repository = &site.place.repository;
        let found = revision::resolve(cluster, site).await;
        let Some((revision, commit)) = self.or_left_out(found, "the deployed revision")? else {
            return Ok(None);
        };
        self.told.revision = revision;
        let Some(commit) = commit.filter(|commit| commit.tree != site.base.tree) else { return Ok(None) };
        let at = Base { branch: site.base.branch.clone(), commit: commit.sha, tree: commit.tree };
        let loaded = site.snapshots.at(site.github, repository, &at).await;
        self.or_left_out(loaded, "the files at the deployed revision")
    }

    async fn locate(
        &mut self,
        cluster: &Cluster,
        snapshot: &Snapshot,
        source_root: &str,
    ) -> Result<(), SnapshotError> {
        self.mapping = mapping::map(&cluster.detail.frames, snapshot, source_root).await?;
        let place = |path: &str, line: Option<u32>| {
            line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"))
        };
        if snapshot.is_truncated() {
            self.told
                .left_out
                .push("the repository has more files than GitHub lists; only those were looked at".into());
        }
        let Mapping { located, left_out } = &self.mapping;
        self.told.frames = located
            .iter()
            .take(FILES_MAX * 2)
            .map(|frame| (place(&frame.path, frame.line), frame.function.clone()))
            .collect();
        for frame in located.iter().filter(|frame| !frame.holds) {
            let place = place(&frame.path, frame.line);
            self.told
                .left_out
                .push(format!("{place} does not hold the function of its frame: other code ran"));
        }
        for LeftOut { file, line, why } in left_out.iter().filter(|frame| !frame.file.is_empty()).take(5) {
            let why = match why {
                Why::Absent => "has no file in the repository".to_owned(),
                Why::Ambiguous(files) => format!("may be any of {files} files"),
                Why::Built => "is what a build made, without a source map".to_owned(),
            };
            self.told.left_out.push(format!("the frame {} {why}", place(redact::cut(file, 200), *line)));
        }
        Ok(())
    }

    /// The files that frames stand in, innermost first, each once.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let mut seen: Vec<&str> = Vec::new();
        for frame in &self.mapping.located {
            if !seen.contains(&frame.path.as_str()) {
                seen.push(&frame.path);
            }
        }
        seen.into_iter().take(FILES_MAX)
    }

    /// Which files stand otherwise at the base commit than they were deployed.
    async fn compare(&mut self, deployed: &Snapshot, base: &Snapshot) -> Result<(), SnapshotError> {
        let files: Vec<String> = self.files().map(str::to_owned).collect();
        for path in files {
            let object = |snapshot: &Snapshot| snapshot.file(&path).map(|entry| entry.sha.clone());
            let (then, now) = (object(deployed), object(base));
            if then == now {
                continue;
            }
            let what = if now.is_some() { "changed since it was deployed" } else { "is not there any more" };
            self.told.left_out.push(format!("{path} {what}"));
            let line = self.line_in(&path);
            if let Some(source) = source_around(&path, line, deployed).await? {
                self.deployed.insert(path, source);
            }
        }
        Ok(())
    }

    /// The line of the innermost frame in a file.
    #[must_use]
    pub fn line_in(&self, path: &str) -> Option<u32> {
        self.mapping.located.iter().find(|frame| frame.path == path).and_then(|frame| frame.line)
    }

    /// What changed in the files, and how the history is written.
    async fn look_back(&mut self, cluster: &Cluster, site: Site<'_>) -> Result<(), RemedyError> {
        let from = self.told.revision.commit().unwrap_or(&site.base.commit).to_owned();
        let files: Vec<String> = self.files().map(str::to_owned).collect();
        for path in files {
            let found = changes::of_file(site, &from, &path).await;
            if let Some(changes) = self.or_left_out(found, "the history of the files")? {
                self.changes.extend(changes);
            }
        }
        self.told.suspect = changes::suspect(&self.changes, cluster.first_seen);
        let found = changes::is_written_conventionally(site).await;
        self.told.is_conventional =
            self.or_left_out(found, "the style of commit messages")?.unwrap_or_default();
        Ok(())
    }

    /// What GitHub refuses to tell is left out; what it cannot tell now is asked for again later.
    fn or_left_out<T>(
        &mut self,
        found: Result<T, GitHubError>,
        what: &str,
    ) -> Result<Option<T>, RemedyError> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "{what} cannot be read");
                let note = format!("{what}: GitHub does not tell");
                if !self.told.left_out.contains(&note) {
                    self.told.left_out.push(note);
                }
                Ok(None)
            }
        }
    }
}

/// The lines around a line, with their numbers; `None` where the file may not be read.
pub(super) async fn source_around(
    path: &str,
    line: Option<u32>,
    snapshot: &Snapshot,
) -> Result<Option<String>, SnapshotError> {
    let text = match snapshot.text(path).await {
        Ok(text) => text,
        Err(SnapshotError::Answer(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let line = line.map_or(1, |line| usize::try_from(line).unwrap_or(1));
    Ok(Some(numbered(&text, line.saturating_sub(LINES_AROUND).max(1), line.saturating_add(LINES_AROUND))))
}

/// Other errors of the same service in the window that was closed last, if this one was in it.
async fn related(
    cluster: &Cluster,
    known_as: [Fingerprint; 2],
    store: &Store,
) -> Result<Vec<String>, RemedyError> {
    let Some(window) = store.latest_closed_window().await? else { return Ok(Vec::new()) };
    let outlines = store.window_outlines(window).await?;
    let (same, mut others): (Vec<_>, Vec<_>) = outlines
        .into_iter()
        .filter(|other| other.detail.service == cluster.detail.service)
        .partition(|other| known_as.contains(&other.fingerprint));
    if same.is_empty() {
        return Ok(Vec::new());
    }
    others.sort_by_key(|other| std::cmp::Reverse((other.verdict.severity, other.count)));
    let line = |other: &Cluster| {
        let summary = other.summary();
        let first: String = summary.lines().next().unwrap_or_default().chars().take(RELATED_CHARS).collect();
        format!("{} times, {}: {first}", other.count, other.verdict.severity)
    };
    Ok(others.iter().take(RELATED_MAX).map(line).collect())
}

fn remedy_error(error: SnapshotError) -> RemedyError {
    match error {
        SnapshotError::GitHub(error) => error.into(),
        SnapshotError::Answer(why) => RemedyError::Unfit(why),
    }
}
