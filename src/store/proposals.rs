//! Proposed rules: the claim that has each error asked about once, what came of it, and what people decided.

use super::engine::{Row, sql};
use super::{Store, StoreError};
use crate::model::{Decision, Fingerprint, ProposalStatus, RuleProposal, UnixNanos};

/// A proposed rule with what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalEvidence {
    /// The rule.
    pub proposal: RuleProposal,
    /// The service of the error that it was proposed for.
    pub service: String,
    /// The error's message with what varies masked.
    pub template: String,
    /// How often the error was seen.
    pub count: u64,
    /// How many errors have their verdict of this rule now.
    pub classified: u64,
}

/// What asking for rules has used up since a point in time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Asked {
    /// How many errors were asked about.
    pub times: u64,
    /// US dollars.
    pub usd: f64,
}

impl Store {
    /// The latest window that is closed; `None` before the first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn latest_closed_window(&self) -> Result<Option<UnixNanos>, StoreError> {
        self.database
            .one(sql("SELECT max(start) FROM \"window\" WHERE closed_at IS NOT NULL"))
            .await
            .and_then(|row| row.time_or_none(0))
            .map_err(StoreError::while_doing("reading the latest window"))
    }

    /// Claims an error to ask about, and sets aside what the answer may cost at most. False where it was asked about before,
    /// whatever came of it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn claim_proposal(
        &self,
        fingerprint: Fingerprint,
        model: &str,
        usd_max: f64,
        now: UnixNanos,
    ) -> Result<bool, StoreError> {
        self.database.execute(sql(
            "INSERT INTO rule_proposal (id, fingerprint, rule, status, reason, would_match, model, input_tokens,
               output_tokens, cost_usd, created_at, decided_by)
             VALUES ($1, $2, '', 'asking', '', 0, $3, 0, 0, $4, $5, '') ON CONFLICT DO NOTHING",
        )
        .bind(RuleProposal::id_for(fingerprint))
        .bind(fingerprint.to_string())
        .bind(model)
        .bind(usd_max)
        .bind(now.to_i64()))
        .await
        .map(|done| done == 1)
        .map_err(StoreError::while_doing("claiming an error to ask about"))
    }

    /// Gives a claim back: nothing was answered, and the error may be asked about again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn release_proposal(&self, fingerprint: Fingerprint) -> Result<(), StoreError> {
        self.database
            .execute(
                sql("DELETE FROM rule_proposal WHERE fingerprint = $1 AND status = 'asking'")
                    .bind(fingerprint.to_string()),
            )
            .await
            .map(drop)
            .map_err(StoreError::while_doing("giving a claim back"))
    }

    /// Writes what came of a claim.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn settle_proposal(&self, proposal: &RuleProposal) -> Result<(), StoreError> {
        self.database.execute(sql(
            "UPDATE rule_proposal SET rule = $2, status = $3, reason = $4, would_match = $5, model = $6,
               input_tokens = $7, output_tokens = $8, cost_usd = $9, decided_at = $10, decided_by = $11
             WHERE id = $1 AND status = 'asking'",
        )
        .bind(&proposal.id)
        .bind(&proposal.rule)
        .bind(proposal.status.as_str())
        .bind(&proposal.reason)
        .bind(i64::try_from(proposal.would_match).unwrap_or(i64::MAX))
        .bind(&proposal.model)
        .bind(i64::try_from(proposal.input_tokens).unwrap_or(i64::MAX))
        .bind(i64::try_from(proposal.output_tokens).unwrap_or(i64::MAX))
        .bind(proposal.cost_usd)
        .bind(proposal.decided_at.map(UnixNanos::to_i64))
        .bind(&proposal.decided_by))
        .await
        .map(drop)
        .map_err(StoreError::while_doing("writing a proposed rule"))
    }

    /// Gives the claims back that an earlier process left in the middle, by a crash or a stop. What such a question cost, less
    /// than a cent, is known to nobody and counted nowhere.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn release_interrupted_proposals(&self) -> Result<u64, StoreError> {
        self.database
            .execute(sql("DELETE FROM rule_proposal WHERE status = 'asking'"))
            .await
            .map_err(StoreError::while_doing("giving interrupted claims back"))
    }

    /// Writes a decision. False where the rule is not in a state that it can be said of.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn decide_proposal(
        &self,
        id: &str,
        decision: Decision,
        by: &str,
        now: UnixNanos,
    ) -> Result<bool, StoreError> {
        let from = decision.applies_to();
        self.database.execute(sql(
            "UPDATE rule_proposal SET status = $2, decided_at = $3, decided_by = $4 WHERE id = $1 AND status IN ($5, $6)",
        )
        .bind(id)
        .bind(decision.leads_to().as_str())
        .bind(now.to_i64())
        .bind(by)
        .bind(from.first().map(|status| status.as_str()))
        .bind(from.get(1).map(|status| status.as_str())))
        .await
        .map(|done| done == 1)
        .map_err(StoreError::while_doing("deciding on a proposed rule"))
    }

    /// The errors that were asked about, whatever came of it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn asked_about(&self) -> Result<Vec<Fingerprint>, StoreError> {
        let rows = self.database.fetch(sql("SELECT fingerprint FROM rule_proposal")).await;
        let rows = rows.map_err(StoreError::while_doing("reading proposed rules"))?;
        rows.iter().map(fingerprint).collect()
    }

    /// The ids of the approved rules: which are in use.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn approved_rules(&self) -> Result<Vec<String>, StoreError> {
        let failed = StoreError::while_doing("reading approved rules");
        let rows =
            self.database.fetch("SELECT id FROM rule_proposal WHERE status = 'approved' ORDER BY id").await;
        rows.map_err(&failed)?.iter().map(|row| row.text(0)).collect::<Result<_, _>>().map_err(failed)
    }

    /// One proposed rule.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn proposal(&self, id: &str) -> Result<Option<RuleProposal>, StoreError> {
        let row = self.database.optional(sql("SELECT * FROM rule_proposal WHERE id = $1").bind(id)).await;
        row.map_err(StoreError::while_doing("reading a proposed rule"))?.as_ref().map(read).transpose()
    }

    /// The proposals of which a rule came, whatever people decided, earliest first: the order in which rules are tried.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn proposals_with_rules(&self) -> Result<Vec<RuleProposal>, StoreError> {
        let rows = self
            .database
            .fetch(sql("SELECT * FROM rule_proposal WHERE rule <> '' ORDER BY created_at, id"))
            .await;
        rows.map_err(StoreError::while_doing("reading proposed rules"))?.iter().map(read).collect()
    }

    /// The proposed rules with what speaks for each, latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn proposals(&self, limit: u32) -> Result<Vec<ProposalEvidence>, StoreError> {
        let failed = StoreError::while_doing("reading proposed rules");
        let rows = self.database.fetch(sql(
            "SELECT p.*, coalesce(c.service, '') AS service, coalesce(c.message, '') AS template,
               coalesce(c.count, 0) AS count, (SELECT count(*) FROM cluster m WHERE m.rule = p.id) AS classified
             FROM rule_proposal p LEFT JOIN cluster c ON c.fingerprint = p.fingerprint
             ORDER BY p.created_at DESC, p.id LIMIT $1",
        )
        .bind(limit))
        .await
        .map_err(&failed)?;
        let text = |row: &Row, column: &str| row.text(column).map_err(&failed);
        let count = |row: &Row, column: &str| {
            row.integer(column).map(|count| u64::try_from(count).unwrap_or(0)).map_err(&failed)
        };
        rows.iter()
            .map(|row| {
                Ok(ProposalEvidence {
                    proposal: read(row)?,
                    service: text(row, "service")?,
                    template: text(row, "template")?,
                    count: count(row, "count")?,
                    classified: count(row, "classified")?,
                })
            })
            .collect()
    }

    /// What asking for rules has used up since then.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn asked_since(&self, since: UnixNanos) -> Result<Asked, StoreError> {
        self.database
            .one(
                sql(
                    "SELECT count(*), coalesce(sum(cost_usd), 0.0) FROM rule_proposal WHERE created_at >= $1",
                )
                .bind(since.to_i64()),
            )
            .await
            .and_then(|row| Ok(Asked { times: row.number(0)?, usd: row.real(1)? }))
            .map_err(StoreError::while_doing("adding up what proposed rules cost"))
    }
}

