//! `logmend completions` and `logmend man`: what shells and `man` know of the command line, made of the command line itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;

use super::{command, complain};

/// The command line of `logmend completions`.
pub(super) fn completions_command_line() -> Command {
    Command::new("completions")
        .about("Print a shell's completions for logmend")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(clap::value_parser!(Shell))
                .help("The shell that they are for"),
        )
        .after_help(
            "bash: logmend completions bash > ~/.local/share/bash-completion/completions/logmend\n\
             zsh:  logmend completions zsh > \"${fpath[1]}/_logmend\"\n\
             fish: logmend completions fish > ~/.config/fish/completions/logmend.fish",
        )
}

/// The command line of `logmend man`.
pub(super) fn man_command_line() -> Command {
    Command::new("man")
        .about("Print the manual page, or write those of all commands")
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Write the pages of all commands into this folder, in place of printing the first one"),
        )
        .after_help(
            "Read it:    logmend man | man -l -\n\
             Install it: logmend man --out ~/.local/share/man/man1",
        )
}

/// Prints the completions. The exit code is 0.
#[must_use]
pub fn completions(matches: &ArgMatches) -> ExitCode {
    let Some(shell) = matches.get_one::<Shell>("shell") else { return ExitCode::FAILURE };
    let mut text = Vec::new();
    clap_complete::generate(*shell, &mut command(), "logmend", &mut text);
    print(&text)
}

/// Prints the manual page or writes all of them. The exit code is 0; 1 where one cannot be written.
#[must_use]
pub fn man(matches: &ArgMatches) -> ExitCode {
    let done = match matches.get_one::<PathBuf>("out") {
        Some(folder) => write_pages(folder).map(|()| ExitCode::SUCCESS),
        None => first_page().map(|text| print(&text)),
    };
    done.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

fn first_page() -> anyhow::Result<Vec<u8>> {
    page(main_command())
}

fn page(command: Command) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text).context("the manual page cannot be made")?;
    Ok(text)
}

/// With the settings, which short help leaves out; the synopsis does not list them.
fn main_command() -> Command {
    command().mut_args(|arg| arg.hide_short_help(false)).override_usage("logmend [OPTIONS] [COMMAND]")
}

/// Each command with those below it, named as their pages are. The settings, which all of them take, are on the first page.
fn documented(command: &Command, names: &[&str]) -> Vec<Command> {
    let mut commands = Vec::new();
    for below in command.get_subcommands() {
        let names = [names, &[below.get_name()]].concat();
        commands.extend(documented(below, &names));
        commands.push(below.clone().display_name(names.join("-")).bin_name(names.join(" ")));
    }
    commands
}

fn write_pages(folder: &Path) -> anyhow::Result<()> {
    let unwritten =
        || format!("cannot write into {}; name a folder that may be written to", folder.display());
    std::fs::create_dir_all(folder).with_context(unwritten)?;
    let main = command();
    let below = documented(&main, &["logmend"]);
    for command in below.into_iter().chain([main_command()]) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let path = folder.join(format!("{name}.1"));
        std::fs::write(path, page(command)?).with_context(unwritten)?;
    }
    Ok(())
}

/// A reader that went away has seen enough.
fn print(text: &[u8]) -> ExitCode {
    let _ = std::io::stdout().write_all(text);
    ExitCode::SUCCESS
}
