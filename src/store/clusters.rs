//! Clusters: what deltas add to them, and how they are read back.

mod filter;
mod gather;
mod listing;
mod names;
mod people;
mod read;
mod samples;

use super::engine::{Rows, Statement, Transaction, sql};
use super::{StoreError, summaries};
use crate::model::{ClusterDetail, Delta, Fingerprint, UnixNanos};

pub use filter::{ClusterFilter, Cursor, InvalidCursor};
pub use listing::Page;
pub use names::{Likely, Named};
pub use people::Handling;
pub use read::Summary;
pub(super) use read::{DETAIL, precedence_of, read, verdict};

/// Adds deltas, one for each cluster and in the order of their fingerprints, to the window and to their clusters, and their
/// samples to the examples: a statement for each table, whatever their number.
///
/// The window's rows come first: whoever counts the same clusters waits there, in the order of the fingerprints, and holds
/// nothing yet that another waits for.
pub(super) async fn add(
    transaction: &mut Transaction,
    window_start: UnixNanos,
    deltas: &[Delta],
    now: UnixNanos,
) -> Result<(), StoreError> {
    let failed = StoreError::while_doing("adding to clusters");
    let described: Vec<(&Delta, &ClusterDetail)> =
        deltas.iter().filter_map(|delta| Some((delta, delta.detail.as_deref()?))).collect();
    let mut statements = vec![count_in_window(window_start, deltas)];
    statements.extend(insert(window_start, &described));
    statements.extend(super::follow::note_releases(&described));
    statements.push(stand(deltas));
    statements.push(count(window_start, deltas, now));
    let changed = transaction.execute_all(statements).await.map_err(&failed)?;
    let known = changed.last().copied().unwrap_or(0);
    if known < deltas.len() as u64 {
        return Err(first_unknown(transaction, deltas).await?);
    }
    samples::keep(transaction, window_start, deltas).await
}

fn ids(deltas: &[Delta]) -> Rows {
    Rows::default().texts("fingerprint", deltas.iter().map(|delta| delta.fingerprint.to_string()))
}

fn count_in_window(window_start: UnixNanos, deltas: &[Delta]) -> Statement {
    let rows = ids(deltas)
        .integers("count", deltas.iter().map(|delta| integer(delta.count)))
        .integers("first_seen", deltas.iter().map(|delta| delta.first_seen.to_i64()))
        .integers("last_seen", deltas.iter().map(|delta| delta.last_seen.to_i64()))
        .integers("severity_number", deltas.iter().map(|delta| delta.severity_number.get().into()))
        .integers("held_back", deltas.iter().map(|delta| integer(delta.held.count)))
        .texts("trace_ids", deltas.iter().map(|delta| summaries::trace_ids_text(&delta.held)));
    let counted = sql(
        "INSERT INTO window_cluster AS w (window_start, fingerprint, count, first_seen, last_seen, severity_number,
           held_back, trace_ids)
         SELECT $1, fingerprint, count, first_seen, last_seen, severity_number, held_back, trace_ids
         FROM {rows} WHERE TRUE
         ON CONFLICT (window_start, fingerprint) DO UPDATE SET
           count = w.count + excluded.count,
           first_seen = LEAST(w.first_seen, excluded.first_seen),
           last_seen = GREATEST(w.last_seen, excluded.last_seen),
           severity_number = GREATEST(w.severity_number, excluded.severity_number),
           held_back = w.held_back + excluded.held_back,
           trace_ids = substr(w.trace_ids || excluded.trace_ids, 1, CAST($2 AS INTEGER))",
    );
    counted.bind(window_start.to_i64()).bind(summaries::TRACE_IDS_TEXT_MAX as u64).with(rows)
}

