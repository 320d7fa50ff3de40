use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use crate::place::Places;
use crate::{Lookup, Place, Problem, Report, Source};

/// The text that is read, and what is wrong with it.
pub(super) struct Document<'i> {
    pub(super) file: &'i Path,
    pub(super) lookup: &'i dyn Lookup,
    places: Places<'i>,
    source: Source,
    report: RefCell<Report>,
    /// The lines of a text that is not TOML, as far as it is not. What else is wrong with them, and what
    /// is missing from the rest, may follow from that.
    broken: Option<HashSet<usize>>,
    /// The first URL that has a password in it.
    password: Cell<Option<Place>>,
}

// === impl Document ===

impl<'i> Document<'i> {
    pub(super) fn new(
        file: &'i Path,
        text: &'i str,
        secrets: Vec<Range<usize>>,
        lookup: &'i dyn Lookup,
    ) -> Self {
        Self {
            file,
            lookup,
            places: Places::of(text),
            source: Source::new(text, secrets),
            report: RefCell::default(),
            broken: None,
            password: Cell::default(),
        }
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        self.places.place(span)
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Reports that the text is no TOML at a place.
    pub(super) fn broken(&mut self, place: Place, message: String) {
        let is_new = self.broken.get_or_insert_default().insert(place.line);
        // Behind the first error of a line the parser is seldom right.
        if is_new {
            self.push(Problem::error(message), place);
        }
    }

    /// Reports that something is wrong at a place.
    pub(super) fn wrong(&self, place: Place, problem: Problem) {
        let broken = self.broken.as_ref();
        if !broken.is_some_and(|lines| lines.contains(&place.line)) {
            self.push(problem, place);
        }
    }

    /// Reports that something is not there which has to be.
    pub(super) fn missing(&self, place: Place, problem: Problem) {
        if self.broken.is_none() {
            self.push(problem, place);
        }
    }

    fn push(&self, problem: Problem, place: Place) {
        let source = Some(self.source.clone());
        let problem = problem.at(self.file.to_owned(), source, place);
        self.report.borrow_mut().push(problem);
    }

    /// Notes that the file has a password in it, which is warned of once.
    pub(super) fn note_password(&self, place: Place) {
        if self.password.get().is_none() {
            self.password.set(Some(place));
        }
    }

    /// How much is wrong so far.
    pub(super) fn errors(&self) -> usize {
        self.report.borrow().errors()
    }

    pub(super) fn into_report(self) -> Report {
        if let Some(place) = self.password.get() {
            let problem = Problem::warning("a URL in this file has a password as plain text");
            let help =
                "write the URL as { env = \"NAME\" }, { file = \"PATH\" } or { secret = \"NAME\" }";
            self.push(problem.help(help), place);
        }
        self.report.into_inner()
    }
}
