//! Why records are one error: what its id is made of, and which other ids lead to it.

use super::moment;
use super::text::{self, LINE_MAX, Markup};
use crate::fingerprint::{self, ALGORITHM_VERSION, By};
use crate::model::{Cluster, UnixNanos};

/// How many frames are shown of what the id is made of.
const FRAMES_MAX: usize = 12;
/// How many other ids are shown.
const ALIASES_MAX: usize = 20;

/// What a page tells of it.
pub(super) struct Grouping {
    pub(super) version: u8,
    pub(super) service: String,
    pub(super) error_type: String,
    pub(super) message: Option<Markup>,
    pub(super) frames: Vec<Place>,
    pub(super) more_frames: usize,
    pub(super) aliases: Vec<Alias>,
    pub(super) more_aliases: u64,
    pub(super) separated: Option<Markup>,
}

/// A file and a function, as they count.
pub(super) struct Place {
    pub(super) file: String,
    pub(super) function: String,
}

/// Another id that leads to the error.
pub(super) struct Alias {
    pub(super) id: String,
    pub(super) message: Markup,
    pub(super) reason: String,
    pub(super) count: String,
    pub(super) since: Markup,
}

impl Grouping {
    pub(super) fn of(cluster: &Cluster, now: UnixNanos) -> Self {
        let inputs = fingerprint::inputs(&cluster.detail);
        let (message, places) = match inputs.by {
            By::Message(message) => (Some(text::template(&message, text::BLOCK_MAX)), Vec::new()),
            By::Frames(places) => (None, places),
        };
        let shown = |(file, function): &(String, String)| Place {
            file: text::line(file, LINE_MAX),
            function: text::line(function, LINE_MAX),
        };
        let aliases = &cluster.merging.aliases;
        Self {
            version: ALGORITHM_VERSION,
            service: text::line(&cluster.detail.service, LINE_MAX),
            error_type: text::line(&inputs.error_type, LINE_MAX),
            message,
            frames: places.iter().take(FRAMES_MAX).map(shown).collect(),
            more_frames: places.len().saturating_sub(FRAMES_MAX),
            aliases: aliases.iter().take(ALIASES_MAX).map(|alias| Alias::of(alias, now)).collect(),
            more_aliases: cluster.merging.alias_count.saturating_sub(aliases.len().min(ALIASES_MAX) as u64),
            separated: cluster.merging.separated_at.map(|at| moment::ago(at, now)),
        }
    }
}

impl Alias {
    fn of(alias: &crate::model::Alias, now: UnixNanos) -> Self {
        Self {
            id: alias.fingerprint.to_string(),
            message: text::template(&alias.message, LINE_MAX),
            reason: text::line(&alias.reason, LINE_MAX),
            count: text::number(alias.count),
            since: moment::ago(alias.since, now),
        }
    }
}
