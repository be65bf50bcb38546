//! What was measured, in Markdown.

use std::time::Duration;

use super::process::Memory;
use super::send::Sent;

/// A receiver that nothing is sent to.
pub(crate) struct Idle {
    pub(crate) name: &'static str,
    pub(crate) ready: Duration,
    /// Of one core.
    pub(crate) share: f64,
    pub(crate) memory: Memory,
}

/// A receiver at one rate.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Records a second.
    pub(crate) rate: u64,
    pub(crate) sent: Sent,
    /// For a million records.
    pub(crate) cpu: Duration,
    /// MiB.
    pub(crate) peak: f64,
    pub(crate) is_highest: bool,
}

/// A rate is held where the 99th percentile of the answers stays below this.
const P99_MAX: Duration = Duration::from_millis(50);

impl Row {
    pub(crate) fn is_held(&self) -> bool {
        self.sent.p99 < P99_MAX && self.sent.records_a_second >= self.rate / 100 * 90
    }
}

pub(crate) fn idle(receivers: &[Idle]) {
    println!("\nIdle, on one core\n");
    println!("| | start to ready, ms | CPU, % of a core | RSS, MiB |");
    println!("| --- | ---: | ---: | ---: |");
    for Idle { name, ready, share, memory } in receivers {
        println!("| {name} | {} | {:.2} | {:.1} |", ready.as_millis(), share * 100.0, memory.resident);
    }
}

pub(crate) fn rates(title: &str, cores: &str, rows: &[Row]) {
    println!("\n{title}; {cores} for the receiver\n");
    println!("| | records/s | taken/s | CPU s a million | ack p50, ms | ack p99, ms | RSS peak, MiB |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for Row { name, rate, sent, cpu, peak, is_highest } in rows {
        let rate = if *is_highest { format!("{rate}, the most with p99 < 50 ms") } else { rate.to_string() };
        let starved = if sent.starved { " (the generator had no more)" } else { "" };
        println!(
            "| {name} | {rate}{starved} | {} | {:.2} | {:.1} | {:.1} | {peak:.1} |",
            sent.records_a_second,
            cpu.as_secs_f64(),
            sent.p50.as_secs_f64() * 1e3,
            sent.p99.as_secs_f64() * 1e3,
        );
    }
}
