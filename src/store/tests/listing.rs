//! Lists of errors: what is asked of them, page by page; and what people say of one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;
use crate::model::Family;

fn of(byte: u8, at: u64, change: impl FnOnce(&mut Delta, &mut ClusterDetail)) -> Delta {
    let mut delta = delta(byte, 1, at);
    let mut detail =
        ClusterDetail { message: format!("no {byte}"), ..(**delta.detail.as_ref().unwrap()).clone() };
    change(&mut delta, &mut detail);
    Delta { detail: Some(Arc::new(detail)), ..delta }
}

/// Errors 1 to 6, the later ones seen later; 4 and 5 are a family.
async fn some(on: On) -> Running {
    let running = Running::start(on).await;
    let deltas = vec![
        of(1, 501, |delta, detail| {
            delta.verdict.category = Category::UNKNOWN;
            detail.service = "Größe".into();
        }),
        of(2, 502, |delta, _| delta.verdict.severity = Severity::Low),
        of(3, 503, |delta, detail| {
            delta.verdict.fixable = false;
            detail.message = r"100% of C:\temp_dir".into();
        }),
        of(4, 504, |_, _| ()),
        of(5, 505, |delta, _| delta.verdict.severity = Severity::Critical),
        of(6, 506, |_, detail| detail.error_type = "IOError".into()),
    ];
    running.store.commit(batch(1, deltas)).await.unwrap();
    let family =
        Family { id: id(4), aliases: vec![id(5)], template: "no <*>".into(), reason: "a test".into() };
    running.store.set_families(&[family], UnixNanos(600)).await.unwrap();
    running
}

async fn a_filter_asks_of_an_error_what_it_says(on: On) {
    let running = some(on).await;
    let store = &running.store;
    let check = async |filter: ClusterFilter, expected: &[u8]| {
        let listed = store.clusters(filter.clone()).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|cluster| cluster.fingerprint).collect();
        let expected: Vec<_> = expected.iter().copied().map(id).collect();
        assert_eq!(listed, expected, "{filter:?}");
        assert_eq!(store.count_clusters(&filter).await.unwrap(), expected.len() as u64, "{filter:?}");
    };
    let all = ClusterFilter::default();
    check(all.clone(), &[6, 4, 3, 2, 1]).await;
    check(ClusterFilter { service: Some("Größe".into()), ..all.clone() }, &[1]).await;
    check(ClusterFilter { category: Some(Category::UNKNOWN), ..all.clone() }, &[1]).await;
    let severities = vec![Severity::Critical, Severity::Low];
    check(ClusterFilter { severities, ..all.clone() }, &[4, 2]).await;
    check(ClusterFilter { fixable: true, seen_since: Some(UnixNanos(502)), ..all.clone() }, &[6, 4, 2]).await;
    for (text, expected) in [
        ("NO ", &[6, 4, 2, 1][..]),
        ("ioerr", &[6]),
        ("GRÖSSE", &[]),
        ("größe", &[1]),
        ("0% of c:\\TEMP_d", &[3]),
        ("0_ of", &[]),
        ("%", &[3]),
        ("0505", &[4]),
        ("02020202020202020202020202020202", &[2]),
    ] {
        check(ClusterFilter { text: Some(text.into()), ..all.clone() }, expected).await;
    }

    let of_status = |status| ClusterFilter { statuses: vec![status], ..all.clone() };
    check(of_status(ClusterStatus::New), &[6, 4, 3, 2, 1]).await;
    store.set_status(id(4), ClusterStatus::Fixed).await.unwrap();
    store.set_status(id(1), ClusterStatus::Ignored).await.unwrap();
    check(of_status(ClusterStatus::Fixed), &[4]).await;
    check(of_status(ClusterStatus::Ignored), &[1]).await;
    check(
        ClusterFilter { statuses: vec![ClusterStatus::Fixed, ClusterStatus::New], ..all.clone() },
        &[6, 4, 3, 2],
    )
    .await;
    // In other words, and later than the fixed one was: the family has regressed.
    store.commit(batch(2, vec![of(7, 507, |_, _| ())])).await.unwrap();
    let family =
        Family { id: id(4), aliases: vec![id(5), id(7)], template: "no <*>".into(), reason: "a test".into() };
    store.set_families(&[family], UnixNanos(700)).await.unwrap();
    check(of_status(ClusterStatus::Regressed), &[4]).await;
    check(of_status(ClusterStatus::Fixed), &[]).await;
}

