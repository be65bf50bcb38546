//! The listeners: OTLP/gRPC, OTLP/HTTP, and the API with the receivers beside it.
//!
//! Every listener takes both protocols, so that a platform that gives one port is enough, and all go through one door.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::ConnectInfo;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tonic::codegen::Service as _;

use crate::config::Config;
use crate::ingest::{self, Peer, Receiver, Tls};

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
    TcpListener::bind(addr).await.with_context(|| {
        format!("{setting}: cannot listen on {addr}; end the program that has this port, or set another one")
    })
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
