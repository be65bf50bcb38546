//! What `logmend bench` wants of sending: the requests alone, and a run of some time that prints nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
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

/// The requests that sending the files makes, until they are so many bytes. Each file is read once: it may be a pipe.
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

/// Sends requests over and over for so long, at so many records a second, or 0 as fast as they are taken.
///
/// # Errors
///
/// Where nobody answers at the endpoint, or requests are refused.
pub(in crate::commands) async fn measure(
    requests: Arc<Vec<Bytes>>,
    endpoint: &str,
    rate: u64,
    lasting: Duration,
) -> anyhow::Result<Measured> {
    let plan = Plan { endpoint: Some(endpoint.to_owned()), rate, connections: CONNECTIONS, ..plan()? };
    let target = plan.target()?;
    let opened = run::connect(&plan, &target).await?;
    let run = Arc::new(Run::new(Arc::new(plan)));
    let mut lanes = run::start(&run, &opened, move |producer| producer.repeat(&requests))?;
    let ended_early = tokio::time::timeout(lasting, run.stop.cancelled()).await.is_ok();
    run.stop.cancel();
    while lanes.join_next().await.is_some() {}
    // With the time that the last answers took, as they count.
    let elapsed = run.elapsed();
    let tally = run.tally();
    // What waits to be sent again at the end is not lost: the server asked for that, and time was up.
    let lost = tally.refused + tally.rejected;
    if lost > 0 || ended_early {
        bail!("the server did not take all that was sent: {lost} records were refused");
    }
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
