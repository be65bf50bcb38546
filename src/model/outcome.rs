//! What people did with pull requests, and what they said about it.

use super::{Category, UnixNanos};

/// How a pull request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The fix.
    pub fix_id: String,
    /// The service that the error is of.
    pub service: String,
    /// The error's category when the fix was begun.
    pub category: Category,
    /// True: people merged it. False: they closed it unmerged.
    pub merged: bool,
    /// When.
    pub ended_at: UnixNanos,
    /// When the error was last seen.
    pub last_seen: UnixNanos,
}

/// People's word that a category may be mended at a service again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The service.
    pub service: String,
    /// The category.
    pub category: Category,
    /// When they said so: what ended before counts no more.
    pub allowed_at: UnixNanos,
    /// Who.
    pub allowed_by: String,
}
