//! Families of clusters, and all that reads clusters.

use std::time::{Duration, Instant};

use super::*;
use crate::model::{Alias, Family, Merging};

const REASON: &str = "they differ in one word";

/// A family of these members, whose first is its id.
fn family(members: &[u8]) -> Family {
    Family {
        id: id(members[0]),
        aliases: members[1..].iter().map(|member| id(*member)).collect(),
        template: "no <*>".into(),
        reason: REASON.into(),
    }
}

/// A record whose message has a word of its own, at a time of its own.
fn worded(byte: u8, count: u64) -> Delta {
    let at = 500 + u64::from(byte);
    let detail =
        ClusterDetail { message: format!("no {byte}"), named_by_message: true, ..ClusterDetail::default() };
    Delta { detail: Some(Arc::new(detail)), ..delta(byte, count, at) }
}

/// A store with the clusters 1 to 6, of which each has as many records as its number.
async fn six(on: On) -> Running {
    let running = Running::start(on).await;
    running.store.commit(batch(1, (1..=6).map(|n| worded(n, n.into())).collect())).await.unwrap();
    running
}

async fn all(store: &Store) -> Vec<(Fingerprint, u64)> {
    let clusters = store.clusters(ClusterFilter::default()).await.unwrap();
    clusters.into_iter().map(|cluster| (cluster.fingerprint, cluster.count)).collect()
}

async fn one(store: &Store, byte: u8) -> Cluster {
    store.cluster(id(byte)).await.unwrap().unwrap()
}

async fn a_family_is_one_cluster_for_whoever_reads(on: On) {
    let Running { store, .. } = &six(on).await;
    let mut grave = worded(4, 1);
    grave.verdict.severity = Severity::Critical;
    store.commit(batch(2, vec![grave])).await.unwrap();
    assert!(store.set_families(&[family(&[2, 4, 5])], UnixNanos(700)).await.unwrap());

    // The latest first: 6 at 506, the family at 505, 3 at 503.
    assert_eq!(all(store).await, [(id(6), 6), (id(2), 12), (id(3), 3), (id(1), 1)]);
    let cluster = one(store, 2).await;
    for member in [4, 5] {
        assert_eq!(one(store, member).await, cluster, "{member} leads to it");
    }
    assert_eq!((cluster.first_seen, cluster.last_seen), (UnixNanos(502), UnixNanos(505)));
    assert_eq!(cluster.verdict.severity, Severity::Critical);
    assert_eq!(cluster.summary(), "no <*>");
    let bodies: Vec<_> = cluster.examples.iter().map(|example| example.body.as_str()).collect();
    assert_eq!(bodies, ["no 502", "no 504", "no 505"]);
    let alias = |byte, count| Alias {
        fingerprint: id(byte),
        message: format!("no {byte}"),
        reason: REASON.into(),
        since: UnixNanos(700),
        count,
    };
    let merging = Merging { aliases: vec![alias(4, 5), alias(5, 5)], alias_count: 2, separated_at: None };
    assert_eq!(cluster.merging, merging);

    let summary = store.summary().await.unwrap();
    assert_eq!((summary.clusters, summary.urgent, summary.by_category["internal_error"]), (4, 4, 4));
    assert_eq!(store.clusters_seen_since(UnixNanos(503)).await.unwrap(), 2);
    // What is asked of a cluster is asked of the whole family, and the limit counts families.
    let seen_since = Some(UnixNanos(504));
    let latest =
        ClusterFilter { seen_since, urgent: true, fixable: true, limit: Some(2), ..ClusterFilter::default() };
    let latest = store.clusters(latest).await.unwrap();
    assert_eq!(latest.iter().map(|cluster| cluster.fingerprint).collect::<Vec<_>>(), [id(6), id(2)]);
}

async fn a_window_counts_what_its_records_added_to_a_family(on: On) {
    let Running { store, .. } = &six(on).await;
    let first = store.close_window(UnixNanos(900)).await.unwrap();
    store.commit(batch(2, vec![worded(5, 2), worded(4, 1), worded(1, 1)])).await.unwrap();
    let second = store.close_window(UnixNanos(1_800)).await.unwrap();
    store.set_families(&[family(&[2, 4, 5])], UnixNanos(1_800)).await.unwrap();

    let counts = async |window| {
        let clusters = store.window_clusters(window).await.unwrap();
        clusters.into_iter().map(|cluster| (cluster.fingerprint, cluster.count)).collect::<Vec<_>>()
    };
    assert_eq!(counts(first.start).await, [(id(1), 1), (id(2), 11), (id(3), 3), (id(6), 6)]);
    assert_eq!(counts(second.start).await, [(id(1), 1), (id(2), 3)]);
}

