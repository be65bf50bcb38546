//! One run: connections send what is prepared, wait for answers, and send again where that may help.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::Bytes;
use http::Uri;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::grpc::Grpc;
use super::http::Http;
use super::plan::{Plan, Protocol};
use super::produce::{Prepared, Producer};
use super::tally::{Fate, Tally};
use super::{CONNECT_TIME_MAX, root_cause, tell};
use crate::model::UnixNanos;
use crate::{redact, telemetry};

/// The back-off that the OTLP exporters of OpenTelemetry use: 1 s, 1.5 s, … up to 5 s.
const RETRY_DELAY_MIN: Duration = Duration::from_secs(1);
const RETRY_DELAY_FACTOR: f32 = 1.5;
const RETRY_DELAY_MAX: Duration = Duration::from_secs(5);

/// The longest wait that a receiver may ask for.
const NAMED_DELAY_MAX: Duration = Duration::from_mins(1);

/// So many reasons of refusals, rejections and retries are told; all of them are counted.
const REASONS_TOLD: usize = 10;

/// What producer and connections share.
pub(super) struct Run {
    pub(super) plan: Arc<Plan>,
    /// Cancelled when nothing more is to be sent.
    pub(super) stop: CancellationToken,
    begun: Instant,
    begun_at: UnixNanos,
    /// Held for a few instructions at a time.
    tally: Mutex<Tally>,
    reasons: Mutex<Vec<String>>,
}

impl Run {
    /// A run that begins now.
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            stop: CancellationToken::new(),
            begun: Instant::now(),
            begun_at: telemetry::now(),
            tally: Mutex::new(Tally::new()),
            reasons: Mutex::default(),
        }
    }

    /// The counts so far.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The wall clock's time when a request is due, or of now.
    pub(super) fn wall_clock(&self, due: Option<Duration>) -> u64 {
        due.map_or_else(
            || telemetry::now().0,
            |due| self.begun_at.0 + u64::try_from(due.as_nanos()).unwrap_or(0),
        )
    }

    /// Tells a reason, each once.
    fn reason(&self, what: &str, why: &str) {
        let why = redact::plain(why);
        let reason = if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") };
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        if reasons.len() < REASONS_TOLD && !reasons.contains(&reason) {
            tell(&reason);
            reasons.push(reason);
        }
    }
}

/// A connection of either protocol.
#[derive(Debug, Clone)]
pub(super) enum Connection {
    Grpc(Grpc),
    Http(Http),
}

impl Connection {
    async fn send(&self, body: Bytes) -> Answer {
        match self {
            Self::Grpc(grpc) => grpc.send(body).await,
            Self::Http(http) => http.send(body).await,
        }
    }
}

/// Opens the connections that a plan asks for.
///
/// # Errors
///
/// Where nobody answers at the endpoint.
pub(super) async fn connect(plan: &Plan, target: &Uri) -> anyhow::Result<Vec<Connection>> {
    let (headers, encoding) = (plan.header_map(), plan.compression.header());
    let mut connections = Vec::new();
    for _ in 0..plan.connections {
        connections.push(match plan.protocol {
            Protocol::Grpc => Connection::Grpc(
                Grpc::connect(target, headers.clone(), encoding)
                    .await
                    .map_err(|error| unreachable(target, &error))?,
            ),
            protocol => {
                let json = protocol == Protocol::HttpJson;
                let content_type = if json { "application/json" } else { "application/x-protobuf" };
                let http = Http::new(target, headers.clone(), encoding, content_type);
                Connection::Http(http.context("TLS cannot be set up")?)
            }
        });
    }
    if plan.protocol != Protocol::Grpc {
        reach(target).await?;
    }
    Ok(connections)
}

/// HTTP clients connect when they send; this tells a wrong address before anything is read.
async fn reach(target: &Uri) -> anyhow::Result<()> {
    let port = target.port_u16().unwrap_or(if target.scheme_str() == Some("https") { 443 } else { 80 });
    let host = target.host().unwrap_or_default().trim_matches(['[', ']']);
    let connected = timeout(CONNECT_TIME_MAX, TcpStream::connect((host, port))).await;
    let failed = connected.map_err(std::io::Error::from).and_then(|connected| connected).err();
    failed.map_or(Ok(()), |error| Err(unreachable(target, &error)))
}

