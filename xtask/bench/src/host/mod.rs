//! Calls of a guest into the host, memory store.

pub(crate) mod calls;
mod floor;
mod keywell;
pub(crate) mod peer;
mod peer_process;

pub(crate) use floor::Floor;
pub(crate) use keywell::Keywell;

use wasmtime::{Config, Engine};

use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::group::Group;
use crate::guest;
use crate::measure::{Series, Subject, rounds, rounds_of_all};
use crate::row::Row;
use crate::unit::Unit;
use peer::Peer;
use peer_process::PeerProcess;

/// The size of the values, in bytes.
const VALUE: u32 = 23;

/// An export of the guests, and what one round of its loop is.
const CALLS: [(&str, &str); 10] = [
    ("get", "`get`"),
    ("set", "`set`"),
    ("delete", "`set` and `delete`"),
    ("exists", "`exists`"),
    ("list-keys", "`list-keys` of 12 keys"),
    ("increment", "`increment`"),
    ("swap", "`cas.new` and `swap`"),
    ("get-many", "`get-many` of 10"),
    ("set-many", "`set-many` of 10"),
    ("delete-many", "`set-many` and `delete-many` of 10"),
];

const FLOOR: &str = "raw host function";
const AS_IT_COMES: &str = "wasmtime-wasi-keyvalue, Wasmtime's defaults";
const UNMETERED: &str = "the same without `--metrics`";
const IN_OUR_ENGINE: &str = "wasmtime-wasi-keyvalue, Keywell's Wasmtime";
const DRAFT2: &str = "draft2";

/// The generations whose values are resources, by their guests.
const OLDER: [(&str, &str); 2] = [
    ("0.1.0", "bench_0_1_0"),
    ("unversioned", "bench_unversioned"),
];

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("host", "Host calls, 23 bytes, memory store");
    // As Keywell's engine for components of one task.
    let engine = Engine::new(Config::new().concurrency_support(false))?;
    let mut draft = Keywell::new(&engine, "bench_draft", VALUE)?;
    let mut draft2 = Keywell::new(&engine, "bench_draft2", VALUE)?;
    let mut pairs = Keywell::new(&engine, "bench_draft2_pairs", VALUE)?;
    let mut floor = Floor::new(&engine, "bench_draft2", VALUE)?;
    let mut pairs_floor = Floor::new(&engine, "bench_draft2_pairs", VALUE)?;
    let mut peer = Peer::new(&engine, VALUE)?;
    let mut peer_process = PeerProcess::start(VALUE)?;
    if peer_process.is_none() {
        group.miss("the peer in Wasmtime as it comes; `cargo xtask bench` builds it");
    }

    for (call, what) in CALLS {
        let mut subjects: Vec<Subject<'_>> = vec![
            Box::new(|| draft2.0.time(call, effort.call)),
            Box::new(|| floor.0.time(call, effort.call)),
        ];
        // The draft, and the peer which speaks only that, has no compare-and-swap.
        let peers = call != "swap";
        if peers {
            subjects.push(Box::new(|| draft.0.time(call, effort.call)));
            subjects.push(Box::new(|| peer.0.time(call, effort.call)));
            if let Some(process) = &mut peer_process {
                subjects.push(Box::new(|| process.time(call, effort.call)));
            }
        }
        let measured = rounds_of_all(effort.rounds, subjects)?;
        let (ours, raw) = (&measured[0], &measured[1]);
        let mut row = row(call, what, "draft2", ours, ("floor", FLOOR), raw);
        if call == "get" {
            row = row.goal(Goal::AtMost(1.4));
        }
        group.rows.push(row);
        if peers {
            group.rows.extend(peer_rows(call, what, &measured));
        }
    }

    group.rows.push(metered_row(&engine, &mut draft2, effort)?);
    group.rows.extend(older_rows(&engine, &mut draft2, effort)?);

    let subjects: [Subject<'_>; 2] = [
        Box::new(|| pairs.0.time("get-many", effort.call)),
        Box::new(|| pairs_floor.0.time("get-many", effort.call)),
    ];
    let [ours, raw] = rounds(effort.rounds, subjects)?;
    let what = "`get-many` of 10";
    let row = row(
        "get-many",
        what,
        "draft2-pairs",
        &ours,
        ("floor", FLOOR),
        &raw,
    );
    group.rows.push(row);
    Ok(group)
}

/// What counting the calls of the store costs.
fn metered_row(engine: &Engine, plain: &mut Keywell, effort: &Effort) -> Done<Row> {
    let mut metered = Keywell::metered(engine, "bench_draft2", VALUE)?;
    let subjects: [Subject<'_>; 2] = [
        Box::new(|| metered.0.time("get", effort.call)),
        Box::new(|| plain.0.time("get", effort.call)),
    ];
    let [metered, plain] = rounds(effort.rounds, subjects)?;
    let beside = ("unmetered", UNMETERED);
    let row = row("get", "`get`", "draft2-metered", &metered, beside, &plain);
    Ok(row.goal(Goal::AtMost(1.05)))
}

/// The older generations beside draft2. A value is made, written, set and dropped by a call each, or
/// read, consumed and dropped.
fn older_rows(engine: &Engine, draft2: &mut Keywell, effort: &Effort) -> Done<Vec<Row>> {
    let mut rows = Vec::new();
    for (generation, guest) in OLDER {
        let mut older = Keywell::new(engine, guest, VALUE)?;
        for (call, what) in CALLS {
            if !["get", "set", "increment"].contains(&call) {
                continue;
            }
            let subjects: [Subject<'_>; 2] = [
                Box::new(|| older.0.time(call, effort.call)),
                Box::new(|| draft2.0.time(call, effort.call)),
            ];
            let [ours, newer] = rounds(effort.rounds, subjects)?;
            let row = row(call, what, generation, &ours, (DRAFT2, DRAFT2), &newer);
            rows.push(row.goal(Goal::AtMost(3.0)));
        }
    }
    Ok(rows)
}

/// Both generations beside the peer as its users have it, and the draft beside it in our engine.
fn peer_rows(call: &str, what: &str, measured: &[Series]) -> Vec<Row> {
    let [draft2, _, draft, here, as_it_comes @ ..] = measured else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    if let [stock] = as_it_comes {
        let beside = ("peer", AS_IT_COMES);
        let mut ours = row(call, what, "draft", draft, beside, stock);
        if call == "get" {
            ours = ours.goal(Goal::AtMost(0.5));
            let newer = row(call, what, "draft2", draft2, beside, stock);
            rows.push(newer.goal(Goal::AtMost(0.5)));
        }
        rows.push(ours);
    }
    let beside = ("peer-in-our-engine", IN_OUR_ENGINE);
    rows.push(row(call, what, "draft", draft, beside, here));
    rows
}

fn row(
    call: &str,
    what: &str,
    generation: &str,
    ours: &Series,
    (other, against): (&str, &str),
    theirs: &Series,
) -> Row {
    Row::new(
        format!("host/{call}/{generation}/{other}"),
        format!("{what}, {generation}"),
        ours,
        against,
        theirs,
        Unit::Nanoseconds,
    )
}
