use std::fmt;

use crate::Place;

/// Something that is wrong with a manifest, or that does not do what it seems to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the manifest can be used all the same.
    pub severity: Severity,
    /// Where in the file.
    pub place: Place,
    /// What is wrong. It has no value that may be secret.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The manifest cannot be used.
    Error,
    /// The manifest can be used, and a part of it has no effect or a surprising one.
    Warning,
}

/// Everything that was found, in the order of reading until [`sorted`](Findings::sorted).
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

// === impl Finding ===

impl Finding {
    pub(super) fn error(place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn warning(place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(place, message)
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Finding {
    /// `LINE:COLUMN SEVERITY MESSAGE; HELP`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.place, self.severity, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

// === impl Findings ===

impl Findings {
    /// The most that are kept: far more than a person reads at once.
    const MAX: usize = 200;

    pub(super) fn push(&mut self, finding: Finding) {
        if self.0.len() < Self::MAX || finding.severity == Severity::Error && !self.has_error() {
            self.0.push(finding);
        }
    }

    /// Whether more would only be counted, so that nothing costly is done for them.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= Self::MAX && self.has_error()
    }

    pub(super) fn has_error(&self) -> bool {
        self.0
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// By place, each once: what an alias repeats is wrong in one place only.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.0
            .sort_by_key(|finding| (finding.place.line, finding.place.column, finding.severity));
        self.0.dedup();
        self.0
    }
}
