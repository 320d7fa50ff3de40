//! The measured part of the page.

use std::fmt::Write as _;

use super::host::{GENERATIONS, Host};
use super::measure::{Outcome, Row};
use crate::process::Done;

const BEGIN: &str = "<!-- measured: written by `cargo xtask conformance-table` -->\n";
const END: &str = "<!-- end of what is measured -->\n";

type Outcomes = [Option<Outcome>; GENERATIONS.len()];

/// The page with new tables between its markers.
pub(crate) fn with_tables(page: &str, hosts: &[Host], rows: &[Row]) -> Done<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or("docs/conformance.md has lost its markers")?;
    let tables = [
        counts(hosts, rows),
        behaviours(hosts, rows),
        stories(hosts, rows),
    ];
    Ok(format!(
        "{before}{BEGIN}\n{}\n{END}{after}",
        tables.join("\n")
    ))
}

/// How many promises each host keeps.
fn counts(hosts: &[Host], rows: &[Row]) -> String {
    let mut table =
        "| Host | Generation | must | may | traps |\n|---|---|---|---|---|\n".to_owned();
    for (place, host) in hosts.iter().enumerate() {
        for &generation in host.generations {
            let kept = |level: &str| {
                let rows = rows.iter().filter(|row| row.level == level);
                let outcomes = rows.filter_map(|row| row.outcomes[place][generation].as_ref());
                let (kept, other): (Vec<_>, Vec<_>) =
                    outcomes.partition(|outcome| matches!(outcome, Outcome::Kept));
                format!("{} of {}", kept.len(), kept.len() + other.len())
            };
            let outcomes = rows.iter().map(|row| &row.outcomes[place][generation]);
            let traps = outcomes.filter(|outcome| matches!(outcome, Some(Outcome::Trapped(_))));
            let (heading, name) = (&host.heading, GENERATIONS[generation]);
            let (must, may, traps) = (kept("must"), kept("may"), traps.count());
            let _ = writeln!(table, "| {heading} | {name} | {must} | {may} | {traps} |");
        }
    }
    table
}

/// A table a group.
fn behaviours(hosts: &[Host], rows: &[Row]) -> String {
    let mut groups: Vec<&str> = Vec::new();
    for row in rows {
        if !groups.contains(&&*row.group) {
            groups.push(&row.group);
        }
    }
    let headings: Vec<&str> = hosts.iter().map(|host| &*host.heading).collect();
    let mut tables = String::new();
    for (place, group) in groups.into_iter().enumerate() {
        let between = if place == 0 { "" } else { "\n" };
        let _ = writeln!(tables, "{between}### {group}\n");
        let _ = writeln!(
            tables,
            "| Function | Behaviour | | {} |",
            headings.join(" | ")
        );
        let _ = writeln!(tables, "|---|---|---|{}", "---|".repeat(hosts.len()));
        for row in rows.iter().filter(|row| row.group == group) {
            let cells: Vec<String> = row.outcomes.iter().map(cell).collect();
            let (function, promise, level) = (&row.function, &row.promise, &row.level);
            let cells = cells.join(" | ");
            let _ = writeln!(tables, "| `{function}` | {promise} | {level} | {cells} |");
        }
    }
    tables
}

/// One word if the generations agree.
fn cell(outcomes: &Outcomes) -> String {
    let asked = GENERATIONS.iter().zip(outcomes);
    let asked: Vec<_> = asked
        .filter_map(|(name, outcome)| Some((name, word(outcome.as_ref()?))))
        .collect();
    match asked[..] {
        [] => "–".to_owned(),
        [(_, first), ref rest @ ..] if rest.iter().all(|(_, word)| *word == first) => {
            first.to_owned()
        }
        _ => {
            let words = asked.iter().map(|(name, word)| format!("{name} {word}"));
            words.collect::<Vec<_>>().join(", ")
        }
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Kept => "ok",
        Outcome::Broken { .. } => "**fails**",
        Outcome::Trapped(_) => "**traps**",
    }
}

/// What was answered wherever a promise was not kept.
fn stories(hosts: &[Host], rows: &[Row]) -> String {
    let mut text = "### What was answered\n\n".to_owned();
    text += "| Host | Behaviour | | Promised | Answered |\n|---|---|---|---|---|\n";
    for (place, host) in hosts.iter().enumerate() {
        for row in rows {
            for (name, outcome) in GENERATIONS.iter().zip(&row.outcomes[place]) {
                let (promised, answered) = match outcome {
                    None | Some(Outcome::Kept) => continue,
                    Some(Outcome::Broken { promised, answered }) => {
                        (code(promised), code(answered))
                    }
                    Some(Outcome::Trapped(said)) => ("an answer".to_owned(), code(said)),
                };
                let (heading, level) = (&host.heading, &row.level);
                let behaviour = format!("`{}`: {}", row.function, row.promise);
                let _ = writeln!(
                    text,
                    "| {heading}, {name} | {behaviour} | {level} | {promised} | {answered} |"
                );
            }
        }
    }
    text
}

/// Text as it is, in a cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}
