//! The stores in SQL databases, each beside its bare client with the same request.

mod postgres;
mod sqlite;
mod tasks;

use tokio::runtime::Runtime;

use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::group::Group;
use crate::measure::{Subject, rounds};
use crate::row::Row;
use crate::unit::Unit;
use postgres::Postgres;
use sqlite::Sqlite;
use tasks::TASKS;

/// What either side has to be at least of its bare client.
const GOAL: Goal = Goal::AtLeast(0.9);

fn runtime() -> Done<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.enable_all().build()?)
}

pub(crate) fn sqlite(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("sqlite", "SQLite");
    let runtime = runtime()?;
    let folder = tempfile::tempdir()?;
    let sqlite = Sqlite::open(&runtime, folder.path())?;
    let time = effort.load;
    let gets: [Subject<'_>; 2] = [
        Box::new(|| sqlite.gets_of_store(time)),
        Box::new(|| sqlite.gets_of_client(time)),
    ];
    let [ours, bare] = rounds(effort.rounds, gets)?;
    let other = "`rusqlite`, a connection for each task";
    group
        .rows
        .push(row("sqlite/get", "get", &ours, other, &bare).goal(GOAL));
    let sets: [Subject<'_>; 2] = [
        Box::new(|| sqlite.sets_of_store(time)),
        Box::new(|| sqlite.sets_of_client(time)),
    ];
    let [ours, bare] = rounds(effort.rounds, sets)?;
    let other = "`rusqlite`, a commit each";
    group
        .rows
        .push(row("sqlite/set", "set", &ours, other, &bare).goal(GOAL));
    Ok(group)
}

pub(crate) fn postgres(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("postgres", "PostgreSQL");
    let runtime = runtime()?;
    let postgres = match Postgres::start(&runtime) {
        Ok(postgres) => postgres,
        Err(error) => {
            group.miss(&error.to_string());
            return Ok(group);
        }
    };
    let time = effort.load;
    let gets: [Subject<'_>; 2] = [
        Box::new(|| postgres.gets_of_store(time)),
        Box::new(|| postgres.gets_of_client(time)),
    ];
    let [ours, bare] = rounds(effort.rounds, gets)?;
    let other = "`tokio-postgres`, 16 connections";
    group
        .rows
        .push(row("postgres/get", "get", &ours, other, &bare).goal(GOAL));
    let sets: [Subject<'_>; 3] = [
        Box::new(|| postgres.sets_of_store(time)),
        Box::new(|| postgres.sets_of_client(time)),
        Box::new(|| postgres.upserts_of_client(time)),
    ];
    let [ours, same, upsert] = rounds(effort.rounds, sets)?;
    let other = "`tokio-postgres`, the same function";
    group
        .rows
        .push(row("postgres/set", "set", &ours, other, &same).goal(GOAL));
    let other = "`tokio-postgres`, an upsert without history";
    group
        .rows
        .push(row("postgres/upsert", "set", &ours, other, &upsert));
    Ok(group)
}

fn row(
    id: &str,
    call: &str,
    ours: &crate::measure::Series,
    other: &str,
    bare: &crate::measure::Series,
) -> Row {
    let what = format!("`{call}`, {TASKS} tasks");
    Row::new(id, what, ours, other, bare, Unit::PerSecond)
}
