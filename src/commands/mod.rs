//! The command line: one thin file for each command.

pub mod classify;
pub mod demo;
mod lines;
pub mod rules;
pub mod run;
pub mod send;
pub mod token;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};

use crate::config::{KEYS, Sources};

/// `EX_CONFIG` of sysexits.h: the settings are wrong.
pub const EXIT_CONFIG: u8 = 78;

/// `EX_TEMPFAIL` of sysexits.h: what the service needs was not there, and may be when it is started again.
pub const EXIT_NOT_NOW: u8 = 75;

/// The command line as clap knows it.
#[must_use]
pub fn command() -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .global(true)
        .help("a logmend.toml; each key is a variable's name in lower case, without `logmend_`");
    let settings = KEYS.iter().filter(|key| !key.secret).map(|key| {
        Arg::new(key.variable)
            .long(key.flag())
            .value_name("VALUE")
            .global(true)
            .hide_short_help(true)
            .help_heading("Settings (each also as a variable)")
            .help(format!("{} [{}]", key.help, key.variable))
    });
    Command::new("logmend")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A log-stream filter for OpenTelemetry pipelines that finds errors and proposes fixes")
        .after_help(secrets_help())
        .arg(file)
        .args(settings)
        .subcommand(Command::new("run").about("Run the service (the default)"))
        .subcommand(demo::command_line())
        .subcommand(classify::command_line())
        .subcommand(send::command_line())
        .subcommand(rules::command_line())
        .subcommand(token::command_line())
}

fn secrets_help() -> String {
    let secrets =
        KEYS.iter().filter(|key| key.secret).map(|key| format!("  {:22} {}", key.variable, key.help));
    format!(
        "Keys are read from the environment or the file alone:\n{}",
        secrets.collect::<Vec<_>>().join("\n")
    )
}

/// Runs the command that was asked for; the exit code is 0, 78 where the settings are wrong, 75 where the store does not
/// answer at the start, 1 otherwise.
#[must_use]
pub fn dispatch(matches: &ArgMatches) -> ExitCode {
    match matches.subcommand() {
        Some(("demo", demo)) => demo::main(&sources(demo), demo),
        Some(("classify", classify)) => classify::main(&sources(classify), classify),
        Some(("send", send)) => send::main(send),
        Some(("rules", rules)) => rules::main(&sources(rules), rules),
        Some(("token", token)) => token::main(token),
        Some((_, run)) => run::main(&sources(run)),
        None => run::main(&sources(matches)),
    }
}

fn sources(matches: &ArgMatches) -> Sources {
    let flags: BTreeMap<_, _> = KEYS
        .iter()
        .filter(|key| !key.secret)
        .filter_map(|key| Some((key.variable, matches.get_one::<String>(key.variable)?.clone())))
        .collect();
    Sources::of_process(flags, matches.get_one::<PathBuf>("config").cloned())
}

/// Tells an error to the person at the terminal.
#[expect(clippy::print_stderr, reason = "the command line's own voice")]
pub(crate) fn complain(message: &str) {
    for line in message.lines() {
        eprintln!("logmend: {line}");
    }
}

/// A runtime for a command.
///
/// # Errors
///
/// Where the system gives no threads.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().max_blocking_threads(blocking_threads()).enable_all().build()
}

/// Threads for long requests (decompression, JSON, the walk), which wait in line for them: more than there are cores would
/// only hold more memory at once. A few more are for look-ups of names.
fn blocking_threads() -> usize {
    std::thread::available_parallelism().map_or(4, std::num::NonZeroUsize::get) * 2 + 4
}
