//! The rules in use: what the lint says of them.

use std::time::Instant;

use super::report::Line;
use crate::classify::{self, BUILT_IN};
use crate::config::Config;

/// Lints the rules that are set up. That they can be read is known by now.
pub(super) fn check(config: &Config) -> Line {
    let begun = Instant::now();
    let (name, texts) = match &config.rules_file {
        Some(file) => match file.text() {
            Ok(text) => (file.path().display().to_string(), vec![text]),
            Err(fault) => return Line::failed("rules", format!("{} {fault}", file.path().display())),
        },
        None => ("built in".to_owned(), BUILT_IN.iter().map(|file| file.text.to_owned()).collect()),
    };
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    linted(&name, &texts).took(begun.elapsed())
}

fn linted(name: &str, texts: &[&str]) -> Line {
    let lint = match classify::lint(texts) {
        Ok(lint) => lint,
        Err((_, error)) => return Line::failed("rules", format!("{name}: {error}")),
    };
    let wrong = lint.findings.iter().filter(|(_, finding)| !finding.is_advice).count();
    let advice = lint.findings.len() - wrong;
    let seen = format!("{name}: {} rules, {} lines: {wrong} wrong, {advice} advised", lint.rules, lint.lines);
    if wrong > 0 {
        Line::warning("rules", format!("{seen}; `logmend rules lint` tells which"))
    } else {
        Line::ok("rules", seen)
    }
}
