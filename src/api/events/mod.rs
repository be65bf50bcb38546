//! Server-sent events: errors, windows and fixes as they change (WHATWG HTML, "Server-sent events").
//!
//! An event holds the state that a thing is in by then, so that one that comes twice does no harm. Its id is the time of the
//! change: whoever comes back with the latest one is told what has changed since, by whichever replica.

mod feed;
mod shape;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::watch;

use self::feed::{Event, Place};
use super::error::Problem;
use super::openapi::{Problems, Unhandled};
use super::query::{Given, Params};
use crate::model::{Tokens, UnixNanos};

pub(super) use feed::Feed;

/// How often a listener looks for events.
const TICK: Duration = Duration::from_secs(1);
/// How long a connection is silent at most: proxies cut off what is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long one connection lasts: a browser comes back by itself, and is looked at again whether it may.
const LIFETIME: Duration = Duration::from_mins(15);
/// What is longer ago is not told again: the page is to be loaded anew.
const REMEMBERED: UnixNanos = UnixNanos(10 * 60 * 1_000_000_000);

/// `GET /error-monitor/events`.
#[utoipa::path(get, path = "/error-monitor/events", tag = "events", params(("last_event_id" = Option<String>, Query, description = "The id of the latest event that is known; browsers send it as Last-Event-ID")), responses((status = 200, description = "Server-sent events: ready, cluster, fix, window, reload", body = String, content_type = "text/event-stream"), Problems, Unhandled))]
pub(super) async fn listen(
    State(state): State<super::State>,
    Extension(feed): Extension<Feed>,
    Extension(mut tokens): Extension<watch::Receiver<Tokens>>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Problem> {
    let place = feed.place().ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "as many listen to events as may; try again in a minute",
        )
    })?;
    let since = last_event_id(&headers, &Params::from(given))?;
    tokens.mark_unchanged();
    let begun = Listener::begin(feed, (place, tokens), state, since).await?;
    let frames = stream::unfold(begun, |mut listener| async move {
        let frame = listener.next().await?;
        Some((Ok::<_, Infallible>(frame), listener))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would hold events back until it has some kilobytes of them.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// Where a listener was. A browser sends the header; a page that begins to listen may name when it was made.
fn last_event_id(headers: &HeaderMap, params: &Params) -> Result<Option<UnixNanos>, Problem> {
    let sent = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::trim);
    let Some(sent) = sent.filter(|sent| !sent.is_empty()).or_else(|| params.get("last_event_id")) else {
        return Ok(None);
    };
    let id = sent.parse().ok().filter(|id| *id <= UnixNanos::MAX.0);
    id.map(|id| Some(UnixNanos(id)))
        .ok_or_else(|| Problem::bad_request("last_event_id must be the id of an event"))
}

/// One connection.
struct Listener {
    feed: Feed,
    _place: Place,
    /// Once people replace the tokens, whoever listens is to show theirs again.
    tokens: watch::Receiver<Tokens>,
    state: super::State,
    /// The number of the latest event that it was told.
    told: u64,
    waiting: VecDeque<Arc<Event>>,
    begun: Instant,
    spoken: Instant,
}

impl Listener {
    async fn begin(
        feed: Feed,
        (place, tokens): (Place, watch::Receiver<Tokens>),
        state: super::State,
        since: Option<UnixNanos>,
    ) -> Result<Self, Problem> {
        let now = state.store.now();
        let told = feed.look(&state.store).await?;
        let is_old = since.is_some_and(|since| since.0 < now.0.saturating_sub(REMEMBERED.0));
        let mut waiting = VecDeque::from([Event::ready(now)]);
        match since {
            Some(_) if is_old => waiting.push_back(Event::reload(now, "what changed is too long ago")),
            Some(since) => waiting.extend(feed::since(&state.store, since, now).await?),
            None => {}
        }
        let now = Instant::now();
        Ok(Self { feed, _place: place, tokens, state, told, waiting, begun: now, spoken: now })
    }

    /// What is sent next; `None` once the connection is to end. Nothing is gathered here while the peer does not read.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let is_let_in = !self.tokens.has_changed().unwrap_or(true);
            if self.state.is_stopping() || !is_let_in || self.begun.elapsed() >= LIFETIME {
                return None;
            }
            if !self.waiting.is_empty() {
                self.spoken = Instant::now();
                return Some(frames(self.waiting.drain(..)));
            }
            if self.spoken.elapsed() >= HEARTBEAT {
                self.spoken = Instant::now();
                return Some(Bytes::from_static(b": still here\n\n"));
            }
            tokio::time::sleep(TICK).await;
            // Where the store does not answer there is nothing to tell; the next look finds what changed meanwhile.
            if self.feed.look(&self.state.store).await.is_ok() {
                let (waiting, told) = self.feed.after(self.told, self.state.store.now()).await;
                (self.waiting, self.told) = (waiting, told);
            }
        }
    }
}

fn frames(events: impl Iterator<Item = Arc<Event>>) -> Bytes {
    let mut text = String::new();
    for event in events {
        // Writing to a string does not fail. JSON has no line break of its own.
        let _ = write!(text, "id: {}\nevent: {}\ndata: {}\n\n", event.id.0, event.name, event.data);
    }
    text.into()
}
