//! The examples of clusters.

use crate::model::{Cluster, Delta, Sample};
use crate::store::StoreError;
use crate::store::engine::{Rows, Transaction, sql};

/// Keeps samples where their text is new and there is room.
pub(super) async fn keep(transaction: &mut Transaction, deltas: &[Delta]) -> Result<(), StoreError> {
    let failed = StoreError::while_doing("keeping examples");
    let samples = || deltas.iter().flat_map(|delta| delta.samples.iter().map(move |sample| (delta, sample)));
    if samples().next().is_none() {
        return Ok(());
    }
    let attributes =
        |sample: &Sample| serde_json::to_string(&sample.attributes).unwrap_or_else(|_| "{}".to_owned());
    let rows = Rows::default()
        .texts("fingerprint", samples().map(|(delta, _)| delta.fingerprint.to_string()))
        .texts("body", samples().map(|(_, sample)| sample.body.as_str()))
        .integers("occurred", samples().map(|(_, sample)| sample.occurred.to_i64()))
        .texts("trace_id", samples().map(|(_, sample)| sample.trace_id.as_str()))
        .texts("attributes", samples().map(|(_, sample)| attributes(sample)));
    let kept = sql(
        "INSERT INTO sample (fingerprint, body, occurred, trace_id, attributes)
         SELECT r.fingerprint, r.body, r.occurred, r.trace_id, r.attributes
         FROM (SELECT fingerprint, body, occurred, trace_id, attributes,
                 row_number() OVER (PARTITION BY fingerprint ORDER BY occurred, body) AS place FROM {rows}) AS r
         WHERE r.place + (SELECT count(*) FROM sample s WHERE s.fingerprint = r.fingerprint) <= $1
         ON CONFLICT DO NOTHING",
    );
    transaction.execute(kept.bind(Cluster::SAMPLES_MAX as u64).with(rows)).await.map(drop).map_err(failed)
}
