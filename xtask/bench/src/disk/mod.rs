//! The disk store beside redb, and beside appending to a file, on the file system of the temporary
//! folder.

mod floor;
mod ours;
mod raw;
mod workload;

use std::path::Path;

use crate::Done;
use crate::axis::Axis;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::group::Group;
use crate::measure::{Series, Subject, rounds};
use crate::plot::Plot;
use crate::row::Row;
use crate::unit::Unit;
use floor::Floor;
use ours::Ours;
use raw::Raw;
use workload::{Writes, bytes_to_disks};

/// The keys that growth begins with.
const FEWEST: u32 = 1000;

/// What is measured at each size: its name in ids, in the table and on the plot, and its unit.
const AT_EACH: [(&str, &str, &str, Unit); 3] = [
    ("get", "point `get`", "time a `get`, ns", Unit::Nanoseconds),
    (
        "page",
        "page of 1000 keys",
        "time a page of 1000 keys, µs",
        Unit::Microseconds,
    ),
    (
        "set",
        "durable `set`, 1 task",
        "time a durable `set`, µs",
        Unit::Microseconds,
    ),
];

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let title = format!("Disk, up to {} keys", with_power(effort.keys));
    let mut group = Group::new("disk", &title);
    let folder = tempfile::tempdir()?;
    let ours = Ours::open(&folder.path().join("ours"))?;
    let raw = Raw::open(&folder.path().join("redb"))?;
    let floor = Floor::open(&folder.path().join("floor"))?;
    for (tasks, goal) in [(64, Some(Goal::AtLeast(20.0))), (1, None)] {
        let subjects: [Subject<'_>; 2] = [
            Box::new(|| Ok(ours.write(tasks, effort.load)?.per_second())),
            Box::new(|| Ok(raw.write(tasks, effort.load)?.per_second())),
        ];
        let [our_set, raw_set] = rounds(effort.rounds, subjects)?;
        let row = Row::new(
            format!("disk/set/{tasks}"),
            format!("durable `set`, tasks: {tasks}"),
            &our_set,
            "redb, a commit each",
            &raw_set,
            Unit::PerSecond,
        );
        group.rows.push(Row { goal, ..row });
    }
    group.rows.push(bytes_a_set(&ours, &raw, effort)?);

    let mut plots = AT_EACH.map(|(id, what, axis, _)| {
        Plot::new(
            &format!("disk-{id}"),
            &format!("disk: {what}, as keys grow"),
            Axis::keys("keys in the store"),
            Axis::log(axis),
        )
    });
    let mut filled = 0;
    let mut keys = FEWEST;
    while keys <= effort.keys {
        ours.fill(filled..keys)?;
        raw.fill(filled..keys)?;
        filled = keys;
        for (kind, plot) in AT_EACH.iter().zip(&mut plots) {
            let (id, what, _, unit) = *kind;
            let [ours, raw] = at_size(&ours, &raw, id, keys, effort)?;
            let mut row = Row::new(
                format!("disk/{id}/{keys}"),
                format!("{what}, {} keys", with_power(keys)),
                &ours,
                "redb",
                &raw,
                unit,
            );
            let goal = match (id, keys) {
                ("get", 10_000) => Some(1.0),
                ("get", 10_000_000) | ("page", _) => Some(1.2),
                _ => None,
            };
            if let Some(most) = goal {
                row = row.goal(Goal::AtMost(most));
            }
            plot.point("Keywell", f64::from(keys), row.figure);
            plot.point("redb", f64::from(keys), row.other);
            group.rows.push(row);
        }
        group
            .rows
            .push(beside_the_floor(&ours, &floor, keys, effort)?);
        let killed = folder.path().join("killed");
        group.rows.push(start(&ours, &killed, keys, effort)?);
        let Some(more) = keys.checked_mul(10) else {
            break;
        };
        keys = more;
    }
    group.plots = plots.into();
    Ok(group)
}

fn at_size(ours: &Ours, raw: &Raw, id: &str, keys: u32, effort: &Effort) -> Done<[Series; 2]> {
    let about = effort.call;
    let subjects: [Subject<'_>; 2] = match id {
        "get" => [
            Box::new(|| ours.nanos_a_read(keys, about)),
            Box::new(|| raw.nanos_a_read(keys, about)),
        ],
        "page" => [
            Box::new(|| ours.micros_a_page(about)),
            Box::new(|| raw.micros_a_page(about)),
        ],
        _ => [
            Box::new(|| Ok(ours.write(1, 3 * about)?.micros())),
            Box::new(|| Ok(raw.write(1, 3 * about)?.micros())),
        ],
    };
    let rounds_of = if id == "get" && keys == 10_000 {
        effort.rounds
    } else {
        effort.rounds_a_point()
    };
    rounds(rounds_of, subjects)
}

