//! Which errors are listed, and from where on.

use std::fmt;
use std::str::FromStr;

use crate::model::{
    Category, Cluster, ClusterStatus, Fingerprint, Severity, SeverityNumber, UnixNanos, Verdict,
};
use crate::store::engine::{Statement, Value, sql};

/// Which clusters to read. A family is asked as the one error that it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterFilter {
    /// Only those with these ids; all where `None`.
    pub ids: Option<Vec<Fingerprint>>,
    /// Only those seen since then.
    pub seen_since: Option<UnixNanos>,
    /// Only critical and high ones.
    pub urgent: bool,
    /// Only fixable ones.
    pub fixable: bool,
    /// Only those at ERROR or above that no rule knows.
    pub unclassified: bool,
    /// Only those of this service.
    pub service: Option<String>,
    /// Only those of this category.
    pub category: Option<Category>,
    /// Only those of these severities; all where there are none.
    pub severities: Vec<Severity>,
    /// Only those that stand so; all where there are none.
    pub statuses: Vec<ClusterStatus>,
    /// Only those with this text in their message, type or service, in any case, or at the beginning of one of their ids.
    pub text: Option<String>,
    /// Only those that come after this one.
    pub after: Option<Cursor>,
    /// At most so many; all where `None`.
    pub limit: Option<u32>,
}

/// A place in a list of errors, latest first: whoever goes on from there sees each error that was not seen anew in between
/// once.
///
/// Its text is opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    last_seen: UnixNanos,
    id: Fingerprint,
}

/// A text that is no cursor.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("this is no cursor that a list gave")]
pub struct InvalidCursor;

impl Cursor {
    /// The place of an error.
    #[must_use]
    pub fn at(cluster: &Cluster) -> Self {
        Self { last_seen: cluster.last_seen, id: cluster.fingerprint }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.last_seen.0, self.id)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() != 48 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidCursor);
        }
        let last_seen = u64::from_str_radix(&text[..16], 16).map_err(|_| InvalidCursor)?;
        let id = text[16..].parse().map_err(|_| InvalidCursor)?;
        Ok(Self { last_seen: UnixNanos(last_seen), id })
    }
}

/// What a filter asks of rows, with its values: of clusters that are no family's, and of families.
#[derive(Debug)]
pub(super) struct Conditions {
    values: Vec<Value>,
    alone: Vec<String>,
    family: Vec<String>,
}

impl Conditions {
    /// Rows are `c` where a cluster stands alone; of a family they are `e`, which has its numbers, and `c`, which is shown for it.
    pub(super) fn of(filter: &ClusterFilter) -> Self {
        let mut asked =
            Self { values: Vec::new(), alone: vec!["1 = 1".into()], family: vec!["1 = 1".into()] };
        if let Some(ids) = &filter.ids {
            // Hex digits alone. A list of none is no SQL, and lets nothing through.
            let ids = ids.iter().map(|id| format!("'{id}'")).chain(["''".to_owned()]);
            let ids = ids.collect::<Vec<_>>().join(", ");
            asked.both(format!("c.fingerprint IN ({ids})"), format!("e.id IN ({ids})"));
        }
        asked.numbers(filter);
        if let Some(service) = &filter.service {
            asked.of_shown("c.service = {}", service);
        }
        if let Some(category) = &filter.category {
            asked.of_shown("c.category = {}", category.as_str());
        }
        asked.statuses(&filter.statuses);
        if let Some(text) = &filter.text {
            asked.text(text);
        }
        if let Some(after) = filter.after {
            asked.after(after);
        }
        asked
    }

    pub(super) fn alone(&self) -> String {
        self.alone.join(" AND ")
    }

    pub(super) fn family(&self) -> String {
        self.family.join(" AND ")
    }

    /// The statement with the values; further ones begin at the number that [`Conditions::value`] gives.
    pub(super) fn bound_to(self, text: String) -> Statement {
        self.values.into_iter().fold(sql(text), Statement::bind)
    }

    /// The place of one more value.
    pub(super) fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn both(&mut self, alone: String, family: String) {
        self.alone.push(alone);
        self.family.push(family);
    }

    fn of_shown(&mut self, condition: &str, value: &str) {
        let condition = condition.replace("{}", &self.value(value));
        self.both(condition.clone(), condition);
    }

