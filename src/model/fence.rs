//! The number of a term of leadership.

use std::fmt;

/// Which term of leadership a write is of. Each term has a greater number than all before it, so that the store can tell a
/// leader that does not know yet that its term is over (Kleppmann, "How to do distributed locking", 2016).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub i64);

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
