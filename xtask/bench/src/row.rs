use serde::{Deserialize, Serialize};

use crate::goal::Goal;
use crate::measure::Series;
use crate::unit::Unit;

/// A figure beside another of the same rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Names the row in every run: group, what is measured, what it stands beside.
    pub(crate) id: String,
    /// What was measured.
    pub(crate) what: String,
    /// The median of its rounds.
    pub(crate) figure: f64,
    pub(crate) unit: Unit,
    /// What it stands beside.
    pub(crate) against: String,
    /// That one's median.
    pub(crate) other: f64,
    pub(crate) relation: Relation,
    /// The median of the rounds' relations.
    pub(crate) ratio: f64,
    pub(crate) goal: Option<Goal>,
    /// The figures of each round, and those of what it stands beside.
    pub(crate) rounds: Series,
    pub(crate) other_rounds: Series,
}

/// How two figures are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Relation {
    /// The first over the second.
    Ratio,
    /// The first less the second, in their unit.
    Difference,
}

// === impl Row ===

impl Row {
    pub(crate) fn new(
        id: impl Into<String>,
        what: impl Into<String>,
        ours: &Series,
        against: impl Into<String>,
        other: &Series,
        unit: Unit,
    ) -> Self {
        let row = Self {
            id: id.into(),
            what: what.into(),
            figure: ours.median(),
            unit,
            against: against.into(),
            other: other.median(),
            relation: Relation::Ratio,
            ratio: f64::NAN,
            goal: None,
            rounds: ours.clone(),
            other_rounds: other.clone(),
        };
        row.related(Relation::Ratio)
    }

    pub(crate) fn goal(self, goal: Goal) -> Self {
        Self {
            goal: Some(goal),
            ..self
        }
    }

    /// The same figures, compared in this way.
    pub(crate) fn related(mut self, relation: Relation) -> Self {
        self.relation = relation;
        self.ratio = self.relations().median();
        self
    }

    /// The relation of the two figures in each round.
    pub(crate) fn relations(&self) -> Series {
        self.rounds
            .with(&self.other_rounds, |ours, other| match self.relation {
                Relation::Ratio => ours / other,
                Relation::Difference => ours - other,
            })
    }

    /// `met` or `missed`, where there is a goal.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.goal.map(|goal| goal.is_met(self.ratio)) {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        }
    }

    pub(crate) fn goal_text(&self) -> String {
        let text = self.goal.map(Goal::text).unwrap_or_default();
        match self.relation {
            Relation::Difference if !text.is_empty() => {
                format!("{text} {} more", self.unit.symbol())
            }
            Relation::Difference | Relation::Ratio => text,
        }
    }

    pub(crate) fn ratio_text(&self) -> String {
        match self.relation {
            Relation::Ratio => format!("{:.2}", self.ratio),
            Relation::Difference if self.ratio < 0.0 => self.unit.text(self.ratio),
            Relation::Difference => format!("+{}", self.unit.text(self.ratio)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let (ours, other) = ([10.0, 30.0, 20.0], [5.0, 10.0, 20.0]);
        let (ours, other) = (ours.into_iter().collect(), other.into_iter().collect());
        Row::new("a/b", "A", &ours, "B", &other, Unit::Milliseconds)
    }

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_ratios() {
        // The ratio of the medians would be 2 as well, so the ratios of the rounds are compared.
        assert_eq!(row().relations(), [2.0, 3.0, 1.0].into_iter().collect());
        assert_eq!(row().ratio_text(), "2.00");
    }

    #[test]
    fn a_difference_is_in_the_unit() {
        let row = row().related(Relation::Difference).goal(Goal::AtMost(50.0));
        assert_eq!(row.ratio_text(), "+5.00 ms");
        assert_eq!(row.goal_text(), "at most 50 ms more");
        assert_eq!(row.verdict(), "met");
    }

    #[test]
    fn a_row_without_a_goal_has_no_verdict() {
        assert_eq!((row().verdict(), row().goal_text()), ("", String::new()));
    }
}
