//! Row 30 of the attacks: distinct errors without end. All are counted, few are kept apart, and memory stays flat.

use std::time::Instant;

use sqlx::SqlitePool;

use crate::support::otlp;
use crate::support::service::Service;

/// How many requests are sent: a million distinct errors, which takes half a minute on two cores in a build that is not
/// optimised.
const REQUESTS: usize = 1_000;

const RECORDS_PER_REQUEST: usize = 1_000;

/// Exporters that send at the same time.
const EXPORTERS: usize = 3;

/// What one window keeps apart by default.
const KEPT_APART: u64 = 10_000;

/// What the service may take at most, whatever comes.
const PEAK_KIB_MAX: u64 = 100 * 1_024;

/// Words of letters alone, which no mask takes for values: the three of one number are of no other below a million.
fn words(n: usize) -> [String; 3] {
    const FIRST: [&str; 10] = ["kal", "mor", "tun", "pil", "sor", "wen", "gop", "lum", "nok", "rit"];
    const LAST: [&str; 10] = ["oma", "ilu", "ero", "uny", "oki", "ath", "ips", "oru", "ymo", "ulk"];
    [n / 10_000 % 100, n / 100 % 100, n % 100].map(|part| FIRST[part / 10].to_owned() + LAST[part % 10])
}

/// The errors of one request: most are of three services that flood, one in ten of a service that was made up for it.
fn request(nth: usize) -> logmend::proto::collector::logs::v1::ExportLogsServiceRequest {
    let service = if nth % 10 == 9 { format!("made-up-{nth}") } else { format!("flood-{}", nth % 3) };
    let record = |n| {
        let [one, two, three] = words(nth * RECORDS_PER_REQUEST + n);
        otlp::record(17, &format!("cannot {one} the {two} of {three}"))
    };
    otlp::request(&service, (0..RECORDS_PER_REQUEST).map(record).collect())
}

/// Sends every so many-th request, one after the other, again where it is refused for now.
async fn exporter(url: String, first: usize) {
    for nth in (first..REQUESTS).step_by(EXPORTERS) {
        while let Err(status) = otlp::export(&url, request(nth)).await {
            assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

fn peak_kib(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Clusters and the records in them: those that are kept apart, and those that take in the rest.
async fn stored(service: &Service, condition: &str) -> (u64, u64) {
    let database = format!("sqlite://{}/logmend.db", service.folder().display());
    let pool = SqlitePool::connect(&database).await.unwrap();
    let sql = format!("SELECT count(*), coalesce(sum(count), 0) FROM cluster WHERE {condition}");
    let (clusters, records): (i64, i64) =
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap();
    (clusters.try_into().unwrap(), records.try_into().unwrap())
}

/// A million distinct errors in one window: no count is lost, at most 10,000 are kept apart, the others are
/// counted by service and category, a service that is not among the floods is seen, and memory stays under 100 MB, also
/// when the window is closed and its clusters are compared.
#[tokio::test(flavor = "multi_thread")]
async fn distinct_errors_without_end_are_all_counted_and_memory_stays_flat() {
    let service = Service::start(&[]).await;
    let begun = Instant::now();
    let idle_kib = peak_kib(&service);
    #[expect(clippy::disallowed_methods, reason = "a test's own tasks")]
    let exporters: Vec<_> =
        (0..EXPORTERS).map(|first| tokio::spawn(exporter(service.grpc_url(), first))).collect();
    for exporter in exporters {
        exporter.await.unwrap();
    }
    let took = begun.elapsed();
    let flooded_kib = peak_kib(&service);
    let late = otlp::request("quiet", vec![otlp::record(17, "cannot find the teapot")]);
    otlp::export(&service.grpc_url(), late).await.unwrap();

    let (apart, records_apart) = stored(&service, "rule <> 'too-many-distinct-errors'").await;
    let (together, records_together) = stored(&service, "rule = 'too-many-distinct-errors'").await;
    let (quiet, _) = stored(&service, "service = 'quiet' AND rule <> 'too-many-distinct-errors'").await;
    let scanned = service.post("/error-monitor/monitor/scan?auto_fix=false").await;
    let closed_kib = peak_kib(&service);
    println!(
        "{REQUESTS} requests in {took:?}: {apart} kept apart, {together} more for {records_together} records; peak {idle_kib} KiB idle, {flooded_kib} flooded, {closed_kib} closed"
    );
    assert_eq!(records_apart + records_together, (REQUESTS * RECORDS_PER_REQUEST + 1) as u64);
    assert!(apart <= KEPT_APART && apart > KEPT_APART / 3, "{apart} are kept apart");
    assert!((3..=110).contains(&together), "{together} take in the rest");
    assert_eq!(quiet, 1, "a service that does not flood has its place");
    assert!(scanned["errors_found"].as_u64().unwrap() <= apart + together, "{scanned}");
    assert!(flooded_kib.max(closed_kib) < PEAK_KIB_MAX, "{flooded_kib} KiB, {closed_kib} KiB");
}
