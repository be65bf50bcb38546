//! What `logmend bench` wants of sending: the requests alone, and a run of some time that prints nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::FromArgMatches as _;
use tokio::sync::mpsc;

use super::plan::{Plan, Protocol, command_line};
use super::produce::Producer;
use super::run::{self, Run};

/// Connections of a run: as many as some exporters have.
const CONNECTIONS: u32 = 8;

/// How a run went.
pub(in crate::commands) struct Measured {
    pub(in crate::commands) records: u64,
    pub(in crate::commands) records_a_second: u64,
    pub(in crate::commands) p50: Duration,
    pub(in crate::commands) p99: Duration,
    /// Whether requests were mostly not ready when their turn came.
    pub(in crate::commands) starved: bool,
}

/// The requests that sending the files makes, until they are so many bytes.
///
/// # Errors
///
/// Where a file cannot be read.
pub(in crate::commands) fn requests(files: Vec<PathBuf>, bytes_max: usize) -> anyhow::Result<Vec<Bytes>> {
    // A body over HTTP is the message alone.
    let plan = Plan { files, protocol: Protocol::HttpProtobuf, ..plan()? };
    super::check_files(&plan)?;
    let run = Arc::new(Run::new(Arc::new(plan)));
    let (sender, mut receiver) = mpsc::channel(16);
    let producer = Producer::new(Arc::clone(&run), sender);
    std::thread::Builder::new().name("producer".to_owned()).spawn(move || producer.produce())?;
    let (mut requests, mut bytes) = (Vec::new(), 0);
    while let Some(request) = receiver.blocking_recv().filter(|_| bytes < bytes_max) {
        bytes += request.body.len();
        requests.push(request.body);
    }
    Ok(requests)
}

/// Sends the files over and over for so long, at so many records a second, or 0 as fast as they are taken.
///
/// # Errors
///
/// Where a file cannot be read or nobody answers at the endpoint.
pub(in crate::commands) async fn measure(
    files: Vec<PathBuf>,
    endpoint: &str,
    rate: u64,
    lasting: Duration,
) -> anyhow::Result<Measured> {
    let (endpoint, connections) = (Some(endpoint.to_owned()), CONNECTIONS);
    let plan = Plan { files, endpoint, rate, connections, repeat: u64::MAX, ..plan()? };
    let target = plan.target()?;
    let opened = run::connect(&plan, &target).await?;
    let run = Arc::new(Run::new(Arc::new(plan)));
    let mut lanes = run::start(&run, &opened)?;
    tokio::time::sleep(lasting).await;
    run.stop.cancel();
    let elapsed = run.elapsed();
    while lanes.join_next().await.is_some() {}
    let tally = run.tally();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rate for people"
    )]
    let records_a_second = (tally.acknowledged as f64 / elapsed.as_secs_f64()) as u64;
    Ok(Measured {
        records: tally.acknowledged,
        records_a_second,
        p50: tally.latency(0.5),
        p99: tally.latency(0.99),
        starved: tally.is_starved(),
    })
}

/// A plan without files, as the command line's defaults have it.
fn plan() -> anyhow::Result<Plan> {
    Ok(Plan::from_arg_matches(&command_line().try_get_matches_from(["send", "-"])?)?)
}
