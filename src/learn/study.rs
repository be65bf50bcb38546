//! What is done at a window's end: the most frequent error that no rule knows is asked about, once.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::budget::{self, Spent};
use super::draft::{Draft, Drafted};
use super::learned::PAGE;
use super::question::{Asker, MODEL, Question};
use super::trial::Judge;
use super::{LearnError, Learned, Mode, Undecided};
use crate::classify::Line;
use crate::claude::ClaudeError;
use crate::leader::Leadership;
use crate::model::{Decision, Fingerprint, ProposalStatus, RuleProposal, SeverityNumber, UnixNanos, Verdict};
use crate::purse::{Purse, PurseError};
use crate::store::{AuditEntry, Sighting, Store};

const DAY_SECS: u64 = 86_400;

/// Rests before a page of the trial is asked for again.
const RESTS: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(2), Duration::from_secs(10)];

/// Learns from windows that are over.
#[derive(Debug, Clone)]
pub struct Study {
    store: Store,
    learned: Learned,
    /// Who is asked; nobody where learning is off or there is no key.
    asker: Option<Asker>,
    /// Whether what passes is used at once.
    at_once: bool,
    /// Who pays for questions.
    purse: Purse,
    /// Lines that no rule may match.
    must_not_match: Arc<[Line]>,
}

impl Study {
    /// A study over `store` whose questions are paid from `purse`. Without an `asker` verdicts are mended and nothing is asked.
    #[must_use]
    pub fn new(
        store: Store,
        learned: Learned,
        asker: Option<Asker>,
        mode: Mode,
        purse: Purse,
        must_not_match: Arc<[Line]>,
    ) -> Self {
        let asker = asker.filter(|_| mode != Mode::Off);
        Self { store, learned, asker, at_once: mode == Mode::Auto, purse, must_not_match }
    }

    /// The same, of a leader: nothing is written by it once its term is over.
    pub(super) fn led_by(&self, leadership: &Leadership) -> Self {
        Self {
            store: self.store.led_by(leadership.fence()),
            learned: self.learned.led_by(leadership.fence()),
            purse: self.purse.led_by(leadership.fence()),
            ..self.clone()
        }
    }

    /// Gives back the claims that an earlier leader left in the middle, by a crash or a stop.
    ///
    /// # Errors
    ///
    /// [`LearnError::Store`].
    pub(super) async fn resume(&self) -> Result<(), LearnError> {
        Ok(self.store.release_interrupted_proposals().await.map(drop)?)
    }

    /// Studies the latest window that is over, at `now`.
    ///
    /// # Errors
    ///
    /// [`LearnError`]; the next window is studied all the same.
    pub(super) async fn study(&self, now: UnixNanos) -> Result<(), LearnError> {
        let Some(window) = self.store.latest_closed_window().await? else { return Ok(()) };
        let asked_about: HashSet<_> = self.store.asked_about().await?.into_iter().collect();
        if asked_about.is_empty() && self.asker.is_none() {
            return Ok(());
        }
        let own = self.mend_and_choose(window, Arc::new(asked_about)).await?;
        let (Some(asker), Some(own)) = (&self.asker, own) else { return Ok(()) };
        let question = Question::about(&own);
        let fingerprint = own.fingerprint;
        if let Err(exceeded) = budget::allow(question.usd_max(), &self.spent(now).await?) {
            tracing::warn!(%fingerprint, "no rule is asked for: {exceeded}");
            return Ok(());
        }
        if self.store.claim_proposal(fingerprint, MODEL, question.usd_max(), now).await? {
            self.ask(asker, &question, own, window, now).await?;
        }
        Ok(())
    }

    /// Gives the errors of a window their verdicts anew; answers which one to ask about. What a rule would match that waits for
    /// people, or that they did not want, is not asked about: the same message of another service is another error, but the
    /// answer is there.
    async fn mend_and_choose(
        &self,
        window: UnixNanos,
        asked_about: Arc<HashSet<Fingerprint>>,
    ) -> Result<Option<Sighting>, LearnError> {
        let rules = self.learned.not_in_use().await?;
        let mut judge = off_thread(move || Judge::new(rules)).await??;
        let (mut chosen, mut last) = (None, None);
        loop {
            let mut page = self.store.window_sightings(window, last, PAGE).await?;
            let Some(end) = page.last() else { return Ok(chosen) };
            last = Some(end.fingerprint);
            self.learned.mend(&mut page, &asked_about).await?;
            if self.asker.is_some() {
                let asked_about = Arc::clone(&asked_about);
                let choosing = off_thread(move || {
                    let chosen = choose(&mut judge, &asked_about, page, chosen);
                    (judge, chosen)
                });
                (judge, chosen) = choosing.await?;
            }
        }
    }

