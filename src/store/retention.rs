//! What is kept for how long, and how the rest goes: in small steps, each a transaction of its own, so that no commit waits for
//! long behind one.

use std::time::Duration;

use super::engine::sql;
use super::{Store, StoreError};
use crate::model::UnixNanos;

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Closed windows, errors that were not seen for as long, and what was counted by the hour. Default: 30 days.
    pub windows: Duration,
    /// Examples. Default: 7 days.
    pub samples: Duration,
    /// The audit trail. Default: 365 days.
    pub audit: Duration,
    /// Which requests were counted. Exporters give up after 5 minutes (the Collector's `retry_on_failure.max_elapsed_time`).
    /// Default: 10 minutes, twice that.
    pub digests: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_hours(24 * days);
        Self { windows: days(30), samples: days(7), audit: days(365), digests: Duration::from_mins(10) }
    }
}

/// How many rows one step deletes at most: some milliseconds' worth.
const STEP: u64 = 1_000;

/// How long a finished wish to close the window is kept for its asker.
const SCANS: Duration = Duration::from_hours(1);

/// How long a hole is known after it was read, and how long one that cannot be read.
const HOLES_KEPT: Duration = Duration::from_hours(1);
const HOLES_LEFT: Duration = Store::HOLES_READ_FOR.saturating_add(HOLES_KEPT);

/// How long a process that is gone is remembered.
const REPLICAS: Duration = Duration::from_hours(24);

/// One kind of row: what tells those that go, and how their first `$2` are found. `$1` is the time before which they go.
struct Kind {
    table: &'static str,
    key: &'static str,
    old: &'static str,
}

const DIGESTS: Kind = Kind { table: "request_digest", key: "digest", old: "committed_at < $1 AND hole = 0" };
/// What was read back is known for as long as it may be read again.
const READ_BACK: Kind = Kind {
    table: "request_digest",
    key: "digest",
    old: "hole > 0 AND hole < (SELECT coalesce(min(h.until), $1) FROM hole h)",
};
const SAMPLES: Kind = Kind { table: "sample", key: "fingerprint, digest", old: "kept_in < $1" };
const AUDIT: Kind = Kind { table: "audit", key: "id", old: "at < $1" };
const HOURS: Kind = Kind { table: "cluster_hour", key: "fingerprint, hour", old: "hour < $1" };
const SCANNED: Kind = Kind { table: "scan", key: "id", old: "requested_at < $1" };
/// Holes go an hour after they were read: exporters that kept what they send on a disk may have come back by then. One that Loki
/// does not tell of is not read for longer than a day.
const HOLES: Kind = Kind { table: "hole", key: "until", old: "closed_at < $1" };
const LEFT_HOLES: Kind = Kind { table: "hole", key: "until", old: "until < $1" };
const PASSAGES: Kind =
    Kind { table: "passage", key: "key", old: "hole < (SELECT coalesce(min(h.until), $1) FROM hole h)" };
const RELEASES: Kind = Kind { table: "cluster_release", key: "fingerprint, revision", old: "last_seen < $1" };
/// What Claude cost counts for 30 days; a fix is not worked on for twice that.
const CALLS_KEPT: Duration = Duration::from_hours(24 * 60);
const CALLS: Kind = Kind { table: "claude_call", key: "id", old: "at < $1" };
const UNFIXED: Kind = Kind {
    table: "no_fix",
    key: "fingerprint",
    old: "at < $1 AND NOT EXISTS (SELECT 1 FROM cluster c WHERE c.fingerprint = no_fix.fingerprint)",
};
const ALERTS: Kind =
    Kind { table: "alert", key: "key", old: "at < $1 AND (ended_at IS NOT NULL OR state <> 'told')" };
const DELIVERIES: Kind =
    Kind { table: "alert_delivery", key: "id", old: "created_at < $1 AND state <> 'waiting'" };
const GONE: Kind = Kind { table: "replica", key: "id", old: "seen_at < $1" };
const COUNTED: Kind = Kind {
    table: "window_cluster",
    key: "window_start, fingerprint",
    old: "window_start < $1 AND window_start IN (SELECT w.start FROM \"window\" w WHERE w.triaged_at IS NOT NULL)",
};
const WINDOWS: Kind = Kind {
    table: "\"window\"",
    key: "start",
    old: "start < $1 AND triaged_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM window_cluster w WHERE w.window_start = start)",
};
/// Errors that were not seen for long and that nobody did anything about, nor is about to: those of the open window stay, and
/// those of windows that triage has not looked at.
const CLUSTERS: Kind = Kind {
    table: "cluster",
    key: "fingerprint",
    old: "last_window < $1 AND status NOT IN ('ignored', 'fixed', 'fix_proposed')
        AND NOT EXISTS (SELECT 1 FROM fix x WHERE x.fingerprint = cluster.fingerprint)
        AND NOT EXISTS (SELECT 1 FROM rule_proposal p WHERE p.fingerprint = cluster.fingerprint)
        AND NOT EXISTS (SELECT 1 FROM separated s WHERE s.fingerprint = cluster.fingerprint)
        AND NOT EXISTS (SELECT 1 FROM window_cluster w WHERE w.fingerprint = cluster.fingerprint
          AND w.window_start IN (SELECT o.start FROM \"window\" o WHERE o.triaged_at IS NULL))",
};

impl Store {
    /// Deletes what is older than it is kept for. Tells how many rows went.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; what went is gone, the rest goes the next time.
    pub async fn forget_old(&self, kept: &Retention, now: UnixNanos) -> Result<u64, StoreError> {
        let mut gone = 0;
        for (kind, kept) in [
            (&HOLES, HOLES_KEPT),
            (&LEFT_HOLES, HOLES_LEFT),
            (&PASSAGES, Duration::ZERO),
            (&READ_BACK, Duration::ZERO),
            (&DIGESTS, kept.digests),
            (&SAMPLES, kept.samples),
            (&AUDIT, kept.audit),
            (&HOURS, kept.windows),
            (&RELEASES, kept.windows),
            (&COUNTED, kept.windows),
            (&WINDOWS, kept.windows),
            (&CLUSTERS, kept.windows),
            (&UNFIXED, kept.windows),
            (&CALLS, CALLS_KEPT),
            (&ALERTS, kept.windows),
            (&DELIVERIES, kept.windows),
            (&SCANNED, SCANS),
            (&GONE, REPLICAS),
        ] {
            let before = UnixNanos(now.0.saturating_sub(u64::try_from(kept.as_nanos()).unwrap_or(u64::MAX)));
            loop {
                let step = self.forget_step(kind, before).await?;
                gone += step;
                if step < STEP {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        Ok(gone)
    }

    async fn forget_step(&self, kind: &Kind, before: UnixNanos) -> Result<u64, StoreError> {
        let Kind { table, key, old } = kind;
        let step = sql(format!(
            // Said twice: what was counted while the statement waited for it is looked at once more, and stays.
            "DELETE FROM {table} WHERE {old} AND ({key}) IN (SELECT {key} FROM {table} WHERE {old} LIMIT $2)"
        ));
        let step = self.database.execute(step.bind(before.to_i64()).bind(STEP)).await;
        step.map_err(StoreError::while_doing("deleting what is old"))
    }
}
