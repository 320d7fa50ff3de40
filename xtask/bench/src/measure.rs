//! Rounds, in which each of several things is measured once, one after the other, so that a machine
//! that changes its speed changes it for all of them.

use serde::{Deserialize, Serialize};

use crate::Done;

/// What one thing gave in each round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Rounds<F>(Vec<F>);

/// The rounds of one figure.
pub(crate) type Series = Rounds<f64>;

/// Something to measure.
pub(crate) type Subject<'a, F = f64> = Box<dyn FnMut() -> Done<F> + 'a>;

/// Measures each subject once a round, after one round that does not count.
pub(crate) fn rounds<F, const N: usize>(
    count: usize,
    subjects: [Subject<'_, F>; N],
) -> Done<[Rounds<F>; N]> {
    let measured = rounds_of_all(count, Vec::from(subjects))?;
    let measured = <[Rounds<F>; N]>::try_from(measured);
    Ok(measured.unwrap_or_else(|_| unreachable!("there is a series for each subject")))
}

/// The same, of subjects whose number is known only now.
pub(crate) fn rounds_of_all<F>(
    count: usize,
    mut subjects: Vec<Subject<'_, F>>,
) -> Done<Vec<Rounds<F>>> {
    let mut all: Vec<_> = subjects.iter().map(|_| Rounds(Vec::new())).collect();
    for round in 0..=count {
        for (subject, series) in subjects.iter_mut().zip(&mut all) {
            let figure = subject()?;
            if round > 0 {
                series.0.push(figure);
            }
        }
    }
    Ok(all)
}

// === impl Rounds ===

impl<F> Rounds<F> {
    /// One figure of each round.
    pub(crate) fn map(&self, figure: impl Fn(&F) -> f64) -> Series {
        Rounds(self.0.iter().map(figure).collect())
    }
}

impl Series {
    /// The figure in the middle.
    pub(crate) fn median(&self) -> f64 {
        let mut figures = self.0.clone();
        figures.sort_by(f64::total_cmp);
        match figures.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => figures[odd / 2],
            even => f64::midpoint(figures[even / 2 - 1], figures[even / 2]),
        }
    }

    /// The least and the greatest figure.
    pub(crate) fn range(&self) -> (f64, f64) {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (least, greatest)
    }

    /// Something made of the figures of this and another series, round by round.
    pub(crate) fn with(&self, other: &Self, make: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Rounds(pairs.map(|(this, other)| make(*this, *other)).collect())
    }

    /// How many rounds counted.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<F> FromIterator<F> for Rounds<F> {
    fn from_iter<I: IntoIterator<Item = F>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(figures: &[f64]) -> Series {
        figures.iter().copied().collect()
    }

    #[test]
    fn the_median_is_the_figure_in_the_middle() {
        assert!((series(&[9.0, 1.0, 5.0]).median() - 5.0).abs() < f64::EPSILON);
        assert!((series(&[9.0, 1.0, 5.0, 7.0]).median() - 6.0).abs() < f64::EPSILON);
        assert!(series(&[]).median().is_nan());
    }

    #[test]
    fn the_first_round_does_not_count() {
        let mut calls = 0.0;
        let subject: Subject<'_> = Box::new(|| {
            calls += 1.0;
            Ok(calls)
        });
        let [measured] = rounds(3, [subject]).unwrap();
        assert_eq!(measured, series(&[2.0, 3.0, 4.0]));
    }

    #[test]
    fn rounds_are_compared_each_with_its_own() {
        let (ours, other) = (series(&[2.0, 40.0, 6.0]), series(&[1.0, 10.0, 6.0]));
        let ratios = ours.with(&other, |ours, other| ours / other);
        assert_eq!(ratios, series(&[2.0, 4.0, 1.0]));
        assert_eq!(ratios.range(), (1.0, 4.0));
    }

    #[test]
    fn a_subject_that_fails_ends_the_rounds() {
        let subject: Subject<'_> = Box::new(|| Err("broken".into()));
        assert!(rounds(3, [subject]).is_err());
    }
}
