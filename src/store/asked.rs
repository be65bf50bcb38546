//! Fixes that people ask for: they may have another try where triage makes none.

use super::engine::{Purpose, Row, Transaction, sql};
use super::{Store, StoreError, fixes};
use crate::model::{Cluster, Fingerprint, Fix, FixStatus, UnixNanos};

/// How often a claim is tried that another one comes before.
const TRIES: u32 = 3;

/// What came of asking for a fix.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    /// It is begun, or gone on with.
    Begun(Fix),
    /// The error has one that stands.
    Standing(Fix),
}

impl Store {
    /// Claims an error for a fix that people ask for. One that came to nothing, that people closed, or after which the error came
    /// back makes room for the next; of a change that is stored without a pull request, one is opened if that is `create_pr`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`]; nothing has changed then.
    pub async fn claim_asked(
        &self,
        cluster: &Cluster,
        create_pr: bool,
        now: UnixNanos,
    ) -> Result<Claimed, StoreError> {
        for _ in 0..TRIES {
            if let Some(claimed) = self.try_to_claim(cluster, create_pr, now).await? {
                return Ok(claimed);
            }
        }
        let value = cluster.fingerprint.to_string();
        Err(StoreError::Inconsistent { table: "fix", column: "fingerprint", value })
    }

    /// `None` where triage claimed the error at the same moment.
    async fn try_to_claim(
        &self,
        cluster: &Cluster,
        create_pr: bool,
        now: UnixNanos,
    ) -> Result<Option<Claimed>, StoreError> {
        let failed = StoreError::while_doing("claiming a fix that is asked for");
        // Two who ask for members of one family come one after the other.
        let mut transaction = self.database.begin(Purpose::Spending).await.map_err(&failed)?;
        let live = live(&mut transaction, cluster.fingerprint).await?;
        let mut standing = live.into_iter().filter(Fix::stands);
        let id = match standing.next() {
            Some(stored) if stored.status == FixStatus::Proposed && create_pr => Some(stored.id),
            Some(standing) => {
                transaction.roll_back().await.map_err(failed)?;
                return Ok(Some(Claimed::Standing(standing)));
            }
            None => begin(&mut transaction, cluster, now).await.map_err(&failed)?,
        };
        let Some(id) = id else {
            transaction.roll_back().await.map_err(failed)?;
            return Ok(None);
        };
        let wanted = sql(
            "UPDATE fix SET status = 'pending', tries = 0, asked_at = $2, proposal_only = $3, changed_at = $2
             WHERE id = $1",
        );
        let wanted = wanted.bind(&id).bind(now.to_i64()).bind(!create_pr);
        transaction.execute(wanted).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        let fix = self.fix(&id).await?;
        Ok(fix.map(Claimed::Begun))
    }

    /// Whether a fix is to become a pull request: people may ask for the change alone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn wants_pull_request(&self, fix_id: &str) -> Result<bool, StoreError> {
        let failed = StoreError::while_doing("reading what is asked of a fix");
        let row =
            self.database.optional(sql("SELECT proposal_only FROM fix WHERE id = $1").bind(fix_id)).await;
        let only = row.map_err(&failed)?.map(|row| row.flag(0)).transpose().map_err(failed)?;
        Ok(only != Some(true))
    }

    /// Whether people asked for a fix when its change was there already: they want it as it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn is_wanted_as_it_is(&self, fix_id: &str) -> Result<bool, StoreError> {
        let failed = StoreError::while_doing("reading what is asked of a fix");
        let wanted = sql("SELECT 1 FROM fix WHERE id = $1 AND asked_at > generated_at").bind(fix_id);
        self.database.optional(wanted).await.map(|row| row.is_some()).map_err(failed)
    }

    /// When people last asked for a fix, on whichever replica; `None` where nobody did.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn last_asked_at(&self) -> Result<Option<UnixNanos>, StoreError> {
        let asked = self.database.one("SELECT max(asked_at) FROM fix").await;
        asked
            .and_then(|row| row.time_or_none(0))
            .map_err(StoreError::while_doing("reading what fixes are asked for"))
    }
}

/// The fixes of an error and its family that no later one has taken the place of.
async fn live(transaction: &mut Transaction, of: Fingerprint) -> Result<Vec<Fix>, StoreError> {
    let live = sql(format!(
        "{} WHERE x.superseded = 0 AND (x.fingerprint = $1 OR x.fingerprint IN
           (SELECT o.fingerprint FROM member n JOIN member o ON o.family = n.family WHERE n.fingerprint = $1))
         ORDER BY x.created_at, x.id",
        fixes::SELECT
    ));
    let rows = transaction.fetch(live.bind(of.to_string())).await;
    rows.map_err(StoreError::while_doing("reading an error's fixes"))?.iter().map(fixes::read).collect()
}

/// Begins the next try; the earlier ones stay to be looked at. `None` where another claim came before.
async fn begin(
    transaction: &mut Transaction,
    cluster: &Cluster,
    now: UnixNanos,
) -> Result<Option<String>, sqlx::Error> {
    let fingerprint = cluster.fingerprint.to_string();
    let superseded = sql(
        "UPDATE fix SET superseded = 1, changed_at = $2 WHERE superseded = 0 AND (fingerprint = $1 OR fingerprint IN
           (SELECT o.fingerprint FROM member n JOIN member o ON o.family = n.family WHERE n.fingerprint = $1))",
    );
    transaction.execute(superseded.bind(&fingerprint).bind(now.to_i64())).await?;
    let tries = sql("SELECT count(*) FROM fix WHERE fingerprint = $1").bind(&fingerprint);
    let tries = transaction.optional(tries).await?.as_ref().map_or(Ok(0), |row: &Row| row.number(0))?;
    let id = format!("{}-{}", cluster.fingerprint.short(), tries + 1);
    let claimed = transaction.execute(fixes::claim(&id, cluster, now)).await?;
    Ok((claimed == 1).then_some(id))
}
