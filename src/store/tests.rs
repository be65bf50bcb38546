//! One suite for all stores: a real SQLite file, and a database of a real PostgreSQL, straight and through a real PgBouncer.

use std::sync::Arc;

use super::*;
use crate::engines;
use crate::model::{
    Category, Cluster, ClusterDetail, ClusterStatus, Delta, Fingerprint, Fix, FixStatus, HeldBack, Sample,
    Severity, SeverityNumber, Verdict, Way,
};

mod asked;
mod budgets;
mod encrypted;
mod families;
mod follow;
mod holes;
mod hours;
mod learning;
mod listing;
mod migrations;
mod overview;
mod replicas;
mod retention;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy)]
enum On {
    Sqlite,
    Postgres,
    /// PostgreSQL behind a pooler that lends connections for one transaction.
    PgBouncer,
}

/// Every test once on each database.
macro_rules! on_each {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test] async fn $test() { super::$test(super::On::Sqlite).await; })+
        }
        mod on_postgres {
            $(#[tokio::test] async fn $test() { super::$test(super::On::Postgres).await; })+
        }
        mod on_pgbouncer {
            $(#[tokio::test] async fn $test() { super::$test(super::On::PgBouncer).await; })+
        }
    };
}
use on_each;

/// A database, and its URL at the pooler that the tests of this process share.
fn pooled() -> (engines::Database, String) {
    static POOLER: std::sync::OnceLock<engines::PgBouncer> = std::sync::OnceLock::new();
    let database = engines::Postgres::database();
    let pooler = POOLER.get_or_init(|| engines::PgBouncer::transaction_mode(engines::Postgres::shared()));
    let url = format!("{}?pgbouncer=true", database.url_at(pooler.port()));
    (database, url)
}

struct Running {
    store: Store,
    stop: tokio_util::sync::CancellationToken,
    writer: tokio::task::JoinHandle<()>,
    settings: Settings,
    /// What goes when the test is over.
    belongings: Option<Box<dyn std::any::Any + Send>>,
}

