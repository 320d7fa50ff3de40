use serde::{Deserialize, Serialize};

use crate::plot::Plot;
use crate::row::Row;

/// Rows that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// As it is asked for.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
    /// What could not be measured, and why.
    pub(crate) missing: Vec<String>,
    /// Drawn from the rows, so not repeated in JSON.
    #[serde(skip)]
    pub(crate) plots: Vec<Plot>,
}

// === impl Group ===

impl Group {
    pub(crate) fn new(name: &str, title: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            rows: Vec::new(),
            missing: Vec::new(),
            plots: Vec::new(),
        }
    }

    /// Notes that something is not measured.
    pub(crate) fn miss(&mut self, why: &str) {
        eprintln!("{}: {why}", self.name);
        self.missing.push(why.to_owned());
    }
}
