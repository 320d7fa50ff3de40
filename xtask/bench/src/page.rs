//! The page `docs/benchmarks.md`.

use std::fmt::Write as _;

use crate::group::Group;
use crate::report::Report;
use crate::row::Row;
use crate::table::table;

const BEFORE: &str = "\
# Benchmarks

Written by `cargo xtask bench --write`, beside `benchmarks.json`, which holds every round; `cargo xtask bench --against FILE` compares a later run with it.
Each row measures both of its sides in the same rounds, one after the other, and shows the medians of the rounds and the median of their ratios; figures of
different rows, runs or machines do not compare.
";

const AFTER: &str = include_str!("notes.md");

pub(crate) fn page(report: &Report) -> String {
    let goals: Vec<&Row> = report.rows().filter(|row| row.goal.is_some()).collect();
    let met = goals.iter().filter(|row| row.verdict() == "met").count();
    let caution = if report.effort.is_worth_reading() {
        ""
    } else {
        "\n**A quick run, to see whether everything works. Its figures mean nothing.**\n"
    };
    let mut page = format!(
        "{BEFORE}\nMeasured on {}; {} rounds.\n{caution}\n## Goals: {met} of {} met\n\n{}",
        report.machine.text(),
        report.effort.rounds,
        goals.len(),
        rows(goals)
    );
    for group in &report.groups {
        let _ = write!(page, "\n## {}\n\n", group.title);
        page.push_str(&terminal_text(group));
        for plot in &group.plots {
            let _ = write!(page, "\n![{}](benchmarks/{}.svg)\n", plot.title, plot.name);
        }
    }
    page.push_str(AFTER);
    page
}

/// A group as text for a terminal.
pub(crate) fn terminal_text(group: &Group) -> String {
    let mut text = String::new();
    if !group.rows.is_empty() {
        text.push_str(&rows(&group.rows));
    }
    for missing in &group.missing {
        let _ = write!(text, "\nNot measured: {missing}\n");
    }
    text
}

fn rows<'a>(rows: impl IntoIterator<Item = &'a Row>) -> String {
    let header = [
        "What",
        "Figure",
        "Against",
        "Its figure",
        "Ratio",
        "Goal",
        "",
    ];
    let rows: Vec<[String; 7]> = rows
        .into_iter()
        .map(|row| {
            [
                row.what.clone(),
                row.unit.text(row.figure),
                row.against.clone(),
                row.unit.text(row.other),
                row.ratio_text(),
                row.goal_text(),
                row.verdict().to_owned(),
            ]
        })
        .collect();
    table(header, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effort::Effort;
    use crate::report::tests::report;

    #[test]
    fn the_page_first_says_which_goals_are_met() {
        let met = page(&report(&[120.0], &[100.0]));
        assert!(met.contains("## Goals: 1 of 1 met"), "{met}");
        let missed = page(&report(&[150.0], &[100.0]));
        assert!(missed.contains("## Goals: 0 of 1 met"), "{missed}");
        assert!(missed.contains("| at most 1.4 | missed |"), "{missed}");
    }

    #[test]
    fn a_quick_run_is_marked_as_such() {
        let mut report = report(&[1.0], &[1.0]);
        assert!(page(&report).contains("mean nothing"));
        report.effort = Effort::USUAL;
        assert!(!page(&report).contains("mean nothing"));
    }

    #[test]
    fn the_page_names_what_was_not_measured() {
        let mut report = report(&[1.0], &[1.0]);
        report.groups[0].miss("no peer is there");
        assert!(page(&report).contains("Not measured: no peer is there"));
    }
}
