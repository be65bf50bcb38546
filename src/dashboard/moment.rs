//! Times as people read them: how long ago, with the time itself at hand.

use super::text::Markup;
use crate::model::UnixNanos;

/// What stands right before how long ago something was.
pub(super) const AGE: &str = " data-ago>";

/// A time beside now: `3m ago`, with the time in UTC as its title. The script keeps it fresh.
pub(super) fn ago(at: UnixNanos, now: UnixNanos) -> Markup {
    let told = match now.0.checked_sub(at.0) {
        Some(since) => format!("{} ago", length(since / 1_000_000_000)),
        None => format!("in {}", length((at.0 - now.0) / 1_000_000_000)),
    };
    let told = if told == "0s ago" { "now".to_owned() } else { told };
    element(at, &told)
}

/// The time itself.
pub(super) fn exact(at: UnixNanos) -> Markup {
    let told = absolute(at);
    Markup::new(format!("<time datetime=\"{at}\">{told}</time>"))
}

/// `2026-11-16 10:30:00 UTC`.
pub(super) fn absolute(at: UnixNanos) -> String {
    let whole = UnixNanos::from_secs(at.as_secs()).to_string();
    whole.replace('T', " ").replace('Z', " UTC")
}

/// A length of time in its greatest unit.
pub(super) fn length(secs: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = UNITS.into_iter().find(|(unit, _)| secs >= *unit);
    unit.map_or_else(|| format!("{secs}s"), |(unit, name)| format!("{}{name}", secs / unit))
}

fn element(at: UnixNanos, told: &str) -> Markup {
    Markup::new(format!("<time datetime=\"{at}\" title=\"{}\"{AGE}{told}</time>", absolute(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_their_distance_and_known_exactly() {
        let now = UnixNanos::from_secs(1_795_608_000);
        for (secs, expected) in
            [(0, "now"), (59, "59s ago"), (60, "1m ago"), (7_199, "1h ago"), (86_400 * 40, "40d ago")]
        {
            let told = ago(UnixNanos::from_secs(1_795_608_000 - secs), now).to_string();
            assert!(told.contains(&format!(">{expected}<")), "{told}");
        }
        let later = ago(UnixNanos::from_secs(1_795_608_090), now).to_string();
        assert!(later.contains(">in 1m<"), "{later}");
        assert!(later.contains("title=\"2026-11-25 12:01:30 UTC\""), "{later}");
    }
}
