//! The JSON of the API: one place for each shape.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{
    Alias, Category, Cluster, ClusterStatus, Fingerprint, Fix, FixStatus, NoFixReason, Severity, UnixNanos,
};
use crate::store::{Store, StoreError};

/// An error: one cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorJson {
    id: String,
    service: String,
    error_type: String,
    message: String,
    category: Category,
    severity: Severity,
    fixable: bool,
    suggested_fix: String,
    rule: String,
    file: Option<String>,
    line: Option<u32>,
    function: Option<String>,
    stack_trace: String,
    count: u64,
    first_seen: UnixNanos,
    last_seen: UnixNanos,
    examples: Vec<ExampleJson>,
    status: ClusterStatus,
    fix_id: Option<String>,
    no_fix: Option<NoFixReason>,
    aliases: Vec<AliasJson>,
    alias_count: u64,
    separated_at: Option<UnixNanos>,
}

/// Another id that leads to an error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AliasJson {
    fingerprint: Fingerprint,
    message: String,
    reason: String,
    since: UnixNanos,
    count: u64,
}

/// One record of an error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExampleJson {
    timestamp: UnixNanos,
    message: String,
    trace_id: Option<String>,
    attributes: BTreeMap<String, String>,
}

impl From<Cluster> for ErrorJson {
    fn from(cluster: Cluster) -> Self {
        let innermost = cluster.detail.innermost_in_app().cloned();
        let examples = cluster.examples.into_iter().map(|sample| ExampleJson {
            timestamp: sample.occurred,
            message: sample.body,
            trace_id: Some(sample.trace_id).filter(|id| !id.is_empty()),
            attributes: sample.attributes,
        });
        Self {
            id: cluster.fingerprint.to_string(),
            service: cluster.detail.service,
            error_type: cluster.detail.error_type,
            message: cluster.detail.message,
            category: cluster.verdict.category,
            severity: cluster.verdict.severity,
            fixable: cluster.verdict.fixable,
            suggested_fix: cluster.verdict.suggested_fix.to_string(),
            rule: cluster.verdict.rule.to_string(),
            file: innermost.as_ref().map(|frame| frame.file.clone()),
            line: innermost.as_ref().and_then(|frame| frame.line),
            function: innermost.map(|frame| frame.function),
            stack_trace: cluster.detail.stack_trace,
            count: cluster.count,
            first_seen: cluster.first_seen,
            last_seen: cluster.last_seen,
            examples: examples.collect(),
            status: cluster.status,
            fix_id: cluster.fix_id,
            no_fix: None,
            aliases: cluster.merging.aliases.into_iter().map(AliasJson::from).collect(),
            alias_count: cluster.merging.alias_count,
            separated_at: cluster.merging.separated_at,
        }
    }
}

impl ErrorJson {
    /// Errors, each with why it has no pull request.
    pub(super) async fn all(store: &Store, clusters: Vec<Cluster>) -> Result<Vec<Self>, StoreError> {
        let ids: Vec<_> = clusters.iter().map(|cluster| cluster.fingerprint).collect();
        let mut unfixed = store.unfixed(ids).await?;
        let all = clusters.into_iter().map(|cluster| {
            let no_fix = unfixed.remove(&cluster.fingerprint);
            Self { no_fix, ..Self::from(cluster) }
        });
        Ok(all.collect())
    }

    /// One error, with why it has no pull request.
    pub(super) async fn one(store: &Store, cluster: Cluster) -> Result<Self, StoreError> {
        let no_fix = store.unfixed([cluster.fingerprint]).await?.remove(&cluster.fingerprint);
        Ok(Self { no_fix, ..Self::from(cluster) })
    }
}

impl From<Alias> for AliasJson {
    fn from(alias: Alias) -> Self {
        let Alias { fingerprint, message, reason, since, count } = alias;
        Self { fingerprint, message, reason, since, count }
    }
}

/// A fix.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FixJson {
    id: String,
    error_pattern_id: String,
    error_message: String,
    error_category: Category,
    severity: Severity,
    analysis: String,
    proposed_fix: String,
    code_changes: BTreeMap<String, String>,
    files_affected: Vec<String>,
    generated_at: Option<UnixNanos>,
    created_at: UnixNanos,
    pr_url: Option<String>,
    ended_at: Option<UnixNanos>,
    branch: Option<String>,
    status: FixStatus,
    reason: Option<String>,
    no_fix: Option<NoFixReason>,
    model: String,
    input_tokens: u64,
    output_tokens: u64,
    cost_usd: f64,
}

impl From<Fix> for FixJson {
    fn from(fix: Fix) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            id: fix.id,
            error_pattern_id: fix.error_id.to_string(),
            error_message: fix.error_message,
            error_category: fix.error_category,
            severity: fix.severity,
            analysis: fix.analysis,
            proposed_fix: fix.proposed_fix,
            files_affected: fix.code_changes.keys().cloned().collect(),
            code_changes: fix.code_changes,
            generated_at: fix.generated_at,
            created_at: fix.created_at,
            pr_url: fix.pr_url,
            ended_at: fix.ended_at,
            branch: some(fix.branch),
            status: fix.status,
            reason: some(fix.reason),
            no_fix: None,
            model: fix.model,
            input_tokens: fix.input_tokens,
            output_tokens: fix.output_tokens,
            cost_usd: fix.cost_usd,
        }
    }
}

impl FixJson {
    /// Fixes, each with why it has no pull request. One whose error has another has none.
    pub(super) async fn all(store: &Store, fixes: Vec<Fix>) -> Result<Vec<Self>, StoreError> {
        let unfixed = store.unfixed(fixes.iter().map(|fix| fix.fingerprint)).await?;
        let all = fixes.into_iter().map(|fix| {
            let no_fix = unfixed.get(&fix.fingerprint).cloned();
            Self { no_fix, ..Self::from(fix) }
        });
        Ok(all.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClusterDetail, Merging, Sample, Verdict};

    #[test]
    fn an_error_tells_what_leads_to_it_and_why() {
        let alias = |byte, message: &str, count| Alias {
            fingerprint: Fingerprint::from_bytes([byte; 16]),
            message: message.into(),
            reason: "templates that differ in one word".into(),
            since: UnixNanos::from_secs(1_763_289_300),
            count,
        };
        let error = ErrorJson::from(Cluster {
            fingerprint: Fingerprint::from_bytes([1; 16]),
            verdict: Verdict {
                rule: "too-many-open-files".into(),
                category: Category::INTERNAL_ERROR,
                severity: Severity::High,
                fixable: true,
                suggested_fix: "Close files after use.".into(),
            },
            detail: ClusterDetail {
                service: "shop".into(),
                message: "Exporter <*> stopped: Too many open files".into(),
                ..ClusterDetail::default()
            },
            count: 12,
            first_seen: UnixNanos::from_secs(1_763_289_000),
            last_seen: UnixNanos::from_secs(1_763_289_240),
            status: ClusterStatus::Ongoing,
            examples: vec![Sample { body: "Exporter carts stopped".into(), ..Sample::default() }],
            fix_id: None,
            merging: Merging {
                aliases: vec![
                    alias(2, "Exporter carts stopped: Too many open files", 7),
                    alias(3, "Exporter orders stopped: Too many open files", 4),
                ],
                alias_count: 2,
                separated_at: None,
            },
        });
        insta::assert_json_snapshot!(error);
    }
}
