//! What one connection is doing, and until when it may: plain decisions over a given time.
//!
//! hyper has a timeout for a request's head, but starts it while a kept-alive connection rests, and has none for the rest
//! or for a peer that never reads its answers. This keeps the three apart.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a peer that speaks HTTP/2 says first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long each thing may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    pub(super) header: Duration,
    pub(super) idle: Duration,
    /// How long a peer may leave an answer unread that it asked for.
    pub(super) unread: Duration,
    /// How long a connection that was asked to go, and has no call in hand, may take for it.
    pub(super) farewell: Duration,
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// No call for long: it is told to go, and has time for a last word.
    Idle,
    /// A head that does not end, an answer that is not read, or a farewell without an end: it is cut off.
    Stuck,
}

/// Shared by a connection's socket, its calls and its watch. The lock is held for a few instructions, never across an await.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

/// Tells the calls of one connection apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallNumber(u64);

#[derive(Debug)]
struct State {
    calls: usize,
    calls_ever: u64,
    /// Since when no call is in hand.
    rests_since: Instant,
    /// Since when a head is being received; from the connection's beginning until its first byte too.
    head_since: Option<Instant>,
    /// The calls of which a piece of an answer waits for the peer, and since when. One that is read does not speak for another.
    unread: Vec<(CallNumber, Instant)>,
    /// Since when it is on its way out.
    leaves_since: Option<Instant>,
    protocol: Protocol,
}

/// As far as the first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// So many bytes of HTTP/2's preface were seen: both are possible.
    Unknown(usize),
    Http1,
    /// Its pings and settings arrive at any time: only a call tells that the peer is at work.
    Http2,
}

