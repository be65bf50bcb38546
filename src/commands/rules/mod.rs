//! `logmend rules`: shows the catalogue, tells why a line is what it is, checks rules files.

mod lint;
mod list;
mod marks;
mod try_line;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};

use super::{EXIT_CONFIG, complain};
use crate::classify::{BUILT_IN, Explanation, RulesFile, schema};
use crate::config::{self, Sources};

/// The command line of `logmend rules`.
pub(super) fn command_line() -> Command {
    Command::new("rules")
        .about("Show the rules, tell which of them holds for a line and why, check rules files")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(list::command_line())
        .subcommand(try_line::command_line())
        .subcommand(lint::command_line())
        .subcommand(Command::new("schema").about("Print the JSON Schema of rules files, for editors"))
}

/// Does what is asked for. The exit code is 0; 1 where the lint finds something; 78 where settings or rules cannot be read.
#[must_use]
pub fn main(sources: &Sources, matches: &ArgMatches) -> ExitCode {
    let done = match matches.subcommand() {
        Some(("list", list)) => Texts::of(sources, list).and_then(|texts| list::run(&texts, list)),
        Some(("test", test)) => {
            Texts::of(sources, test).and_then(|texts| try_line::run(&texts, test, Look::of(sources)))
        }
        Some(("lint", lint)) => Texts::of(sources, lint).and_then(|texts| lint::run(&texts)),
        // clap lets nothing else through.
        _ => {
            print(&schema::text());
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|faults| {
        complain(&faults);
        ExitCode::from(EXIT_CONFIG)
    })
}

/// The texts that are one catalogue together, each with the name that faults are told under.
struct Texts {
    texts: Vec<(String, String)>,
}

impl Texts {
    /// The file that the command names, else the one that is set up, else the built-in rules.
    fn of(sources: &Sources, matches: &ArgMatches) -> Result<Self, String> {
        let named = matches.try_get_one::<PathBuf>("rules-file").ok().flatten().map(RulesFile::at);
        let file = match named {
            Some(file) => Some(file),
            None => config::rules_file(sources).map_err(|error| error.to_string())?,
        };
        let texts = match file {
            Some(file) => {
                let name = file.path().display().to_string();
                let text = file.text().map_err(|fault| format!("{name}: {fault}"))?;
                vec![(name, text)]
            }
            None => BUILT_IN.iter().map(|file| (file.name.to_owned(), file.text.to_owned())).collect(),
        };
        Ok(Self { texts })
    }

    fn name(&self, number: usize) -> &str {
        &self.texts[number].0
    }

    fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(|(_, text)| text.as_str()).collect()
    }
}

/// Names the file before each of its faults, as compilers do.
fn named(name: &str, faults: &str) -> String {
    faults.lines().map(|fault| format!("{name}: {fault}")).collect::<Vec<_>>().join("\n")
}

fn rules_file_argument() -> Arg {
    Arg::new("rules-file")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("A rules file [default: LOGMEND_RULES, else the built-in rules]")
}

fn format_argument() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["table", "json"])
        .default_value("table")
        .help("How to print it")
}

fn is_json(matches: &ArgMatches) -> bool {
    matches.get_one::<String>("format").is_some_and(|format| format == "json")
}

/// Prints a result. A reader that went away (`| head`) has seen enough.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The explanation of a record, as people read it, without colours.
pub(super) fn told(body: &[u8], explanation: &Explanation) -> String {
    try_line::told(body, explanation, Look { coloured: false })
}

/// Whether what is printed is coloured: on a terminal, unless `NO_COLOR` says no (<https://no-color.org>).
#[derive(Debug, Clone, Copy)]
struct Look {
    coloured: bool,
}

impl Look {
    fn of(sources: &Sources) -> Self {
        let unwanted = sources.environment.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { coloured: std::io::stdout().is_terminal() && !unwanted }
    }

    fn strong(self, text: &str) -> String {
        if self.coloured { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn mark(self, text: &str) -> String {
        if self.coloured { format!("\x1b[31m{text}\x1b[0m") } else { text.to_owned() }
    }
}
