//! The learned rules in use, and people's decisions about them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::trial::Judge;
use super::{LearnError, draft};
use crate::classify::{Class, Rule, Rules};
use crate::model::{Decision, Fence, Fingerprint, ProposalStatus, RuleProposal, UnixNanos, Verdict};
use crate::store::{AuditEntry, ProposalEvidence, Sighting, Store};

/// Clusters that one step reads: with their traces and examples they are some megabytes. And all that a re-classification reads
/// of those that no rule knows: as many as a window can hold.
pub(super) const PAGE: u32 = 500;
const UNCLASSIFIED_MAX: u32 = 10_000;

/// How often it is looked what people decided at other replicas.
const FOLLOWED: Duration = Duration::from_secs(5);

/// A proposed rule with what speaks for it, and the rule itself where there is one that can be read.
#[derive(Debug)]
pub struct LearnedRule {
    /// What the store knows.
    pub evidence: ProposalEvidence,
    /// The rule.
    pub rule: Option<Rule>,
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Undecided {
    /// No rule of this id was proposed.
    #[error("no rule of this id was proposed")]
    Unknown,
    /// It cannot be said of a rule that stands there.
    #[error("the rule is {0}")]
    Status(ProposalStatus),
    /// It could not be written or carried out.
    #[error(transparent)]
    Failed(#[from] LearnError),
}

/// The learned rules; clones share them.
#[derive(Debug, Clone)]
pub struct Learned {
    store: Store,
    rules: Rules,
    /// One change at a time, so that of two none is carried out with the other's old rules; held across awaits, hence tokio's.
    changing: Arc<Mutex<()>>,
}

impl Learned {
    /// The learned rules of `store`, to be used through `rules`. Nothing is used before [`Learned::resume`].
    #[must_use]
    pub fn new(store: Store, rules: Rules) -> Self {
        Self { store, rules, changing: Arc::default() }
    }

    /// The same, of a leader: nothing is written by it once its term is over.
    pub(super) fn led_by(&self, fence: Fence) -> Self {
        Self { store: self.store.led_by(fence), ..self.clone() }
    }

    /// Puts what is approved into use after a start.
    ///
    /// # Errors
    ///
    /// [`LearnError`]; no learned rule is in use then.
    pub async fn resume(&self) -> Result<(), LearnError> {
        let _one_at_a_time = self.changing.lock().await;
        self.load().await.map(drop)
    }

    /// Puts into use what people decide at other replicas, some seconds later, until `stop` is cancelled.
    pub async fn follow(self, stop: CancellationToken) {
        let mut known = None;
        while stop.run_until_cancelled(tokio::time::sleep(FOLLOWED)).await.is_some() {
            let followed = async {
                let approved = self.store.approved_rules().await?;
                if known.replace(approved.clone()).is_none_or(|known| known != approved) {
                    self.resume().await?;
                }
                Ok::<_, LearnError>(())
            };
            if let Err(error) = followed.await {
                tracing::debug!("what other replicas learned is not known: {error}");
                known = None;
            }
        }
    }

    /// Puts every approved rule into use, in the order in which they were proposed; answers them. One that cannot be read,
    /// because another version kept it, is left out and told of.
    ///
    /// # Errors
    ///
    /// [`LearnError`]; the rules in use stay.
    async fn load(&self) -> Result<Vec<Rule>, LearnError> {
        let learned = self.approved().await?;
        let (rules, used) = (self.rules.clone(), learned.clone());
        // The automaton over all rules takes some milliseconds to build.
        let built = tokio::task::spawn_blocking(move || rules.set_learned(used));
        built.await.map_err(|_| LearnError::CutOff)??;
        Ok(learned)
    }

    /// The approved rules that can be read.
    async fn approved(&self) -> Result<Vec<Rule>, LearnError> {
        self.rules_of(|status| status == ProposalStatus::Approved).await
    }

    /// The rules that were proposed and are not in use: those that wait for people, and those that people did not want.
    pub(super) async fn not_in_use(&self) -> Result<Vec<Rule>, LearnError> {
        self.rules_of(|status| status != ProposalStatus::Approved).await
    }

    async fn rules_of(&self, wanted: impl Fn(ProposalStatus) -> bool) -> Result<Vec<Rule>, LearnError> {
        let mut learned = Vec::new();
        for proposal in self.store.proposals_with_rules().await?.into_iter().filter(|p| wanted(p.status)) {
            match draft::read(&proposal.rule) {
                Ok(rule) => learned.push(rule),
                Err(error) => tracing::warn!(rule = proposal.id, "a learned rule is not used: {error}"),
            }
        }
        Ok(learned)
    }

    /// How many rules the catalogue has.
    #[must_use]
    pub fn catalogue_rules(&self, learned: &[LearnedRule]) -> usize {
        let current = self.rules.current();
        let is_learned = |rule: &&Rule| {
            learned.iter().any(|learned| {
                let proposal = &learned.evidence.proposal;
                proposal.status == ProposalStatus::Approved && proposal.id == rule.id()
            })
        };
        current.rules().len() - current.rules().iter().filter(is_learned).count()
    }

    /// The proposed rules with what speaks for each, latest first.
    ///
    /// # Errors
    ///
    /// [`LearnError::Store`].
    pub async fn list(&self, limit: u32) -> Result<Vec<LearnedRule>, LearnError> {
        let proposals = self.store.proposals(limit).await?;
        let described = proposals.into_iter().map(|evidence| {
            let rule = draft::read(&evidence.proposal.rule).ok();
            LearnedRule { evidence, rule }
        });
        Ok(described.collect())
    }

    /// Takes a decision: writes it, puts the rules into use that are approved now, and gives the clusters that it concerns
    /// their verdict.
    ///
    /// # Errors
    ///
    /// [`Undecided`]. What is written by then stands, and is carried out at the next decision or start.
    pub async fn decide(
        &self,
        id: &str,
        decision: Decision,
        actor: &str,
        now: UnixNanos,
    ) -> Result<RuleProposal, Undecided> {
        let _one_at_a_time = self.changing.lock().await;
        let known = async || self.store.proposal(id).await.map_err(LearnError::from);
        let before = known().await?.ok_or(Undecided::Unknown)?;
        let decided = self.store.decide_proposal(id, decision, actor, now).await.map_err(LearnError::from)?;
        if !decided {
            return Err(Undecided::Status(before.status));
        }
        let changed = self.put_into_use(id).await?;
        let (action, outcome) = (decision.as_str(), format!("{changed} errors have another verdict"));
        let entry = AuditEntry { at: now, actor, action, subject: id, outcome: &outcome };
        self.store.audit(&entry).await.map_err(LearnError::from)?;
        Ok(known().await?.unwrap_or(before))
    }

    /// Puts what is approved now into use, and gives verdicts anew: to errors that no rule knew, and to those of rule `id`.
    async fn put_into_use(&self, id: &str) -> Result<usize, LearnError> {
        let learned = self.load().await?;
        let is_used = learned.iter().any(|rule| rule.id() == id);
        let mut changed = 0;
        if is_used {
            let mut last = None;
            for _ in 0..UNCLASSIFIED_MAX / PAGE {
                let page = self.store.sightings_of_rule(Verdict::NO_RULE, last.as_ref(), PAGE).await?;
                let Some(next) = page.last() else { break };
                last = Some(next.clone());
                changed += self.judge_anew(&learned, page).await?.len();
            }
        } else {
            loop {
                let page = self.store.sightings_of_rule(id, None, PAGE).await?;
                if page.is_empty() {
                    break;
                }
                changed += self.judge_anew(&learned, page).await?.len();
            }
        }
        Ok(changed)
    }

    /// Gives clusters of a window that is over their verdict anew, here and in the store: a record that was read through the
    /// rules before a decision may have been committed after it. `asked_about` names the errors that rules were proposed for.
    pub(super) async fn mend(
        &self,
        window: &mut [Sighting],
        asked_about: &HashSet<Fingerprint>,
    ) -> Result<(), LearnError> {
        let _one_at_a_time = self.changing.lock().await;
        let ids: HashSet<_> = asked_about.iter().copied().map(RuleProposal::id_for).collect();
        let learned = self.approved().await?;
        let is_stale = |sighting: &&Sighting| {
            let rule = &*sighting.verdict.rule;
            rule == Verdict::NO_RULE || (ids.contains(rule) && learned.iter().all(|known| known.id() != rule))
        };
        let stale = window.iter().filter(is_stale).cloned().collect();
        let changed = self.judge_anew(&learned, stale).await?;
        for sighting in window {
            if let Some(verdict) = changed.get(&sighting.fingerprint) {
                sighting.verdict = verdict.clone();
            }
        }
        Ok(())
    }

    /// Writes the verdict of the learned rules, or that of errors that no rule knows, to clusters that have another one.
    /// Answers which those were.
    async fn judge_anew(
        &self,
        learned: &[Rule],
        sightings: Vec<Sighting>,
    ) -> Result<HashMap<Fingerprint, Verdict>, LearnError> {
        let learned = learned.to_vec();
        let judged = tokio::task::spawn_blocking(move || judge(learned, sightings));
        let mut changed = HashMap::new();
        for (sighting, verdict) in judged.await.map_err(|_| LearnError::CutOff)?? {
            if self.store.reclassify(sighting.fingerprint, &sighting.verdict.rule, &verdict).await? {
                changed.insert(sighting.fingerprint, verdict);
            }
        }
        Ok(changed)
    }
}

/// The clusters whose verdict by the learned rules is of another rule than theirs.
fn judge(learned: Vec<Rule>, sightings: Vec<Sighting>) -> Result<Vec<(Sighting, Verdict)>, LearnError> {
    let mut judge = Judge::new(learned)?;
    let verdict = |sighting: Sighting| {
        let verdict = judge.verdict(&sighting).unwrap_or_else(|| verdict_of_no_rule(&sighting));
        (*verdict.rule != *sighting.verdict.rule).then_some((sighting, verdict))
    };
    Ok(sightings.into_iter().filter_map(verdict).collect())
}

/// What was said of the cluster before anything was learned.
fn verdict_of_no_rule(sighting: &Sighting) -> Verdict {
    Class::Unmatched.verdict(sighting.severity_number, sighting.has_in_app_frame)
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::classify::Catalogue;
    use crate::learn::draft::tests::{TEMPLATE, draft};
    use crate::model::{ClusterDetail, Delta, HeldBack, Sample, Severity, SeverityNumber, Way};
    use crate::store::{Batch, Settings};

    /// A record of the error, as it is committed with the verdict that it was read with.
    fn delta(byte: u8, verdict: Verdict) -> Delta {
        let body = "Ledger sheet 7 out of balance by 3 EUR".to_owned();
        Delta {
            fingerprint: Fingerprint::from_bytes([byte; 16]),
            count: 1,
            first_seen: UnixNanos(10),
            last_seen: UnixNanos(10),
            severity_number: SeverityNumber::ERROR,
            verdict,
            detail: Some(Arc::new(ClusterDetail { message: TEMPLATE.into(), ..ClusterDetail::default() })),
            samples: vec![Sample { body, ..Sample::default() }],
            held: HeldBack::default(),
            passages: Vec::new(),
        }
    }

    async fn commit(store: &Store, digest: u8, delta: Delta) {
        let batch = Batch {
            digest: [digest; 16],
            received: UnixNanos(10),
            way: Way::Sent,
            known_hole: UnixNanos::default(),
            deltas: vec![delta],
            moves: Vec::new(),
        };
        store.commit(batch).await.unwrap();
    }

    async fn rule_of(store: &Store, byte: u8) -> String {
        store.cluster(Fingerprint::from_bytes([byte; 16])).await.unwrap().unwrap().verdict.rule.to_string()
    }

    /// A record can be read through the rules of before a decision and be committed after it.
    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    async fn verdicts_of_records_that_were_under_way_are_mended_at_the_windows_end() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::sqlite(folder.path().join("test.db"));
        let (store, writer) = Store::open(&settings, || UnixNanos(1)).await.unwrap();
        tokio::spawn(writer.run(CancellationToken::new()));
        let rules = Rules::new(Catalogue::of(std::iter::empty())).unwrap();
        let learned = Learned::new(store.clone(), rules.clone());
        let unknown = || Class::Unmatched.verdict(SeverityNumber::FATAL, false);
        commit(&store, 1, delta(1, unknown())).await;

        let fingerprint = Fingerprint::from_bytes([1; 16]);
        let id = RuleProposal::id_for(fingerprint);
        assert!(store.claim_proposal(fingerprint, "m", 0.0, UnixNanos(20)).await.unwrap());
        let drafted = draft(&["Ledger sheet", "out of balance by"]).into_rule(&id, TEMPLATE).unwrap();
        let claimed = store.proposal(&id).await.unwrap().unwrap();
        let status = ProposalStatus::Proposed;
        store.settle_proposal(&RuleProposal { rule: drafted.toml, status, ..claimed }).await.unwrap();
        learned.decide(&id, Decision::Approve, "api", UnixNanos(30)).await.unwrap();
        assert_eq!((rules.current().rules().len(), rule_of(&store, 1).await), (1, id.clone()));

        // Under way: graver than what the rule says, so it stands until the window is over.
        commit(&store, 2, delta(1, unknown())).await;
        assert_eq!(rule_of(&store, 1).await, Verdict::NO_RULE);
        let asked_about = HashSet::from([fingerprint]);
        let window = store.close_window(UnixNanos(40)).await.unwrap().start;
        let mut sightings = store.window_sightings(window, None, PAGE).await.unwrap();
        learned.mend(&mut sightings, &asked_about).await.unwrap();
        assert_eq!(rule_of(&store, 1).await, id);
        assert_eq!(&*sightings[0].verdict.rule, id);

        learned.decide(&id, Decision::Revoke, "api", UnixNanos(50)).await.unwrap();
        assert_eq!((rules.current().rules().len(), rule_of(&store, 1).await), (0, Verdict::NO_RULE.into()));
        let of_rule = Verdict { severity: Severity::Critical, ..drafted.rule.verdict() };
        commit(&store, 3, delta(2, of_rule)).await;
        let window = store.close_window(UnixNanos(60)).await.unwrap().start;
        learned
            .mend(&mut store.window_sightings(window, None, PAGE).await.unwrap(), &asked_about)
            .await
            .unwrap();
        assert_eq!(rule_of(&store, 2).await, Verdict::NO_RULE);

        // What was approved is put into use by the next process.
        learned.decide(&id, Decision::Approve, "api", UnixNanos(70)).await.unwrap();
        let rules = Rules::new(Catalogue::of(std::iter::empty())).unwrap();
        Learned::new(store, rules.clone()).resume().await.unwrap();
        assert_eq!(rules.current().rules()[0].id(), id);
    }
}
