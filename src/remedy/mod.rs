//! From a claimed cluster to a checked change and its draft pull request.
//!
//! In come claims, found in the store. Claude is asked with a prompt in which all log text is redacted and marked as data;
//! it looks around in a [`snapshot`] of the repository through a few reading tools, and ends with edits or with a reason
//! why not. Edits are checked against the files before anything is written. Out goes a draft pull request, or a stored fix.
//!
//! What the model can reach is this: files of one commit of one repository. It runs nothing and writes nothing; what it
//! submits is data that [`edits`] judges.

pub mod agent;
pub mod edits;
mod follow;
pub mod paths;
pub mod prompt;
pub mod pull_request;
pub mod snapshot;
mod task;
pub mod tools;

pub use follow::{Follow, Wakes, watch};
pub use task::{Remedy, run};

use std::time::Duration;

use crate::claude::ClaudeError;
use crate::github::{GitHubError, RepoName};
use crate::store::StoreError;

/// Which repository is mended, and for how much.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The services' repository; without it no fix can be written.
    pub repository: Option<RepoName>,
    /// The branch that fixes are for; the repository's default branch where `None`.
    pub base_branch: Option<String>,
    /// US dollars that one fix may cost. Default 2: three times what one costs as a rule.
    pub usd_per_fix_max: f64,
    /// How long an error must be silent after its change is deployed until it counts as fixed. Default: a day.
    pub silence: Duration,
}

/// Why a fix did not get further.
#[derive(Debug, thiserror::Error)]
pub enum RemedyError {
    /// No repository is configured.
    #[error("GITHUB_REPOSITORY is not set: there is no source to mend")]
    NoRepository,
    /// The store lost the cluster.
    #[error("the store does not know this error any more")]
    NoCluster,
    /// Every try ended in a crash or a stop.
    #[error("work on it was cut off {0} times, by a crash or a stop")]
    Interrupted(u32),
    /// Claude did not answer, or refused.
    #[error(transparent)]
    Claude(#[from] ClaudeError),
    /// GitHub did not answer, or refused.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The change cannot be proposed.
    #[error("the change cannot be proposed: {0}")]
    Unfit(String),
}

impl RemedyError {
    /// Whether the same work may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Claude(error) => error.is_transient(),
            Self::GitHub(error) => error.is_transient(),
            Self::Store(_) => true,
            Self::NoRepository | Self::NoCluster | Self::Interrupted(_) | Self::Unfit(_) => false,
        }
    }

    /// How long Claude or GitHub asks to wait before the next call, where one of them does.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Claude(error) => error.wait(),
            Self::GitHub(error) => error.wait(),
            _ => None,
        }
    }
}
