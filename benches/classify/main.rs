//! How fast all literals of all rules are found in log records: logmend beside aho-corasick as its documentation would have one
//! use it, and, with `--features bench-peers`, beside daachorse, regex-automata, regex's `RegexSet` and vectorscan.
//!
//! ```text
//! cargo bench --bench classify                          # the lines of the built-in rules, 64, 200, 500 and all literals
//! cargo bench --bench classify --features bench-peers   # and the peers; needs libvectorscan-dev and pkg-config
//! LOGMEND_CORPUS=FOLDER cargo bench --bench classify    # the `*.log` files of a folder
//! ```
//!
//! All read the same records in turn, several rounds of it, and what counts is the median of each. All must give the
//! complete answer: which literals each record holds, in any case of ASCII letters; it is compared before the clock starts.
//! "by request" reads a thousand records joined by line ends at once, where a peer can tell all occurrences.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark")]

mod corpus;
mod engines;
mod machine;
#[cfg(feature = "bench-peers")]
mod peers;
mod table;

use std::hint::black_box;
use std::time::{Duration, Instant};

use logmend::classify::{BUILT_IN, Catalogue, Classifier, Scratch};
use logmend::model::{LogRecord, Resource, SeverityNumber};

use corpus::{Corpus, Lines};
use engines::{Engine, engines};
use table::Table;

/// How much is done: as `cargo bench` asks for, or as a test that it works.
struct Effort {
    records: usize,
    rounds: usize,
    literals: &'static [usize],
}

const MEASURE: Effort = Effort { records: 20_000, rounds: 9, literals: &[64, 200, 500] };
const TRY_OUT: Effort = Effort { records: 200, rounds: 1, literals: &[64] };

fn main() {
    let effort = if std::env::args().any(|argument| argument == "--bench") { MEASURE } else { TRY_OUT };
    let lines = Lines::read();
    println!("{}\n{lines}; {} records, median of {} rounds", machine::shown(), effort.records, effort.rounds);
    let catalogue = Catalogue::parse(&BUILT_IN.iter().map(|file| file.text).collect::<String>()).unwrap();
    let classifier = Classifier::new(&catalogue).unwrap();
    let all: Vec<String> = classifier.literals().to_vec();
    for &count in effort.literals {
        let texts = corpus::draw(&all, count);
        for corpus in Corpus::all(&lines, &texts, effort.records, true) {
            compare(&format!("{count} literals"), &texts, &corpus, effort.rounds).print();
        }
    }
    for corpus in Corpus::all(&lines, &all, effort.records, false) {
        let mut table =
            compare(&format!("the built-in rules' {} literals", all.len()), &all, &corpus, effort.rounds);
        table.add(
            "logmend, to the first rule that holds",
            time(&corpus, effort.rounds, |corpus| {
                first_rules(&classifier, corpus, |_| SeverityNumber::UNSPECIFIED)
            }),
        );
        table.add(
            "… gated: 95 % of the records are INFO",
            time(&corpus, effort.rounds, |corpus| {
                first_rules(&classifier, corpus, |n| {
                    if n % 20 == 0 { SeverityNumber::ERROR } else { SeverityNumber::from_wire(9) }
                })
            }),
        );
        table.print();
    }
}

/// Each engine's rates over a corpus, after their answers were compared.
fn compare(literals: &str, texts: &[String], corpus: &Corpus, rounds: usize) -> Table {
    let mut engines = engines(texts);
    let expected = answers(&mut *engines[1], corpus);
    for engine in &mut engines {
        assert!(answers(&mut **engine, corpus) == expected, "{} gives another answer", engine.name());
    }
    let mut rates = vec![Vec::new(); engines.len()];
    let mut found = Vec::new();
    for _ in 0..rounds {
        for (engine, rates) in engines.iter_mut().zip(&mut rates) {
            let by_record = clock(|| {
                for record in &corpus.records {
                    found.clear();
                    engine.find(black_box(record.as_bytes()), &mut found);
                    black_box(&found);
                }
            });
            let by_request = engine.finds_all().then(|| {
                clock(|| {
                    for request in &corpus.requests {
                        found.clear();
                        engine.find(black_box(request.as_bytes()), &mut found);
                        black_box(&found);
                    }
                })
            });
            rates.push((by_record, by_request));
        }
    }
    let share = share(&expected);
    let mut table =
        Table::new(format!("{literals}, {}: {share} of the records hold one", corpus.name), corpus.bytes());
    for (engine, times) in engines.iter().zip(rates) {
        let by_request: Option<Vec<_>> = times.iter().map(|(_, by_request)| *by_request).collect();
        table.add_both(
            engine.name(),
            median(times.iter().map(|(by_record, _)| *by_record)),
            by_request.map(median),
        );
    }
    table
}

/// Which literals each record holds.
fn answers(engine: &mut dyn Engine, corpus: &Corpus) -> Vec<Vec<u32>> {
    let answer = |record: &String| {
        let mut found = Vec::new();
        engine.find(record.as_bytes(), &mut found);
        found.sort_unstable();
        found.dedup();
        found
    };
    corpus.records.iter().map(answer).collect()
}

fn share(answers: &[Vec<u32>]) -> String {
    let holding = answers.iter().filter(|answer| !answer.is_empty()).count();
    format!("{:.1} %", 100.0 * holding as f64 / answers.len() as f64)
}

fn first_rules(
    classifier: &Classifier,
    corpus: &Corpus,
    severity: impl Fn(usize) -> SeverityNumber,
) -> usize {
    let mut scratch = Scratch::default();
    let resource = Resource::default();
    let records = corpus.records.iter().enumerate().map(|(number, record)| LogRecord {
        body: record.as_bytes(),
        severity_number: severity(number),
        ..LogRecord::default()
    });
    records.filter(|record| classifier.classify(record, &resource, &mut scratch).is_some()).count()
}

fn time<T>(corpus: &Corpus, rounds: usize, run: impl Fn(&Corpus) -> T) -> Duration {
    median((0..rounds).map(|_| clock(|| _ = black_box(run(black_box(corpus))))))
}

fn clock(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn median(times: impl IntoIterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.into_iter().collect();
    times.sort_unstable();
    times[times.len() / 2]
}
