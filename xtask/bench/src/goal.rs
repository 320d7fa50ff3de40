use serde::{Deserialize, Serialize};

/// What the relation of two figures should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

// === impl Goal ===

impl Goal {
    pub(crate) fn text(self) -> String {
        match self {
            Self::AtMost(goal) => format!("at most {goal}"),
            Self::AtLeast(goal) => format!("at least {goal}"),
        }
    }

    /// Figures that are not there meet no goal.
    pub(crate) fn is_met(self, relation: f64) -> bool {
        match self {
            Self::AtMost(goal) => relation <= goal,
            Self::AtLeast(goal) => relation >= goal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_at_its_bound_and_not_past_it() {
        assert!(Goal::AtMost(0.5).is_met(0.5));
        assert!(!Goal::AtMost(0.5).is_met(0.51));
        assert!(Goal::AtLeast(10.0).is_met(10.0));
        assert!(!Goal::AtLeast(10.0).is_met(9.99));
        assert!(!Goal::AtLeast(10.0).is_met(f64::NAN));
    }
}
