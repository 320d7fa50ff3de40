use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::Done;

/// An axis of a plot: what it shows, and how figures are placed along it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// With the unit.
    pub(crate) label: String,
    scale: Scale,
    /// Marks stand at the figures themselves, which are few, and not at round numbers.
    marks_figures: bool,
    binary: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// From nothing.
    Linear,
    Logarithmic,
}

/// A part of an axis, in places.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stretch {
    axis: Axis,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

// === impl Axis ===

impl Axis {
    pub(crate) fn linear(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            scale: Scale::Linear,
            marks_figures: false,
            binary: false,
        }
    }

    /// For growth over decades.
    pub(crate) fn log(label: &str) -> Self {
        Self {
            scale: Scale::Logarithmic,
            ..Self::linear(label)
        }
    }

    /// Of so many things, each number marked.
    pub(crate) fn keys(label: &str) -> Self {
        Self {
            marks_figures: true,
            ..Self::log(label)
        }
    }

    /// Of bytes, each number marked in KiB or MiB.
    pub(crate) fn bytes(label: &str) -> Self {
        Self {
            binary: true,
            ..Self::keys(label)
        }
    }

    /// Where a figure is along the axis.
    pub(crate) fn place(&self, figure: f64) -> f64 {
        match self.scale {
            Scale::Linear => figure,
            Scale::Logarithmic => figure.log10(),
        }
    }

    /// The stretch that holds all of these figures.
    ///
    /// # Errors
    ///
    /// When there is none, or one that has no place.
    pub(crate) fn along(&self, figures: &[f64]) -> Done<Stretch> {
        let mut places: Vec<f64> = figures.iter().map(|figure| self.place(*figure)).collect();
        if places.is_empty() || places.iter().any(|place| !place.is_finite()) {
            return Err(format!("cannot place {figures:?} along {:?}", self.label).into());
        }
        places.sort_by(f64::total_cmp);
        places.dedup();
        let (least, greatest) = (places[0], places[places.len() - 1]);
        let (from, to) = match self.scale {
            Scale::Linear => (0.0, if greatest > 0.0 { greatest * 1.15 } else { 1.0 }),
            Scale::Logarithmic => {
                let air = ((greatest - least) * 0.05).max(0.05);
                (least - air, greatest + air)
            }
        };
        let ticks = if self.marks_figures {
            places
        } else {
            self.round_places(from, to)
        };
        Ok(Stretch {
            axis: self.clone(),
            from,
            to,
            ticks,
        })
    }

    /// The places of round figures between two places.
    fn round_places(&self, from: f64, to: f64) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let decade = 10f64.powf((to / 5.0).log10().floor());
                let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
                let step = steps.into_iter().find(|step| to / step <= 6.0);
                let step = step.unwrap_or(to);
                let places = (0..=6u32).map(|n| f64::from(n) * step);
                places.filter(|place| *place <= to).collect()
            }
            Scale::Logarithmic => {
                let within = if to - from > 2.5 { 1 } else { 3 };
                let (first, last) = (from.floor() as i32, to.ceil() as i32);
                let decades = first..=last;
                let places = decades.flat_map(|decade| {
                    let steps = [1f64, 2.0, 5.0].into_iter().take(within);
                    steps.map(move |step| f64::from(decade) + step.log10())
                });
                places.filter(|place| (from..=to).contains(place)).collect()
            }
        }
    }

    /// What stands at a place.
    fn tick(&self, place: f64) -> String {
        let figure = match self.scale {
            Scale::Linear => place,
            Scale::Logarithmic => 10f64.powf(place),
        };
        let (step, powers) = if self.binary {
            (1024.0, [" B", " KiB", " MiB", " GiB"])
        } else {
            (1000.0, ["", "k", "M", "G"])
        };
        let (mut figure, mut power) = (figure, 0);
        // Places come back a little off.
        while figure >= step * 0.9995 && power + 1 < powers.len() {
            figure /= step;
            power += 1;
        }
        let number = format!("{figure:.2}");
        let number = number.trim_end_matches('0').trim_end_matches('.');
        format!("{number}{}", powers[power])
    }
}

// === impl Stretch ===

impl Stretch {
    pub(crate) fn ticks(&self) -> usize {
        self.ticks.len()
    }
}

impl Ranged for Stretch {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (first, last): (i32, i32)) -> i32 {
        let part = (place - self.from) / (self.to - self.from);
        first + (f64::from(last - first) * part).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Stretch {
    fn format_ext(&self, place: &f64) -> String {
        self.axis.tick(*place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_as_people_write_them() {
        let (count, bytes) = (Axis::keys("keys"), Axis::bytes("bytes"));
        let tick = |axis: &Axis, figure: f64| axis.tick(axis.place(figure));
        assert_eq!(tick(&count, 256.0), "256");
        assert_eq!(tick(&count, 1e6), "1M");
        assert_eq!(tick(&bytes, 16.0), "16 B");
        assert_eq!(tick(&bytes, 65_536.0), "64 KiB");
        assert_eq!(tick(&bytes, 1_048_576.0), "1 MiB");
        assert_eq!(tick(&Axis::linear("s"), 2500.0), "2.5k");
        assert_eq!(tick(&Axis::linear("s"), 0.0), "0");
    }

    #[test]
    fn a_linear_axis_begins_at_nothing() {
        let stretch = Axis::linear("/s").along(&[900.0, 25_000.0]).unwrap();
        assert!(stretch.from == 0.0 && stretch.to > 25_000.0);
        assert_eq!(stretch.ticks, [0.0, 5e3, 1e4, 1.5e4, 2e4, 2.5e4]);
    }

    #[test]
    fn a_log_axis_of_many_decades_marks_each_and_of_few_also_between() {
        let many = Axis::log("ns").along(&[10.0, 1e6]).unwrap();
        assert_eq!(many.ticks.len(), 6);
        let few = Axis::log("ns").along(&[100.0, 400.0]).unwrap();
        assert_eq!(few.ticks.len(), 2, "{few:?}");
        let one = Axis::log("ns").along(&[100.0]).unwrap();
        assert!(one.from < 2.0 && one.to > 2.0);
    }

    #[test]
    fn each_figure_is_marked_once() {
        let axis = Axis::keys("connections");
        let stretch = axis.along(&[1.0, 4.0, 1.0, 4.0]).unwrap();
        assert_eq!(stretch.ticks.len(), 2);
    }

    #[test]
    fn nothing_cannot_be_placed_on_a_log_axis() {
        assert!(Axis::log("ns").along(&[0.0, 1.0]).is_err());
        assert!(Axis::log("ns").along(&[]).is_err());
    }
}
