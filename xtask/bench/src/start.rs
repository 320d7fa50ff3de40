//! From the start of a server to its first answer.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::group::Group;
use crate::load;
use crate::measure::{Series, Subject, rounds, rounds_of_all};
use crate::row::{Relation, Row};
use crate::server::{Server, keywell};
use crate::unit::Unit;

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("start", "Start: from the process to the first answer");
    let keywell = keywell()?;
    let cache = tempfile::tempdir()?;
    let warm = || serve(cache.path());
    let bare = || {
        let began = Instant::now();
        let status = Command::new(&keywell)
            .arg("--version")
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(format!("{} --version: {status}", keywell.display()).into());
        }
        Ok(millis(began))
    };
    let mut subjects: Vec<Subject<'_>> = vec![Box::new(warm), Box::new(bare)];
    if Server::wasmtime(&[])?.is_some() {
        subjects.push(Box::new(serve_with_wasmtime));
    } else {
        group.miss("`wasmtime serve`: wasmtime 48 is not on the PATH");
    }
    let measured = rounds_of_all(effort.starts, subjects)?;
    let (warm_starts, bare) = (&measured[0], &measured[1]);
    let row = row(
        "warm",
        "compiled before",
        warm_starts,
        "`keywell --version`",
        bare,
    );
    let row = row.related(Relation::Difference);
    group.rows.push(row.goal(Goal::AtMost(50.0)));
    if let Some(wasmtime) = measured.get(2) {
        let against = "`wasmtime serve` 48, as it comes";
        let row = self::row(
            "warm/wasmtime",
            "compiled before",
            warm_starts,
            against,
            wasmtime,
        );
        group.rows.push(row);
    }

    let subjects: [Subject<'_>; 2] = [
        Box::new(|| {
            let empty = tempfile::tempdir()?;
            serve(empty.path())
        }),
        Box::new(warm),
    ];
    let [cold, warm] = rounds(effort.rounds_a_point(), subjects)?;
    let row = self::row("cold", "compiled now", &cold, "compiled before", &warm);
    group.rows.push(row.related(Relation::Difference));
    Ok(group)
}

fn row(id: &str, what: &str, ours: &Series, against: &str, other: &Series) -> Row {
    Row::new(
        format!("start/{id}"),
        format!("`keywell serve`, its component {what}"),
        ours,
        against,
        other,
        Unit::Milliseconds,
    )
}

/// Milliseconds until `keywell serve`, with this folder for what it compiles, has answered.
fn serve(cache: &Path) -> Done<f64> {
    let began = Instant::now();
    let server = Server::keywell("counter", ["--cache".as_ref(), cache.as_os_str()])?;
    load::ask_once(&server.address, &load::get("/start"))?;
    Ok(millis(began))
}

fn serve_with_wasmtime() -> Done<f64> {
    let began = Instant::now();
    let server = Server::wasmtime(&[])?.ok_or("wasmtime went away")?;
    load::ask_once(&server.address, &load::get("/start"))?;
    Ok(millis(began))
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
