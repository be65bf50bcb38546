//! What a record costs, and how long an acknowledgement takes, from few records a second to as many as hold.

use super::effort::{Effort, axis, column};
use super::load::{Lines, Pace, send};
use super::series::{Bound, Line, Panel, Series, shown};
use super::server::Server;

/// The least share of a rate that must arrive for it to hold.
const HOLDS: f64 = 0.95;

pub(crate) fn measure(effort: &Effort) -> Series {
    let lines = Lines::usual();
    let mut rows = effort.medians(effort.rates, |rate| at(&lines, rate, effort));
    let is_held = |(rate, row): (&u32, &[f64; 4])| row[3] >= HOLDS * f64::from(*rate);
    let held = effort.rates.iter().zip(&rows).take_while(|point| is_held(*point)).count();
    if let (Some(rate), Some(row)) = (effort.rates.get(held), rows.get(held)) {
        println!("\n{} records/s were asked for, {} were acknowledged", shown((*rate).into()), shown(row[3]));
    }
    // The first one stays in any case: a series has points.
    rows.truncate(held.max(1));
    Series {
        title: "As more records arrive: one of a hundred is an error, SQLite".to_owned(),
        x: "records/s",
        xs: axis(&effort.rates[..rows.len()]),
        panels: vec![
            Panel {
                y: "CPU seconds for a million records",
                lines: vec![Line { name: "logmend", ys: column(&rows, 0) }],
                bound: Bound::Each("linear: each the same"),
            },
            Panel {
                y: "ms until acknowledged",
                lines: vec![
                    Line { name: "p50", ys: column(&rows, 1) },
                    Line { name: "p99", ys: column(&rows, 2) },
                ],
                bound: Bound::None,
            },
        ],
    }
}

/// Costs, latencies and the rate that was reached.
fn at(lines: &Lines, rate: u32, effort: &Effort) -> [f64; 4] {
    let server = Server::start(&[]);
    // Ten requests a second at least, of a thousand records at most: what `logmend send` makes of a rate.
    let pace = Pace { rate, connections: 4, batch: (rate / 10).clamp(1, 1_000) };
    send(&server.url(), lines, pace, effort.warm_up);
    let before = server.cpu();
    let report = send(&server.url(), lines, pace, effort.time);
    let cost = (server.cpu() - before) / report.acknowledged * 1e6;
    [cost, report.p50, report.p99, report.rate]
}
