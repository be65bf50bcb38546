//! One fix for one cause: which of a window's candidates are one incident, share a cause, or wait for a change that is in hand.
//!
//! A service whose database went logs twenty new errors within a minute, and none of them is the defect. Twenty pull requests
//! would be nineteen too many; the earliest error that names code of the service's own is the best guess, and the others are told
//! which one was chosen. Whatever is still there once that change is decided on gets its turn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::fingerprint::last_segment;
use crate::model::{Cluster, Fingerprint, NoFix, Severity, Unfixed, UnixNanos};
use crate::store::NewError;

/// New critical errors of one service that are an incident: two may be chance.
pub const BURST_MIN: usize = 3;

/// Within how long they come.
pub const BURST_WITHIN: Duration = Duration::from_mins(30);

/// Words of a dependency that is not there, in lower case.
const DEPENDENCY_WORDS: [&str; 12] = [
    "timeout",
    "timed out",
    "connection refused",
    "econnrefused",
    "connection reset",
    "econnreset",
    "no route to host",
    "unreachable",
    "no such host",
    "name resolution",
    "getaddrinfo",
    "connection pool",
];

/// An error of which a change is in hand: claimed, being written, or waiting for people.
#[derive(Debug, Clone)]
pub struct InHand {
    /// Its fix.
    pub fix_id: String,
    /// When that was begun.
    pub begun: UnixNanos,
    /// The error.
    pub cluster: Cluster,
    /// The files that the change is in, as paths of the repository; none before it is written.
    pub files: Vec<String>,
}

/// Candidates, one for each cause.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// Those that may get a fix, in the order that they came in.
    pub chosen: Vec<Cluster>,
    /// The others, each with the one that it waits for.
    pub held: Vec<Unfixed>,
}

/// What errors may have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// New critical errors of one service within the half hour.
    Burst(String),
    /// A dependency that one service does not reach.
    Dependency(String),
    /// The file of the service's own code that is nearest to the fault, in one repository, or one service where that is not told.
    File(String, String),
    /// An exception's type at one service.
    Type(String, String),
}

/// Chooses one candidate for each cause: the earliest that names code of the service's own, else the earliest. None for a cause
/// of which a change is in hand. `new` are the urgent errors that were first seen within [`BURST_WITHIN`].
#[must_use]
pub fn spread(candidates: Vec<Cluster>, in_hand: &[InHand], new: &[NewError], now: UnixNanos) -> Spread {
    let bursts = Bursts::new(new);
    let recent = u64::try_from(BURST_WITHIN.as_nanos()).unwrap_or(u64::MAX);
    let mut groups = Groups::new(in_hand.len() + candidates.len());
    for (place, hand) in in_hand.iter().enumerate() {
        let is_recent = now.0.saturating_sub(hand.begun.0) <= recent;
        // Two exceptions of one type may well have two causes: after a while they do.
        let causes = causes(&hand.cluster, &bursts);
        groups.add(place, causes.into_iter().filter(|cause| is_recent || !matches!(cause, Cause::Type(..))));
    }
    for (n, candidate) in candidates.iter().enumerate() {
        let place = in_hand.len() + n;
        groups.add(place, causes(candidate, &bursts));
        let file = candidate.detail.innermost_in_app().map(|frame| frame.file.as_str());
        for (other, hand) in in_hand.iter().enumerate() {
            if file.is_some_and(|file| hand.files.iter().any(|changed| is_same_file(file, changed))) {
                groups.join(place, other);
            }
        }
    }
    let mut first = BTreeMap::<usize, usize>::new();
    for n in 0..candidates.len() {
        let best = first.entry(groups.of(in_hand.len() + n)).or_insert(n);
        if precedence(&candidates[n]) < precedence(&candidates[*best]) {
            *best = n;
        }
    }
    let mut in_hand_of = BTreeMap::new();
    for (place, hand) in in_hand.iter().enumerate() {
        in_hand_of.entry(groups.of(place)).or_insert(hand);
    }
    let mut spread = Spread::default();
    let chosen: Vec<_> = candidates.iter().map(|candidate| candidate.fingerprint).collect();
    for (n, candidate) in candidates.into_iter().enumerate() {
        let group = groups.of(in_hand.len() + n);
        let told = match (in_hand_of.get(&group), first.get(&group)) {
            (Some(hand), _) => {
                Some(format!("fix {} of error {} is in hand", hand.fix_id, hand.cluster.fingerprint))
            }
            (None, Some(best)) if *best != n => Some(format!("the fix is for error {}", chosen[*best])),
            _ => None,
        };
        match told {
            None => spread.chosen.push(candidate),
            Some(told) => {
                let (code, why) = why_held(&candidate, &bursts);
                spread.held.push((candidate.fingerprint, code, format!("{why}: {told}")));
            }
        }
    }
    spread
}

