//! How far the reading is, and how fast, drawn on a terminal.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::lines::{Consumed, is_stdin};

/// How often the bar is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(100);
/// How wide it is.
const BAR: usize = 25;

/// A bar over all files. Its share is one of bytes as the files hold them, compressed or not.
pub(super) struct Progress {
    /// Of the files that are done.
    bytes_done: u64,
    /// Of the file that is read.
    consumed: Consumed,
    /// Of all files together; 0 where it is not known.
    bytes_all: u64,
    lines: u64,
    begun: Instant,
    drawn: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        let bytes_all =
            if files.iter().any(|file| is_stdin(file)) { 0 } else { files.iter().map(size).sum() };
        Self {
            bytes_done: 0,
            consumed: Consumed::default(),
            bytes_all,
            lines: 0,
            begun: Instant::now(),
            drawn: None,
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// The next file begins.
    pub(super) fn begin(&mut self, consumed: Consumed) {
        self.bytes_done += self.consumed.bytes();
        self.consumed = consumed;
    }

    /// A line was read.
    #[expect(clippy::print_stderr, reason = "the command line's own voice")]
    pub(super) fn read(&mut self) {
        self.lines += 1;
        if self.is_terminal && self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAWN_EVERY) {
            self.drawn = Some(Instant::now());
            eprint!("\r\x1b[K{}", self.text(self.begun.elapsed()));
        }
    }

    fn text(&self, took: Duration) -> String {
        let bytes = self.bytes_done + self.consumed.bytes();
        let rate = u128::from(self.lines) * 1_000 / took.as_millis().max(1);
        let read = format!("{} lines, {rate} lines/s", self.lines);
        let Some(percent) = (bytes * 100).checked_div(self.bytes_all) else { return read };
        let percent = percent.min(100);
        let done = usize::try_from(percent).unwrap_or(0) * BAR / 100;
        format!("[{:BAR$}] {percent:3} %, {read}", "=".repeat(done))
    }

    /// Takes the bar away.
    #[expect(clippy::print_stderr, reason = "the command line's own voice")]
    pub(super) fn clear(&self) {
        if self.drawn.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_tells_share_and_rate() {
        let mut progress = Progress::of(&["/nonexistent".into()]);
        progress.lines = 3_000;
        assert_eq!(progress.text(Duration::from_secs(2)), "3000 lines, 1500 lines/s");
        (progress.bytes_all, progress.bytes_done) = (200, 100);
        let half = format!("[{:25}]  50 %, 3000 lines, 1500 lines/s", "=".repeat(12));
        assert_eq!(progress.text(Duration::from_secs(2)), half);
    }
}
