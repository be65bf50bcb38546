//! Records that share a fingerprint: what is known of them, and what one request adds.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Category, Fingerprint, Merging, Passage, Severity, SeverityNumber, UnixNanos, UnknownName};

/// What stands for a value in the template of a message, whatever its kind: one value may be an address today and a name
/// tomorrow.
pub const MASK: &str = "<*>";

/// What the classifier says of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The id of the rule that held, or [`Verdict::NO_RULE`] where none did.
    pub rule: Arc<str>,
    /// What kind of error it is.
    pub category: Category,
    /// How bad it is.
    pub severity: Severity,
    /// Whether a change in the service's repository can plausibly mend it.
    pub fixable: bool,
    /// A sentence on how such errors are mended.
    pub suggested_fix: Arc<str>,
}

/// One frame of a stack trace, as the trace names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The file, with forward slashes; for Java the class' file name; empty where the trace names none.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The function, with its class or module where the trace names them; empty where it names none.
    pub function: String,
    /// Whether it is the service's own code, not a library's or the runtime's.
    pub in_app: bool,
}

/// What is known of a cluster beside its counts. All text in it is redacted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterDetail {
    /// `service.name`, or `unknown_service`.
    pub service: String,
    /// The exception's type; empty where the records carry none.
    pub error_type: String,
    /// The message with what varies masked.
    pub message: String,
    /// The frames of the trace that failed, innermost first.
    pub frames: Vec<Frame>,
    /// The stack trace as it was logged, cut to a bound; empty where there is none.
    pub stack_trace: String,
    /// `service.version`; empty where unset.
    pub service_version: String,
    /// `deployment.environment.name`; empty where unset.
    pub environment: String,
    /// `vcs.repository.url.full`; empty where unset.
    pub vcs_repository_url: String,
    /// `vcs.ref.head.revision`; empty where unset.
    pub vcs_revision: String,
    /// `vcs.ref.head.name`, the branch or tag; empty where unset.
    pub vcs_ref_name: String,
    /// `service.namespace`; empty where unset.
    pub service_namespace: String,
    /// `telemetry.sdk.language`; empty where unset.
    pub language: String,
    /// Whether the fingerprint is made of the message, not of frames: its message may then be one of many that are one
    /// error. `frames` does not tell, since it also shows where a record without a trace was written.
    pub named_by_message: bool,
}

impl ClusterDetail {
    /// The innermost frame of the service's own code: what `file`, `line` and `function` of an error tell.
    #[must_use]
    pub fn innermost_in_app(&self) -> Option<&Frame> {
        self.frames.iter().find(|frame| frame.in_app)
    }
}

/// One record of a cluster, kept as an example. Its text is redacted and cut to a bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// When it happened.
    pub occurred: UnixNanos,
    /// The body, or the exception's message where the body is empty.
    pub body: String,
    /// 32 hex digits, or empty.
    pub trace_id: String,
    /// Its attributes, and the other entries of a body that is a map or JSON; what nests is compact JSON.
    pub attributes: BTreeMap<String, String>,
}

/// What one request adds to one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The cluster.
    pub fingerprint: Fingerprint,
    /// How many records, 1 or more.
    pub count: u64,
    /// The earliest of them.
    pub first_seen: UnixNanos,
    /// The latest of them.
    pub last_seen: UnixNanos,
    /// The greatest severity number among them.
    pub severity_number: SeverityNumber,
    /// The gravest verdict among them.
    pub verdict: Verdict,
    /// Present where the cluster may be new to the store.
    pub detail: Option<Arc<ClusterDetail>>,
    /// Examples worth keeping.
    pub samples: Vec<Sample>,
    /// What of it was held back from the next hop.
    pub held: HeldBack,
    /// Those that happened in a hole: they count unless they came the other way before.
    pub passages: Vec<Passage>,
}

/// Records that did not go on to the next hop: one summary tells of them at the window's end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// How many.
    pub count: u64,
    /// The traces of the first few, at most [`HeldBack::TRACE_IDS_MAX`].
    pub trace_ids: Vec<[u8; 16]>,
}

