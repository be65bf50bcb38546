//! Which errors get one fix together, as tables.

use super::*;
use crate::model::{Category, ClusterDetail, ClusterStatus, Frame, Merging, Verdict};

const NOW: UnixNanos = UnixNanos(10_000_000_000_000);

/// An error of `service` with an exception of `error_type` in `file`, first seen in second `at`.
fn error(id: u8, service: &str, error_type: &str, file: &str, at: u64) -> Cluster {
    let frame = Frame { file: file.into(), line: Some(1), function: format!("f{id}"), in_app: true };
    Cluster {
        fingerprint: Fingerprint::from_bytes([id; 16]),
        verdict: Verdict {
            rule: "r".into(),
            category: Category::INTERNAL_ERROR,
            severity: Severity::High,
            fixable: true,
            suggested_fix: "".into(),
        },
        detail: ClusterDetail {
            service: service.into(),
            error_type: error_type.into(),
            message: format!("it failed as {id}"),
            frames: if file.is_empty() { Vec::new() } else { vec![frame] },
            ..ClusterDetail::default()
        },
        count: 1,
        first_seen: UnixNanos::from_secs(at),
        last_seen: UnixNanos::from_secs(at),
        status: ClusterStatus::New,
        examples: Vec::new(),
        fix_id: None,
        merging: Merging::default(),
    }
}

fn said(mut error: Cluster, message: &str) -> Cluster {
    error.detail.message = message.into();
    error
}

fn new(error: &Cluster, severity: Severity) -> NewError {
    NewError { fingerprint: error.fingerprint, service: error.detail.service.clone(), severity }
}

fn in_hand(cluster: Cluster, minutes_ago: u64, files: &[&str]) -> InHand {
    let begun = UnixNanos(NOW.0 - UnixNanos::from_secs(minutes_ago * 60).0);
    InHand { fix_id: "fix-1".into(), begun, cluster, files: files.iter().map(|&file| file.into()).collect() }
}

/// The first bytes of the chosen, and of the held with their codes.
fn told(spread: &Spread) -> (Vec<u8>, Vec<(u8, NoFix)>) {
    let byte = |id: &Fingerprint| id.as_bytes()[0];
    (
        spread.chosen.iter().map(|cluster| byte(&cluster.fingerprint)).collect(),
        spread.held.iter().map(|(id, code, _)| (byte(id), *code)).collect(),
    )
}

fn check(name: &str, candidates: Vec<Cluster>, chosen: &[u8], held: &[(u8, NoFix)]) {
    let spread = spread(candidates, &[], &[], NOW);
    assert_eq!(told(&spread), (chosen.to_vec(), held.to_vec()), "{name}");
}

#[test]
fn errors_that_share_a_cause_get_one_fix_for_the_earliest_that_names_code() {
    use NoFix::{Incident, Overlap};
    let checkout = |id, kind: &str, file: &str, at| error(id, "checkout", kind, file, at);
    check("nothing", vec![], &[], &[]);
    check(
        "nothing in common",
        vec![checkout(1, "KeyError", "a.py", 1), checkout(2, "ValueError", "b.py", 2)],
        &[1, 2],
        &[],
    );
    check(
        "a file",
        vec![checkout(1, "KeyError", "a.py", 9), checkout(2, "ValueError", "a.py", 2)],
        &[2],
        &[(1, Overlap)],
    );
    check(
        "the same file of two services",
        vec![checkout(1, "KeyError", "a.py", 1), error(2, "mail", "ValueError", "a.py", 2)],
        &[1, 2],
        &[],
    );
    check(
        "a type, by its last segment",
        vec![checkout(1, "app.PayError", "a.py", 1), checkout(2, "PayError", "b.py", 2)],
        &[1],
        &[(2, Overlap)],
    );
    check(
        "a type at two services",
        vec![checkout(1, "PayError", "a.py", 1), error(2, "mail", "PayError", "b.py", 2)],
        &[1, 2],
        &[],
    );
    check("no type is no type in common", vec![checkout(1, "", "", 1), checkout(2, "", "", 2)], &[1, 2], &[]);
    check(
        "one that names code goes before an earlier one that does not",
        vec![checkout(1, "PayError", "", 1), checkout(2, "PayError", "a.py", 2)],
        &[2],
        &[(1, Overlap)],
    );
    check(
        "by way of a third",
        vec![
            checkout(1, "KeyError", "a.py", 3),
            checkout(2, "ValueError", "b.py", 2),
            checkout(3, "KeyError", "b.py", 5),
        ],
        &[2],
        &[(1, Overlap), (3, Overlap)],
    );
    check(
        "a dependency",
        vec![
            said(checkout(1, "A", "a.py", 4), "connect ECONNREFUSED <*>"),
            said(checkout(2, "B", "b.py", 3), "upstream request timeout"),
            said(error(3, "mail", "C", "c.py", 5), "Connection refused"),
        ],
        &[2, 3],
        &[(1, Incident)],
    );
}

