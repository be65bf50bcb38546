//! Several replicas, and what was logged while none was up.

use tokio::task::spawn_blocking;

use super::{ERROR, PATIENCE, READ};
use crate::support::engines::Postgres;
use crate::support::loki::{Loki, TENANT};
use crate::support::otlp::{self, record, request};
use crate::support::service::Service;

/// One reads, and where that one is killed the other goes on. What exporters send again meanwhile, to either, counts once.
#[tokio::test(flavor = "multi_thread")]
async fn one_reads_and_what_is_sent_to_another_counts_once() {
    let loki = Loki::start().await;
    let database = spawn_blocking(Postgres::database).await.unwrap();
    let (url, loki_url) = (database.url(), loki.url());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("LOKI_ENABLED", "true"),
        ("LOKI_QUERY_URL", loki_url.as_str()),
        ("LOKI_TENANT", TENANT),
    ];
    let mut one = Service::start(&settings).await;
    otlp::export(&one.grpc_url(), request("shop", vec![record(ERROR, "the first")])).await.unwrap();
    one.kill();
    let missed: Vec<_> =
        (0..3_000).map(|n| record(ERROR, &format!("connection refused by db-{n}"))).collect();
    for some in missed.chunks(1_000) {
        loki.export(&request("shop", some.to_vec())).await;
    }

    let mut one = one.restart().await;
    let other = Service::start(&settings).await;
    for some in missed.chunks(100).step_by(3) {
        otlp::export(&other.grpc_url(), request("shop", some.to_vec())).await.unwrap();
    }
    // The first one was up a moment before: it takes some seconds until it is certain that it is not.
    other.wait_until_counted(1_500, PATIENCE).await;
    assert!(!other.logs().contains("reading back"), "one reads: {}", other.logs());
    assert!(!one.logs().contains(READ), "it is in the midst of it");
    one.kill();
    other.wait_for_log(READ, 1).await;
    assert_eq!(other.counted().await, 3_001, "{}", other.logs());
    // A third of these were sent before, as the same bytes.
    for some in missed.chunks(100) {
        otlp::export(&other.grpc_url(), request("shop", some.to_vec())).await.unwrap();
    }
    assert_eq!(other.counted().await, 3_001, "all of it is known");
    let now = vec![record(ERROR, "connection refused by db-1")];
    otlp::export(&other.grpc_url(), request("shop", now)).await.unwrap();
    assert_eq!(other.counted().await, 3_002);

    // Whoever comes while another is up missed nothing.
    let one = one.restart().await;
    one.wait_until_counted(3_002, PATIENCE).await;
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    assert_eq!(one.logs().matches("reading back").count(), 1, "{}", one.logs());
    assert_eq!(one.counted().await, 3_002);
}
