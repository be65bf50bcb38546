//! What was measured, for people and for programs.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use serde::Serialize;

use super::in_process::InProcess;
use super::loopback::{Loopback, Rate};
use super::machine::Machine;

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) log: String,
    /// The rules' file, or `built-in`.
    pub(super) rules: String,
    pub(super) rule_count: usize,
    pub(super) literal_count: usize,
    pub(super) in_process: InProcess,
    pub(super) loopback: Option<Loopback>,
}

impl Report {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            let version = env!("CARGO_PKG_VERSION");
            println!("{:#}", serde_json::json!({ "logmend": version, "bench": self }));
        } else {
            println!("{}", self.text());
        }
    }

    fn text(&self) -> String {
        let Self { machine, in_process: of, .. } = self;
        let mut text = vec![
            format!(
                "logmend {} on {} × {}{}, {}",
                env!("CARGO_PKG_VERSION"),
                machine.cores,
                machine.processor,
                machine.memory_bytes.map_or_else(String::new, |bytes| format!(", {} GiB", bytes >> 30)),
                machine.system
            ),
            format!("rules  {}: {} rules, {} literals", self.rules, self.rule_count, self.literal_count),
            format!(
                "log    {}: {} records, {} of text each; {} hold a literal, {} are errors",
                self.log,
                of.records,
                bytes(of.text_bytes / of.records.max(1)),
                percent(of.records_with_a_literal, of.records),
                percent(of.errors, of.records)
            ),
            String::new(),
            self.parts().to_string(),
        ];
        if let Some(loopback) = &self.loopback {
            text.push(String::new());
            text.extend(way(loopback));
        }
        text.join("\n")
    }

    /// Of one core.
    fn parts(&self) -> Table {
        let of = &self.in_process;
        let mut table = table(["one core, in process", "ns", "records/s", "GB/s"]);
        let mut row = |name: &str, nanoseconds: f64, bytes: Option<u64>| {
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            let rate = bytes.map(|bytes| bytes as f64 / of.records.max(1) as f64 / nanoseconds.max(1e-3));
            add(
                &mut table,
                [
                    name.to_owned(),
                    format!("{nanoseconds:.0}"),
                    // What is below the noise has no rate.
                    if nanoseconds < 1.0 { String::new() } else { format!("{:.0}", 1e9 / nanoseconds) },
                    rate.map_or_else(String::new, |rate| format!("{rate:.2}")),
                ],
            );
        };
        row("walk of the OTLP bytes", of.walk_ns_a_record, Some(of.wire_bytes));
        row("all literals, every record", of.literals_ns_a_record, Some(of.text_bytes));
        if let Some(nanoseconds) = of.aho_corasick_ns_a_record {
            row("  the same by aho-corasick's DFA", nanoseconds, Some(of.text_bytes));
        }
        row("to the first rule, by severity", of.classify_ns_a_record, None);
        if let Some(nanoseconds) = of.fingerprint_ns_an_error {
            row("fingerprint of an error", nanoseconds, None);
        }
        row("all of it", of.all_ns_a_record, Some(of.wire_bytes));
        table
    }
}

/// The whole way.
fn way(loopback: &Loopback) -> Vec<String> {
    let mut table = table(["over loopback, records/s", "taken/s", "CPU s a million", "ack p50", "ack p99"]);
    for rate in &loopback.rates {
        let asked = rate.asked_records_a_second;
        add(
            &mut table,
            [
                if rate.is_highest { format!("{asked}, the most found") } else { asked.to_string() },
                rate.taken_records_a_second.to_string(),
                rate.cpu_seconds_a_million_records
                    .map_or_else(|| "not told here".to_owned(), |seconds| format!("{seconds:.2}")),
                format!("{:.1} ms", rate.ack_p50_ms),
                format!("{:.1} ms", rate.ack_p99_ms),
            ],
        );
    }
    let memory = |bytes: Option<u64>| {
        bytes.map_or_else(|| "not told here".to_owned(), |bytes| format!("{} MiB", bytes >> 20))
    };
    let mut text = vec![
        table.to_string(),
        format!(
            "ready after {:.0} ms; memory {} idle, {} at its peak",
            loopback.start_to_ready_ms,
            memory(loopback.idle_rss_bytes),
            memory(loopback.peak_rss_bytes)
        ),
        "Server and generator shared this machine; answers wait for errors to be on disk.".to_owned(),
    ];
    if !loopback.rates.iter().any(|rate| rate.is_highest) {
        text.push("No rate that was tried kept the 99th percentile below 50 ms.".to_owned());
    }
    if loopback.rates.iter().any(is_limited) {
        text.push(
            "Requests were not made as fast as they were taken: the server alone can do more.".to_owned(),
        );
    }
    text
}

fn is_limited(rate: &Rate) -> bool {
    rate.generator_was_the_limit
}

fn table<const N: usize>(names: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(names);
    table
}

fn add<const N: usize>(table: &mut Table, cells: [String; N]) {
    let cells = cells.into_iter().enumerate().map(|(column, text)| {
        let alignment = if column == 0 { CellAlignment::Left } else { CellAlignment::Right };
        Cell::new(text).set_alignment(alignment)
    });
    table.add_row(cells);
}

fn percent(part: u64, of: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let percent = 100.0 * part as f64 / of.max(1) as f64;
    format!("{percent:.1} %")
}

fn bytes(count: u64) -> String {
    format!("{count} bytes")
}
