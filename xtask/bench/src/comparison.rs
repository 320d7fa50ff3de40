//! Two runs beside each other.

use crate::report::Report;
use crate::row::{Relation, Row};
use crate::table::table;

/// The least relative change that is shown, if it exceeds the noise of the rounds.
const SHOWN: f64 = 0.05;
/// Fewer rounds say nothing of noise.
const ROUNDS: usize = 3;

/// The change of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Past the noise of both runs.
    Better,
    Worse,
    /// Within the noise, or too small.
    Same,
    /// Too few rounds to know the noise.
    Unknown,
}

/// A table of the rows that are in both reports, and which are in one only.
pub(crate) fn compare(before: &Report, now: &Report) -> String {
    let mut lines = Vec::new();
    let mut notes = Vec::new();
    for row in now.rows() {
        let Some(old) = before.rows().find(|old| old.id == row.id) else {
            notes.push(format!("new: {}", row.id));
            continue;
        };
        if (old.unit, old.relation) != (row.unit, row.relation) {
            notes.push(format!("measured otherwise before: {}", row.id));
            continue;
        }
        lines.push([
            row.id.clone(),
            old.unit.text(old.figure),
            row.unit.text(row.figure),
            quotient(row.figure, old.figure),
            old.ratio_text(),
            row.ratio_text(),
            match row.relation {
                Relation::Ratio => quotient(row.ratio, old.ratio),
                Relation::Difference => String::new(),
            },
            Verdict::of(old, row).text().to_owned(),
        ]);
    }
    for old in before.rows() {
        if now.rows().all(|row| row.id != old.id) {
            notes.push(format!("not measured now: {}", old.id));
        }
    }
    if before.machine.processor != now.machine.processor
        || before.machine.cores != now.machine.cores
    {
        notes.push("the machines differ: compare ratios, not figures".to_owned());
    }
    let header = [
        "Row",
        "Figure before",
        "Now",
        "Now / before",
        "Ratio before",
        "Now",
        "Now / before",
        "",
    ];
    let mut text = table(header, &lines);
    for line in notes {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn quotient(now: f64, before: f64) -> String {
    format!("{:.2}", now / before)
}

// === impl Verdict ===

impl Verdict {
    /// A change is past the noise when every round of one run lies beyond every round of the other.
    fn of(before: &Row, now: &Row) -> Self {
        let (old, new) = (before.relations(), now.relations());
        if old.len() < ROUNDS || new.len() < ROUNDS {
            return Self::Unknown;
        }
        let ((old_least, old_most), (new_least, new_most)) = (old.range(), new.range());
        let size = match now.relation {
            Relation::Ratio => (now.ratio / before.ratio - 1.0).abs(),
            // A difference can be near nothing; what it changes is a part of the figure.
            Relation::Difference => ((now.ratio - before.ratio) / before.figure).abs(),
        };
        let rises = new_least > old_most;
        if size < SHOWN || (!rises && new_most >= old_least) {
            Self::Same
        } else if rises == now.unit.more_is_better() {
            Self::Better
        } else {
            Self::Worse
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "WORSE",
            Self::Same => "",
            Self::Unknown => "too few rounds",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    const FLOOR: [f64; 3] = [100.0; 3];

    fn change(before: &[f64], now: &[f64]) -> Verdict {
        let (before, now) = (report(before, &FLOOR), report(now, &FLOOR));
        let first = |report: &Report| report.rows().next().unwrap().clone();
        Verdict::of(&first(&before), &first(&now))
    }

    #[test]
    fn a_change_within_the_noise_of_the_rounds_is_none() {
        assert_eq!(
            change(&[100.0, 120.0, 140.0], &[130.0, 150.0, 170.0]),
            Verdict::Same
        );
    }

    #[test]
    fn a_change_past_every_round_is_reported_with_its_direction() {
        let before = [100.0, 110.0, 120.0];
        assert_eq!(change(&before, &[130.0, 140.0, 150.0]), Verdict::Worse);
        assert_eq!(change(&before, &[60.0, 70.0, 80.0]), Verdict::Better);
    }

    #[test]
    fn a_change_too_small_to_matter_is_none() {
        assert_eq!(
            change(&[100.0, 100.1, 100.2], &[101.0, 101.1, 101.2]),
            Verdict::Same
        );
    }

    #[test]
    fn a_single_round_is_never_taken_for_a_change() {
        assert_eq!(change(&[100.0], &[300.0]), Verdict::Unknown);
    }

    #[test]
    fn a_machine_twice_as_slow_changes_figures_and_no_ratio() {
        let before = report(&[100.0, 110.0, 120.0], &FLOOR);
        let now = report(&[200.0, 220.0, 240.0], &[200.0; 3]);
        let text = compare(&before, &now);
        let line = text.lines().find(|line| line.contains("host/get")).unwrap();
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!(&cells[4..9], ["2.00", "1.10", "1.10", "1.00", ""], "{text}");
    }

    #[test]
    fn rows_of_one_run_only_are_named() {
        let before = report(&[1.0], &[1.0]);
        let mut now = before.clone();
        now.groups[0].rows[0].id = "host/set".to_owned();
        let text = compare(&before, &now);
        assert!(text.contains("new: host/set"), "{text}");
        assert!(text.contains("not measured now: host/get"), "{text}");
    }
}