/// A durable `set` beside the least that one can cost.
fn beside_the_floor(ours: &Ours, floor: &Floor, keys: u32, effort: &Effort) -> Done<Row> {
    let about = 3 * effort.call;
    let subjects: [Subject<'_>; 2] = [
        Box::new(|| Ok(ours.write(1, about)?.micros())),
        Box::new(|| floor.micros_an_append(about)),
    ];
    let [ours, floor] = rounds(effort.rounds_a_point(), subjects)?;
    let row = Row::new(
        format!("disk/set-floor/{keys}"),
        format!("durable `set`, 1 task, {} keys", with_power(keys)),
        &ours,
        "append 100 bytes, `fdatasync`",
        &floor,
        Unit::Microseconds,
    );
    Ok(row.goal(Goal::AtMost(1.5)))
}

/// What a `set` of 64 tasks sends to the disk.
fn bytes_a_set(ours: &Ours, raw: &Raw, effort: &Effort) -> Done<Row> {
    let measured = |write: &dyn Fn() -> Done<Writes>| {
        let before = bytes_to_disks()?;
        let written = write()?;
        Done::Ok((bytes_to_disks()? - before) as f64 / written.count as f64)
    };
    let subjects: [Subject<'_>; 2] = [
        Box::new(|| measured(&|| ours.write(64, effort.load))),
        Box::new(|| measured(&|| raw.write(64, effort.load))),
    ];
    let [ours, raw] = rounds(effort.rounds_a_point(), subjects)?;
    Ok(Row::new(
        "disk/bytes",
        "bytes to the disk a `set`, tasks: 64",
        &ours,
        "redb, a commit each",
        &raw,
        Unit::Bytes,
    ))
}

/// The start after a `kill -9`.
fn start(ours: &Ours, killed: &Path, keys: u32, effort: &Effort) -> Done<Row> {
    let subject: [Subject<'_>; 1] = [Box::new(|| ours.millis_to_open_a_copy(killed))];
    let [started] = rounds(effort.rounds_a_point(), subject)?;
    let asked = started.map(|_| 1000.0);
    let row = Row::new(
        format!("disk/start/{keys}"),
        format!("start after `kill -9`, {} keys", with_power(keys)),
        &started,
        "a second",
        &asked,
        Unit::Milliseconds,
    );
    Ok(row.goal(Goal::AtMost(1.0)))
}

fn with_power(keys: u32) -> String {
    let power = keys.ilog10();
    if 10u32.pow(power) == keys {
        format!("10^{power}")
    } else {
        keys.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn powers_of_ten_are_written_as_such() {
        assert_eq!(with_power(1000), "10^3");
        assert_eq!(with_power(1500), "1500");
    }

    #[test]
    fn both_sides_hold_what_they_were_filled_with() {
        let folder = tempfile::tempdir().unwrap();
        let ours = Ours::open(&folder.path().join("ours")).unwrap();
        let raw = Raw::open(&folder.path().join("redb")).unwrap();
        ours.fill(0..2500).unwrap();
        raw.fill(0..2500).unwrap();
        let about = Duration::from_millis(5);
        assert!(ours.nanos_a_read(2500, about).unwrap() > 0.0);
        assert!(raw.nanos_a_read(2500, about).unwrap() > 0.0);
        // Past what is there, a read is an error and no figure.
        assert!(ours.nanos_a_read(100_000, about).is_err());
        assert!(raw.nanos_a_read(100_000, about).is_err());
        assert!(ours.micros_a_page(about).unwrap() > 0.0);
        assert!(raw.micros_a_page(about).unwrap() > 0.0);
        assert!(ours.write(2, about).unwrap().count > 0);
        assert!(raw.write(2, about).unwrap().count > 0);
        let killed = folder.path().join("killed");
        assert!(ours.millis_to_open_a_copy(&killed).unwrap() > 0.0);
        let floor = Floor::open(&folder.path().join("floor")).unwrap();
        assert!(floor.micros_an_append(about).unwrap() > 0.0);
    }
}
