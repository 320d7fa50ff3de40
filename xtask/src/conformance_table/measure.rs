//! Runs the behaviours and reads what came of each.

use std::process::{Command, Output};

use super::host::{BUCKET, GENERATIONS, Host};
use crate::process::Done;

/// A behaviour, and what each host made of it in each generation that has it.
pub(crate) struct Row {
    pub(crate) level: String,
    pub(crate) group: String,
    pub(crate) function: String,
    pub(crate) promise: String,
    /// By host, then by generation; none where it was not asked.
    pub(crate) outcomes: Vec<[Option<Outcome>; GENERATIONS.len()]>,
}

pub(crate) enum Outcome {
    Kept,
    Broken {
        promised: String,
        answered: String,
    },
    /// The program ended before it printed an outcome; this is its last output.
    Trapped(String),
}

/// All behaviours of all generations, those that generations share once.
pub(crate) fn rows(hosts: &[Host]) -> Done<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for (generation, name) in GENERATIONS.iter().enumerate() {
        let listed = output(hosts[0].command(generation, &["--list"]))?;
        for line in String::from_utf8_lossy(&listed.stdout).lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [number, level, group, function, promise] = fields[..] else {
                return Err(format!("the suite listed {line:?}"));
            };
            eprintln!("{name} {number}: {function}: {promise}");
            let known = rows.iter().position(|row| {
                (&*row.group, &*row.function, &*row.promise) == (group, function, promise)
            });
            let place = known.unwrap_or_else(|| {
                rows.push(Row {
                    level: level.to_owned(),
                    group: group.to_owned(),
                    function: function.to_owned(),
                    promise: promise.to_owned(),
                    outcomes: hosts.iter().map(|_| [const { None }; _]).collect(),
                });
                rows.len() - 1
            });
            for (host, outcomes) in hosts.iter().zip(&mut rows[place].outcomes) {
                if host.generations.contains(&generation) {
                    let command = host.command(generation, &[BUCKET, "--only", number]);
                    outcomes[generation] = Some(read(&output(command)?));
                }
            }
        }
    }
    Ok(rows)
}

fn output(mut command: Command) -> Done<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))
}

fn read(output: &Output) -> Outcome {
    let text = String::from_utf8_lossy(&output.stdout);
    let field = |name: &str| {
        let mut lines = text.lines();
        let scalar = lines.find_map(|line| line.trim_start().strip_prefix(name))?;
        Some(unquote(scalar))
    };
    let finished = text
        .lines()
        .any(|line| line.starts_with("# ") && line.contains("are broken"));
    if finished && text.lines().any(|line| line.starts_with("ok 1 ")) {
        return Outcome::Kept;
    }
    if finished && let (Some(promised), Some(answered)) = (field("promised: "), field("answered: "))
    {
        return Outcome::Broken { promised, answered };
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rfind(|line| !line.trim().is_empty());
    Outcome::Trapped(said.unwrap_or("nothing").trim().to_owned())
}

/// The text of a YAML scalar in double quotes; control characters stay as they are written there.
fn unquote(scalar: &str) -> String {
    let scalar = scalar.trim().trim_start_matches('"');
    let scalar = scalar.strip_suffix('"').unwrap_or(scalar);
    scalar.replace("\\\"", "\"").replace("\\\\", "\\")
}
