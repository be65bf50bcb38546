//! A proposed change, and its pull request if there is one.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Category, Fingerprint, Severity, UnixNanos, UnknownName};

/// Where a fix stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FixStatus {
    /// Claimed; waits for its turn, or for another try after a passing fault.
    Pending,
    /// Claude is being asked, or the pull request is being opened.
    Generating,
    /// Claude found no change that it would stand for.
    Declined,
    /// It came to nothing; the reason says why.
    Failed,
    /// A change is stored, no pull request was asked for.
    Proposed,
    /// A draft pull request stands.
    Draft,
    /// The pull request waits for review.
    Ready,
    /// Its checks failed and a second change is being written.
    Repairing,
    /// People merged it.
    Merged,
    /// People closed it unmerged; it rests for good.
    Closed,
    /// The error came back after the merge.
    Regressed,
}

impl FixStatus {
    /// Every status.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Generating,
        Self::Declined,
        Self::Failed,
        Self::Proposed,
        Self::Draft,
        Self::Ready,
        Self::Repairing,
        Self::Merged,
        Self::Closed,
        Self::Regressed,
    ];

    /// The name in JSON and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Generating => "generating",
            Self::Declined => "declined",
            Self::Failed => "failed",
            Self::Proposed => "proposed",
            Self::Draft => "draft",
            Self::Ready => "ready",
            Self::Repairing => "repairing",
            Self::Merged => "merged",
            Self::Closed => "closed",
            Self::Regressed => "regressed",
        }
    }
}

impl fmt::Display for FixStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for FixStatus {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
            .ok_or_else(|| UnknownName {
                given: name.to_owned(),
                allowed: "pending, generating, declined, failed, proposed, draft, ready, repairing, merged, closed, regressed",
            })
    }
}

impl Fix {
    /// Which attempt at its error this is, from 1: people may ask for another.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.id.rsplit('-').next().and_then(|attempt| attempt.parse().ok()).unwrap_or(1)
    }
}

/// A fix as the store knows it. All text in it is redacted.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// `<first 12 hex digits of the fingerprint>-<attempt>`.
    pub id: String,
    /// What was claimed for it. Its branch is named after this, whatever the error's id is by now.
    pub fingerprint: Fingerprint,
    /// The error that it mends: `fingerprint`, or what that leads to since it became an alias.
    pub error_id: Fingerprint,
    /// The error in one line.
    pub error_message: String,
    /// The error's category.
    pub error_category: Category,
    /// The error's severity.
    pub severity: Severity,
    /// Where it stands.
    pub status: FixStatus,
    /// Why it was declined or failed, or what it waits for; empty otherwise.
    pub reason: String,
    /// How many times work on it was begun and not ended: by a result, or by a passing fault that is to be waited out.
    pub tries: u32,
    /// The root cause, as Claude found it.
    pub analysis: String,
    /// What the change does.
    pub proposed_fix: String,
    /// Unified diffs by path.
    pub code_changes: BTreeMap<String, String>,
    /// What Claude submitted, as JSON: with it the pull request can be opened after a restart without asking again.
    pub submission: Option<String>,
    /// The repository, `owner/name`; empty until known.
    pub repository: String,
    /// The commit that the change was made against; empty until known.
    pub base_commit: String,
    /// The branch; empty until known.
    pub branch: String,
    /// The pull request's page.
    pub pr_url: Option<String>,
    /// When the claim was made.
    pub created_at: UnixNanos,
    /// When the change was written.
    pub generated_at: Option<UnixNanos>,
    /// When people merged or closed the pull request.
    pub ended_at: Option<UnixNanos>,
    /// The model that wrote it; empty until asked.
    pub model: String,
    /// Tokens sent, cached ones included.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// What it cost, in US dollars.
    pub cost_usd: f64,
}
impl Fix {
    /// Whether it is under way, waits for people, or did what it was to do. One that failed stands as long as something of it may be
    /// at GitHub: a second branch beside that would be a second pull request.
    #[must_use]
    pub fn stands(&self) -> bool {
        match self.status {
            FixStatus::Declined | FixStatus::Closed | FixStatus::Regressed => false,
            FixStatus::Failed => self.pr_url.is_some() || !self.branch.is_empty(),
            _ => true,
        }
    }

    /// Whether people may ask for another, or for the pull request of a change that is stored.
    #[must_use]
    pub fn may_be_asked_for_again(&self) -> bool {
        !self.stands() || self.status == FixStatus::Proposed
    }
}
