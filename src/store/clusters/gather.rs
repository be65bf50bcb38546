//! What is gathered around clusters that were read: the aliases of families, and examples. A few statements for each
//! five hundred clusters, not some for each.

use std::collections::HashMap;

use super::{read, samples};
use crate::model::{Alias, Cluster, Fingerprint, Merging, Sample};
use crate::store::engine::{Row, Rows, sql};
use crate::store::{Store, StoreError};

/// How many fingerprints one statement names: far below what SQLite (32,766) and PostgreSQL (65,535) take.
const NAMED_MAX: usize = 500;

impl Store {
    /// The clusters of these rows, with their aliases and examples.
    pub(super) async fn gathered(&self, rows: &[Row]) -> Result<Vec<Cluster>, StoreError> {
        let mut clusters = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let families = clusters.iter().filter(|cluster| cluster.merging.alias_count > 0);
        let families: Vec<_> = families.map(|cluster| cluster.fingerprint).collect();
        let mut members = self.members(&families).await?;
        let all: Vec<_> = clusters.iter().flat_map(|cluster| sources(cluster, &members)).collect();
        let examples = self.examples(&all).await?;
        for cluster in &mut clusters {
            let samples = sources(cluster, &members).into_iter().filter_map(|source| examples.get(&source));
            cluster.examples = in_turn(&samples.map(Vec::as_slice).collect::<Vec<_>>());
            let mut aliases = members.remove(&cluster.fingerprint).unwrap_or_default();
            aliases.retain(|member| member.fingerprint != cluster.fingerprint);
            aliases.truncate(Merging::ALIASES_MAX);
            cluster.merging.aliases = aliases;
        }
        Ok(clusters)
    }

    /// The members of families, the most frequent first: as many as are shown, and one more for the id itself.
    async fn members(
        &self,
        families: &[Fingerprint],
    ) -> Result<HashMap<Fingerprint, Vec<Alias>>, StoreError> {
        let failed = StoreError::while_doing("reading aliases");
        let mut members = HashMap::<_, Vec<_>>::new();
        for named in families.chunks(NAMED_MAX) {
            let query = sql("SELECT family, fingerprint, message, reason, since, count FROM (
                   SELECT m.family, m.since, f.reason, c.fingerprint, c.message, c.count, row_number() OVER
                     (PARTITION BY m.family ORDER BY c.count DESC, c.fingerprint) AS place
                   FROM member m
                   JOIN family f ON f.id = m.family
                   JOIN cluster c ON c.fingerprint = m.fingerprint
                   WHERE m.family IN (SELECT rows.fingerprint FROM {rows})) AS ranked
                 WHERE place <= $1 ORDER BY family, place");
            let query = query.bind(Merging::ALIASES_MAX as u64 + 1).with(rows(named));
            for row in self.database.fetch(query).await.map_err(&failed)? {
                let family = fingerprint(&row, "family")?;
                members.entry(family).or_default().push(alias(&row)?);
            }
        }
        Ok(members)
    }

    /// The examples that are kept of these fingerprints, earliest first.
    pub(in crate::store) async fn examples(
        &self,
        fingerprints: &[Fingerprint],
    ) -> Result<HashMap<Fingerprint, Vec<Sample>>, StoreError> {
        let failed = StoreError::while_doing("reading examples");
        let mut examples = HashMap::<_, Vec<_>>::new();
        for named in fingerprints.chunks(NAMED_MAX) {
            let query =
                sql("SELECT s.fingerprint, s.occurred, s.body, s.trace_id, s.attributes FROM sample s
                 WHERE s.fingerprint IN (SELECT rows.fingerprint FROM {rows}) ORDER BY s.occurred, s.body");
            for row in self.database.fetch(query.with(rows(named))).await.map_err(&failed)? {
                let of = fingerprint(&row, "fingerprint")?;
                examples.entry(of).or_default().push(samples::sample(&row)?);
            }
        }
        Ok(examples)
    }
}

/// Whose examples are shown for a cluster: its own, or of a family those of its most frequent members.
fn sources(cluster: &Cluster, members: &HashMap<Fingerprint, Vec<Alias>>) -> Vec<Fingerprint> {
    match members.get(&cluster.fingerprint) {
        None => vec![cluster.fingerprint],
        Some(members) => members.iter().take(Cluster::SAMPLES_MAX).map(|member| member.fingerprint).collect(),
    }
}

/// One example of each, then a second one of each, until there are enough: members differ, and that is what is to be seen.
fn in_turn(samples: &[&[Sample]]) -> Vec<Sample> {
    let rounds =
        (0..Cluster::SAMPLES_MAX).flat_map(|round| samples.iter().filter_map(move |of| of.get(round)));
    let mut taken: Vec<_> = rounds.take(Cluster::SAMPLES_MAX).cloned().collect();
    taken.sort_by(|one, other| (one.occurred, &one.body).cmp(&(other.occurred, &other.body)));
    taken
}

fn rows(fingerprints: &[Fingerprint]) -> Rows {
    Rows::default().texts("fingerprint", fingerprints.iter().map(Fingerprint::to_string))
}

fn fingerprint(row: &Row, column: &'static str) -> Result<Fingerprint, StoreError> {
    let text: String = row.text(column).map_err(StoreError::while_doing("reading a fingerprint"))?;
    text.parse().map_err(|_| StoreError::Inconsistent { table: "member", column, value: text })
}

fn alias(row: &Row) -> Result<Alias, StoreError> {
    let fingerprint = fingerprint(row, "fingerprint")?;
    (|| {
        Ok(Alias {
            fingerprint,
            message: row.text("message")?,
            reason: row.text("reason")?,
            since: row.time("since")?,
            count: row.number("count")?,
        })
    })()
    .map_err(StoreError::while_doing("reading aliases"))
}
