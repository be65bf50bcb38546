//! Exporters under way while something breaks: they send at a steady rate, keep the bytes of what was not acknowledged, and
//! send it again, as exporters do, or forget it, as one does that ends. They know what they sent and what was acknowledged.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use logmend::proto::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use super::otlp::{self, Connected};
use super::service::Service;

/// 5,000 records a second in all.
const EXPORTERS: u64 = 20;
const REQUESTS_A_SECOND: u64 = 10;
const RECORDS: u64 = 25;
/// How many errors there are at each of two services.
const ERRORS: u64 = 4;
/// The exporters of the one send again until they are told that it was taken; those of the other never send again.
const SERVICES: [&str; 2] = ["patient", "forgetful"];
/// How long an exporter waits for an answer (OpenTelemetry, "OTLP exporter timeout").
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long an exporter rests before it sends again; real ones rest for longer.
const REST: Duration = Duration::from_millis(50);
/// How long the last requests may take to be taken.
const LAST_MAX: Duration = Duration::from_mins(1);

/// How many records of an error there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    sent: u64,
    acknowledged: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
    }
}

/// An error: its service and its type.
type Name = (String, String);

/// What exporters sent of each error.
type Tallies = BTreeMap<Name, Tally>;

/// Exporters that are sending.
pub struct Load {
    exporters: Vec<JoinHandle<Tallies>>,
    begun: Instant,
    /// Where they send to; none once they are to end.
    url: watch::Sender<Option<String>>,
}

impl Load {
    /// Begins to send to a service.
    #[expect(clippy::disallowed_methods, reason = "a test's own tasks")]
    pub fn on(service: &Service) -> Self {
        let (url, _) = watch::channel(Some(service.grpc_url()));
        let exporters = (0..EXPORTERS).map(|id| tokio::spawn(Exporter::new(id, url.subscribe()).run()));
        Self { exporters: exporters.collect(), begun: Instant::now(), url }
    }

    /// The service is elsewhere after it was started again.
    pub fn follow(&self, service: &Service) {
        self.url.send_replace(Some(service.grpc_url()));
    }

    /// Ends it once what the patient ones sent was acknowledged, and holds what was counted against it: of each error all that was
    /// acknowledged was counted, and nothing that was not sent or twice. The window is the one in which it began.
    pub async fn check(self, service: &Service) {
        self.url.send_replace(None);
        let sending = self.begun.elapsed();
        let mut tallies = Tallies::new();
        for exporter in self.exporters {
            for (name, tally) in exporter.await.unwrap() {
                *tallies.entry(name).or_default() += tally;
            }
        }
        let recent = service.get("/error-monitor/errors/recent").await;
        let text = |error: &serde_json::Value, key: &str| error[key].as_str().unwrap().to_owned();
        let errors = recent["errors"].as_array().unwrap().iter();
        let counted: BTreeMap<Name, u64> = errors
            .map(|error| {
                ((text(error, "service"), text(error, "error_type")), error["count"].as_u64().unwrap())
            })
            .collect();
        let sum = tallies.values().map(|tally| tally.sent).sum::<u64>();
        println!("{sum} records in {sending:?}");
        println!("sent and acknowledged: {tallies:?}\ncounted: {counted:?}");
        assert!(counted.keys().all(|name| tallies.contains_key(name)), "nothing that was not sent");
        for (name, Tally { sent, acknowledged }) in tallies {
            // Of what a forgetful one sends at bad moments alone nothing may have come.
            let counted = counted.get(&name).copied().unwrap_or_default();
            assert!(
                acknowledged <= counted && counted <= sent,
                "{name:?}: {acknowledged} acknowledged ≤ {counted} counted ≤ {sent} sent"
            );
            if name.0 == SERVICES[0] {
                assert_eq!((acknowledged, counted), (sent, sent), "{name:?}: all of it in the end, and once");
            }
        }
    }
}

/// One exporter.
struct Exporter {
    id: u64,
    url: watch::Receiver<Option<String>>,
    /// The latest place that was told.
    place: String,
    connection: Option<Connected>,
    tallies: Tallies,
}

impl Exporter {
    fn new(id: u64, url: watch::Receiver<Option<String>>) -> Self {
        Self { id, url, place: String::new(), connection: None, tallies: Tallies::new() }
    }

    fn is_forgetful(&self) -> bool {
        self.id % 2 == 1
    }

    async fn run(mut self) -> Tallies {
        let mut due = tokio::time::interval(Duration::from_micros(1_000_000 / REQUESTS_A_SECOND));
        for n in 0.. {
            due.tick().await;
            let Some(place) = self.url.borrow().clone() else { break };
            self.place = place;
            let name =
                (SERVICES[usize::from(self.is_forgetful())].to_owned(), format!("Error{}", n % ERRORS));
            let bytes = self.request(&name, n).encode_to_vec();
            self.tally(&name).sent += RECORDS;
            if self.deliver(bytes).await {
                self.tally(&name).acknowledged += RECORDS;
            }
        }
        self.tallies
    }

    fn tally(&mut self, name: &Name) -> &mut Tally {
        self.tallies.entry(name.clone()).or_default()
    }

    /// No two are the same: each tells its exporter and its number.
    fn request(&self, name: &Name, n: u64) -> ExportLogsServiceRequest {
        let record = |m| {
            let message = format!("bad total {}-{n}-{m}", self.id);
            otlp::exception_record(&name.1, &message, &otlp::TRACEBACK.replace("ValueError", &name.1))
        };
        otlp::request(&name.0, (0..RECORDS).map(record).collect())
    }

    /// Sends until it is taken or forgotten; whether it was acknowledged.
    async fn deliver(&mut self, bytes: Vec<u8>) -> bool {
        let mut ending = None;
        loop {
            match self.attempt(bytes.clone()).await {
                Ok(()) => return true,
                Err(refused) => {
                    // What an exporter may not send again is lost: nothing here is refused for good.
                    let passes = matches!(
                        refused.code(),
                        Code::Unavailable
                            | Code::DeadlineExceeded
                            | Code::Unknown
                            | Code::Cancelled
                            | Code::Internal
                    );
                    assert!(passes, "{refused:?}");
                    self.connection = None;
                }
            }
            if self.is_forgetful() {
                return false;
            }
            let place = self.url.borrow().clone();
            if let Some(place) = place {
                self.place = place;
            } else {
                let ending = ending.get_or_insert_with(Instant::now);
                assert!(ending.elapsed() < LAST_MAX, "the last requests are not taken");
            }
            tokio::time::sleep(REST).await;
        }
    }

    async fn attempt(&mut self, bytes: Vec<u8>) -> Result<(), Status> {
        let attempt = async {
            if self.connection.is_none() {
                self.connection = Some(Connected::to(&self.place).await?);
            }
            match &mut self.connection {
                Some(connection) => connection.export(bytes).await,
                None => Err(Status::unavailable("not connected")),
            }
        };
        let late = |_| Err(Status::deadline_exceeded("no answer"));
        tokio::time::timeout(ANSWER_MAX, attempt).await.unwrap_or_else(late)
    }
}
