//! Databases of earlier versions are carried over with all that they hold; those of later ones are left alone.
//!
//! Each migration ships sample data, `migrations/samples/<database>/<version>.sql`: what a database of that version holds.

use std::path::Path;

use sqlx::migrate::{Migrate, Migrator};
use sqlx::{ConnectOptions as _, Connection, Executor};

use super::engine::sql;
use super::*;
use crate::model::Fence;

fn samples(database: &str, version: i64) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/migrations/samples");
    let path = root.join(database).join(format!("{version:04}.sql"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Applies one migration after the other, each with its sample data.
async fn apply<C>(mut connection: C, all: &Migrator, database: &str)
where
    C: Connection + Migrate,
    for<'c> &'c mut C: Executor<'c>,
{
    for (n, migration) in all.iter().enumerate() {
        let migrations = all.iter().take(n + 1).cloned().collect::<Vec<_>>();
        let migrator = Migrator { migrations: migrations.into(), locking: false, ..Migrator::DEFAULT };
        migrator.run_direct(None, &mut connection, false).await.unwrap();
        let samples = samples(database, migration.version);
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(samples))).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// The samples of all versions, as the store reads them.
async fn check(running: Running) {
    let store = &running.store;
    let first = store.cluster(id(1)).await.unwrap().unwrap();
    assert_eq!((first.count, first.first_seen, first.last_seen), (5, UnixNanos(500), UnixNanos(1600)));
    assert_eq!((first.status, first.fix_id.as_deref()), (ClusterStatus::New, Some("010101010101-1")));
    let ClusterDetail { service, vcs_ref_name, service_namespace, language, frames, .. } = &first.detail;
    assert_eq!([service, vcs_ref_name, service_namespace, language], ["checkout", "main", "shop", "python"]);
    assert_eq!((frames.len(), first.examples.len()), (1, 2));
    let second = store.cluster(id(2)).await.unwrap().unwrap();
    assert_eq!((second.count, second.status), (2, ClusterStatus::Ignored));
    assert_eq!(second.examples[0].attributes["order.id"], "A7");

    let counts = async |window| {
        let clusters = store.window_clusters(UnixNanos(window)).await.unwrap();
        clusters.into_iter().map(|cluster| cluster.count).collect::<Vec<_>>()
    };
    assert_eq!((counts(100).await, counts(1000).await), (vec![3], vec![2, 2]));
    assert_eq!(*store.window().borrow(), UnixNanos(1000), "the window goes on");
    assert_eq!(store.hours(id(1), UnixNanos(0)).await.unwrap(), [Hour { start: UnixNanos(0), count: 5 }]);
    let told = store.unsummarised(9).await.unwrap();
    assert_eq!((told.len(), told[0].held.count), (1, 3));

    let fixes = store.fixes().await.unwrap();
    assert_eq!(
        (fixes.len(), fixes[0].status, fixes[0].code_changes["a.py"].as_str()),
        (1, FixStatus::Draft, "d")
    );
    assert_eq!(store.claim_fix(&first, UnixNanos(2000)).await.unwrap(), None, "it is claimed");
    assert_eq!(store.approved_rules().await.unwrap(), ["learned-020202020202"]);
    assert_eq!(store.allowances().await.unwrap().len(), 1);
    assert!(store.rejoin(id(2)).await.unwrap(), "it was taken out of its family");
    assert!(store.is_paused().await.unwrap());
    assert_eq!(store.renew_lead("a").await.unwrap(), Some(Fence(4)));
    assert_eq!(store.replicas_since(UnixNanos(1700)).await.unwrap(), 1);
    let noted = "SELECT h.began, h.since, h.until, p.sent, p.read_back FROM hole h JOIN passage p ON p.hole = h.until";
    let noted = store.database.one(noted).await.unwrap();
    let noted: Vec<_> = (0..5).map(|column| noted.integer(column).unwrap()).collect();
    assert_eq!(noted, [1650, 1700, 1750, 0, 1]);

    let followed = store.followed("010101010101-1").await.unwrap().unwrap();
    assert_eq!((followed.number, followed.head.as_str(), followed.pushes), (1, "c1", 1));
    assert!(store.steps("010101010101-1").await.unwrap().contains("said:conflict"));
    assert_eq!(store.releases_since(id(1), UnixNanos(1)).await.unwrap()[0].revision, "cafe1234");
    let usage = store.usage(UnixNanos(1700)).await.unwrap();
    // The fix and the rule of before, and what was noted since: what is not settled counts.
    assert!((usage.usd_of_day - (0.5 + 0.01 + 0.25 + 0.5)).abs() < 1e-9, "{usage:?}");
    assert!((usage.usd_reserved - 0.5).abs() < 1e-9, "{usage:?}");
    assert_eq!((usage.pull_requests_of_hour, usage.open_pull_requests), (1, 1));
    assert_eq!(usage.breaker.unwrap().until, UnixNanos(9000));
    let unfixed = store.unfixed([id(1), id(2)]).await.unwrap();
    assert_eq!((unfixed.len(), unfixed[&id(2)].code), (1, crate::model::NoFix::NotFixable));
    let changed =
        "SELECT (SELECT count(*) FROM fix WHERE changed_at = 1690), (SELECT max(fixed_count) FROM cluster)";
    let changed = store.database.one(changed).await.unwrap();
    assert_eq!((changed.integer(0).unwrap(), changed.integer(1).unwrap()), (1, 2));

    let found = store.found_alerts(9).await.unwrap();
    assert_eq!((found.len(), found[0].rule), (1, crate::model::AlertRule::FixOpened));
    let due = store.due_delivery("webhook", UnixNanos(1700)).await.unwrap().unwrap();
    assert_eq!((due.id.as_str(), due.tries, due.ended_at), ("d2", 1, None));

    let again = store.commit(batch(7, vec![delta(1, 9, 1700)])).await.unwrap();
    assert_eq!(again, Committed::Replay, "the request was counted by the earlier version");
    store.commit(batch(8, vec![delta(1, 1, 1700)])).await.unwrap();
    assert_eq!(store.cluster(id(1)).await.unwrap().unwrap().count, 6);
}

#[tokio::test]
async fn each_version_of_sqlite_is_carried_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    apply(options.connect().await.unwrap(), &schema::SQLITE, "sqlite").await;
    check(Running::open(Settings::sqlite(path)).await).await;
}

#[tokio::test]
async fn each_version_of_postgres_is_carried_over() {
    let database = tokio::task::spawn_blocking(engines::Postgres::database).await.unwrap();
    let options: sqlx::postgres::PgConnectOptions = database.url().parse().unwrap();
    apply(options.connect().await.unwrap(), &schema::POSTGRES, "postgres").await;
    check(Running::open(database.url().parse().unwrap()).await).await;
}

/// What a later logmend wrote is neither read nor changed by this one.
async fn a_newer_database_is_refused(on: On) {
    let running = Running::start(on).await;
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 SELECT 9000, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 6";
    running.store.database.execute(later).await.unwrap();
    let refused = Store::open(&running.settings, || UnixNanos(100)).await.err().unwrap();
    let told = refused.to_string();
    assert!(matches!(refused, StoreError::Newer { version: 9000, .. }), "{refused:?}");
    let expected = ": its schema is version 9000, this program knows up to ";
    assert!(told.starts_with("the database ") && told.contains(expected), "{told}");
    assert!(!told.contains("correct-horse"), "no password: {told}");
}

/// Replicas that start at the same moment wait for the one that makes the tables, and are on the same window.
async fn eight_starts_at_once_make_one_schema(on: On) {
    let (database, url) = match on {
        On::Sqlite => return,
        On::Postgres => {
            let database = tokio::task::spawn_blocking(engines::Postgres::database).await.unwrap();
            let url = database.url();
            (database, url)
        }
        On::PgBouncer => tokio::task::spawn_blocking(pooled).await.unwrap(),
    };
    let settings: Settings = url.parse().unwrap();
    let opened = futures_join((0..8).map(|_| Running::open(settings.clone())).collect()).await;
    let windows = opened.iter().map(|running| *running.store.window().borrow());
    assert_eq!(windows.collect::<std::collections::BTreeSet<_>>().len(), 1);
    for (n, running) in (0..).zip(&opened) {
        running.store.commit(batch(n, vec![delta(1, 1, 500)])).await.unwrap();
    }
    assert_eq!(opened[0].store.cluster(id(1)).await.unwrap().unwrap().count, 8);
    if matches!(on, On::PgBouncer) {
        // What is left at a server's connection would be found there by whoever is lent it next.
        let locks = "pg_locks JOIN pg_database d ON d.oid = database
                     WHERE locktype = 'advisory' AND d.datname = current_database()";
        for left in ["pg_prepared_statements", locks] {
            let counted = sql(format!("SELECT count(*) FROM {left}"));
            let row = opened[0].store.database.one(counted).await.unwrap();
            assert_eq!(row.number(0).unwrap(), 0, "{left}");
        }
    }
    drop(database);
}

on_each! {
    a_newer_database_is_refused,
    eight_starts_at_once_make_one_schema,
}
