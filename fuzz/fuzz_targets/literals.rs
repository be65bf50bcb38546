//! Literals: what is found of them is what plain aho-corasick finds. The input's first line holds the literals, parted by `|`.
#![no_main]

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use logmend::classify::Literals;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (literals, text) = input.iter().position(|byte| *byte == b'\n').map_or((input, input), |end| input.split_at(end));
    let literals = String::from_utf8_lossy(literals).to_ascii_lowercase();
    let literals: BTreeSet<_> = literals.split('|').filter(|text| !text.is_empty()).collect();
    let literals: Vec<_> = literals.into_iter().map(str::to_owned).collect();
    let mut found = Vec::new();
    Literals::new(&literals).expect("short literals").find(text, &mut found);
    let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&literals).expect("short literals");
    let mut plainly: Vec<_> = automaton.find_overlapping_iter(text).collect();
    plainly.sort_by_key(|one| (one.end(), one.start()));
    assert_eq!(found, plainly);
});
