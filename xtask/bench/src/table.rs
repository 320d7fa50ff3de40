use std::fmt::Write as _;

use crate::measure::Series;

/// A figure beside another.
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// Its figure, with unit.
    pub(crate) figure: String,
    /// What it stands beside.
    pub(crate) against: String,
    /// That one's figure.
    pub(crate) other: String,
    /// The first over the second, or their difference.
    pub(crate) ratio: f64,
    pub(crate) goal: Goal,
}

// === impl Row ===

impl Row {
    /// One series beside another of the same rounds, told in the unit that `figure` writes.
    pub(crate) fn of(
        what: &str,
        ours: &Series,
        against: &str,
        other: &Series,
        figure: fn(f64) -> String,
        goal: Goal,
    ) -> Self {
        Self {
            what: what.to_owned(),
            figure: figure(ours.median()),
            against: against.to_owned(),
            other: figure(other.median()),
            ratio: ours.over(other),
            goal,
        }
    }
}

/// What the ratio should be.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// A difference of at most so many milliseconds.
    WithinMillis(f64),
    /// It is told, and nothing asked of it.
    Told,
}

#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

// === impl Goal ===

impl Goal {
    fn text(self) -> String {
        match self {
            Self::AtMost(ratio) => format!("at most {ratio}"),
            Self::AtLeast(ratio) => format!("at least {ratio}"),
            Self::WithinMillis(millis) => format!("at most {millis} ms more"),
            Self::Told => String::new(),
        }
    }

    fn verdict(self, ratio: f64) -> &'static str {
        let met = match self {
            Self::AtMost(goal) | Self::WithinMillis(goal) => ratio <= goal,
            Self::AtLeast(goal) => ratio >= goal,
            Self::Told => return "",
        };
        if met { "met" } else { "missed" }
    }
}

// === impl Table ===

impl Table {
    pub(crate) fn extend(&mut self, rows: Vec<Row>) {
        self.0.extend(rows);
    }

    pub(crate) fn text(&self) -> String {
        let header = [
            "What",
            "Figure",
            "Against",
            "Its figure",
            "Ratio",
            "Goal",
            "",
        ];
        let mut rows = vec![header.map(str::to_owned)];
        rows.extend(self.0.iter().map(|row| {
            let ratio = match row.goal {
                Goal::WithinMillis(_) => format!("{:+.1} ms", row.ratio),
                _ => format!("{:.2}", row.ratio),
            };
            let verdict = row.goal.verdict(row.ratio).to_owned();
            let row = (
                row.what.clone(),
                row.figure.clone(),
                row.against.clone(),
                row.other.clone(),
                row.goal,
            );
            [row.0, row.1, row.2, row.3, ratio, row.4.text(), verdict]
        }));
        let width = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        let mut text = String::new();
        for (n, row) in rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(text, "| {cell:width$} ");
            }
            text.push_str("|\n");
            if n == 0 {
                for width in &widths {
                    let _ = write!(text, "|{}", "-".repeat(width + 2));
                }
                text.push_str("|\n");
            }
        }
        text
    }

    /// The page `docs/benchmarks.md`.
    pub(crate) fn page(&self, rounds: usize) -> String {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!(
            "{BEFORE}\n{}\n{rounds} rounds on {cores} cores.\n{AFTER}",
            self.text()
        )
    }
}

const BEFORE: &str = "\
# Benchmarks

Written by `cargo xtask bench --write`. Each row measures both of its sides in the same rounds, one after the other, and
shows the median of the rounds' ratios; figures of different rows, runs or machines do not compare.
";

const AFTER: &str = include_str!("notes.md");
