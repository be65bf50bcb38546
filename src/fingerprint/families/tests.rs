use proptest::prelude::*;

use super::*;
use crate::model::MASK;

/// A template's fingerprint in these tests: its place in the list.
fn known<'a>(templates: &[&'a str]) -> Vec<Known<'a>> {
    let ids = 1_u128..;
    let one = |(id, template): (u128, &'a str)| Known {
        fingerprint: Fingerprint::from_bytes(id.to_be_bytes()),
        service: "shop",
        error_type: "",
        template,
    };
    ids.zip(templates.iter().copied()).map(one).collect()
}

/// The templates that become one, if any do, and what they are called then.
#[track_caller]
fn check(templates: &[&str], expected: Option<&str>) {
    let found = families(&known(templates));
    let names: Vec<_> = found.iter().map(|family| family.template.as_str()).collect();
    assert_eq!(names, expected.into_iter().collect::<Vec<_>>(), "of {templates:?}");
    if let Some(family) = found.first() {
        assert_eq!(family.id, Fingerprint::from_bytes(1_u128.to_be_bytes()));
        assert_eq!(family.aliases.len(), templates.len() - 1, "{templates:?}");
    }
}

fn each(words: &str, of: &str) -> Vec<String> {
    words.split(' ').map(|word| of.replace('_', word)).collect()
}

#[track_caller]
fn check_each(words: &str, of: &str, merged: bool) {
    let templates = each(words, of);
    let templates: Vec<_> = templates.iter().map(String::as_str).collect();
    let expected = of.replace('_', MASK);
    check(&templates, merged.then_some(&expected));
}

#[test]
fn many_words_in_one_place_are_one_error() {
    check_each("orders mails carts stock users", "cannot drain the _ of broker", true);
    check_each("orders mails carts stock", "cannot drain the _ of broker", false);
    check_each("orders mails carts stock users", "the _ stuck", false);
    check_each("orders mails carts stock users a b c d e", "the _ stuck", true);
    check_each("orders mails carts", "cannot drain queue _ of broker", true);
    check_each("orders mails", "cannot drain queue _ of broker", false);
}

#[test]
fn what_happened_tells_errors_apart_however_many_there_are() {
    check_each(
        "refused reset closed denied aborted lost",
        "the connection to the broker was _ by peer",
        false,
    );
    check_each("parsing loading saving merging storing", "an error while _ the price list of today", false);
    check_each("404 500 503 502 429 403", "the price list answered with status _ today", false);
    check_each(
        "IoError KeyError ValueError TypeError NameError",
        "unhandled _ in the price list of today",
        false,
    );
    check_each("Syslogd Klogd Portmap Crond Sshd Cupsd", "_ cannot be brought up by this host", false);
}

#[test]
fn a_word_beside_a_value_of_the_same_key_is_a_value() {
    check(
        &["login failed for rhost=<*> user=<*>", "login failed for rhost=<*> user=root"],
        Some("login failed for rhost=<*> user=<*>"),
    );
    check(&["login failed after <*> of it", "login failed after all of it"], None);
    check(&["login failed for user=guest now", "login failed for user=root now"], None);
}

#[test]
fn ids_with_two_prefixes_are_one() {
    check(
        &[
            "Block rdd_<*> stored as values in memory",
            "Block broadcast_<*>_piece<*> stored as values in memory",
        ],
        Some("Block <*> stored as values in memory"),
    );
    check(&["Block rdd_<*> lost again", "Block <*> lost again"], Some("Block <*> lost again"));
    check(&["Block rdd_<*> lost again", "Block everything lost again"], None);
    let with_a_word = ["Block rdd_<*> lost again", "Block <*> lost again", "Block everything lost again"];
    assert_eq!(families(&known(&with_a_word))[0].aliases.len(), 1, "the word stays apart and parts nobody");
}

#[test]
fn two_places_that_vary_together_are_found() {
    let pairs = ["anna berlin", "ben paris", "cleo rome", "dora oslo", "emil bern", "fay wien"];
    let templates: Vec<_> = pairs
        .iter()
        .filter_map(|pair| pair.split_once(' '))
        .map(|(name, city)| format!("customer {name} cannot pay for the trip to {city} today"))
        .collect();
    let templates: Vec<_> = templates.iter().map(String::as_str).collect();
    check(&templates, Some("customer <*> cannot pay for the trip to <*> today"));
}

#[test]
fn services_types_and_shapes_never_meet() {
    let templates = each("orders mails carts stock users", "cannot drain the _ of broker");
    let mut known = known(&templates.iter().map(String::as_str).collect::<Vec<_>>()[..]);
    known[0].service = "mailer";
    assert_eq!(families(&known), []);
    known[0].service = "shop";
    known[0].error_type = "QueueError";
    assert_eq!(families(&known), []);
    known[0].error_type = "";
    known[0].template = "cannot drain the (orders) of broker";
    assert_eq!(families(&known), []);
}

#[test]
fn people_are_told_why() {
    let templates = each("orders mails carts stock users", "cannot drain queue _ of broker");
    let found = families(&known(&templates.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(found[0].reason, "templates of one shape that differ in 1 place of 6, which took 5 values");
}

/// Templates that are alike enough to meet in many ways.
fn templates() -> impl Strategy<Value = Vec<String>> {
    let word = || {
        prop::sample::select(vec![
            "a", "b", "c", "d", "e", "f", "g", "<*>", "x_<*>", "y_<*>", "failed", "k=", "404",
        ])
    };
    let template = (word(), word(), word())
        .prop_map(|(one, two, three)| format!("cannot do {one} with {two} of {three} here"));
    prop::collection::vec(template, 0..60)
}

fn ids(templates: &[String]) -> Vec<Known<'_>> {
    let id = |template: &str| {
        let mut bits = [0; 16];
        bits.copy_from_slice(&blake3::hash(template.as_bytes()).as_bytes()[..16]);
        Fingerprint::from_bytes(bits)
    };
    let one = |template| Known { fingerprint: id(template), service: "shop", error_type: "", template };
    templates.iter().map(|template| one(template)).collect()
}

proptest! {
    #[test]
    fn the_order_of_templates_is_of_no_matter(templates in templates(), seed in any::<u64>()) {
        let known = ids(&templates);
        let mut other = known.clone();
        let turn = usize::try_from(seed % 61).unwrap() % other.len().max(1);
        other.rotate_left(turn);
        other.reverse();
        prop_assert_eq!(families(&known), families(&other));
    }

    /// What was one stays one, so an alias that was told holds.
    #[test]
    fn more_templates_never_part_a_family(templates in templates(), first in 0_usize..60) {
        let known = ids(&templates);
        let before = families(&known[..first.min(known.len())]);
        let after = families(&known);
        for family in before {
            let members: Vec<_> = family.aliases.iter().chain([&family.id]).collect();
            let holds = |of: &Family| members.iter().all(|id| of.id == **id || of.aliases.contains(id));
            prop_assert!(after.iter().any(holds), "{:?}", family);
        }
    }

    #[test]
    fn any_text_is_compared(templates in prop::collection::vec("[a-c<*>= ,(é]{0,12}", 0..12)) {
        for family in families(&ids(&templates)) {
            prop_assert!(family.aliases.iter().all(|alias| *alias > family.id));
        }
    }
}
