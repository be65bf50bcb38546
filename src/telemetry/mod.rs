//! What logmend tells of itself: log lines, metrics and spans, and the clock that the edges read.
//!
//! In come `tracing` events and spans of every room, and the numbers that `app.rs` registers in [`Metrics`]. Log lines are
//! printed; metrics are the text of `GET /metrics`; where the standard `OTEL_EXPORTER_OTLP_*` variables ask for it, all of it
//! goes out over OTLP through the OpenTelemetry SDK ([`Providers`]).
//!
//! Never into itself: an endpoint that is one of logmend's own listeners is refused at start ([`own_listener`]), lines of the
//! crates that send are not sent ([`init`]), and what comes back through a Collector is known by [`instance_id`]. A peer that
//! is away costs telemetry, never the service: queues are bounded, waits end, and failures are told once a minute.
//!
//! This room knows no other one but the model.

mod family;
mod instance;
mod itself;
mod log;
mod metrics;
mod process;
mod providers;
mod settings;
mod watch;

use crate::model::UnixNanos;

pub use family::Family;
pub use instance::instance_id;
pub use itself::own_listener;
pub use log::{Output, init};
pub use metrics::{CONTENT_TYPE, Metrics};
pub use providers::{Providers, TelemetryError};
pub use settings::{Peer, Protocol, Settings};

/// The time of the wall clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> UnixNanos {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixNanos(since_1970.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
}
