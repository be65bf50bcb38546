//! What the demo prints.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde_json::Value;

use crate::model::{Cluster, Fix};
use crate::redact;
use crate::remedy::{prompt, pull_request};

/// How wide a message is shown; a whole one is in the API.
const MESSAGE_CHARS: usize = 60;

#[expect(clippy::print_stdout, reason = "the demo's result")]
pub(super) fn line(text: &str) {
    println!("{text}");
}

/// The clusters as a table.
pub(super) fn clusters(clusters: &[Cluster], sent: usize, scanned: &Value) {
    let counted: u64 = clusters.iter().map(|cluster| cluster.count).sum();
    line(&format!(
        "window closed: {} errors in {sent} lines, folded into {} clusters, {} of them critical or high\n",
        counted, scanned["errors_found"], scanned["critical_errors"],
    ));
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["count", "severity", "category", "service", "error", "where", "fixable"]);
    for cluster in clusters {
        table.add_row(row(cluster));
    }
    line(&table.to_string());
}

fn row(cluster: &Cluster) -> Vec<Cell> {
    let summary: String = redact::plain(&cluster.summary()).chars().take(MESSAGE_CHARS).collect();
    vec![
        Cell::new(cluster.count).set_alignment(CellAlignment::Right),
        Cell::new(cluster.verdict.severity),
        Cell::new(&cluster.verdict.category),
        Cell::new(&cluster.detail.service),
        Cell::new(summary),
        Cell::new(location(cluster)),
        Cell::new(if cluster.verdict.fixable { "yes" } else { "no" }),
    ]
}

fn location(cluster: &Cluster) -> String {
    cluster.detail.innermost_in_app().map_or_else(String::new, |frame| {
        let line = frame.line.map_or_else(String::new, |line| format!(":{line}"));
        format!("{}{line}", frame.file)
    })
}

/// What would be sent to Claude and opened on GitHub, where no keys are set.
pub(super) fn proposal(cluster: &Cluster) {
    line("\nWith ANTHROPIC_API_KEY, GITHUB_REPOSITORY and GITHUB_TOKEN set, Claude would now be asked:\n");
    for text in prompt::summary(cluster).lines() {
        line(&format!("  {text}"));
    }
    line("\nand with its answer this draft pull request would be opened, for people to review:\n");
    line(&format!("  branch  {}", pull_request::branch(cluster)));
    line(&format!("  title   {}", pull_request::title(cluster)));
    line("  labels  auto, logmend");
}

/// What became of the fixes, where keys are set.
pub(super) fn fixes(fixes: &[Fix]) {
    for fix in fixes {
        line(&format!("\nfix {} is {}: {}", fix.id, fix.status, redact::plain(&fix.error_message)));
        if !fix.reason.is_empty() {
            line(&format!("  reason  {}", redact::plain(&fix.reason)));
        }
        if let Some(url) = &fix.pr_url {
            line(&format!("  pull request  {url}"));
        }
        line(&format!(
            "  cost    ${:.2} ({}, {} tokens in, {} out)",
            fix.cost_usd, fix.model, fix.input_tokens, fix.output_tokens
        ));
    }
    if fixes.is_empty() {
        line("\nno cluster was both urgent and fixable");
    }
}
