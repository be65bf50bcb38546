//! `logmend bench`: how fast it is with one's own rules on one's own logs, on this machine.
//!
//! ```text
//! files ─▶ send's producer ─▶ requests ─┬▶ in_process (walk, literals, classify, fingerprint) ─────────────┬▶ report
//!                                       └▶ loopback ─▶ server (this program, a process of its own) ─────────┘
//! ```

mod in_process;
mod loopback;
mod machine;
mod report;
mod server;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args as _, FromArgMatches as _};

use self::report::Report;
use super::lines::expanded;
use super::{EXIT_CONFIG, complain, runtime, send};
use crate::classify::{Catalogue, Classifier};
use crate::config::{self, Sources};
use crate::shutdown;

/// What shells say of a program that an interruption ended.
const EXIT_INTERRUPTED: u8 = 130;

/// What is measured where no file is named.
const BUNDLED: &str = include_str!("../demo/webshop.jsonl");

/// What to measure, and how long.
#[derive(Debug, clap::Args)]
struct Plan {
    /// Log files as `logmend send` reads them, also compressed by gzip or zstd, or patterns of their names; `-` is standard
    /// input [default: the log of the demo]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// About how long to measure, in seconds
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Only measure the parts within one process: start no server
    #[arg(long)]
    no_loopback: bool,
    /// How to print the figures
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for people
    Table,
    /// One JSON object
    Json,
}

/// Where `logmend bench` stands on the command line.
pub(super) fn command_line() -> clap::Command {
    // The text of the plan is for readers of the code.
    Plan::augment_args(clap::Command::new("bench"))
        .about("Measure how fast logmend is with your rules on your logs, on this machine")
        .after_help(
            "logmend bench                                the demo's log and the built-in rules\n\
             logmend bench --rules my.toml 'logs/*.gz'    your own\n\n\
             It starts a server of its own on free ports of 127.0.0.1 with a store in a temporary folder; both are gone at the\n\
             end. Exit code: 1 where a file cannot be read, 78 where the rules cannot, 130 when interrupted.",
        )
        .long_about(None)
}

/// Measures. The exit code is 0; 78 where the rules cannot be read; 130 when interrupted; 1 otherwise.
#[must_use]
pub fn main(sources: &Sources, matches: &clap::ArgMatches) -> ExitCode {
    let plan = match Plan::from_arg_matches(matches) {
        Ok(plan) => plan,
        Err(error) => error.exit(),
    };
    let rules = match Rules::of(sources) {
        Ok(rules) => rules,
        Err(fault) => {
            complain(&fault);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let measured = runtime().map_err(anyhow::Error::from).and_then(|runtime| {
        let measured = runtime.block_on(async {
            let mut hangups = shutdown::hangups()?;
            tokio::select! {
                // The signals are listened for before anything begins.
                biased;
                asked = shutdown::requested() => asked.map(|()| None).map_err(anyhow::Error::from),
                _ = hangups.recv() => Ok(None),
                measured = measure(&plan, Arc::new(rules)) => measured.map(Some),
            }
        });
        runtime.shutdown_background();
        measured
    });
    match measured {
        Ok(Some(report)) => {
            report.print(plan.format == Format::Json);
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::from(EXIT_INTERRUPTED),
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The rules that the service would use: those of `LOGMEND_RULES`, else the built-in ones.
struct Rules {
    file: Option<PathBuf>,
    classifier: Classifier,
}

impl Rules {
    fn of(sources: &Sources) -> Result<Self, String> {
        let file = config::rules_file(sources).map_err(|error| error.to_string())?;
        let catalogue = match &file {
            Some(file) => file.load().map_err(|fault| format!("{}: {fault}", file.path().display()))?,
            None => Catalogue::built_in(),
        };
        let classifier = Classifier::new(&catalogue).map_err(|error| error.to_string())?;
        Ok(Self { file: file.map(|file| file.path().to_owned()), classifier })
    }
}

async fn measure(plan: &Plan, rules: Arc<Rules>) -> anyhow::Result<Report> {
    let folder = Folder::new()?;
    let files = files(plan, &folder.0)?;
    let share = |of: f64| Duration::from_secs_f64(f64::from(plan.seconds) * of);
    // On other threads: this one listens for an interruption.
    let (used, lasting) = (Arc::clone(&rules), share(0.3));
    let in_process = tokio::task::spawn_blocking(move || {
        let requests = Arc::new(send::requests(files, in_process::BYTES_MAX)?);
        let measured = in_process::measure(&requests, &used.classifier, lasting)?;
        anyhow::Ok(measured.map(|measured| (requests, measured)))
    });
    let Some((requests, in_process)) = in_process.await?? else {
        bail!("there is no log line in {}", shown(&plan.files));
    };
    let loopback = if plan.no_loopback {
        None
    } else {
        Some(loopback::measure(&requests, rules.file.as_deref(), &folder.0, share(0.7)).await?)
    };
    Ok(Report {
        machine: machine::describe(),
        log: shown(&plan.files),
        rules: rules.file.as_ref().map_or_else(|| "built-in".to_owned(), |file| file.display().to_string()),
        rule_count: rules.classifier.rules().len(),
        literal_count: rules.classifier.literals().len(),
        in_process,
        loopback,
    })
}

/// The files to read; the bundled log is written into the folder.
fn files(plan: &Plan, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if plan.files.is_empty() {
        let path = folder.join("webshop.jsonl");
        std::fs::write(&path, BUNDLED).with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(vec![path]);
    }
    expanded(&plan.files)
}

fn shown(files: &[PathBuf]) -> String {
    match files {
        [] => "the demo's log".to_owned(),
        [file] => file.display().to_string(),
        [first, others @ ..] => format!("{} and {} more", first.display(), others.len()),
    }
}

/// A folder of ours, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let name = format!("logmend-bench-{}-{}", std::process::id(), crate::telemetry::now().0);
        // The server works in it, and is told where it is.
        let path = std::path::absolute(std::env::temp_dir())?.join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
