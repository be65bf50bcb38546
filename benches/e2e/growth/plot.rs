//! A curve over a measured axis, as a table and as SVG.

use std::path::Path;

use plotters::prelude::*;

/// One measured figure.
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    /// What it was measured at, and what it was.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Curves over one axis.
pub(crate) struct Plot {
    pub(crate) name: &'static str,
    axis: &'static str,
    curves: Vec<Curve>,
}

const COLORS: [RGBColor; 2] = [RGBColor(27, 94, 168), RGBColor(196, 78, 20)];
const SIZE: (u32, u32) = (720, 400);

impl Plot {
    pub(crate) fn new(name: &'static str, axis: &'static str, curves: &[&'static str]) -> Self {
        let curves = curves.iter().map(|name| Curve { name, points: Vec::new() }).collect();
        Self { name, axis, curves }
    }

    pub(crate) fn add(&mut self, at: f64, values: &[f64]) {
        for (curve, value) in self.curves.iter_mut().zip(values) {
            curve.points.push((at, value.max(0.001)));
        }
    }

    pub(crate) fn print(&self) {
        let names: Vec<_> = self.curves.iter().map(|curve| curve.name).collect();
        println!("\n| {} | {} |", self.axis, names.join(" | "));
        println!("| ---: |{}", " ---: |".repeat(names.len()));
        for (index, (at, _)) in self.curves[0].points.iter().enumerate() {
            let cells: Vec<_> = self.curves.iter().map(|curve| curve.cell(index)).collect();
            println!("| {at} | {} |", cells.join(" | "));
        }
    }

    /// On logarithmic axes, where linear growth is a diagonal: the dashed line.
    pub(crate) fn draw(&self, file: &Path) {
        let all = || self.curves.iter().flat_map(|curve| curve.points.iter().copied());
        let least = |of: fn((f64, f64)) -> f64| all().map(of).fold(f64::INFINITY, f64::min);
        let most = |of: fn((f64, f64)) -> f64| all().map(of).fold(0.0, f64::max);
        let (left, right) =
            (least(|point| point.0), most(|point| point.0).max(least(|point| point.0) * 1.01));
        let (low, high) = (least(|point| point.1) / 2.0, most(|point| point.1) * 2.0);

        let root = SVGBackend::new(file, SIZE).into_drawing_area();
        root.fill(&WHITE).unwrap();
        let mut chart = ChartBuilder::on(&root)
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d((left..right).log_scale(), (low..high).log_scale())
            .unwrap();
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(self.axis)
            .label_style(("sans-serif", 14))
            .axis_desc_style(("sans-serif", 15))
            .x_label_formatter(&|value| short(*value))
            .y_label_formatter(&|value| short(*value))
            .draw()
            .unwrap();
        let start = self.curves[0].points[0];
        let linear =
            [(left, start.1), (right.min(left * high / start.1), (start.1 * right / left).min(high))];
        chart.draw_series(DashedLineSeries::new(linear, 6, 6, RGBColor(140, 140, 140).into())).unwrap();
        for (curve, color) in self.curves.iter().zip(COLORS) {
            chart
                .draw_series(LineSeries::new(curve.points.iter().copied(), color.stroke_width(3)))
                .unwrap()
                .label(curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(3)));
            chart
                .draw_series(curve.points.iter().map(|point| Circle::new(*point, 4, color.filled())))
                .unwrap();
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(("sans-serif", 15))
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(200, 200, 200))
            .draw()
            .unwrap();
        root.present().unwrap();
    }
}

/// 1 K for a thousand.
fn short(value: f64) -> String {
    match value {
        1e6.. => format!("{} M", value / 1e6),
        1e3.. => format!("{} K", value / 1e3),
        _ => format!("{value}"),
    }
}
