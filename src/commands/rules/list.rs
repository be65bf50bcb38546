//! `logmend rules list`: the catalogue in the order in which its rules are tried.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use serde_json::json;

use super::{Texts, format_argument, is_json, named, print, rules_file_argument};
use crate::classify::{Catalogue, Rule};

pub(super) fn command_line() -> Command {
    Command::new("list")
        .about("List the rules in the order in which they are tried")
        .arg(rules_file_argument())
        .arg(
            Arg::new("category")
                .long("category")
                .value_name("NAME")
                .help("Only rules of this category, such as database_error"),
        )
        .arg(format_argument())
}

pub(super) fn run(texts: &Texts, matches: &ArgMatches) -> Result<ExitCode, String> {
    let mut listed = Vec::new();
    for (name, text) in &texts.texts {
        let catalogue = Catalogue::parse(text).map_err(|error| named(name, &error.to_string()))?;
        listed.extend(catalogue.rules().iter().map(|rule| (name.as_str(), rule.clone())));
    }
    let category = matches.get_one::<String>("category");
    let wanted = |rule: &Rule| category.is_none_or(|name| rule.category().as_str() == name);
    let listed: Vec<_> = (1..).zip(&listed).filter(|(_, (_, rule))| wanted(rule)).collect();
    if let (true, Some(name)) = (listed.is_empty(), category) {
        return Err(format!("no rule is of the category `{name}`; `logmend rules list` shows all"));
    }
    if is_json(matches) {
        let rules: Vec<_> =
            listed.iter().map(|(position, (file, rule))| as_json(*position, file, rule)).collect();
        print(&format!("{:#}", json!({ "rules": rules })));
    } else {
        print(&table(&listed).to_string());
    }
    Ok(ExitCode::SUCCESS)
}

fn table(listed: &[(usize, &(&str, Rule))]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["#", "rule", "category", "severity", "fixable", "how it is mended"]);
    for (position, (_, rule)) in listed {
        table.add_row([
            position.to_string().as_str(),
            rule.id(),
            rule.category().as_str(),
            rule.severity().as_str(),
            if rule.fixable() { "yes" } else { "no" },
            rule.suggested_fix(),
        ]);
    }
    table
}

fn as_json(position: usize, file: &str, rule: &Rule) -> serde_json::Value {
    json!({
        "position": position,
        "file": file,
        "id": rule.id(),
        "category": rule.category(),
        "severity": rule.severity(),
        "fixable": rule.fixable(),
        "suggested_fix": rule.suggested_fix(),
        "min_severity_number": rule.min_severity().get(),
    })
}
