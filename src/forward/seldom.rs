//! A log line that must not flood.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one kind of trouble is told.
const EVERY: Duration = Duration::from_mins(1);

/// Lets one through a minute. The lock is held for a comparison.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it is time to tell again.
    pub(super) fn now(&self) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|told| told.elapsed() >= EVERY);
        if due {
            *told = Some(Instant::now());
        }
        due
    }
}
