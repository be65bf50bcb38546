//! The classifier's promises.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::model::{Exception, LogRecord, Resource, Severity, SeverityNumber};

fn info() -> SeverityNumber {
    SeverityNumber::from_wire(9)
}

fn classifier(rules: &str) -> Classifier {
    Classifier::new(&Catalogue::parse(rules).unwrap()).unwrap()
}

/// A catalogue of rules that differ in their conditions only: `rules(&[("id", "conditions")])`.
fn with(rules: &[(&str, &str)]) -> Classifier {
    let mut text = String::new();
    for (id, conditions) in rules {
        let meaning =
            "category = \"unknown\"\nseverity = \"high\"\nfixable = true\nsuggested_fix = \"Mend it.\"";
        write!(text, "[[rule]]\nid = \"{id}\"\n{meaning}\n{conditions}\n").unwrap();
    }
    classifier(&text)
}

fn at(severity_number: SeverityNumber, body: &str) -> LogRecord<'_> {
    LogRecord { severity_number, body: body.as_bytes(), ..LogRecord::default() }
}

fn thrown<'a>(type_name: &'a str, message: &'a str) -> LogRecord<'a> {
    let exception =
        Exception { type_name: type_name.as_bytes(), message: message.as_bytes(), ..Exception::default() };
    LogRecord { severity_number: SeverityNumber::ERROR, exception, ..LogRecord::default() }
}

/// The id of the rule that holds, `unmatched` for an error without one, `none` for what is no error.
fn class<'c>(classifier: &'c Classifier, record: &LogRecord<'_>) -> &'c str {
    class_in(classifier, record, &Resource::default())
}

fn class_in<'c>(classifier: &'c Classifier, record: &LogRecord<'_>, resource: &Resource<'_>) -> &'c str {
    match classifier.classify(record, resource, &mut Scratch::default()) {
        Some(Class::Rule(rule)) => rule.id(),
        Some(Class::Unmatched) => "unmatched",
        None => "none",
    }
}

fn check(classifier: &Classifier, cases: &[(&str, &str)]) {
    for (body, expected) in cases {
        assert_eq!(class(classifier, &at(SeverityNumber::WARN, body)), *expected, "{body}");
    }
}

#[test]
fn what_healthy_services_say_is_no_error() {
    let classifier = Classifier::new(&Catalogue::built_in()).unwrap();
    for line in benign_lines() {
        for severity in [SeverityNumber::UNSPECIFIED, info(), SeverityNumber::WARN] {
            assert_eq!(class(&classifier, &at(severity, line)), "none", "{line}");
        }
        assert_eq!(class(&classifier, &at(SeverityNumber::ERROR, line)), "unmatched", "{line}");
    }
}