/// Makes the rows that there are none of, with a count of 0; existing rows stay as they are.
fn insert(window_start: UnixNanos, described: &[(&Delta, &ClusterDetail)]) -> Option<Statement> {
    if described.is_empty() {
        return None;
    }
    let text = |of: fn(&ClusterDetail) -> &str| described.iter().map(move |(_, detail)| of(detail));
    let number = |of: fn(&Delta) -> i64| described.iter().map(move |(delta, _)| of(delta));
    let frames =
        |detail: &ClusterDetail| serde_json::to_string(&detail.frames).unwrap_or_else(|_| "[]".to_owned());
    let rows = Rows::default()
        .texts("fingerprint", described.iter().map(|(delta, _)| delta.fingerprint.to_string()))
        .texts("service", text(|detail| &detail.service))
        .texts("error_type", text(|detail| &detail.error_type))
        .texts("message", text(|detail| &detail.message))
        .texts("frames", described.iter().map(|(_, detail)| frames(detail)))
        .texts("stack_trace", text(|detail| &detail.stack_trace))
        .texts("service_version", text(|detail| &detail.service_version))
        .texts("environment", text(|detail| &detail.environment))
        .texts("vcs_repository_url", text(|detail| &detail.vcs_repository_url))
        .texts("vcs_revision", text(|detail| &detail.vcs_revision))
        .texts("vcs_ref_name", text(|detail| &detail.vcs_ref_name))
        .texts("service_namespace", text(|detail| &detail.service_namespace))
        .texts("language", text(|detail| &detail.language))
        .integers("named_by_message", described.iter().map(|(_, detail)| detail.named_by_message.into()))
        .texts("rule", described.iter().map(|(delta, _)| &*delta.verdict.rule))
        .texts("category", described.iter().map(|(delta, _)| delta.verdict.category.as_str()))
        .integers("severity", number(|delta| delta.verdict.severity.rank().into()))
        .integers("fixable", number(|delta| delta.verdict.fixable.into()))
        .texts("suggested_fix", described.iter().map(|(delta, _)| &*delta.verdict.suggested_fix))
        .integers("severity_number", number(|delta| delta.severity_number.get().into()))
        .integers("first_seen", number(|delta| delta.first_seen.to_i64()))
        .integers("last_seen", number(|delta| delta.last_seen.to_i64()));
    let inserted = sql(
        "INSERT INTO cluster (fingerprint, service, error_type, message, frames, stack_trace, service_version,
           environment, vcs_repository_url, vcs_revision, vcs_ref_name, service_namespace, language, named_by_message,
           rule, category, severity, fixable, suggested_fix, severity_number, count, first_seen, last_seen, status,
           first_window, last_window)
         SELECT fingerprint, service, error_type, message, frames, stack_trace, service_version, environment,
           vcs_repository_url, vcs_revision, vcs_ref_name, service_namespace, language, named_by_message, rule, category,
           severity, fixable, suggested_fix, severity_number, 0, first_seen, last_seen, 'new', $1, $1
         FROM {rows} WHERE TRUE
         ON CONFLICT (fingerprint) DO NOTHING",
    );
    Some(inserted.bind(window_start.to_i64()).with(rows))
}

/// Whether the verdict of the row `r` stands before that of the cluster `c`, as
/// [`is_graver_than`](crate::model::Verdict::is_graver_than) orders them.
const GRAVER: &str = "(r.severity > c.severity OR (r.severity = c.severity
    AND (r.fixable > c.fixable OR (r.fixable = c.fixable AND r.rule < c.rule))))";

/// The graver verdict stands: a statement of its own, as few do change, and in SQLite an update writes the index of every
/// column that it names.
fn stand(deltas: &[Delta]) -> Statement {
    let rows = ids(deltas)
        .texts("rule", deltas.iter().map(|delta| &*delta.verdict.rule))
        .texts("category", deltas.iter().map(|delta| delta.verdict.category.as_str()))
        .integers("severity", deltas.iter().map(|delta| delta.verdict.severity.rank().into()))
        .integers("fixable", deltas.iter().map(|delta| delta.verdict.fixable.into()))
        .texts("suggested_fix", deltas.iter().map(|delta| &*delta.verdict.suggested_fix));
    let stands = sql(format!(
        "UPDATE cluster AS c SET rule = r.rule, category = r.category, severity = r.severity, fixable = r.fixable,
           suggested_fix = r.suggested_fix
         FROM (SELECT * FROM {{rows}}) AS r WHERE c.fingerprint = r.fingerprint AND {GRAVER}"
    ));
    stands.with(rows)
}

/// Adds the counts. It changes as many rows as there are of these clusters.
fn count(window_start: UnixNanos, deltas: &[Delta], now: UnixNanos) -> Statement {
    let rows = ids(deltas)
        .integers("count", deltas.iter().map(|delta| integer(delta.count)))
        .integers("first_seen", deltas.iter().map(|delta| delta.first_seen.to_i64()))
        .integers("last_seen", deltas.iter().map(|delta| delta.last_seen.to_i64()))
        .integers("severity_number", deltas.iter().map(|delta| delta.severity_number.get().into()));
    let counted = sql(
        "UPDATE cluster AS c SET count = c.count + r.count, first_seen = LEAST(c.first_seen, r.first_seen),
           last_seen = GREATEST(c.last_seen, r.last_seen),
           severity_number = GREATEST(c.severity_number, r.severity_number), last_window = $1,
           changed_at = GREATEST(c.changed_at, $2)
         FROM (SELECT * FROM {rows}) AS r WHERE c.fingerprint = r.fingerprint",
    );
    counted.bind(window_start.to_i64()).bind(now.to_i64()).with(rows)
}

async fn first_unknown(transaction: &mut Transaction, deltas: &[Delta]) -> Result<StoreError, StoreError> {
    let failed = StoreError::while_doing("looking for clusters");
    let known =
        sql("SELECT c.fingerprint FROM cluster c WHERE c.fingerprint IN (SELECT fingerprint FROM {rows})");
    let known = transaction.fetch(known.with(ids(deltas))).await.map_err(&failed)?;
    let known = known.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let unknown = |delta: &&Delta| !known.contains(&delta.fingerprint.to_string());
    let unknown = deltas.iter().find(unknown).map(|delta| delta.fingerprint);
    Ok(StoreError::UnknownCluster(unknown.unwrap_or_else(|| Fingerprint::from_bytes([0; 16]))))
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
