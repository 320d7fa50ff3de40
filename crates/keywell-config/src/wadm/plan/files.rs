use std::path::PathBuf;

use crate::{Place, Plan, Problem, Source};

/// The files of a plan, by the numbers that places have.
#[derive(Default)]
pub(crate) struct Files(Vec<(PathBuf, Source)>);

// === impl Files ===

impl Files {
    /// Adds a file, whose number is that of those before it.
    pub(crate) fn add(&mut self, file: PathBuf, source: Source) {
        self.0.push((file, source));
    }

    pub(super) fn at(&self, place: Place, problem: Problem) -> Problem {
        match self.0.get(usize::from(place.file)) {
            Some((file, source)) => problem.at(file.clone(), Some(source.clone()), place),
            None => problem,
        }
    }

    /// How a place is written in a message: `wadm.yaml:3:5`.
    pub(super) fn name(&self, place: Place) -> String {
        match self.0.get(usize::from(place.file)) {
            Some((file, _)) => format!("{}:{place}", file.display()),
            None => place.to_string(),
        }
    }

    /// Makes them those of the plan.
    pub(crate) fn give_to(self, plan: &mut Plan) {
        let mut files = self.0.into_iter();
        if let Some((file, source)) = files.next() {
            (plan.file, plan.source) = (Some(file), Some(source));
        }
        plan.more_files = files.collect();
    }
}
