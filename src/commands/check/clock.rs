//! The clock of this machine beside those of its peers: windows, tokens and certificates go by it.

use super::report::Line;
use crate::model::UnixNanos;
use crate::telemetry;

const PEER: &str = "clock";
/// Past this somebody should look at it; a GitHub App's proof has a minute of room.
const WARNING_SECS: u64 = 30;
/// Past this proofs and tokens are refused, and windows are told of under wrong times.
const FAILED_SECS: u64 = 300;

/// By how many seconds a peer that just answered is ahead of this machine.
pub(super) fn ahead(told: UnixNanos) -> i64 {
    let secs = |time: UnixNanos| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    secs(told) - secs(telemetry::now())
}

/// Compares with the first peer that told the time.
pub(super) fn check(lines: &[Line]) -> Line {
    let told = lines.iter().find_map(|line| Some((line.peer.as_str(), line.clock_ahead?)));
    let Some((peer, ahead)) = told else {
        return Line::off(PEER, "no peer told the time");
    };
    judged(peer, ahead)
}

fn judged(peer: &str, ahead: i64) -> Line {
    let off = ahead.unsigned_abs();
    let seen = match ahead {
        -1..=1 => format!("as that of {peer}"),
        2.. => format!("{off} s behind that of {peer}"),
        _ => format!("{off} s ahead of that of {peer}"),
    };
    match off {
        0..=WARNING_SECS => Line::ok(PEER, seen),
        _ if off <= FAILED_SECS => Line::warning(PEER, format!("{seen}; set it by NTP")),
        _ => Line::failed(PEER, format!("{seen}: tokens and certificates may be refused; set it by NTP")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told() {
        for (ahead, state, seen) in [
            (0, State::Ok, "as that of github"),
            (-30, State::Ok, "30 s ahead of that of github"),
            (31, State::Warning, "31 s behind that of github"),
            (-300, State::Warning, "300 s ahead"),
            (301, State::Failed, "301 s behind"),
        ] {
            let line = judged("github", ahead);
            assert!(line.state == state && line.seen.contains(seen), "{line:?}");
        }
        assert_eq!(check(&[Line::ok("store", "")]).state, State::Off);
        let lines = [Line::ok("store", ""), Line::ok("github", "").told_time(Some(1_000))];
        assert_eq!(check(&lines).state, State::Failed);
    }
}