/// However long pages are, and whatever is seen meanwhile: nothing comes twice, and nothing is left out that stayed as it was.
async fn pages_hold_each_error_once(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    // Many at the same moment: their ids order them.
    let deltas = (1..=30).map(|byte| of(byte, 500 + u64::from(byte / 10), |_, _| ())).collect();
    store.commit(batch(1, deltas)).await.unwrap();
    let (template, reason) = ("no <*>".to_owned(), "a test".to_owned());
    let family = Family { id: id(8), aliases: vec![id(9), id(11)], template, reason };
    store.set_families(&[family], UnixNanos(600)).await.unwrap();
    for length in [1, 7, 28, 100] {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let filter = ClusterFilter { after, limit: Some(length), ..ClusterFilter::default() };
            let page = store.page(filter).await.unwrap();
            assert!(page.clusters.len() <= length as usize);
            seen.extend(page.clusters.iter().map(|cluster| cluster.fingerprint));
            let Some(next) = page.next else { break };
            after = Some(next.to_string().parse().unwrap());
            if seen.len() == 7 {
                let again = vec![of(1, 900 + u64::from(length), |_, _| ())];
                store.commit(batch(100 + u8::try_from(length).unwrap(), again)).await.unwrap();
            }
        }
        assert_eq!(seen.len(), seen.iter().collect::<BTreeSet<_>>().len(), "none twice");
        assert!(seen.len() >= 27, "{}", seen.len());
    }
}

async fn the_beginning_of_an_id_means_its_error(on: On) {
    let running = some(on).await;
    let named = async |prefix: &str| running.store.named(prefix).await.unwrap();
    assert_eq!(named("01").await, Named::One(id(1)));
    assert_eq!(named(&id(3).to_string()).await, Named::One(id(3)));
    assert_eq!(named("0505").await, Named::One(id(4)), "an alias leads to its error");
    assert_eq!(named("05050506").await, Named::Nothing);
    for bad in ["", "x", "01g", "é", &"0".repeat(33), "%", "0%"] {
        assert_eq!(named(bad).await, Named::Nothing, "{bad}");
    }
    let Named::Several(likely) = named("0").await else { panic!("all begin so") };
    assert_eq!(likely.iter().map(|likely| likely.id).collect::<Vec<_>>(), [1, 2, 3, 4, 6].map(id));
    assert_eq!((likely[3].message.as_str(), likely[0].service.as_str()), ("no <*>", "Größe"));
}

async fn what_people_say_of_an_error_holds_for_its_family_and_is_noted(on: On) {
    let running = some(on).await;
    let store = &running.store;
    let handled =
        async |byte, handling| store.handle(id(byte), handling, "api", UnixNanos(700)).await.unwrap();
    let status = async |byte| store.cluster(id(byte)).await.unwrap().unwrap().status;
    assert_eq!(handled(5, Handling::Ignore).await, Some(ClusterStatus::Ignored));
    assert_eq!(status(4).await, ClusterStatus::Ignored);
    assert_eq!(handled(4, Handling::Reopen).await, Some(ClusterStatus::Ongoing));
    assert_eq!(handled(9, Handling::Ignore).await, None);

    let cluster = store.cluster(id(6)).await.unwrap().unwrap();
    let mut fix = store.claim_fix(&cluster, UnixNanos(700)).await.unwrap().unwrap();
    fix.status = FixStatus::Draft;
    store.update_fix(&fix).await.unwrap();
    handled(6, Handling::Ignore).await;
    assert_eq!(handled(6, Handling::Reopen).await, Some(ClusterStatus::FixProposed));

    // What its window had counted before it was resolved is no regression; what comes after is one.
    handled(3, Handling::Resolve).await;
    handled(2, Handling::Resolve).await;
    store.commit(batch(2, vec![of(2, 510, |_, _| ())])).await.unwrap();
    store.close_window(UnixNanos(900)).await.unwrap();
    assert_eq!((status(3).await, status(2).await), (ClusterStatus::Fixed, ClusterStatus::Regressed));
    store.commit(batch(3, vec![of(3, 520, |_, _| ())])).await.unwrap();
    store.close_window(UnixNanos(1_000)).await.unwrap();
    assert_eq!(status(3).await, ClusterStatus::Regressed);

    let noted =
        "SELECT count(*) FROM audit WHERE actor = 'api' AND action IN ('ignore', 'resolve', 'reopen')";
    assert_eq!(store.database.one(noted).await.unwrap().number(0).unwrap(), 6);
}

