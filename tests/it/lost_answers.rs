//! A network that fails in the middle of commits: whether they were made is found out, and each request counts once.

use std::time::{Duration, Instant};

use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::engines::{Database, Postgres, Proxy};
use crate::support::otlp;
use crate::support::service::Service;

/// How often an answer is lost, and how often a request.
const LOST: usize = 10;
/// How long a request may wait for a database that does not answer: what an exporter waits, and what stood before it in the queue.
const REFUSED_AFTER_MAX: Duration = Duration::from_secs(20);
/// How long it may take until requests are taken again.
const RECOVERY_MAX: Duration = Duration::from_secs(20);

async fn behind(proxy: &Proxy, database: &Database) -> Service {
    Service::start(&[("DATABASE_URL", &database.url_at(proxy.port()))]).await
}

async fn send(service: &Service, n: usize) -> Result<(), tonic::Status> {
    let record = otlp::exception_record("ValueError", &format!("bad total {n}"), otlp::TRACEBACK);
    otlp::export(&service.grpc_url(), otlp::request("checkout", vec![record])).await
}

/// The answer to a COMMIT is lost, or the COMMIT itself; exporters see neither.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_in_doubt_is_counted_once() {
    let database = Postgres::database();
    let proxy = Proxy::to(Postgres::shared().port());
    let service = behind(&proxy, &database).await;
    let mut sent = 0;
    let lose: [fn(&Proxy); 2] =
        [|proxy| proxy.lose_answer_to("COMMIT"), |proxy| proxy.lose_request("COMMIT")];
    for lose in lose.into_iter().cycle().take(2 * LOST) {
        let before = proxy.lost();
        lose(&proxy);
        // What says that the process is up may meet it first.
        while proxy.lost() == before {
            send(&service, sent).await.unwrap();
            sent += 1;
        }
    }
    assert_eq!(service.counted().await, sent as u64);
}

/// A network that swallows packets: exporters are told to send again in bounded time, and all is taken once it flows.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_hangs_is_given_up_and_comes_back() {
    let database = Postgres::database();
    let proxy = Proxy::to(Postgres::shared().port());
    let service = behind(&proxy, &database).await;
    send(&service, 0).await.unwrap();

    proxy.stall();
    for n in 1..3 {
        let begun = Instant::now();
        let refused = send(&service, n).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        assert!(refused.get_details_retry_info().is_some(), "{refused:?}");
        assert!(begun.elapsed() < REFUSED_AFTER_MAX, "{:?}", begun.elapsed());
    }
    let health = service.get("/error-monitor/health").await;
    assert_eq!(
        (&health["status"], &health["components"]["store"]["status"]),
        (&"degraded".into(), &"degraded".into())
    );

    proxy.flow();
    let begun = Instant::now();
    while let Err(refused) = send(&service, 1).await {
        assert!(begun.elapsed() < RECOVERY_MAX, "{refused:?}");
    }
    send(&service, 2).await.unwrap();
    // What was refused had other times: it is another request each time. At most it counts once, at least what was taken does.
    let counted = service.counted().await;
    assert!((3..=5).contains(&counted), "{counted}");
}

/// A replica that the network cut off in the middle of a commit holds up no other for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_cut_off_holds_up_no_other() {
    let database = Postgres::database();
    let proxy = Proxy::to(Postgres::shared().port());
    let (cut_off, other) =
        (behind(&proxy, &database).await, Service::start(&[("DATABASE_URL", &database.url())]).await);
    send(&cut_off, 0).await.unwrap();
    let stuck = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'";
    // The stall is to come while a transaction is open.
    let sending = async { while send(&cut_off, 1).await.is_ok() {} };
    let stall = async {
        while database.psql(stuck) == "0" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        proxy.stall();
    };
    let (_, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(15), sending), stall);
    let begun = Instant::now();
    while let Err(refused) = send(&other, 2).await {
        assert!(begun.elapsed() < RECOVERY_MAX, "{refused:?}");
    }
    let scanned = other.post("/error-monitor/monitor/scan").await;
    assert_eq!(scanned["errors_found"], 1, "the window was ended: {scanned}");
}
