//! From a claimed cluster to a checked change and its draft pull request.
//!
//! In come claims, found in the store. [`places`] says where the service's source is, [`evidence`] gathers what is known of the error
//! beside its records, [`mapping`] finds the files that its frames name. Claude is asked with a prompt in which all log text is redacted and marked as data;
//! it looks around in a [`snapshot`] of the repository through a few reading tools, and ends with edits or with a reason
//! why not. Edits are checked against the files before anything is written. Out goes a draft pull request, or a stored fix.
//!
//! What the model can reach is this: files of one commit of one repository. It runs nothing and writes nothing; what it
//! submits is data that [`edits`] judges, with [`checks`] of the whole and [`syntax`] of each file.

pub mod agent;
pub mod checks;
pub mod edits;
pub mod evidence;
mod follow;
pub mod mapping;
mod opening;
pub mod owners;
pub mod paths;
pub mod pattern;
pub mod places;
pub mod prompt;
pub mod pull_request;
pub mod snapshot;
pub mod syntax;
mod task;
pub mod tools;
mod written;

pub use checks::{Reason, Refusal};
pub use follow::{Follow, Wakes, watch};
pub use task::{Remedy, run};

use std::time::Duration;

use crate::claude::ClaudeError;
use crate::github::{GitHubError, RepoName};
use crate::model::{Cap, Exceeded, Limits, Live, NoFix};
use crate::purse::PurseError;
use crate::store::StoreError;

/// Which repository is mended, and for how much.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The services' repository; without it no fix can be written.
    pub repository: Option<RepoName>,
    /// The branch that fixes are for; the repository's default branch where `None`.
    pub base_branch: Option<String>,
    /// What is different for single services.
    pub services: places::Services,
    /// How long an error must be silent after its change is deployed until it counts as fixed. Default: a day.
    pub silence: Duration,
    /// What may be spent and opened.
    pub limits: Live<Limits>,
}

/// How long is waited for credentials to be renewed before they are tried again.
const CREDENTIALS_AWAITED: Duration = Duration::from_mins(10);

/// Why a fix did not get further.
#[derive(Debug, thiserror::Error)]
pub enum RemedyError {
    /// No repository is configured.
    #[error(
        "neither GITHUB_REPOSITORY nor the service's table in LOGMEND_SERVICES names a repository: there is no source to mend"
    )]
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
    /// No change held, or the one that did holds no more.
    #[error("no submitted change held ({}): {}", .0.reason, .0.told)]
    Refused(#[from] Refusal),
    /// What Claude may cost is used up, for this fix or for now.
    #[error(transparent)]
    Spent(#[from] Exceeded),
    /// As many pull requests are open, or were opened, as may be.
    #[error(transparent)]
    Cap(#[from] Cap),
    /// The change cannot be proposed.
    #[error("the change cannot be proposed: {0}")]
    Unfit(String),
}

impl RemedyError {
    /// Whether the same work may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            // A key or a token that expired is renewed some day, and the error is still there then.
            Self::Claude(error) => error.is_transient() || error.is_about_the_key(),
            Self::GitHub(error) => error.is_transient() || error.is_about_the_credentials(),
            Self::Store(_) | Self::Cap(_) => true,
            Self::Spent(exceeded) => exceeded.passes(),
            Self::NoRepository
            | Self::NoCluster
            | Self::Interrupted(_)
            | Self::Refused(_)
            | Self::Unfit(_) => false,
        }
    }

    /// Whether nothing is wrong, and the work waits for room in a limit.
    #[must_use]
    pub fn is_for_lack_of_room(&self) -> bool {
        match self {
            Self::Cap(_) => true,
            Self::Spent(exceeded) => exceeded.passes(),
            _ => false,
        }
    }

    /// The code of why there is no pull request.
    #[must_use]
    pub fn no_fix(&self) -> NoFix {
        match self {
            Self::NoRepository => NoFix::Unmapped,
            Self::GitHub(GitHubError::SecretFound { .. }) => NoFix::SecretBlocked,
            Self::Cap(_) => NoFix::PrCap,
            Self::Spent(_) => NoFix::Budget,
            Self::Refused(refusal) => refusal.reason.into(),
            error if error.is_transient() => NoFix::Waiting,
            _ => NoFix::Failed,
        }
    }

    /// How long Claude or GitHub asks to wait before the next call, where one of them does.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Claude(error) if error.is_about_the_key() => Some(CREDENTIALS_AWAITED),
            Self::GitHub(error) if error.is_about_the_credentials() => Some(CREDENTIALS_AWAITED),
            Self::Claude(error) => error.wait(),
            Self::GitHub(error) => error.wait(),
            _ => None,
        }
    }
}

impl From<edits::JudgeError> for RemedyError {
    fn from(error: edits::JudgeError) -> Self {
        match error {
            edits::JudgeError::Refused(refusal) => refusal.into(),
            edits::JudgeError::GitHub(error) => error.into(),
        }
    }
}

impl From<PurseError> for RemedyError {
    fn from(error: PurseError) -> Self {
        match error {
            PurseError::Exceeded(exceeded) => exceeded.into(),
            PurseError::Claude(error) => error.into(),
            PurseError::Store(error) => error.into(),
        }
    }
}
