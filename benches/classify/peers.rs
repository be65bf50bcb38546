//! Engines that logmend does without.

use daachorse::DoubleArrayAhoCorasick;
use hyperscan::prelude::*;
use regex::bytes::{RegexSet, RegexSetBuilder};
use regex_automata::{Input, MatchKind, PatternSet, meta, util::syntax};

use super::engines::Engine;

pub(crate) fn engines(texts: &[String]) -> Vec<Box<dyn Engine>> {
    vec![
        Box::new(Daachorse { automaton: DoubleArrayAhoCorasick::new(texts).unwrap(), lower: Vec::new() }),
        Box::new(Automata::new(texts)),
        Box::new(Set { set: set(texts) }),
        Box::new(Vectorscan::new(texts)),
    ]
}

/// The literal as a regular expression of bytes.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// It knows no case: the text is made lower-case first.
struct Daachorse {
    automaton: DoubleArrayAhoCorasick<u32>,
    lower: Vec<u8>,
}

impl Engine for Daachorse {
    fn name(&self) -> &'static str {
        "daachorse, and lower-casing"
    }

    fn find(&mut self, text: &[u8], found: &mut Vec<u32>) {
        self.lower.clear();
        self.lower.extend_from_slice(text);
        self.lower.make_ascii_lowercase();
        found.extend(self.automaton.find_overlapping_iter(&self.lower).map(|one| one.value()));
    }
}

/// Which of many patterns match, by its lazy DFA.
struct Automata {
    regex: meta::Regex,
    matched: PatternSet,
}

impl Automata {
    fn new(texts: &[String]) -> Self {
        let patterns: Vec<_> = texts.iter().map(|text| escaped(text)).collect();
        let config = meta::Config::new().match_kind(MatchKind::All).hybrid_cache_capacity(64 << 20);
        let syntax = syntax::Config::new().case_insensitive(true).unicode(false).utf8(false);
        let regex = meta::Builder::new()
            .configure(config.utf8_empty(false).nfa_size_limit(None))
            .syntax(syntax)
            .build_many(&patterns)
            .unwrap();
        Self { matched: PatternSet::new(patterns.len()), regex }
    }
}

impl Engine for Automata {
    fn name(&self) -> &'static str {
        "regex-automata, which patterns"
    }

    fn find(&mut self, text: &[u8], found: &mut Vec<u32>) {
        self.matched.clear();
        self.regex.which_overlapping_matches(&Input::new(text), &mut self.matched);
        found.extend(self.matched.iter().map(|pattern| pattern.as_u32()));
    }

    fn finds_all(&self) -> bool {
        false
    }
}

/// As RE2's Set.
struct Set {
    set: RegexSet,
}

fn set(texts: &[String]) -> RegexSet {
    let patterns = texts.iter().map(|text| escaped(text));
    let mut builder = RegexSetBuilder::new(patterns);
    builder
        .case_insensitive(true)
        .unicode(false)
        .size_limit(256 << 20)
        .dfa_size_limit(64 << 20)
        .build()
        .unwrap()
}

impl Engine for Set {
    fn name(&self) -> &'static str {
        "regex, RegexSet"
    }

    fn find(&mut self, text: &[u8], found: &mut Vec<u32>) {
        found.extend(self.set.matches(text).iter().map(|number| u32::try_from(number).unwrap()));
    }

    fn finds_all(&self) -> bool {
        false
    }
}

/// Intel's Hyperscan as Debian builds it for all processors.
struct Vectorscan {
    database: BlockDatabase,
    scratch: Scratch,
}

impl Vectorscan {
    fn new(texts: &[String]) -> Self {
        let pattern = |(number, text): (usize, &String)| Pattern {
            expression: escaped(text),
            flags: CompileFlags::CASELESS,
            id: Some(number),
            ext: Default::default(),
            som: None,
        };
        let patterns: Patterns = texts.iter().enumerate().map(pattern).collect();
        let database: BlockDatabase = patterns.build().unwrap();
        Self { scratch: database.alloc_scratch().unwrap(), database }
    }
}

impl Engine for Vectorscan {
    fn name(&self) -> &'static str {
        "vectorscan"
    }

    fn find(&mut self, text: &[u8], found: &mut Vec<u32>) {
        let scanned = self.database.scan(text, &self.scratch, |number, _, _, _| {
            found.push(number);
            Matching::Continue
        });
        scanned.unwrap();
    }
}
