//! The listeners: OTLP/gRPC, OTLP/HTTP, and the API with the receivers beside it.
//!
//! Every listener takes both protocols, so that a platform that gives one port is enough, and all go through one door.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::ConnectInfo;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tonic::codegen::Service as _;

use crate::config::Config;
use crate::ingest::{self, Peer, Receiver, Tls};

/// errno(3) of Linux: no such family of addresses; no such address.
const EAFNOSUPPORT: i32 = 97;
const EADDRNOTAVAIL: i32 = 99;

/// The listeners, bound and not yet served.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) grpc: TcpListener,
    pub(super) http: TcpListener,
    pub(super) api: TcpListener,
    pub(super) tls: Option<Tls>,
}

impl Listeners {
    /// Binds all of them, so that a port in use ends the start before anything is served.
    pub(super) async fn bind(config: &Config) -> anyhow::Result<Self> {
        let tls = config.ingest.tls.clone().map(Tls::load).transpose().context("TLS cannot be served")?;
        Ok(Self {
            grpc: bind(config.ingest.grpc_addr, "LOGMEND_GRPC_ADDR").await?,
            http: bind(config.ingest.http_addr, "LOGMEND_HTTP_ADDR").await?,
            api: bind(config.api.addr, "LOGMEND_API_ADDR or PORT").await?,
            tls,
        })
    }
}

async fn bind(addr: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let bound = match TcpListener::bind(addr).await {
        Err(error) => match without_ipv6(addr, &error) {
            Some(other) => {
                tracing::info!(
                    "{setting}: there is no IPv6 here, so it listens on {other} in place of {addr}"
                );
                TcpListener::bind(other).await
            }
            None => Err(error),
        },
        bound => bound,
    };
    bound.with_context(|| {
        format!("{setting}: cannot listen on {addr}; end the program that has this port, or set another one")
    })
}

/// `[::]` is all addresses of both families. Where the kernel was started without IPv6, all of IPv4 are all that there are.
fn without_ipv6(addr: SocketAddr, error: &std::io::Error) -> Option<SocketAddr> {
    let is_all = addr.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let is_off = matches!(error.raw_os_error(), Some(EAFNOSUPPORT | EADDRNOTAVAIL));
    (is_all && is_off).then(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), addr.port()))
}

/// What to say once where listeners can be reached from elsewhere without a token.
pub(super) fn open_door_warning(config: &Config) -> Option<String> {
    let reachable = |addr: SocketAddr| !is_loopback(addr.ip());
    let api_open = reachable(config.api.addr) && !config.api.is_locked();
    let ingest = [config.ingest.grpc_addr, config.ingest.http_addr, config.api.addr];
    let ingest_open = ingest.into_iter().any(reachable) && !config.ingest.token.is_set();
    let missing = match (ingest_open, api_open) {
        (false, false) => return None,
        (true, false) => "LOGMEND_INGEST_TOKEN",
        (false, true) => "LOGMEND_API_TOKEN",
        (true, true) => "LOGMEND_INGEST_TOKEN and LOGMEND_API_TOKEN",
    };
    Some(format!(
        "listening beyond this machine without a token: anyone who reaches the ports can send logs and read errors; \
         set {missing}. Changing API calls from other machines are refused until LOGMEND_API_TOKEN is set"
    ))
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// What answers on the OTLP listeners.
pub(super) fn receivers(receiver: Receiver) -> ingest::Service {
    Arc::new(move |request| {
        let receiver = receiver.clone();
        Box::pin(async move { receiver.call(request).await })
    })
}

/// What answers on the API's listener: the receivers' paths as there, all others by the API. Without a `receiver` the API alone.
pub(super) fn api_and_receivers(router: axum::Router, receiver: Option<Receiver>) -> ingest::Service {
    Arc::new(move |request| {
        let (mut router, receiver) = (router.clone(), receiver.clone());
        Box::pin(async move {
            if let Some(receiver) = receiver.filter(|receiver| receiver.takes(&request)) {
                return receiver.call(request).await;
            }
            match router.call(for_axum(request)).await {
                Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
                Err(never) => match never as Infallible {},
            }
        })
    })
}

fn for_axum(mut request: http::Request<Incoming>) -> http::Request<axum::body::Body> {
    if let Some(Peer(peer)) = request.extensions().get().copied() {
        request.extensions_mut().insert(ConnectInfo(peer));
    }
    request.map(axum::body::Body::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_those_of_ipv4_where_there_is_no_ipv6() {
        let of = |addr: &str, errno| {
            without_ipv6(addr.parse().unwrap(), &std::io::Error::from_raw_os_error(errno))
        };
        assert_eq!(of("[::]:4317", EAFNOSUPPORT), Some("0.0.0.0:4317".parse().unwrap()));
        assert_eq!(of("[::]:4317", EADDRNOTAVAIL), Some("0.0.0.0:4317".parse().unwrap()));
        assert_eq!(of("[::]:4317", 98), None, "a port in use stays one");
        assert_eq!(of("[::1]:4317", EAFNOSUPPORT), None, "who asks for this machine alone gets no more");
        assert_eq!(of("127.0.0.1:4317", EADDRNOTAVAIL), None);
    }
}
