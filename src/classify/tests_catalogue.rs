//! What a rules file may say, and what is said of one that is wrong.

use proptest::prelude::*;

use super::catalogue::{LITERALS_TEXT_BYTES_MAX, RULES_MAX};
use super::*;
use crate::model::{Severity, SeverityNumber};

const RULE: &str = r#"[[rule]]
id = "redis-read-only"
category = "cache_error"
severity = "high"
fixable = false
suggested_fix = "Write to the primary."
any = ["READONLY You can't write", { text = "429", word = true }]
exception_types = ["ReadOnlyError"]
"#;

fn refused(text: &str) -> String {
    Catalogue::parse(text).unwrap_err().to_string()
}

/// The rule above with one piece of text replaced.
fn check(replaced: &str, by: &str, message: &str) {
    assert!(RULE.contains(replaced), "{replaced}");
    assert_eq!(refused(&RULE.replacen(replaced, by, 1)), message);
}

#[test]
fn the_built_in_catalogue_is_valid_and_uses_the_known_categories() {
    let catalogue = Catalogue::built_in();
    let known = [
        "provider_error",
        "database_error",
        "rate_limit_error",
        "auth_error",
        "timeout_error",
        "validation_error",
        "cache_error",
        "external_service_error",
        "internal_error",
        "unknown",
    ];
    let used = |name: &&str| catalogue.rules().iter().any(|rule| rule.category().as_str() == *name);
    assert!(known.iter().all(used));
    assert!(catalogue.rules().iter().all(|rule| known.contains(&rule.category().as_str())));
}

#[test]
fn a_rule_is_read_as_it_is_written() {
    let catalogue = Catalogue::parse(RULE).unwrap();
    let [rule] = catalogue.rules() else { panic!("one rule") };
    assert_eq!((rule.id(), rule.category().as_str()), ("redis-read-only", "cache_error"));
    assert_eq!((rule.severity(), rule.fixable()), (Severity::High, false));
    assert_eq!(rule.suggested_fix(), "Write to the primary.");
    assert_eq!(rule.min_severity(), SeverityNumber::WARN);
    let asked = rule.conditions();
    assert_eq!(asked.any[1], Literal { text: "429".to_owned(), word: true });
    assert!(!asked.any[0].word && asked.all.is_empty() && asked.none.is_empty());
    assert_eq!(asked.exception_types, ["ReadOnlyError"]);
}

#[test]
fn faults_of_the_text_are_told_with_line_and_column() {
    assert_eq!(
        refused("[[rule]]\nid = \"é\" x\n"),
        "line 2, column 10: unexpected key or value, expected newline, `#`"
    );
    assert_eq!(
        refused("\n[[rules]]\nid = \"a\"\n"),
        "line 2, column 3: there is no key `rules`; did you mean `rule`?"
    );
    assert_eq!(refused(""), "line 1, column 1: there is no rule in it; write at least one `[[rule]]`");
    assert_eq!(
        refused("rule = 7"),
        "line 1, column 8: `rule` is a number; write tables that begin with [[rule]]"
    );
}

#[test]
fn faults_of_a_rule_are_told_with_its_place_its_id_and_the_mend() {
    check(
        "fixable = false\n",
        "fixable = false\nfixabel = true\n",
        "line 6, column 1: rule `redis-read-only`: there is no key `fixabel`; did you mean `fixable`?",
    );
    check(
        "fixable = false\n",
        "fixable = false\nseen = true\n",
        "line 6, column 1: rule `redis-read-only`: there is no key `seen`; write one of id, category, severity, fixable, suggested_fix, min_severity, any, all, none, near, exception_types, attributes, resource_attributes, services, must, must_not",
    );
    check(
        "fixable = false",
        "fixable = \"no\"",
        "line 5, column 11: rule `redis-read-only`: `fixable` is a text; write true or false",
    );
    check(
        "severity = \"high\"\n",
        "",
        "line 1, column 1: rule `redis-read-only`: `severity` is missing; add it",
    );
    check(
        "\"redis-read-only\"",
        "\"Redis\"",
        "line 2, column 6: rule 1 of the file: `id` must be 1 to 64 lower-case letters and digits in words joined by `-`, such as `redis-read-only`",
    );
    check(
        "\"cache_error\"",
        "\"Cache Error\"",
        "line 3, column 12: rule `redis-read-only`: `category` is `Cache Error`; write one of names of 1 to 48 lower-case letters, digits and `_`",
    );
    check(
        "\"high\"",
        "\"awful\"",
        "line 4, column 12: rule `redis-read-only`: `severity` is `awful`; write one of critical, high, medium, low, info",
    );
    check(
        "fixable = false",
        "fixable = false\nmin_severity = \"warning\"",
        "line 6, column 16: rule `redis-read-only`: `min_severity` is `warning`; write one of trace, debug, info, warn, error, fatal",
    );
    check(
        "\"Write to the primary.\"",
        "\" \"",
        "line 6, column 17: rule `redis-read-only`: `suggested_fix` must be one line of 1 to 400 characters that tells how such an error is mended",
    );
    check(
        "\"READONLY You can't write\"",
        "\" \"",
        "line 7, column 8: rule `redis-read-only`: `any` holds an empty text; remove it",
    );
    check(
        "\"READONLY You can't write\"",
        "\"R\"",
        r#"line 7, column 8: rule `redis-read-only`: `any` holds "R", shorter than 2 bytes; lengthen it or write `{ text = "R", word = true }`"#,
    );
    check(
        "\"READONLY You can't write\"",
        "7",
        r#"line 7, column 8: rule `redis-read-only`: `any` is a number; write a text, or { text = "429", word = true }"#,
    );
    check(
        "word = true",
        "wrod = true",
        "line 7, column 52: rule `redis-read-only`: there is no key `wrod`; write one of text, word",
    );
    check(
        "\"ReadOnlyError\"",
        "\"\"",
        "line 8, column 20: rule `redis-read-only`: `exception_types` holds an empty text; remove it",
    );
    check(
        "fixable = false",
        "fixable = false\nnone = [\"readonly you can't WRITE\"]",
        r#"line 6, column 9: rule `redis-read-only`: `none` forbids "readonly you can't WRITE", which the rule asks for; remove one of them"#,
    );
}