/// A smaller fingerprint that joins later is the id from then on, and all other ids go on leading to it.
async fn an_id_that_became_an_alias_still_leads_to_its_error(on: On) {
    let Running { store, .. } = &six(on).await;
    store.set_families(&[family(&[2, 3, 4])], UnixNanos(700)).await.unwrap();
    let fix = store.claim_fix(&one(store, 4).await, UnixNanos(710)).await.unwrap().unwrap();
    assert_eq!((fix.fingerprint, fix.error_id), (id(2), id(2)));
    store.set_status(id(2), ClusterStatus::Ignored).await.unwrap();

    assert!(store.set_families(&[family(&[1, 2, 3, 4, 5])], UnixNanos(800)).await.unwrap());
    assert!(!store.set_families(&[family(&[1, 2, 3, 4, 5])], UnixNanos(900)).await.unwrap());
    let cluster = one(store, 2).await;
    assert_eq!((cluster.fingerprint, cluster.count), (id(1), 15));
    assert_eq!(cluster.fix_id.as_deref(), Some("020202020202-1"));
    assert_eq!(cluster.status, ClusterStatus::Ignored, "new members do not bring it up again");
    let since: Vec<_> = cluster.merging.aliases.iter().map(|alias| (alias.count, alias.since.0)).collect();
    assert_eq!(since, [(5, 800), (4, 700), (3, 700), (2, 700)]);
    assert_eq!(store.claim_fix(&cluster, UnixNanos(950)).await.unwrap(), None);
    let fix = store.fix("020202020202-1").await.unwrap().unwrap();
    assert_eq!((fix.fingerprint, fix.error_id), (id(2), id(1)), "its branch keeps its name");
    assert_eq!(store.unfinished_fixes().await.unwrap(), store.fixes().await.unwrap());
    // A record of any member counts at once.
    store.commit(batch(2, vec![Delta { detail: None, ..worded(3, 10) }])).await.unwrap();
    assert_eq!(one(store, 1).await.count, 25);
}

async fn one_fix_is_begun_for_a_family_whichever_member_it_was_begun_for(on: On) {
    let Running { store, .. } = &six(on).await;
    let alone = [one(store, 1).await, one(store, 2).await, one(store, 3).await, one(store, 6).await];
    store.claim_fix(&alone[2], UnixNanos(600)).await.unwrap().unwrap();
    store.claim_fix(&alone[1], UnixNanos(601)).await.unwrap().unwrap();
    store.set_families(&[family(&[1, 2, 3])], UnixNanos(700)).await.unwrap();

    assert_eq!(one(store, 1).await.fix_id.as_deref(), Some("030303030303-1"), "the first of two is told");
    // Also by who read the cluster before it was one of a family.
    for cluster in &alone[..3] {
        assert_eq!(store.claim_fix(cluster, UnixNanos(710)).await.unwrap(), None);
    }
    assert!(store.claim_fix(&alone[3], UnixNanos(710)).await.unwrap().is_some());
    assert_eq!(store.fixes().await.unwrap().len(), 3);
}

async fn what_is_said_of_one_member_is_said_of_all(on: On) {
    let Running { store, .. } = &six(on).await;
    store.set_families(&[family(&[1, 2])], UnixNanos(700)).await.unwrap();
    store.set_status(id(2), ClusterStatus::FixProposed).await.unwrap();
    assert_eq!(one(store, 1).await.status, ClusterStatus::FixProposed);
    store.set_families(&[], UnixNanos(800)).await.unwrap();
    for member in [1, 2] {
        assert_eq!(one(store, member).await.status, ClusterStatus::FixProposed);
    }
    assert_eq!(one(store, 3).await.status, ClusterStatus::New);
}

