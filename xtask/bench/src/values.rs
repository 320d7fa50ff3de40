//! How the memory store's calls grow with the size of the value.

use wasmtime::{Config, Engine};

use crate::Done;
use crate::axis::Axis;
use crate::effort::Effort;
use crate::group::Group;
use crate::host::{Floor, Keywell};
use crate::measure::{Subject, rounds};
use crate::plot::Plot;
use crate::row::Row;
use crate::unit::Unit;

/// In bytes.
const SIZES: [u32; 9] = [16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];
const GUEST: &str = "bench_draft2";

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("values", "Host calls as values grow, memory store, draft2");
    // As Keywell's engine for components of one task.
    let engine = Engine::new(Config::new().concurrency_support(false))?;
    let plot = |call: &str| {
        Plot::new(
            &format!("values-{call}"),
            &format!("guest `{call}` as its value grows"),
            Axis::bytes("size of the value"),
            Axis::log("time a call, ns"),
        )
    };
    let mut plots = [("get", plot("get")), ("set", plot("set"))];
    for size in SIZES {
        let mut keywell = Keywell::new(&engine, GUEST, size)?;
        let mut floor = Floor::new(&engine, GUEST, size)?;
        for (call, plot) in &mut plots {
            let call: &str = call;
            let subjects: [Subject<'_>; 2] = [
                Box::new(|| keywell.0.time(call, effort.call)),
                Box::new(|| floor.0.time(call, effort.call)),
            ];
            let [ours, raw] = rounds(effort.rounds_a_point(), subjects)?;
            let row = Row::new(
                format!("values/{call}/{size}"),
                format!("`{call}` of {size} bytes"),
                &ours,
                "raw host function",
                &raw,
                Unit::Nanoseconds,
            );
            plot.point("Keywell", f64::from(size), row.figure);
            plot.point("raw host function", f64::from(size), row.other);
            group.rows.push(row);
        }
    }
    group.plots = plots.map(|(_, plot)| plot).into();
    Ok(group)
}
