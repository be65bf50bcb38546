//! What an event says of an error, a fix or a window: what a list of them shows.

use serde::Serialize;

use crate::model::{Category, Cluster, ClusterStatus, Fix, FixStatus, Severity, UnixNanos};
use crate::store::EndedWindow;

/// The beginning of a message, in characters: what a line shows.
const MESSAGE_CHARS: usize = 300;

/// An error that changed.
#[derive(Debug, Serialize)]
pub(super) struct ClusterEvent {
    id: String,
    service: String,
    error_type: String,
    message: String,
    category: Category,
    severity: Severity,
    fixable: bool,
    status: ClusterStatus,
    count: u64,
    first_seen: UnixNanos,
    last_seen: UnixNanos,
    fix_id: Option<String>,
}

impl From<Cluster> for ClusterEvent {
    fn from(cluster: Cluster) -> Self {
        Self {
            id: cluster.fingerprint.to_string(),
            service: beginning(&cluster.detail.service),
            error_type: beginning(&cluster.detail.error_type),
            message: beginning(&cluster.detail.message),
            category: cluster.verdict.category,
            severity: cluster.verdict.severity,
            fixable: cluster.verdict.fixable,
            status: cluster.status,
            count: cluster.count,
            first_seen: cluster.first_seen,
            last_seen: cluster.last_seen,
            fix_id: cluster.fix_id,
        }
    }
}

/// A fix that changed.
#[derive(Debug, Serialize)]
pub(super) struct FixEvent {
    id: String,
    error_pattern_id: String,
    error_message: String,
    error_category: Category,
    severity: Severity,
    status: FixStatus,
    reason: Option<String>,
    pr_url: Option<String>,
    cost_usd: f64,
}

impl From<Fix> for FixEvent {
    fn from(fix: Fix) -> Self {
        Self {
            id: fix.id,
            error_pattern_id: fix.error_id.to_string(),
            error_message: beginning(&fix.error_message),
            error_category: fix.error_category,
            severity: fix.severity,
            status: fix.status,
            reason: Some(beginning(&fix.reason)).filter(|reason| !reason.is_empty()),
            pr_url: fix.pr_url,
            cost_usd: fix.cost_usd,
        }
    }
}

/// A window that ended.
#[derive(Debug, Serialize)]
pub(super) struct WindowEvent {
    start: UnixNanos,
    closed_at: UnixNanos,
    triaged_at: Option<UnixNanos>,
    clusters: u64,
}

impl From<EndedWindow> for WindowEvent {
    fn from(window: EndedWindow) -> Self {
        let EndedWindow { start, closed_at, triaged_at, clusters } = window;
        Self { start, closed_at, triaged_at, clusters }
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS).collect()
}