impl Running {
    async fn start(on: On) -> Self {
        match on {
            On::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let settings = Settings::sqlite(folder.path().join("test.db"));
                Self { belongings: Some(Box::new(folder)), ..Self::open(settings).await }
            }
            On::Postgres => {
                let database = tokio::task::spawn_blocking(engines::Postgres::database).await.unwrap();
                let settings = database.url().parse().unwrap();
                Self { belongings: Some(Box::new(database)), ..Self::open(settings).await }
            }
            On::PgBouncer => {
                let (database, pooler) = tokio::task::spawn_blocking(pooled).await.unwrap();
                let settings = pooler.parse().unwrap();
                Self { belongings: Some(Box::new(database)), ..Self::open(settings).await }
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    async fn open(settings: Settings) -> Self {
        let (store, writer) = Store::open(&settings, || UnixNanos(100)).await.unwrap();
        let stop = tokio_util::sync::CancellationToken::new();
        let writer = tokio::spawn(writer.run(stop.clone()));
        Self { store, stop, writer, settings, belongings: None }
    }

    async fn reopen(mut self) -> Self {
        self.stop.cancel();
        self.writer.await.unwrap();
        let belongings = self.belongings.take();
        Self { belongings, ..Self::open(self.settings).await }
    }
}

fn delta(id: u8, count: u64, at: u64) -> Delta {
    Delta {
        fingerprint: Fingerprint::from_bytes([id; 16]),
        count,
        first_seen: UnixNanos(at),
        last_seen: UnixNanos(at),
        severity_number: SeverityNumber::ERROR,
        verdict: Verdict {
            rule: "some-rule".into(),
            category: Category::INTERNAL_ERROR,
            severity: Severity::High,
            fixable: true,
            suggested_fix: "mend it".into(),
        },
        detail: Some(Arc::new(ClusterDetail {
            service: "checkout".into(),
            error_type: "KeyError".into(),
            message: "no <*>".into(),
            ..ClusterDetail::default()
        })),
        samples: vec![Sample { occurred: UnixNanos(at), body: format!("no {at}"), ..Sample::default() }],
        held: HeldBack::default(),
        passages: Vec::new(),
    }
}

fn batch(digest: u8, deltas: Vec<Delta>) -> Batch {
    let (received, moves) = (UnixNanos(1_000), Vec::new());
    Batch { digest: [digest; 16], received, way: Way::Sent, known_hole: UnixNanos(u64::MAX), deltas, moves }
}

fn id(byte: u8) -> Fingerprint {
    Fingerprint::from_bytes([byte; 16])
}

async fn counts_add_up_and_examples_are_bounded(on: On) {
    let running = Running::start(on).await;
    for n in 0..8 {
        let committed = running.store.commit(batch(n, vec![delta(1, 2, 500 + u64::from(n))])).await;
        assert_eq!(committed.unwrap(), Committed::Counted);
    }
    let cluster = running.store.cluster(id(1)).await.unwrap().unwrap();
    assert_eq!((cluster.count, cluster.first_seen, cluster.last_seen), (16, UnixNanos(500), UnixNanos(507)));
    assert_eq!(cluster.examples.len(), Cluster::SAMPLES_MAX);
    assert_eq!(cluster.summary(), "KeyError: no <*>");
    assert_eq!(cluster.status, ClusterStatus::New);
}

async fn examples_keep_their_attributes_and_clusters_their_origin(on: On) {
    let running = Running::start(on).await;
    let attributes = [("order.id".to_owned(), "A7".to_owned()), ("f".to_owned(), "[1]".to_owned())];
    let example = Sample { body: "no".into(), attributes: attributes.into(), ..Sample::default() };
    let detail = ClusterDetail {
        service_namespace: "shop".into(),
        vcs_ref_name: "main".into(),
        language: "python".into(),
        ..ClusterDetail::default()
    };
    let delta =
        Delta { detail: Some(Arc::new(detail.clone())), samples: vec![example.clone()], ..delta(1, 1, 500) };
    running.store.commit(batch(1, vec![delta])).await.unwrap();
    let cluster = running.store.cluster(id(1)).await.unwrap().unwrap();
    assert_eq!((cluster.detail, cluster.examples), (detail, vec![example]));
}

/// A database of the first version is carried over with what it holds.
#[tokio::test]
async fn a_database_of_the_first_version_is_carried_over() {
    use sqlx::ConnectOptions as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let first = schema::SQLITE.iter().take(1).cloned().collect::<Vec<_>>();
    let migrator = sqlx::migrate::Migrator { migrations: first.into(), ..sqlx::migrate::Migrator::DEFAULT };
    migrator.run(&mut connection).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO cluster VALUES ('01010101010101010101010101010101', 'checkout', 'KeyError', 'no <*>', '[]', '',
           '', '', '', '', 'r', 'unknown', 3, 1, '', 17, 2, 500, 501, 'new');
         INSERT INTO sample VALUES ('01010101010101010101010101010101', 'no 1', 500, '')",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::Connection::close(connection).await.unwrap();

    let running = Running::open(Settings::sqlite(path)).await;
    let cluster = running.store.cluster(id(1)).await.unwrap().unwrap();
    assert_eq!((cluster.count, cluster.detail.vcs_ref_name.as_str()), (2, ""));
    assert_eq!(cluster.examples[0].attributes.len(), 0);
    assert_eq!(running.store.compared(10).await.unwrap(), [id(1)], "it has no frames");
}

async fn the_same_request_counts_once_also_after_a_restart(on: On) {
    let running = Running::start(on).await;
    let request = batch(7, vec![delta(1, 3, 500)]);
    assert_eq!(running.store.commit(request.clone()).await.unwrap(), Committed::Counted);
    assert_eq!(running.store.commit(request.clone()).await.unwrap(), Committed::Replay);
    let running = running.reopen().await;
    assert_eq!(running.store.commit(request).await.unwrap(), Committed::Replay);
    assert_eq!(running.store.cluster(id(1)).await.unwrap().unwrap().count, 3);
}

async fn a_window_goes_on_after_a_restart_and_its_clusters_have_its_counts(on: On) {
    let running = Running::start(on).await;
    let start = *running.store.window().borrow();
    running.store.commit(batch(1, vec![delta(1, 1, 500), delta(2, 1, 501)])).await.unwrap();
    let running = running.reopen().await;
    running.store.commit(batch(2, vec![delta(1, 4, 502)])).await.unwrap();
    let end = UnixNanos(start.0 + 800);
    let closed = running.store.close_window(end).await.unwrap();
    assert_eq!(closed, ClosedWindow { start, next_start: end });
    running.store.commit(batch(3, vec![delta(1, 8, 901)])).await.unwrap();

    let counts = |clusters: Vec<Cluster>| clusters.into_iter().map(|c| c.count).collect::<Vec<_>>();
    assert_eq!(counts(running.store.window_clusters(closed.start).await.unwrap()), [5, 1]);
    assert_eq!(counts(running.store.window_clusters(closed.next_start).await.unwrap()), [8]);
    assert_eq!(running.store.untriaged_windows().await.unwrap(), [closed.start]);
    running.store.mark_triaged(closed.start, UnixNanos(950)).await.unwrap();
    assert_eq!(running.store.untriaged_windows().await.unwrap(), []);

    running.store.close_window(UnixNanos(999)).await.unwrap();
    let status = async |byte| running.store.cluster(id(byte)).await.unwrap().unwrap().status;
    assert_eq!((status(1).await, status(2).await), (ClusterStatus::Ongoing, ClusterStatus::New));
}

async fn a_count_for_an_unknown_cluster_is_refused_and_kept_once_its_detail_comes(on: On) {
    let running = Running::start(on).await;
    let bare = Delta { detail: None, ..delta(1, 1, 500) };
    let refused = running.store.commit(batch(1, vec![bare.clone()])).await;
    assert!(matches!(refused, Err(StoreError::UnknownCluster(_))), "{refused:?}");
    assert_eq!(running.store.commit(batch(1, vec![delta(1, 1, 500)])).await.unwrap(), Committed::Counted);
    assert_eq!(running.store.commit(batch(2, vec![bare])).await.unwrap(), Committed::Counted);
    assert_eq!(running.store.cluster(id(1)).await.unwrap().unwrap().count, 2);
}

async fn the_graver_verdict_stands(on: On) {
    let running = Running::start(on).await;
    let mut grave = delta(1, 1, 500);
    grave.verdict.severity = Severity::Critical;
    running.store.commit(batch(1, vec![grave])).await.unwrap();
    running.store.commit(batch(2, vec![delta(1, 1, 501)])).await.unwrap();
    assert_eq!(running.store.cluster(id(1)).await.unwrap().unwrap().verdict.severity, Severity::Critical);
}

async fn one_error_is_claimed_once(on: On) {
    let running = Running::start(on).await;
    running.store.commit(batch(1, vec![delta(1, 1, 500)])).await.unwrap();
    let cluster = running.store.cluster(id(1)).await.unwrap().unwrap();
    let mut fix = running.store.claim_fix(&cluster, UnixNanos(600)).await.unwrap().unwrap();
    assert_eq!((fix.id.as_str(), fix.status), ("010101010101-1", FixStatus::Pending));
    assert_eq!(running.store.claim_fix(&cluster, UnixNanos(601)).await.unwrap(), None);
    assert_eq!(running.store.unfinished_fixes().await.unwrap(), [fix.clone()]);

    fix.status = FixStatus::Draft;
    fix.pr_url = Some("https://github.com/o/r/pull/1".into());
    fix.code_changes.insert("a.py".into(), "--- a\n+++ b\n".into());
    fix.generated_at = Some(UnixNanos(700));
    fix.cost_usd = 0.5;
    running.store.update_fix(&fix).await.unwrap();
    assert_eq!(running.store.fix(&fix.id).await.unwrap(), Some(fix.clone()));
    assert_eq!(running.store.fixes().await.unwrap(), [fix]);
    assert_eq!(running.store.unfinished_fixes().await.unwrap(), []);
    let usage = running.store.usage(UnixNanos(600)).await.unwrap();
    assert_eq!((usage.open_pull_requests, usage.pull_requests_of_hour), (1, 1));
    assert_eq!(running.store.claim_fix(&cluster, UnixNanos(800)).await.unwrap(), None);
    assert_eq!(
        running.store.cluster(id(1)).await.unwrap().unwrap().fix_id.as_deref(),
        Some("010101010101-1")
    );
}

async fn summaries_count_what_is_there(on: On) {
    let running = Running::start(on).await;
    running.store.commit(batch(1, vec![delta(1, 1, 500), delta(2, 1, 600)])).await.unwrap();
    let summary = running.store.summary().await.unwrap();
    assert_eq!((summary.clusters, summary.urgent, summary.fixable, summary.fixes), (2, 2, 2, 0));
    assert_eq!(summary.by_category["internal_error"], 2);
    assert_eq!(running.store.clusters_seen_since(UnixNanos(500)).await.unwrap(), 1);
    let filter = ClusterFilter {
        seen_since: Some(UnixNanos(550)),
        urgent: true,
        fixable: true,
        limit: Some(5),
        ..ClusterFilter::default()
    };
    assert_eq!(running.store.clusters(filter).await.unwrap().len(), 1);
}

async fn requests_in_the_queue_are_answered_when_the_writer_stops(on: On) {
    let running = Running::start(on).await;
    let commits: Vec<_> = (0..50).map(|n| running.store.commit(batch(n, vec![delta(1, 1, 500)]))).collect();
    let answers = std::pin::pin!(futures_join(commits));
    running.stop.cancel();
    let counted = answers.await.into_iter().flatten().count() as u64;
    running.writer.await.unwrap();
    let known = running.store.cluster(id(1)).await.unwrap().map_or(0, |c| c.count);
    assert_eq!(known, counted, "what was acknowledged is what is counted");
    let late = running.store.commit(batch(99, vec![delta(1, 1, 1)])).await;
    assert!(matches!(late, Err(StoreError::Closing)));
}

async fn futures_join<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told() {
    let settings = Settings::sqlite("/nonexistent/logmend.db");
    let error = Store::open(&settings, || UnixNanos(1)).await.err().unwrap();
    assert_eq!(error.to_string(), "cannot open the database /nonexistent/logmend.db");
}

#[test]
fn urls_are_read() {
    let path = |url: &str| match url.parse() {
        Ok(Settings::Sqlite { path }) => path.display().to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(path("sqlite://a.db"), "a.db");
    assert_eq!(path("sqlite:///var/lib/a.db?mode=rwc"), "/var/lib/a.db");
    assert!(matches!("postgres://h/d".parse(), Ok(Settings::Postgres(_))));
    assert!(matches!("logmend.db".parse::<Settings>(), Err(UnknownUrl::Other)));
}

async fn what_was_held_back_is_told_of_once_its_window_is_closed_also_after_a_restart(on: On) {
    let held = |count, traces: std::ops::Range<u8>| HeldBack {
        count,
        trace_ids: traces.map(|trace| [trace; 16]).collect(),
    };
    let running = Running::start(on).await;
    let of = |id, count, held| Delta { held, ..delta(id, count, 500) };
    running.store.commit(batch(1, vec![of(1, 4, held(3, 1..4)), of(2, 1, held(0, 0..0))])).await.unwrap();
    running.store.commit(batch(2, vec![of(1, 2, held(2, 4..9)), of(3, 1, held(1, 0..0))])).await.unwrap();
    running.store.commit(batch(2, vec![of(1, 2, held(2, 4..9))])).await.unwrap();
    assert_eq!(running.store.unsummarised(10).await.unwrap(), [], "the window is open");

    let mut window = running.store.window();
    window.mark_unchanged();
    let closed = running.store.close_window(UnixNanos(900)).await.unwrap();
    assert!(window.has_changed().unwrap());
    running.store.commit(batch(3, vec![of(4, 1, held(1, 0..0))])).await.unwrap();
    let running = running.reopen().await;
    let page = running.store.unsummarised(1).await.unwrap();
    assert_eq!(page.len(), 1);
    let first = &page[0];
    assert_eq!((first.window_start, first.window_end), (closed.start, UnixNanos(900)));
    assert_eq!((first.cluster.fingerprint, first.cluster.count), (id(1), 6));
    assert_eq!((first.severity_number, &first.held), (SeverityNumber::ERROR, &held(5, 1..6)));

    running.store.mark_summarised(closed.start, id(1), UnixNanos(950)).await.unwrap();
    let page = running.store.unsummarised(10).await.unwrap();
    assert_eq!(page.iter().map(|s| s.cluster.fingerprint).collect::<Vec<_>>(), [id(3)]);
    running.store.mark_summarised(closed.start, id(3), UnixNanos(950)).await.unwrap();
    assert_eq!(running.store.unsummarised(10).await.unwrap(), []);
}

/// One is taken away and one is added, in one transaction; a cluster of none is not shown, and counts again when it comes.
async fn what_was_counted_is_moved_within_its_window_and_no_further(on: On) {
    let running = Running::start(on).await;
    let store = &running.store;
    let window = *store.window().borrow();
    let held = HeldBack { count: 1, trace_ids: Vec::new() };
    let moved = |from: &[u8], window, to| Move {
        from: from.iter().map(|from| MovedFrom { fingerprint: id(*from), window, held: true }).collect(),
        to: Some(Delta { held: held.clone(), ..delta(to, 1, 500) }),
    };
    let counts = async || {
        let mut counts = Vec::new();
        for cluster in store.window_clusters(*store.window().borrow()).await.unwrap() {
            assert_eq!(store.cluster(cluster.fingerprint).await.unwrap().unwrap().count, cluster.count);
            counts.push((cluster.fingerprint, cluster.count));
        }
        assert_eq!(store.summary().await.unwrap().clusters, counts.len() as u64);
        counts
    };
    let commit = async |digest, moves: Vec<Move>| {
        store.commit(Batch { moves, ..batch(digest, Vec::new()) }).await.unwrap()
    };
    let first = Delta { held: held.clone(), ..delta(1, 1, 500) };
    store.commit(batch(1, vec![first, delta(2, 2, 500)])).await.unwrap();
    assert_eq!(commit(2, vec![moved(&[1, 2], window, 3)]).await, Committed::Counted);
    assert_eq!(counts().await, [(id(2), 1), (id(3), 1)]);
    assert_eq!(store.cluster(id(1)).await.unwrap(), None);
    assert_eq!(commit(2, vec![moved(&[2], window, 3)]).await, Committed::Replay);
    commit(3, vec![moved(&[1], window, 4)]).await;
    assert_eq!(counts().await, [(id(2), 1), (id(3), 1)], "what is not there is not moved");
    store.commit(batch(4, vec![Delta { detail: None, ..delta(1, 1, 500) }])).await.unwrap();
    assert_eq!(counts().await, [(id(1), 1), (id(2), 1), (id(3), 1)], "its row stayed");
    store.close_window(UnixNanos(2_000)).await.unwrap();
    commit(5, vec![moved(&[3], window, 2)]).await;
    let open = store.window_clusters(*store.window().borrow()).await.unwrap();
    assert_eq!(open, [], "its window is over");
    assert_eq!(store.cluster(id(3)).await.unwrap().unwrap().count, 1);
    let told = store.unsummarised(9).await.unwrap();
    assert_eq!(
        told.iter().map(|told| told.cluster.fingerprint).collect::<Vec<_>>(),
        [id(3)],
        "what was held back moved along"
    );
}

on_each! {
    counts_add_up_and_examples_are_bounded,
    examples_keep_their_attributes_and_clusters_their_origin,
    the_same_request_counts_once_also_after_a_restart,
    a_window_goes_on_after_a_restart_and_its_clusters_have_its_counts,
    a_count_for_an_unknown_cluster_is_refused_and_kept_once_its_detail_comes,
    the_graver_verdict_stands,
    one_error_is_claimed_once,
    summaries_count_what_is_there,
    requests_in_the_queue_are_answered_when_the_writer_stops,
    what_was_held_back_is_told_of_once_its_window_is_closed_also_after_a_restart,
    what_was_counted_is_moved_within_its_window_and_no_further,
}