fn unreachable(target: &Uri, error: &(dyn std::error::Error + 'static)) -> anyhow::Error {
    let scheme = target.scheme_str().unwrap_or_default();
    let authority = target.authority().map_or("", |authority| authority.as_str());
    anyhow::anyhow!(
        "cannot reach {scheme}://{authority}: {}; is the receiver running there?",
        root_cause(error)
    )
}

/// Starts the producer and, for each connection, as many lanes as may be under way on it.
pub(super) fn start(
    run: &Arc<Run>,
    connections: &[Connection],
    produce: impl FnOnce(Producer) + Send + 'static,
) -> anyhow::Result<JoinSet<()>> {
    let concurrency = run.plan.concurrency as usize;
    // Two waiting requests for each lane: no lane waits for the encoder, and memory stays bounded.
    let (sender, receiver) = mpsc::channel(connections.len() * concurrency * 2);
    let producer = Producer::new(Arc::clone(run), sender);
    // Not joined: it may wait for standard input, and the process is not to wait for it.
    std::thread::Builder::new().name("producer".to_owned()).spawn(move || produce(producer))?;
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let mut lanes = JoinSet::new();
    for connection in connections {
        for _ in 0..concurrency {
            lanes.spawn(lane(Arc::clone(run), connection.clone(), Arc::clone(&receiver)));
        }
    }
    Ok(lanes)
}

type Queue = Arc<tokio::sync::Mutex<mpsc::Receiver<Prepared>>>;

/// Sends one request after the other until there are none or the run is to stop.
async fn lane(run: Arc<Run>, connection: Connection, queue: Queue) {
    while let Some(request) = take(&run, &queue).await {
        let Some(since) = turn(&run, &request).await else { return };
        let fate = deliver(&run, &connection, &request).await;
        run.tally().count(request.records, fate, since.elapsed());
    }
}

async fn take(run: &Run, queue: &Queue) -> Option<Prepared> {
    let taken = async {
        let mut queue = queue.lock().await;
        let is_empty = queue.is_empty();
        let request = queue.recv().await?;
        let is_late = request.due.is_none_or(|due| due < run.elapsed());
        run.tally().starved += u64::from(is_empty && is_late);
        Some(request)
    };
    tokio::select! {
        biased;
        () = run.stop.cancelled() => None,
        request = taken => request,
    }
}

/// Waits until a request is due. Its latency counts from then on, also where its turn comes later: what a slow receiver
/// holds up is the receiver's latency ("coordinated omission").
async fn turn(run: &Run, request: &Prepared) -> Option<Instant> {
    let Some(due) = request.due else { return Some(Instant::now()) };
    let due = run.begun + due;
    tokio::select! {
        biased;
        () = run.stop.cancelled() => None,
        () = sleep_until(due) => Some(due),
    }
}

/// Sends a request until it is answered for good or the tries are used up.
async fn deliver(run: &Run, connection: &Connection, request: &Prepared) -> Fate {
    let mut delays = ExponentialBuilder::new()
        .with_min_delay(RETRY_DELAY_MIN)
        .with_factor(RETRY_DELAY_FACTOR)
        .with_max_delay(RETRY_DELAY_MAX)
        .with_max_times(run.plan.retries as usize)
        .build();
    loop {
        run.tally().bytes += request.body.len() as u64;
        let answer = timeout(run.plan.timeout, connection.send(request.body.clone())).await;
        let (why, after) = match answer.unwrap_or_else(|_| Answer::lost("no answer in time")) {
            Answer::Acknowledged { rejected, why } => {
                if rejected > 0 || !why.is_empty() {
                    run.reason("partial success", &why);
                }
                return Fate::Acknowledged { rejected };
            }
            Answer::Refused { why, concerns_all } => {
                run.reason("refused", &why);
                if concerns_all {
                    run.stop.cancel();
                }
                return Fate::Refused;
            }
            Answer::Later { why, after } => (why, after),
        };
        let Some(delay) = delays.next() else {
            run.reason("given up after all retries", &why);
            run.stop.cancel();
            return Fate::Unacknowledged;
        };
        let delay = after.map_or(delay, |after| after.min(NAMED_DELAY_MAX));
        tokio::select! {
            () = run.stop.cancelled() => return Fate::Unacknowledged,
            () = sleep(delay) => {}
        }
        run.reason("sent again", &why);
        run.tally().retried += 1;
    }
}
