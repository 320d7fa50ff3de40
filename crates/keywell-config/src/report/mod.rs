//! What is wrong with a configuration: all of it, as lines or as a compiler shows it.

mod problem;
mod render;
pub(crate) mod secrets;
mod source;

use std::fmt;

pub use self::problem::{Problem, Severity};
pub use self::secrets::has_password;
pub use self::source::Source;

/// Everything that is wrong with a configuration, by its place.
///
/// It is bounded, whatever a file has in it: [`MAX_KEPT`](Self::MAX_KEPT) problems are kept and
/// [`MAX_SHOWN`](Self::MAX_SHOWN) are shown; the others are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    problems: Vec<Problem>,
    /// How many errors and warnings there are, kept or not.
    errors: usize,
    warnings: usize,
}

// === impl Report ===

impl Report {
    /// How many problems are kept.
    pub const MAX_KEPT: usize = 1000;
    /// How many problems are shown.
    pub const MAX_SHOWN: usize = 50;

    /// The problems that were kept, in the order of their places; those of whole files are the last.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// Whether there is an error.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        match problem.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.problems.len() < Self::MAX_KEPT {
            let is_before = |known: &Problem| known.order() <= problem.order();
            let at = self.problems.partition_point(is_before);
            self.problems.insert(at, problem);
        }
    }

    /// Adds what another report has.
    pub fn extend(&mut self, other: Self) {
        let kept = |severity| {
            let problems = other.problems.iter();
            problems
                .filter(|problem| problem.severity == severity)
                .count()
        };
        self.errors += other.errors - kept(Severity::Error);
        self.warnings += other.warnings - kept(Severity::Warning);
        for problem in other.problems {
            self.push(problem);
        }
    }

    /// How many problems there are, in words: "2 errors and 1 warning".
    pub fn count(&self) -> String {
        let count = |number, what| match number {
            0 => None,
            1 => Some(format!("1 {what}")),
            _ => Some(format!("{number} {what}s")),
        };
        let counts = [count(self.errors, "error"), count(self.warnings, "warning")];
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        if counts.is_empty() {
            "no problems".to_owned()
        } else {
            counts.join(" and ")
        }
    }

    /// The problems to show, and how many there are besides.
    fn shown(&self) -> (&[Problem], usize) {
        let shown = &self.problems[..self.problems.len().min(Self::MAX_SHOWN)];
        (shown, self.errors + self.warnings - shown.len())
    }
}

impl From<Problem> for Report {
    fn from(problem: Problem) -> Self {
        let mut report = Self::default();
        report.push(problem);
        report
    }
}

impl fmt::Display for Report {
    /// A line a problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, more) = self.shown();
        for (number, problem) in shown.iter().enumerate() {
            let end = if number == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        match more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;

    fn at(line: usize, column: usize) -> Problem {
        let place = Place {
            line,
            column,
            length: 1,
            ..Place::default()
        };
        Problem::error(format!("{line}")).at("a.toml".into(), None, place)
    }

    #[test]
    fn problems_are_in_the_order_of_their_places() {
        let mut report = Report::default();
        for (line, column) in [(9, 1), (2, 5), (0, 0), (2, 3), (1, 7)] {
            report.push(at(line, column));
        }
        let lines: Vec<_> = report.problems().iter().map(|p| p.place.line).collect();
        assert_eq!(lines, [1, 2, 2, 9, 0]);
        assert_eq!(report.problems()[1].place.column, 3);
    }

    #[test]
    fn many_problems_are_counted_and_not_all_shown() {
        let mut report = Report::default();
        for line in 1..=2000 {
            report.push(at(line, 1));
        }
        let mut both = Report::from(Problem::warning("odd"));
        both.extend(report);
        assert_eq!(both.count(), "2000 errors and 1 warning");
        assert_eq!(both.problems().len(), Report::MAX_KEPT);
        let text = both.to_string();
        assert_eq!(text.lines().count(), Report::MAX_SHOWN + 1);
        assert!(text.ends_with("\nand 1951 more"), "{text}");
        assert!(both.render(false).ends_with("and 1951 more\n"));
    }
}
