//! What a record costs where the same records come over more and more connections.

use super::effort::{Effort, axis, column};
use super::load::{Lines, Pace, send};
use super::series::{Bound, Line, Panel, Series, shown};
use super::server::Server;

pub(crate) fn measure(effort: &Effort) -> Series {
    let lines = Lines::usual();
    let rows = effort.medians(effort.connections, |connections| at(&lines, connections, effort));
    let line = |name, at| Line { name, ys: column(&rows, at) };
    Series {
        title: format!(
            "Over more connections: {} records/s in all, 100 a request",
            shown(effort.connections_rate.into())
        ),
        x: "connections",
        xs: axis(effort.connections),
        panels: vec![
            Panel {
                y: "CPU seconds for a million records",
                lines: vec![line("logmend", 0)],
                bound: Bound::Each("as over one"),
            },
            Panel {
                y: "ms until acknowledged",
                lines: vec![line("p50", 1), line("p99", 2)],
                bound: Bound::None,
            },
            Panel {
                y: "MB of memory at the peak",
                lines: vec![line("logmend", 3)],
                bound: Bound::Linear("linear"),
            },
        ],
    }
}

/// Costs, latencies and memory.
fn at(lines: &Lines, connections: u32, effort: &Effort) -> [f64; 4] {
    let server = Server::start(&[]);
    let pace = Pace { rate: effort.connections_rate, connections, batch: 100 };
    send(&server.url(), lines, pace, effort.warm_up);
    let before = server.cpu();
    let report = send(&server.url(), lines, pace, effort.time);
    assert!(report.lost < 1.0, "records were lost over {connections} connections");
    let cost = (server.cpu() - before) / report.acknowledged * 1e6;
    [cost, report.p50, report.p99, server.memory().peak]
}
