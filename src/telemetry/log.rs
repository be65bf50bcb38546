//! logmend's own log lines: printed, and where they are asked for, sent.

use std::io::IsTerminal;

use tracing::Metadata;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::Providers;

/// What is printed where nobody says otherwise: our own lines from INFO, libraries' from WARN. Those of h2 are about peers, one
/// for each of their frames where a peer means ill.
const DEFAULT_FILTER: &str = "warn,logmend=info,h2=error";

/// What an exporter is made of, besides OpenTelemetry's own crates. Their lines are printed and never sent: each would make
/// the next.
const EXPORTER_CRATES: [&str; 8] =
    ["h2", "hyper", "hyper_util", "tonic", "tower", "reqwest", "rustls", "tracing_opentelemetry"];

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Where logmend's own log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The service: its log is its output.
    Stdout,
    /// A command whose output is its result.
    Stderr,
}

/// Begins to print log lines, and to send them, and spans, to `providers`. `filter` is `RUST_LOG`'s syntax; `None`, or one
/// that cannot be read, is the default.
pub fn init(output: Output, filter: Option<&str>, providers: &Providers) {
    let filter = || {
        filter
            .and_then(|filter| EnvFilter::try_new(filter).ok())
            .unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER))
    };
    let printed = match output {
        Output::Stdout => printer(filter(), std::io::stdout, std::io::stdout().is_terminal()),
        Output::Stderr => printer(filter(), std::io::stderr, std::io::stderr().is_terminal()),
    };
    let mut layers = vec![printed];
    if let Some(logs) = providers.logs_layer() {
        let sent = |line: &Metadata<'_>| line.is_event() && !is_of_an_exporter(line.target());
        layers.push(logs.with_filter(filter().and(filter_fn(sent))).boxed());
    }
    if let Some(traces) = providers.traces_layer() {
        let sent = |span: &Metadata<'_>| span.is_span() && is_of(span.target(), "logmend");
        layers.push(traces.with_filter(filter().and(filter_fn(sent))).boxed());
    }
    // A second call, as in a test, keeps the first one's subscriber.
    let _ = tracing_subscriber::registry().with(layers).try_init();
}

/// Spans are for traces: a printed line reads alone.
fn printer<W>(filter: EnvFilter, writer: W, colour: bool) -> BoxedLayer
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colour)
        .with_target(false)
        .with_filter(filter.and(filter_fn(|line: &Metadata<'_>| line.is_event())))
        .boxed()
}

fn is_of_an_exporter(target: &str) -> bool {
    // The SDK's crates name themselves by their package: opentelemetry-otlp, opentelemetry_sdk.
    target.starts_with("opentelemetry") || EXPORTER_CRATES.iter().any(|name| is_of(target, name))
}

fn is_of(target: &str, name: &str) -> bool {
    target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_what_an_exporter_is_made_of_are_not_sent() {
        for target in
            ["h2::codec::framed_read", "hyper", "opentelemetry-otlp", "opentelemetry_sdk", "tonic::transport"]
        {
            assert!(is_of_an_exporter(target), "{target}");
        }
        for target in ["logmend::app", "sqlx::query", "h2o", "hyperspace::drive", "logmend::telemetry::watch"]
        {
            assert!(!is_of_an_exporter(target), "{target}");
        }
    }
}
