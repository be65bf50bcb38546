//! Who takes logmend's own telemetry: whether a connection can be made. Nothing is sent: an export is a line in somebody's log.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::net::TcpStream;

use super::report::Line;
use crate::config::Config;

const PEER: &str = "telemetry";
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// logmend goes on without, so that nobody there is a warning.
pub(super) async fn check(config: &Config) -> Line {
    let Some(settings) = &config.telemetry else {
        return Line::off(
            PEER,
            "OTEL_EXPORTER_OTLP_ENDPOINT is not set: logmend's own telemetry is not sent",
        );
    };
    let peers = [&settings.logs, &settings.metrics, &settings.traces];
    let endpoints: BTreeSet<_> =
        peers.into_iter().flatten().filter_map(|peer| place(&peer.endpoint)).collect();
    for (host, port) in &endpoints {
        let connected = tokio::time::timeout(CONNECT_MAX, TcpStream::connect((host.as_str(), *port))).await;
        let why = match connected {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        return Line::warning(
            PEER,
            format!("{host}:{port} is not reached: {why}; look at OTEL_EXPORTER_OTLP_ENDPOINT"),
        );
    }
    let endpoints: Vec<_> = endpoints.iter().map(|(host, port)| format!("{host}:{port}")).collect();
    Line::ok(PEER, format!("{} takes connections", endpoints.join(", ")))
}

fn place(endpoint: &str) -> Option<(String, u16)> {
    let uri: http::Uri = endpoint.parse().ok()?;
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), uri.port_u16().unwrap_or(usual)))
}
