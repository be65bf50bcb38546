//! The examples of clusters.

use std::collections::HashMap;

use crate::model::{Delta, Sample, UnixNanos, samples};
use crate::store::StoreError;
use crate::store::engine::{Row, Rows, Transaction, sql};

/// Keeps the samples of which the examples of their cluster show more, in place of others where there is no room.
pub(super) async fn keep(
    transaction: &mut Transaction,
    window_start: UnixNanos,
    deltas: &[Delta],
) -> Result<(), StoreError> {
    let bringing: Vec<_> = deltas.iter().filter(|delta| !delta.samples.is_empty()).collect();
    if bringing.is_empty() {
        return Ok(());
    }
    let mut kept = kept(transaction, &bringing).await?;
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for delta in bringing {
        let fingerprint = delta.fingerprint.to_string();
        let (digests, kept): (Vec<_>, Vec<_>) =
            kept.remove(&fingerprint).unwrap_or_default().into_iter().unzip();
        let admitted = samples::admit(&kept, &delta.samples);
        gone.extend(admitted.removed.iter().map(|place| (fingerprint.clone(), digests[*place].clone())));
        come.extend(admitted.added.iter().map(|place| (fingerprint.clone(), &delta.samples[*place])));
    }
    replace(transaction, window_start, &gone, &come)
        .await
        .map_err(StoreError::while_doing("keeping examples"))
}

/// The samples that are kept of these clusters, each with its digest.
async fn kept(
    transaction: &mut Transaction,
    deltas: &[&Delta],
) -> Result<HashMap<String, Vec<(String, Sample)>>, StoreError> {
    let failed = StoreError::while_doing("reading examples");
    let rows = Rows::default().texts("fingerprint", deltas.iter().map(|delta| delta.fingerprint.to_string()));
    let read =
        sql("SELECT s.fingerprint, s.digest, s.occurred, s.body, s.trace_id, s.attributes FROM sample s
         WHERE s.fingerprint IN (SELECT rows.fingerprint FROM {rows}) ORDER BY s.occurred, s.digest");
    let mut kept = HashMap::<_, Vec<_>>::new();
    for row in transaction.fetch(read.with(rows)).await.map_err(&failed)? {
        let (fingerprint, digest) = (row.text("fingerprint"), row.text("digest"));
        let of = kept.entry(fingerprint.map_err(&failed)?).or_default();
        of.push((digest.map_err(&failed)?, sample(&row)?));
    }
    Ok(kept)
}

async fn replace(
    transaction: &mut Transaction,
    window_start: UnixNanos,
    gone: &[(String, String)],
    come: &[(String, &Sample)],
) -> Result<(), sqlx::Error> {
    if !gone.is_empty() {
        let rows = Rows::default()
            .texts("fingerprint", gone.iter().map(|(fingerprint, _)| fingerprint.as_str()))
            .texts("digest", gone.iter().map(|(_, digest)| digest.as_str()));
        let removed =
            sql("DELETE FROM sample WHERE (fingerprint, digest) IN (SELECT fingerprint, digest FROM {rows})");
        transaction.execute(removed.with(rows)).await?;
    }
    if come.is_empty() {
        return Ok(());
    }
    let rows = Rows::default()
        .texts("fingerprint", come.iter().map(|(fingerprint, _)| fingerprint.as_str()))
        .texts("digest", come.iter().map(|(_, sample)| digest(sample)))
        .texts("body", come.iter().map(|(_, sample)| sample.body.as_str()))
        .integers("occurred", come.iter().map(|(_, sample)| sample.occurred.to_i64()))
        .texts("trace_id", come.iter().map(|(_, sample)| sample.trace_id.as_str()))
        .texts("attributes", come.iter().map(|(_, sample)| json(sample)));
    let added = sql("INSERT INTO sample (fingerprint, digest, body, occurred, trace_id, attributes, kept_in)
         SELECT fingerprint, digest, body, occurred, trace_id, attributes, $1 FROM {rows} WHERE TRUE
         ON CONFLICT DO NOTHING");
    transaction.execute(added.bind(window_start.to_i64()).with(rows)).await.map(drop)
}

pub(super) fn sample(row: &Row) -> Result<Sample, StoreError> {
    let failed = StoreError::while_doing("reading examples");
    let attributes = row.text("attributes").map_err(&failed)?;
    Ok(Sample {
        occurred: row.time("occurred").map_err(&failed)?,
        body: row.text("body").map_err(&failed)?,
        trace_id: row.text("trace_id").map_err(&failed)?,
        attributes: serde_json::from_str(&attributes).map_err(|_| StoreError::Inconsistent {
            table: "sample",
            column: "attributes",
            value: attributes,
        })?,
    })
}

fn json(sample: &Sample) -> String {
    serde_json::to_string(&sample.attributes).unwrap_or_else(|_| "{}".to_owned())
}

/// What tells a sample from others of its cluster: its text and its attributes.
fn digest(sample: &Sample) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(sample.body.as_bytes()).update(&[0]).update(json(sample).as_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}
