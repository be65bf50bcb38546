//! GitHub: reads a repository at a commit; opens a draft pull request on a branch of our own.
//!
//! In comes a [`Proposal`]; out goes the [`PullRequest`] that stands for it. Every write looks before it creates, so that
//! going on after a crash or a lost answer never makes a second branch or pull request. There is no call here that merges,
//! overwrites a branch, deletes, or writes to a base branch: what is created is a [`Branch`], and those begin with `logmend/`.
//! A branch of ours moves forward by one commit where nobody else has moved it, and never otherwise.
//!
//! A repository may have credentials of its own: a token, or an App that is installed on it ([`Settings`]).
//!
//! REST version 2022-11-28 ("GitHub REST API documentation"), through octocrab with its own retry off: it sends a request
//! again at once, creating ones too.

mod accounts;
mod app;
mod checks;
mod client;
mod comments;
mod connection;
mod error;
mod graphql;
mod history;
mod look;
mod names;
mod read;
mod repair;
mod review;
mod stray;
mod walk;
mod write;

pub use accounts::{Account, Credentials, Scope, Settings};
pub use app::{App, InvalidPrivateKey};
pub use checks::{Check, CheckState, Origin};
pub use client::GitHub;
pub use comments::Comment;
pub use error::GitHubError;
pub use history::PastCommit;
pub use look::{Contained, Look};
pub use names::{Branch, InvalidBranch, InvalidRepoName, RepoName};
pub use read::{Base, EntryKind, Tree, TreeEntry};
pub use repair::{Advance, Readied};
pub use review::{InvalidReviewer, Reviewer};
pub use stray::Stray;
pub use write::{Change, Proposal, ProposedFile, PullRequest, PullRequestState};

#[cfg(test)]
mod tests;
