//! Charts as inline SVG: no script draws them, and no style stands in them.

use std::fmt::Write as _;

use super::moment;
use super::text::{Markup, number};
use crate::model::UnixNanos;
use crate::store::Hour;

const HOUR: u64 = 3_600_000_000_000;
/// How many hours a sparkline shows.
pub(super) const SPARK_HOURS: usize = 24;

/// The first moment from which the hours of a chart count, `hours` of them up to the one that `now` is in.
pub(super) fn since(now: UnixNanos, hours: usize) -> UnixNanos {
    let begun = now.0 - now.0 % HOUR;
    UnixNanos(begun.saturating_sub((hours as u64 - 1) * HOUR))
}

/// The counts of each of the last `hours` hours, the present one last.
pub(super) fn by_hour(known: &[Hour], now: UnixNanos, hours: usize) -> Vec<u64> {
    let first = since(now, hours);
    let mut counts = vec![0; hours];
    for hour in known.iter().filter(|hour| hour.start >= first) {
        let at = usize::try_from((hour.start.0 - first.0) / HOUR).unwrap_or(usize::MAX);
        if let Some(count) = counts.get_mut(at) {
            *count += hour.count;
        }
    }
    counts
}

/// A row's 24 hours: a bar each, the present hour in another colour.
pub(super) fn spark(counts: &[u64]) -> Markup {
    let max = counts.iter().copied().max().unwrap_or(0);
    let told =
        format!("{} in {} hours, at most {} in one", number(counts.iter().sum()), counts.len(), number(max));
    let (mut past, mut present) = (String::new(), String::new());
    for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let tall = height(*count, max, 18);
        let into = if at + 1 == counts.len() { &mut present } else { &mut past };
        let _ = write!(into, "M{} 20v-{tall}", at * 4 + 1);
    }
    Markup::new(format!(
        "<svg class=\"spark\" viewBox=\"0 0 95 20\" role=\"img\"><title>{told}</title>\
         <path d=\"{past}\"/><path class=\"present\" d=\"{present}\"/></svg>"
    ))
}

/// How tall a bar is: what is there at all can be seen.
fn height(count: u64, max: u64, tallest: u64) -> u64 {
    let tall = u128::from(count) * u128::from(tallest) / u128::from(max.max(1));
    u64::try_from(tall).unwrap_or(tallest).clamp(2, tallest)
}

/// Bars that can be pointed at, over the whole width: each with when and how many.
pub(super) fn bars(counts: &[u64], first: UnixNanos, each_hours: u64, label: &str) -> Markup {
    let max = counts.iter().copied().max().unwrap_or(0);
    let total: u64 = counts.iter().sum();
    let mut out = format!(
        "<svg class=\"bars\" viewBox=\"0 0 {} 64\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{label}: {}, at most {} in one bar\">",
        counts.len() * 10,
        number(total),
        number(max)
    );
    for (at, count) in counts.iter().enumerate() {
        let when = moment::absolute(UnixNanos(first.0 + at as u64 * each_hours * HOUR));
        let x = at * 10;
        let _ = write!(out, "<g><title>{when}: {}</title>", number(*count));
        // What is pointed at is the whole height.
        let _ = write!(out, "<path class=\"hit\" d=\"M{x} 0h10v64h-10z\"/>");
        if *count > 0 {
            let tall = height(*count, max, 62);
            let _ = write!(out, "<path d=\"M{} 64v-{tall}h8v{tall}z\"/>", x + 1);
        }
        out.push_str("</g>");
    }
    out.push_str("</svg>");
    Markup::new(out)
}

/// A line over time, filled below; the latest value stands at the right.
pub(super) fn area(values: &[u64], places: usize, label: &str) -> Markup {
    let max = values.iter().copied().max().unwrap_or(0).max(1);
    let offset = places.saturating_sub(values.len());
    let points: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(at, value)| {
            let y = 46 - u64::try_from(u128::from(*value) * 42 / u128::from(max)).unwrap_or(42);
            format!("{} {y}", (offset + at) * 4)
        })
        .collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Markup::new(format!(
            "<svg class=\"area\" viewBox=\"0 0 {} 48\" role=\"img\" aria-label=\"{label}: nothing yet\"></svg>",
            places * 4
        ));
    };
    let x = |point: &str| point.split(' ').next().unwrap_or("0").to_owned();
    let line = points.join("L");
    Markup::new(format!(
        "<svg class=\"area\" viewBox=\"0 0 {} 48\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{label}: {} now, at most {}\">\
         <path class=\"axis\" d=\"M0 47.5h{}\"/><path class=\"fill\" d=\"M{} 47L{line}L{} 47z\"/><path class=\"line\" d=\"M{line}\"/></svg>",
        places * 4,
        number(values.last().copied().unwrap_or(0)),
        number(values.iter().copied().max().unwrap_or(0)),
        places * 4,
        x(first),
        x(last),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_fall_into_their_bars() {
        let now = UnixNanos(1_000 * HOUR + 5);
        let hour = |at: u64, count| Hour { start: UnixNanos(at * HOUR), count };
        let counts = by_hour(&[hour(976, 9), hour(977, 1), hour(1_000, 7), hour(1_000, 1)], now, 24);
        assert_eq!((counts.len(), counts[0], counts[23]), (24, 1, 8));
        assert_eq!(counts.iter().sum::<u64>(), 9);
    }

    #[test]
    fn the_least_can_be_seen_and_the_most_fits() {
        assert_eq!(height(1, 1_000_000, 18), 2);
        assert_eq!(height(u64::MAX, u64::MAX, 18), 18);
        assert_eq!(height(0, 0, 18), 2);
        let drawn = spark(&[0, 5, 10]).to_string();
        assert!(drawn.contains("15 in 3 hours, at most 10 in one"), "{drawn}");
        assert!(!drawn.contains("style"), "{drawn}");
    }
}
