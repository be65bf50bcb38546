//! What the next hop is still to be told: clusters of closed windows of which records were held back.
//!
//! A family is not told as one. The first record of each member went on with its own fingerprint, and a summary tells what
//! was held back behind it; it may also be sent before the window's templates are compared.

use super::clusters::{self, DETAIL};
use super::engine::{Row, sql};
use super::{Store, StoreError};
use crate::model::{Fingerprint, HeldBack, SeverityNumber, UnixNanos, WindowSummary};

const TRACE_ID_DIGITS: usize = 32;

/// The column of trace ids never grows past this.
pub(super) const TRACE_IDS_TEXT_MAX: usize = HeldBack::TRACE_IDS_MAX * TRACE_ID_DIGITS;

/// The traces as the store keeps them.
pub(super) fn trace_ids_text(held: &HeldBack) -> String {
    let ids = held.trace_ids.iter().map(|id| format!("{:032x}", u128::from_be_bytes(*id)));
    ids.collect::<Vec<_>>().concat()
}

/// What cannot be read is left out: a summary without traces still tells what happened.
fn trace_ids(text: &str) -> Vec<[u8; 16]> {
    text.as_bytes()
        .chunks(TRACE_ID_DIGITS)
        .filter_map(|digits| u128::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
        .map(u128::to_be_bytes)
        .collect()
}

impl Store {
    /// Clusters of the earliest closed window that has some left to summarise, at most `limit` of them, by fingerprint.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn unsummarised(&self, limit: u32) -> Result<Vec<WindowSummary>, StoreError> {
        let precedence = clusters::precedence_of("c.status");
        let text = format!(
            "SELECT {DETAIL}, c.fingerprint AS id, c.message, 0 AS aliases, NULL AS separated_at, NULL AS fix_id,
               {precedence} AS foremost, NULL AS fixed_seen, c.last_seen AS latest,
               w.count, w.first_seen, w.last_seen, w.severity_number, w.held_back, w.trace_ids,
               w.window_start, closed.closed_at
             FROM window_cluster w
             JOIN cluster c ON c.fingerprint = w.fingerprint
             JOIN \"window\" closed ON closed.start = w.window_start
             WHERE w.held_back > 0 AND w.summarised_at IS NULL AND w.window_start =
               (SELECT min(u.window_start) FROM window_cluster u JOIN \"window\" o ON o.start = u.window_start
                WHERE u.held_back > 0 AND u.summarised_at IS NULL AND o.closed_at IS NOT NULL)
             ORDER BY w.fingerprint LIMIT $1"
        );
        self.database
            .fetch(sql(text).bind(limit))
            .await
            .map_err(StoreError::while_doing("reading what is to be summarised"))?
            .iter()
            .map(summary)
            .collect()
    }

    /// Notes that the next hop was told of the clusters of a closed window up to this one, by fingerprint.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; they are told again then.
    pub async fn mark_summarised(
        &self,
        window: UnixNanos,
        up_to: Fingerprint,
        now: UnixNanos,
    ) -> Result<(), StoreError> {
        self.database
            .execute(
                sql("UPDATE window_cluster SET summarised_at = $1
             WHERE window_start = $2 AND fingerprint <= $3 AND held_back > 0 AND summarised_at IS NULL")
                .bind(now.to_i64())
                .bind(window.to_i64())
                .bind(up_to.to_string()),
            )
            .await
            .map(drop)
            .map_err(StoreError::while_doing("noting what was summarised"))
    }
}

fn summary(row: &Row) -> Result<WindowSummary, StoreError> {
    let failed = StoreError::while_doing("reading what is to be summarised");
    let time = |column: &str| row.time(column);
    let number = |column: &str| row.integer(column).map(|n| u64::try_from(n).unwrap_or(0));
    let cluster = clusters::read(row)?;
    (|| {
        Ok(WindowSummary {
            window_start: time("window_start")?,
            window_end: time("closed_at")?,
            cluster,
            severity_number: SeverityNumber::from_wire(number("severity_number")?),
            held: HeldBack { count: number("held_back")?, trace_ids: trace_ids(&row.text("trace_ids")?) },
        })
    })()
    .map_err(failed)
}
