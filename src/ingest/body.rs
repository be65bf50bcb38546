//! A request's body, read within its bounds: length, time, and the bytes of all requests in hand.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::budget::{Budget, Share};
use super::{Reason, Refusal};

/// How far ahead of what has come in a body's share of the budget reaches: a sender that announces much and sends nothing
/// takes no more than this.
const AHEAD_BYTES: usize = 32 * 1024;

/// How many times what has come in is set aside for what is announced: the frames of a usual batch are then copied once, and
/// a sender that announces much and sends little gets little.
const AHEAD_TIMES: usize = 16;

/// A body that was read, with its share of the budget.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: Bytes,
    pub(super) share: Share,
}

/// What a body may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyBounds {
    pub(super) bytes_max: usize,
    pub(super) timeout: Duration,
}

/// Reads a body to its end. `announced` looks at what came in first and tells the length that it announces, where it does.
pub(super) async fn read(
    body: Incoming,
    bounds: BodyBounds,
    budget: &Budget,
    announced: impl Fn(&[u8]) -> Option<usize>,
) -> Result<Received, Refusal> {
    // A known length is refused before a byte of it is read.
    check(usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX), bounds.bytes_max)?;
    let timed_out = || {
        Refusal::new(
            Reason::TimedOut,
            format!("the request did not come in whole within {:?}", bounds.timeout),
        )
    };
    tokio::time::timeout(bounds.timeout, read_frames(body, bounds.bytes_max, budget, announced))
        .await
        .map_err(|_| timed_out())?
}

async fn read_frames(
    mut body: Incoming,
    bytes_max: usize,
    budget: &Budget,
    announced: impl Fn(&[u8]) -> Option<usize>,
) -> Result<Received, Refusal> {
    let mut expected = usize::try_from(body.size_hint().exact().unwrap_or_default()).unwrap_or(usize::MAX);
    let mut share = budget.share(expected.min(AHEAD_BYTES)).await.map_err(overloaded)?;
    let mut gathered = Gathered::Nothing;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::new(Reason::Malformed, "the request broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = gathered.len() + data.len();
        check(length, bytes_max)?;
        if gathered.len() == 0
            && let Some(length) = announced(&data)
        {
            check(length, bytes_max)?;
            expected = length;
        }
        share.grow_to(length).await.map_err(overloaded)?;
        gathered = gathered.with(data, expected);
    }
    Ok(Received { bytes: gathered.into_bytes(), share })
}

/// One frame is kept as it is; several are copied together.
enum Gathered {
    Nothing,
    One(Bytes),
    Several(BytesMut),
}

impl Gathered {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(bytes) => bytes.len(),
            Self::Several(bytes) => bytes.len(),
        }
    }

    fn with(self, data: Bytes, expected: usize) -> Self {
        match self {
            _ if data.is_empty() => self,
            Self::Nothing => Self::One(data),
            Self::One(first) => {
                let length = first.len() + data.len();
                let mut bytes = BytesMut::with_capacity(expected.clamp(length * 2, length * AHEAD_TIMES));
                bytes.extend_from_slice(&first);
                bytes.extend_from_slice(&data);
                Self::Several(bytes)
            }
            Self::Several(mut bytes) => {
                bytes.extend_from_slice(&data);
                Self::Several(bytes)
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Several(bytes) => bytes.freeze(),
        }
    }
}

fn check(length: usize, bytes_max: usize) -> Result<(), Refusal> {
    if length <= bytes_max {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::TooLarge,
        format!(
            "the request is longer than {bytes_max} bytes; send smaller batches, or raise LOGMEND_MAX_REQUEST_BYTES"
        ),
    ))
}

pub(super) fn overloaded(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(Reason::Overloaded, error.to_string())
}
