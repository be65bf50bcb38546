//! How cost grows: with the rate, with literals, with distinct errors, with connections, and with replicas on one PostgreSQL.
//!
//! ```text
//! cargo bench --bench growth                                 # all series; the plots come into target/bench
//! cargo bench --bench growth -- rate errors                  # these alone
//! cargo bench --bench growth -- --write docs/performance     # the plots come into that folder
//! ```
//!
//! The real binary runs as a process of its own and `logmend send` beside it as another; what counts is the processor time
//! of the former alone. All points of a series are measured in turn, several rounds of it, and the median of each counts. A cost
//! that grows faster than linearly, or memory that grows past its cap, is told and ends the program with a failure.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

mod connections;
mod effort;
#[expect(dead_code, unused_imports, unreachable_pub, reason = "the tests use more of it")]
#[path = "../../tests/support/engines/mod.rs"]
mod engines;
mod errors;
mod literals;
mod load;
#[path = "../classify/machine.rs"]
mod machine;
mod plot;
mod rate;
mod replicas;
mod series;
mod server;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use effort::{Effort, MEASURE, TRY_OUT};
use series::Series;

/// The series by name. One that cannot be measured here says why.
type Measure = fn(&Effort) -> Result<Series, String>;
const ALL: [(&str, Measure); 5] = [
    ("rate", |effort| Ok(rate::measure(effort))),
    ("literals", |effort| Ok(literals::measure(effort))),
    ("errors", |effort| Ok(errors::measure(effort))),
    ("connections", |effort| Ok(connections::measure(effort))),
    ("replicas", replicas::measure),
];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_measured = arguments.iter().any(|argument| argument == "--bench");
    let effort = if is_measured { MEASURE } else { TRY_OUT };
    let written = arguments.iter().skip_while(|argument| *argument != "--write").nth(1);
    let folder =
        written.map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench"), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    println!("{}; median of {} rounds", machine::shown(), effort.rounds);

    let is_asked_for = |name: &str| arguments.iter().any(|argument| argument == name);
    let asks_for_some = ALL.iter().any(|(name, _)| is_asked_for(name));
    let mut verdicts = Vec::new();
    for (name, measure) in ALL {
        if asks_for_some && !is_asked_for(name) {
            continue;
        }
        match measure(&effort) {
            Ok(series) => {
                println!("{}", series.table());
                draw(name, &series, &folder);
                verdicts.extend(series.verdicts(name));
            }
            Err(why) => println!("\n{name}: left out, {why}"),
        }
    }

    // A try-out is too short to judge by.
    if !is_measured || told(&verdicts) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints how all did; whether each kept its bound.
fn told(verdicts: &[(bool, String)]) -> bool {
    println!();
    for (is_good, verdict) in verdicts {
        println!("{}: {verdict}", if *is_good { "good" } else { "TOO MUCH" });
    }
    verdicts.iter().all(|(is_good, _)| *is_good)
}

fn draw(name: &str, series: &Series, folder: &Path) {
    let file = folder.join(format!("{name}.svg"));
    plot::draw(series, &file);
    let drawn = std::fs::read_to_string(&file).unwrap();
    assert!(
        drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"),
        "{} is no SVG",
        file.display()
    );
    assert!(drawn.contains("<circle"), "{} shows no point", file.display());
    println!("\n{}", file.display());
}
