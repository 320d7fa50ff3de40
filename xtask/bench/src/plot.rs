//! Lines over an axis, drawn as SVG on no background, in colours that are read on white and on black.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Done;
use crate::axis::Axis;

const SIZE: (u32, u32) = (720, 400);
/// Of text and axes.
const GREY: RGBColor = RGBColor(0x80, 0x88, 0x90);
const LINES: [RGBColor; 5] = [
    RGBColor(0x2f, 0x81, 0xf7),
    RGBColor(0xe0, 0x7b, 0x00),
    RGBColor(0x2d, 0xa0, 0x44),
    RGBColor(0xb3, 0x5c, 0xd6),
    RGBColor(0xe0, 0x4f, 0x5f),
];

/// How something grows, drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plot {
    /// Of its file, without `.svg`.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

// === impl Plot ===

impl Plot {
    pub(crate) fn new(name: &str, title: &str, x: Axis, y: Axis) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            x,
            y,
            lines: Vec::new(),
        }
    }

    /// Adds a point to the line of this name.
    pub(crate) fn point(&mut self, line: &str, x: f64, y: f64) {
        match self.lines.iter_mut().find(|known| known.name == line) {
            Some(known) => known.points.push((x, y)),
            None => self.lines.push(Line {
                name: line.to_owned(),
                points: vec![(x, y)],
            }),
        }
    }

    /// The text of an SVG file.
    pub(crate) fn svg(&self) -> Done<String> {
        let mut svg = String::new();
        self.draw(SVGBackend::with_string(&mut svg, SIZE))?;
        Ok(svg)
    }

    fn draw(&self, backend: SVGBackend<'_>) -> Done {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let (xs, ys): (Vec<f64>, Vec<f64>) = points().copied().unzip();
        let (x, y) = (self.x.along(&xs)?, self.y.along(&ys)?);
        let (x_ticks, y_ticks) = (x.ticks(), y.ticks());
        let text = ("sans-serif", 16).into_font().color(&GREY);
        let area = backend.into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 20).into_font().color(&GREY))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(70)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .axis_style(GREY)
            .bold_line_style(GREY.mix(0.3))
            .light_line_style(TRANSPARENT)
            .label_style(text.clone())
            .axis_desc_style(text.clone())
            .x_desc(&self.x.label)
            .y_desc(&self.y.label)
            .x_labels(x_ticks)
            .y_labels(y_ticks)
            .draw()?;
        for (line, colour) in self.lines.iter().zip(LINES.iter().cycle()) {
            let places: Vec<(f64, f64)> = line
                .points
                .iter()
                .map(|(x, y)| (self.x.place(*x), self.y.place(*y)))
                .collect();
            chart
                .draw_series(LineSeries::new(places.clone(), colour.stroke_width(2)))?
                .label(&line.name)
                .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
            chart.draw_series(
                places
                    .into_iter()
                    .map(|place| Circle::new(place, 3, colour.filled())),
            )?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(text.pos(Pos::new(HPos::Left, VPos::Center)))
            .draw()?;
        area.present()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let mut plot = Plot::new(
            "growth",
            "Growth <of> things",
            Axis::keys("keys in the store"),
            Axis::log("time a read, ns"),
        );
        for (keys, ours, other) in [(1e3, 900.0, 700.0), (1e4, 1200.0, 950.0)] {
            plot.point("Keywell", keys, ours);
            plot.point("redb", keys, other);
        }
        plot
    }

    #[test]
    fn a_plot_names_its_axes_and_lines() {
        let svg = plot().svg().unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for text in [
            "keys in the store",
            "time a read, ns",
            "Keywell",
            "redb",
            "10k",
        ] {
            assert!(svg.contains(text), "no {text:?} in {svg}");
        }
        assert!(svg.contains("Growth &lt;of&gt; things"));
        assert_eq!(svg.matches("<circle").count(), 4);
    }

    #[test]
    fn a_plot_has_no_background() {
        let svg = plot().svg().unwrap();
        assert!(
            !svg.contains("#FFFFFF") && !svg.contains("#000000"),
            "{svg}"
        );
    }

    #[test]
    fn a_plot_without_points_is_an_error_and_no_panic() {
        let plot = Plot::new("none", "None", Axis::log("x"), Axis::log("y"));
        assert!(plot.svg().is_err());
    }

    #[test]
    fn a_figure_that_is_no_number_is_an_error() {
        let mut plot = plot();
        plot.point("redb", 1e5, f64::NAN);
        assert!(plot.svg().is_err());
    }
}
