//! What the ends of pull requests say of a category at a service: whether people want it mended, and whether that held.
//!
//! Nothing is counted up anywhere: a standing is worked out anew from the fixes themselves each time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Allowance, Category, Cluster, Outcome, UnixNanos};

/// Pull requests that people close unmerged one after the other before no more are opened: once is a bad change, twice may
/// be chance, three times is an answer.
pub const CLOSED_IN_A_ROW_MAX: u64 = 3;

/// A category at a service.
pub type Place = (String, Category);

/// How pull requests of one category at one service ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many people merged.
    pub merged: u64,
    /// How many people closed unmerged.
    pub closed: u64,
    /// How many of the merged ones held: the error was not seen for the quiet time.
    pub held: u64,
    /// How many were closed unmerged since the last that was merged, or since people allowed it again.
    pub closed_in_a_row: u64,
    /// Since when no more are opened; until people allow it again, whatever is merged meanwhile.
    pub stopped_at: Option<UnixNanos>,
    /// When people allowed it again last, and who.
    pub allowed: Option<(UnixNanos, String)>,
}

impl Standing {
    fn add(&mut self, outcome: &Outcome, quiet: Duration, now: UnixNanos) {
        if outcome.merged {
            self.merged += 1;
            self.held += u64::from(has_held(outcome, quiet, now));
        } else {
            self.closed += 1;
        }
        let is_before_allowance = self.allowed.as_ref().is_some_and(|(at, _)| outcome.ended_at <= *at);
        if is_before_allowance {
            return;
        }
        self.closed_in_a_row = if outcome.merged { 0 } else { self.closed_in_a_row + 1 };
        if self.closed_in_a_row >= CLOSED_IN_A_ROW_MAX && self.stopped_at.is_none() {
            self.stopped_at = Some(outcome.ended_at);
        }
    }
}

/// Whether a merged change has held: its error was not seen for the quiet time up to `now`. A change takes a while until it
/// runs, so what came right after the merge is no matter once it has stopped.
fn has_held(outcome: &Outcome, quiet: Duration, now: UnixNanos) -> bool {
    let last_trouble = outcome.ended_at.max(outcome.last_seen);
    Duration::from_nanos(now.0.saturating_sub(last_trouble.0)) >= quiet
}

/// The standings of all categories at all services of which a pull request has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standings(BTreeMap<Place, Standing>);

impl Standings {
    /// Works them out. The order of `outcomes` is of no matter: their ends have times.
    #[must_use]
    pub fn new(
        mut outcomes: Vec<Outcome>,
        allowances: Vec<Allowance>,
        quiet: Duration,
        now: UnixNanos,
    ) -> Self {
        outcomes.sort_by(|one, other| (one.ended_at, &one.fix_id).cmp(&(other.ended_at, &other.fix_id)));
        let mut standings = BTreeMap::<Place, Standing>::new();
        for Allowance { service, category, allowed_at, allowed_by } in allowances {
            standings.entry((service, category)).or_default().allowed = Some((allowed_at, allowed_by));
        }
        for outcome in &outcomes {
            let place = (outcome.service.clone(), outcome.category.clone());
            standings.entry(place).or_default().add(outcome, quiet, now);
        }
        Self(standings)
    }

    /// Each place with its standing, by service and category.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, &Standing)> {
        self.0.iter()
    }

    /// Whether people have had enough of pull requests for such errors.
    #[must_use]
    pub fn is_stopped(&self, cluster: &Cluster) -> bool {
        self.of(cluster).is_some_and(|standing| standing.stopped_at.is_some())
    }

    /// Whether a change for such an error was merged and held.
    #[must_use]
    pub fn has_held(&self, cluster: &Cluster) -> bool {
        self.of(cluster).is_some_and(|standing| standing.held > 0)
    }

    fn of(&self, cluster: &Cluster) -> Option<&Standing> {
        self.0.get(&place(cluster))
    }
}