#[test]
fn a_word_stands_alone() {
    let classifier = with(&[("throttled", r#"any = [{ text = "429", word = true }]"#)]);
    check(
        &classifier,
        &[
            ("HTTP 429, again", "throttled"),
            ("429", "throttled"),
            ("(429)", "throttled"),
            ("é429é", "throttled"),
            ("14290", "none"),
            ("a429", "none"),
            ("429_x", "none"),
            ("4299 then 429", "throttled"),
        ],
    );
}

#[test]
fn a_word_and_a_piece_of_the_same_text_are_told_apart() {
    let classifier =
        with(&[("word", r#"any = [{ text = "Fail", word = true }]"#), ("piece", r#"any = ["fail"]"#)]);
    check(&classifier, &[("it may FAIL here", "word"), ("it failed here", "piece")]);
}

#[test]
fn case_does_not_matter_and_literals_may_overlap() {
    let classifier = with(&[("abcd", r#"all = ["ABcd", "bC", "cde"]"#), ("long", r#"any = ["bcdef"]"#)]);
    check(&classifier, &[("xaBCDe", "abcd"), ("BCDEF", "long"), ("abcd", "none")]);
}

#[test]
fn near_texts_stand_close_together_in_either_order_and_in_one_field() {
    let classifier = with(&[
        ("near", r#"near = [{ first = "disk", second = "FULL", within = 5 }]"#),
        ("word", r#"near = [{ first = { text = "db", word = true }, second = "down", within = 1 }]"#),
        ("next", r#"near = [{ first = "aaa", second = "bbb", within = 0 }]"#),
    ]);
    check(
        &classifier,
        &[
            ("disk is full", "near"),
            ("full DISK", "near"),
            ("disk, it is full", "none"),
            ("disk full", "near"),
            ("disk: full of joy; disk .. far away .. full", "near"),
            ("disk .. far .. full and a full disk", "near"),
            ("full .. far away .. disk .. far away .. full", "none"),
            ("the db down", "word"),
            ("the dbdown", "none"),
            ("dbs down", "none"),
            ("bbbaaa", "next"),
            ("aaabbb", "next"),
            ("aaa bbb", "none"),
        ],
    );
    let mut record = thrown("T", "full");
    record.body = b"disk";
    assert_eq!(class(&classifier, &record), "unmatched", "two fields");
    // The next record does not see what stood in the last one.
    let mut scratch = Scratch::default();
    for body in ["disk", "full", "disk"] {
        let found = classifier.classify(&at(SeverityNumber::WARN, body), &Resource::default(), &mut scratch);
        assert_eq!(found, None, "{body}");
    }
}

fn line(body: &str) -> Line {
    Line { body: body.to_owned(), ..Line::default() }
}

fn check_lines(classifier: &Classifier, cases: Vec<(Line, &str)>) {
    for (line, expected) in cases {
        assert_eq!(
            line.show(|record, resource| class_in(classifier, record, resource)),
            expected,
            "{line:?}"
        );
    }
}

#[test]
fn a_rule_may_be_for_some_services_only() {
    let classifier =
        with(&[("shops", "any = [\"aa\"]\nservices = [\"shop-*\", \"till\"]"), ("all", "any = [\"aa\"]")]);
    let of = |service: &str| Line { service: service.to_owned(), ..line("aa") };
    check_lines(
        &classifier,
        vec![
            (of("shop-eu"), "shops"),
            (of("shop-"), "shops"),
            (of("till"), "shops"),
            (of("till-2"), "all"),
            (of("Till"), "all"),
            (of("shop"), "all"),
            (of(""), "all"),
        ],
    );
}

#[test]
fn a_rule_may_ask_for_attributes_of_the_record_and_of_its_resource() {
    let classifier = with(&[
        (
            "both",
            "any = [\"aa\"]\nattributes = { \"db.system.name\" = [\"mysql\", \"mariadb\"], \"http.status\" = 503 }",
        ),
        ("one", "any = [\"aa\"]\nattributes = { \"retry\" = true }"),
        ("resource", "any = [\"aa\"]\nresource_attributes = { \"k8s.namespace.name\" = \"shop\" }"),
    ]);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let having = |pairs: &[(&str, &str)]| Line {
        attributes: pairs.iter().map(|(key, value)| pair(key, value)).collect(),
        ..line("aa")
    };
    let in_namespace =
        |name| Line { resource_attributes: vec![pair("k8s.namespace.name", name)], ..line("aa") };
    check_lines(
        &classifier,
        vec![
            (having(&[("http.status", "503"), ("db.system.name", "mariadb")]), "both"),
            (having(&[("db.system.name", "mariadb")]), "none"),
            (having(&[("db.system.name", "Mariadb"), ("http.status", "503")]), "none"),
            (having(&[("retry", "true")]), "one"),
            (having(&[("retry", "truer")]), "none"),
            (having(&[("k8s.namespace.name", "shop")]), "none"),
            (in_namespace("shop"), "resource"),
            (in_namespace("till"), "none"),
            (Line { body: r#"{"msg": "aa", "retry": true}"#.to_owned(), ..Line::default() }, "one"),
            (line("aa"), "none"),
        ],
    );
}

#[test]
fn conditions_are_joined() {
    let classifier = with(&[
        (
            "all-none",
            r#"all = ["aa", "bb"]
none = ["cc"]"#,
        ),
        (
            "any-all",
            r#"any = ["dd", "ee"]
all = ["ff"]"#,
        ),
    ]);
    check(
        &classifier,
        &[
            ("aa bb", "all-none"),
            ("aa", "none"),
            ("aa bb cc", "none"),
            ("ff ee", "any-all"),
            ("dd ee", "none"),
            ("aa bb cc dd ff", "any-all"),
        ],
    );
}

#[test]
fn the_first_rule_in_the_file_wins() {
    let classifier = with(&[("first", r#"any = ["zz"]"#), ("second", r#"any = ["aa"]"#)]);
    check(&classifier, &[("aa zz", "first"), ("aa", "second")]);
}

#[test]
fn literals_do_not_span_fields() {
    let classifier = with(&[("spanned", r#"any = ["ab"]"#), ("both", r#"all = ["xx", "yy"]"#)]);
    let mut record = thrown("T", "b");
    record.body = b"a";
    assert_eq!(class(&classifier, &record), "unmatched");
    record.body = b"xx";
    record.exception.stacktrace = b"yy";
    assert_eq!(class(&classifier, &record), "both");
}

#[test]
fn exception_types_are_told_by_their_full_name_or_last_segment() {
    let classifier = with(&[
        ("full", r#"exception_types = ["sqlalchemy.exc.OperationalError"]"#),
        (
            "joined",
            r#"exception_types = ["KeyError"]
any = ["sku"]"#,
        ),
        ("last", r#"exception_types = ["KeyError", "Timeout", "RuntimeException"]"#),
    ]);
    let cases = [
        ("sqlalchemy.exc.OperationalError", "", "full"),
        ("SQLAlchemy.exc.operationalerror", "", "full"),
        ("OperationalError", "", "unmatched"),
        ("psycopg.OperationalError", "", "unmatched"),
        ("KeyError", "no sku", "joined"),
        ("builtins.KeyError", "", "last"),
        ("Net::Timeout", "", "last"),
        (r"App\Errors\RuntimeException", "", "last"),
        ("net/Timeout", "", "last"),
        ("MyKeyError", "", "unmatched"),
        ("KeyError.", "", "unmatched"),
    ];
    for (type_name, message, expected) in cases {
        assert_eq!(class(&classifier, &thrown(type_name, message)), expected, "{type_name}");
    }
    assert_eq!(class(&classifier, &thrown(&"x".repeat(100_000), "")), "unmatched");
}

#[test]
fn a_rule_sees_records_of_its_severity_and_above_and_of_unknown_severity() {
    let classifier = with(&[
        ("grave", "any = [\"aa\"]\nmin_severity = \"fatal\""),
        ("usual", "any = [\"aa\"]"),
        ("chatty", "any = [\"bb\"]\nmin_severity = \"info\""),
    ]);
    let debug = SeverityNumber::from_wire(5);
    let cases = [
        (SeverityNumber::FATAL, "aa", "grave"),
        (SeverityNumber::ERROR, "aa", "usual"),
        (SeverityNumber::WARN, "aa", "usual"),
        (info(), "aa", "none"),
        (info(), "bb", "chatty"),
        (debug, "bb", "none"),
        (SeverityNumber::UNSPECIFIED, "aa", "grave"),
    ];
    for (severity, body, expected) in cases {
        assert_eq!(class(&classifier, &at(severity, body)), expected, "{severity:?} {body}");
    }
    let by_text = LogRecord { severity_text: b"info", body: b"aa", ..LogRecord::default() };
    assert_eq!(class(&classifier, &by_text), "none");
}

#[test]
fn an_exception_is_looked_at_whatever_the_severity() {
    let classifier = with(&[
        ("errors", "exception_types = [\"KeyError\"]\nmin_severity = \"error\""),
        ("warns", "exception_types = [\"KeyError\"]"),
    ]);
    let record = LogRecord { severity_number: info(), ..thrown("KeyError", "") };
    assert_eq!(class(&classifier, &record), "warns");
    let other = LogRecord { severity_number: info(), ..thrown("", "boom") };
    assert_eq!(class(&classifier, &other), "unmatched");
}

#[test]
fn an_error_that_no_rule_knows_is_unmatched() {
    let classifier = with(&[("grave", "any = [\"aa\"]\nmin_severity = \"fatal\"")]);
    let trace = "cart failed\nTraceback (most recent call last):\n  File \"cart.py\", line 1";
    let cases = [
        (SeverityNumber::ERROR, "aa", "unmatched"),
        (SeverityNumber::FATAL, "", "unmatched"),
        (SeverityNumber::WARN, trace, "none"),
        (SeverityNumber::UNSPECIFIED, trace, "unmatched"),
        (SeverityNumber::UNSPECIFIED, "Error: x\n    at f (/app/a.js:1:2)", "unmatched"),
        (SeverityNumber::UNSPECIFIED, "E\n\tat a.B.c(B.java:1)", "unmatched"),
        (SeverityNumber::UNSPECIFIED, "thread 'main' panicked at src/a.rs:1:2", "unmatched"),
        (SeverityNumber::UNSPECIFIED, "all is well", "none"),
    ];
    for (severity, body, expected) in cases {
        assert_eq!(class(&classifier, &at(severity, body)), expected, "{severity:?} {body}");
    }
}

#[test]
fn the_verdict_on_an_unmatched_error_follows_severity_and_frames() {
    let cases = [
        (SeverityNumber::ERROR, true, Severity::High),
        (SeverityNumber::ERROR, false, Severity::Medium),
        (SeverityNumber::FATAL, true, Severity::Critical),
        (SeverityNumber::FATAL, false, Severity::Critical),
        (SeverityNumber::UNSPECIFIED, true, Severity::High),
    ];
    for (severity, in_app, expected) in cases {
        let verdict = Class::Unmatched.verdict(severity, in_app);
        assert_eq!((verdict.severity, verdict.fixable), (expected, in_app), "{severity:?} {in_app}");
        assert_eq!((&*verdict.rule, verdict.category.as_str()), ("internal_error", "internal_error"));
    }
}

#[test]
fn the_verdict_of_a_rule_is_its_own() {
    let classifier = with(&[("mine", r#"any = ["aa"]"#)]);
    let found = classifier
        .classify(&at(SeverityNumber::FATAL, "aa"), &Resource::default(), &mut Scratch::default())
        .unwrap();
    let verdict = found.verdict(SeverityNumber::FATAL, false);
    assert_eq!((&*verdict.rule, verdict.severity, verdict.fixable), ("mine", Severity::High, true));
    assert_eq!(&*verdict.suggested_fix, "Mend it.");
}

#[test]
fn a_scratch_forgets_the_record_before_and_fits_other_rules() {
    let (few, many) = (with(&[("only", r#"all = ["aa", "bb"]"#)]), Catalogue::built_in());
    let many = Classifier::new(&many).unwrap();
    let mut scratch = Scratch::default();
    for (classifier, body) in [(&few, "aa"), (&many, "x"), (&few, "bb"), (&many, "y"), (&few, "bb")] {
        assert_eq!(
            classifier.classify(&at(SeverityNumber::WARN, body), &Resource::default(), &mut scratch),
            None,
            "{body}"
        );
    }
}

#[test]
fn more_text_than_a_dfa_is_built_for_still_classifies() {
    let texts: Vec<_> = (0..1200).map(|n| format!("{n:0>120}")).collect();
    let rules: Vec<_> = texts.iter().map(|text| (text, format!("any = [\"{text}\"]"))).collect();
    let ids: Vec<_> = (0..rules.len()).map(|n| format!("r{n}")).collect();
    let rules: Vec<_> = ids.iter().zip(&rules).map(|(id, (_, any))| (id.as_str(), any.as_str())).collect();
    check(&with(&rules), &[(&texts[1199], "r1199"), (&texts[7], "r7"), ("none of them", "none")]);
}

/// What the automaton, the facts and the candidates must amount to.
fn naively<'c>(catalogue: &'c Catalogue, body: &str) -> &'c str {
    let body = body.to_ascii_lowercase();
    let occurrences = |literal: &Literal| -> Vec<(usize, usize)> {
        let text = literal.text.to_ascii_lowercase();
        let is_word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let starts = (0..body.len()).filter(|start| body.as_bytes()[*start..].starts_with(text.as_bytes()));
        let alone = starts.filter(|start| {
            let before = start.checked_sub(1).and_then(|index| body.as_bytes().get(index));
            !literal.word || !(is_word(before) || is_word(body.as_bytes().get(start + text.len())))
        });
        alone.map(|start| (start, start + text.len())).collect()
    };
    let occurs = |literal: &Literal| !occurrences(literal).is_empty();
    let stands_near = |near: &Near| {
        occurrences(&near.first).iter().any(|one| {
            occurrences(&near.second).iter().any(|other| {
                one.0.saturating_sub(other.1) <= near.within && other.0.saturating_sub(one.1) <= near.within
            })
        })
    };
    let holds = |rule: &&Rule| {
        let asked = rule.conditions();
        (asked.any.is_empty() || asked.any.iter().any(occurs))
            && asked.all.iter().all(occurs)
            && !asked.none.iter().any(occurs)
            && asked.near.iter().all(stands_near)
    };
    catalogue.rules().iter().find(holds).map_or("none", Rule::id)
}

fn literals() -> impl Strategy<Value = Vec<(String, bool)>> {
    proptest::collection::vec(("[aAbB_ ]{0,2}[ab][abA1]{1,2}", any::<bool>()), 0..3)
}

proptest! {
    #[test]
    fn any_bytes_are_classified(
        number in 0..30u64,
        fields in proptest::array::uniform4(proptest::collection::vec(any::<u8>(), 0..200)),
    ) {
        let classifier = with(&[("one", r#"any = ["aa", "\u0000\u0001"]"#), ("two", r#"exception_types = ["a"]"#)]);
        let [body, type_name, message, stacktrace] = &fields;
        let exception = Exception { type_name, message, stacktrace };
        let severity_number = SeverityNumber::from_wire(number);
        let record = LogRecord { severity_number, body, exception, ..LogRecord::default() };
        let found = classifier.classify(&record, &Resource::default(), &mut Scratch::default());
        prop_assert!(found.is_some() || !exception.is_present());
    }

    #[test]
    fn it_finds_what_a_naive_search_finds(
        rules in proptest::collection::vec((literals(), literals(), literals(), literals(), 0..5usize), 1..5),
        bodies in proptest::collection::vec("[abAB1_ é]{0,16}", 1..8),
    ) {
        let list = |key: &str, literals: &[(String, bool)]| {
            let entries: Vec<_> =
                literals.iter().map(|(text, word)| format!("{{ text = \"{text}\", word = {word} }}")).collect();
            format!("{key} = [{}]\n", entries.join(", "))
        };
        let rules: Vec<_> = rules
            .iter()
            .enumerate()
            .map(|(n, (any, all, none, near, within))| {
                let near = match &near[..] {
                    [(first, a), (second, b)] => format!("near = [{{ first = {{ text = \"{first}\", word = {a} }}, second = {{ text = \"{second}\", word = {b} }}, within = {within} }}]\n"),
                    _ => String::new(),
                };
                (format!("r{n}"), list("any", any) + &list("all", all) + &list("none", none) + &near)
            })
            .collect();
        let mut text = String::new();
        for (id, conditions) in &rules {
            let meaning = "category = \"unknown\"\nseverity = \"low\"\nfixable = true\nsuggested_fix = \"x\"";
            write!(text, "[[rule]]\nid = \"{id}\"\n{meaning}\n{conditions}\n").unwrap();
        }
        // Rules that ask for nothing or contradict themselves are refused; those cases say nothing here.
        if let Ok(catalogue) = Catalogue::parse(&text) {
            let classifier = Classifier::new(&catalogue).unwrap();
            for body in &bodies {
                prop_assert_eq!(class(&classifier, &at(SeverityNumber::WARN, body)), naively(&catalogue, body), "{}", body);
            }
        }
    }
}