    async fn spent(&self, now: UnixNanos) -> Result<Spent, LearnError> {
        let since = |secs| UnixNanos(now.0.saturating_sub(UnixNanos::from_secs(secs).0));
        let asked = self.store.asked_since(since(DAY_SECS)).await?;
        Ok(Spent { questions: asked.times, usd: asked.usd })
    }

    /// Asks about an error that is claimed, and writes down what came of it.
    async fn ask(
        &self,
        asker: &Asker,
        question: &Question,
        own: Sighting,
        window: UnixNanos,
        now: UnixNanos,
    ) -> Result<(), LearnError> {
        let fingerprint = own.fingerprint;
        let mut proposal = RuleProposal {
            id: RuleProposal::id_for(fingerprint),
            fingerprint,
            rule: String::new(),
            status: ProposalStatus::Refused,
            reason: String::new(),
            would_match: 0,
            model: MODEL.to_owned(),
            input_tokens: 0,
            output_tokens: 0,
            cost_usd: question.usd_max(),
            created_at: now,
            decided_at: None,
            decided_by: String::new(),
        };
        match asker.ask(question, &self.purse, &proposal.id).await {
            Ok(reply) => {
                proposal.input_tokens = reply.input_tokens;
                proposal.output_tokens = reply.output_tokens;
                proposal.cost_usd = reply.cost_usd;
                let tried = match reply.draft {
                    Ok(draft) => self.try_out(draft, proposal.id.clone(), own, window).await?,
                    Err(reason) => Err(reason),
                };
                match tried {
                    Ok((drafted, would_match)) => {
                        proposal.status = ProposalStatus::Proposed;
                        (proposal.rule, proposal.would_match) = (drafted.toml, would_match);
                    }
                    Err(reason) => proposal.reason = reason,
                }
            }
            // Asked again it would be answered the same, and it may have been paid for.
            Err(PurseError::Claude(error @ (ClaudeError::Refused { .. } | ClaudeError::Malformed(_)))) => {
                proposal.reason = error.to_string();
            }
            // The purse has said so; the error may be asked about another day.
            Err(PurseError::Exceeded(_)) => {
                return Ok(self.store.release_proposal(fingerprint).await?);
            }
            Err(error) => {
                self.store.release_proposal(fingerprint).await?;
                return Err(error.into());
            }
        }
        self.store.settle_proposal(&proposal).await?;
        self.tell(&proposal, now).await?;
        if self.at_once && proposal.status == ProposalStatus::Proposed {
            self.use_at_once(&proposal.id, now).await?;
        }
        Ok(())
    }

    /// The rule of a draft and how many errors it matches, or why it is refused.
    async fn try_out(
        &self,
        draft: Draft,
        id: String,
        own: Sighting,
        window: UnixNanos,
    ) -> Result<Result<(Drafted, u64), String>, LearnError> {
        let (must_not_match, fingerprint) = (Arc::clone(&self.must_not_match), own.fingerprint);
        let tried = off_thread(move || {
            let drafted = draft.into_rule(&id, &own.message).map_err(refused)?;
            let mut judge = Judge::new(vec![drafted.rule.clone()]).map_err(refused)?;
            judge.try_on_own(&own, &must_not_match).map_err(refused)?;
            Ok((drafted, judge))
        });
        let (drafted, mut judge) = match tried.await? {
            Ok(tried) => tried,
            Err(reason) => return Ok(Err(reason)),
        };
        let (mut siblings, mut last) = (0, None);
        loop {
            let page = self.page(window, last).await?;
            let Some(end) = page.last() else { return Ok(Ok((drafted, siblings + 1))) };
            last = Some(end.fingerprint);
            let tried = off_thread(move || {
                let tried = judge.try_on_others(fingerprint, &page, siblings).map_err(refused);
                (judge, tried)
            });
            let tried = tried.await?;
            judge = tried.0;
            match tried.1 {
                Ok(found) => siblings = found,
                Err(reason) => return Ok(Err(reason)),
            }
        }
    }

