//! Plain values that every room shares: a borrowed log record, its severity, what a cluster is and what a fix is.
//!
//! Nothing here reads a clock, a file or the network, and nothing here knows another room.

mod access;
mod alert;
mod budget;
mod cluster;
mod durations;
mod family;
mod fence;
mod fingerprint;
mod fix;
mod hole;
mod live;
mod no_fix;
mod outcome;
mod proposal;
mod record;
pub mod samples;
mod severity;
mod time;
mod token;
mod transport;

pub use access::{InvalidHash, KnownToken, TokenHash, TokenScope, Tokens};
pub use alert::AlertRule;
pub use budget::{Breaker, Cap, Exceeded, Expense, Limits};
pub use cluster::{
    Activity, Cluster, ClusterDetail, ClusterStatus, Delta, Frame, HeldBack, MASK, Sample, Verdict,
    WindowSummary,
};
pub use durations::Durations;
pub use family::{Alias, Family, Merging, Template};
pub use fence::Fence;
pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use fix::{Fix, FixStatus};
pub use hole::{Hole, Passage, Way};
pub use live::Live;
pub use no_fix::{NoFix, NoFixReason, Unfixed};
pub use outcome::{Allowance, Outcome};
pub use proposal::{Decision, ProposalStatus, RuleProposal};
pub use record::{CodeLocation, Exception, LogRecord, Resource, Scope};
pub use severity::{Category, Severity, SeverityNumber, UnknownName};
pub use time::UnixNanos;
pub use token::{Token, presented};
pub use transport::Transport;
