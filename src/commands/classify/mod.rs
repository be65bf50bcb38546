//! `logmend classify`: the engine of the service over log files or standard input, without a service.
//!
//! ```text
//! lines (files, standard input, a column of a CSV) ─▶ joining (traces) ─▶ gather (classify, fingerprint, fold)
//!                                                    at the end: families ─▶ show (table, JSON, explanations, assignments)
//! ```

mod column;
mod gather;
mod input;
mod progress;
mod show;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::{Args as _, FromArgMatches as _};

use self::gather::Gather;
use self::progress::Progress;
use super::lines::{expanded, is_stdin};
use super::{EXIT_CONFIG, complain};
use crate::classify::{Catalogue, Classifier};
use crate::config::{self, Sources};

/// What to read and how to show it.
#[derive(Debug, clap::Args)]
struct Plan {
    /// Log files, also compressed by gzip or zstd, or patterns of their names; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,
    /// Cluster every line, not only those that are errors
    #[arg(long)]
    all: bool,
    /// The files are CSV with a header: cluster the column `Content`
    #[arg(long)]
    content: bool,
    /// Write `line number<TAB>cluster id` for every line, `-` for one that is in no cluster; lines are numbered from 1, on over
    /// all files (of a CSV its records are)
    #[arg(long, value_name = "OUT.tsv")]
    assignments: Option<PathBuf>,
    /// Tell of each cluster why it is an error and why its lines are one
    #[arg(long)]
    explain: bool,
    /// How to print the clusters
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// How many clusters the table shows, the gravest and most frequent first; 0 for all
    #[arg(long, value_name = "N", default_value = "50")]
    limit: usize,
    /// The service that the lines are of: part of a cluster's id
    #[arg(long, value_name = "NAME", default_value = "unknown_service")]
    service: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for people
    Table,
    /// One JSON object
    Json,
}

/// The command line of `logmend classify`.
pub(super) fn command_line() -> clap::Command {
    // The text of the plan is for readers of the code.
    Plan::augment_args(clap::Command::new("classify"))
        .about("Find and cluster the errors in log files or standard input")
        .after_help(
            "logmend classify app.log                         the errors of a file\n\
             logmend classify 'logs/*.gz'                     of all that a pattern names\n\
             kubectl logs deploy/shop | logmend classify -    of what another program prints\n\n\
             Exit code: 0 also where errors are found; 1 where a file cannot be read, 78 where the rules cannot.",
        )
        .long_about(None)
}

/// Classifies what is asked for. The exit code is 0; 78 where the rules cannot be read; 1 where a file cannot.
#[must_use]
pub fn main(sources: &Sources, matches: &clap::ArgMatches) -> ExitCode {
    let plan = match Plan::from_arg_matches(matches) {
        Ok(plan) => plan,
        Err(error) => error.exit(),
    };
    let classifier = match classifier(sources) {
        Ok(classifier) => classifier,
        Err(fault) => {
            complain(&fault);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match classify(&plan, &classifier) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The rules that the service would use: those of `LOGMEND_RULES`, else the built-in ones.
fn classifier(sources: &Sources) -> Result<Classifier, String> {
    let file = config::rules_file(sources).map_err(|error| error.to_string())?;
    let catalogue = match file {
        Some(file) => file.load().map_err(|fault| format!("{}: {fault}", file.path().display()))?,
        None => Catalogue::built_in(),
    };
    Classifier::new(&catalogue).map_err(|error| error.to_string())
}

fn classify(plan: &Plan, classifier: &Classifier) -> anyhow::Result<()> {
    let (began, files) = (Instant::now(), expanded(&plan.files)?);
    if files.iter().filter(|file| is_stdin(file)).count() > 1 {
        bail!("standard input can be read once; name `-` once");
    }
    if let Some(out) = &plan.assignments
        && files.iter().any(|file| is_same(file, out))
    {
        bail!("--assignments names {}, which is read; name another file", out.display());
    }
    let mut gather = Gather::new(classifier, &plan.service, plan.all, plan.assignments.is_some());
    let mut progress = Progress::of(&files);
    for file in &files {
        if plan.content {
            input::content(file, &mut gather, &mut progress)?;
        } else {
            input::lines(file, &mut gather, &mut progress)?;
        }
    }
    progress.clear();
    let found = gather.finish();
    if let Some(path) = &plan.assignments {
        write_assignments(path, &found).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match plan.format {
        Format::Json => show::json(&found, plan.explain.then_some(classifier)),
        Format::Table => show::table(&found, plan.limit, plan.explain.then_some(classifier), began.elapsed()),
    }
    Ok(())
}

/// Whether two names are of one file that is there.
fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

fn write_assignments(path: &PathBuf, found: &gather::Found) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    for (number, cluster) in (1_u64..).zip(found.assignments()) {
        match cluster {
            Some(id) => writeln!(out, "{number}\t{id}")?,
            None => writeln!(out, "{number}\t-")?,
        }
    }
    out.flush()
}