    /// A page of a window's errors. The answer that they try out is paid for, so a store that fails is asked again.
    async fn page(&self, window: UnixNanos, last: Option<Fingerprint>) -> Result<Vec<Sighting>, LearnError> {
        for rest in RESTS {
            if let Ok(page) = self.store.window_sightings(window, last, PAGE).await {
                return Ok(page);
            }
            tokio::time::sleep(rest).await;
        }
        Ok(self.store.window_sightings(window, last, PAGE).await?)
    }

    async fn tell(&self, proposal: &RuleProposal, now: UnixNanos) -> Result<(), LearnError> {
        let outcome = match proposal.status {
            ProposalStatus::Refused => format!("refused: {}", proposal.reason),
            status => format!("{status}: it matches {} errors", proposal.would_match),
        };
        tracing::info!(rule = proposal.id, cost_usd = proposal.cost_usd, "a rule was asked for: {outcome}");
        let entry = AuditEntry {
            at: now,
            actor: "logmend",
            action: "propose_rule",
            subject: &proposal.id,
            outcome: &outcome,
        };
        Ok(self.store.audit(&entry).await?)
    }

    async fn use_at_once(&self, id: &str, now: UnixNanos) -> Result<(), LearnError> {
        match self.learned.decide(id, Decision::Approve, "logmend", now).await {
            Err(Undecided::Failed(error)) => Err(error),
            // Where it is not in a state to be approved any more, people were faster.
            Ok(_) | Err(Undecided::Unknown | Undecided::Status(_)) => Ok(()),
        }
    }
}

fn refused(error: impl std::error::Error) -> String {
    error.to_string().replace('\n', "; ")
}

/// Runs what reads hundreds of clusters with their examples, some milliseconds or more.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LearnError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| LearnError::CutOff)
}

/// Of these errors, and the one that was chosen before, the most frequent that is at ERROR or above, of no rule, was not asked
/// about, and that none of the judge's rules matches. The fingerprint settles ties.
fn choose(
    judge: &mut Judge,
    asked_about: &HashSet<Fingerprint>,
    errors: Vec<Sighting>,
    before: Option<Sighting>,
) -> Option<Sighting> {
    let rank = |sighting: &Sighting| (Reverse(sighting.count), sighting.fingerprint);
    let is_unknown = |sighting: &Sighting| {
        *sighting.verdict.rule == *Verdict::NO_RULE
            && sighting.severity_number >= SeverityNumber::ERROR
            && !asked_about.contains(&sighting.fingerprint)
            && before.as_ref().is_none_or(|before| rank(sighting) < rank(before))
    };
    let mut unknown: Vec<_> = errors.into_iter().filter(is_unknown).collect();
    unknown.sort_by_key(rank);
    unknown.into_iter().find(|sighting| judge.verdict(sighting).is_none()).or(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::trial::tests::sighting;

    #[test]
    fn the_most_frequent_errors_that_nobody_was_asked_about_come_first() {
        let of = |id, count, rule, number| {
            let mut sighting = sighting(id, rule, number, &[]);
            sighting.count = count;
            sighting
        };
        let none = Verdict::NO_RULE;
        let window = [
            of(1, 90, "redis-down", 17),
            of(2, 80, none, 13),
            of(3, 70, none, 17),
            of(5, 7, none, 21),
            of(4, 7, none, 17),
        ];
        let chosen = |asked_about: &[u8], before: Option<usize>| {
            let mut judge = Judge::new(Vec::new()).unwrap();
            let asked_about = asked_about.iter().map(|id| Fingerprint::from_bytes([*id; 16])).collect();
            let before = before.map(|place| window[place].clone());
            let chosen = choose(&mut judge, &asked_about, window.to_vec(), before);
            chosen.map(|chosen| chosen.fingerprint.as_bytes()[0])
        };
        assert_eq!(chosen(&[], None), Some(3));
        assert_eq!(chosen(&[3], None), Some(4));
        assert_eq!(chosen(&[3, 4], None), Some(5));
        assert_eq!(chosen(&[3, 4, 5], None), None);
        assert_eq!(chosen(&[3, 4, 5], Some(2)), Some(3), "one of an earlier page");
        assert_eq!(chosen(&[], Some(4)), Some(3));
        assert_eq!(chosen(&[], Some(0)), Some(1), "a more frequent one of an earlier page stays");
    }
}
