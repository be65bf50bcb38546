//! Merging over a store on a real SQLite file.

use super::*;
use crate::model::{Category, ClusterDetail, Delta, HeldBack, Severity, SeverityNumber, Verdict, Way};
use crate::store::{Batch, ClusterFilter, Settings, Store};

struct World {
    triage: Triage,
    batches: u8,
    _folder: tempfile::TempDir,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::sqlite(folder.path().join("test.db"));
        let (store, writer) = Store::open(&settings, || UnixNanos(1)).await.unwrap();
        tokio::spawn(writer.run(tokio_util::sync::CancellationToken::new()));
        let triage = Triage::new(store, crate::triage::Settings::default(), false, std::sync::Arc::default());
        Self { triage, batches: 0, _folder: folder }
    }

    /// One record for each of these numbers, of the template that the number has.
    async fn commit(&mut self, numbers: impl IntoIterator<Item = u8>, detail: fn(u8) -> ClusterDetail) {
        self.batches += 1;
        let deltas = numbers.into_iter().map(|n| delta(n, detail(n))).collect();
        let batch = Batch {
            digest: [self.batches; 16],
            received: UnixNanos(1),
            way: Way::Sent,
            known_hole: UnixNanos::default(),
            deltas,
            moves: Vec::new(),
        };
        self.triage.store.commit(batch).await.unwrap();
    }

    async fn merge(&self) {
        self.triage.merge(UnixNanos(9)).await.unwrap();
    }

    /// The clusters by id, each with how many aliases it has.
    async fn clusters(&self) -> Vec<(u8, u64)> {
        let clusters = self.triage.store.clusters(ClusterFilter::default()).await.unwrap();
        let number = |id: Fingerprint| id.as_bytes()[0];
        clusters.iter().map(|cluster| (number(cluster.fingerprint), cluster.merging.alias_count)).collect()
    }
}

fn id(n: u8) -> Fingerprint {
    Fingerprint::from_bytes([n; 16])
}

fn delta(n: u8, detail: ClusterDetail) -> Delta {
    Delta {
        fingerprint: id(n),
        count: 1,
        first_seen: UnixNanos(1),
        last_seen: UnixNanos(1),
        severity_number: SeverityNumber::ERROR,
        verdict: Verdict {
            rule: "r".into(),
            category: Category::INTERNAL_ERROR,
            severity: Severity::High,
            fixable: true,
            suggested_fix: "".into(),
        },
        detail: Some(std::sync::Arc::new(detail)),
        samples: Vec::new(),
        held: HeldBack::default(),
        passages: Vec::new(),
    }
}

fn worded(n: u8) -> ClusterDetail {
    let word = char::from(b'a' + n).to_string().repeat(5);
    ClusterDetail {
        service: "shop".into(),
        message: format!("Exporter {word} stopped"),
        named_by_message: true,
        ..ClusterDetail::default()
    }
}

#[tokio::test]
async fn what_is_known_is_compared_when_it_has_changed() {
    let mut world = World::start().await;
    world.commit(2..14, worded).await;
    world.merge().await;
    assert_eq!(world.clusters().await, [(2, 11)]);

    // What was one stays one, whatever could be compared: a fix may have been claimed for it.
    world.triage.store.set_families(&[], UnixNanos(9)).await.unwrap();
    world.merge().await;
    assert_eq!(world.clusters().await, [(2, 11)]);
    world.commit([1], worded).await;
    world.merge().await;
    assert_eq!(world.clusters().await, [(1, 12)]);
}

#[tokio::test]
async fn one_that_people_separate_stays_out_and_the_others_go_on() {
    let mut world = World::start().await;
    world.commit(1..14, worded).await;
    world.merge().await;
    // The one whose id it is: the others have the next.
    world.triage.store.separate(id(1), UnixNanos(5)).await.unwrap();
    world.merge().await;
    assert_eq!(world.clusters().await, [(1, 0), (2, 11)]);
    world.commit([14], worded).await;
    world.merge().await;
    assert_eq!(world.clusters().await, [(1, 0), (2, 12)]);
    world.triage.store.rejoin(id(1)).await.unwrap();
    world.merge().await;
    assert_eq!(world.clusters().await, [(1, 13)]);
}

#[tokio::test]
async fn what_is_named_by_its_frames_is_not_compared() {
    let mut world = World::start().await;
    world.commit(1..13, |n| ClusterDetail { named_by_message: false, ..worded(n) }).await;
    world.merge().await;
    assert_eq!(world.clusters().await.len(), 12);
}

/// Two services are never one, nor two types; a type that is spelled in two ways is.
#[tokio::test]
async fn services_and_types_keep_errors_apart() {
    let mut world = World::start().await;
    world.commit(1..13, worded).await;
    world.commit(13..25, |n| ClusterDetail { service: "till".into(), ..worded(n - 12) }).await;
    let spelled = |n| {
        let error_type = if n % 2 == 0 { "shop.errors.Closed" } else { "Closed" };
        ClusterDetail { error_type: error_type.into(), ..worded(n - 24) }
    };
    world.commit(25..37, spelled).await;
    world.merge().await;
    assert_eq!(world.clusters().await, [(1, 11), (13, 11), (25, 11)]);
}

/// A new process compares once, whoever merged before it: it may hold another algorithm.
#[tokio::test]
async fn a_new_process_compares_once() {
    let mut world = World::start().await;
    world.commit(1..13, worded).await;
    world.merge().await;
    let store = world.triage.store.clone();
    store.set_families(&[], UnixNanos(9)).await.unwrap();
    world.triage = Triage::new(store, crate::triage::Settings::default(), false, std::sync::Arc::default());
    world.merge().await;
    assert_eq!(world.clusters().await, [(1, 11)]);
}
