//! Which clusters of a window deserve a fix, the most urgent first.

use std::cmp::Reverse;

use super::outcomes::Standings;
use crate::model::{Cluster, ClusterStatus};

/// Why no fix is begun although clusters wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// `LOGMEND_MAX_USD_PER_DAY`.
    #[error("the budget of a day is spent (LOGMEND_MAX_USD_PER_DAY)")]
    DayBudget,
    /// `LOGMEND_MAX_USD_PER_MONTH`.
    #[error("the budget of 30 days is spent (LOGMEND_MAX_USD_PER_MONTH)")]
    MonthBudget,
    /// `LOGMEND_MAX_OPEN_PRS`.
    #[error("as many pull requests stand open as may (LOGMEND_MAX_OPEN_PRS)")]
    OpenPullRequests,
    /// `LOGMEND_MAX_PRS_PER_DAY`.
    #[error("as many pull requests were opened in 24 hours as may be (LOGMEND_MAX_PRS_PER_DAY)")]
    PullRequestsPerDay,
}

/// The clusters that a fix may be begun for: critical or high, fixable, often enough, without a fix, not set aside by people.
///
/// The gravest come first, then those of a category of which a change was merged at the service and held, then those whose
/// code is known, then the most frequent; the fingerprint settles ties, so that the order does not depend on anything else.
#[must_use]
pub fn rank(clusters: Vec<Cluster>, occurrences_min: u64, standings: &Standings) -> Vec<Cluster> {
    let mut candidates: Vec<_> =
        clusters.into_iter().filter(|cluster| is_candidate(cluster, occurrences_min)).collect();
    candidates.sort_by_key(|cluster| {
        let held = standings.has_held(cluster);
        let located = cluster.detail.innermost_in_app().is_some();
        let (severity, count) = (cluster.verdict.severity, cluster.count);
        (Reverse(severity), Reverse(held), Reverse(located), Reverse(count), cluster.fingerprint)
    });
    candidates
}

fn is_candidate(cluster: &Cluster, occurrences_min: u64) -> bool {
    cluster.verdict.severity.is_urgent()
        && cluster.verdict.fixable
        && cluster.count >= occurrences_min
        && cluster.fix_id.is_none()
        && !matches!(cluster.status, ClusterStatus::Ignored | ClusterStatus::Fixed)
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
        assert_eq!(rank(others, 5, &Standings::default()), []);
        assert_eq!(rank(vec![base()], 5, &Standings::default()).len(), 1);
    }
}
