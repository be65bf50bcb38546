//! Grafana Loki: what was logged while nobody here listened, and what a service logged around an error.
//!
//! Source: Loki's HTTP API documentation, "Query logs within a range of time". Loki is asked through `query_range` alone, page
//! by page; nothing is written to it.
//!
//! [`read_back()`] takes a [`Hole`](crate::model::Hole) in time, turns every entry in it into one OTLP request, and hands it to whoever counts
//! requests. [`Client::around`] answers a few redacted lines for a prompt. This room knows neither the pipeline nor the
//! prompt. With Loki down errors are taken in all the same: what was missed is read later, and a prompt has no such lines.

mod around;
mod client;
mod error;
mod names;
mod pages;
mod read_back;
mod record;
mod wire;

pub use client::{Client, Settings};
pub use error::LokiError;
pub use read_back::{NotTaken, Report, read_back};

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How often Loki is asked whether it is there, where nothing else asks it.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Asks Loki now and then whether it answers, until `stop` is cancelled: people see its state in health before they need it.
pub async fn watch(client: Client, stop: CancellationToken) {
    let looking = async {
        loop {
            client.look().await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    stop.run_until_cancelled(looking).await;
}
