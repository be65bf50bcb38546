//! One connection: TLS, HTTP/1.1 or HTTP/2 by its first bytes, and a watch over its time.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, CallNumber, Expiry, Patience};
use super::{Body, Bounds, BoxError, Peer, Service, Tls};

/// How long a connection that was asked to go may take for it: a round trip, and what a sender has still on the way.
const FAREWELL: Duration = Duration::from_secs(3);

/// How much more a sender may send to a connection that is being closed: as much as the longest request anyone means to send.
const FAREWELL_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How often a connection's time is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Headers of one request in bytes, all of them. In HTTP/1.1 the buffer bounds them, which holds pieces of bodies too.
const HEADER_BYTES_MAX: usize = 16 * 1024;
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// How much of a request one stream may send ahead of our reading, and one connection: a batch of an exporter and a
/// Collector's, so that none waits for a round trip.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// The longest frame that a peer may send: the fewer there are of a request, the less they cost. A frame is held by its
/// connection before the budget of requests knows of it, so it is kept short.
const FRAME_MAX: u32 = 64 * 1024;

/// What all connections of a listener share.
pub(super) struct Setup {
    builder: Builder<TokioExecutor>,
    patience: Patience,
    tls: Option<Tls>,
    service: Service,
    stop: CancellationToken,
}

impl Setup {
    pub(super) fn new(bounds: &Bounds, tls: Option<Tls>, service: Service, stop: CancellationToken) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        // The watch bounds the time of heads; hyper's own timeout would end connections that rest.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(BUFFER_BYTES_MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(bounds.streams_max)
            .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME_MAX)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10));
        let patience = Patience {
            header: bounds.header_timeout,
            idle: bounds.idle_timeout,
            // A peer has as long to read as it has to send.
            unread: bounds.body_timeout,
            farewell: FAREWELL,
        };
        Self { builder, patience, tls, service, stop }
    }
}

/// Serves one connection to its end. Its faults are its own: they end it and nothing else.
pub(super) async fn serve(stream: TcpStream, peer: Peer, setup: &Setup) {
    // Answers are small: they must not wait for more to go with them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &setup.tls else { return drive(stream, peer, setup).await };
    let handshake = tokio::select! {
        () = setup.stop.cancelled() => return,
        handshake = tokio::time::timeout(setup.patience.header, tls.acceptor().accept(stream)) => handshake,
    };
    match handshake {
        Ok(Ok(stream)) => drive(stream, peer, setup).await,
        Ok(Err(error)) => tracing::debug!(%error, peer = %peer.0, "a TLS handshake failed"),
        Err(_) => tracing::debug!(peer = %peer.0, "a TLS handshake took too long"),
    }
}

async fn drive<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S, peer: Peer, setup: &Setup) {
    let activity = Arc::new(Activity::new(Instant::now()));
    let watched = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let calls = Arc::clone(&activity);
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let call = Call::begin(Arc::clone(&calls));
        let answer = (setup.service)(request);
        async move { Ok::<_, Infallible>(answer.await.map(|body| Counted::new(body, call))) }
    });
    let mut connection = pin!(setup.builder.serve_connection(watched, service));
    let mut leaves = false;
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = setup.stop.cancelled(), if !leaves => {}
            expiry = expired(&activity, setup.patience) => if expiry == Expiry::Stuck {
                tracing::debug!(peer = %peer.0, "a connection was cut off: no whole head, an unread answer, or no end");
                return;
            }
        }
        // The calls in hand are answered all the same.
        leaves = true;
        activity.leaves(Instant::now());
        connection.as_mut().graceful_shutdown();
    }
}

/// Ends when the connection's time is up.
async fn expired(activity: &Activity, patience: Patience) -> Expiry {
    loop {
        let now = Instant::now();
        let wait = match activity.expires(patience) {
            Some((deadline, expiry)) if deadline <= now => return expiry,
            Some((deadline, _)) => LOOK_EVERY.min(deadline - now),
            None => LOOK_EVERY,
        };
        tokio::time::sleep(wait).await;
    }
}

/// A socket that tells what it receives, and closes so that its peer reads the last answer.
struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
    /// How much more is read while it closes; `None` until then.
    closing: Option<usize>,
}

impl<S> Watched<S> {
    fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity, closing: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        let received = buffer.filled().get(before..).unwrap_or_default();
        if !received.is_empty() {
            self.activity.received(received, Instant::now());
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Ends our side, then passes over what the peer still sends, for a while: closing over unread bytes would reset the
    /// connection, and a sender of a request that is too long would never see that it is (RFC 9112, section 9.6).
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.activity.leaves(Instant::now());
            self.closing = Some(FAREWELL_BYTES_MAX);
        }
        let mut passed = [0; 8 * 1024];
        while self.closing > Some(0) {
            let mut buffer = ReadBuf::new(&mut passed);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            let read = buffer.filled().len();
            self.closing =
                if read == 0 { Some(0) } else { self.closing.map(|left| left.saturating_sub(read)) };
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// One call in hand, from its head to its answer's last byte.
struct Call {
    activity: Arc<Activity>,
    number: CallNumber,
}

impl Call {
    fn begin(activity: Arc<Activity>) -> Self {
        let number = activity.call_begins();
        Self { activity, number }
    }

    fn answer_waits(&self, since: Option<Instant>) {
        self.activity.answer_waits(self.number, since);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.activity.call_ends(self.number, Instant::now());
    }
}

/// An answer's body that tells whether its peer reads it.
struct Counted {
    body: Body,
    call: Call,
}

impl Counted {
    fn new(body: Body, call: Call) -> Self {
        // Its head already waits for the peer: answers in a row that nobody reads are held back before their bodies.
        call.answer_waits(Some(Instant::now()));
        Self { body, call }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let waits = matches!(polled, Poll::Ready(Some(_))).then(Instant::now);
        self.call.answer_waits(waits);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
