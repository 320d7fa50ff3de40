//! What is wrong with a manifest, or does not do what it seems to.

use std::path::Path;

use crate::{Place, Problem, Report, Severity, Source};

/// Everything that was found, in the order of reading.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Problem>);

/// An error at a place of the manifest. It has no value that may be secret.
pub(crate) fn error(place: Place, message: impl Into<String>) -> Problem {
    Problem::error(message).in_text(place)
}

/// A warning at a place of the manifest.
pub(crate) fn warning(place: Place, message: impl Into<String>) -> Problem {
    Problem::warning(message).in_text(place)
}

// === impl Findings ===

impl Findings {
    /// The most that are kept: far more than a person reads at once.
    const MAX: usize = 200;

    pub(crate) fn push(&mut self, finding: Problem) {
        if self.0.len() < Self::MAX || finding.severity == Severity::Error && !self.has_error() {
            self.0.push(finding);
        }
    }

    /// Whether more would only be counted, so that nothing costly is done for them.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= Self::MAX && self.has_error()
    }

    pub(crate) fn has_error(&self) -> bool {
        self.0
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// By place, each once: what an alias repeats is wrong in one place only.
    pub(crate) fn into_report(mut self, file: &Path, source: &Source) -> Report {
        self.0
            .sort_by_key(|finding| (finding.place.line, finding.place.column, finding.severity));
        self.0.dedup();
        let mut report = Report::default();
        for finding in self.0 {
            let place = finding.place;
            report.push(finding.at(file.to_owned(), Some(source.clone()), place));
        }
        report
    }
}