/// Where an error belongs.
#[must_use]
pub(super) fn place(cluster: &Cluster) -> Place {
    (cluster.detail.service.clone(), cluster.verdict.category.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUIET: Duration = Duration::from_secs(100);
    const NOW: UnixNanos = UnixNanos(1_000_000_000_000);

    fn secs(secs: u64) -> UnixNanos {
        UnixNanos::from_secs(secs)
    }

    /// `M` merged, `C` closed, `a` allowed again: one after the other, ten seconds apart.
    fn history(ends: &str) -> (Vec<Outcome>, Vec<Allowance>) {
        let (mut outcomes, mut allowances) = (Vec::new(), Vec::new());
        for (n, end) in ends.chars().enumerate() {
            let at = secs(10 * (n as u64 + 1));
            let (service, category) = ("checkout".to_owned(), Category::INTERNAL_ERROR);
            if end == 'a' {
                let allowed_by = "api".to_owned();
                allowances = vec![Allowance { service, category, allowed_at: at, allowed_by }];
            } else {
                let (fix_id, last_seen) = (format!("f{n}"), secs(1));
                let merged = end == 'M';
                outcomes.push(Outcome { fix_id, service, category, merged, ended_at: at, last_seen });
            }
        }
        (outcomes, allowances)
    }

    fn standing(ends: &str) -> Standing {
        let (outcomes, allowances) = history(ends);
        Standings::new(outcomes, allowances, QUIET, NOW).0.into_values().next().unwrap_or_default()
    }

    #[test]
    fn three_closed_in_a_row_stop_a_category_until_people_say_otherwise() {
        for (ends, closed_in_a_row, stopped_at) in [
            ("", 0, None),
            ("CC", 2, None),
            ("CCC", 3, Some(30)),
            ("CCMC", 1, None),
            ("CMCMC", 1, None),
            ("MCCC", 3, Some(40)),
            ("CCCC", 4, Some(30)),
            // One that stood open is merged: people still have to say that they want more.
            ("CCCM", 0, Some(30)),
            ("CCCa", 0, None),
            ("CCCaCC", 2, None),
            ("CCCaCCC", 3, Some(70)),
            ("CaCC", 2, None),
        ] {
            let standing = standing(ends);
            assert_eq!(
                (standing.closed_in_a_row, standing.stopped_at),
                (closed_in_a_row, stopped_at.map(secs)),
                "{ends}"
            );
        }
    }

    #[test]
    fn a_merged_change_has_held_once_its_error_was_not_seen_for_the_quiet_time() {
        for (ended_at, last_seen, held) in [
            (800, 700, true),
            (900, 700, true),
            (901, 700, false),
            (800, 900, true),
            (800, 901, false),
            (800, 1_000, false),
            // A clock that went back proves nothing.
            (2_000, 700, false),
        ] {
            let (mut outcomes, _) = history("M");
            (outcomes[0].ended_at, outcomes[0].last_seen) = (secs(ended_at), secs(last_seen));
            let standings = Standings::new(outcomes, Vec::new(), QUIET, NOW);
            let standing = standings.0.values().next().unwrap();
            assert_eq!(standing.held, u64::from(held), "merged at {ended_at}, last seen at {last_seen}");
        }
    }

    #[test]
    fn services_and_categories_are_told_apart() {
        let (mut outcomes, _) = history("CCC");
        outcomes[1].service = "payments".to_owned();
        assert!(Standings::new(outcomes, Vec::new(), QUIET, NOW).iter().all(|(_, s)| s.stopped_at.is_none()));
    }

    proptest! {
        #[test]
        fn the_order_of_the_rows_is_of_no_matter(ends in "[MC]{0,12}", seed in 0_usize..1_000) {
            let (mut outcomes, _) = history(&ends);
            let ordered = Standings::new(outcomes.clone(), Vec::new(), QUIET, NOW);
            for at in 0..outcomes.len() {
                let other = (seed * 31 + at * 17) % outcomes.len();
                outcomes.swap(at, other);
            }
            prop_assert_eq!(Standings::new(outcomes, Vec::new(), QUIET, NOW), ordered);
        }
    }
}
