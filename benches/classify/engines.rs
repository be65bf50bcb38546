//! What finds literals.

use aho_corasick::{AhoCorasick, AhoCorasickKind, Match};
use logmend::classify::Literals;

/// Finds which of its literals occur in a text, in any case of ASCII letters.
pub(crate) trait Engine {
    fn name(&self) -> &'static str;

    /// Adds the numbers of the literals in the text, one as often as it likes.
    fn find(&mut self, text: &[u8], found: &mut Vec<u32>);

    /// Whether it tells of every occurrence, so that one call over many records answers for each.
    fn finds_all(&self) -> bool {
        true
    }
}

/// The engines that there are: logmend first, aho-corasick's DFA second.
pub(crate) fn engines(texts: &[String]) -> Vec<Box<dyn Engine>> {
    #[cfg_attr(not(feature = "bench-peers"), expect(unused_mut, reason = "there are no more"))]
    let mut engines: Vec<Box<dyn Engine>> = vec![
        Box::new(Logmend { literals: Literals::new(texts).unwrap(), found: Vec::new() }),
        Box::new(Plain { name: "aho-corasick, DFA", automaton: plain(texts, Some(AhoCorasickKind::DFA)) }),
        Box::new(Plain { name: "aho-corasick, as it chooses", automaton: plain(texts, None) }),
    ];
    #[cfg(feature = "bench-peers")]
    engines.extend(super::peers::engines(texts));
    engines
}

/// Whether a line holds any of them.
pub(crate) fn any_of(texts: &[String]) -> impl Fn(&str) -> bool {
    let automaton = plain(texts, None);
    move |line| automaton.is_match(line)
}

fn plain(texts: &[String], kind: Option<AhoCorasickKind>) -> AhoCorasick {
    AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(texts).unwrap()
}

fn number(found: &Match) -> u32 {
    found.pattern().as_u32()
}

struct Logmend {
    literals: Literals,
    found: Vec<Match>,
}

impl Engine for Logmend {
    fn name(&self) -> &'static str {
        "logmend"
    }

    fn find(&mut self, text: &[u8], found: &mut Vec<u32>) {
        self.literals.find(text, &mut self.found);
        found.extend(self.found.iter().map(number));
    }
}

struct Plain {
    name: &'static str,
    automaton: AhoCorasick,
}

impl Engine for Plain {
    fn name(&self) -> &'static str {
        self.name
    }

    fn find(&mut self, text: &[u8], found: &mut Vec<u32>) {
        found.extend(self.automaton.find_overlapping_iter(text).map(|one| number(&one)));
    }
}
