//! One export, the same for every protocol: body → decompressed → protobuf → handler → answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use tokio_util::task::TaskTracker;

use super::body::{self, BodyBounds, Received, overloaded};
use super::budget::{Budget, Share};
use super::decompress::{Encoding, Undecodable, decompress};
use super::{Accepted, Bounds, Handler, Mended, Reason, Refusal};
use crate::model::Transport;
use crate::otlp::{self, Limits};

/// A body longer than this is decompressed, or read as JSON, away from the async threads: it takes them about half a
/// millisecond, and they answer pings meanwhile.
const INLINE_BYTES_MAX: usize = 32 * 1024;

/// How a request's messages are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Protobuf,
    Json,
}

/// What all exports share.
#[derive(Clone)]
pub(super) struct Exports {
    handler: Handler,
    budget: Budget,
    bounds: Arc<Bounds>,
    mended: Arc<Mended>,
    /// The work on requests: carried to its end also where the sender went away.
    work: TaskTracker,
}

impl Exports {
    pub(super) fn new(handler: Handler, bounds: &Bounds, work: TaskTracker) -> Self {
        Self {
            handler,
            budget: Budget::new(bounds.bytes_in_flight_max),
            bounds: Arc::new(bounds.clone()),
            mended: Arc::default(),
            work,
        }
    }

    pub(super) fn mended(&self) -> &Mended {
        &self.mended
    }

    pub(super) fn bytes_in_flight(&self) -> usize {
        self.budget.in_flight()
    }

    /// Reads a body as it came in; `framing_bytes` stand around the message and are not counted among its bytes.
    pub(super) async fn receive(
        &self,
        body: Incoming,
        framing_bytes: usize,
        announced: impl Fn(&[u8]) -> Option<usize>,
    ) -> Result<Received, Refusal> {
        let bytes_max = self.bounds.request_bytes_max + framing_bytes;
        let bounds = BodyBounds { bytes_max, timeout: self.bounds.body_timeout };
        body::read(body, bounds, &self.budget, announced).await
    }

    /// Takes one message to its answer.
    pub(super) async fn take(
        &self,
        received: Received,
        encoding: Option<Encoding>,
        spelling: Spelling,
        transport: Transport,
    ) -> Result<Accepted, Refusal> {
        let request = self.read(received, encoding, spelling).await?;
        let mut handled = self.work.spawn((self.handler)(request, transport));
        match tokio::time::timeout(self.bounds.handler_timeout, &mut handled).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Refusal::new(Reason::Internal, "the request met a defect of logmend's")),
            // It may still be committed: then the digest of its bytes keeps the copy that is sent again from counting.
            Err(_) => Err(late(self.bounds.handler_timeout)),
        }
    }

    /// From the bytes as they came in to the request in protobuf, which holds its share of the budget.
    async fn read(
        &self,
        received: Received,
        encoding: Option<Encoding>,
        spelling: Spelling,
    ) -> Result<Bytes, Refusal> {
        if encoding.is_none() && spelling == Spelling::Protobuf {
            return Ok(received.share.hold(received.bytes));
        }
        let (bytes_max, limits) = (self.bounds.request_bytes_max, self.bounds.limits);
        let small = received.bytes.len() <= INLINE_BYTES_MAX;
        let mended = Arc::clone(&self.mended);
        let work = move || plain(received, encoding, spelling, bytes_max, &limits, &mended);
        if small {
            return work();
        }
        let defect = |_| Refusal::new(Reason::Internal, "the request met a defect of logmend's");
        tokio::task::spawn_blocking(work).await.map_err(defect)?
    }
}

/// Decompresses, then translates. What came in is dropped as soon as it is not needed.
fn plain(
    received: Received,
    encoding: Option<Encoding>,
    spelling: Spelling,
    bytes_max: usize,
    limits: &Limits,
    mended: &Mended,
) -> Result<Bytes, Refusal> {
    let Received { bytes, share } = received;
    let (bytes, share) = match encoding {
        None => (bytes, share),
        Some(encoding) => decompressed(encoding, &bytes, &share, bytes_max)?,
    };
    if spelling == Spelling::Protobuf {
        return Ok(share.hold(bytes));
    }
    let mut protobuf_share = share.sibling();
    // The same request in protobuf is never longer than in JSON.
    protobuf_share.try_grow_to(bytes.len()).map_err(overloaded)?;
    let transcoded = otlp::transcode(&bytes, limits)?;
    mended.count(&transcoded);
    Ok(protobuf_share.hold(transcoded.bytes))
}

fn decompressed(
    encoding: Encoding,
    compressed: &[u8],
    share: &Share,
    bytes_max: usize,
) -> Result<(Bytes, Share), Refusal> {
    let mut grown = share.sibling();
    let bytes = decompress(encoding, compressed, bytes_max, |length| grown.try_grow_to(length).is_ok());
    let reason = |error: &Undecodable| match error {
        Undecodable::Broken(_) => Reason::Malformed,
        Undecodable::TooLong { .. } => Reason::TooLarge,
        Undecodable::NoRoom => Reason::Overloaded,
    };
    bytes
        .map(|bytes| (Bytes::from(bytes), grown))
        .map_err(|error| Refusal::new(reason(&error), error.to_string()))
}

fn late(timeout: Duration) -> Refusal {
    Refusal::new(Reason::Unavailable, format!("the request was not committed within {timeout:?}; send again"))
}
