//! Families: which clusters are one error, and what people keep out of that.
//!
//! What is stored here is made from the set of templates that are known and of those that people separated: whoever makes it
//! anew, on whichever replica, writes the same. More templates only make families grow; where there are too many to compare, what was
//! one stays one. Nothing is moved for it: rows of clusters, windows and
//! fixes stay under the fingerprint that they came with, and are found through `member`. Members whose cluster is gone
//! are left out by whoever reads, and dropped the next time that families are made.

mod change;

use std::collections::BTreeSet;

use self::change::{Change, Ties};
use super::engine::{Purpose, Row, Transaction, sql};
use super::{Store, StoreError};
use crate::model::{Family, Fingerprint, Template, UnixNanos};

/// What people may compare: named by its message, and not separated.
const COMPARED: &str = "c.named_by_message = 1 AND c.count > 0
    AND NOT EXISTS (SELECT 1 FROM separated s WHERE s.fingerprint = c.fingerprint)";

/// What is compared, and in which order it has its place where not all can be: members of families first, so that no flood
/// takes them apart; then service by service in turn, so that none crowds out the others.
const RANKED: &str =
    "SELECT c.fingerprint, c.service, c.error_type, c.message, CASE WHEN m.fingerprint IS NULL THEN 1 ELSE 0 END AS fresh,
      row_number() OVER (PARTITION BY c.service, m.fingerprint IS NULL ORDER BY c.fingerprint) AS turn
    FROM cluster c LEFT JOIN member m ON m.fingerprint = c.fingerprint";

