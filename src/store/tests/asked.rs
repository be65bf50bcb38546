//! Fixes that people ask for, lists of fixes and of actions, and what has just changed.

use super::*;
use crate::model::Family;

async fn with_one(on: On) -> (Running, Cluster) {
    let running = Running::start(on).await;
    running.store.commit(batch(1, vec![delta(1, 1, 500), delta(2, 1, 501)])).await.unwrap();
    let cluster = running.store.cluster(id(1)).await.unwrap().unwrap();
    (running, cluster)
}

async fn another_try_takes_the_place_of_what_came_to_nothing(on: On) {
    let (running, cluster) = with_one(on).await;
    let store = &running.store;
    let asked = async |create_pr, at| store.claim_asked(&cluster, create_pr, UnixNanos(at)).await.unwrap();
    assert_eq!(store.last_asked_at().await.unwrap(), None);
    let Claimed::Begun(mut fix) = asked(false, 600).await else { panic!("nothing stands") };
    assert_eq!((fix.id.as_str(), fix.status), ("010101010101-1", FixStatus::Pending));
    assert!(!store.wants_pull_request(&fix.id).await.unwrap());
    assert_eq!(store.last_asked_at().await.unwrap(), Some(UnixNanos(600)));
    let stands = |claimed: &Claimed| matches!(claimed, Claimed::Standing(_));
    assert!(stands(&asked(true, 610).await), "it is being written");

    fix.status = FixStatus::Proposed;
    fix.generated_at = Some(UnixNanos(615));
    store.update_fix(&fix).await.unwrap();
    assert!(!store.is_wanted_as_it_is(&fix.id).await.unwrap());
    assert!(stands(&asked(false, 620).await), "the change is there");
    let Claimed::Begun(opened) = asked(true, 630).await else { panic!("its pull request is wanted") };
    assert_eq!((&opened.id, opened.status), (&fix.id, FixStatus::Pending));
    assert!(store.wants_pull_request(&fix.id).await.unwrap());
    assert!(store.is_wanted_as_it_is(&fix.id).await.unwrap());

    for status in [FixStatus::Draft, FixStatus::Merged] {
        store.update_fix(&Fix { status, ..fix.clone() }).await.unwrap();
        assert!(stands(&asked(true, 640).await), "{status}");
    }
    // Something of it may be at GitHub: another branch beside that would be another pull request.
    for (branch, pr_url) in
        [("logmend/internal_error/0101", None), ("", Some("https://github.com/acme/shop/pull/1"))]
    {
        let (branch, pr_url) = (branch.to_owned(), pr_url.map(str::to_owned));
        store.update_fix(&Fix { status: FixStatus::Failed, branch, pr_url, ..fix.clone() }).await.unwrap();
        assert!(stands(&asked(true, 650).await));
    }
    let nothing = [FixStatus::Closed, FixStatus::Failed, FixStatus::Declined, FixStatus::Regressed];
    for (attempt, status) in (2..).zip(nothing) {
        store.update_fix(&Fix { status, ..fix.clone() }).await.unwrap();
        let Claimed::Begun(next) = asked(true, 700 + u64::from(attempt)).await else {
            panic!("{status} stands")
        };
        assert_eq!((next.attempt(), next.status), (attempt, FixStatus::Pending));
        assert_eq!(store.claim_fix(&cluster, UnixNanos(800)).await.unwrap(), None, "triage begins no other");
        fix = next;
    }
    assert_eq!(store.cluster(id(1)).await.unwrap().unwrap().fix_id, Some(fix.id));
}

/// Many ask for members of one family at the same moment, and triage does too: one fix comes of it.
async fn one_fix_comes_of_many_who_ask_at_once(on: On) {
    let (running, cluster) = with_one(on).await;
    let store = &running.store;
    let (template, reason) = ("no <*>".to_owned(), "a test".to_owned());
    store
        .set_families(&[Family { id: id(1), aliases: vec![id(2)], template, reason }], UnixNanos(600))
        .await
        .unwrap();
    let asking = futures_join((0..8).map(|_| store.claim_asked(&cluster, true, UnixNanos(700))).collect());
    let (asked, _) = tokio::join!(asking, store.claim_fix(&cluster, UnixNanos(700)));
    let begun = asked.into_iter().filter(|asked| matches!(asked, Ok(Claimed::Begun(_)))).count();
    assert!(begun <= 1, "{begun}");
    assert_eq!(store.fixes().await.unwrap().len(), 1);
}