/// What is told of one cluster of a window that is over, where some of its records were held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowSummary {
    /// When the window began.
    pub window_start: UnixNanos,
    /// When it was closed.
    pub window_end: UnixNanos,
    /// The cluster, with the counts and times of this window and without examples.
    pub cluster: Cluster,
    /// The greatest severity number in this window.
    pub severity_number: SeverityNumber,
    /// What was held back.
    pub held: HeldBack,
}

impl HeldBack {
    /// How many traces a summary names: enough to look at, few enough to read.
    pub const TRACE_IDS_MAX: usize = 5;

    /// Counts one more record.
    pub fn add(&mut self, trace_id: Option<[u8; 16]>) {
        self.merge(Self { count: 1, trace_ids: trace_id.into_iter().collect() });
    }

    /// Takes in what else was held back.
    pub fn merge(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        for trace_id in other.trace_ids {
            if self.trace_ids.len() < Self::TRACE_IDS_MAX && !self.trace_ids.contains(&trace_id) {
                self.trace_ids.push(trace_id);
            }
        }
    }
}

impl Delta {
    /// Takes in another delta of the same cluster. Counts add up, times and severities take the extremes,
    /// so the order in which deltas meet is of no matter to them.
    pub fn merge(&mut self, other: Self) {
        debug_assert_eq!(self.fingerprint, other.fingerprint, "deltas of two clusters");
        self.count = self.count.saturating_add(other.count);
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.severity_number = self.severity_number.max(other.severity_number);
        if other.verdict.is_graver_than(&self.verdict) {
            self.verdict = other.verdict;
        }
        self.detail = self.detail.take().or(other.detail);
        self.samples.extend(other.samples);
        self.held.merge(other.held);
        self.passages.extend(other.passages);
    }
}

impl Verdict {
    /// What stands in place of a rule's id where no rule held.
    pub const NO_RULE: &str = "internal_error";

    /// What stands there where more distinct errors came than one window keeps apart, and they are counted together.
    pub const TOO_MANY: &str = "too-many-distinct-errors";

    /// How the ids of learned rules begin.
    pub const LEARNED_PREFIX: &str = "learned-";

    /// Whether a learned rule held: its words are a model's that has read log text, and are data where they are shown.
    #[must_use]
    pub fn is_learned(&self) -> bool {
        self.rule.starts_with(Self::LEARNED_PREFIX)
    }

    /// Whether it stands before another of the same cluster: graver, else fixable, else first by rule.
    /// A total order, so that the cluster's verdict does not depend on which record came first.
    #[must_use]
    pub fn is_graver_than(&self, other: &Self) -> bool {
        (self.severity, self.fixable, &other.rule) > (other.severity, other.fixable, &self.rule)
    }
}

/// Where a cluster stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClusterStatus {
    /// First seen in the latest window.
    New,
    /// Seen in an earlier window too.
    Ongoing,
    /// Seen again after its fix was merged.
    Regressed,
    /// A fix is proposed.
    FixProposed,
    /// Its fix was merged and it has not been seen since.
    Fixed,
    /// People said to leave it.
    Ignored,
}

impl ClusterStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::New, Self::Ongoing, Self::Regressed, Self::FixProposed, Self::Fixed, Self::Ignored];

    /// The name in JSON and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ongoing => "ongoing",
            Self::Regressed => "regressed",
            Self::FixProposed => "fix_proposed",
            Self::Fixed => "fixed",
            Self::Ignored => "ignored",
        }
    }
}

impl fmt::Display for ClusterStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ClusterStatus {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|status| status.as_str() == name).ok_or_else(|| UnknownName {
            given: name.to_owned(),
            allowed: "new, ongoing, regressed, fix_proposed, fixed, ignored",
        })
    }
}

/// Whether an error goes on, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// First seen in the latest window that it was seen in, and going on.
    New,
    /// Going on.
    Ongoing,
    /// Going on although its fix was merged.
    Regressed,
    /// Not seen for a day.
    Quiet,
}

