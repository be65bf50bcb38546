//! Crashes under load, of the service and of its PostgreSQL: of each error acknowledged ≤ counted ≤ sent, and the window goes on.

use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::support::engines::{Database, PgBouncer, Postgres};
use crate::support::load::Load;
use crate::support::service::Service;

/// How many crashes there are; `LOGMEND_TEST_CRASHES` says otherwise.
const CRASHES: usize = 15;
/// How long it runs between two of them.
const RUN_MAX: u64 = 600;

fn crashes() -> usize {
    std::env::var("LOGMEND_TEST_CRASHES").map_or(CRASHES, |number| number.parse().unwrap())
}

/// Moments that `LOGMEND_TEST_SEED` repeats, as far as the machine is the same.
fn moments() -> fastrand::Rng {
    let seed =
        std::env::var("LOGMEND_TEST_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("LOGMEND_TEST_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

async fn moment(moments: &mut fastrand::Rng) {
    tokio::time::sleep(Duration::from_millis(moments.u64(20..RUN_MAX))).await;
}

/// The rows of a window add up to what is told of each error, and there is one window, unless an hour ended meanwhile.
const WINDOW: &str = "SELECT CAST((SELECT sum(count) FROM window_cluster) - (SELECT sum(count) FROM cluster) AS BIGINT),
     (SELECT count(*) FROM \"window\") - (SELECT count(*) FROM \"window\" WHERE closed_at % 3600000000000 = 0)";

/// Kills the service again and again.
async fn kill_again_and_again(mut service: Service) -> Service {
    let mut moments = moments();
    let load = Load::on(&service);
    for _ in 0..crashes() {
        moment(&mut moments).await;
        service.kill();
        service = service.restart().await;
        load.follow(&service);
    }
    moment(&mut moments).await;
    load.check(&service).await;
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing_and_count_nothing_twice_on_sqlite() {
    let service = kill_again_and_again(Service::start(&[]).await).await;
    let file = service.folder().join("logmend.db");
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let row = sqlx::query(WINDOW).fetch_one(&mut connection).await.unwrap();
    assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (0, 1), "one window holds it all");
    connection.close().await.unwrap();
}

fn check_window(database: &Database) {
    assert_eq!(database.psql(WINDOW), "0|1", "one window holds it all");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing_and_count_nothing_twice_on_postgres() {
    let database = Postgres::database();
    let service = Service::start(&[("DATABASE_URL", &database.url())]).await;
    let _service = kill_again_and_again(service).await;
    check_window(&database);
}

/// The server crashes and recovers, its connections are ended in the midst of commits, and the service goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_crashes_and_ends_connections_loses_nothing() {
    let mut postgres = Postgres::own();
    let database = postgres.create_database();
    let service = Service::start(&[("DATABASE_URL", &database.url())]).await;
    let mut moments = moments();
    let load = Load::on(&service);
    for crash in 0..crashes() {
        moment(&mut moments).await;
        if crash % 5 == 4 {
            postgres.stop_now();
            moment(&mut moments).await;
            postgres.start_again();
        } else {
            database.terminate_backends();
        }
    }
    moment(&mut moments).await;
    load.check(&service).await;
    check_window(&database);
}

/// As through a hosting provider's pooler; the connections behind it are ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_whose_connections_are_ended_loses_nothing() {
    let database = Postgres::database();
    let pgbouncer = PgBouncer::transaction_mode(Postgres::shared());
    let url = database.url_at(pgbouncer.port()) + "?pgbouncer=true";
    let service = Service::start(&[("DATABASE_URL", &url)]).await;
    let mut moments = moments();
    let load = Load::on(&service);
    for _ in 0..crashes() {
        moment(&mut moments).await;
        database.terminate_backends();
    }
    moment(&mut moments).await;
    load.check(&service).await;
    check_window(&database);
}