impl Store {
    /// The ids of the clusters whose templates are compared, ascending, at most so many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn compared(&self, count_max: u32) -> Result<Vec<Fingerprint>, StoreError> {
        let text = format!(
            "SELECT fingerprint FROM (
               SELECT fingerprint, row_number() OVER (ORDER BY fresh, turn, fingerprint) AS place
               FROM ({RANKED} WHERE {COMPARED}) AS ranked) AS placed
             WHERE place <= $1 ORDER BY fingerprint"
        );
        let rows = self.database.fetch(sql(text).bind(count_max)).await;
        rows.map_err(StoreError::while_doing("reading what is compared"))?
            .iter()
            .map(|row| id(row, "cluster", "fingerprint"))
            .collect()
    }

    /// Their templates, in the same order, as long as all of them together have no more than so many characters.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn templates(&self, count_max: u32, chars_max: u32) -> Result<Vec<Template>, StoreError> {
        let text = format!(
            "SELECT fingerprint, service, error_type, message FROM (
               SELECT fingerprint, service, error_type, message, fresh,
                 sum(length(message)) OVER (ORDER BY fresh, turn, fingerprint) AS chars,
                 row_number() OVER (ORDER BY fresh, turn, fingerprint) AS place
               FROM ({RANKED} WHERE {COMPARED}) AS ranked) AS placed
             WHERE (chars <= $1 OR fresh = 0) AND place <= $2 ORDER BY fingerprint"
        );
        let failed = StoreError::while_doing("reading templates");
        let rows = self.database.fetch(sql(text).bind(chars_max).bind(count_max)).await.map_err(&failed)?;
        rows.iter()
            .map(|row| {
                let text = |column| row.text(column).map_err(&failed);
                Ok(Template {
                    fingerprint: id(row, "cluster", "fingerprint")?,
                    service: text("service")?,
                    error_type: text("error_type")?,
                    message: text("message")?,
                })
            })
            .collect()
    }

    /// Adds these families to those that there are, in one transaction that writes what differs and nothing else. What was one
    /// stays one, since a fix may have been claimed for it; people alone take members out ([`Store::separate`]). Who stays a
    /// member keeps the time since when it is. Tells whether anything differed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`]; nothing has changed then.
    pub async fn set_families(&self, families: &[Family], now: UnixNanos) -> Result<bool, StoreError> {
        let failed = StoreError::while_doing("writing families");
        let mut transaction = self.database.begin(Purpose::Families).await.map_err(&failed)?;
        let stored = Ties::stored(&mut transaction).await?;
        let mut wanted = Ties::of(families);
        wanted.keep(&stored, &released(&mut transaction).await?);
        let changed = Change::between(&stored, &wanted);
        if changed.is_none() {
            return Ok(false);
        }
        changed.write(&mut transaction, now).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// Notes that a cluster is never to be compared again. `None` where there is no such cluster, false where it was
    /// noted before. Families stay as they are until they are made again.
    ///
    /// What it was told through its family (that a fix is proposed, say) does not hold for it alone. A fix stays with the
    /// fingerprint that was claimed: where people separate that one, those left behind may get a fix of their own.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn separate(
        &self,
        fingerprint: Fingerprint,
        now: UnixNanos,
    ) -> Result<Option<bool>, StoreError> {
        let failed = StoreError::while_doing("separating a cluster");
        let fingerprint = fingerprint.to_string();
        let mut transaction = self.database.begin(Purpose::Write).await.map_err(&failed)?;
        let known = transaction
            .optional(sql("SELECT 1 FROM cluster WHERE fingerprint = $1").bind(&fingerprint))
            .await
            .map_err(&failed)?;
        if known.is_none() {
            return Ok(None);
        }
        let noted = transaction
            .execute(
                sql("INSERT INTO separated (fingerprint, at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                    .bind(&fingerprint)
                    .bind(now.to_i64()),
            )
            .await
            .map_err(&failed)?;
        transaction
            .execute(
                sql("UPDATE cluster SET status = 'ongoing', changed_at = $2 WHERE fingerprint = $1
               AND status IN ('fix_proposed', 'fixed', 'regressed')
               AND NOT EXISTS (SELECT 1 FROM fix x WHERE x.fingerprint = $1 AND x.superseded = 0)")
                .bind(&fingerprint)
                .bind(now.to_i64()),
            )
            .await
            .map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(Some(noted == 1))
    }

    /// Takes back [`Store::separate`]. False where it was not noted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn rejoin(&self, fingerprint: Fingerprint) -> Result<bool, StoreError> {
        self.database
            .execute(sql("DELETE FROM separated WHERE fingerprint = $1").bind(fingerprint.to_string()))
            .await
            .map(|deleted| deleted == 1)
            .map_err(StoreError::while_doing("rejoining a cluster"))
    }

    /// Families of this window that were seen in another one too, in whatever words, are no longer new.
    ///
    /// A member that was seen in one window alone is new for ever by itself; that its family was seen in others shows in
    /// the counts, since what a window counted is less than all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn age_families(&self, window: UnixNanos) -> Result<(), StoreError> {
        self.database.execute(sql(
            "UPDATE cluster SET status = 'ongoing', changed_at = $2 WHERE status = 'new' AND fingerprint IN (
               SELECT m.fingerprint FROM member m JOIN (
                 SELECT s.family, sum(w.count) AS count
                 FROM window_cluster w JOIN member s ON s.fingerprint = w.fingerprint
                 WHERE w.window_start = $1 GROUP BY s.family) AS seen ON seen.family = m.family
               WHERE seen.count < (SELECT sum(c.count) FROM member o JOIN cluster c ON c.fingerprint = o.fingerprint
                                   WHERE o.family = seen.family))",
        )
        .bind(window.to_i64())
        .bind(self.now().to_i64()))
        .await
        .map(drop)
        .map_err(StoreError::while_doing("noting what is no longer new"))
    }
}

fn fingerprint(table: &'static str, column: &'static str, text: String) -> Result<Fingerprint, StoreError> {
    text.parse().map_err(|_| StoreError::Inconsistent { table, column, value: text })
}

/// Who is in no family any more: whom people separated, and whose cluster is gone.
async fn released(transaction: &mut Transaction) -> Result<BTreeSet<Fingerprint>, StoreError> {
    let ids = transaction.fetch(
        "SELECT fingerprint FROM separated UNION SELECT m.fingerprint FROM member m
         WHERE NOT EXISTS (SELECT 1 FROM cluster c WHERE c.fingerprint = m.fingerprint)",
    );
    let ids = ids.await.map_err(StoreError::while_doing("reading who is separated"))?;
    ids.iter().map(|row| id(row, "separated", "fingerprint")).collect()
}

fn id(row: &Row, table: &'static str, column: &'static str) -> Result<Fingerprint, StoreError> {
    let text = row.text(column).map_err(StoreError::while_doing("reading fingerprints"))?;
    fingerprint(table, column, text)
}
