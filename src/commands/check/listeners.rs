//! The ports that logmend listens on: free, or held by a logmend that runs.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use super::report::Line;
use crate::config::Config;
use crate::ingest::Tls;

const ANSWER_MAX: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config) -> Vec<Line> {
    let holder = is_held_by_logmend(config.api.addr).await;
    let mut lines: Vec<_> = [
        ("otlp/grpc port", "LOGMEND_GRPC_ADDR", config.ingest.grpc_addr),
        ("otlp/http port", "LOGMEND_HTTP_ADDR", config.ingest.http_addr),
        ("api port", "LOGMEND_API_ADDR or PORT", config.api.addr),
    ]
    .into_iter()
    .map(|(peer, setting, addr)| port(peer, setting, addr, holder))
    .collect();
    if let Some(tls) = config.ingest.tls.clone() {
        lines.push(match Tls::load(tls) {
            Ok(_) => Line::ok("tls", "certificate, key and authorities can be used"),
            Err(error) => {
                Line::failed("tls", format!("{:#}; look at LOGMEND_TLS_…", anyhow::Error::new(error)))
            }
        });
    }
    lines
}

/// A port is bound for a moment, as a start would, and let go.
fn port(peer: &str, setting: &str, addr: SocketAddr, is_held_by_logmend: bool) -> Line {
    match TcpListener::bind(addr) {
        Ok(_) => Line::ok(peer, format!("{addr} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_held_by_logmend => {
            Line::ok(peer, format!("{addr} is held by a logmend that runs"))
        }
        Err(error) => Line::failed(
            peer,
            format!("{addr}: {error}; end the program that has this port, or set {setting} to another one"),
        ),
    }
}

/// Whether a logmend answers at the API's address.
async fn is_held_by_logmend(api: SocketAddr) -> bool {
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_MAX).build();
    let Ok(client) = client else { return false };
    let asked = client.get(format!("http://{}/health/live", reachable(api))).send().await;
    let Ok(answer) = asked else { return false };
    answer.text().await.is_ok_and(|text| text.contains(r#""status":"alive""#))
}

/// Where whoever listens on all addresses is reached on this machine.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}
