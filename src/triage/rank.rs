//! Which clusters of a window deserve a fix, the most urgent first.

use std::cmp::Reverse;

use super::outcomes::Standings;
use crate::model::{Cluster, ClusterStatus, NoFix, Unfixed};

/// The clusters that a fix may be begun for: critical or high, fixable, often enough, without a fix, not set aside by people.
///
/// The gravest come first, then those of a category of which a change was merged at the service and held, then those whose
/// code is known, then the most frequent; the fingerprint settles ties, so that the order does not depend on anything else.
#[must_use]
pub fn rank(clusters: Vec<Cluster>, occurrences_min: u64, standings: &Standings) -> Vec<Cluster> {
    look(clusters, occurrences_min, standings).candidates
}

/// What a window's clusters come to.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Those that a fix may be begun for, the most urgent first.
    pub candidates: Vec<Cluster>,
    /// Those that none is begun for, and why; without those that have a fix.
    pub unfit: Vec<Unfixed>,
}

/// As [`rank`], with why the others are none.
pub(super) fn look(clusters: Vec<Cluster>, occurrences_min: u64, standings: &Standings) -> Looked {
    let (mut candidates, mut unfit) = (Vec::new(), Vec::new());
    for cluster in clusters {
        match why_unfit(&cluster, occurrences_min) {
            _ if cluster.fix_id.is_some() => {}
            None => candidates.push(cluster),
            Some((code, why)) => unfit.push((cluster.fingerprint, code, why)),
        }
    }
    candidates.sort_by_key(|cluster| {
        let held = standings.has_held(cluster);
        let located = cluster.detail.innermost_in_app().is_some();
        let (severity, count) = (cluster.verdict.severity, cluster.count);
        (Reverse(severity), Reverse(held), Reverse(located), Reverse(count), cluster.fingerprint)
    });
    Looked { candidates, unfit }
}

fn why_unfit(cluster: &Cluster, occurrences_min: u64) -> Option<(NoFix, String)> {
    if matches!(cluster.status, ClusterStatus::Ignored | ClusterStatus::Fixed) {
        Some((NoFix::Muted, format!("people set it aside: it is {}", cluster.status)))
    } else if !cluster.verdict.severity.is_urgent() {
        Some((
            NoFix::NotUrgent,
            format!("it is of {} severity; critical and high ones are mended", cluster.verdict.severity),
        ))
    } else if !cluster.verdict.fixable {
        Some((
            NoFix::NotFixable,
            "its rule says that no change in the service's repository mends it".to_owned(),
        ))
    } else if cluster.count < occurrences_min {
        Some((
            NoFix::BelowMinEvents,
            format!("it was seen less often than {occurrences_min} times in its window (LOGMEND_MIN_EVENTS)"),
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{
        Category, ClusterDetail, Fingerprint, Frame, Merging, Outcome, Severity, UnixNanos, Verdict,
    };

    fn cluster(id: u8, severity: Severity, count: u64) -> Cluster {
        Cluster {
            fingerprint: Fingerprint::from_bytes([id; 16]),
            verdict: Verdict {
                rule: "r".into(),
                category: Category::INTERNAL_ERROR,
                severity,
                fixable: true,
                suggested_fix: "".into(),
            },
            detail: ClusterDetail::default(),
            count,
            first_seen: UnixNanos(1),
            last_seen: UnixNanos(2),
            status: ClusterStatus::New,
            examples: Vec::new(),
            fix_id: None,
            merging: Merging::default(),
        }
    }

    #[test]
    fn the_gravest_then_what_held_then_the_located_then_the_most_frequent_come_first() {
        let mut held = cluster(5, Severity::High, 1);
        held.detail.service = "payments".to_owned();
        let merged = Outcome {
            fix_id: "f".to_owned(),
            service: "payments".to_owned(),
            category: Category::INTERNAL_ERROR,
            merged: true,
            ended_at: UnixNanos(1),
            last_seen: UnixNanos(1),
        };
        let standings =
            Standings::new(vec![merged], Vec::new(), Duration::from_secs(1), UnixNanos(2_000_000_000));
        let mut located = cluster(4, Severity::High, 1);
        let frame = Frame { file: "a.py".into(), line: Some(1), function: "f".into(), in_app: true };
        located.detail.frames.push(frame);
        let ranked = rank(
            vec![
                cluster(1, Severity::High, 5),
                cluster(2, Severity::High, 9),
                located,
                held,
                cluster(3, Severity::Critical, 1),
            ],
            1,
            &standings,
        );
        let ids: Vec<_> = ranked.iter().map(|cluster| cluster.fingerprint.as_bytes()[0]).collect();
        assert_eq!(ids, [3, 5, 4, 2, 1]);
    }

    #[test]
    fn what_is_mild_rare_unfixable_set_aside_or_claimed_is_no_candidate() {
        let base = || cluster(1, Severity::Critical, 5);
        let mut unfixable = base();
        unfixable.verdict.fixable = false;
        let mut ignored = base();
        ignored.status = ClusterStatus::Ignored;
        let mut claimed = base();
        claimed.fix_id = Some("x".into());
        let others = vec![
            cluster(1, Severity::Medium, 5),
            cluster(1, Severity::Critical, 4),
            unfixable,
            ignored,
            claimed,
        ];
        let looked = look(others, 5, &Standings::default());
        assert_eq!(looked.candidates, []);
        let codes: Vec<_> = looked.unfit.iter().map(|(_, code, _)| *code).collect();
        // The claimed one has a fix.
        let expected = [NoFix::NotUrgent, NoFix::BelowMinEvents, NoFix::NotFixable, NoFix::Muted];
        assert_eq!(codes, expected);
        assert_eq!(rank(vec![base()], 5, &Standings::default()).len(), 1);
    }
}
