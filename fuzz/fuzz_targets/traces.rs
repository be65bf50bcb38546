//! Stack traces: lines are joined without a loss, and whatever is read of them is bounded.
#![no_main]

use logmend::fingerprint::{Analysis, analyze};
use logmend::model::{Exception, LogRecord, Resource};
use logmend::pipeline::joining::{Joiner, Numbered};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let mut told = Vec::new();
    let mut next = 0;
    let mut joiner = Joiner::default();
    for (number, line) in (0..).zip(text.split(|byte| *byte == b'\n')) {
        joiner.push(Numbered { number, line }, &mut |group| {
            assert_eq!(group.first.number, next, "the lines of groups follow each other");
            next += group.lines;
            told.push(group.joined.unwrap_or(group.first.line).to_vec());
        });
    }
    joiner.finish(&mut |group| {
        assert_eq!(group.first.number, next, "the lines of groups follow each other");
        next += group.lines;
        told.push(group.joined.unwrap_or(group.first.line).to_vec());
    });
    // Longer texts are cut.
    assert!(text.len() > 200_000 || told.join(&b'\n') == text, "lines were lost");
    for body in told.iter().map(Vec::as_slice).chain([text]) {
        check(&LogRecord { body, ..LogRecord::default() });
    }
    let exception = Exception { stacktrace: text, ..Exception::default() };
    check(&LogRecord { body: text, exception, ..LogRecord::default() });
});

fn check(record: &LogRecord<'_>) {
    let analysis: Analysis = analyze(record, &Resource::default());
    assert!(
        analysis.frames.len() <= 64 && analysis.message.len() <= 1000 && analysis.error_type.len() <= 256
    );
    assert_eq!(analysis, analyze(record, &Resource::default()));
}
