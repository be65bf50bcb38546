//! `logmend send`: replays log files over OTLP to any receiver, and measures how it answers.
//!
//! ```text
//! source ─▶ text, records, otlp_lines ─▶ produce (batches, times) ─▶ encode ─▶ bounded channel ─▶ run (lanes) ─▶ grpc, http
//!                                              a thread of its own                                     answer ─▶ tally
//! ```

mod answer;
mod encode;
mod grpc;
mod http;
mod json;
mod measured;
mod otlp_lines;
mod plan;
mod produce;
mod records;
mod run;
mod schedule;
mod tally;
mod text;

use std::error::Error;
use std::io::IsTerminal as _;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ::http::Uri;
use anyhow::bail;
use clap::{ArgMatches, FromArgMatches as _};
use tokio::time::{MissedTickBehavior, interval};

use self::plan::Plan;
use self::produce::Producer;
use self::run::Run;
use super::lines::{Lines, expanded, is_stdin};
use super::{complain, runtime};
use crate::shutdown;

pub(super) use self::measured::{Measured, measure, requests};
pub(super) use self::plan::command_line;

const USER_AGENT: &str = concat!("logmend-send/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to open.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// What is read of an answer: the OTLP specification bounds one at 4 MiB.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The longest text or JSON line.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// The longest OTLP line: the specification bounds a request at 64 MiB.
const OTLP_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What shells say of a program that an interruption ended.
const EXIT_INTERRUPTED: u8 = 130;

/// Sends what is asked for. Exit code 0 where every record was acknowledged.
#[must_use]
pub fn main(matches: &ArgMatches) -> ExitCode {
    // clap has checked the flags; what it cannot know is checked here.
    let plan = match Plan::from_arg_matches(matches) {
        Ok(plan) => plan,
        Err(error) => error.exit(),
    };
    let sent = runtime().map_err(anyhow::Error::from).and_then(|runtime| {
        let sent = runtime.block_on(send(plan));
        // Nothing is left that would have to end in order.
        runtime.shutdown_background();
        sent
    });
    sent.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

async fn send(mut plan: Plan) -> anyhow::Result<ExitCode> {
    plan.files = expanded(&plan.files)?;
    check_files(&plan)?;
    let target = plan.target()?;
    let connections = run::connect(&plan, &target).await?;
    let run = Arc::new(Run::new(Arc::new(plan)));
    let was_interrupted = drive(&run, &connections).await?;
    report(&run, &target, was_interrupted);
    Ok(match was_interrupted {
        true => ExitCode::from(EXIT_INTERRUPTED),
        false if run.tally().is_complete() => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// A file that is missing is told before anything is sent. A pipe can be opened once only.
fn check_files(plan: &Plan) -> anyhow::Result<()> {
    let is_pipe =
        |file: &Path| std::fs::metadata(file).is_ok_and(|found| !found.is_file() && !found.is_dir());
    for file in plan.files.iter().filter(|file| !is_stdin(file) && !is_pipe(file)) {
        Lines::open(file, 0)?;
    }
    let of_stdin = plan.files.iter().filter(|file| is_stdin(file)).count();
    if of_stdin > 1 || (of_stdin == 1 && plan.repeat > 1) {
        bail!("standard input can be read once; name `-` once, and no --repeat");
    }
    Ok(())
}

/// Waits for the lanes, with a line a second on a terminal. An interruption lets them end what is under way, a second
/// one does not.
async fn drive(run: &Arc<Run>, connections: &[run::Connection]) -> anyhow::Result<bool> {
    let mut lanes = run::start(run, connections, Producer::produce)?;
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let is_terminal = std::io::stderr().is_terminal();
    let mut acknowledged = 0;
    let mut interrupted = 0;
    let mut signal = pin!(shutdown::requested());
    loop {
        tokio::select! {
            ended = lanes.join_next() => match ended {
                Some(Ok(())) => {}
                Some(Err(error)) if error.is_cancelled() => {}
                Some(Err(error)) => bail!("our own fault: {error}"),
                None => return Ok(interrupted > 0),
            },
            _ = seconds.tick(), if is_terminal => {
                let tally = run.tally();
                show_live(&tally.live(acknowledged));
                acknowledged = tally.acknowledged;
            }
            asked = &mut signal => {
                asked?;
                interrupted += 1;
                signal.set(shutdown::requested());
                run.stop.cancel();
                if interrupted > 1 {
                    lanes.abort_all();
                }
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "the command's result")]
fn report(run: &Run, target: &Uri, was_interrupted: bool) {
    let (plan, tally) = (&run.plan, run.tally());
    clear_live();
    println!(
        "to {target} over {}, connections {} × {} requests, compression {}",
        plan.protocol.as_str(),
        plan.connections,
        plan.concurrency,
        plan.compression.header().unwrap_or("none"),
    );
    println!("{}", tally.report(run.elapsed()));
    if tally.is_starved() {
        println!(
            "note: requests were not read and encoded as fast as they were answered; the receiver can do more"
        );
    }
    if was_interrupted {
        println!("interrupted: the rest was not sent");
    } else if run.stop.is_cancelled() {
        println!("stopped: the rest was not sent, it would have fared the same");
    }
}

/// Tells something on the way, on a line of its own.
fn tell(message: &str) {
    clear_live();
    complain(message);
}

#[expect(clippy::print_stderr, reason = "the command line's own voice")]
fn show_live(line: &str) {
    eprint!("\r\x1b[K{line}");
}

#[expect(clippy::print_stderr, reason = "the command line's own voice")]
fn clear_live() {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}

/// What is at the bottom of an error: `transport error` says nothing to people.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
