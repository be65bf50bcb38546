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
    assert!(known.iter().all(|name| used(name)));
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
        "line 2, column 3: unknown field `rules`, expected `rule`"
    );
    assert_eq!(refused(""), "there is no rule in it; write at least one `[[rule]]`");
}

#[test]
fn faults_of_a_rule_are_told_with_its_id_and_the_mend() {
    check(
        "fixable = false",
        "fixabel = false",
        "rule `redis-read-only`: unknown field `fixabel`, expected one of `id`, `category`, `severity`, `fixable`, `suggested_fix`, `min_severity`, `any`, `all`, `none`, `exception_types`",
    );
    check(
        "fixable = false",
        "fixable = \"no\"",
        r#"rule `redis-read-only`: invalid type: string "no", expected a boolean in `fixable`"#,
    );
    check("severity = \"high\"\n", "", "rule `redis-read-only`: missing field `severity`");
    check(
        "\"redis-read-only\"",
        "\"Redis\"",
        "rule 1 of the file: `id` must be 1 to 64 lower-case letters and digits in words joined by `-`, such as `redis-read-only`",
    );
    check(
        "\"cache_error\"",
        "\"Cache Error\"",
        "rule `redis-read-only`: `category`: `Cache Error` is not one of names of 1 to 48 lower-case letters, digits and `_`",
    );
    check(
        "\"high\"",
        "\"awful\"",
        "rule `redis-read-only`: `severity`: `awful` is not one of critical, high, medium, low, info",
    );
    check(
        "fixable = false",
        "fixable = false\nmin_severity = \"warning\"",
        "rule `redis-read-only`: `min_severity`: `warning` is not one of trace, debug, info, warn, error, fatal",
    );
    check(
        "\"Write to the primary.\"",
        "\" \"",
        "rule `redis-read-only`: `suggested_fix` must be one line of 1 to 400 characters that tells how such an error is mended",
    );
    check(
        "\"READONLY You can't write\"",
        "\" \"",
        "rule `redis-read-only`: `any` holds an empty text; remove it",
    );
    check(
        "\"READONLY You can't write\"",
        "\"R\"",
        r#"rule `redis-read-only`: `any` holds "R", shorter than 2 bytes; lengthen it or write `{ text = "R", word = true }`"#,
    );
    check(
        "\"READONLY You can't write\"",
        "7",
        r#"rule `redis-read-only`: `any` holds a value of type integer; write a text or `{ text = "429", word = true }`"#,
    );
    check(
        "word = true",
        "wrod = true",
        "rule `redis-read-only`: `any`: unknown field `wrod`, expected `text` or `word`",
    );
    check(
        "\"ReadOnlyError\"",
        "\"\"",
        "rule `redis-read-only`: `exception_types` holds an empty text; remove it",
    );
    check(
        "fixable = false",
        "fixable = false\nnone = [\"readonly you can't WRITE\"]",
        r#"rule `redis-read-only`: `none` forbids "READONLY You can't write", which `any` or `all` asks for; remove one of them"#,
    );
}

#[test]
fn a_rule_must_ask_for_something() {
    let only_none = RULE.lines().take(6).collect::<Vec<_>>().join("\n") + "\nnone = [\"aa\"]\n";
    assert_eq!(
        refused(&only_none),
        "rule `redis-read-only`: it asks for nothing; add a literal to `any` or `all`, or a type to `exception_types`"
    );
}

#[test]
fn ids_are_unique() {
    assert_eq!(
        refused(&(RULE.to_owned() + RULE)),
        "rule `redis-read-only`: `id` is taken by rule 1 already; ids are unique, rename one of them"
    );
}

#[test]
fn files_and_rules_are_bounded() {
    check(
        "READONLY",
        &"R".repeat(300),
        "rule `redis-read-only`: `any` holds a text of 316 bytes, more than 256; cut it to the part that is always the same",
    );
    check(
        "\"ReadOnlyError\"",
        &"\"E\", ".repeat(300),
        "rule `redis-read-only`: `exception_types` holds more than 256 entries; split the rule in two",
    );
    let rules = |count: usize, conditions: &dyn Fn(usize) -> String| -> String {
        let head = RULE.lines().skip(2).take(4).collect::<Vec<_>>().join("\n");
        let rule = |n| format!("[[rule]]\nid = \"r{n}\"\n{head}\n{}\n", conditions(n));
        (0..count).map(rule).collect::<Vec<_>>().concat()
    };
    let many = rules(RULES_MAX + 1, &|_| "any = [\"aa\"]".to_owned());
    assert!(refused(&many).starts_with("10001 rules are more than 10000"), "{}", refused(&many));
    let long = rules(LITERALS_TEXT_BYTES_MAX / 250 + 1, &|n| format!("any = [\"{n:0>250}\"]"));
    assert!(refused(&long).starts_with("the literals are"), "{}", refused(&long));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_in_one_line(text in ".{0,60}", at in 0..RULE.len()) {
        let mut mixed = RULE.to_owned();
        if mixed.is_char_boundary(at) {
            mixed.insert_str(at, &text);
        }
        for candidate in [text, mixed] {
            if let Err(error) = Catalogue::parse(&candidate) {
                prop_assert!(!error.to_string().contains('\n'), "{}", error);
            }
        }
    }
}
