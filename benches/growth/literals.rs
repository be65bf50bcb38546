//! What looking for all literals costs, and making ready to, beside aho-corasick as its documentation would have one use it.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

use aho_corasick::AhoCorasick;
use logmend::classify::{Literals, benign_lines};

use super::effort::{Effort, axis, column};
use super::series::{Bound, Line, Panel, Series};

/// One record of so many holds a literal.
const HOLDING: usize = 66;

pub(crate) fn measure(effort: &Effort) -> Series {
    let rows = effort.medians(effort.literals, |count| at(count, effort.texts));
    let lines = |first| {
        vec![
            Line { name: "logmend", ys: column(&rows, first) },
            Line { name: "aho-corasick", ys: column(&rows, first + 1) },
        ]
    };
    Series {
        title: "As rules have more literals: lines of logs, one of 66 holds one".to_owned(),
        x: "literals",
        xs: axis(effort.literals),
        panels: vec![
            Panel { y: "ns a record", lines: lines(0), bound: Bound::Linear("linear") },
            Panel { y: "ms to make ready", lines: lines(2), bound: Bound::Linear("linear") },
        ],
    }
}

/// Nanoseconds a record and milliseconds to make ready, of logmend and of aho-corasick.
fn at(count: u32, texts: u32) -> [f64; 4] {
    let mut random = fastrand::Rng::with_seed(u64::from(count));
    let literals = phrases(count.try_into().unwrap(), &mut random);
    let records = records(&literals, texts, &mut random);

    let (logmend, logmend_ready) = clock(|| Literals::new(&literals).unwrap());
    let (plain, plain_ready) =
        clock(|| AhoCorasick::builder().ascii_case_insensitive(true).build(&literals).unwrap());
    let mut found = Vec::new();
    let mut by_logmend = || {
        let count = |record: &String| {
            logmend.find(black_box(record.as_bytes()), &mut found);
            found.len()
        };
        records.iter().map(count).sum::<usize>()
    };
    let by_plain =
        || records.iter().map(|record| plain.find_overlapping_iter(black_box(record)).count()).sum::<usize>();
    assert_eq!(by_logmend(), by_plain(), "they find as much");

    let (_, of_logmend) = clock(&mut by_logmend);
    let (_, of_plain) = clock(by_plain);
    let each = |seconds: f64| seconds * 1e9 / f64::from(texts);
    [each(of_logmend), each(of_plain), logmend_ready * 1e3, plain_ready * 1e3]
}

/// What it makes, and the seconds that it takes.
fn clock<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let made = black_box(run());
    (made, start.elapsed().as_secs_f64())
}

/// Distinct phrases of two made-up words, such as messages hold.
fn phrases(count: usize, random: &mut fastrand::Rng) -> Vec<String> {
    let mut phrases = BTreeSet::new();
    while phrases.len() < count {
        phrases.insert(format!("{} {}", word(random), word(random)));
    }
    phrases.into_iter().collect()
}

fn word(random: &mut fastrand::Rng) -> String {
    let syllable = |_| [random.choice(*b"bcdfghklmnprstvwz").unwrap(), random.choice(*b"aeiou").unwrap()];
    String::from_utf8((0..3).flat_map(syllable).collect()).unwrap()
}

/// Lines of healthy services behind a head such as these print.
fn records(literals: &[String], count: u32, random: &mut fastrand::Rng) -> Vec<String> {
    let lines: Vec<_> = benign_lines().collect();
    let record = |n| {
        let (line, id, thread) = (random.choice(&lines).unwrap(), random.u32(..), random.u32(..64));
        let second = random.u32(..86_400);
        let literal = if n % HOLDING == 0 { random.choice(literals).unwrap().as_str() } else { "" };
        format!(
            "2026-03-14 T{second:05} INFO [http-nio-8080-exec-{thread}] com.example.shop.OrderService request={id:08x} {line}{literal}"
        )
    };
    (0..count.try_into().unwrap()).map(record).collect()
}
