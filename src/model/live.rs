//! A setting that may change while the service runs.

use std::fmt;

use tokio::sync::watch;

/// A value that its holders share: whoever sets it anew changes it for all of them. Clones are of the same value.
///
/// Take it once for each piece of work, so that the work sees one value throughout.
pub struct Live<T>(watch::Sender<T>);

impl<T> Live<T> {
    /// A value that nobody shares yet.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(watch::Sender::new(value))
    }

    /// Sets it for all holders.
    pub fn set(&self, value: T) {
        self.0.send_replace(value);
    }

    /// What `read` makes of it; a setter waits meanwhile, so it must be quick.
    #[must_use]
    pub fn with<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.0.borrow())
    }

    /// For whoever has something to do when it changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<T> {
        self.0.subscribe()
    }
}

impl<T: Clone> Live<T> {
    /// The value of now.
    #[must_use]
    pub fn get(&self) -> T {
        self.0.borrow().clone()
    }

    /// Takes over what another one holds now; the two stay apart.
    pub fn follow(&self, other: &Self) {
        self.set(other.get());
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> From<T> for Live<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Live<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|value| value.fmt(f))
    }
}

/// By their values: two settings are the same where they say the same.
impl<T: PartialEq + Clone> PartialEq for Live<T> {
    fn eq(&self, other: &Self) -> bool {
        // One after the other: both at once could wait for each other.
        let own = self.get();
        other.with(|other| own == *other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_holders_see_what_one_sets_and_nobody_else_does() {
        let (held, other) = (Live::new(1), Live::new(7));
        let holder = held.clone();
        let mut changes = holder.changes();
        assert!(!changes.has_changed().unwrap() && holder != other);
        held.follow(&other);
        assert_eq!((holder.get(), format!("{holder:?}").as_str()), (7, "7"));
        assert!(changes.has_changed().unwrap() && *changes.borrow_and_update() == 7);
        held.set(2);
        assert_eq!((holder.get(), other.get()), (2, 7));
    }
}
