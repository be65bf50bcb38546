//! A series as an SVG: logarithmic axes, one panel for each unit, what was measured beside what would be linear.

use std::path::Path;

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::coord::combinators::{BindKeyPoints as _, IntoLogRange as _};
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, PathElement, Text};
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::{Color as _, RGBColor, TextStyle, WHITE};

use super::series::{Panel, Series, shown};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const PANEL: (u32, u32) = (480, 380);
const LEGEND_HEIGHT: u32 = 26;
/// What a letter takes of its line at most, on average.
const LETTER_WIDTH: i32 = 6;
const FONT: &str = "sans-serif";
/// Blue and vermilion: also told apart by eyes that see red and green alike (Okabe and Ito, "Color Universal Design", 2008).
const COLOURS: [RGBColor; 2] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0)];
const TEXT: RGBColor = RGBColor(34, 34, 34);
const GREY: RGBColor = RGBColor(120, 120, 120);
const MESH: RGBColor = RGBColor(225, 225, 225);

/// Draws it into a file. Its ground is white whatever is around it.
pub(crate) fn draw(series: &Series, file: &Path) {
    let panels = series.panels.len();
    let size = (PANEL.0 * u32::try_from(panels).unwrap(), PANEL.1);
    let whole = SVGBackend::new(file, size).into_drawing_area();
    whole.fill(&WHITE).unwrap();
    let below = whole.titled(&series.title, text(18)).unwrap();
    for (area, panel) in below.split_evenly((1, panels)).iter().zip(&series.panels) {
        let (above, below) = area.split_vertically(LEGEND_HEIGHT);
        draw_legend(&above, panel, &series.xs);
        draw_panel(&below, series, panel);
    }
    whole.present().unwrap();
}

/// The lines' names in a row: inside the panel they would cover points.
fn draw_legend(area: &Area<'_>, panel: &Panel, xs: &[f64]) {
    let reference = panel.reference(xs).map(|(name, _)| (name, GREY));
    let lines = panel.lines.iter().map(|line| line.name).zip(COLOURS);
    let mut x = 80;
    for (name, colour) in reference.into_iter().chain(lines) {
        let style = colour.stroke_width(2);
        // That of the reference is dashed, as it is.
        let gap = if colour == GREY { 4 } else { 0 };
        for dash in [x, x + 12] {
            area.draw(&PathElement::new([(dash, 16), (dash + 12 - gap, 16)], style)).unwrap();
        }
        area.draw(&Text::new(name, (x + 30, 9), text(14))).unwrap();
        x += 46 + LETTER_WIDTH * i32::try_from(name.len()).unwrap();
    }
}

fn draw_panel(area: &Area<'_>, series: &Series, panel: &Panel) {
    let (Some(first), Some(last)) = (series.xs.first(), series.xs.last()) else { return };
    let ys = Axis::of(panel.lines.iter().flat_map(|line| line.ys.iter().copied()));
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_top(6)
        .x_label_area_size(46)
        .y_label_area_size(66)
        .build_cartesian_2d(
            (first / 1.2..last * 1.2).log_scale().with_key_points(series.xs.clone()),
            (ys.from..ys.to).log_scale().with_key_points(ys.labels()),
        )
        .unwrap();
    chart
        .configure_mesh()
        .x_desc(series.x)
        .y_desc(panel.y)
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y))
        .label_style(text(13))
        .axis_desc_style(text(14))
        .axis_style(GREY)
        .bold_line_style(MESH)
        .light_line_style(MESH)
        .draw()
        .unwrap();
    if let Some((_, points)) = panel.reference(&series.xs) {
        chart.draw_series(DashedLineSeries::new(within(&points, &ys), 10, 6, GREY.stroke_width(2))).unwrap();
    }
    for (line, colour) in panel.lines.iter().zip(COLOURS) {
        let points = || series.xs.iter().copied().zip(line.ys.iter().copied());
        chart.draw_series(LineSeries::new(points(), colour.stroke_width(2))).unwrap();
        chart.draw_series(points().map(|point| Circle::new(point, 4, colour.filled()))).unwrap();
    }
}

fn text(size: u32) -> TextStyle<'static> {
    TextStyle::from((FONT, size)).color(&TEXT)
}

/// A straight line as far as it is in sight, from its first point to its last.
fn within(points: &[(f64, f64)], ys: &Axis) -> Vec<(f64, f64)> {
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else { return Vec::new() };
    if last.1 <= ys.to {
        return vec![first, last];
    }
    vec![first, (first.0 * ys.to / first.1, ys.to)]
}

/// From where to where an axis goes: 1, 2 or 5 times a power of ten.
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    /// Around all of these, and over a decade at least: a small difference is not to look like a large one.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(0.0, f64::max);
        let from = steps().filter(|step| *step <= least / 1.3).last().unwrap_or(least);
        let to = steps().find(|step| *step >= most * 1.3 && *step >= from * 9.999).unwrap_or(most);
        Self { from, to }
    }

    /// What is written beside it: not more than fits.
    fn labels(&self) -> Vec<f64> {
        let all: Vec<_> =
            steps().filter(|step| *step >= self.from * 0.999 && *step <= self.to * 1.001).collect();
        let is_power = |step: &f64| (step.log10() - step.log10().round()).abs() < 1e-6;
        if all.len() > 8 { all.into_iter().filter(is_power).collect() } else { all }
    }
}

/// All places where an axis may begin or end.
fn steps() -> impl Iterator<Item = f64> {
    (-9..13).flat_map(|exponent| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(exponent)))
}

/// A number as axes have it: `300 k`.
fn short(number: f64) -> String {
    let (scaled, unit) = match number {
        1e6.. => (number / 1e6, " M"),
        1e3.. => (number / 1e3, " k"),
        _ => (number, ""),
    };
    format!("{}{unit}", shown(scaled))
}
