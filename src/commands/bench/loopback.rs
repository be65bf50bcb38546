//! The whole way: requests over loopback into a server of its own, answered when what they hold is durable.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::server::Server;
use crate::commands::send::{self, Measured};

/// Records a second at which latencies are taken.
const RATES: [u64; 2] = [10_000, 100_000];

/// A rate is held where the 99th percentile stays below this.
const P99_MAX: Duration = Duration::from_millis(50);

/// Of what is taken as fast as it can be, the shares that are tried, in percent, until one holds.
const SHARES: [u64; 5] = [90, 75, 60, 45, 30];

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Loopback {
    pub(super) start_to_ready_ms: f64,
    pub(super) idle_rss_bytes: Option<u64>,
    pub(super) peak_rss_bytes: Option<u64>,
    /// In the order of their rates; the last one is the highest that was held, or the lowest that was tried where none was.
    pub(super) rates: Vec<Rate>,
}

/// One rate.
#[derive(Debug, Serialize)]
pub(super) struct Rate {
    pub(super) asked_records_a_second: u64,
    pub(super) taken_records_a_second: u64,
    /// The server's, user and system.
    pub(super) cpu_seconds_a_million_records: Option<f64>,
    pub(super) ack_p50_ms: f64,
    pub(super) ack_p99_ms: f64,
    /// Whether the requests could not be made as fast as they were taken.
    pub(super) generator_was_the_limit: bool,
    /// Whether it is the highest that was found to hold: p99 below 50 ms.
    pub(super) is_highest: bool,
}

/// Measures for about so long.
pub(super) async fn measure(
    requests: &Arc<Vec<Bytes>>,
    rules: Option<&Path>,
    folder: &Path,
    lasting: Duration,
) -> anyhow::Result<Loopback> {
    let server = Server::start(folder, rules).await?;
    let idle = server.memory();
    let slice = lasting / 5;
    // The first requests make all clusters and their files; they tell little of what comes after.
    at(&server, requests, RATES[0], slice / 5).await?;
    let run = async |rate| at(&server, requests, rate, slice).await;
    let mut rates = Vec::new();
    for rate in RATES {
        rates.push(run(rate).await?);
    }
    let mut highest = run(0).await?;
    let most = highest.taken_records_a_second;
    for share in SHARES {
        if highest.holds() {
            break;
        }
        highest = at(&server, requests, (most * share / 100).max(1), slice / 3).await?;
    }
    rates.push(Rate { is_highest: highest.holds(), ..highest });
    Ok(Loopback {
        start_to_ready_ms: millis(server.ready_after),
        idle_rss_bytes: idle.map(|(resident, _)| resident),
        peak_rss_bytes: server.memory().map(|(_, peak)| peak),
        rates,
    })
}

async fn at(
    server: &Server,
    requests: &Arc<Vec<Bytes>>,
    rate: u64,
    lasting: Duration,
) -> anyhow::Result<Rate> {
    let before = server.cpu();
    let sent = send::measure(Arc::clone(requests), &server.endpoint, rate, lasting).await?;
    let cpu = before.zip(server.cpu()).map(|(before, after)| after.saturating_sub(before));
    let Measured { records, records_a_second, p50, p99, starved } = sent;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let millions = records.max(1) as f64 / 1e6;
    Ok(Rate {
        asked_records_a_second: if rate == 0 { records_a_second } else { rate },
        taken_records_a_second: records_a_second,
        cpu_seconds_a_million_records: cpu.map(|cpu| cpu.as_secs_f64() / millions),
        ack_p50_ms: millis(p50),
        ack_p99_ms: millis(p99),
        generator_was_the_limit: starved,
        is_highest: false,
    })
}

impl Rate {
    fn holds(&self) -> bool {
        let enough = self.asked_records_a_second.saturating_mul(9) / 10;
        self.ack_p99_ms < millis(P99_MAX) && self.taken_records_a_second >= enough.max(1)
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