impl Protocol {
    fn learn(self, bytes: &[u8]) -> Self {
        let Self::Unknown(seen) = self else { return self };
        let expected = PREFACE.get(seen..).unwrap_or_default();
        let compared = expected.len().min(bytes.len());
        if expected.get(..compared) != bytes.get(..compared) {
            Self::Http1
        } else if compared == expected.len() {
            Self::Http2
        } else {
            Self::Unknown(seen + compared)
        }
    }
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(State {
            calls: 0,
            calls_ever: 0,
            rests_since: now,
            head_since: Some(now),
            unread: Vec::new(),
            leaves_since: None,
            protocol: Protocol::Unknown(0),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held cannot leave it half changed: every change stands for itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came in.
    pub(super) fn received(&self, bytes: &[u8], now: Instant) {
        let mut state = self.state();
        let known = state.protocol;
        state.protocol = known.learn(bytes);
        if state.protocol == Protocol::Http2 && known != Protocol::Http2 {
            state.head_since = None;
            state.rests_since = now;
        }
        if state.protocol == Protocol::Http1 && state.calls == 0 && state.head_since.is_none() {
            state.head_since = Some(now);
        }
    }

    pub(super) fn call_begins(&self) -> CallNumber {
        let mut state = self.state();
        state.calls += 1;
        state.calls_ever += 1;
        state.head_since = None;
        CallNumber(state.calls_ever)
    }

    pub(super) fn call_ends(&self, call: CallNumber, now: Instant) {
        let mut state = self.state();
        state.unread.retain(|(unread, _)| *unread != call);
        state.calls = state.calls.saturating_sub(1);
        state.rests_since = now;
    }

    /// A piece of a call's answer was handed out, or (`None`) the answer is asked for its next piece.
    pub(super) fn answer_waits(&self, call: CallNumber, since: Option<Instant>) {
        let mut state = self.state();
        state.unread.retain(|(unread, _)| *unread != call);
        state.unread.extend(since.map(|since| (call, since)));
    }

    /// The connection is on its way out.
    pub(super) fn leaves(&self, now: Instant) {
        self.state().leaves_since.get_or_insert(now);
    }

    /// When the connection's time is up, and why, if nothing more happens.
    pub(super) fn expires(&self, patience: Patience) -> Option<(Instant, Expiry)> {
        let state = self.state();
        if state.calls > 0 {
            let oldest = state.unread.iter().map(|(_, since)| *since).min();
            return oldest.map(|since| (since + patience.unread, Expiry::Stuck));
        }
        let head = state.head_since.map(|since| (since + patience.header, Expiry::Stuck));
        let rest = match state.leaves_since {
            Some(since) => (since.max(state.rests_since) + patience.farewell, Expiry::Stuck),
            None => (state.rests_since + patience.idle, Expiry::Idle),
        };
        match head {
            Some(head) if state.leaves_since.is_none() => Some(head),
            Some(head) => Some(if head.0 <= rest.0 { head } else { rest }),
            None => Some(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        header: Duration::from_secs(10),
        idle: Duration::from_mins(1),
        unread: Duration::from_secs(30),
        farewell: Duration::from_secs(5),
    };

    fn at(begin: Instant, secs: u64) -> Instant {
        begin + Duration::from_secs(secs)
    }

    #[test]
    fn a_head_has_ten_seconds_from_its_first_byte_and_the_first_one_from_the_connection() {
        let begin = Instant::now();
        let activity = Activity::new(begin);
        assert_eq!(activity.expires(PATIENCE), Some((at(begin, 10), Expiry::Stuck)));
        activity.received(b"POST", at(begin, 3));
        assert_eq!(activity.expires(PATIENCE), Some((at(begin, 10), Expiry::Stuck)));
        let call = activity.call_begins();
        assert_eq!(activity.expires(PATIENCE), None, "a call has bounds of its own");
        activity.call_ends(call, at(begin, 20));
        assert_eq!(activity.expires(PATIENCE), Some((at(begin, 80), Expiry::Idle)));
        activity.received(b"P", at(begin, 30));
        assert_eq!(activity.expires(PATIENCE), Some((at(begin, 40), Expiry::Stuck)));
    }

    #[test]
    fn pings_do_not_keep_a_connection_and_are_no_head() {
        let begin = Instant::now();
        let activity = Activity::new(begin);
        activity.received(PREFACE, at(begin, 1));
        activity.received(&[0; 17], at(begin, 30));
        assert_eq!(activity.expires(PATIENCE), Some((at(begin, 61), Expiry::Idle)));
    }

    /// However the network cuts it.
    #[test]
    fn a_preface_in_pieces_is_one_and_half_of_one_is_a_head() {
        let begin = Instant::now();
        let activity = Activity::new(begin);
        for byte in &PREFACE[..PREFACE.len() - 1] {
            activity.received(&[*byte], at(begin, 2));
            assert_eq!(activity.expires(PATIENCE), Some((at(begin, 10), Expiry::Stuck)));
        }
        activity.received(&PREFACE[PREFACE.len() - 1..], at(begin, 3));
        assert_eq!(activity.expires(PATIENCE), Some((at(begin, 63), Expiry::Idle)));
        activity.received(b"a ping", at(begin, 40));
        assert_eq!(activity.expires(PATIENCE), Some((at(begin, 63), Expiry::Idle)), "no head");
        assert_eq!(Protocol::Unknown(0).learn(b"PRINT / HTTP/1.1"), Protocol::Http1);
    }

    #[test]
    fn an_answer_that_nobody_reads_is_given_up_whatever_happens_to_others() {
        let begin = Instant::now();
        let activity = Activity::new(begin);
        let (stuck, other) = (activity.call_begins(), activity.call_begins());
        activity.answer_waits(stuck, Some(at(begin, 5)));
        assert_eq!(activity.expires(PATIENCE), Some((at(begin, 35), Expiry::Stuck)));
        activity.answer_waits(other, Some(at(begin, 20)));
        activity.answer_waits(other, None);
        activity.call_ends(other, at(begin, 21));
        assert_eq!(activity.expires(PATIENCE), Some((at(begin, 35), Expiry::Stuck)));
        activity.answer_waits(stuck, None);
        assert_eq!(activity.expires(PATIENCE), None, "it waits for us, not for the peer");
    }

    #[test]
    fn who_is_asked_to_go_has_a_moment_from_its_last_call_on() {
        let begin = Instant::now();
        let activity = Activity::new(begin);
        let call = activity.call_begins();
        activity.leaves(at(begin, 1));
        assert_eq!(activity.expires(PATIENCE), None, "the call in hand is answered");
        activity.call_ends(call, at(begin, 9));
        assert_eq!(activity.expires(PATIENCE), Some((at(begin, 14), Expiry::Stuck)));
        activity.received(b"POST", at(begin, 10));
        assert_eq!(
            activity.expires(PATIENCE),
            Some((at(begin, 14), Expiry::Stuck)),
            "a new head changes nothing"
        );
    }
}
