//! What a record costs, and memory, where more and more of the records are errors of their own.

use super::effort::{Effort, axis, column};
use super::load::{Lines, Pace, Sender};
use super::series::{Bound, Line, Panel, Series, shown};
use super::server::Server;

/// Places of a window by default (`LOGMEND_MAX_CLUSTERS_PER_WINDOW`); one service that floods gets a quarter of them.
const CAP: f64 = 10_000.0 / 4.0;

pub(crate) fn measure(effort: &Effort) -> Series {
    let files: Vec<_> =
        effort.errors.iter().map(|errors| (*errors, lines(*errors, effort.records))).collect();
    let once = Effort { rounds: 1, ..*effort };
    let rows = once.medians(effort.errors, |errors| {
        let lines = files.iter().find_map(|(of, lines)| (*of == errors).then_some(lines));
        at(lines.unwrap(), errors, effort.records)
    });
    let line = |name, at| Line { name, ys: column(&rows, at) };
    Series {
        title: format!(
            "As more of {} records are distinct errors, all of one service",
            shown(effort.records.into())
        ),
        x: "distinct errors",
        xs: axis(effort.errors),
        panels: vec![
            Panel {
                y: "CPU seconds for a million records",
                lines: vec![line("logmend", 0)],
                bound: Bound::Linear("linear"),
            },
            Panel {
                y: "MB of memory",
                lines: vec![line("at the peak", 1), line("at the end", 2)],
                bound: Bound::FlatFrom(CAP, "flat from 2,500 on"),
            },
        ],
    }
}

/// All of them errors, each at least once, and a hundredth of the records at least: a file is read again and again.
fn lines(errors: u32, records: u32) -> Lines {
    let count = errors.max(records / 100);
    Lines::write(count.try_into().unwrap(), 1, errors.try_into().unwrap())
}

fn at(lines: &Lines, errors: u32, records: u32) -> [f64; 3] {
    let server = Server::start(&[]);
    let before = server.cpu();
    let times = records / errors.max(records / 100);
    let pace = Pace { rate: 0, connections: 4, batch: 1_000 };
    let report = Sender::start(&server.url(), lines, pace, times.into()).finish();
    let cost = (server.cpu() - before) / report.acknowledged * 1e6;
    assert!(report.lost < 1.0, "records were lost of {errors} errors");
    // Past the cap they are counted together; were they one error to begin with, none would be.
    let (together, past_the_cap) =
        (server.metric("logmend_overflow_records_total"), 1.0 - CAP / f64::from(errors));
    assert!(
        together / f64::from(records) >= past_the_cap / 2.0,
        "{together} of {errors} errors' records were too many"
    );
    let memory = server.memory();
    [cost, memory.peak, memory.held]
}
