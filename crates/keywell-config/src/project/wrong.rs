use crate::{Place, Problem};

/// What is wrong, and where.
pub(super) type Wrong = Box<(Place, Problem)>;

pub(super) fn wrong(place: Place, problem: Problem) -> Wrong {
    Box::new((place, problem))
}
