//! What was found: one line for each check, as people or programs read it.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::ArgMatches;
use serde_json::{Value, json};

use crate::config::Sources;
use crate::redact;

/// How wide the names of peers are shown.
const PEER_WIDTH: usize = 22;
/// How much of what was seen is shown; what peers say of themselves may be long.
const SEEN_BYTES_MAX: usize = 600;

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Table,
    Json,
}

impl Format {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let is_json = matches.get_one::<String>("format").is_some_and(|format| format == "json");
        if is_json { Self::Json } else { Self::Table }
    }
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    Failed,
    /// It is not set up.
    Off,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Off => "off",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Ok => "\x1b[32m",
            Self::Warning => "\x1b[33m",
            Self::Failed => "\x1b[31m",
            Self::Off => "\x1b[2m",
        }
    }
}

/// One check.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) peer: String,
    pub(super) state: State,
    pub(super) seen: String,
    took: Duration,
    /// By how many seconds the peer's clock is ahead of this machine's, where it told.
    pub(super) clock_ahead: Option<i64>,
}

impl Line {
    fn new(peer: &str, state: State, seen: impl Into<String>) -> Self {
        Self { peer: peer.to_owned(), state, seen: seen.into(), took: Duration::ZERO, clock_ahead: None }
    }

    pub(super) fn ok(peer: &str, seen: impl Into<String>) -> Self {
        Self::new(peer, State::Ok, seen)
    }

    pub(super) fn warning(peer: &str, seen: impl Into<String>) -> Self {
        Self::new(peer, State::Warning, seen)
    }

    pub(super) fn failed(peer: &str, seen: impl Into<String>) -> Self {
        Self::new(peer, State::Failed, seen)
    }

    pub(super) fn off(peer: &str, why: impl Into<String>) -> Self {
        Self::new(peer, State::Off, why)
    }

    pub(super) fn took(self, took: Duration) -> Self {
        Self { took, ..self }
    }

    pub(super) fn told_time(self, clock_ahead: Option<i64>) -> Self {
        Self { clock_ahead, ..self }
    }

    /// What was seen, on one line and without anything that a terminal acts on or that is a secret.
    fn shown(&self) -> String {
        let plain = redact::plain(&redact::redact(&self.seen)).replace(['\n', '\r', '\t'], " ");
        redact::cut(&plain, SEEN_BYTES_MAX).to_owned()
    }

    fn value(&self) -> Value {
        json!({
            "peer": self.peer,
            "state": self.state.name(),
            "seen": self.shown(),
            "took_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn text(&self, coloured: bool) -> String {
        let state = format!("{:8}", self.state.name());
        let state = if coloured { format!("{}{state}\x1b[0m", self.state.colour()) } else { state };
        let took = format!("{} ms", self.took.as_millis());
        format!("{state} {:PEER_WIDTH$} {took:>9}  {}", self.peer, self.shown())
    }
}

/// All checks, printed as they are added, or as one object at the end.
pub(super) struct Report {
    format: Format,
    coloured: bool,
    lines: Vec<Line>,
}

impl Report {
    pub(super) fn new(format: Format, sources: &Sources) -> Self {
        let unwanted = sources.environment.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { format, coloured: std::io::stdout().is_terminal() && !unwanted, lines: Vec::new() }
    }

    pub(super) fn add(&mut self, line: Line) {
        if self.format == Format::Table {
            print(&line.text(self.coloured));
        }
        self.lines.push(line);
    }

    /// The exit code, after all is printed.
    pub(super) fn end(self) -> ExitCode {
        let failed = self.lines.iter().any(|line| line.state == State::Failed);
        if self.format == Format::Json {
            let checks: Vec<_> = self.lines.iter().map(Line::value).collect();
            print(&format!("{:#}", json!({ "ok": !failed, "checks": checks })));
        }
        if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// Settings that cannot be used, for programs; people have them on standard error.
pub(super) fn print_refused(faults: &str, format: Format) {
    if format == Format::Json {
        let checks: Vec<_> = faults.lines().map(|fault| Line::failed("settings", fault).value()).collect();
        print(&format!("{:#}", json!({ "ok": false, "checks": checks })));
    }
}

/// A reader that went away (`| head`) has seen enough.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_stays_on_its_line() {
        let line = Line::warning("loki", format!("it said\n\u{1b}[31mred {}", "x".repeat(5_000)))
            .took(Duration::from_millis(7));
        let text = line.text(false);
        assert!(text.starts_with("warning  loki                        7 ms  it said"), "{text}");
        assert!(!text.contains(['\n', '\u{1b}']) && text.len() < 700, "{text}");
        assert_eq!(line.value()["took_ms"], 7);
    }
}