fn unreadable(column: &'static str, value: String) -> StoreError {
    StoreError::Inconsistent { table: "rule_proposal", column, value }
}

fn fingerprint(row: &Row) -> Result<Fingerprint, StoreError> {
    let text: String = row.text("fingerprint").map_err(StoreError::while_doing("reading proposed rules"))?;
    text.parse().map_err(|_| unreadable("fingerprint", text))
}

fn read(row: &Row) -> Result<RuleProposal, StoreError> {
    let failed = StoreError::while_doing("reading a proposed rule");
    let text = |column: &str| row.text(column).map_err(&failed);
    let count =
        |column: &str| row.integer(column).map(|count| u64::try_from(count).unwrap_or(0)).map_err(&failed);
    let time = |column: &str| row.time_or_none(column).map_err(&failed);
    let status = text("status")?;
    Ok(RuleProposal {
        id: text("id")?,
        fingerprint: fingerprint(row)?,
        rule: text("rule")?,
        status: status.parse::<ProposalStatus>().map_err(|_| unreadable("status", status))?,
        reason: text("reason")?,
        would_match: count("would_match")?,
        model: text("model")?,
        input_tokens: count("input_tokens")?,
        output_tokens: count("output_tokens")?,
        cost_usd: row.real("cost_usd").map_err(&failed)?,
        created_at: time("created_at")?.unwrap_or_default(),
        decided_at: time("decided_at")?,
        decided_by: text("decided_by")?,
    })
}
