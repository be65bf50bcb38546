//! `logmend check`: whether the settings hold, and whether every peer that they name can do what it is there for.
//!
//! ```text
//! settings ─▶ rules ─▶ (unless --offline) store, Redis, next hop, Claude, GitHub, Loki, own telemetry, ports ─▶ clock ─▶ report
//! ```
//!
//! Nothing is changed anywhere: the store is not migrated, no lock of the leader is touched, nothing is created at GitHub.

mod anthropic;
mod clock;
mod github;
mod listeners;
mod loki;
mod next_hop;
mod redis;
mod report;
mod rules;
mod store;
mod telemetry;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use self::report::{Format, Line, Report};
use super::{EXIT_CONFIG, complain, runtime};
use crate::config::{self, Config, Sources};

/// How long one peer may take as a whole.
const PEER_MAX: Duration = Duration::from_secs(20);

/// The command line of `logmend check`.
pub(super) fn command_line() -> Command {
    Command::new("check")
        .about("Check the settings, and reach every peer that they name")
        .arg(
            Arg::new("offline")
                .long("offline")
                .action(ArgAction::SetTrue)
                .help("Check settings and rules alone, and reach nobody"),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["table", "json"])
                .default_value("table")
                .help("How to print what was found"),
        )
        .after_help(
            "Nothing is changed anywhere, and no key is printed. GitHub is asked for what it must refuse, to see which\n\
             permissions the token has.\n\n\
             Exit code: 0 where nothing failed (warnings do not count), 1 where something did, 78 where settings are wrong.",
        )
}

/// Checks everything. The exit code is 0; 1 where something failed; 78 where the settings are wrong.
#[must_use]
pub fn main(sources: &Sources, matches: &ArgMatches) -> ExitCode {
    let format = Format::of(matches);
    let config = match config::load(sources) {
        Ok(config) => config,
        Err(error) => return refused(&error.to_string(), format),
    };
    let mut report = Report::new(format, sources);
    report.add(settings(&config));
    report.add(rules::check(&config));
    if !matches.get_flag("offline") {
        match runtime() {
            Ok(runtime) => runtime.block_on(peers(&config)).into_iter().for_each(|line| report.add(line)),
            Err(error) => {
                complain(&format!("cannot start threads: {error}"));
                return ExitCode::FAILURE;
            }
        }
    }
    report.end()
}

/// Settings that cannot be used are told as `logmend run` tells them.
fn refused(faults: &str, format: Format) -> ExitCode {
    complain(faults);
    report::print_refused(faults, format);
    ExitCode::from(EXIT_CONFIG)
}

fn settings(config: &Config) -> Line {
    let set = config.written.settings().iter().filter(|setting| setting.must_be_written()).count();
    let told: Vec<_> =
        [format!("{set} set, nothing wrong")].into_iter().chain(config.notes.clone()).collect();
    Line::ok("settings", told.join("; "))
}

/// All peers at once, so that several that are away are not waited for one after the other.
async fn peers(config: &Config) -> Vec<Line> {
    // reqwest and octocrab share one provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (store, redis, next_hop, claude, github, loki, telemetry, listeners) = tokio::join!(
        bounded("store", store::check(config)),
        bounded("redis", redis::check(config)),
        bounded("next hop", next_hop::check(config)),
        bounded("anthropic", anthropic::check(config)),
        github::check(config),
        bounded("loki", loki::check(config)),
        bounded("telemetry", telemetry::check(config)),
        listeners::check(config),
    );
    let mut lines = vec![store, redis, next_hop, claude];
    lines.extend(github);
    lines.extend([loki, telemetry]);
    lines.extend(listeners);
    let clock = clock::check(&lines);
    lines.push(clock);
    lines
}

/// One check with the time that it took, ended where it takes too long.
async fn bounded(peer: &str, check: impl Future<Output = Line>) -> Line {
    let begun = std::time::Instant::now();
    let line = tokio::time::timeout(PEER_MAX, check).await.unwrap_or_else(|_| {
        Line::failed(
            peer,
            format!("no answer within {} s; look at the address and the network", PEER_MAX.as_secs()),
        )
    });
    line.took(begun.elapsed())
}
