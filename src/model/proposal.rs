//! A rule that was proposed for an error that no rule knew.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Fingerprint, UnixNanos, UnknownName, Verdict};

/// Where a proposed rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProposalStatus {
    /// Claude is being asked.
    Asking,
    /// It passed its trial and waits for people.
    Proposed,
    /// It is in use.
    Approved,
    /// People do not want it, or took it back.
    Rejected,
    /// It did not pass, or there is none; the reason says why.
    Refused,
}

impl ProposalStatus {
    const ALL: [Self; 5] = [Self::Asking, Self::Proposed, Self::Approved, Self::Rejected, Self::Refused];

    /// The name in JSON and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::Proposed => "proposed",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for ProposalStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ProposalStatus {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|status| status.as_str() == name).ok_or_else(|| UnknownName {
            given: name.to_owned(),
            allowed: "asking, proposed, approved, rejected, refused",
        })
    }
}

/// What people say of a proposed rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Use it.
    Approve,
    /// Do not use it.
    Reject,
    /// Do not use it any more.
    Revoke,
}

impl Decision {
    /// The states that it can be said of. What was rejected can still be approved: people change their minds.
    #[must_use]
    pub fn applies_to(self) -> &'static [ProposalStatus] {
        match self {
            Self::Approve => &[ProposalStatus::Proposed, ProposalStatus::Rejected],
            Self::Reject => &[ProposalStatus::Proposed],
            Self::Revoke => &[ProposalStatus::Approved],
        }
    }

    /// Where the rule stands after it.
    #[must_use]
    pub fn leads_to(self) -> ProposalStatus {
        match self {
            Self::Approve => ProposalStatus::Approved,
            Self::Reject | Self::Revoke => ProposalStatus::Rejected,
        }
    }

    /// The name in the audit trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve_rule",
            Self::Reject => "reject_rule",
            Self::Revoke => "revoke_rule",
        }
    }
}

/// A proposed rule as the store knows it. All text in it is redacted.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleProposal {
    /// The rule's id, `learned-<first 12 hex digits of the fingerprint>`.
    pub id: String,
    /// The error that it was proposed for.
    pub fingerprint: Fingerprint,
    /// The rule as a rules file has it; empty where none came of it.
    pub rule: String,
    /// Where it stands.
    pub status: ProposalStatus,
    /// Why it was refused; empty otherwise.
    pub reason: String,
    /// How many errors of its window it was seen to match, its own included.
    pub would_match: u64,
    /// The model that was asked.
    pub model: String,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// What it cost, in US dollars; while it is asked for, the most that it may cost.
    pub cost_usd: f64,
    /// When it was asked for.
    pub created_at: UnixNanos,
    /// When it was decided on.
    pub decided_at: Option<UnixNanos>,
    /// Who decided: `api` for people, `logmend` where rules are used at once; empty before.
    pub decided_by: String,
}

impl RuleProposal {
    /// The id of the rule for an error: the same whoever proposes it, whenever.
    #[must_use]
    pub fn id_for(fingerprint: Fingerprint) -> String {
        format!("{}{}", Verdict::LEARNED_PREFIX, fingerprint.short())
    }
}
