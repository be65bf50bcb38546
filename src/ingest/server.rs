//! One listener: accepts connections up to a bound, and outlives every fault of one of them.
//!
//! `axum::serve` and tonic's server hold neither a timeout for heads nor a bound on connections, hence this loop.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{self, Setup};
use super::{Bounds, Tls};

/// What goes wrong while a body is sent.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// An answer on its way.
pub type Answer = Pin<Box<dyn Future<Output = http::Response<Body>> + Send>>;

/// What answers the calls of a listener's connections. The caller's address is in the extensions, as [`Peer`].
pub type Service = Arc<dyn Fn(http::Request<Incoming>) -> Answer + Send + Sync>;

/// The address of the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// How long accepting rests after a fault such as too many open files: connections that end make room meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Such a fault is told no more often than this: it lasts, and each of its lines would be the same.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// Serves connections on `listener` until `stop` is cancelled; then takes no new one, asks the others to end,
/// and answers when they did. The caller bounds that time.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    bounds: &Bounds,
    service: Service,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(bounds.connections_max));
    let setup = Arc::new(Setup::new(bounds, tls, service, stop.clone()));
    let connections = TaskTracker::new();
    let mut told = None;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tell(&error, &mut told);
                continue;
            }
        };
        let setup = Arc::clone(&setup);
        connections.spawn(async move {
            connection::serve(stream, Peer(peer), &setup).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection, once there is a place for it. A fault is followed by a pause.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    match listener.accept().await {
        Ok((stream, peer)) => Ok((stream, peer, place)),
        Err(error) => {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            Err(error)
        }
    }
}

fn tell(error: &io::Error, told: &mut Option<Instant>) {
    if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
        tracing::warn!(%error, "connections cannot be accepted; more wait in the system's queue");
        *told = Some(Instant::now());
    }
}
