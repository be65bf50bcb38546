//! All occurrences of many literals in a text, in any case of ASCII letters.
//!
//! An automaton is bound by its chain of loads: each byte waits for the state that the last one led to. So the text is read by
//! [`Grams`], with loads that wait for nothing, many at once: of each literal they know a few bytes that are rare in logs, look at
//! every few bytes of the text whether they are among these, and compare the literals where they are.
//!
//! The answer is the one that an Aho-Corasick automaton gives, which property tests and a fuzz target hold it to. The automaton
//! itself reads what grams are no help with: all texts where a literal is too short to have any, and a text that was made to
//! look like many literals, so that none costs more than a bounded number of steps a byte.

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, Match};

use self::grams::Grams;

mod grams;
mod rarity;
mod slots;
#[cfg(test)]
mod tests;
mod windows;

/// Bytes of distinct literals up to which an automaton that reads all texts is a DFA: on log lines it reads 1.6 times as
/// many bytes a second as the compact NFA (measured with 64 to 500 literals), for twenty times the memory.
const DFA_TEXT_BYTES_MAX: usize = 64 * 1024;

/// Distinct literals, ready to be looked for.
#[derive(Debug)]
pub struct Literals {
    /// None where a literal is too short for them.
    grams: Option<Grams>,
    automaton: AhoCorasick,
}

/// What a text may cost beyond a look at its grams, before the automaton reads it: comparisons of eight bytes.
#[derive(Debug)]
struct Budget(usize);

impl Budget {
    /// Some comparisons for each byte, and what a short line full of literals needs.
    fn of(text: &[u8]) -> Self {
        Self(text.len().saturating_mul(2).saturating_add(256))
    }

    /// None where it is spent.
    fn spend(&mut self, comparisons: usize) -> Option<()> {
        self.0 = self.0.checked_sub(comparisons)?;
        Some(())
    }
}

impl Literals {
    /// Of texts without capital ASCII letters and without doubles; a text's position is the number of its pattern.
    ///
    /// # Errors
    ///
    /// They are too much text for an automaton.
    pub fn new(texts: &[String]) -> Result<Self, BuildError> {
        let grams = Grams::new(texts);
        let bytes: usize = texts.iter().map(String::len).sum();
        let reads_all = grams.is_none() && bytes <= DFA_TEXT_BYTES_MAX;
        let kind = if reads_all { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        // Without a prefilter: with hundreds of literals none pays, and speed should not hang on which rules there are.
        let builder = &mut AhoCorasick::builder();
        let automaton =
            builder.ascii_case_insensitive(true).prefilter(false).kind(Some(kind)).build(texts)?;
        Ok(Self { grams, automaton })
    }

    /// Puts all occurrences into `found`, also those that overlap, in the order of their ends; of those that end together the
    /// longest comes first. The caller keeps `found` from text to text, so that none costs an allocation.
    #[inline]
    pub fn find(&self, text: &[u8], found: &mut Vec<Match>) {
        found.clear();
        let by_grams = self.grams.as_ref().and_then(|grams| grams.find(text, found, Budget::of(text)));
        if by_grams.is_none() {
            found.clear();
            found.extend(self.automaton.find_overlapping_iter(text));
        } else if found.len() > 1 {
            found.sort_unstable_by_key(|one| (one.end(), one.start()));
        }
    }
}
