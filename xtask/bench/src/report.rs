use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Done;
use crate::effort::Effort;
use crate::group::Group;
use crate::machine::Machine;
use crate::row::Row;

/// The shape of the JSON; a reader refuses every other.
const SCHEMA: u32 = 1;

/// All that a run measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    schema: u32,
    pub(crate) machine: Machine,
    pub(crate) effort: Effort,
    pub(crate) groups: Vec<Group>,
}

/// What is read first of a file.
#[derive(Deserialize)]
struct Head {
    schema: u32,
}

// === impl Report ===

impl Report {
    pub(crate) fn new(machine: Machine, effort: Effort, groups: Vec<Group>) -> Self {
        Self {
            schema: SCHEMA,
            machine,
            effort,
            groups,
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.groups.iter().flat_map(|group| &group.rows)
    }

    pub(crate) fn json(&self) -> Done<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// # Errors
    ///
    /// When the text is no report, or one of another schema.
    pub(crate) fn from_json(json: &str) -> Done<Self> {
        let Head { schema } = serde_json::from_str(json)?;
        if schema != SCHEMA {
            return Err(
                format!("is of schema {schema}; this program reads and writes {SCHEMA}").into(),
            );
        }
        Ok(serde_json::from_str(json)?)
    }

    pub(crate) fn read(path: &Path) -> Done<Self> {
        let json = std::fs::read_to_string(path);
        let report = json
            .map_err(Into::into)
            .and_then(|json| Self::from_json(&json));
        report.map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::goal::Goal;
    use crate::measure::Series;
    use crate::unit::Unit;

    fn series(figures: &[f64]) -> Series {
        figures.iter().copied().collect()
    }

    /// A report of one row, whose figures in each round are these.
    pub(crate) fn report(ours: &[f64], other: &[f64]) -> Report {
        let (ours, other) = (series(ours), series(other));
        let row = Row::new(
            "host/get",
            "guest `get`",
            &ours,
            "floor",
            &other,
            Unit::Nanoseconds,
        );
        let mut group = Group::new("host", "Host calls");
        group.rows.push(row.goal(Goal::AtMost(1.4)));
        let machine = Machine {
            cores: 2,
            processor: "any".to_owned(),
            system: "linux".to_owned(),
            commit: String::new(),
            versions: Vec::new(),
        };
        Report::new(machine, Effort::QUICK, vec![group])
    }

    #[test]
    fn a_report_comes_back_from_json_as_it_went() {
        let report = report(&[373.0, 380.5, 1e-9], &[232.0, 230.0, 0.1]);
        assert_eq!(Report::from_json(&report.json().unwrap()).unwrap(), report);
    }

    #[test]
    fn a_report_of_another_schema_is_refused_by_its_number() {
        let json = report(&[1.0], &[1.0]).json().unwrap();
        let json = json.replacen("\"schema\": 1", "\"schema\": 2", 1);
        let error = Report::from_json(&json).unwrap_err().to_string();
        assert!(error.contains("schema 2"), "{error}");
        assert!(Report::from_json("{}").is_err());
    }
}