async fn what_people_separate_is_not_compared_until_they_rejoin_it(on: On) {
    let Running { store, .. } = &six(on).await;
    store.set_families(&[family(&[1, 2, 3])], UnixNanos(700)).await.unwrap();
    store.claim_fix(&one(store, 1).await, UnixNanos(710)).await.unwrap().unwrap();
    store.set_status(id(1), ClusterStatus::FixProposed).await.unwrap();

    assert_eq!(store.separate(id(9), UnixNanos(720)).await.unwrap(), None);
    assert_eq!(store.separate(id(2), UnixNanos(720)).await.unwrap(), Some(true));
    assert_eq!(store.separate(id(2), UnixNanos(730)).await.unwrap(), Some(false));
    assert_eq!(store.compared(100).await.unwrap(), [1, 3, 4, 5, 6].map(id));
    store.set_families(&[family(&[1, 3])], UnixNanos(740)).await.unwrap();
    let apart = one(store, 2).await;
    assert_eq!((apart.fingerprint, apart.count, apart.merging.alias_count), (id(2), 2, 0));
    assert_eq!(apart.merging.separated_at, Some(UnixNanos(720)));
    assert_eq!((apart.status, apart.fix_id), (ClusterStatus::Ongoing, None), "the fix was the others'");
    assert_eq!(one(store, 3).await.status, ClusterStatus::FixProposed);

    assert!(store.rejoin(id(2)).await.unwrap());
    assert!(!store.rejoin(id(2)).await.unwrap());
    assert_eq!(store.compared(100).await.unwrap(), [1, 2, 3, 4, 5, 6].map(id));
}

async fn only_what_is_named_by_its_message_is_compared_and_only_so_much_of_it(on: On) {
    let Running { store, .. } = &six(on).await;
    store.commit(batch(2, vec![delta(9, 1, 500)])).await.unwrap();
    assert_eq!(store.compared(4).await.unwrap(), [1, 2, 3, 4].map(id));
    let read = async |count, chars| {
        let templates = store.templates(count, chars).await.unwrap();
        templates.into_iter().map(|template| template.message).collect::<Vec<_>>()
    };
    let messages: Vec<_> = (1..=6).map(|n| format!("no {n}")).collect();
    assert_eq!(read(100, 1_000).await, messages);
    assert_eq!(read(2, 1_000).await, messages[..2]);
    assert_eq!(read(100, 15).await, messages[..3], "of four characters each");
}

/// Each member is seen in one window, the family in two.
async fn a_family_that_was_seen_before_is_not_new(on: On) {
    let Running { store, .. } = &six(on).await;
    let first = store.close_window(UnixNanos(900)).await.unwrap();
    store.commit(batch(2, vec![worded(7, 1)])).await.unwrap();
    let second = store.close_window(UnixNanos(1_800)).await.unwrap();
    store.set_families(&[family(&[1, 7]), family(&[3, 4])], UnixNanos(1_800)).await.unwrap();
    assert_eq!(one(store, 7).await.status, ClusterStatus::New);
    for window in [first.start, second.start] {
        store.age_families(window).await.unwrap();
    }
    assert_eq!(one(store, 7).await.status, ClusterStatus::Ongoing);
    assert_eq!(one(store, 3).await.status, ClusterStatus::New, "both were seen in the same window");
}

async fn families_outlive_a_restart_and_the_rows_of_their_members(on: On) {
    let running = six(on).await;
    running.store.set_families(&[family(&[1, 2, 3])], UnixNanos(700)).await.unwrap();
    running.store.separate(id(6), UnixNanos(710)).await.unwrap();
    let before = all(&running.store).await;
    let running = running.reopen().await;
    assert_eq!(all(&running.store).await, before);
    assert_eq!(running.store.compared(100).await.unwrap(), [1, 2, 3, 4, 5].map(id));

    // As one whose time is over.
    for gone in [1, 3] {
        let text = "DELETE FROM cluster WHERE fingerprint = $1";
        running.store.database.execute(engine::sql(text).bind(id(gone).to_string())).await.unwrap();
    }
    let left = one(&running.store, 2).await;
    assert_eq!((left.fingerprint, left.count, left.merging.alias_count), (id(1), 2, 1));
    running.store.set_families(&[], UnixNanos(800)).await.unwrap();
    let left = one(&running.store, 2).await;
    assert_eq!((left.fingerprint, left.count, left.merging.alias_count), (id(2), 2, 0));
    assert_eq!(running.store.cluster(id(1)).await.unwrap(), None);
}

