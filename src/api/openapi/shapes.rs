//! The shapes of answers that are put together as they are told. More keys may follow.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::json::{ErrorJson, FixJson};
use crate::model::{Activity, Category, Fingerprint, ProposalStatus, Severity, UnixNanos};

/// Shapes that only describe.
macro_rules! shapes {
    ($($(#[$about:meta])* struct $name:ident { $($(#[$of:meta])* $field:ident: $kind:ty,)+ })+) => {
        $(
            $(#[$about])*
            #[derive(Debug, Serialize, ToSchema)]
            pub(in crate::api) struct $name { $($(#[$of])* $field: $kind,)+ }
        )+
    };
}

shapes! {
    /// The process answers.
    struct Live {
        /// `alive`.
        status: String,
    }

    /// Requests can be taken.
    struct Ready {
        /// `ready`.
        status: String,
    }

    /// Each part's state.
    struct Health {
        /// `healthy` or `degraded`.
        status: String,
        timestamp: UnixNanos,
        /// By name: `status`, and `detail` where there is something to tell.
        components: BTreeMap<String, ComponentShape>,
    }

    /// One part of the service.
    struct ComponentShape {
        /// `ok`, `degraded`, `disabled`, `paused` or `unknown`.
        status: String,
        detail: Option<String>,
    }

    /// How the monitor stands.
    struct Status {
        /// `ok`.
        status: String,
        monitor: Monitor,
        budgets: BTreeMap<String, Value>,
    }

    /// The monitor.
    struct Monitor {
        enabled: bool,
        running: bool,
        auto_fix_enabled: bool,
        /// Seconds of a window.
        scan_interval: u64,
        last_scan: Option<UnixNanos>,
        errors_since_last_fix: u64,
        total_patterns: u64,
        window_start: UnixNanos,
    }

    /// The overview.
    struct Dashboard {
        timestamp: UnixNanos,
        summary: SummaryShape,
        recent_critical: Vec<ErrorJson>,
        recent_fixable: Vec<ErrorJson>,
        recent_fixes: Vec<FixJson>,
        outcomes: Vec<OutcomeShape>,
    }

    /// Counts over all errors and fixes.
    struct SummaryShape {
        total_patterns: u64,
        critical_errors: u64,
        fixable_errors: u64,
        generated_fixes: u64,
        unclassified: u64,
        patterns_by_category: BTreeMap<String, u64>,
    }

    /// A window that was closed on demand.
    struct Scanned {
        /// `scanned`.
        status: String,
        errors_found: u64,
        critical_errors: u64,
        auto_fixes_started: u64,
    }

    /// Triage was paused or resumed.
    struct Switched {
        /// `started` or `stopped`.
        status: String,
    }

    /// One error, with how often it came in each hour.
    struct OneError {
        error: ErrorJson,
        activity: Activity,
        occurrences: Vec<Occurrence>,
    }

    /// How often an error came in an hour.
    struct Occurrence {
        hour: UnixNanos,
        count: u64,
    }

    /// A cluster that was taken out of its family, or put back.
    struct Separated {
        /// `separated` or `rejoined`.
        status: String,
        error: ErrorJson,
    }

    /// The rules.
    struct Rules {
        /// `off`, `propose` or `auto`.
        learn: String,
        catalogue_rules: u64,
        learned: Vec<RuleShape>,
        proposed: Vec<RuleShape>,
        set_aside: Vec<RuleShape>,
    }

    /// A rule that was proposed, with what speaks for it.
    struct RuleShape {
        id: String,
        status: ProposalStatus,
        reason: Option<String>,
        error_id: Fingerprint,
        service: Option<String>,
        template: Option<String>,
        count: Option<u64>,
        rule: Option<String>,
        would_match: Option<u64>,
        classified: Option<u64>,
        model: String,
        input_tokens: u64,
        output_tokens: u64,
        cost_usd: f64,
        created_at: UnixNanos,
        decided_at: Option<UnixNanos>,
        decided_by: Option<String>,
        category: Option<Category>,
        severity: Option<Severity>,
        fixable: Option<bool>,
        suggested_fix: Option<String>,
        literals: Option<Vec<String>>,
    }

    /// What people said of a rule.
    struct Decided {
        id: String,
        status: ProposalStatus,
    }

    /// How pull requests ended.
    struct Outcomes {
        closed_in_a_row_max: u64,
        quiet_days: u64,
        outcomes: Vec<OutcomeShape>,
    }

    /// How those of one category at one service did.
    struct OutcomeShape {
        service: String,
        category: Category,
        merged: u64,
        closed: u64,
        merged_and_quiet: u64,
        closed_in_a_row: u64,
        fixable: bool,
        stopped_at: Option<UnixNanos>,
        allowed_at: Option<UnixNanos>,
        allowed_by: Option<String>,
    }

    /// Who is alerted, and how that goes.
    struct Alerted {
        /// What is told: `new`, `regressed`, `rate`, `fix_opened` and others.
        rules: Vec<String>,
        per_hour: u64,
        rate_factor: u64,
        targets: Vec<TargetShape>,
        /// Alerts that wait for the digest.
        held_back: u64,
        /// The latest first.
        recent: Vec<DeliveryShape>,
    }

    /// Somebody who is alerted.
    struct TargetShape {
        /// `slack`, `webhook`, `pagerduty` or `alertmanager`.
        target: String,
        /// Its host.
        place: String,
        /// `ok` or `failing`.
        status: String,
        waiting: u64,
        last_sent_at: Option<UnixNanos>,
        last_error: Option<String>,
    }

    /// An alert on its way to one target, or there.
    struct DeliveryShape {
        delivery: String,
        target: String,
        rule: String,
        /// `firing` or `resolved`.
        action: String,
        /// `waiting`, `sent` or `failed`.
        state: String,
        tries: u64,
        title: Option<String>,
        severity: Option<String>,
        error_id: Option<String>,
        last_error: Option<String>,
        created_at: UnixNanos,
        next_try_at: Option<UnixNanos>,
        ended_at: Option<UnixNanos>,
    }

    /// What came of a test alert.
    struct AlertsTried {
        /// `sent` or `not_sent`.
        status: String,
        results: Vec<DeliveryShape>,
    }

    /// A category that may be mended again.
    struct Allowed {
        service: String,
        category: Category,
        /// `allowed`.
        status: String,
    }
}
