//! Durable workers on the disk store: their invocations beside the same writes without a journal, and
//! how fast a journal is replayed.

mod journaled;

use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::group::Group;
use crate::measure::{Series, Subject, rounds};
use crate::row::Row;
use crate::unit::Unit;
use journaled::Journaled;

const WORKERS: usize = 64;
/// The least recorded calls that a second of replay is to have.
const REPLAYED: f64 = 100_000.0;

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("workers", "Durable workers, disk store");
    let folder = tempfile::tempdir()?;
    let journaled = Journaled::open(&folder.path().join("data"))?;
    let subjects: [Subject<'_>; 2] = [
        Box::new(|| journaled.invocations_per_second(WORKERS, effort.load)),
        Box::new(|| journaled.increments_per_second(WORKERS, effort.load)),
    ];
    let [durable, plain] = rounds(effort.rounds, subjects)?;
    let row = Row::new(
        format!("workers/increment/{WORKERS}"),
        format!("invocation with an increment, workers: {WORKERS}"),
        &durable,
        "the increments alone, without a journal",
        &plain,
        Unit::PerSecond,
    );
    group.rows.push(row.goal(Goal::AtLeast(0.4)));

    let subjects: [Subject<'_>; 2] = [
        Box::new(|| journaled.effects_per_second(effort.load)),
        Box::new(|| journaled.increments_per_second(1, effort.load)),
    ];
    let [effects, plain] = rounds(effort.rounds, subjects)?;
    group.rows.push(Row::new(
        "workers/effect",
        "increments of one invocation, workers: 1",
        &effects,
        "the increments alone, without a journal",
        &plain,
        Unit::PerSecond,
    ));

    // Recorded once; each round replays the same.
    let calls = if effort.is_worth_reading() {
        200_000
    } else {
        2000
    };
    journaled.record_reads(calls)?;
    let [replayed] = rounds(
        effort.rounds,
        [Box::new(|| journaled.replays_per_second(calls))],
    )?;
    let asked: Series = replayed.map(|_| REPLAYED);
    let row = Row::new(
        "workers/replay",
        "recorded calls that are replayed",
        &replayed,
        "as many as are asked for",
        &asked,
        Unit::PerSecond,
    );
    group.rows.push(row.goal(Goal::AtLeast(1.0)));
    Ok(group)
}
