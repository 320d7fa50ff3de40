use std::fmt;
use std::path::PathBuf;

use super::Source;
use crate::Place;
use crate::nearest::nearest;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be run.
    Error,
    /// It can, and may not do what it should.
    Warning,
}

/// Something that is wrong with a configuration. No text of it shows a value that may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The file, if it was read from one.
    pub file: Option<PathBuf>,
    /// Where in the file; nowhere, if it is wrong as a whole.
    pub place: Place,
    /// The text of the file, to show the line from.
    pub(crate) source: Option<Source>,
}

// === impl Problem ===

impl Problem {
    /// An error, of no file.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// A warning, of no file.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            help: None,
            file: None,
            place: Place::default(),
            source: None,
        }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with the known word that was most likely meant by a wrong one, if there is one.
    #[must_use]
    pub fn did_you_mean<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(wrong, known) {
            Some(meant) => self.help(format!("did you mean {meant}?")),
            None => self,
        }
    }

    /// The same, at a place of a text whose file is not known here.
    #[must_use]
    pub(crate) fn in_text(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// What problems are ordered by: places, and what is wrong as a whole behind them.
    pub(super) fn order(&self) -> impl Ord {
        let Place { line, column, .. } = self.place;
        (self.file.as_deref(), line == 0, line, column)
    }

    /// The same, at a place in a file.
    #[must_use]
    pub(crate) fn at(mut self, file: PathBuf, source: Option<Source>, place: Place) -> Self {
        (self.file, self.source, self.place) = (Some(file), source, place);
        self
    }
}

impl fmt::Display for Problem {
    /// As one line: `keywell.toml:3:1: there is no pth in component.c; did you mean path?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
            if self.place.is_known() {
                write!(f, "{}:", self.place)?;
            }
            f.write_str(" ")?;
        }
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}
