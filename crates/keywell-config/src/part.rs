//! What one file of several adds to a plan.

use std::path::PathBuf;

use crate::clash::clashes;
use crate::tree::finding::Findings;
use crate::{Place, Plan, Problem, Report, Source, TriggerPlan, http};

/// What a file has, as far as it can be read, with places that have the file's number.
pub(crate) struct Part {
    pub(crate) file: PathBuf,
    pub(crate) number: u16,
    /// Stores, components, triggers, and what builds them.
    pub(crate) plan: Plan,
    pub(crate) report: Report,
    pub(crate) source: Source,
}

// === impl Part ===

impl Part {
    /// What was read of a file, and found.
    pub(crate) fn new(
        file: PathBuf,
        number: u16,
        plan: Plan,
        source: Source,
        findings: Findings,
    ) -> Self {
        Self {
            report: findings.into_report(&file, &source),
            file,
            number,
            plan,
            source,
        }
    }

    /// A file of which nothing can be read. Its lines are not shown, as they may have secrets.
    pub(crate) fn broken(file: PathBuf, number: u16, text: &str, problems: Vec<Problem>) -> Self {
        let mut report = Report::default();
        for problem in problems {
            let place = problem.place;
            report.push(problem.at(file.clone(), None, place));
        }
        let whole = std::iter::once(0..text.len());
        let source = Source::new(text, whole.collect());
        Self {
            file,
            number,
            plan: Plan::default(),
            report,
            source,
        }
    }

    /// Adds what it has to a plan. Two of one name are an error.
    pub(crate) fn add_to(&self, plan: &mut Plan) -> Report {
        let mut report = self.report.clone();
        let mut twice = |what: &str, name: &str, place: Place| {
            let message = format!("there is another {what} {name} in the files before this one");
            let problem = Problem::error(message).help("give one of the two another name");
            report.push(problem.at(self.file.clone(), Some(self.source.clone()), place));
        };
        for (name, store) in &self.plan.stores {
            if plan.stores.insert(name.clone(), store.clone()).is_some() {
                twice("store", name, store.url.place);
            }
        }
        for (name, component) in &self.plan.components {
            let added = plan.components.insert(name.clone(), component.clone());
            if added.is_some() {
                twice("component", name, component.place);
            }
        }
        plan.triggers.extend(self.plan.triggers.iter().cloned());
        report
    }
}

/// What is wrong with triggers of parts, each beside all triggers of the plan.
pub(crate) fn mistakes(plan: &Plan, parts: &[Part]) -> Vec<Problem> {
    let listeners = plan.triggers.iter().filter_map(TriggerPlan::listener);
    let mistakes: Vec<_> = listeners.flat_map(http::mistakes).collect();
    let mistakes = mistakes.into_iter().chain(clashes(&plan.triggers));
    // Those of other files were reported before.
    let own = mistakes.filter(|(place, _)| parts.iter().any(|part| part.number == place.file));
    own.map(|(place, problem)| plan.at(place, problem))
        .collect()
}