/// Ten thousand clusters, a third of them one family, another third in families of four. The bound is generous, since it is
/// a test's build on a machine that does other things; what takes a second there takes some milliseconds in earnest.
async fn ten_thousand_clusters_are_read_at_once(on: On) {
    let Running { store, .. } = &Running::start(on).await;
    let numbered = |n: u32| Fingerprint::from_bytes(u128::from(n).to_be_bytes());
    for thousand in 0..10_u8 {
        let of = |n| Delta { fingerprint: numbered(u32::from(thousand) * 1_000 + n), ..worded(thousand, 1) };
        store.commit(batch(thousand, (0..1_000).map(of).collect())).await.unwrap();
    }
    let of = |members: std::ops::Range<u32>| Family {
        id: numbered(members.start),
        aliases: (members.start + 1..members.end).map(numbered).collect(),
        ..family(&[1])
    };
    let mut families = vec![of(0..3_333)];
    families.extend((3_333..6_664).step_by(4).map(|first| of(first..first + 4)));

    timed("families", store.set_families(&families, UnixNanos(700))).await.unwrap();
    let latest = ClusterFilter { limit: Some(100), ..ClusterFilter::default() };
    assert_eq!(timed("a list", store.clusters(latest)).await.unwrap().len(), 100);
    assert_eq!(timed("all", store.clusters(ClusterFilter::default())).await.unwrap().len(), 4_169);
    let largest = timed("one", store.cluster(numbered(9))).await.unwrap().unwrap();
    assert_eq!((largest.count, largest.merging.alias_count), (3_333, 3_332));
    assert_eq!(largest.merging.aliases.len(), Merging::ALIASES_MAX);
    let window = store.open_window_start().await.unwrap();
    assert_eq!(timed("a window", store.window_clusters(window)).await.unwrap().len(), 4_169);
    assert_eq!(timed("a summary", store.summary()).await.unwrap().clusters, 4_169);
    assert_eq!(timed("a claim", store.claim_fix(&largest, UnixNanos(1))).await.unwrap().iter().len(), 1);
    assert_eq!(timed("templates", store.templates(100_000, 1 << 25)).await.unwrap().len(), 10_000);
}

async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = work.await;
    println!("{what}: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(3), "{what} took {:?}", began.elapsed());
    done
}

/// A flood of one service takes no family of another apart, and leaves it its place in the comparison.
async fn where_not_all_can_be_compared_members_come_first_and_services_in_turn(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let of = |service: &str, byte: u8| {
        let service = service.to_owned();
        let message = format!("no {byte}");
        let detail = ClusterDetail { service, message, named_by_message: true, ..ClusterDetail::default() };
        Delta { detail: Some(Arc::new(detail)), ..delta(byte, 1, 500) }
    };
    let mut deltas: Vec<_> = (1..=6).map(|byte| of("flood", byte)).collect();
    deltas.extend((7..=9).map(|byte| of("shop", byte)));
    store.commit(batch(1, deltas)).await.unwrap();
    let (template, reason) = ("no <*>".to_owned(), "a test".to_owned());
    let family = Family { id: id(7), aliases: vec![id(8)], template, reason };
    store.set_families(&[family], UnixNanos(9)).await.unwrap();
    assert_eq!(store.compared(4).await.unwrap(), [1, 7, 8, 9].map(id));
    let templates = store.templates(100, 8).await.unwrap();
    let compared: Vec<_> = templates.into_iter().map(|template| template.fingerprint).collect();
    assert_eq!(compared, [7, 8].map(id), "members are compared whatever it costs");
}

on_each! {
    a_family_is_one_cluster_for_whoever_reads,
    a_window_counts_what_its_records_added_to_a_family,
    an_id_that_became_an_alias_still_leads_to_its_error,
    one_fix_is_begun_for_a_family_whichever_member_it_was_begun_for,
    what_is_said_of_one_member_is_said_of_all,
    what_people_separate_is_not_compared_until_they_rejoin_it,
    only_what_is_named_by_its_message_is_compared_and_only_so_much_of_it,
    a_family_that_was_seen_before_is_not_new,
    families_outlive_a_restart_and_the_rows_of_their_members,
    ten_thousand_clusters_are_read_at_once,
    where_not_all_can_be_compared_members_come_first_and_services_in_turn,
}
