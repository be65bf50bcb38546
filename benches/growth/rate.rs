//! What a record costs, and how long an acknowledgement takes, from few records a second to as many as hold.

use super::effort::{Effort, LIMIT, column};
use super::load::{Lines, Pace, send};
use super::series::{Bound, Line, Panel, Series, shown};
use super::server::Server;

/// The least share of a rate that must arrive for it to hold.
const HOLDS: f64 = 0.95;

pub(crate) fn measure(effort: &Effort) -> Series {
    let lines = Lines::usual();
    let rows = effort.medians(effort.rates, |rate| at(&lines, rate, effort));
    let (held, not_held): (Vec<_>, Vec<_>) =
        effort.rates.iter().zip(rows).partition(|(rate, row)| row[3] >= HOLDS * f64::from(**rate));
    for (rate, row) in not_held {
        println!("\n{} records/s did not hold: {} were taken", shown(f64::from(*rate)), shown(row[3]));
    }
    let (xs, rows): (Vec<_>, Vec<_>) = held
        .into_iter()
        .map(|(rate, row)| (if *rate == LIMIT { row[3] } else { f64::from(*rate) }, row))
        .unzip();
    Series {
        title: "As more records arrive, up to the limit: one of a hundred is an error, SQLite".to_owned(),
        x: "records/s",
        xs,
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
    let batch = if rate == LIMIT { 1_000 } else { (rate / 10).clamp(1, 1_000) };
    let pace = Pace { rate, connections: 4, batch };
    send(&server.url(), lines, pace, effort.warm_up);
    let before = server.cpu();
    let report = send(&server.url(), lines, pace, effort.time);
    let cost = (server.cpu() - before) / report.acknowledged * 1e6;
    [cost, report.p50, report.p99, report.rate]
}
