//! How long something took, each time: what a histogram shows.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in seconds for work on this machine: a commit takes half a millisecond, and ten seconds are given up on.
const QUICK: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds in seconds for answers of a model: a second to twenty minutes.
const SLOW: &[f64] = &[1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0];

type Listener = Box<dyn Fn(Duration) + Send + Sync>;

/// Durations, counted by upper bounds. Atomics: whoever notes one never waits for whoever reads.
pub struct Durations {
    bounds: &'static [f64],
    /// One for each bound, and one for what is longer.
    counts: Vec<AtomicU64>,
    nanos: AtomicU64,
    listener: OnceLock<Listener>,
}

impl Durations {
    /// None yet, by bounds for work on this machine.
    #[must_use]
    pub fn quick() -> Self {
        Self::by(QUICK)
    }

    /// None yet, by bounds for answers of a model.
    #[must_use]
    pub fn slow() -> Self {
        Self::by(SLOW)
    }

    fn by(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, nanos: AtomicU64::new(0), listener: OnceLock::new() }
    }

    /// Notes that it took so long.
    pub fn note(&self, took: Duration) {
        let place = self.bounds.partition_point(|bound| *bound < took.as_secs_f64());
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if let Some(listener) = self.listener.get() {
            listener(took);
        }
    }

    /// Has `listener` told of each one from now on. The first listener stays.
    pub fn listen(&self, listener: impl Fn(Duration) + Send + Sync + 'static) {
        // A second one would be told by a second list of metrics, which no process has.
        let _ = self.listener.set(Box::new(listener));
    }

    /// The upper bounds in seconds, the shortest first.
    #[must_use]
    pub fn bounds(&self) -> &'static [f64] {
        self.bounds
    }

    /// For each upper bound, infinity included, how many lie between it and the one before.
    #[must_use]
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self::quick()
    }
}

impl fmt::Debug for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.buckets()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn each_is_counted_once_below_its_bound_and_told() {
        let durations = Durations::quick();
        let told = Arc::new(AtomicU64::new(0));
        let listening = Arc::clone(&told);
        durations.note(Duration::from_mins(1));
        durations.listen(move |_| {
            listening.fetch_add(1, Ordering::Relaxed);
        });
        durations.note(Duration::from_millis(5));
        durations.note(Duration::from_millis(6));
        let counted: Vec<_> = durations.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(0.005, 1), (0.01, 1), (f64::INFINITY, 1)]);
        assert_eq!(durations.sum(), Duration::from_millis(60_011));
        assert_eq!(told.load(Ordering::Relaxed), 2);
    }
}
