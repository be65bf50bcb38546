//! An explanation says what the classifier decided, and where each text stands.

use proptest::prelude::*;

use super::*;
use crate::classify::{Catalogue, Line};
use crate::model::SeverityNumber;

const MEANING: &str =
    "category = \"unknown\"\nseverity = \"low\"\nfixable = false\nsuggested_fix = \"Mend it.\"";

fn classifier(rules: &[(&str, &str)]) -> Classifier {
    let rule =
        |(id, conditions): &(&str, &str)| format!("[[rule]]\nid = \"{id}\"\n{MEANING}\n{conditions}\n");
    Classifier::new(&Catalogue::parse(&rules.iter().map(rule).collect::<String>()).unwrap()).unwrap()
}

fn explain(classifier: &Classifier, line: &Line) -> Explanation {
    line.show(|record, resource| classifier.explain(record, resource))
}

/// The checks of a rule: `key +found` or `key -`, with the offsets of what was found.
fn told(trace: &RuleTrace) -> Vec<String> {
    let check = |check: &Check| {
        let sign = if check.met { '+' } else { '-' };
        let found = check.found.iter().map(|f| format!(" {}[{}..{}]", f.field.as_str(), f.start, f.end));
        format!("{sign}{}{}", check.key, found.collect::<String>())
    };
    trace.checks.iter().map(check).collect()
}

#[test]
fn it_tells_the_rule_its_literals_with_offsets_and_what_nearly_held() {
    let classifier = classifier(&[
        ("other-service", "any = [\"full\"]\nservices = [\"till\"]"),
        ("lacks-two", "all = [\"full\", \"xx\", \"yy\"]"),
        ("forbidden", "any = [\"full\"]\nnone = [\"disk\"]"),
        ("far", "near = [{ first = \"the\", second = \"full\", within = 3 }]"),
        ("mine", "all = [\"DISK\"]\nnear = [{ first = \"is\", second = \"full\", within = 9 }]"),
        ("later", "any = [{ text = \"disk\", word = true }]"),
    ]);
    let line =
        Line { body: "the disk is quite full".to_owned(), service: "shop".to_owned(), ..Line::default() };
    let explanation = explain(&classifier, &line);
    assert_eq!(
        (explanation.outcome, explanation.why.as_str()),
        (Outcome::Rule, "`mine` is the first rule that holds")
    );
    let rule = explanation.rule.unwrap();
    assert_eq!((rule.id.as_str(), rule.position), ("mine", 5));
    assert_eq!(told(&rule), ["+all body[4..8]", "+near body[9..11] body[18..22]", "+min_severity"]);
    assert_eq!(explanation.also_hold, ["later"]);
    let nearly: Vec<_> =
        explanation.nearly_held.iter().map(|trace| (trace.id.as_str(), told(trace).join(" "))).collect();
    assert_eq!(
        nearly,
        [
            ("other-service", "+any body[18..22] +min_severity -services".to_owned()),
            ("forbidden", "+any body[18..22] -none body[4..8] +min_severity".to_owned()),
            ("far", "-near body[0..3] body[18..22] +min_severity".to_owned()),
        ]
    );
}

#[test]
fn it_says_why_no_rule_holds() {
    let classifier = classifier(&[("mine", "any = [\"aa\"]"), ("typed", "exception_types = [\"KeyError\"]")]);
    let info = SeverityNumber::from_wire(9);
    let of = |severity_number, exception_type: &str, body: &str| {
        let line = Line {
            severity_number,
            exception_type: exception_type.to_owned(),
            body: body.to_owned(),
            ..Line::default()
        };
        let explanation = explain(&classifier, &line);
        (explanation.outcome, explanation.why)
    };
    let silent = SeverityNumber::UNSPECIFIED;
    let none = "no rule holds, and neither severity nor exception nor text says that it is an error";
    for (case, outcome, why) in [
        (of(silent, "", "b"), Outcome::None, none),
        (
            of(info, "", "aa"),
            Outcome::None,
            "its severity number, 9, is below 13, the least that any rule asks for, and it has no exception: its text is not read",
        ),
        (
            of(SeverityNumber::ERROR, "", "b"),
            Outcome::Unmatched,
            "no rule holds, and its severity is ERROR or above",
        ),
        (of(info, "Boom", "b"), Outcome::Unmatched, "no rule holds, and it tells of an exception"),
        (
            of(silent, "", "panic: b"),
            Outcome::Unmatched,
            "no rule holds, and a stack trace or a word of failure stands in its text",
        ),
        (of(info, "a.KeyError", "b"), Outcome::Rule, "`typed` is the first rule that holds"),
    ] {
        assert_eq!(case, (outcome, why.to_owned()));
    }
}

proptest! {
    /// What is explained is what is decided.
    #[test]
    fn the_rule_that_is_explained_is_the_rule_that_holds(
        bodies in proptest::collection::vec("(disk|full|is|till|a|b| ){0,12}", 1..20),
        number in prop_oneof![Just(0u64), Just(9), Just(13), Just(17)],
    ) {
        let classifier = classifier(&[
            ("one", "near = [{ first = \"disk\", second = \"full\", within = 3 }]\nnone = [\"till\"]"),
            ("two", "all = [\"is\", { text = \"a\", word = true }]\nmin_severity = \"error\""),
            ("three", "any = [\"till\", \"ab\"]"),
        ]);
        for body in bodies {
            let line = Line { body, severity_number: SeverityNumber::from_wire(number), ..Line::default() };
            let explanation = explain(&classifier, &line);
            let class = line.show(|record, resource| {
                match classifier.classify(record, resource, &mut Scratch::default()) {
                    Some(Class::Rule(rule)) => (Outcome::Rule, Some(rule.id().to_owned())),
                    Some(Class::Unmatched) => (Outcome::Unmatched, None),
                    None => (Outcome::None, None),
                }
            });
            let holds = explanation.rule.as_ref().is_none_or(RuleTrace::holds);
            prop_assert!(holds);
            prop_assert_eq!((explanation.outcome, explanation.rule.map(|rule| rule.id)), class);
        }
    }
}
