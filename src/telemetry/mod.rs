//! logmend's own logs, and the clock that the edges read.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::model::UnixNanos;

/// What is printed where nobody says otherwise: our own lines from INFO, libraries' from WARN.
const DEFAULT_FILTER: &str = "warn,logmend=info";

/// Where logmend's own log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The service: its log is its output.
    Stdout,
    /// A command whose output is its result.
    Stderr,
}

/// Begins to print log lines. `filter` is `RUST_LOG`'s syntax; `None`, or one that cannot be read, is the default.
pub fn init(output: Output, filter: Option<&str>) {
    let filter = filter
        .and_then(|filter| EnvFilter::try_new(filter).ok())
        .unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER));
    match output {
        Output::Stdout => install(filter, std::io::stdout, std::io::stdout().is_terminal()),
        Output::Stderr => install(filter, std::io::stderr, std::io::stderr().is_terminal()),
    }
}

fn install<W: for<'w> MakeWriter<'w> + Send + Sync + 'static>(filter: EnvFilter, writer: W, colour: bool) {
    // A second call, as in a test, keeps the first one's subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(colour)
        .with_target(false)
        .try_init();
}

/// The time of the wall clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> UnixNanos {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixNanos(since_1970.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
}
