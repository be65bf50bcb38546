//! Words without a digit: they stay, unless they name somebody or are part of a date, and say what comes next.

use super::shapes;
use super::vocabulary::{BEFORE_USER, CREDENTIAL, CURRENCY, FILLER, METHOD, MONTH, Meaning, WEEKDAY, ZONE};
use super::words;
use super::{Context, Scan};

impl<'a> Scan<'a> {
    pub(super) fn put_word(&mut self, word: &str) {
        self.put(word);
        self.context = Context::default();
        self.last = Meaning::of(words::last_word(word));
    }

    /// A word without a digit, which stays unless it stands where names stand, or is part of a date.
    pub(super) fn word(&mut self, word: &'a str, trail: &str) {
        let meaning = Meaning::of(word);
        let amount = meaning.is(CURRENCY) && word.bytes().all(|b| b.is_ascii_uppercase()) && {
            let next = self.rest().trim_start_matches(' ');
            next.starts_with(|c: char| c.is_ascii_digit())
        };
        if amount || self.is_of_date(word, meaning) || shapes::is_hex_word(word) {
            return self.mask();
        }
        let codes = if meaning.is(FILLER) { self.context.codes } else { 0 };
        self.put(word);
        let name = trail.is_empty() && self.names_next(word);
        let next = Context::after(word, meaning);
        self.context = Context { codes: codes.max(next.codes), name, ..next };
        if meaning.is(METHOD) && next.route {
            self.request = 1;
        }
        self.last = meaning;
    }

    /// Whether the word after this one is a name: `for user root`, `invalid user bob from`, `password for root from`.
    fn names_next(&self, word: &str) -> bool {
        let (user, credential) =
            (word.eq_ignore_ascii_case("user"), word == "for" && self.last.is(CREDENTIAL));
        if !(user || credential) {
            return false;
        }
        let Some(next) = self.rest().strip_prefix(' ') else { return false };
        let length = next.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_-.\\$".contains(b)).count();
        let after = &next[length..];
        if length == 0 {
            return false;
        }
        if user {
            let ends = after.is_empty() || after.starts_with([',', ';', ')', ']', '.']);
            return (self.last.is(BEFORE_USER) && (ends || after.starts_with(' ') || after.starts_with(':')))
                || [" from ", " by ", " ("].iter().any(|follows| after.starts_with(follows));
        }
        after.starts_with(" from ")
    }

    /// Whether a word is the weekday, month or zone of a date: a value stands beside it.
    fn is_of_date(&self, word: &str, meaning: Meaning) -> bool {
        let dated = meaning.is(MONTH) || meaning.is(WEEKDAY) || meaning.is(ZONE);
        if !dated || !word.starts_with(|c: char| c.is_ascii_uppercase()) {
            return false;
        }
        let after_value = self.mask_end > 0 && self.mask_end == self.out.len();
        let next = self.rest().trim_start_matches([',', ' ']);
        let before_digit = next.starts_with(|c: char| c.is_ascii_digit());
        let before_month = || next.get(..3).is_some_and(|month| Meaning::of(month).is(MONTH));
        (meaning.is(MONTH) && (before_digit || after_value))
            || (meaning.is(WEEKDAY) && (before_digit || before_month()))
            || (meaning.is(ZONE) && after_value && self.space)
    }
}
