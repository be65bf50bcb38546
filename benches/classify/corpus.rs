//! What is read: lines of logs, and what becomes of them where all are errors, or almost.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use logmend::classify::{benign_lines, no_rule_may_match};

/// Lines to draw from.
pub(crate) struct Lines {
    source: String,
    lines: Vec<String>,
}

impl Lines {
    /// The `*.log` files of the folder that `LOGMEND_CORPUS` names; else lines of healthy services and near misses, as the
    /// built-in rules tell them.
    pub(crate) fn read() -> Self {
        match std::env::var("LOGMEND_CORPUS") {
            Ok(folder) => {
                Self { lines: of_folder(Path::new(&folder)), source: format!("the *.log files of {folder}") }
            }
            Err(_) => Self { lines: bundled(), source: "bundled lines".to_owned() },
        }
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: usize = self.lines.iter().map(String::len).sum();
        let mean = bytes / self.lines.len().max(1);
        write!(f, "{}: {} lines of {mean} bytes on average", self.source, self.lines.len())
    }
}

fn of_folder(folder: &Path) -> Vec<String> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    let lines = |path| {
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    files.into_iter().flat_map(lines).collect()
}

/// Each after a head such as services print, so that they are as long as lines of logs are.
fn bundled() -> Vec<String> {
    let near_misses = no_rule_may_match().into_iter().map(|line| line.body);
    let mut random = Random::default();
    let mut number = || random.below(1_000_000_007);
    benign_lines()
        .map(str::to_owned)
        .chain(near_misses)
        .map(|line| {
            let (second, id, thread) = (number() % 86_400, number(), number() % 64);
            format!("2026-03-14 T{second:05} INFO [http-nio-8080-exec-{thread}] com.example.shop.OrderService request={id:08x} {line}")
        })
        .collect()
}

/// Records, and the same joined into requests of a thousand.
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    pub(crate) records: Vec<String>,
    pub(crate) requests: Vec<String>,
}

/// Where a record holds a literal: one of so many.
const HOLDING: usize = 66;

impl Corpus {
    /// The three kinds. Where asked for, one line in 66 holds a literal in the first one and no other does; else its lines are
    /// as they are.
    pub(crate) fn all(lines: &Lines, texts: &[String], records: usize, sparse: bool) -> [Self; 3] {
        let mut random = Random::default();
        let plain: Vec<_> = if sparse {
            let holds = super::engines::any_of(texts);
            lines.lines.iter().filter(|line| !holds(line)).collect()
        } else {
            lines.lines.iter().collect()
        };
        let mut drawn = || plain[random.below(plain.len())].clone();
        let drawn: Vec<String> = (0..records).map(|_| drawn()).collect();
        let mut put = |line: &str, literal: String| {
            let at = (0..=line.len())
                .rev()
                .find(|at| *at <= random.below(line.len() + 1) && line.is_char_boundary(*at));
            let (before, after) = line.split_at(at.unwrap_or_default());
            format!("{before}{literal}{after}")
        };
        let mut random = Random::default();
        let mut literal = || texts[random.below(texts.len())].clone();
        let realistic = drawn.iter().enumerate().map(|(number, line)| {
            if sparse && number % HOLDING == 0 { put(line, literal()) } else { line.clone() }
        });
        let realistic = realistic.collect();
        let errors = drawn.iter().map(|line| put(line, literal())).collect();
        let mut random = Random::default();
        let mut near_miss = || {
            let literal = literal();
            let changed = random.below(literal.chars().count());
            literal.chars().enumerate().map(|(index, one)| if index == changed { '~' } else { one }).collect()
        };
        let near_misses =
            drawn.iter().map(|line| (0..3).fold(line.clone(), |line, _| put(&line, near_miss()))).collect();
        [
            Self::new("lines of logs", realistic),
            Self::new("every line an error", errors),
            Self::new("three near misses a line", near_misses),
        ]
    }

    fn new(name: &'static str, records: Vec<String>) -> Self {
        let requests = records.chunks(1_000).map(|records| records.join("\n")).collect();
        Self { name, records, requests }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.records.iter().map(String::len).sum()
    }
}

/// Some of the literals, always the same, none of them shorter than a word is.
pub(crate) fn draw(texts: &[String], count: usize) -> Vec<String> {
    let words: Vec<_> = texts.iter().filter(|text| text.len() >= 5).collect();
    let mut random = Random::default();
    let mut drawn = BTreeSet::new();
    while drawn.len() < count.min(words.len()) {
        drawn.insert(words[random.below(words.len())].clone());
    }
    drawn.into_iter().collect()
}

/// Numbers from a fixed seed (xorshift64*, Vigna 2016).
struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % bound
    }
}
