//! What is to be done for a pull request that stands open: a function of what was seen, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::github::{Check, CheckState};
use crate::store::Work;

/// Commits that we put on a branch unasked: the change, and one repair.
pub(super) const PUSHES_MAX: u32 = 2;

/// How long a commit waits for its first check. CI starts within seconds as a rule; a queue is not told from none at all.
const FIRST_CHECK_AWAITED: Duration = Duration::from_mins(10);

/// How long checks are waited for until people are told that they do not end; and those of the base commit, by which ours are judged.
const CHECKS_AWAITED: Duration = Duration::from_mins(90);

/// What was seen.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and any of them may hold")]
pub(super) struct Facts<'a> {
    /// Whether it is a draft.
    pub draft: bool,
    /// Whether people have it.
    pub handed_over: bool,
    /// Whether it is in conflict with its base.
    pub conflict: bool,
    /// The newest commit.
    pub head: &'a str,
    /// The checks of that.
    pub checks: &'a [Check],
    /// Those of the commit that the change was made against; `None` where they were not asked for.
    pub base_checks: Option<&'a [Check]>,
    /// How long the newest commit has been there.
    pub age: Duration,
    /// Commits of ours on the branch.
    pub pushes: u32,
    /// What is being written.
    pub work: Work,
    /// Whether somebody is there who could write a repair.
    pub can_repair: bool,
    /// What was done before.
    pub steps: &'a BTreeSet<String>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing, for now or for good.
    Wait,
    /// What is being written goes on.
    GoOn,
    /// The conflict is told.
    TellConflict,
    /// The checks of the base are to be looked at.
    LookAtBase,
    /// It becomes ready for review.
    MarkReady(Why),
    /// A second change is to be written, for these checks.
    Repair(Vec<String>),
    /// It stays a draft, for these checks.
    StayDraft(Vec<String>),
    /// These checks do not end.
    TellEndless(Vec<String>),
    /// Nothing is known of any check, since these may not be read.
    TellUnread(Vec<String>),
}

/// Why it becomes ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// All checks are green.
    Green,
    /// There are no checks.
    NoChecks,
    /// The others are green, and these fail without the change too.
    RedOnBase(Vec<String>),
    /// Those that can be read are green, and these cannot.
    Unread(Vec<String>),
}

/// The step of something that is done once for a commit.
pub(super) fn step(what: &str, commit: &str) -> String {
    format!("{what}:{commit}")
}

/// Decides. The same facts give the same action, and an action that was carried out shows in the facts.
pub(super) fn decide(facts: &Facts<'_>) -> Action {
    let done = |what| facts.steps.contains(&step(what, facts.head));
    if facts.handed_over {
        return Action::Wait;
    }
    if facts.work != Work::None {
        return Action::GoOn;
    }
    if facts.conflict {
        return if done("said:conflict") { Action::Wait } else { Action::TellConflict };
    }
    // What people turn back into a draft stays one.
    if !facts.draft || done("ready") || done("refused") || done("said:red") {
        return Action::Wait;
    }
    match verdict(facts.checks) {
        Verdict::None if facts.age < FIRST_CHECK_AWAITED => Action::Wait,
        Verdict::None => Action::MarkReady(Why::NoChecks),
        Verdict::Running(names) if facts.age >= CHECKS_AWAITED && !done("said:endless") => {
            Action::TellEndless(names)
        }
        Verdict::Running(_) => Action::Wait,
        Verdict::Unread(_) if done("said:unread") => Action::Wait,
        Verdict::Unread(names) => Action::TellUnread(names),
        Verdict::GreenBut(unread) => Action::MarkReady(Why::Unread(unread)),
        Verdict::Green => Action::MarkReady(Why::Green),
        Verdict::Red(failing) => red(facts, failing),
    }
}

