//! The rules: how many the catalogue has, which were learned, and people's decisions about those.

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::access::Caller;
use super::error::Problem;
use super::openapi::{self, Changing, Problems, Unhandled};
use super::query::In;
use crate::learn::{LearnedRule, Undecided};
use crate::model::{Decision, ProposalStatus};

/// Proposed rules that are listed, latest first.
const LISTED_MAX: u32 = 1_000;

type Answer = Result<Json<Value>, Problem>;

#[utoipa::path(get, path = "/error-monitor/rules", tag = "rules", responses((status = 200, description = "The rules", body = openapi::Rules), Problems, Unhandled))]
pub(super) async fn list(State(state): State<super::State>) -> Answer {
    let rules = state.learned.list(LISTED_MAX).await?;
    let of = |status: &[ProposalStatus]| -> Vec<_> {
        rules.iter().filter(|rule| status.contains(&rule.evidence.proposal.status)).map(shown).collect()
    };
    Ok(Json(json!({
        "learn": state.setup.learn.as_str(),
        "catalogue_rules": state.learned.catalogue_rules(&rules),
        "learned": of(&[ProposalStatus::Approved]),
        "proposed": of(&[ProposalStatus::Proposed]),
        "set_aside": of(&[ProposalStatus::Asking, ProposalStatus::Rejected, ProposalStatus::Refused]),
    })))
}

/// A proposed rule with what speaks for it; what it says and asks for only where there is one.
fn shown(learned: &LearnedRule) -> Value {
    let LearnedRule { evidence, rule } = learned;
    let proposal = &evidence.proposal;
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut shown = json!({
        "id": proposal.id,
        "status": proposal.status,
        "reason": some(&proposal.reason),
        "error_id": proposal.fingerprint,
        "service": evidence.service,
        "template": evidence.template,
        "count": evidence.count,
        "rule": some(&proposal.rule),
        "would_match": proposal.would_match,
        "classified": evidence.classified,
        "model": proposal.model,
        "input_tokens": proposal.input_tokens,
        "output_tokens": proposal.output_tokens,
        "cost_usd": proposal.cost_usd,
        "created_at": proposal.created_at,
        "decided_at": proposal.decided_at,
        "decided_by": some(&proposal.decided_by),
    });
    if let Some(rule) = rule {
        let literals: Vec<_> = rule.conditions().all.iter().map(|literal| &literal.text).collect();
        shown["category"] = json!(rule.category());
        shown["severity"] = json!(rule.severity());
        shown["fixable"] = json!(rule.fixable());
        shown["suggested_fix"] = json!(rule.suggested_fix());
        shown["literals"] = json!(literals);
    }
    shown
}

#[utoipa::path(post, path = "/error-monitor/rules/{id}/approve", tag = "rules", params(("id" = String, Path, description = "The id of a proposed rule")), responses((status = 200, description = "The rule as it stands now", body = openapi::Decided), Changing, Problems, Unhandled))]
pub(super) async fn approve(state: State<super::State>, caller: Extension<Caller>, id: In<String>) -> Answer {
    decide(state, caller, id, Decision::Approve).await
}

#[utoipa::path(post, path = "/error-monitor/rules/{id}/reject", tag = "rules", params(("id" = String, Path, description = "The id of a proposed rule")), responses((status = 200, description = "The rule as it stands now", body = openapi::Decided), Changing, Problems, Unhandled))]
pub(super) async fn reject(state: State<super::State>, caller: Extension<Caller>, id: In<String>) -> Answer {
    decide(state, caller, id, Decision::Reject).await
}

#[utoipa::path(post, path = "/error-monitor/rules/{id}/revoke", tag = "rules", params(("id" = String, Path, description = "The id of a proposed rule")), responses((status = 200, description = "The rule as it stands now", body = openapi::Decided), Changing, Problems, Unhandled))]
pub(super) async fn revoke(state: State<super::State>, caller: Extension<Caller>, id: In<String>) -> Answer {
    decide(state, caller, id, Decision::Revoke).await
}

async fn decide(
    State(state): State<super::State>,
    Extension(caller): Extension<Caller>,
    In(id): In<String>,
    decision: Decision,
) -> Answer {
    match state.learned.decide(&id, decision, &caller.actor(), (state.clock)()).await {
        Ok(proposal) => Ok(Json(json!({"id": proposal.id, "status": proposal.status}))),
        Err(Undecided::Unknown) => Err(Problem::not_found(
            "there is no proposed rule of this id; GET /error-monitor/rules lists them",
        )),
        Err(Undecided::Status(status)) => {
            let from = decision.applies_to().iter().map(|status| status.as_str()).collect::<Vec<_>>();
            Err(Problem::conflict(format!(
                "the rule is {status}; this is for one that is {}",
                from.join(" or ")
            )))
        }
        Err(Undecided::Failed(error)) => Err(error.into()),
    }
}
