//! The pipeline over a real store: what is counted does not depend on how a stream's lines come in requests.

use std::collections::BTreeMap;

use proptest::prelude::*;
use prost::Message as _;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::classify::Catalogue;
use crate::model::{Cluster, Fingerprint, SeverityNumber, Verdict};
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::{AnyValue, KeyValue, any_value};
use crate::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::proto::resource::v1;
use crate::store::{ClusterFilter, Settings};

const NOW: UnixNanos = UnixNanos(1_700_000_000_000_000_000);

const HOUR: u64 = 3_600_000_000_000;

/// A pipeline, and what it counted. The folder goes with it.
struct Running {
    pipeline: Pipeline,
    store: Store,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Running {
    async fn start() -> Self {
        Self::on(tempfile::tempdir().unwrap()).await
    }

    /// One that finds that nobody was up for an hour.
    async fn after_an_outage() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::sqlite(folder.path().join("logmend.db"));
        let (before, _) = Store::open(&settings, || UnixNanos(NOW.0 - HOUR)).await.unwrap();
        before.arrive("before").await.unwrap();
        before.close().await;
        let running = Self::on(folder).await;
        running.store.arrive("after").await.unwrap();
        running
    }

    async fn on(folder: tempfile::TempDir) -> Self {
        let settings = Settings::sqlite(folder.path().join("logmend.db"));
        let (store, writer) = Store::open(&settings, || NOW).await.unwrap();
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "a test's own task")]
        tokio::spawn(writer.run(stop.clone()));
        Self { pipeline: pipeline(&store), store, stop, _folder: folder }
    }

    async fn send(&self, request: &Bytes, at: u64) -> Receipt {
        let received = UnixNanos(NOW.0 + at);
        self.pipeline.process(request.clone(), received, Transport::Grpc).await.unwrap()
    }

    /// How often each error was counted, with its greatest severity number.
    async fn counts(&self) -> BTreeMap<Fingerprint, u64> {
        let clusters = self.store.clusters(ClusterFilter::default()).await.unwrap();
        let window = *self.store.window().borrow();
        let window = self.store.window_clusters(window).await.unwrap();
        let counts = |clusters: Vec<crate::model::Cluster>| -> BTreeMap<_, _> {
            clusters.into_iter().map(|cluster| (cluster.fingerprint, cluster.count)).collect()
        };
        let (all, open) = (counts(clusters), counts(window));
        assert_eq!(all, open, "the window holds what the clusters hold");
        all
    }
}

fn pipeline(store: &Store) -> Pipeline {
    let rules = Rules::new(Catalogue::built_in()).unwrap();
    Pipeline::new(rules, store.clone(), true)
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }
}

/// A request of these lines of one stream; the first has this number, which tells its time.
fn request(service: &str, first: usize, lines: &[&str]) -> Bytes {
    let record = |(number, line): (usize, &&str)| LogRecord {
        time_unix_nano: NOW.0 - 1_000_000 + (first + number) as u64,
        body: Some(text(line)),
        ..LogRecord::default()
    };
    let log_records = lines.iter().enumerate().map(record).collect();
    let name = KeyValue { key: "service.name".to_owned(), value: Some(text(service)), ..KeyValue::default() };
    let resource = v1::Resource { attributes: vec![name], ..v1::Resource::default() };
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs =
        vec![ResourceLogs { resource: Some(resource), scope_logs, ..ResourceLogs::default() }];
    Bytes::from(ExportLogsServiceRequest { resource_logs }.encode_to_vec())
}

