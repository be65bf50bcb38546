//! How well the built-in rules tell errors from what is normal: precision and recall over lines that people labelled.
//!
//! `LOGMEND_CORPUS=FOLDER` names the folder of loghub's `NAME_2k.log_structured.csv`; `tests/data/labels.tsv` says which of their
//! lines are errors. Without it the same is asked of `tests/data/labelled_lines.tsv`, which holds lines of our own making.

use std::collections::BTreeMap;
use std::path::Path;

use logmend::classify::{Catalogue, Classifier, Line, Scratch};
use logmend::model::SeverityNumber;

/// What issue and README promise.
const PRECISION_MIN: f64 = 0.95;
/// As above.
const RECALL_MIN: f64 = 0.95;

/// A line that somebody labelled.
struct Labelled {
    /// The system, or the kind of program.
    group: String,
    is_error: bool,
    held_out: bool,
    body: String,
    /// The severity that the line states, where it does.
    level: SeverityNumber,
    reason: String,
}

/// How a set of lines was told apart.
#[derive(Debug, Default, Clone, Copy)]
struct Score {
    found: u32,
    missed: u32,
    false_alarms: u32,
    left_alone: u32,
}

impl Score {
    fn add(&mut self, is_error: bool, told: bool) {
        match (is_error, told) {
            (true, true) => self.found += 1,
            (true, false) => self.missed += 1,
            (false, true) => self.false_alarms += 1,
            (false, false) => self.left_alone += 1,
        }
    }

    fn precision(self) -> f64 {
        share(self.found, self.false_alarms)
    }

    fn recall(self) -> f64 {
        share(self.found, self.missed)
    }
}

fn share(right: u32, wrong: u32) -> f64 {
    if right + wrong == 0 { 1.0 } else { f64::from(right) / f64::from(right + wrong) }
}

/// Scores by group, with `all`, `seen` and `held out` among them.
fn scores(lines: &[Labelled], with_level: bool) -> BTreeMap<String, Score> {
    let classifier = Classifier::new(&Catalogue::built_in()).unwrap();
    let mut scratch = Scratch::default();
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for labelled in lines {
        let severity_number = if with_level { labelled.level } else { SeverityNumber::UNSPECIFIED };
        let line = Line { body: labelled.body.clone(), severity_number, ..Line::default() };
        let told =
            line.show(|record, resource| classifier.classify(record, resource, &mut scratch).is_some());
        let set = if labelled.held_out { "= held out" } else { "= seen" };
        for group in [labelled.group.as_str(), set, "= all"] {
            scores.entry(group.to_owned()).or_default().add(labelled.is_error, told);
        }
        if told != labelled.is_error && !with_level {
            let what = if told { "false alarm" } else { "missed" };
            println!("{what}: {}: {} ({})", labelled.group, labelled.body, labelled.reason);
        }
    }
    scores
}

fn print(title: &str, scores: &BTreeMap<String, Score>) {
    println!("\n{title}\n{:22} {:>6} {:>6} {:>9} {:>6}", "", "errors", "normal", "precision", "recall");
    for (group, score) in scores {
        let (errors, normal) = (score.found + score.missed, score.false_alarms + score.left_alone);
        let (precision, recall) = (score.precision(), score.recall());
        println!("{group:22} {errors:>6} {normal:>6} {precision:>9.3} {recall:>6.3}");
    }
}

/// Each data row of a file of tab-separated values.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

/// The set of our own making: `label<TAB>kind<TAB>reason<TAB>line`. Each third line counts as held out.
fn own_lines() -> Vec<Labelled> {
    let rows = rows(include_str!("../data/labelled_lines.tsv")).enumerate();
    let line = |(number, row): (usize, Vec<&str>)| {
        let [label, group, reason, body] = row[..] else { panic!("four columns: {row:?}") };
        Labelled {
            group: group.to_owned(),
            is_error: is_error(label),
            held_out: number % 3 == 2,
            body: body.replace("\\n", "\n"),
            level: SeverityNumber::UNSPECIFIED,
            reason: reason.to_owned(),
        }
    };
    rows.map(line).collect()
}

fn is_error(label: &str) -> bool {
    match label {
        "error" => true,
        "normal" => false,
        other => panic!("{other} is no label"),
    }
}

/// The lines of loghub that `labels.tsv` names.
fn loghub_lines(folder: &Path) -> Vec<Labelled> {
    let mut systems: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
    let line = |row: Vec<&str>| {
        let [system, line, hash, label, set, _event, reason] = row[..] else {
            panic!("seven columns: {row:?}")
        };
        let table = systems.entry(system.to_owned()).or_insert_with(|| {
            let path = folder.join(format!("{system}_2k.log_structured.csv"));
            csv(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        });
        let row = &table[line.parse::<usize>().unwrap() - 1];
        let body = row["Content"].clone();
        assert!(blake3::hash(body.as_bytes()).to_hex().starts_with(hash), "{system} {line} is another line");
        Labelled {
            group: system.to_owned(),
            is_error: is_error(label),
            held_out: set == "held_out",
            body,
            level: row.get("Level").map_or(SeverityNumber::UNSPECIFIED, |level| level_of(level)),
            reason: reason.to_owned(),
        }
    };
    rows(include_str!("../data/labels.tsv")).map(line).collect()
}

/// A level as the systems state it: a word, or Android's letter.
fn level_of(level: &str) -> SeverityNumber {
    let name = match level {
        "V" => "verbose",
        "D" => "debug",
        "I" => "info",
        "W" => "warn",
        "E" => "error",
        other => other,
    };
    SeverityNumber::from_text(name.as_bytes())
}

/// The rows of a CSV file (RFC 4180) by the names of its columns.
fn csv(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut records = vec![vec![String::new()]];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let field = records.last_mut().unwrap().last_mut().unwrap();
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => records.last_mut().unwrap().push(String::new()),
            '\n' if !quoted => records.push(vec![String::new()]),
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    records.retain(|record| record.len() > 1);
    let names = records.remove(0);
    records.into_iter().map(|record| names.iter().cloned().zip(record).collect()).collect()
}

/// Lines go in bare, as a file's lines do: of unknown severity.
#[test]
fn errors_are_told_from_what_is_normal() {
    let (title, lines) = match std::env::var_os("LOGMEND_CORPUS") {
        Some(folder) => ("lines of loghub", loghub_lines(Path::new(&folder))),
        None => ("lines of our own making", own_lines()),
    };
    let errors = lines.iter().filter(|line| line.is_error).count();
    assert!(errors >= 200 && lines.len() - errors >= 200, "{errors} errors of {} lines", lines.len());
    let bare = scores(&lines, false);
    print(&format!("{title}, severity unknown"), &bare);
    if lines.iter().any(|line| !line.level.is_unspecified()) {
        print(&format!("{title}, with the level that the line states"), &scores(&lines, true));
    }
    let all = bare["= all"];
    assert!(all.precision() >= PRECISION_MIN, "precision {:.3}", all.precision());
    assert!(all.recall() >= RECALL_MIN, "recall {:.3}", all.recall());
}