async fn fixes_and_actions_come_page_by_page(on: On) {
    let (running, cluster) = with_one(on).await;
    let store = &running.store;
    let mut ids = Vec::new();
    for at in 0..5 {
        // Two of the same moment: their ids order them.
        let Claimed::Begun(fix) = store.claim_asked(&cluster, true, UnixNanos(700 + at / 2)).await.unwrap()
        else {
            panic!("the one before failed")
        };
        store.update_fix(&Fix { status: FixStatus::Failed, ..fix.clone() }).await.unwrap();
        ids.push(fix.id);
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let filter = FixFilter { after, limit: Some(2), ..FixFilter::default() };
        let (page, next) = store.fixes_page(&filter).await.unwrap();
        seen.extend(page.into_iter().map(|fix| fix.id));
        let Some(next) = next else { break };
        after = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(seen.len(), 5);
    seen.sort();
    assert_eq!(seen, ids);
    let count = async |filter: FixFilter| {
        assert_eq!(
            store.fixes_page(&filter).await.unwrap().0.len() as u64,
            store.count_fixes(&filter).await.unwrap()
        );
        store.count_fixes(&filter).await.unwrap()
    };
    let all = FixFilter::default();
    assert_eq!(
        count(FixFilter { statuses: vec![FixStatus::Failed, FixStatus::Draft], ..all.clone() }).await,
        5
    );
    assert_eq!(count(FixFilter { statuses: vec![FixStatus::Draft], ..all.clone() }).await, 0);
    assert_eq!(count(FixFilter { error: Some(id(1)), ..all.clone() }).await, 5);
    assert_eq!(count(FixFilter { error: Some(id(2)), ..all.clone() }).await, 0);
    assert_eq!(count(FixFilter { ids: Some(ids[..2].to_vec()), ..all }).await, 2);
    for bad in ["", "x", "é", &"f".repeat(16), "000000000000000g01-1"] {
        assert!(bad.parse::<FixCursor>().is_err(), "{bad}");
    }

    for (at, actor) in [(1, "api"), (2, "logmend"), (3, "api")] {
        let entry = AuditEntry { at: UnixNanos(at), actor, action: "scan", subject: "s", outcome: "o" };
        store.audit(&entry).await.unwrap();
    }
    let audited = async |filter: AuditFilter| {
        let audited = store.audited(&AuditFilter { limit: 2, ..filter }).await.unwrap();
        audited.into_iter().map(|one| (one.id, one.at.0)).collect::<Vec<_>>()
    };
    let first = audited(AuditFilter::default()).await;
    assert_eq!(first.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [3, 2]);
    let rest = audited(AuditFilter { before: Some(first[1].0), ..AuditFilter::default() }).await;
    assert_eq!(rest.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [1]);
    assert_eq!(
        audited(AuditFilter { actor: Some("logmend".into()), ..AuditFilter::default() }).await.len(),
        1
    );
    assert_eq!(audited(AuditFilter { subject: Some("none".into()), ..AuditFilter::default() }).await, []);
}

async fn what_changed_is_found_by_when_it_did(on: On) {
    let (running, cluster) = with_one(on).await;
    let store = &running.store;
    let changed = async |since| store.changed_clusters(UnixNanos(since), 10).await.unwrap();
    // The requests of the suite are stamped with 1,000, what people do with the store's clock.
    assert_eq!(changed(999).await, [(id(1), UnixNanos(1_000)), (id(2), UnixNanos(1_000))]);
    assert_eq!(changed(1_000).await, []);
    store.handle(id(2), Handling::Ignore, "api", UnixNanos(2_000)).await.unwrap();
    assert_eq!(changed(1_000).await, [(id(2), UnixNanos(2_000))]);
    assert_eq!(store.changed_clusters(UnixNanos(0), 1).await.unwrap().len(), 1);
    let listed =
        store.clusters(ClusterFilter { ids: Some(vec![id(2)]), ..ClusterFilter::default() }).await.unwrap();
    assert_eq!(listed.len(), 1);

    assert_eq!(store.changed_fixes(UnixNanos(0), 9).await.unwrap(), []);
    let fix = store.claim_fix(&cluster, UnixNanos(3_000)).await.unwrap().unwrap();
    assert_eq!(store.changed_fixes(UnixNanos(2_999), 9).await.unwrap(), [(fix.id, UnixNanos(3_000))]);

    assert_eq!(store.ended_windows().await.unwrap(), []);
    let closed = store.close_window(UnixNanos(4_000)).await.unwrap();
    let mut ended =
        EndedWindow { start: closed.start, closed_at: UnixNanos(4_000), triaged_at: None, clusters: 2 };
    assert_eq!(store.ended_windows().await.unwrap(), [ended]);
    store.mark_triaged(closed.start, UnixNanos(4_100)).await.unwrap();
    ended.triaged_at = Some(UnixNanos(4_100));
    assert_eq!(store.ended_windows().await.unwrap(), [ended]);
    let key = async |fresh| store.shared_secret("key", fresh).await.unwrap();
    assert_eq!((key("one").await, key("two").await), ("one".into(), "one".into()));
}

on_each! {
    another_try_takes_the_place_of_what_came_to_nothing,
    one_fix_comes_of_many_who_ask_at_once,
    fixes_and_actions_come_page_by_page,
    what_changed_is_found_by_when_it_did,
}
