//! The rules in use: swapped whole, while records are read through them.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::catalogue::Catalogue;
use super::engine::Classifier;
use super::error::RulesError;
use super::rule::Rule;

/// The rules in use; clones share them.
///
/// They come from two sides: the catalogue, which is a file's or the built-in one, and the rules that were learned, which
/// are tried after it. Either side is replaced alone, and the classifier is built anew of both. Whoever classifies takes
/// [`Rules::current`] once for a request and sees one set of rules throughout; no record is missed meanwhile, since the
/// former set stays as long as somebody reads through it.
#[derive(Debug, Clone)]
pub struct Rules {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    current: ArcSwap<Classifier>,
    /// Held while a classifier is built, some milliseconds, so that of two changes none undoes the other. Nobody who
    /// classifies waits for it.
    sides: Mutex<Sides>,
}

#[derive(Debug, Clone)]
struct Sides {
    catalogue: Catalogue,
    learned: Vec<Rule>,
}

impl Sides {
    /// A learned rule whose id the catalogue has is left out: what people wrote stands.
    fn build(&self) -> Result<Arc<Classifier>, RulesError> {
        Classifier::new(&self.catalogue.followed_by(&self.learned)).map(Arc::new)
    }
}

impl Rules {
    /// The rules of a catalogue, with none learned yet.
    ///
    /// # Errors
    ///
    /// Where no automaton can be built of them.
    pub fn new(catalogue: Catalogue) -> Result<Self, RulesError> {
        let sides = Sides { catalogue, learned: Vec::new() };
        let current = ArcSwap::new(sides.build()?);
        Ok(Self { shared: Arc::new(Shared { current, sides: Mutex::new(sides) }) })
    }

    /// The classifier of now. It costs no lock; hold it for a request, not for longer.
    #[must_use]
    pub fn current(&self) -> Guard<Arc<Classifier>> {
        self.shared.current.load()
    }

    /// Replaces the catalogue and keeps what was learned.
    ///
    /// # Errors
    ///
    /// Where no automaton can be built; the rules in use stay.
    pub fn set_catalogue(&self, catalogue: Catalogue) -> Result<(), RulesError> {
        self.change(|sides| sides.catalogue = catalogue)
    }

    /// Replaces the learned rules, which are tried in their order after those of the catalogue. A rule among them whose id
    /// the catalogue has, now or after a reload, is not used.
    ///
    /// # Errors
    ///
    /// Where no automaton can be built; the rules in use stay.
    pub fn set_learned(&self, learned: Vec<Rule>) -> Result<(), RulesError> {
        self.change(|sides| sides.learned = learned)
    }

    fn change(&self, change: impl FnOnce(&mut Sides)) -> Result<(), RulesError> {
        // Nothing is half changed where a holder panicked: the sides are replaced whole, below.
        let mut sides = self.shared.sides.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = sides.clone();
        change(&mut changed);
        self.shared.current.store(changed.build()?);
        *sides = changed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(rules: &[(&str, &str)]) -> Catalogue {
        let rule = |(id, literal): &(&str, &str)| {
            format!(
                "[[rule]]\nid = \"{id}\"\ncategory = \"unknown\"\nseverity = \"low\"\nfixable = false\nsuggested_fix = \"Mend it.\"\nany = [\"{literal}\"]\n"
            )
        };
        Catalogue::parse(&rules.iter().map(rule).collect::<String>()).unwrap()
    }

    fn learned(rules: &[(&str, &str)]) -> Vec<Rule> {
        catalogue(rules).rules().to_vec()
    }

    fn check(rules: &Rules, ids: &[&str]) {
        assert_eq!(rules.current().rules().iter().map(Rule::id).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn either_side_is_replaced_alone_and_learned_rules_come_last() {
        let rules = Rules::new(catalogue(&[("a", "aa")])).unwrap();
        let before = rules.current();
        rules.set_learned(learned(&[("l", "ll"), ("b", "never")])).unwrap();
        check(&rules, &["a", "l", "b"]);
        rules.clone().set_catalogue(catalogue(&[("b", "bb"), ("c", "cc")])).unwrap();
        check(&rules, &["b", "c", "l"]);
        rules.set_catalogue(catalogue(&[("c", "cc")])).unwrap();
        check(&rules, &["c", "l", "b"]);
        rules.set_learned(Vec::new()).unwrap();
        check(&rules, &["c"]);
        assert_eq!(before.rules().len(), 1, "a reader keeps what it took");
    }
}
