//! Proposed rules and outcomes in the store.

use super::*;
use crate::model::{Allowance, Decision, Outcome, ProposalStatus, RuleProposal};

fn unclassified(byte: u8, severity_number: SeverityNumber) -> Delta {
    let verdict = Verdict { rule: Verdict::NO_RULE.into(), severity: Severity::Medium, ..verdict() };
    Delta { severity_number, verdict, ..delta(byte, 3, 500) }
}

fn verdict() -> Verdict {
    delta(0, 1, 1).verdict
}

async fn proposed(store: &Store, byte: u8) -> RuleProposal {
    assert!(store.claim_proposal(id(byte), "claude-haiku-5-5", 0.01, UnixNanos(600)).await.unwrap());
    let proposal = RuleProposal {
        rule: "[[rule]]".into(),
        status: ProposalStatus::Proposed,
        would_match: 2,
        input_tokens: 900,
        output_tokens: 100,
        cost_usd: 0.001,
        ..store.proposal(&RuleProposal::id_for(id(byte))).await.unwrap().unwrap()
    };
    store.settle_proposal(&proposal).await.unwrap();
    proposal
}

/// Listed are errors at ERROR or above that no rule knows, and they are counted.
async fn unclassified_errors_are_listed_and_counted(on: On) {
    let store = Running::start(on).await;
    let deltas =
        vec![delta(1, 2, 500), unclassified(2, SeverityNumber::ERROR), unclassified(3, SeverityNumber::WARN)];
    store.store.commit(batch(1, deltas)).await.unwrap();
    let filter = ClusterFilter { unclassified: true, ..ClusterFilter::default() };
    let listed = store.store.clusters(filter).await.unwrap();
    assert_eq!(listed.iter().map(|cluster| cluster.fingerprint).collect::<Vec<_>>(), [id(2)]);
    assert_eq!(store.store.summary().await.unwrap().unclassified, 1);
    assert_eq!(store.store.clusters(ClusterFilter::default()).await.unwrap().len(), 3);
}

/// Each error is asked about once; what asking may cost is set aside before and corrected after, within the budgets of fixes.
async fn an_error_is_claimed_once_and_its_cost_is_counted(on: On) {
    let mut running = Running::start(on).await;
    let store = &running.store;
    store.commit(batch(1, vec![unclassified(2, SeverityNumber::ERROR)])).await.unwrap();
    let asked = async |store: &Store| store.asked_since(UnixNanos(550)).await.unwrap();
    assert!(store.claim_proposal(id(2), "m", 0.01, UnixNanos(600)).await.unwrap());
    assert!(!store.claim_proposal(id(2), "m", 0.01, UnixNanos(601)).await.unwrap(), "a second claim");
    assert_eq!(asked(store).await, Asked { times: 1, usd: 0.01 });
    store.release_proposal(id(2)).await.unwrap();
    assert_eq!(asked(store).await, Asked::default());

    let settled = proposed(store, 2).await;
    assert_eq!(asked(store).await, Asked { times: 1, usd: 0.001 });
    store.release_proposal(id(2)).await.unwrap();
    assert!(store.claim_proposal(id(3), "m", 0.01, UnixNanos(600)).await.unwrap());

    running = running.reopen().await;
    assert_eq!(running.store.release_interrupted_proposals().await.unwrap(), 1);
    assert_eq!(running.store.proposal(&settled.id).await.unwrap(), Some(settled));
    assert_eq!(running.store.asked_about().await.unwrap(), [id(2)], "the other may be asked about again");
}

async fn decisions_apply_in_the_states_that_they_can_be_said_of(on: On) {
    use Decision::{Approve, Reject, Revoke};
    let running = Running::start(on).await;
    let store = &running.store;
    let proposal = proposed(store, 2).await;
    for (decision, applies, status) in [
        (Revoke, false, ProposalStatus::Proposed),
        (Approve, true, ProposalStatus::Approved),
        (Approve, false, ProposalStatus::Approved),
        (Reject, false, ProposalStatus::Approved),
        (Revoke, true, ProposalStatus::Rejected),
        (Approve, true, ProposalStatus::Approved),
    ] {
        let applied = store.decide_proposal(&proposal.id, decision, "api", UnixNanos(700)).await.unwrap();
        let now = store.proposal(&proposal.id).await.unwrap().unwrap();
        assert_eq!((applied, now.status), (applies, status), "{decision:?}");
    }
    let approved = store.proposals_with_rules().await.unwrap();
    assert_eq!(approved.len(), 1);
    assert_eq!((approved[0].decided_by.as_str(), approved[0].decided_at), ("api", Some(UnixNanos(700))));
    assert!(!store.decide_proposal("learned-none", Approve, "api", UnixNanos(700)).await.unwrap());
}

