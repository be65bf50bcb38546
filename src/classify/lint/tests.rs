//! What the lint finds, and what it leaves alone.

use super::*;

const LINES: &str = "must = [\"aa bb cc\", \"bb cc aa\"]\nmust_not = [\"a b\", \"b a\"]";

fn rule(id: &str, conditions: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\ncategory = \"unknown\"\nseverity = \"low\"\nfixable = false\nsuggested_fix = \"Mend it now.\"\n{conditions}\n"
    )
}

fn check(text: &str, expected: &[&str]) {
    let lint = lint(&[text]).unwrap();
    let found: Vec<_> = lint.findings.iter().map(|(_, finding)| finding.to_string()).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn lines_are_tried_against_the_whole_catalogue() {
    check(&rule("a", &format!("any = [\"aa\"]\n{LINES}")), &[]);
    check(
        &(rule("a", &format!("any = [\"aa\"]\n{LINES}"))
            + &rule(
                "b",
                "all = [\"bb\", \"dd\"]\nmust = [\"bb dd\", \"bb dd aa\"]\nmust_not = [\"dd bb\", \"dd\"]",
            )),
        &[
            "line 17, column 18: rule `b`: `a` stands before it and holds for its line, too; move this rule up or narrow that one: \"bb dd aa\"",
            "line 18, column 13: rule `b`: it holds for a line that it must not hold for: \"dd bb\"",
        ],
    );
    check(
        &rule(
            "a",
            "any = [\"aa\"]\nmin_severity = \"error\"\nmust = [\"aa\", { body = \"aa\", severity = \"warn\" }]\nmust_not = [\"b\"]",
        ),
        &[
            "line 1, column 1: advice: rule `a`: `must_not` has 1 lines; give it 2, which nobody can break unseen",
            "line 9, column 15: rule `a`: it does not hold for its line; `logmend rules test` tells why: \"aa\"",
        ],
    );
}

#[test]
fn near_misses_are_the_lines_that_no_rule_must_hold_for() {
    let misses = near_misses(&[&rule("a", &format!("any = [\"aa\"]\n{LINES}")), "no rules"]);
    assert_eq!(misses.iter().map(|line| line.body.as_str()).collect::<Vec<_>>(), ["a b", "b a"]);
}

/// The rule behind `any = ["aa"]` with these conditions of its own.
fn check_second(first: &str, second: &str, problem: Option<&str>) {
    let text = rule("first", first) + &rule("second", second);
    let lint = lint(&[&text]).unwrap();
    let found = lint.findings.into_iter().map(|(_, finding)| finding).filter(|finding| !finding.is_advice);
    let found: Vec<_> = found.map(|finding| (finding.rule, finding.problem)).collect();
    let expected: Vec<_> =
        problem.into_iter().map(|problem| ("second".to_owned(), problem.to_owned())).collect();
    assert_eq!(found, expected, "{first} | {second}");
}

#[test]
fn a_rule_that_an_earlier_one_always_forestalls_is_found() {
    let never = Some(
        "it never gets its turn: `first` stands before it and holds whenever it would; move it up or remove it",
    );
    for (first, second, problem) in [
        ("any = [\"aa\"]", "any = [\"xaax\"]", never),
        ("any = [\"aa\"]", "all = [\"bb\", \"AA\"]", never),
        ("any = [\"aa\"]", "all = [\"bb\"]", None),
        (
            "any = [\"aa\"]",
            "any = [\"bb\", \"aa c\"]",
            Some("\"aa c\" never counts: `first` stands before it and holds wherever it occurs; remove it"),
        ),
        ("any = [\"aa\"]\nnone = [\"cc\"]", "any = [\"xaax\"]", None),
        ("any = [\"aa\"]\nnone = [\"ccd\"]", "any = [\"xaax\"]\nnone = [\"cc\"]", never),
        ("any = [\"aa\"]\nnone = [\"cc\"]", "any = [\"xaax\"]\nnone = [\"cc\"]", never),
        ("any = [\"aa\"]\nmin_severity = \"error\"", "any = [\"xaax\"]", None),
        ("any = [\"aa\"]\nservices = [\"shop\"]", "any = [\"xaax\"]", None),
        ("any = [\"aa\"]\nservices = [\"shop\", \"till\"]", "any = [\"xaax\"]\nservices = [\"till\"]", never),
        ("any = [{ text = \"aa\", word = true }]", "any = [\"xaax\"]", None),
        ("any = [{ text = \"aa\", word = true }]", "any = [\"x aa x\"]", never),
        ("any = [{ text = \"aa\", word = true }]", "any = [\"aa\"]", None),
        ("near = [{ first = \"aa\", second = \"bb\", within = 3 }]", "all = [\"aa\", \"bb\"]", None),
        ("all = [\"aa\", \"bb\"]", "near = [{ first = \"aa\", second = \"bb\", within = 3 }]", never),
        ("exception_types = [\"A\", \"B\"]", "exception_types = [\"B\"]", never),
        ("exception_types = [\"A\"]", "exception_types = [\"B\", \"A\"]", None),
    ] {
        check_second(first, second, problem);
    }
}

#[test]
fn texts_that_say_the_same_and_hints_that_say_nothing_are_found() {
    let advice = ["must", "must_not"].map(|key| {
        format!("line 1, column 1: advice: rule `a`: `{key}` has 0 lines; give it 2, which nobody can break unseen")
    });
    let with_advice = |problem: &str| {
        [format!("line 1, column 1: rule `a`: {problem}"), advice[0].clone(), advice[1].clone()]
    };
    for (conditions, problem) in [
        ("any = [\"aa\", \"aab\"]", "`any` holds \"aab\", which \"aa\" says already; remove it"),
        ("any = [\"AA\", \"aa\"]", "`any` holds \"aa\", which \"AA\" says already; remove it"),
        ("all = [\"aa\", \"aab\"]", "`all` holds \"aa\", which \"aab\" says already; remove it"),
    ] {
        check(&rule("a", conditions), &with_advice(problem).each_ref().map(String::as_str));
    }
    let problem = "`suggested_fix` is no sentence; write what to do, from a capital letter to a full stop";
    for hint in ["Mend it.", "mend it right now.", "Mend it right now"] {
        let text = rule("a", "any = [\"aa\"]").replace("Mend it now.", hint);
        check(&text, &with_advice(problem).each_ref().map(String::as_str));
    }
}
