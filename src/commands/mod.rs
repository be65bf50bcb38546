//! The command line: one thin file for each command.

pub mod bench;
pub mod check;
pub mod classify;
pub mod demo;
mod healthcheck;
mod lines;
pub mod manual;
mod print_config;
pub mod rules;
pub mod run;
pub mod send;
mod systemd;
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
        .help("A file of settings; each key is a variable's name in lower case, without `logmend_`");
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
        .after_help(
            "Settings are flags, variables or keys of the file: `logmend --help` lists them, `logmend check` tries them.",
        )
        .after_long_help(secrets_help())
        .arg(file)
        .args(settings)
        .subcommand(run::command_line())
        .subcommand(demo::command_line())
        .subcommand(check::command_line())
        .subcommand(classify::command_line())
        .subcommand(send::command_line())
        .subcommand(bench::command_line())
        .subcommand(rules::command_line())
        .subcommand(manual::completions_command_line())
        .subcommand(manual::man_command_line())
        .subcommand(healthcheck::command_line())
        .subcommand(token::command_line())
}

fn secrets_help() -> String {
    let secrets = KEYS.iter().filter(|key| key.secret);
    let width = secrets.clone().map(|key| key.variable.len()).max().unwrap_or(0);
    let secrets = secrets.map(|key| format!("  {:width$}  {}", key.variable, key.help));
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
        Some(("bench", bench)) => bench::main(&sources(bench), bench),
        Some(("rules", rules)) => rules::main(&sources(rules), rules),
        Some(("check", check)) => check::main(&sources(check), check),
        Some(("completions", completions)) => manual::completions(completions),
        Some(("man", man)) => manual::man(man),
        Some(("healthcheck", check)) => healthcheck::main(&sources(check), check),
        Some(("token", token)) => token::main(token),
        Some((_, run)) => run::main(&sources(run), Some(run)),
        None => run::main(&sources(matches), None),
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
/// only hold more memory at once. Two more are for look-ups of names.
fn blocking_threads() -> usize {
    std::thread::available_parallelism().map_or(4, std::num::NonZeroUsize::get) + 2
}
