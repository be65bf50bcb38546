//! `logmend rules test`: which rule holds for a line, by which texts, and which nearly did.

use std::fmt::Write as _;
use std::io::{BufRead as _, Read as _};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::marks::marked;
use super::{Look, Texts, format_argument, is_json, named, print};
use crate::classify::{Catalogue, Check, Classifier, Explanation, Found, Line, RuleTrace};
use crate::model::SeverityNumber;

/// The longest line of standard input, in bytes: what a log line may be, and more.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

pub(super) fn command_line() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let pair = |name: &'static str, help: &'static str| {
        text(name, "KEY=VALUE", help).action(ArgAction::Append).value_parser(key_value)
    };
    Command::new("test")
        .about("Tell which rule holds for a line, by which texts, and which rules nearly do")
        .arg(
            Arg::new("line")
                .value_name("LINE")
                .num_args(0..)
                .help("Lines to try; `-`, or none at all, reads them from standard input"),
        )
        .arg(text("severity", "NAME", "The records' severity, such as error or WARN [default: unknown]"))
        .arg(text("service", "NAME", "The records' service.name"))
        .arg(pair("attribute", "An attribute of the records; may be given several times"))
        .arg(pair("resource-attribute", "An attribute of their resource; may be given several times"))
        .arg(text("exception-type", "NAME", "The records' exception.type"))
        .arg(text("exception-message", "TEXT", "The records' exception.message"))
        .arg(format_argument())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE, such as db.system.name=redis")?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) fn run(texts: &Texts, matches: &ArgMatches, look: Look) -> Result<ExitCode, String> {
    let classifier = classifier(texts)?;
    let template = template(matches)?;
    let tries = |body: String| {
        let line = Line { body, ..template.clone() };
        line.show(|record, resource| (record.body.to_vec(), classifier.explain(record, resource)))
    };
    let show = |(body, explanation): (Vec<u8>, Explanation)| {
        if is_json(matches) {
            let body = String::from_utf8_lossy(&body);
            print(&serde_json::json!({ "body": body, "explanation": explanation }).to_string());
        } else {
            print(&told(&body, &explanation, look));
        }
    };
    let lines: Vec<_> = matches.get_many::<String>("line").into_iter().flatten().collect();
    if lines.is_empty() || lines == ["-"] {
        let mut input = std::io::stdin().lock();
        while let Some(line) = next_line(&mut input)? {
            show(tries(line));
        }
    } else {
        lines.into_iter().cloned().for_each(|line| show(tries(line)));
    }
    Ok(ExitCode::SUCCESS)
}

fn classifier(texts: &Texts) -> Result<Classifier, String> {
    let mut rules = Vec::new();
    for (name, text) in &texts.texts {
        let catalogue = Catalogue::parse(text).map_err(|error| named(name, &error.to_string()))?;
        rules.extend(catalogue.rules().iter().cloned());
    }
    Classifier::new(&Catalogue::of(rules.into_iter())).map_err(|error| error.to_string())
}

/// A record without its body.
fn template(matches: &ArgMatches) -> Result<Line, String> {
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let pairs = |name: &str| matches.get_many(name).into_iter().flatten().cloned().collect();
    let severity = text("severity");
    let severity_number = SeverityNumber::from_text(severity.as_bytes());
    if severity_number.is_unspecified() && !severity.is_empty() {
        return Err(format!("--severity is `{severity}`; write trace, debug, info, warn, error or fatal"));
    }
    Ok(Line {
        severity_number,
        service: text("service"),
        exception_type: text("exception-type"),
        exception_message: text("exception-message"),
        attributes: pairs("attribute"),
        resource_attributes: pairs("resource-attribute"),
        ..Line::default()
    })
}

/// The next line of standard input, read lossily; one past the bound is cut there and goes on as another.
fn next_line(input: &mut impl std::io::BufRead) -> Result<Option<String>, String> {
    let mut bytes = Vec::new();
    let read = input.take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
    read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    Ok((!bytes.is_empty()).then(|| String::from_utf8_lossy(line).into_owned()))
}

/// The explanation as people read it.
pub(super) fn told(body: &[u8], explanation: &Explanation, look: Look) -> String {
    let found = explanation.rule.as_ref().map_or_else(Vec::new, what_was_found);
    let mut text = format!("{}\n{}", marked(body, &found, look), look.strong(&explanation.why));
    if let Some(rule) = &explanation.rule {
        let fixable = if rule.fixable { "fixable" } else { "not fixable" };
        add(
            &mut text,
            &format!(
                "  {}, {}, {fixable}; rule {} of the catalogue",
                rule.category, rule.severity, rule.position
            ),
        );
        rule.checks.iter().for_each(|check| add(&mut text, &format!("  {}", check_told(check))));
        add(&mut text, &format!("  mend: {}", rule.suggested_fix));
    }
    if !explanation.also_hold.is_empty() {
        add(&mut text, &format!("behind it, these hold too: {}", explanation.also_hold.join(", ")));
    }
    for rule in &explanation.nearly_held {
        let lacking = rule.checks.iter().find(|check| !check.met);
        let lacking = lacking.map_or_else(String::new, check_told);
        add(&mut text, &format!("nearly: `{}`, but {lacking}", rule.id));
    }
    text + "\n"
}

fn add(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = write!(text, "\n{line}");
}

fn what_was_found(rule: &RuleTrace) -> Vec<Found> {
    rule.checks.iter().filter(|check| check.met).flat_map(|check| check.found.clone()).collect()
}

/// One condition: what was asked for where nothing was found, else what was found and where.
fn check_told(check: &Check) -> String {
    let key = check.key;
    let places = check.found.iter().map(|found| {
        format!("{:?} in {} at {}..{}", found.text, found.field.as_str(), found.start, found.end)
    });
    let places = places.collect::<Vec<_>>().join(", ");
    match (key, check.met, check.found.is_empty()) {
        ("none", true, _) => "none: nothing that it forbids is there".to_owned(),
        ("none", false, _) => format!("none forbids {places}"),
        (_, true, true) => format!("{key}: {}", check.wanted),
        (_, true, false) => format!("{key}: {places}"),
        (_, false, true) => format!("{key} asks for {}", check.wanted),
        (_, false, false) => format!("{key} asks for {}, and there is {places}", check.wanted),
    }
}