    /// What the columns that both have in common are asked.
    fn of_numbers(&mut self, condition: &str) {
        self.both(condition.replace("{}", "c"), condition.replace("{}", "e"));
    }

    fn numbers(&mut self, filter: &ClusterFilter) {
        if let Some(since) = filter.seen_since {
            let since = self.value(since.to_i64());
            self.of_numbers(&format!("{{}}.last_seen >= {since}"));
        }
        if filter.urgent {
            self.of_numbers(&format!("{{}}.severity >= {}", Severity::High.rank()));
        }
        if filter.fixable {
            self.of_numbers("{}.fixable = 1");
        }
        if filter.unclassified {
            let rule = self.value(Verdict::NO_RULE);
            let error = SeverityNumber::ERROR.get();
            self.of_numbers(&format!("({{}}.rule = {rule} AND {{}}.severity_number >= {error})"));
        }
        if !filter.severities.is_empty() {
            let ranks: Vec<_> =
                filter.severities.iter().map(|severity| severity.rank().to_string()).collect();
            self.of_numbers(&format!("{{}}.severity IN ({})", ranks.join(", ")));
        }
    }

    fn statuses(&mut self, statuses: &[ClusterStatus]) {
        if statuses.is_empty() {
            return;
        }
        let names: Vec<_> = statuses.iter().map(|status| format!("'{status}'")).collect();
        let ranks: Vec<_> = statuses.iter().map(|status| status.precedence().to_string()).collect();
        self.both(
            format!("c.status IN ({})", names.join(", ")),
            format!("{} IN ({})", precedence_of_family(), ranks.join(", ")),
        );
    }

    fn text(&mut self, text: &str) {
        // `lower` of SQLite knows ASCII alone, that of PostgreSQL what its locale has.
        let (unicode, ascii) = (text.to_lowercase(), text.to_ascii_lowercase());
        let mut found = self.found(&ascii);
        if unicode != ascii {
            found.extend(self.found(&unicode));
        }
        if (1..=32).contains(&ascii.len()) && ascii.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let prefix = self.value(ascii.as_str());
            found.push(format!("substr(c.fingerprint, 1, {}) = {prefix}", ascii.len()));
        }
        let found = found.join(" OR ");
        self.both(
            format!("({found})"),
            format!(
                "EXISTS (SELECT 1 FROM member o JOIN cluster c ON c.fingerprint = o.fingerprint
                   WHERE o.family = e.id AND ({found}))"
            ),
        );
    }

    fn found(&mut self, text: &str) -> Vec<String> {
        let escaped = text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
        let pattern = self.value(format!("%{escaped}%"));
        let columns = ["c.message", "c.error_type", "c.service"];
        columns.iter().map(|column| format!(r"lower({column}) LIKE {pattern} ESCAPE '\'")).collect()
    }

    fn after(&mut self, after: Cursor) {
        let last_seen = self.value(after.last_seen.to_i64());
        let id = self.value(after.id.to_string());
        let comes_after =
            |seen: &str, of: &str| format!("{seen} <= {last_seen} AND ({seen} < {last_seen} OR {of} > {id})");
        self.both(comes_after("c.last_seen", "c.fingerprint"), comes_after("e.last_seen", "e.id"));
    }
}

/// [`ClusterStatus::of_family`], as its precedence.
fn precedence_of_family() -> String {
    let rank = |status: ClusterStatus| status.precedence();
    let (new, ongoing) = (rank(ClusterStatus::New), rank(ClusterStatus::Ongoing));
    let (regressed, fixed) = (rank(ClusterStatus::Regressed), rank(ClusterStatus::Fixed));
    format!(
        "CASE WHEN e.foremost NOT IN ({new}, {ongoing}) OR e.fixed_seen IS NULL THEN e.foremost
           WHEN e.latest > e.fixed_seen THEN {regressed} ELSE {fixed} END"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        let cursor = Cursor { last_seen: UnixNanos(7), id: Fingerprint::from_bytes([9; 16]) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in ["", "7", &"z".repeat(48), &"é".repeat(24), &cursor.to_string()[1..]] {
            assert_eq!(bad.parse::<Cursor>(), Err(InvalidCursor), "{bad}");
        }
    }
}
