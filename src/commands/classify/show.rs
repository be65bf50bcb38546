//! What is printed: a table for people, JSON for programs, and the reasons for whoever asks.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde_json::{Value, json};

use super::super::rules;
use super::gather::{Cluster, Found};
use crate::classify::{Classifier, Explanation};
use crate::fingerprint::ALGORITHM_VERSION;
use crate::model::{LogRecord, Resource};
use crate::otlp::Unfolded;
use crate::redact;

/// How wide an error is shown; JSON has it whole.
const ERROR_CHARS: usize = 70;
/// How many digits of an id the table shows: enough to tell a million apart.
const ID_DIGITS: usize = 12;
/// How much of an example is shown, in bytes.
const EXAMPLE_BYTES_MAX: usize = 4 * 1024;

/// Prints the clusters as a table, with what was read beneath; `explain` adds the reasons of each.
pub(super) fn table(found: &Found, limit: usize, explain: Option<&Classifier>, took: Duration) {
    let limit = if limit == 0 { usize::MAX } else { limit };
    let shown = found.clusters.iter().take(limit);
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["count", "severity", "category", "rule", "error", "line", "id"]);
    shown.clone().for_each(|cluster| {
        table.add_row(row(cluster));
    });
    if !found.clusters.is_empty() {
        print(&table.to_string());
    }
    if let Some(classifier) = explain {
        shown.for_each(|cluster| print(&reasons(cluster, classifier)));
    }
    if found.clusters.len() > limit {
        print(&format!("{} more clusters; --limit 0 shows all", found.clusters.len() - limit));
    }
    let per_second = u128::from(found.lines) * 1_000_000 / took.as_micros().max(1);
    print(&format!(
        "{} lines, {} in {} clusters, {per_second} lines/s",
        found.lines,
        found.counted,
        found.clusters.len()
    ));
}

fn row(cluster: &Cluster) -> Vec<Cell> {
    let error: String =
        redact::plain(&redact::redact(&cluster.summary())).chars().take(ERROR_CHARS).collect();
    let of = |text: Option<String>| Cell::new(text.unwrap_or_else(|| "-".to_owned()));
    let verdict = cluster.verdict.as_ref();
    vec![
        Cell::new(cluster.count).set_alignment(CellAlignment::Right),
        of(verdict.map(|verdict| verdict.severity.to_string())),
        of(verdict.map(|verdict| verdict.category.to_string())),
        of(verdict.map(|verdict| verdict.rule.to_string())),
        Cell::new(error),
        Cell::new(cluster.first_line).set_alignment(CellAlignment::Right),
        Cell::new(&cluster.id.to_string()[..ID_DIGITS]),
    ]
}

/// Prints all as one JSON object.
pub(super) fn json(found: &Found, explain: Option<&Classifier>) {
    let clusters: Vec<_> = found.clusters.iter().map(|cluster| value(cluster, explain)).collect();
    let text = json!({"lines": found.lines, "counted": found.counted, "clusters": clusters}).to_string();
    print(&harmless(&text));
}

/// JSON in which nothing is left that a terminal acts on: `serde_json` escapes what is below a space alone.
fn harmless(json: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if acts(c) {
            // All of them are in strings, and in the first plane.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn value(cluster: &Cluster, explain: Option<&Classifier>) -> Value {
    let verdict = cluster.verdict.as_ref();
    let frames: Vec<_> = cluster.frames.iter().map(|frame| json!(frame)).collect();
    let mut value = json!({
        "id": cluster.id.to_string(),
        "count": cluster.count,
        "first_line": cluster.first_line,
        "error_type": redact::redact(&cluster.error_type),
        "message": redact::redact(&cluster.message),
        "category": verdict.map(|verdict| verdict.category.to_string()),
        "severity": verdict.map(|verdict| verdict.severity.to_string()),
        "fixable": verdict.map(|verdict| verdict.fixable),
        "rule": verdict.map(|verdict| verdict.rule.to_string()),
        "suggested_fix": verdict.map(|verdict| verdict.suggested_fix.to_string()),
        "example": example(cluster),
        "aliases": cluster.aliases.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "reason": cluster.reason,
    });
    if let Some(classifier) = explain {
        value["frames"] = json!(frames);
        value["why"] = json!(explanation(cluster, classifier));
    }
    value
}

fn example(cluster: &Cluster) -> String {
    let example = &cluster.example[..cluster.example.len().min(EXAMPLE_BYTES_MAX)];
    redact::redact(&String::from_utf8_lossy(example)).into_owned()
}

fn explanation(cluster: &Cluster, classifier: &Classifier) -> Explanation {
    let record =
        LogRecord { body: &cluster.example, severity_number: cluster.severity, ..LogRecord::default() };
    let unfolded = Unfolded::new(&record);
    classifier.explain(&unfolded.record(), &Resource::default())
}

/// Why a cluster is an error, and why its lines are one.
fn reasons(cluster: &Cluster, classifier: &Classifier) -> String {
    let shown = |text: &str| redact::plain(&redact::redact(text));
    let made_of = if cluster.frames.is_empty() {
        "service, type and template"
    } else {
        "service, types and these frames"
    };
    let mut lines = vec![
        format!("\n{} × {}", cluster.count, shown(&cluster.summary())),
        format!("id {} (algorithm {ALGORITHM_VERSION}), from {made_of}", cluster.id),
    ];
    let none_in_app = !cluster.frames.iter().any(|frame| frame.in_app);
    let frames = cluster.frames.iter().filter(|frame| frame.in_app || none_in_app);
    lines.extend(frames.map(|frame| format!("  {} in {}", shown(&frame.function), shown(&frame.file))));
    if !cluster.reason.is_empty() {
        lines.push(format!("{} ids are one: {}", cluster.aliases.len() + 1, cluster.reason));
    }
    lines.push(rules::told(example(cluster).as_bytes(), &explanation(cluster, classifier)));
    lines.join("\n")
}

/// Prints a result. A reader that went away (`| head`) has seen enough.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_moves_no_cursor() {
        let text = json!({"example": "a\u{9b}31m \u{85} \u{202e} é\u{1b}"}).to_string();
        let shown = harmless(&text);
        assert!(!shown.chars().any(|c| c.is_control() || c == '\u{202e}'), "{shown}");
        assert_eq!(
            serde_json::from_str::<Value>(&shown).unwrap(),
            serde_json::from_str::<Value>(&text).unwrap()
        );
    }
}