/// One more condition after those of the rule above.
fn check_condition(condition: &str, message: &str) {
    assert_eq!(refused(&format!("{RULE}{condition}\n")), message);
}

#[test]
fn faults_of_pairs_attributes_services_and_lines_are_told_so_too() {
    let at = |column: usize| format!("line 9, column {column}: rule `redis-read-only`: ");
    let near = r#"near = [{ first = "disk", second = "full", within = 40 }]"#;
    assert!(Catalogue::parse(&format!("{RULE}{near}\n")).is_ok());
    check_condition(
        &near.replace("40", "5000"),
        &(at(53) + "`within` must be a whole number of bytes from 0 to 1024"),
    );
    check_condition(
        &near.replace("full", "Diskette"),
        &(at(9)
            + "one text of `near` holds the other, so they always stand together; ask for the longer one by `all`"),
    );
    check_condition(&near.replace(", within = 40", ""), &(at(9) + "`within` is missing; add it"));
    check_condition(
        "near = [\"disk\"]",
        &(at(9) + "`near` is a text; write { first = \"disk\", second = \"full\", within = 40 }"),
    );
    check_condition(
        "services = [\"*-shop\"]",
        &(at(13) + r#"`services` holds "*-shop"; a `*` may stand at the end alone, such as "shop-*""#),
    );
    check_condition(
        "attributes = { db.system = \"redis\" }",
        &(at(16)
            + "`attributes` is a table; write a text, a number, true or false, or a list of those, under the attribute's whole name in quotes"),
    );
    check_condition(
        "must = [{ bodi = \"x\" }]",
        &(at(9)
            + "`must` holds an empty text; remove it\n"
            + &at(11)
            + "there is no key `bodi`; write one of body, exception_type, exception_message, severity, service, attributes, resource_attributes"),
    );
    check_condition("must_not = [\"\"]", &(at(13) + "`must_not` holds an empty text; remove it"));
}

/// A file is mended in one go.
#[test]
fn all_faults_of_a_file_are_told_in_their_order() {
    let broken = RULE.replace("\"high\"", "\"awful\"").replace("fixable = false\n", "")
        + &RULE.replace("\"cache_error\"", "7");
    assert_eq!(
        refused(&broken).lines().collect::<Vec<_>>(),
        [
            "line 1, column 1: rule `redis-read-only`: `fixable` is missing; add it",
            "line 4, column 12: rule `redis-read-only`: `severity` is `awful`; write one of critical, high, medium, low, info",
            "line 9, column 6: rule `redis-read-only`: `id` is taken by the rule in line 2; ids are unique, rename one of them",
            "line 10, column 12: rule `redis-read-only`: `category` is a number; write a name in quotes",
        ]
    );
    let broken = "[[rule]]\nid = a\n\n[[rule]\n";
    assert_eq!(refused(broken).lines().count(), 2, "{}", refused(broken));
}

#[test]
fn a_rule_must_ask_for_a_text() {
    let only_none =
        RULE.lines().take(6).collect::<Vec<_>>().join("\n") + "\nnone = [\"aa\"]\nservices = [\"shop\"]\n";
    assert_eq!(
        refused(&only_none),
        "line 1, column 1: rule `redis-read-only`: it asks for no text; add a literal to `any`, `all` or `near`, or a type to `exception_types`"
    );
}

#[test]
fn files_and_rules_are_bounded() {
    check(
        "READONLY",
        &"R".repeat(300),
        "line 7, column 8: rule `redis-read-only`: `any` holds a text of 316 bytes, more than 256; cut it to the part that is always the same",
    );
    check(
        "\"ReadOnlyError\"",
        &"\"E\", ".repeat(300),
        "line 8, column 19: rule `redis-read-only`: `exception_types` holds more than 256 entries; split the rule in two",
    );
    let rules = |count: usize, conditions: &dyn Fn(usize) -> String| -> String {
        let head = RULE.lines().skip(2).take(4).collect::<Vec<_>>().join("\n");
        let rule = |n| format!("[[rule]]\nid = \"r{n}\"\n{head}\n{}\n", conditions(n));
        (0..count).map(rule).collect::<Vec<_>>().concat()
    };
    let many = rules(RULES_MAX + 1, &|_| "any = [\"aa\"]".to_owned());
    assert!(refused(&many).contains("10001 rules are more than 10000"), "{}", refused(&many));
    let long = rules(LITERALS_TEXT_BYTES_MAX / 250 + 1, &|n| format!("any = [\"{n:0>250}\"]"));
    assert!(refused(&long).contains("the literals are"), "{}", refused(&long));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_in_one_line_for_each_fault(text in ".{0,60}", at in 0..RULE.len()) {
        let mut mixed = RULE.to_owned();
        if mixed.is_char_boundary(at) {
            mixed.insert_str(at, &text);
        }
        for candidate in [text, mixed] {
            if let Err(error) = Catalogue::parse(&candidate) {
                let RulesError::Faults(faults) = &error else { panic!("{error}") };
                prop_assert_eq!(faults.len(), error.to_string().lines().count(), "{}", error);
            }
        }
    }
}
