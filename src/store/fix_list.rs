//! Lists of fixes, the latest claim first, a page at a time.

use std::fmt;
use std::str::FromStr;

use super::engine::{Rows, Statement, sql};
use super::{InvalidCursor, Store, StoreError, fixes};
use crate::model::{Fingerprint, Fix, FixStatus, UnixNanos};

/// Which fixes to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FixFilter {
    /// Only those with these ids, up to some hundreds; all where `None`.
    pub ids: Option<Vec<String>>,
    /// Only those that stand so; all where there are none.
    pub statuses: Vec<FixStatus>,
    /// Only those of this error.
    pub error: Option<Fingerprint>,
    /// Only those that come after this one.
    pub after: Option<FixCursor>,
    /// At most so many; all where `None`.
    pub limit: Option<u32>,
}

/// A place in a list of fixes. Its text is opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixCursor {
    created_at: UnixNanos,
    id: String,
}

impl FixCursor {
    /// The place of a fix.
    #[must_use]
    pub fn at(fix: &Fix) -> Self {
        Self { created_at: fix.created_at, id: fix.id.clone() }
    }
}

impl fmt::Display for FixCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.created_at.0, self.id)
    }
}

impl FromStr for FixCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (created_at, id) = text.split_at_checked(16).ok_or(InvalidCursor)?;
        let is_id =
            (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if !is_id || !created_at.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidCursor);
        }
        let created_at = u64::from_str_radix(created_at, 16).map_err(|_| InvalidCursor)?;
        Ok(Self { created_at: UnixNanos(created_at), id: id.to_owned() })
    }
}

impl Store {
    /// Fixes, the latest claim first, with where the list goes on after the filter's limit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn fixes_page(&self, filter: &FixFilter) -> Result<(Vec<Fix>, Option<FixCursor>), StoreError> {
        let length = filter.limit.map_or(usize::MAX, |limit| limit as usize);
        let one_more = filter.limit.map_or(i64::MAX, |limit| i64::from(limit) + 1);
        let text = format!(
            "{} WHERE {} ORDER BY x.created_at DESC, x.id LIMIT $5",
            fixes::SELECT,
            condition(filter)
        );
        let asked = bound(text, filter, filter.after.as_ref()).bind(one_more);
        let rows = self.database.fetch(named(asked, filter)).await;
        let rows = rows.map_err(StoreError::while_doing("reading fixes"))?;
        let mut page = rows.iter().map(fixes::read).collect::<Result<Vec<_>, _>>()?;
        let more = page.len() > length;
        page.truncate(length);
        let next = page.last().filter(|_| more).map(FixCursor::at);
        Ok((page, next))
    }

    /// How many fixes a filter lets through, whatever its cursor and its limit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn count_fixes(&self, filter: &FixFilter) -> Result<u64, StoreError> {
        let text = format!(
            "SELECT count(*) FROM fix x LEFT JOIN member m ON m.fingerprint = x.fingerprint WHERE {}",
            condition(filter)
        );
        let counted = self.database.one(named(bound(text, filter, None), filter)).await;
        counted.and_then(|row| row.number(0)).map_err(StoreError::while_doing("counting fixes"))
    }
}

fn condition(filter: &FixFilter) -> String {
    let statuses: Vec<_> = filter.statuses.iter().map(|status| format!("'{status}'")).collect();
    let of_status = if statuses.is_empty() {
        String::new()
    } else {
        format!("x.status IN ({}) AND ", statuses.join(", "))
    };
    let named = if filter.ids.is_some() { "x.id IN (SELECT rows.id FROM {rows}) AND " } else { "" };
    format!(
        "{named}{of_status}($1 = '' OR coalesce(m.family, x.fingerprint) = $1)
           AND ($2 = 0 OR x.created_at < $3 OR (x.created_at = $3 AND x.id > $4))"
    )
}

fn bound(text: String, filter: &FixFilter, after: Option<&FixCursor>) -> Statement {
    sql(text)
        .bind(filter.error.map(|error| error.to_string()).unwrap_or_default())
        .bind(after.is_some())
        .bind(after.map_or(0, |after| after.created_at.to_i64()))
        .bind(after.map_or("", |after| &after.id))
}

fn named(statement: Statement, filter: &FixFilter) -> Statement {
    match &filter.ids {
        None => statement,
        Some(ids) => statement.with(Rows::default().texts("id", ids.iter().map(String::as_str))),
    }
}