/// A log in pieces, of which any may follow any.
fn pieces() -> impl Strategy<Value = Vec<&'static str>> {
    const PIECES: [&str; 16] = [
        "",
        "Error: a",
        "KeyError: 'x'",
        "Caused by: java.lang.NullPointerException",
        "goroutine 1 [running]:",
        "Traceback (most recent call last):",
        "  File \"/app/a.py\", line 9, in h",
        "all is well",
        "ERROR checkout failed: Connection refused",
        "ERROR checkout failed\njava.lang.IllegalStateException: cart 7\n\tat com.shop.Cart.total(Cart.java:12)\n\tat com.shop.Main.main(Main.java:3)\nCaused by: java.lang.NullPointerException\n\tat com.shop.Cart.price(Cart.java:4)\n\t... 2 more",
        "java.lang.OutOfMemoryError: Java heap space",
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 2, in f\n    return d['x']\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"/app/a.py\", line 5, in g\n    raise Empty from e\nshop.errors.Empty: no x",
        "panic: boom\n\ngoroutine 1 [running]:\nmain.f(0x1)\n\t/app/f.go:3 +0x2\nmain.main()\n\t/app/main.go:3 +0x2",
        "thread 'main' panicked at src/cart.rs:12:5:\nboom",
        "TypeError: x is undefined\n    at total (/app/src/cart.js:12:5)\n    at main (/app/main.js:3:1)",
        "\tat com.shop.Cart.lost(Cart.java:99)",
    ];
    proptest::collection::vec(proptest::sample::select(&PIECES[..]), 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// However the lines of a stream are cut into requests, and whichever of them are sent twice, the same is counted.
    #[test]
    fn the_cut_of_a_stream_into_requests_is_of_no_matter(
        pieces in pieces(),
        sizes in proptest::collection::vec(1usize..6, 40),
        twice in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let lines: Vec<_> = pieces.iter().flat_map(|piece| piece.split('\n')).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (whole, cut) = runtime.block_on(async {
            let (whole, cut) = (Running::start().await, Running::start().await);
            let receipt = whole.send(&request("shop", 0, &lines), 0).await;
            assert_eq!(whole.counts().await.values().sum::<u64>(), receipt.counted);
            let (mut first, mut parts) = (0, sizes.iter().zip(&twice).cycle());
            while first < lines.len() {
                let (size, twice) = parts.next().unwrap();
                let next = (first + size).min(lines.len());
                let bytes = request("shop", first, &lines[first..next]);
                cut.send(&bytes, first as u64).await;
                if *twice {
                    cut.send(&bytes, first as u64 + 1).await;
                }
                first = next;
            }
            (whole.counts().await, cut.counts().await)
        });
        prop_assert_eq!(whole, cut);
    }
}

