//! Rounds, in which each of several things is measured once, one after the other, so that a machine
//! that changes its speed changes it for all of them.

use crate::Done;

/// What one thing gave in each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series(Vec<f64>);

/// Something to measure.
pub(crate) type Subject<'a> = Box<dyn FnMut() -> Done<f64> + 'a>;

/// Measures each subject once a round, after one round that does not count.
pub(crate) fn rounds<const N: usize>(
    rounds: usize,
    mut subjects: [Subject<'_>; N],
) -> Done<[Series; N]> {
    let mut all = std::array::from_fn(|_| Series::default());
    for round in 0..=rounds {
        for (subject, series) in subjects.iter_mut().zip(&mut all) {
            let figure = subject()?;
            if round > 0 {
                series.0.push(figure);
            }
        }
    }
    Ok(all)
}

// === impl Series ===

impl Series {
    /// The figure in the middle.
    pub(crate) fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// The ratio in the middle of the rounds' ratios of this to another series.
    pub(crate) fn over(&self, other: &Self) -> f64 {
        median(
            self.0
                .iter()
                .zip(&other.0)
                .map(|(this, other)| this / other)
                .collect(),
        )
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
