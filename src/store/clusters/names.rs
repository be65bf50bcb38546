//! Ids as people write them: in full, or their beginning.

use crate::model::Fingerprint;
use crate::store::engine::{Row, sql};
use crate::store::{Store, StoreError};

/// How many errors are told of where a prefix means several.
const LIKELY_MAX: u64 = 10;

/// What the beginning of an id means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// No error.
    Nothing,
    /// This one.
    One(Fingerprint),
    /// One of these, and of others where there are ten.
    Several(Vec<Likely>),
}

/// An error that a prefix may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likely {
    /// Its id.
    pub id: Fingerprint,
    /// Its service.
    pub service: String,
    /// Its message, the beginning of it.
    pub message: String,
}

impl Store {
    /// The error that a fingerprint or the beginning of one leads to, an alias' too.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn named(&self, prefix: &str) -> Result<Named, StoreError> {
        let prefix = prefix.to_ascii_lowercase();
        if prefix.is_empty() || prefix.len() > 32 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Named::Nothing);
        }
        // `g` comes after every digit.
        let meant = sql("WITH meant AS (SELECT DISTINCT coalesce(m.family, c.fingerprint) AS id
               FROM cluster c LEFT JOIN member m ON m.fingerprint = c.fingerprint
               WHERE c.fingerprint >= $1 AND c.fingerprint < $2 AND c.count > 0 ORDER BY 1 LIMIT $3)
             SELECT meant.id, coalesce(c.service, '') AS service,
               substr(coalesce(f.template, c.message, ''), 1, 200) AS message
             FROM meant LEFT JOIN cluster c ON c.fingerprint = meant.id LEFT JOIN family f ON f.id = meant.id
             ORDER BY meant.id");
        let meant = meant.bind(&prefix).bind(format!("{prefix}g")).bind(LIKELY_MAX);
        let rows = self.database.fetch(meant).await;
        let rows = rows.map_err(StoreError::while_doing("looking for the error of a fingerprint"))?;
        let mut likely = rows.iter().map(likely).collect::<Result<Vec<_>, _>>()?;
        Ok(match likely.len() {
            0 => Named::Nothing,
            1 => Named::One(likely.remove(0).id),
            _ => Named::Several(likely),
        })
    }
}

fn likely(row: &Row) -> Result<Likely, StoreError> {
    let failed = StoreError::while_doing("looking for the error of a fingerprint");
    let text = |column: &str| row.text(column).map_err(&failed);
    let id = text("id")?;
    let unreadable = |value| StoreError::Inconsistent { table: "cluster", column: "fingerprint", value };
    Ok(Likely {
        id: id.parse().map_err(|_| unreadable(id))?,
        service: text("service")?,
        message: text("message")?,
    })
}
