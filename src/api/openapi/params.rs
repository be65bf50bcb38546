//! What the lists take after the `?`. Handlers read the same names in `query.rs`.

use utoipa::IntoParams;

use crate::model::{ClusterStatus, FixStatus, Severity, UnixNanos};

/// What is asked of errors.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is read by name")]
pub(in crate::api) struct ErrorQuery {
    /// Only those of this service.
    service: Option<String>,
    /// Only those of this category.
    #[param(pattern = "^[a-z0-9_]{1,48}$")]
    category: Option<String>,
    /// Only those of these severities, with a comma between two.
    #[param(style = Form, explode = false)]
    severity: Option<Vec<Severity>>,
    /// Only those that stand so, with a comma between two.
    #[param(style = Form, explode = false)]
    status: Option<Vec<ClusterStatus>>,
    /// Only those with this text in their message, type or service, in any case, or at the beginning of their id.
    #[param(max_length = 256)]
    text: Option<String>,
    /// Only those seen since then.
    since: Option<UnixNanos>,
    /// Only critical and high ones.
    urgent: Option<bool>,
    /// Only fixable ones.
    fixable: Option<bool>,
    /// Only those at ERROR or above that no rule knows.
    unclassified: Option<bool>,
    /// At most so many.
    #[param(minimum = 1, maximum = 10000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// How far a list looks back.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is read by name")]
pub(in crate::api) struct RecentQuery {
    /// Hours to look back; `since` stands before it.
    #[param(minimum = 1, maximum = 720, default = 24)]
    hours: Option<u32>,
}

/// What is asked of fixes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is read by name")]
pub(in crate::api) struct FixQuery {
    /// Only those that stand so, with a comma between two.
    #[param(style = Form, explode = false)]
    status: Option<Vec<FixStatus>>,
    /// Only those of this error.
    error_id: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 10000, default = 1000)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What is asked of the audit trail.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what is read by name")]
pub(in crate::api) struct AuditQuery {
    /// Only what this one did: `logmend`, `api`, or `api:` and a token's name.
    actor: Option<String>,
    /// Only actions of this name.
    action: Option<String>,
    /// Only actions on this: the id of an error or a fix, or the start of a window.
    subject: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}