/// Ten thousand errors with long traces. The bound is that of a test's build on a machine that does other things; in earnest it
/// is a tenth of it.
async fn ten_thousand_errors_are_listed_at_once(on: On) {
    let Running { store, .. } = &Running::start(on).await;
    let numbered = |n: u32| Fingerprint::from_bytes(u128::from(n).to_be_bytes());
    let trace = "  at com.example.shop.cart.CartService.add(CartService.java:42)\n".repeat(60);
    for thousand in 0..10_u8 {
        let of = |n: u32| {
            let detail = ClusterDetail {
                service: format!("service-{}", n % 50),
                error_type: "KeyError".into(),
                message: format!("no {n} in a message that goes on and on until it has some length: {n:080}"),
                stack_trace: trace.clone(),
                ..ClusterDetail::default()
            };
            let number = u32::from(thousand) * 1_000 + n;
            let detail = Some(Arc::new(detail));
            Delta { fingerprint: numbered(number), detail, ..delta(thousand, 1, 500 + u64::from(number)) }
        };
        store.commit(batch(thousand, (0..1_000).map(of).collect())).await.unwrap();
    }
    let latest = ClusterFilter { limit: Some(50), ..ClusterFilter::default() };
    let timed = async |what: &str, filter: ClusterFilter, expected: usize| {
        let began = Instant::now();
        let page = store.page(filter.clone()).await.unwrap();
        let (listed, began_counting) = (began.elapsed(), Instant::now());
        store.count_clusters(&filter).await.unwrap();
        println!("{what}: {listed:?}, counted in {:?}", began_counting.elapsed());
        assert_eq!(page.clusters.len(), expected, "{what}");
        assert!(began.elapsed() < Duration::from_secs(3), "{what} took {:?}", began.elapsed());
        page
    };
    let first = timed("the first page", latest.clone(), 50).await;
    timed("the next page", ClusterFilter { after: first.next, ..latest.clone() }, 50).await;
    timed("one service", ClusterFilter { service: Some("service-7".into()), ..latest.clone() }, 50).await;
    timed("no service", ClusterFilter { service: Some("none".into()), ..latest.clone() }, 0).await;
    timed("no status", ClusterFilter { statuses: vec![ClusterStatus::Ignored], ..latest.clone() }, 0).await;
    timed("a text", ClusterFilter { text: Some("No 999 in".into()), ..latest.clone() }, 10).await;
    timed("no text", ClusterFilter { text: Some("nowhere".into()), ..latest.clone() }, 0).await;
    let began = Instant::now();
    assert!(matches!(store.named("000").await.unwrap(), Named::Several(ten) if ten.len() == 10));
    println!("a prefix: {:?}", began.elapsed());
    let began = Instant::now();
    assert_eq!(store.summary().await.unwrap().clusters, 10_000);
    println!("a summary: {:?}", began.elapsed());
}

on_each! {
    a_filter_asks_of_an_error_what_it_says,
    pages_hold_each_error_once,
    the_beginning_of_an_id_means_its_error,
    what_people_say_of_an_error_holds_for_its_family_and_is_noted,
    ten_thousand_errors_are_listed_at_once,
}
