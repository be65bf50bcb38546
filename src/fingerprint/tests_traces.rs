//! Real-looking traces of many runtimes, in variants that must meet in one fingerprint, and neighbours that must not.
//!
//! They are data, in `tests/data/traces/`: whoever meets a trace that is told wrongly adds it there. Its README has the format.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

/// How many traces there are at least.
const TRACES_MIN: usize = 60;

/// One trace of a data file, with what is like it.
#[derive(Debug, Default)]
struct Case {
    name: String,
    text: String,
    /// Whether it must have the same fingerprint, why, and the text.
    variants: Vec<(bool, String, String)>,
}

fn id(record: &LogRecord<'_>) -> Fingerprint {
    analyze(record, &Resource::default()).fingerprint
}

/// The fingerprint of a text that stands in a body, on its own or behind a message, and in `exception.stacktrace`; all of them
/// must be one.
fn ids(text: &str) -> BTreeMap<Fingerprint, Vec<&'static str>> {
    let body = |text: &str| id(&LogRecord { body: text.as_bytes(), ..LogRecord::default() });
    let exception = Exception { stacktrace: text.as_bytes(), ..Exception::default() };
    let mut ids = BTreeMap::<_, Vec<_>>::new();
    for (id, place) in [
        (body(text), "the body"),
        (body(&format!("checkout of order 42 failed\n{text}")), "the body, behind a message"),
        (body(&text.replace('\n', "\r\n")), "the body, with CRLF"),
        (id(&LogRecord { exception, ..LogRecord::default() }), "exception.stacktrace"),
    ] {
        ids.entry(id).or_default().push(place);
    }
    ids
}

/// Reads the cases of one file; the README beside it has the format.
fn cases(file: &str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for block in format!("\n{text}").split("\n%%").skip(1) {
        let (title, content) = block.split_once('\n').unwrap_or((block, ""));
        if let Some(name) = title.strip_prefix("% ") {
            cases.push(Case { name: format!("{file}: {name}"), text: content.to_owned(), ..Case::default() });
            continue;
        }
        let case = cases.last_mut().expect("a trace stands before its variants");
        let (kind, why) = title.trim().split_once(": ").expect("a variant has a reason");
        let text = match kind.strip_suffix(" with") {
            Some(_) => edited(&case.text, content, &case.name),
            None => content.to_owned(),
        };
        let is_same = kind.starts_with("same");
        assert!(is_same || kind.starts_with("other"), "{}: {kind}", case.name);
        case.variants.push((is_same, why.to_owned(), text));
    }
    cases
}

/// The text with each `from => to` put in place everywhere. Each must be there to be replaced.
fn edited(text: &str, edits: &str, name: &str) -> String {
    edits.lines().filter(|line| !line.is_empty()).fold(text.to_owned(), |text, edit| {
        let (from, to) = edit.split_once(" => ").unwrap_or_else(|| panic!("{name}: no edit: {edit}"));
        let (from, to) = (from.replace('⏎', "\n"), to.replace('⏎', "\n"));
        assert!(text.contains(&from), "{name}: nothing to edit: {from}");
        text.replace(&from, &to)
    })
}

fn all() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/traces");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    let read = |file: &PathBuf| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        cases(&name, &std::fs::read_to_string(file).unwrap())
    };
    files.iter().flat_map(read).collect()
}

/// What is wrong with a case, in sentences.
fn misses(case: &Case) -> Vec<String> {
    let mut misses = Vec::new();
    let own = ids(&case.text);
    if own.len() > 1 {
        misses.push(format!("differs by the place where it stands: {own:?}"));
    }
    let record = LogRecord { body: case.text.as_bytes(), ..LogRecord::default() };
    let read = analyze(&record, &Resource::default());
    let told = || (&read.error_type, read.frames.iter().filter(|frame| frame.in_app).collect::<Vec<_>>());
    if read.frames.is_empty() {
        misses.push("has no frames".to_owned());
    }
    for (is_same, why, text) in &case.variants {
        let of_variant = ids(text);
        if of_variant.len() > 1 {
            misses.push(format!("{why}: differs by the place where it stands: {of_variant:?}"));
        }
        let meets = of_variant.keys().any(|id| own.contains_key(id));
        if meets != *is_same {
            let body = LogRecord { body: text.as_bytes(), ..LogRecord::default() };
            let other = analyze(&body, &Resource::default());
            let frames: Vec<_> = other.frames.iter().filter(|frame| frame.in_app).collect();
            let what = if *is_same { "must meet, and does not" } else { "must not meet, and does" };
            misses.push(format!("{why}: {what}\n    {:?}\n    ({:?}, {frames:?})", told(), other.error_type));
        }
    }
    let has = |same| case.variants.iter().any(|(is_same, ..)| *is_same == same);
    if !(has(true) && has(false)) {
        misses.push("needs a variant and a neighbour".to_owned());
    }
    misses
}

/// One error is one cluster, whatever its lines, addresses, values and formatter are; its neighbours are others.
#[test]
fn traces_meet_their_variants_and_keep_apart_from_their_neighbours() {
    let cases = all();
    let variants: usize = cases.iter().map(|case| case.variants.len()).sum();
    let mut misses: Vec<String> = cases
        .iter()
        .flat_map(|case| misses(case).into_iter().map(|miss| format!("{}: {miss}", case.name)))
        .collect();
    let mut seen = BTreeMap::new();
    for case in &cases {
        for id in ids(&case.text).into_keys() {
            if let Some(other) = seen.insert(id, &case.name).filter(|other| **other != case.name) {
                misses.push(format!("{}: is one with {other}", case.name));
            }
        }
    }
    println!("{} traces, {variants} variants and neighbours", cases.len());
    assert!(misses.is_empty(), "{} misses:\n{}", misses.len(), misses.join("\n"));
    assert!(cases.len() >= TRACES_MIN, "{} traces of at least {TRACES_MIN}", cases.len());
}

/// However long a trace is that somebody makes of the lines of another: what is kept of it has a bound.
#[test]
fn traces_of_ten_thousand_frames_stay_bounded() {
    for case in all() {
        let lines = case.text.lines().count();
        let long = case.text.repeat(10_000_usize.div_ceil(lines));
        let mangled =
            case.text.lines().map(|line| line.repeat(10_000 / line.len().max(1)) + "\n").collect::<String>();
        for text in [long, mangled] {
            let body = LogRecord { body: text.as_bytes(), ..LogRecord::default() };
            let exception = Exception { stacktrace: text.as_bytes(), ..Exception::default() };
            for record in [body, LogRecord { exception, ..LogRecord::default() }] {
                let read = analyze(&record, &Resource::default());
                assert!(read.frames.len() <= FRAMES_MAX && read.message.len() <= 1000, "{}", case.name);
                assert!(read.error_type.len() <= TYPE_BYTES_MAX, "{}", case.name);
            }
        }
    }
}