/// What a rule learned later says of a cluster is written to it, unless another rule took it meanwhile.
async fn a_cluster_gets_another_verdict(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    store.commit(batch(1, vec![unclassified(2, SeverityNumber::ERROR)])).await.unwrap();
    let learned = Verdict { rule: "learned-020202020202".into(), severity: Severity::Low, ..verdict() };
    assert!(store.reclassify(id(2), Verdict::NO_RULE, &learned).await.unwrap());
    assert!(!store.reclassify(id(2), Verdict::NO_RULE, &verdict()).await.unwrap());
    let found = store.sightings_of_rule(&learned.rule, None, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].verdict, found[0].severity_number), (&learned, SeverityNumber::ERROR));
    proposed(store, 2).await;
    let evidence = store.proposals(10).await.unwrap();
    assert_eq!((evidence[0].classified, evidence[0].count, evidence[0].template.as_str()), (1, 3, "no <*>"));

    let closed = store.close_window(UnixNanos(900)).await.unwrap();
    assert_eq!(store.latest_closed_window().await.unwrap(), Some(closed.start));
    assert_eq!(store.window_sightings(closed.start, None, 10).await.unwrap(), found);
}

/// What rules are judged by comes in pages, with the examples of each.
async fn sightings_come_in_pages(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let deltas = (1..=5).map(|byte| {
        let delta = unclassified(byte, SeverityNumber::ERROR);
        // Three were seen last at the same time.
        Delta { last_seen: UnixNanos(500 + u64::from(byte / 4)), ..delta }
    });
    store.commit(batch(1, deltas.collect())).await.unwrap();
    let window = store.close_window(UnixNanos(900)).await.unwrap().start;
    let (mut of_window, mut of_rule) = (Vec::new(), Vec::<Sighting>::new());
    loop {
        let after = of_window.last().map(|sighting: &Sighting| sighting.fingerprint);
        let page = store.window_sightings(window, after, 2).await.unwrap();
        let rule = store.sightings_of_rule(Verdict::NO_RULE, of_rule.last(), 2).await.unwrap();
        assert_eq!(page.len(), rule.len());
        if page.is_empty() {
            break;
        }
        of_window.extend(page);
        of_rule.extend(rule);
    }
    let ids = |found: &[Sighting]| found.iter().map(|one| one.fingerprint.as_bytes()[0]).collect::<Vec<_>>();
    assert_eq!((ids(&of_window), ids(&of_rule)), (vec![1, 2, 3, 4, 5], vec![4, 5, 1, 2, 3]));
    assert!(of_window.iter().all(|one| one.examples.len() == 1), "{of_window:?}");
}

async fn ends_of_pull_requests_are_read_back_with_what_people_allowed(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    store.commit(batch(1, vec![delta(1, 1, 500), delta(2, 1, 501)])).await.unwrap();
    for byte in [1, 2] {
        let cluster = store.cluster(id(byte)).await.unwrap().unwrap();
        let mut fix = store.claim_fix(&cluster, UnixNanos(600)).await.unwrap().unwrap();
        (fix.status, fix.branch) = (FixStatus::Draft, "logmend/internal_error/x".into());
        store.update_fix(&fix).await.unwrap();
    }
    let open = store.fixes_with_open_pull_requests().await.unwrap();
    assert_eq!(open.len(), 2);
    assert!(store.observe_pull_request(&open[0].id, FixStatus::Ready, None).await.unwrap());
    assert!(store.observe_pull_request(&open[0].id, FixStatus::Merged, Some(UnixNanos(900))).await.unwrap());
    assert!(!store.observe_pull_request(&open[0].id, FixStatus::Closed, None).await.unwrap(), "it has ended");
    assert!(store.observe_pull_request(&open[1].id, FixStatus::Closed, Some(UnixNanos(800))).await.unwrap());
    let outcome = |n: usize, merged, ended_at, last_seen| Outcome {
        fix_id: open[n].id.clone(),
        service: "checkout".into(),
        category: Category::INTERNAL_ERROR,
        merged,
        ended_at: UnixNanos(ended_at),
        last_seen: UnixNanos(last_seen),
    };
    assert_eq!(store.outcomes().await.unwrap(), [outcome(1, false, 800, 501), outcome(0, true, 900, 500)]);
    assert_eq!(store.usage(UnixNanos(900)).await.unwrap().open_pull_requests, 0);

    let mut allowance = Allowance {
        service: "checkout".into(),
        category: Category::INTERNAL_ERROR,
        allowed_at: UnixNanos(1),
        allowed_by: "api".into(),
    };
    store.allow(&allowance).await.unwrap();
    allowance.allowed_at = UnixNanos(2);
    store.allow(&allowance).await.unwrap();
    assert_eq!(store.allowances().await.unwrap(), [allowance]);
}

on_each! {
    sightings_come_in_pages,
    unclassified_errors_are_listed_and_counted,
    an_error_is_claimed_once_and_its_cost_is_counted,
    decisions_apply_in_the_states_that_they_can_be_said_of,
    a_cluster_gets_another_verdict,
    ends_of_pull_requests_are_read_back_with_what_people_allowed,
}
