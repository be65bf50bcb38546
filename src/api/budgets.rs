//! What may be spent and opened: each limit, what is used of it, and what is left.

use serde_json::{Map, Value, json};

use crate::model::Limits;
use crate::store::{StoreError, Usage};

pub(super) async fn shown(state: &super::State) -> Result<Value, StoreError> {
    let usage = state.store.usage(state.store.now()).await?;
    let settings = state.triage.settings();
    Ok(budgets(&settings.limits.get(), u64::from(settings.fixes_per_window_max), &usage))
}

fn budgets(limits: &Limits, fixes_per_window: u64, usage: &Usage) -> Value {
    let by_repository = usage
        .open_by_repository
        .iter()
        .map(|(repository, open)| {
            (repository.clone(), count(limits.open_pull_requests_per_repository, *open))
        })
        .collect::<Map<_, _>>();
    let attempts = usage.attempts.iter().map(|attempt| {
        json!({
            "fix_id": attempt.fix_id,
            "usd": dollars(limits.usd_per_fix, attempt.usd),
            "calls": count(limits.calls_per_fix, attempt.calls),
            "uncached_tokens": count(limits.uncached_tokens_per_fix, attempt.uncached_tokens),
        })
    });
    json!({
        "usd_per_day": dollars(limits.usd_per_day, usage.usd_of_day),
        "usd_per_month": dollars(limits.usd_per_month, usage.usd_of_month),
        "usd_reserved": cents(usage.usd_reserved),
        "usd_per_fix": {"limit": limits.usd_per_fix},
        "calls_per_fix": {"limit": limits.calls_per_fix},
        "uncached_tokens_per_fix": {"limit": limits.uncached_tokens_per_fix},
        "attempts": attempts.collect::<Vec<_>>(),
        "fixes_per_window": count(fixes_per_window, usage.fixes_of_window),
        "pull_requests_per_hour": count(limits.pull_requests_per_hour, usage.pull_requests_of_hour),
        "pull_requests_per_day": count(limits.pull_requests_per_day, usage.pull_requests_of_day),
        "open_pull_requests": count(limits.open_pull_requests, usage.open_pull_requests),
        "open_pull_requests_per_repository": {
            "limit": limits.open_pull_requests_per_repository,
            "repositories": by_repository,
        },
        "breaker": usage.breaker,
    })
}

fn count(limit: u64, used: u64) -> Value {
    json!({"limit": limit, "used": used, "left": limit.saturating_sub(used)})
}

fn dollars(limit: f64, used: f64) -> Value {
    json!({"limit": limit, "used": cents(used), "left": cents((limit - used).max(0.0))})
}

/// To a hundredth of a cent: adding leaves digits behind that nobody reads.
fn cents(usd: f64) -> f64 {
    (usd * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Breaker, UnixNanos};
    use crate::store::Attempt;

    #[test]
    fn each_limit_is_shown_with_what_is_left() {
        let usage = Usage {
            usd_of_day: 0.1 + 0.2,
            usd_of_month: 250.0,
            usd_reserved: 0.5,
            pull_requests_of_hour: 2,
            pull_requests_of_day: 3,
            open_pull_requests: 4,
            open_by_repository: vec![("acme/shop".into(), 4)],
            fixes_of_window: 1,
            attempts: vec![Attempt { fix_id: "f-1".into(), usd: 0.25, calls: 3, uncached_tokens: 9_000 }],
            breaker: Some(Breaker {
                reason: "usage limits".into(),
                opened_at: UnixNanos::from_secs(1_795_608_000),
                until: UnixNanos::from_secs(1_796_083_200),
            }),
        };
        insta::assert_json_snapshot!(budgets(&Limits::default(), 1, &usage));
    }
}
