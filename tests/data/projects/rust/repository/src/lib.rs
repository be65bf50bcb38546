//! What sensors measured.

/// The readings of one sensor, in tenths of a degree.
pub struct Series {
    pub sensor: &'static str,
    pub readings: Vec<i32>,
}

impl Series {
    /// The reading in the middle; `None` where nothing was measured.
    pub fn median(&self) -> Option<i32> {
        let mut sorted = self.readings.clone();
        sorted.sort_unstable();
        Some(sorted[sorted.len() / 2])
    }
}
