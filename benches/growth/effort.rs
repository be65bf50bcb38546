//! How much is done: as `cargo bench` asks for, or as a test that it works.

use std::time::Duration;

use super::series::median;

/// The rate of records that are sent as fast as they are taken.
pub(crate) const LIMIT: u32 = 0;

pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// For how long records are sent at each point.
    pub(crate) time: Duration,
    /// And before the clock starts.
    pub(crate) warm_up: Duration,
    /// Records a second, in the order of what comes of them.
    pub(crate) rates: &'static [u32],
    pub(crate) literals: &'static [u32],
    /// Records that literals are looked for in.
    pub(crate) texts: u32,
    pub(crate) errors: &'static [u32],
    /// Records at each number of distinct errors.
    pub(crate) records: u32,
    pub(crate) connections: &'static [u32],
    /// Records a second over all of these connections.
    pub(crate) connections_rate: u32,
    pub(crate) replicas: &'static [u32],
}

pub(crate) const MEASURE: Effort = Effort {
    rounds: 3,
    time: Duration::from_secs(4),
    warm_up: Duration::from_millis(500),
    rates: &[1_000, 3_000, 10_000, 30_000, 100_000, 300_000, LIMIT],
    literals: &[1, 10, 100, 1_000, 10_000],
    texts: 100_000,
    errors: &[10, 100, 1_000, 10_000, 100_000, 1_000_000],
    records: 1_000_000,
    connections: &[1, 2, 4, 8, 16, 32, 64],
    connections_rate: 30_000,
    replicas: &[1, 2, 3, 4],
};

pub(crate) const TRY_OUT: Effort = Effort {
    rounds: 1,
    time: Duration::from_millis(300),
    warm_up: Duration::from_millis(100),
    rates: &[1_000, LIMIT],
    literals: &[1, 10],
    texts: 200,
    errors: &[10, 100],
    records: 1_000,
    connections: &[1, 4],
    connections_rate: 1_000,
    replicas: &[1, 2],
};

impl Effort {
    /// What was measured at each point: the medians of its values. All points are measured in turn, so that what else the
    /// machine does falls on all of them.
    pub(crate) fn medians<const N: usize>(
        &self,
        points: &[u32],
        mut measure: impl FnMut(u32) -> [f64; N],
    ) -> Vec<[f64; N]> {
        let rounds: Vec<Vec<[f64; N]>> =
            (0..self.rounds).map(|_| points.iter().map(|point| measure(*point)).collect()).collect();
        let of_point = |point: usize| {
            std::array::from_fn(|value| median(rounds.iter().map(|round| round[point][value])))
        };
        (0..points.len()).map(of_point).collect()
    }
}

/// The points as numbers of an axis.
pub(crate) fn axis(points: &[u32]) -> Vec<f64> {
    points.iter().map(|point| f64::from(*point)).collect()
}

/// One of the values at each point.
pub(crate) fn column<const N: usize>(rows: &[[f64; N]], at: usize) -> Vec<f64> {
    rows.iter().map(|row| row[at]).collect()
}