/// Services with an incident, and the new errors of them.
struct Bursts<'a> {
    services: BTreeSet<&'a str>,
    new: BTreeSet<Fingerprint>,
}

impl<'a> Bursts<'a> {
    fn new(new: &'a [NewError]) -> Self {
        let mut critical = BTreeMap::<&str, BTreeSet<Fingerprint>>::new();
        for error in new.iter().filter(|error| error.severity == Severity::Critical) {
            critical.entry(&error.service).or_default().insert(error.fingerprint);
        }
        let services =
            critical.iter().filter(|(_, of)| of.len() >= BURST_MIN).map(|(service, _)| *service).collect();
        Self { services, new: new.iter().map(|error| error.fingerprint).collect() }
    }

    fn has(&self, cluster: &Cluster) -> bool {
        self.services.contains(cluster.detail.service.as_str()) && self.new.contains(&cluster.fingerprint)
    }
}

fn causes(cluster: &Cluster, bursts: &Bursts<'_>) -> Vec<Cause> {
    let detail = &cluster.detail;
    let service = detail.service.clone();
    let mut causes = Vec::new();
    if bursts.has(cluster) {
        causes.push(Cause::Burst(service.clone()));
    }
    if is_of_dependency(cluster) {
        causes.push(Cause::Dependency(service.clone()));
    }
    if let Some(frame) = detail.innermost_in_app().filter(|frame| !frame.file.is_empty()) {
        let place = if detail.vcs_repository_url.is_empty() { &service } else { &detail.vcs_repository_url };
        causes.push(Cause::File(place.clone(), frame.file.clone()));
    }
    if !detail.error_type.is_empty() {
        causes.push(Cause::Type(service, last_segment(&detail.error_type).to_owned()));
    }
    causes
}

fn why_held(cluster: &Cluster, bursts: &Bursts<'_>) -> (NoFix, String) {
    if bursts.has(cluster) {
        let minutes = BURST_WITHIN.as_secs() / 60;
        (
            NoFix::Incident,
            format!("{BURST_MIN} or more new critical errors came within {minutes} minutes at its service"),
        )
    } else if is_of_dependency(cluster) {
        (NoFix::Incident, "its service does not reach a dependency".to_owned())
    } else {
        (NoFix::Overlap, "it has its file or cause in common with another error".to_owned())
    }
}

/// Whether a dependency was not reached, by its category or its words.
fn is_of_dependency(cluster: &Cluster) -> bool {
    let category = &cluster.verdict.category;
    if matches!(category.as_str(), "timeout_error" | "external_service_error") {
        return true;
    }
    let text = cluster.summary().to_ascii_lowercase();
    DEPENDENCY_WORDS.iter().any(|word| text.contains(word))
}

/// The less, the sooner it is chosen of several with one cause.
fn precedence(cluster: &Cluster) -> impl Ord {
    let located = cluster.detail.innermost_in_app().is_some();
    let frames = cluster.detail.frames.len();
    (!located, cluster.first_seen, usize::MAX - frames, cluster.fingerprint)
}

/// Whether a frame's path and a path of the repository are of one file: one ends with the other, by whole segments.
fn is_same_file(frame: &str, path: &str) -> bool {
    let segments = |path: &'_ str| {
        path.split(['/', '\\'])
            .filter(|segment| !segment.is_empty() && *segment != ".")
            .map(str::to_owned)
            .rev()
            .collect::<Vec<_>>()
    };
    let (frame, path) = (segments(frame), segments(path));
    !frame.is_empty() && !path.is_empty() && frame.iter().zip(&path).all(|(one, other)| one == other)
}

/// Places that have a cause in common, directly or by way of others.
struct Groups {
    parents: Vec<usize>,
    by_cause: BTreeMap<Cause, usize>,
}

impl Groups {
    fn new(places: usize) -> Self {
        Self { parents: (0..places).collect(), by_cause: BTreeMap::new() }
    }

    fn add(&mut self, place: usize, causes: impl IntoIterator<Item = Cause>) {
        for cause in causes {
            let other = *self.by_cause.entry(cause).or_insert(place);
            self.join(place, other);
        }
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.of(one), self.of(other));
        self.parents[one.max(other)] = one.min(other);
    }

    fn of(&mut self, mut place: usize) -> usize {
        while self.parents[place] != place {
            self.parents[place] = self.parents[self.parents[place]];
            place = self.parents[place];
        }
        place
    }
}

#[cfg(test)]
mod tests;