fn red(facts: &Facts<'_>, failing: Vec<String>) -> Action {
    let Some(base) = facts.base_checks else { return Action::LookAtBase };
    let (with_us, without_us) = (reds(facts.checks), reds(base));
    // Of several checks of one name as many are the base's as are red there.
    let is_theirs = |name: &String| without_us.get(name.as_str()) >= with_us.get(name.as_str());
    let (theirs, own): (Vec<_>, Vec<_>) = failing.into_iter().partition(is_theirs);
    let is_running =
        |name: &String| base.iter().any(|check| check.name == *name && check.state == CheckState::Running);
    if own.is_empty() {
        Action::MarkReady(Why::RedOnBase(theirs))
    } else if own.iter().any(is_running) && facts.age < CHECKS_AWAITED {
        Action::Wait
    } else {
        ours(facts, own)
    }
}

/// How many checks of each name are red.
fn reds(checks: &[Check]) -> BTreeMap<&str, usize> {
    let mut reds = BTreeMap::new();
    for check in checks.iter().filter(|check| check.state == CheckState::Red) {
        *reds.entry(check.name.as_str()).or_default() += 1;
    }
    reds
}

fn ours(facts: &Facts<'_>, failing: Vec<String>) -> Action {
    if facts.pushes < PUSHES_MAX && facts.can_repair {
        Action::Repair(failing)
    } else {
        Action::StayDraft(failing)
    }
}

enum Verdict {
    None,
    /// The names of those that have not ended.
    Running(Vec<String>),
    Green,
    /// All that can be read is green, and what cannot.
    GreenBut(Vec<String>),
    /// Nothing can be read, and what cannot.
    Unread(Vec<String>),
    /// The names of those that failed.
    Red(Vec<String>),
}

