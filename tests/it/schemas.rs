//! The tables of the store: made once where several start at once, and left alone where a later logmend made them.

use std::process::Command;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::support::engines::{PgBouncer, Postgres};
use crate::support::otlp;
use crate::support::service::Service;

const LATER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
    SELECT 9000, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 6";

fn check_refused(url: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_logmend"))
        .env_clear()
        .envs(["LOGMEND_GRPC_ADDR", "LOGMEND_HTTP_ADDR", "LOGMEND_API_ADDR"].map(|key| (key, "127.0.0.1:0")))
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{told}");
    for expected in ["DATABASE_URL", "is of a newer logmend", "version 9000", "run the newer logmend"] {
        assert!(told.contains(expected), "`{expected}` is not in: {told}");
    }
    assert!(!told.contains("correct-horse"), "{told}");
}

/// One sentence says what to do, and nothing is changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_later_version_is_refused() {
    let service = Service::start(&[]).await;
    let (_, service) = service.terminate().await;
    let file = service.folder().join("logmend.db");
    let mut connection = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    connection.execute(LATER).await.unwrap();
    connection.close().await.unwrap();
    check_refused(&format!("sqlite://{}", file.display()));

    let database = Postgres::database();
    drop(Service::start(&[("DATABASE_URL", &database.url())]).await);
    database.psql(LATER);
    check_refused(&database.url());
}

/// Three replicas come up on an empty database, straight and through a pooler, and count together.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_all_come_up() {
    let pgbouncer = PgBouncer::transaction_mode(Postgres::shared());
    let (one, other) = (Postgres::database(), Postgres::database());
    for url in [one.url(), other.url_at(pgbouncer.port()) + "?pgbouncer=true"] {
        let settings = [("DATABASE_URL", url.as_str())];
        let start = || Service::start(&settings);
        let (first, second, third) = tokio::join!(start(), start(), start());
        for (n, replica) in [&first, &second, &third].into_iter().enumerate() {
            let record = otlp::exception_record("ValueError", &format!("bad total {n}"), otlp::TRACEBACK);
            otlp::export(&replica.grpc_url(), otlp::request("checkout", vec![record])).await.unwrap();
        }
        assert_eq!(first.counted().await, 3);
    }
}
