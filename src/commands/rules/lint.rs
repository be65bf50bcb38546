//! `logmend rules lint`: tries the lines of rules, and finds rules that never get their turn.

use std::process::ExitCode;

use clap::Command;

use super::{Texts, named, print, rules_file_argument};
use crate::classify;

pub(super) fn command_line() -> Command {
    Command::new("lint")
        .about("Check rules: their must and must_not lines, rules that never get their turn, texts said twice")
        .after_help("Exit code: 0 where nothing is wrong (advice does not count), 1 where something is, 78 where the file is no rules file.")
        .arg(rules_file_argument())
}

pub(super) fn run(texts: &Texts) -> Result<ExitCode, String> {
    let lint = classify::lint(&texts.texts())
        .map_err(|(number, error)| named(texts.name(number), &error.to_string()))?;
    for (number, finding) in &lint.findings {
        print(&format!("{}: {finding}", texts.name(*number)));
    }
    let wrong = lint.findings.iter().filter(|(_, finding)| !finding.is_advice).count();
    let advice = lint.findings.len() - wrong;
    print(&format!("{} rules, {} lines: {wrong} wrong, {advice} advised", lint.rules, lint.lines));
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
