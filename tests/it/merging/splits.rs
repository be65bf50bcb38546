//! However records are ordered, spread over replicas and cut into windows: once the last window is merged the clusters are
//! the same.

use std::sync::Arc;

use logmend::classify::{Catalogue, Rules};
use logmend::model::{Transport, UnixNanos};
use logmend::pipeline::Pipeline;
use logmend::store::{self, ClusterFilter, Store};
use logmend::triage::{self, Triage};
use proptest::prelude::*;
use prost::Message as _;
use tokio_util::sync::CancellationToken;

use super::{ERROR, WORDS};
use crate::support::otlp;

const REPLICAS: usize = 3;

/// One record, and what becomes of the stream after it.
#[derive(Debug, Clone)]
struct Sent {
    /// When it happened: its own, wherever it stands.
    at: u64,
    service: &'static str,
    /// One type, spelled as two SDKs do.
    error_type: &'static str,
    body: String,
}

fn bodies() -> impl Strategy<Value = String> {
    let word = prop::sample::select(&WORDS[..]);
    prop_oneof![
        6 => word.clone().prop_map(super::message),
        2 => word.clone().prop_map(|word| format!("Listener {word} gave up: connection refused by peer")),
        1 => word.prop_map(|word| format!("FATAL no memory left in {word}")),
        1 => Just("the index is out of date".to_owned()),
    ]
}

/// Every word at least once, and more.
fn records() -> impl Strategy<Value = Vec<Sent>> {
    let service = prop::sample::select(&["shop", "till"][..]);
    let error_type = prop::sample::select(&["", "Closed", "shop.errors.Closed"][..]);
    let more = prop::collection::vec((service, error_type, bodies()), 4..16);
    more.prop_map(|more| {
        let every = WORDS
            .iter()
            .flat_map(|word| ["", "Closed"].map(|error_type| ("shop", error_type, super::message(word))));
        let all = every.chain(more).zip(1..);
        all.map(|((service, error_type, body), n)| Sent { at: n * 1_000, service, error_type, body })
            .collect()
    })
}

/// The records in another order, each with the replica that takes it and whether the window ends after it.
fn deliveries() -> impl Strategy<Value = (Vec<Sent>, Vec<(Sent, usize, bool)>)> {
    records().prop_flat_map(|records| {
        let ways = prop::collection::vec((0..REPLICAS, prop::bool::weighted(0.2)), records.len());
        (Just(records.clone()), Just(records).prop_shuffle(), ways).prop_map(|(records, shuffled, ways)| {
            let split = shuffled.into_iter().zip(ways).map(|(sent, (replica, cut))| (sent, replica, cut));
            (records, split.collect())
        })
    })
}

/// What the clusters are once all was sent and the last window is merged: one line for each.
#[expect(clippy::disallowed_methods, reason = "a test's own task")]
async fn clusters_of(deliveries: impl IntoIterator<Item = (Sent, usize, bool)>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let settings = store::Settings::sqlite(folder.path().join("test.db"));
    let (store, writer) = Store::open(&settings, || UnixNanos(1)).await.unwrap();
    let stop = CancellationToken::new();
    let writer = tokio::spawn(writer.run(stop.clone()));
    let pipelines: [_; REPLICAS] = std::array::from_fn(|_| {
        Pipeline::new(Rules::new(Catalogue::built_in()).unwrap(), store.clone(), true)
    });
    let triage = Triage::new(store.clone(), triage::Settings::default(), false, Arc::default());
    let mut now = UnixNanos(1_000_000);
    for (sent, replica, cut) in deliveries {
        let mut record = otlp::record(ERROR, &sent.body);
        (record.time_unix_nano, record.observed_time_unix_nano) = (sent.at, sent.at);
        if !sent.error_type.is_empty() {
            record.attributes.push(otlp::attribute("exception.type", sent.error_type));
        }
        let request = otlp::request(sent.service, vec![record]).encode_to_vec();
        pipelines[replica].process(request.into(), now, Transport::Grpc).await.unwrap();
        now.0 += 1;
        if cut {
            triage.close_window(now, false, "test").await.unwrap();
        }
    }
    triage.close_window(now, false, "test").await.unwrap();
    let clusters = store.clusters(ClusterFilter::default()).await.unwrap();
    let lines = clusters.iter().map(|cluster| {
        let aliases = cluster.merging.aliases.iter().map(|alias| (alias.fingerprint, alias.count));
        format!(
            "{} {:?} {} {}..{} {:?} {} {:?}",
            cluster.fingerprint,
            cluster.detail.message,
            cluster.count,
            cluster.first_seen.0,
            cluster.last_seen.0,
            cluster.verdict,
            cluster.detail.service,
            aliases.collect::<Vec<_>>()
        )
    });
    let lines = lines.collect();
    stop.cancel();
    writer.await.unwrap();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 50, ..ProptestConfig::default() })]
    #[test]
    fn order_replicas_and_windows_make_no_difference((records, split) in deliveries()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (straight, split) = runtime.block_on(async {
            let straight = clusters_of(records.into_iter().map(|sent| (sent, 0, false))).await;
            (straight, clusters_of(split).await)
        });
        prop_assert!(straight.iter().any(|line| line.contains("<*>")), "nothing was merged: {straight:#?}");
        prop_assert_eq!(straight, split);
    }
}
