use serde::{Deserialize, Serialize};

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    Nanoseconds,
    Microseconds,
    Milliseconds,
    PerSecond,
    Bytes,
    Kibibytes,
    Mebibytes,
    Commands,
}

// === impl Unit ===

impl Unit {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::PerSecond => "/s",
            Self::Bytes => "B",
            Self::Kibibytes => "KiB",
            Self::Mebibytes => "MiB",
            Self::Commands => "commands",
        }
    }

    /// A figure with its unit; three digits or more.
    pub(crate) fn text(self, figure: f64) -> String {
        let decimals = match figure.abs() {
            small if small < 10.0 => 2,
            middle if middle < 100.0 => 1,
            _ => 0,
        };
        format!("{figure:.decimals$} {}", self.symbol())
    }

    /// Whether more of it is better.
    pub(crate) fn more_is_better(self) -> bool {
        self == Self::PerSecond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_three_digits_or_more() {
        assert_eq!(Unit::Nanoseconds.text(373.4), "373 ns");
        assert_eq!(Unit::Milliseconds.text(5.217), "5.22 ms");
        assert_eq!(Unit::PerSecond.text(25_833.4), "25833 /s");
        assert_eq!(Unit::Milliseconds.text(-0.5), "-0.50 ms");
    }
}