/// All must have ended: what fails may be one of many, and a repair should see them all.
fn verdict(checks: &[Check]) -> Verdict {
    let of = |state| {
        let named: BTreeSet<_> =
            checks.iter().filter(|check| check.state == state).map(|check| check.name.clone()).collect();
        named.into_iter().collect::<Vec<_>>()
    };
    let (running, red, unread) = (of(CheckState::Running), of(CheckState::Red), of(CheckState::Unread));
    let is_any_green = checks.iter().any(|check| check.state == CheckState::Green);
    if checks.is_empty() {
        Verdict::None
    } else if !running.is_empty() {
        Verdict::Running(running)
    } else if !red.is_empty() {
        Verdict::Red(red)
    } else if unread.is_empty() {
        Verdict::Green
    } else if is_any_green {
        Verdict::GreenBut(unread)
    } else {
        Verdict::Unread(unread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::Origin;

    fn checks(named: &[(&str, CheckState)]) -> Vec<Check> {
        let check = |(name, state): &(&str, CheckState)| Check {
            name: (*name).to_owned(),
            state: *state,
            origin: Origin::Other,
        };
        named.iter().map(check).collect()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn facts<'a>(checks: &'a [Check], steps: &'a BTreeSet<String>) -> Facts<'a> {
        Facts {
            draft: true,
            handed_over: false,
            conflict: false,
            head: "c1",
            checks,
            base_checks: Some(&[]),
            age: Duration::from_mins(1),
            pushes: 1,
            work: Work::None,
            can_repair: true,
            steps,
        }
    }

    #[test]
    fn what_ci_says_decides() {
        use CheckState::{Green, Red, Running, Unread};
        let nothing = BTreeSet::new();
        let red_base = checks(&[("test", Red), ("lint", Running)]);
        let ready = |why| Action::MarkReady(why);
        for (head, base, expected) in [
            (&[("test", Green), ("lint", Green)][..], None, ready(Why::Green)),
            (&[("test", Green), ("lint", Running)], None, Action::Wait),
            (&[("test", Red), ("lint", Running)], None, Action::Wait),
            (&[("test", Red)], None, Action::LookAtBase),
            (&[("test", Red), ("lint", Green)], Some(&[][..]), Action::Repair(names(&["test"]))),
            (&[("test", Red)], Some(&red_base), ready(Why::RedOnBase(names(&["test"])))),
            (&[("test", Red), ("style", Red)], Some(&red_base), Action::Repair(names(&["style"]))),
            (&[("test", Red), ("lint", Running)], Some(&red_base), Action::Wait),
            // The base's own may still fail.
            (&[("lint", Red)], Some(&red_base), Action::Wait),
            // Two workflows have a check of one name, and one of them fails without us.
            (&[("test", Red), ("test", Red)], Some(&red_base), Action::Repair(names(&["test"]))),
            (&[("test", Green), ("statuses", Unread)], None, ready(Why::Unread(names(&["statuses"])))),
            (&[("statuses", Unread)], None, Action::TellUnread(names(&["statuses"]))),
            (&[("test", Red), ("statuses", Unread)], Some(&[]), Action::Repair(names(&["test"]))),
            // Of one name the worst counts.
            (&[("test", Green), ("test", Red)], Some(&[]), Action::Repair(names(&["test"]))),
            (&[], None, Action::Wait),
        ] {
            let checks = checks(head);
            let facts = Facts { base_checks: base, ..facts(&checks, &nothing) };
            assert_eq!(decide(&facts), expected, "{head:?}");
        }
        let late = Facts { age: FIRST_CHECK_AWAITED, ..facts(&[], &nothing) };
        assert_eq!(decide(&late), ready(Why::NoChecks));
        let running = checks(&[("test", Running), ("deploy", Running)]);
        let endless = Facts { age: CHECKS_AWAITED, ..facts(&running, &nothing) };
        assert_eq!(decide(&endless), Action::TellEndless(names(&["deploy", "test"])));
        let lint = checks(&[("lint", Red)]);
        let endless = Facts { age: CHECKS_AWAITED, base_checks: Some(&red_base), ..facts(&lint, &nothing) };
        assert_eq!(decide(&endless), Action::Repair(names(&["lint"])));
    }

    #[test]
    fn a_second_failure_and_nobody_to_ask_leave_it_a_draft() {
        let (red, nothing) = (checks(&[("test", CheckState::Red)]), BTreeSet::new());
        let stays = Action::StayDraft(names(&["test"]));
        assert_eq!(decide(&Facts { pushes: 2, ..facts(&red, &nothing) }), stays);
        assert_eq!(decide(&Facts { can_repair: false, ..facts(&red, &nothing) }), stays);
    }

    #[test]
    fn nothing_is_done_twice_and_people_go_first() {
        let (red, green) = (checks(&[("test", CheckState::Red)]), checks(&[("test", CheckState::Green)]));
        let nothing = BTreeSet::new();
        let steps = |step: &str| BTreeSet::from([step.to_owned()]);
        assert_eq!(decide(&facts(&red, &steps("said:red:c1"))), Action::Wait);
        assert_eq!(decide(&facts(&green, &steps("ready:c1"))), Action::Wait);
        assert_eq!(decide(&facts(&green, &steps("refused:c1"))), Action::Wait);
        assert_ne!(decide(&facts(&green, &steps("refused:c0"))), Action::Wait, "another commit");
        let of = |change: fn(&mut Facts<'_>), steps: &BTreeSet<String>| {
            let mut facts = facts(&green, steps);
            change(&mut facts);
            decide(&facts)
        };
        assert_eq!(of(|facts| facts.handed_over = true, &nothing), Action::Wait);
        assert_eq!(of(|facts| facts.draft = false, &nothing), Action::Wait);
        assert_eq!(of(|facts| facts.work = Work::Retry, &nothing), Action::GoOn);
        assert_eq!(of(|facts| facts.conflict = true, &nothing), Action::TellConflict);
        assert_eq!(of(|facts| facts.conflict = true, &steps("said:conflict:c1")), Action::Wait);
    }
}
