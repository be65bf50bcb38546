//! How many errors replicas commit that share one PostgreSQL, and what one costs all of them together.

use std::thread;

use super::effort::{Effort, axis, column};
use super::engines::Postgres;
use super::load::{Lines, Pace, Report, Sender};
use super::series::{Bound, Line, Panel, Series};
use super::server::{Server, cpu};

pub(crate) fn measure(effort: &Effort) -> Result<Series, String> {
    if std::env::var_os("LOGMEND_POSTGRES_BIN").is_none() {
        return Err("LOGMEND_POSTGRES_BIN does not tell where PostgreSQL is".to_owned());
    }
    // All replicas count the same ten errors: what they share, they share to the row.
    let lines = Lines::write(10_000, 1, 10);
    let rows = effort.medians(effort.replicas, |replicas| at(&lines, replicas, effort));
    let line = |name, at| Line { name, ys: column(&rows, at) };
    Ok(Series {
        title: "With more replicas on one PostgreSQL: every record is one of ten errors".to_owned(),
        x: "replicas",
        xs: axis(effort.replicas),
        panels: vec![
            Panel {
                y: "errors committed a second, in all",
                lines: vec![line("logmend", 0)],
                bound: Bound::Ideal("linear, on cores of their own"),
            },
            Panel {
                y: "CPU seconds for a million errors",
                lines: vec![line("all processes", 1), line("PostgreSQL", 2)],
                bound: Bound::Each("linear: each the same"),
            },
        ],
    })
}

/// Errors a second, and what a million of them costs all processes, and PostgreSQL.
fn at(lines: &Lines, replicas: u32, effort: &Effort) -> [f64; 3] {
    let database = Postgres::database();
    let url = database.url();
    let servers: Vec<_> = (0..replicas).map(|_| Server::start(&[("DATABASE_URL", &url)])).collect();
    let send = |time| {
        let pace = Pace { rate: 0, connections: 4, batch: 1_000 };
        let senders: Vec<_> =
            servers.iter().map(|server| Sender::endless(&server.url(), lines, pace)).collect();
        thread::sleep(time);
        senders.into_iter().map(Sender::stop).collect::<Vec<Report>>()
    };
    let used = || (servers.iter().map(Server::cpu).sum::<f64>(), of_postgres());
    send(effort.warm_up);
    let before = used();
    let reports = send(effort.time);
    let after = used();
    let sum = |value: fn(&Report) -> f64| reports.iter().map(value).sum::<f64>();
    assert!(sum(|report| report.lost) < 1.0, "records were lost at {replicas} replicas");
    let millions = sum(|report| report.acknowledged) / 1e6;
    let (of_servers, of_postgres) = (after.0 - before.0, after.1 - before.1);
    [sum(|report| report.rate), (of_servers + of_postgres) / millions, of_postgres / millions]
}

/// The processor time of PostgreSQL's processes that run.
fn of_postgres() -> f64 {
    let file = Postgres::shared().socket_folder().join("data/postmaster.pid");
    let told = std::fs::read_to_string(file).unwrap();
    let postmaster: u32 = told.lines().next().unwrap().trim().parse().unwrap();
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|pid| *pid == postmaster || parent(*pid) == Some(postmaster)).map(cpu).sum()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // State and parent stand behind the name, which is in brackets and may hold any character (proc(5)).
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}