/// A cluster as the store knows it; where several were found to be one error, all of them together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its id.
    pub fingerprint: Fingerprint,
    /// What kind of error, how bad, whether fixable: the gravest verdict of all.
    pub verdict: Verdict,
    /// Service, type, message, trace.
    pub detail: ClusterDetail,
    /// How many records: in all windows, or in one where a window's clusters are asked for.
    pub count: u64,
    /// The earliest of them.
    pub first_seen: UnixNanos,
    /// The latest of them.
    pub last_seen: UnixNanos,
    /// Where it stands.
    pub status: ClusterStatus,
    /// Examples, at most [`Cluster::SAMPLES_MAX`], earliest first.
    pub examples: Vec<Sample>,
    /// The fix that claimed it, if one did.
    pub fix_id: Option<String>,
    /// How it came together.
    pub merging: Merging,
}

impl Cluster {
    /// How long the texts are that whoever logs chose: its trace and its samples, in bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let of = |sample: &Sample| {
            sample.body.len()
                + sample.attributes.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
        };
        self.detail.stack_trace.len()
            + self.detail.message.len()
            + self.examples.iter().map(of).sum::<usize>()
    }

    /// How many examples a cluster keeps: enough to show what varies, few enough to read.
    pub const SAMPLES_MAX: usize = 5;

    /// After how long without a record it is quiet: a day holds each hour's load once.
    const QUIET_AFTER: UnixNanos = UnixNanos(24 * 3_600 * 1_000_000_000);

    /// Whether it goes on at `now`.
    #[must_use]
    pub fn activity(&self, now: UnixNanos) -> Activity {
        match self.status {
            _ if now.0.saturating_sub(self.last_seen.0) >= Self::QUIET_AFTER.0 => Activity::Quiet,
            ClusterStatus::New => Activity::New,
            ClusterStatus::Regressed => Activity::Regressed,
            _ => Activity::Ongoing,
        }
    }

    /// One line that names the error: its type and message, or the message alone.
    #[must_use]
    pub fn summary(&self) -> String {
        match (self.detail.error_type.as_str(), self.detail.message.as_str()) {
            ("", message) => message.to_owned(),
            (error_type, "") => error_type.to_owned(),
            (error_type, message) if message.starts_with(error_type) => message.to_owned(),
            (error_type, message) => format!("{error_type}: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(count: u64, at: u64, severity: Severity, rule: &str) -> Delta {
        Delta {
            fingerprint: Fingerprint::from_bytes([1; 16]),
            count,
            first_seen: UnixNanos(at),
            last_seen: UnixNanos(at),
            severity_number: SeverityNumber::ERROR,
            verdict: Verdict {
                rule: rule.into(),
                category: Category::INTERNAL_ERROR,
                severity,
                fixable: false,
                suggested_fix: "".into(),
            },
            detail: None,
            samples: Vec::new(),
            held: HeldBack::default(),
            passages: Vec::new(),
        }
    }

    #[test]
    fn held_back_records_are_counted_and_their_first_traces_named_once_each() {
        let mut held = HeldBack::default();
        for trace in [Some([1; 16]), None, Some([1; 16]), Some([2; 16])] {
            held.add(trace);
        }
        assert_eq!(held, HeldBack { count: 4, trace_ids: vec![[1; 16], [2; 16]] });
        held.merge(HeldBack { count: 9, trace_ids: (3..9).map(|n| [n; 16]).collect() });
        assert_eq!((held.count, held.trace_ids.len()), (13, HeldBack::TRACE_IDS_MAX));
    }

    #[test]
    fn deltas_merge_to_the_same_in_either_order() {
        let one = delta(2, 5, Severity::High, "b");
        let two = delta(3, 9, Severity::High, "a");
        let (mut forth, mut back) = (one.clone(), two.clone());
        forth.merge(two);
        back.merge(one);
        assert_eq!(forth, back);
        assert_eq!((forth.count, forth.first_seen, forth.last_seen), (5, UnixNanos(5), UnixNanos(9)));
        assert_eq!(&*forth.verdict.rule, "a");
    }
}
