//! Window-end merging: templates that one error wrote with a word that varies are one family.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Fingerprint;

/// One template that is known: of a cluster that was named by its message, not by stack frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'a> {
    /// The id that the template has on its own.
    pub fingerprint: Fingerprint,
    /// The service; templates of two services never meet.
    pub service: &'a str,
    /// The exception's type, or empty; templates of two types never meet.
    pub error_type: &'a str,
    /// The template, as [`super::template()`] made it.
    pub template: &'a str,
}

/// Templates that are one error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// The id of them all: the smallest of their fingerprints.
    pub cluster: Fingerprint,
    /// The others, ascending; at least one.
    pub aliases: Vec<Fingerprint>,
    /// The template of them all, with `<*>` where their words differ.
    pub template: String,
    /// Why they are one, as a sentence for people.
    pub reason: String,
}

/// How many distinct words in one place make it a variable.
const WORDS_MIN: usize = 4;

/// The families among all templates that are known, ordered by id. It depends on the set alone, not on its order.
#[must_use]
pub fn families(known: &[Known<'_>]) -> Vec<Family> {
    let mut by_rest = BTreeMap::<(&str, &str, String), BTreeSet<(Fingerprint, &str)>>::new();
    for one in known {
        let words: Vec<_> = one.template.split(' ').collect();
        for place in 1..words.len() {
            let rest = [&words[..place], &["<*>"], &words[place + 1..]].concat().join(" ");
            by_rest
                .entry((one.service, one.error_type, rest))
                .or_default()
                .insert((one.fingerprint, words[place]));
        }
    }
    let mut taken = BTreeSet::new();
    let mut families: Vec<_> = by_rest
        .into_iter()
        .filter_map(|((_, _, template), members)| {
            let words: BTreeSet<_> = members.iter().map(|(_, word)| *word).collect();
            let mut ids: Vec<_> = members.iter().map(|(id, _)| *id).collect();
            ids.dedup();
            let fresh = ids.iter().all(|id| taken.insert(*id));
            (fresh && words.len() >= WORDS_MIN).then(|| Family {
                cluster: ids[0],
                aliases: ids[1..].to_vec(),
                template,
                reason: format!("templates that differ in one word, which took {} values", words.len()),
            })
        })
        .collect();
    families.sort_by_key(|family| family.cluster);
    families
}
