//! Whether one condition holds whenever another one does, by the texts alone.

use super::super::rule::{Conditions, Literal, Rule};

/// One way in which a rule can hold: texts that all occur then.
pub(super) type Way<'r> = Vec<&'r Literal>;

/// All ways: one for each entry of `any`, that one first, with what must occur anyway. A rule that asks for no text has one, in
/// which nothing must occur.
pub(super) fn ways(conditions: &Conditions) -> Vec<Way<'_>> {
    let halves = conditions.near.iter().flat_map(|near| [&near.first, &near.second]);
    let always: Vec<_> = conditions.all.iter().chain(halves).collect();
    if conditions.any.is_empty() {
        return vec![always];
    }
    let with = |one| std::iter::once(one).chain(always.iter().copied()).collect();
    conditions.any.iter().map(with).collect()
}

/// A text in which a way's texts occur.
pub(super) fn least_text(way: &[&Literal]) -> String {
    way.iter().map(|literal| literal.text.as_str()).collect::<Vec<_>>().join("\u{1}")
}

/// Whether `earlier` holds whenever `rule` holds in this way.
pub(super) fn always_before(earlier: &Rule, rule: &Rule, way: &[&Literal]) -> bool {
    let (first, later) = (earlier.conditions(), rule.conditions());
    let occurs = |asked: &Literal| way.iter().any(|given| implies(given, asked));
    (first.any.is_empty() || first.any.iter().any(occurs))
        && first.all.iter().all(occurs)
        && first.near.iter().all(|near| later.near.iter().any(|other| other == near))
        && first.none.iter().all(|forbidden| later.none.iter().any(|other| implies(forbidden, other)))
        && (first.exception_types.is_empty() || is_within(&later.exception_types, &first.exception_types))
        && (first.services.is_empty() || is_within(&later.services, &first.services))
        && first.attributes.iter().all(|asked| later.attributes.contains(asked))
        && first.resource_attributes.iter().all(|asked| later.resource_attributes.contains(asked))
        && earlier.min_severity() <= rule.min_severity()
}

/// Whether `asked` occurs wherever `given` does.
pub(super) fn implies(given: &Literal, asked: &Literal) -> bool {
    let (given_text, asked_text) = (given.text.to_ascii_lowercase(), asked.text.to_ascii_lowercase());
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    given_text.match_indices(&asked_text).any(|(start, found)| {
        let bytes = given_text.as_bytes();
        let before = start.checked_sub(1).map_or(given.word, |index| !is_word(bytes[index]));
        let after = bytes.get(start + found.len()).map_or(given.word, |byte| !is_word(*byte));
        !asked.word || (before && after)
    })
}

/// Whether every entry is one of the others, and there is one.
fn is_within<T: PartialEq>(entries: &[T], others: &[T]) -> bool {
    !entries.is_empty() && entries.iter().all(|entry| others.contains(entry))
}
