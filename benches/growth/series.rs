//! A measured series: what things cost as one quantity grows.

use std::fmt::Write as _;

/// How far above its bound a cost may be before it is too much: machines that measure do other things too.
const COST_TOLERATED: f64 = 1.5;
/// The same of memory past its cap, which does not hang on what else the machine does.
const GROWTH_TOLERATED: f64 = 1.2;

/// What was measured at each of some points.
pub(crate) struct Series {
    pub(crate) title: String,
    /// What grows.
    pub(crate) x: &'static str,
    pub(crate) xs: Vec<f64>,
    pub(crate) panels: Vec<Panel>,
}

/// Costs of one unit.
pub(crate) struct Panel {
    pub(crate) y: &'static str,
    /// The first one is logmend's, which the bound is for.
    pub(crate) lines: Vec<Line>,
    pub(crate) bound: Bound,
}

/// One cost at each point.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) ys: Vec<f64>,
}

/// The line that a panel's first one is held against.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// It is shown and not judged.
    None,
    /// Twice as much costs twice as much. The name says of what.
    Linear(&'static str),
    /// The cost is of one record or error, and each costs as much as the first: the whole is linear.
    Each(&'static str),
    /// Past here it stays where it is.
    FlatFrom(f64, &'static str),
    /// More is better: twice as many would bring twice as much at best.
    Ideal(&'static str),
}

impl Series {
    /// As a table in Markdown, one column for each line.
    pub(crate) fn table(&self) -> String {
        let lines = || self.panels.iter().flat_map(|panel| panel.lines.iter().map(move |line| (panel, line)));
        let mut table = format!("\n{}\n\n| {} |", self.title, self.x);
        for (panel, line) in lines() {
            let name = if panel.lines.len() > 1 {
                format!("{}, {}", panel.y, line.name)
            } else {
                panel.y.to_owned()
            };
            // Writing into a string cannot fail.
            let _ = write!(table, " {name} |");
        }
        let _ = write!(table, "\n| ---: |{}", " ---: |".repeat(lines().count()));
        for (at, x) in self.xs.iter().enumerate() {
            let _ = write!(table, "\n| {} |", shown(*x));
            for (_, line) in lines() {
                let _ = write!(table, " {} |", shown(line.ys[at]));
            }
        }
        table
    }

    /// Whether each panel kept its bound, and how it did.
    pub(crate) fn verdicts(&self, name: &str) -> Vec<(bool, String)> {
        self.panels
            .iter()
            .filter_map(|panel| panel.verdict(&self.xs))
            .map(|(good, told)| (good, format!("{name}: {told}")))
            .collect()
    }
}

impl Panel {
    /// The bound's name and its line over the points, where there is one.
    pub(crate) fn reference(&self, xs: &[f64]) -> Option<(&'static str, Vec<(f64, f64)>)> {
        let line = self.lines.first()?;
        let (name, from, is_linear) = match self.bound {
            Bound::None => return None,
            Bound::Linear(name) | Bound::Ideal(name) => (name, 0.0, true),
            Bound::Each(name) => (name, 0.0, false),
            Bound::FlatFrom(from, name) => (name, from, false),
        };
        let points: Vec<_> =
            xs.iter().copied().zip(line.ys.iter().copied()).filter(|(x, _)| *x >= from).collect();
        let (first_x, first_y) = *points.first()?;
        let at = |x: f64| if is_linear { first_y * x / first_x } else { first_y };
        Some((name, points.into_iter().map(|(x, _)| (x, at(x))).collect()))
    }

    fn verdict(&self, xs: &[f64]) -> Option<(bool, String)> {
        if matches!(self.bound, Bound::Ideal(_)) {
            return None;
        }
        let (name, reference) = self.reference(xs)?;
        let skipped = xs.len() - reference.len();
        let measured = self.lines.first()?.ys.iter().skip(skipped);
        let worst = measured.zip(&reference).map(|(y, (_, bound))| y / bound).fold(0.0, f64::max);
        let tolerated =
            if matches!(self.bound, Bound::FlatFrom(..)) { GROWTH_TOLERATED } else { COST_TOLERATED };
        Some((worst <= tolerated, format!("{}, at most {worst:.2} times `{name}`", self.y)))
    }
}

/// A number to three digits, with commas between thousands.
pub(crate) fn shown(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let unit = 10_f64.powf(number.abs().log10().floor() - 2.0);
    let decimals = (0..12_u8).find(|n| 10_f64.powi(-i32::from(*n)) < unit * 1.001).map_or(12, usize::from);
    let text = format!("{:.decimals$}", (number / unit).round() * unit);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

/// The middle one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
