use aho_corasick::{AhoCorasick, Match};
use proptest::prelude::*;

use super::Literals;

fn literals(texts: &[String]) -> Literals {
    Literals::new(texts).unwrap()
}

fn found(literals: &Literals, text: &[u8]) -> Vec<Match> {
    // What was found before must not show.
    let mut found = vec![Match::must(0, 0..1)];
    literals.find(text, &mut found);
    found
}

/// What plain aho-corasick finds, in the promised order.
fn plainly(texts: &[String], text: &[u8]) -> Vec<Match> {
    let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(texts).unwrap();
    let mut found: Vec<_> = automaton.find_overlapping_iter(text).collect();
    found.sort_by_key(|one| (one.end(), one.start()));
    found
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[track_caller]
fn check(texts: &[String], text: &[u8]) {
    assert_eq!(found(&literals(texts), text), plainly(texts, text), "{:?}", String::from_utf8_lossy(text));
}

/// Distinct, without capital letters.
fn texts(of: &'static str, count: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::btree_set(of, 1..count).prop_map(|texts| texts.into_iter().collect())
}

/// Texts in which some of the literals stand, some of them cut, some of them in capitals.
fn haystack(texts: Vec<String>, between: &'static str) -> impl Strategy<Value = (Vec<String>, Vec<u8>)> {
    let piece = (any::<prop::sample::Index>(), 0..4u8, any::<prop::sample::Index>(), between);
    proptest::collection::vec(piece, 0..12).prop_map(move |pieces| {
        let mut text = Vec::new();
        for (literal, how, at, between) in pieces {
            let mut literal = literal.get(&texts).clone().into_bytes();
            let at = at.index(literal.len());
            match how {
                0 => literal.make_ascii_uppercase(),
                1 => literal[at] ^= 0x20,
                2 => literal.truncate(at),
                _ => {}
            }
            text.extend_from_slice(&literal);
            text.extend_from_slice(between.as_bytes());
        }
        (texts.clone(), text)
    })
}

#[test]
fn a_literal_is_found_wherever_it_stands() {
    for literal in [
        "abc",
        "fail",
        "fatal",
        "deadlock",
        "oomkilled",
        "connection refused",
        "too many open files in system",
    ] {
        let texts = owned(&[literal]);
        let literals = literals(&texts);
        for before in 0..70 {
            for after in [0, 1, 2, 3, 4, 5, 31, 32, 33] {
                let text = format!("{}{}{}", "x".repeat(before), literal.to_uppercase(), "y".repeat(after));
                let place = before..before + literal.len();
                assert_eq!(found(&literals, text.as_bytes()), [Match::must(0, place)], "{before} {after}");
            }
        }
    }
}

#[test]
fn literals_that_overlap_are_all_found_in_the_order_of_their_ends() {
    let texts = owned(&["connection", "connection refused", "refused", "nection ref", "ion", "used by"]);
    let text = b"Connection Refused by peer";
    let found: Vec<_> = found(&literals(&texts), text).iter().map(|one| one.pattern().as_usize()).collect();
    assert_eq!(found, [0, 4, 3, 1, 2, 5]);
    check(&texts, text);
}

#[test]
fn bytes_that_only_look_like_capitals_are_told_apart() {
    // Each differs from the other in the bit that parts capitals from small letters.
    let texts = owned(&["{file}~`1", "open@home_[x]"]);
    for text in ["[file]^@\u{11}", "{FILE}~`1", "open`home\u{7f}{x}", "OPEN@HOME_[X]"] {
        check(&texts, text.as_bytes());
    }
}

#[test]
fn literals_too_short_for_grams_are_found_and_none_are_too_few() {
    check(&owned(&["5", "ab", "connection refused"]), b"5 AB 55 connection refused");
    check(&[], b"anything");
    check(&owned(&["anything"]), b"");
}

#[test]
fn a_text_made_of_literals_alone_is_read_by_the_automaton() {
    // Each place is the beginning of many windows.
    let texts: Vec<_> = (3..60).map(|length| "a".repeat(length)).collect();
    let text = [b'a'; 500];
    let literals = literals(&texts);
    let mut found = Vec::new();
    let grams = literals.grams.as_ref().unwrap();
    assert!(grams.find(&text, &mut found, super::Budget::of(&text)).is_none());
    check(&texts, &text);
}

#[test]
fn so_many_literals_that_no_slot_stays_empty_are_found() {
    // A literal of three bytes fills a slot for each byte that may follow it.
    let texts: Vec<_> = (0x100..0x800).map(|number| format!("{number:x}")).collect();
    assert!(literals(&texts).grams.is_none());
    check(&texts, b"numbers 0x4F1 and 7ff, 12 and 80");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn few_letters_are_read_as_aho_corasick_reads_them(
        texts in texts("[ab]{1,9}", 12),
        text in "[abAB]{0,200}",
    ) {
        prop_assert_eq!(found(&literals(&texts), text.as_bytes()), plainly(&texts, text.as_bytes()));
    }

    #[test]
    fn long_literals_of_few_letters_are_too(
        texts in texts("[ab]{3,24}", 40),
        text in "[abAB]{0,300}",
    ) {
        prop_assert_eq!(found(&literals(&texts), text.as_bytes()), plainly(&texts, text.as_bytes()));
    }

    #[test]
    fn words_are_too(
        (texts, text) in texts("[a-e 0-2_{}é]{3,20}", 120)
            .prop_flat_map(|texts| haystack(texts, "[a-eA-E 0-2é]{0,30}")),
    ) {
        prop_assert_eq!(found(&literals(&texts), &text), plainly(&texts, &text));
    }

    #[test]
    fn any_bytes_are_too(
        texts in texts("[\\x00-\\x40\\x5b-\\x7f]{2,12}", 30),
        text in proptest::collection::vec(0..=u8::MAX, 0..300),
    ) {
        prop_assert_eq!(found(&literals(&texts), &text), plainly(&texts, &text));
    }
}

#[test]
fn all_literals_of_the_built_in_rules_are_found_in_the_lines_of_their_files() {
    let files: String = crate::classify::BUILT_IN.iter().map(|file| file.text).collect();
    let rules = crate::classify::Catalogue::parse(&files).unwrap();
    let index = super::super::index::Index::new(rules.rules());
    let literals = literals(&index.texts);
    assert!(literals.grams.is_some());
    let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&index.texts).unwrap();
    for line in files.lines() {
        let mut plainly: Vec<_> = automaton.find_overlapping_iter(line).collect();
        plainly.sort_by_key(|one| (one.end(), one.start()));
        assert_eq!(found(&literals, line.as_bytes()), plainly, "{line}");
    }
}