#[test]
fn three_new_critical_errors_of_a_service_within_half_an_hour_are_one_incident() {
    let all: Vec<_> = (1..=5)
        .map(|id| error(id, "checkout", &format!("E{id}"), &format!("{id}.py"), 20 - u64::from(id)))
        .collect();
    let other = error(9, "mail", "E9", "9.py", 1);
    let burst = |critical: usize| {
        let grave = all.iter().take(critical).map(|error| new(error, Severity::Critical));
        let high = all.iter().skip(critical).take(1).map(|error| new(error, Severity::High));
        let new: Vec<_> = grave.chain(high).chain([new(&other, Severity::Critical)]).collect();
        let mut candidates = all.clone();
        candidates.push(other.clone());
        told(&spread(candidates, &[], &new, NOW))
    };
    assert_eq!(burst(2), (vec![1, 2, 3, 4, 5, 9], vec![]), "two are chance");
    // The fourth is high and new, the fifth is old: it is none of this incident.
    let held = [1, 2, 3].map(|id| (id, NoFix::Incident));
    assert_eq!(burst(3), (vec![4, 5, 9], held.to_vec()));
    let (chosen, _) = burst(3);
    assert_eq!(chosen, burst(3).0, "the same each time");
}

#[test]
fn an_incident_of_which_a_change_is_in_hand_gets_no_second_one() {
    let all: Vec<_> =
        (1..=3).map(|id| error(id, "checkout", &format!("E{id}"), &format!("{id}.py"), 5)).collect();
    let new: Vec<_> = all.iter().map(|error| new(error, Severity::Critical)).collect();
    let hand = in_hand(all[0].clone(), 10, &[]);
    let spread = spread(all[1..].to_vec(), &[hand], &new, NOW);
    assert_eq!(told(&spread), (vec![], vec![(2, NoFix::Incident), (3, NoFix::Incident)]));
    let (.., why) = &spread.held[0];
    assert!(why.ends_with(": fix fix-1 of error 01010101010101010101010101010101 is in hand"), "{why}");
}

#[test]
fn what_a_change_in_hand_touches_waits_for_it() {
    let open = |minutes_ago, files: &[&str]| {
        in_hand(error(9, "checkout", "KeyError", "/app/shop/cart.py", 1), minutes_ago, files)
    };
    for (name, hand, candidate, waits) in [
        ("its file", open(90, &[]), error(1, "checkout", "X", "/app/shop/cart.py", 1), true),
        ("a changed file", open(90, &["shop/tax.py"]), error(1, "mail", "X", "/srv/shop/tax.py", 1), true),
        ("another file", open(90, &["shop/tax.py"]), error(1, "mail", "X", "/srv/shop/taxes.py", 1), false),
        ("its type, just now", open(5, &[]), error(1, "checkout", "KeyError", "b.py", 1), true),
        ("its type, a while ago", open(90, &[]), error(1, "checkout", "KeyError", "b.py", 1), false),
    ] {
        let spread = spread(vec![candidate], &[hand], &[], NOW);
        assert_eq!(spread.held.len(), usize::from(waits), "{name}: {spread:?}");
    }
}

#[test]
fn paths_are_of_one_file_where_one_ends_with_the_other() {
    for (frame, path, same) in [
        ("/app/shop/cart.py", "shop/cart.py", true),
        ("cart.py", "shop/cart.py", true),
        ("C:\\shop\\cart.py", "shop/cart.py", true),
        ("./shop/cart.py", "shop/cart.py", true),
        ("/app/shop/tax.py", "shop/cart.py", false),
        ("/app/other/cart.py", "shop/cart.py", false),
        ("/app/shop/mycart.py", "cart.py", false),
        ("", "cart.py", false),
    ] {
        assert_eq!(is_same_file(frame, path), same, "{frame} {path}");
    }
}