/// Each line by itself, as it is read back.
async fn read_back(running: &Running, pipeline: &Pipeline, lines: &[&str]) {
    let hole = running.store.take_hole("after").await.unwrap().expect("nobody has closed it");
    let pipeline = pipeline.reading_back(hole.to);
    for (number, line) in lines.iter().enumerate() {
        let received = UnixNanos(NOW.0 + 50 + number as u64);
        // What an exporter sends has other bytes.
        let mut entry = ExportLogsServiceRequest::decode(request("shop", number, &[line])).unwrap();
        let scope = &mut entry.resource_logs[0].scope_logs[0];
        scope.scope.get_or_insert_default().name = "read back".to_owned();
        pipeline.process(entry.encode_to_vec().into(), received, Transport::Loki).await.unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// What was logged while nobody counted counts once, whichever way it comes first, however the sender cuts it into
    /// requests, and also where another process reads all of it once more.
    #[test]
    fn what_comes_both_ways_counts_once(
        pieces in pieces(),
        size in 1usize..9,
        sent_first in any::<bool>(),
    ) {
        let lines: Vec<_> = pieces.iter().flat_map(|piece| piece.split('\n')).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let [whole, both, again] = runtime.block_on(async {
            let (whole, running) = (Running::start().await, Running::after_an_outage().await);
            whole.send(&request("shop", 0, &lines), 0).await;
            if !sent_first {
                read_back(&running, &running.pipeline, &lines).await;
            }
            for (number, some) in lines.chunks(size).enumerate() {
                running.send(&request("shop", number * size, some), 100 + number as u64).await;
            }
            if sent_first {
                read_back(&running, &running.pipeline, &lines).await;
            }
            let both = running.counts().await;
            read_back(&running, &pipeline(&running.store), &lines).await;
            [whole.counts().await, both, running.counts().await]
        });
        prop_assert_eq!(&both, &whole);
        prop_assert_eq!(&again, &whole, "after it was read once more");
    }
}

/// A hole that another process finds is known to a request that was read before.
#[tokio::test]
async fn a_request_that_knows_nothing_of_a_new_hole_is_read_again() {
    let running = Running::after_an_outage().await;
    let known = running.store.holes();
    let lines = &JAVA[..1];
    running.store.forget_holes();
    assert!(known.borrow().is_empty());
    assert_eq!(running.send(&request("shop", 0, lines), 0).await.counted, 1);
    assert_eq!(known.borrow().len(), 1, "it is known by now");
    read_back(&running, &running.pipeline, lines).await;
    assert_eq!(running.counts().await.values().sum::<u64>(), 1);
    assert_eq!(running.pipeline.totals().now().accepted(), 2, "each is told of once");
}

const JAVA: [&str; 5] = [
    "ERROR checkout failed: Connection refused",
    "java.lang.IllegalStateException: cart 7",
    "\tat com.shop.Cart.total(Cart.java:12)",
    "\tat com.shop.Main.main(Main.java:3)",
    "all is well",
];

/// What was counted is told better by the next request, and each record is told of once.
#[tokio::test]
async fn a_trace_that_goes_on_in_the_next_request_is_moved() {
    let running = Running::start().await;
    let first = running.send(&request("shop", 0, &JAVA[..2]), 0).await;
    assert_eq!((first.records, first.counted, first.joined), (2, 2, 0), "they may be two errors");
    assert_eq!(running.counts().await.len(), 2);
    let next = running.send(&request("shop", 2, &JAVA[2..]), 1).await;
    assert_eq!((next.records, next.counted, next.joined), (3, 0, 2));
    let counts = running.counts().await;
    assert_eq!(counts.values().collect::<Vec<_>>(), [&1]);
    let cluster = running.store.cluster(*counts.keys().next().unwrap()).await.unwrap().unwrap();
    assert_eq!(cluster.detail.error_type, "java.lang.IllegalStateException");
    assert_eq!(cluster.detail.frames.len(), 2);
    assert_eq!(cluster.first_seen, UnixNanos(NOW.0 - 1_000_000), "it happened when its head did");
    let totals = running.pipeline.totals().now();
    assert_eq!((totals.classified, totals.joined, totals.ignored), (2, 2, 1));
    assert_eq!(totals.accepted(), 5);
}

/// Another stream, another file and another time begin anew.
#[tokio::test]
async fn a_trace_does_not_go_on_in_another_stream_or_too_late() {
    for (service, at) in [("other", 1), ("shop", 11_000_000_000)] {
        let running = Running::start().await;
        running.send(&request("shop", 0, &JAVA[..2]), 0).await;
        let before = running.counts().await.len();
        let next = running.send(&request(service, 2, &JAVA[2..]), at).await;
        assert_eq!((next.counted, next.joined), (1, 1), "frames whose head is not known are not lost");
        assert_eq!(running.counts().await.len(), before + 1);
        let clusters = running.store.clusters(ClusterFilter::default()).await.unwrap();
        let rest = clusters.iter().find(|cluster| cluster.detail.frames.len() > 1).unwrap();
        assert!(
            !rest.verdict.fixable && !rest.verdict.severity.is_urgent(),
            "and ask for no fix of their own"
        );
    }
}

/// A window that is over is not changed any more: its errors were looked at.
#[tokio::test]
async fn a_closed_window_is_not_corrected() {
    let running = Running::start().await;
    running.send(&request("shop", 0, &JAVA[..2]), 0).await;
    let counts = async || {
        let clusters = running.store.clusters(ClusterFilter::default()).await.unwrap();
        clusters.iter().map(|cluster| (cluster.fingerprint, cluster.count)).collect::<BTreeMap<_, _>>()
    };
    let before = counts().await;
    running.store.close_window(UnixNanos(NOW.0 + 1)).await.unwrap();
    let next = running.send(&request("shop", 2, &JAVA[2..]), 2).await;
    assert_eq!((next.counted, next.joined), (0, 2));
    assert_eq!(counts().await, before);
}

/// Where the store did not commit, the same request sent again goes on with what the first try went on with.
#[tokio::test]
async fn a_commit_that_failed_leaves_the_memory_as_it_was() {
    let mut running = Running::start().await;
    running.send(&request("shop", 0, &JAVA[..2]), 0).await;
    let next = request("shop", 2, &JAVA[2..]);
    // A store whose writer is gone takes nothing.
    let folder = tempfile::tempdir().unwrap();
    let (broken, writer) = Store::open(&Settings::sqlite(folder.path().join("b.db")), || NOW).await.unwrap();
    drop(writer);
    let whole = std::mem::replace(&mut running.pipeline.store, broken);
    let failed = running.pipeline.process(next.clone(), UnixNanos(NOW.0 + 1), Transport::Grpc).await;
    assert!(matches!(failed, Err(PipelineError::Store(_))), "{failed:?}");
    running.pipeline.store = whole;
    let receipt = running.send(&next, 2).await;
    assert_eq!((receipt.counted, receipt.joined), (0, 2));
    assert_eq!(running.counts().await.values().collect::<Vec<_>>(), [&1]);
}

/// The gravest of a trace's lines tells how grave it is, whichever comes first.
#[tokio::test]
async fn a_trace_is_as_grave_as_its_gravest_line() {
    let running = Running::start().await;
    let lines = [(0, JAVA[1]), (17, JAVA[2]), (21, JAVA[3]), (9, "all is well")];
    let record = |(number, (severity_number, line)): (usize, &(i32, &str))| LogRecord {
        time_unix_nano: NOW.0 - 100 + number as u64,
        severity_number: *severity_number,
        body: Some(text(line)),
        ..LogRecord::default()
    };
    let log_records = lines.iter().enumerate().map(record).collect();
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    let bytes = Bytes::from(ExportLogsServiceRequest { resource_logs }.encode_to_vec());
    let found = running.pipeline.read(&bytes, NOW).unwrap();
    assert_eq!((found.records, found.deltas.len(), found.joined), (4, 1, 2));
    assert_eq!(found.deltas[0].severity_number, SeverityNumber::FATAL);
}

/// Lines of two files and of both outputs come mixed, in one scope; each has its own trace.
#[tokio::test]
async fn lines_of_several_files_and_outputs_are_kept_apart() {
    let running = Running::start().await;
    let python = [
        "Traceback (most recent call last):",
        "  File \"/app/a.py\", line 2, in f",
        "    x()",
        "KeyError: 'x'",
    ];
    let attribute = |key: &str, value: &str| KeyValue {
        key: key.to_owned(),
        value: Some(text(value)),
        ..KeyValue::default()
    };
    let mut log_records = Vec::new();
    for (java, python) in JAVA[1..].iter().zip(python) {
        for (line, file, output) in
            [(*java, "a.log", "stderr"), (python, "b.log", "stderr"), ("all is well", "a.log", "stdout")]
        {
            log_records.push(LogRecord {
                body: Some(text(line)),
                attributes: vec![attribute("log.file.name", file), attribute("log.iostream", output)],
                ..LogRecord::default()
            });
        }
    }
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    let bytes = Bytes::from(ExportLogsServiceRequest { resource_logs }.encode_to_vec());
    let receipt = running.send(&bytes, 0).await;
    assert_eq!((receipt.records, receipt.counted, receipt.joined), (12, 2, 2 + 3));
    assert_eq!(running.counts().await.len(), 2);
}

/// More streams than are kept apart: the lines that follow each other are joined all the same, and nothing is remembered of the rest.
#[tokio::test]
async fn a_request_of_many_streams_is_bounded() {
    let running = Running::start().await;
    let resource_logs = (0..500).map(|service| {
        let request = request(&format!("service-{service}"), 0, &JAVA[1..4]);
        ExportLogsServiceRequest::decode(request).unwrap().resource_logs.remove(0)
    });
    let bytes =
        Bytes::from(ExportLogsServiceRequest { resource_logs: resource_logs.collect() }.encode_to_vec());
    let found = running.pipeline.read(&bytes, NOW).unwrap();
    assert_eq!((found.deltas.len(), found.joined, found.tails.len()), (500, 1_000, 64));
}

/// What is past the bound of a window is counted by service and category, as grave as the gravest of it, and asks for no fix;
/// other services find places.
#[tokio::test]
async fn distinct_errors_past_the_bound_are_counted_by_service_and_category() {
    const VOWELS: [&str; 5] = ["ka", "me", "ti", "so", "lu"];
    let mut running = Running::start().await;
    running.pipeline = running.pipeline.clone().keeping_apart(100);
    let word = |n: usize| [n / 125 % 5, n / 25 % 5, n / 5 % 5, n % 5].map(|part| VOWELS[part]).concat();
    let lines: Vec<_> = (0..600)
        .map(|n| match n % 10 {
            0 => format!("FATAL: out of memory while sorting {}", word(n)),
            _ => format!("ERROR cannot {} the order", word(n)),
        })
        .collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    for (service, first) in [("shop", 0), ("cart", 1_000)] {
        let receipt = running.send(&request(service, first, &lines), first as u64).await;
        assert_eq!(receipt.counted, 600);
    }
    running.send(&request("quiet", 0, &["ERROR cannot find the teapot"]), 2_000).await;
    assert_eq!(running.counts().await.values().sum::<u64>(), 1_201);
    let clusters = running.store.clusters(ClusterFilter::default()).await.unwrap();
    let (together, apart): (Vec<_>, Vec<_>) =
        clusters.iter().partition(|cluster| &*cluster.verdict.rule == Verdict::TOO_MANY);
    assert!(apart.len() <= 100 && apart.iter().any(|cluster| cluster.detail.service == "quiet"));
    for cluster in &together {
        let Verdict { category, fixable, .. } = &cluster.verdict;
        assert!(!fixable && !cluster.detail.named_by_message);
        assert!(cluster.detail.message.contains(category.as_str()), "{}", cluster.detail.message);
        assert!(cluster.examples.len() > 1, "examples show what differs");
    }
    let mut services: Vec<_> = together.iter().map(|cluster| cluster.detail.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    assert_eq!(services, ["cart", "shop"]);
    let ids: std::collections::BTreeSet<_> =
        together.iter().map(|cluster| (&cluster.detail.service, &cluster.verdict.category)).collect();
    assert_eq!(ids.len(), together.len(), "one for each service and category");
}

/// A customer that turns up late is seen though five samples were taken before; where all is alike but an id, none is made.
#[tokio::test]
async fn a_late_record_that_shows_another_value_becomes_a_sample() {
    let running = Running::start().await;
    let line = |n: usize, customer: &str| {
        format!("ERROR checkout {n} of customer {customer} failed: Connection refused")
    };
    let send = async |first: usize, customer: &str| {
        let lines: Vec<_> = (first..first + 20).map(|n| line(n, customer)).collect();
        let bytes = request("shop", first, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let found = running.pipeline.read(&bytes, NOW).unwrap();
        running.send(&bytes, first as u64).await;
        found.deltas.iter().map(|delta| delta.samples.len()).collect::<Vec<_>>()
    };
    assert_eq!(send(0, "4711").await, [Cluster::SAMPLES_MAX]);
    assert_eq!(send(100, "4711").await, [0]);
    assert_eq!(send(200, "4712").await, [1]);
    assert_eq!(send(300, "4712").await, [0]);
}
