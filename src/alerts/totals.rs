//! How many deliveries went how, since the start.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Kind;

/// How a try of a delivery went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// The target has it.
    Sent,
    /// It is tried again.
    Retried,
    /// It was given up.
    Failed,
}

impl Went {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Sent, Self::Retried, Self::Failed];

    /// The name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retried => "retried",
            Self::Failed => "failed",
        }
    }
}

/// Tries by target and how they went.
#[derive(Debug, Default)]
pub struct Totals([[AtomicU64; Went::ALL.len()]; Kind::ALL.len()]);

impl Totals {
    /// Counts one.
    pub(super) fn count(&self, kind: Kind, went: Went) {
        self.0[kind as usize][went as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    #[must_use]
    pub fn of(&self, kind: Kind, went: Went) -> u64 {
        self.0[kind as usize][went as usize].load(Ordering::Relaxed)
    }
}
