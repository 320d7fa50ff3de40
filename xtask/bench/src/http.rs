//! The counter over HTTP, memory store.

use crate::Done;
use crate::axis::Axis;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::group::Group;
use crate::load::{self, Load};
use crate::measure::{Series, Subject, rounds, rounds_of_all};
use crate::plot::Plot;
use crate::row::Row;
use crate::server::Server;
use crate::unit::Unit;

/// Enough to keep every server busy.
const CONNECTIONS: usize = 32;
const PATH: &str = "/bench";
/// Of the requests that the slower of a pair answers in a closed loop.
const PARTS: [f64; 2] = [0.5, 0.8];
const PERCENTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
/// How many connections are open, where that is what grows.
const GROWTH: [usize; 5] = [1, 4, 16, 64, 256];
const TUNED: &str = "pooling-memory-keep-resident=2097152,pooling-table-keep-resident=65536";

/// A server under load.
struct Side {
    id: &'static str,
    name: &'static str,
    server: Server,
}

/// Two sides, ours first, by their place in the list of all, and what their throughput should be.
struct Pair {
    ours: usize,
    other: usize,
    goal: Option<Goal>,
}

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("http", "HTTP counter, memory store");
    let mut sides = vec![
        Side {
            id: "fresh",
            name: "an instance a request",
            server: Server::keywell("counter", [""; 0])?,
        },
        Side {
            id: "reuse",
            name: "`--reuse`",
            server: Server::keywell("counter", ["--reuse", "1000000"])?,
        },
        Side {
            id: "native",
            name: "native hyper",
            server: Server::native()?,
        },
    ];
    let mut pairs = vec![
        Pair::new(1, 2, Some(Goal::AtLeast(0.65))),
        Pair::new(0, 2, None),
    ];
    let stock = Server::wasmtime(&[])?;
    let tuned = Server::wasmtime(&["-O", TUNED])?;
    if let (Some(stock), Some(tuned)) = (stock, tuned) {
        sides.push(Side {
            id: "wasmtime",
            name: "`wasmtime serve -Scli,keyvalue` 48",
            server: stock,
        });
        sides.push(Side {
            id: "wasmtime-tuned",
            name: "the same, its pool kept resident",
            server: tuned,
        });
        pairs.push(Pair::new(0, 3, Some(Goal::AtLeast(3.5))));
        pairs.push(Pair::new(0, 4, Some(Goal::AtLeast(1.3))));
    } else {
        group.miss(
            "`wasmtime serve`: wasmtime 48 is not on the PATH; `cargo install --locked --version ^48 wasmtime-cli` puts it there",
        );
    }

    let all = |side: &Side| side.closed(CONNECTIONS, effort);
    let subjects = sides.iter().map(|side| {
        let subject: Subject<'_, Load> = Box::new(move || all(side));
        subject
    });
    let closed = rounds_of_all(effort.rounds, subjects.collect())?;
    let per_second: Vec<Series> = closed
        .iter()
        .map(|loads| loads.map(|load| load.per_second))
        .collect();
    for pair in &pairs {
        let (ours, other) = (&sides[pair.ours], &sides[pair.other]);
        let row = Row::new(
            format!("http/closed/{}/{}", ours.id, other.id),
            format!("{}, {CONNECTIONS} connections", ours.name),
            &per_second[pair.ours],
            other.name,
            &per_second[pair.other],
            Unit::PerSecond,
        );
        group.rows.push(Row {
            goal: pair.goal,
            ..row
        });
    }
    group.rows.push(memory_after_load(&sides[0], &sides[2])?);
    for pair in &pairs {
        let (ours, other) = (&sides[pair.ours], &sides[pair.other]);
        let slower = per_second[pair.ours]
            .median()
            .min(per_second[pair.other].median());
        for part in PARTS {
            let rows = at_constant_rate(ours, other, part, part * slower, effort)?;
            group.rows.extend(rows);
        }
    }
    connections(&mut group, &sides, effort)?;
    Ok(group)
}

fn memory_after_load(ours: &Side, other: &Side) -> Done<Row> {
    let mebibytes = |side: &Side| -> Done<Series> {
        let bytes = side.server.resident()?;
        Ok([bytes / f64::from(1 << 20)].into_iter().collect())
    };
    Ok(Row::new(
        format!("http/resident/{}/{}", ours.id, other.id),
        "resident memory after that, pool slots kept warm",
        &mebibytes(ours)?,
        other.name,
        &mebibytes(other)?,
        Unit::Mebibytes,
    ))
}

/// Latencies of two sides, both at the same rate.
fn at_constant_rate(
    ours: &Side,
    other: &Side,
    part: f64,
    rate: f64,
    effort: &Effort,
) -> Done<Vec<Row>> {
    let subjects: [Subject<'_, Load>; 2] = [
        Box::new(|| ours.open(rate, effort)),
        Box::new(|| other.open(rate, effort)),
    ];
    let [our_loads, other_loads] = rounds(effort.rounds_a_point(), subjects)?;
    let percent = part * 100.0;
    let row = |(name, quantile): (&str, f64)| {
        Row::new(
            format!("http/open/{}/{}/{percent}/{name}", ours.id, other.id),
            format!("{}, {name} at {rate:.0} /s ({percent} %)", ours.name),
            &our_loads.map(|load| load.micros(quantile)),
            other.name,
            &other_loads.map(|load| load.micros(quantile)),
            Unit::Microseconds,
        )
    };
    Ok(PERCENTILES.into_iter().map(row).collect())
}

/// How throughput and latency grow with connections, in a closed loop.
fn connections(group: &mut Group, sides: &[Side], effort: &Effort) -> Done {
    let connections = || Axis::keys("connections");
    let mut throughput = Plot::new(
        "http-throughput",
        "HTTP counter: requests a second, closed loop",
        connections(),
        Axis::linear("requests a second"),
    );
    let mut p99 = Plot::new(
        "http-p99",
        "HTTP counter: p99 latency, closed loop",
        connections(),
        Axis::log("latency, µs"),
    );
    let brief = Effort {
        load: effort.load / 2,
        ..*effort
    };
    let [fresh, reuse, native, ..] = sides else {
        return Err("a side is missing".into());
    };
    for count in GROWTH {
        let subjects = [fresh, reuse, native].map(|side| {
            let subject: Subject<'_, Load> = Box::new(move || side.closed(count, &brief));
            subject
        });
        let [our_fresh, our_reuse, floor] = rounds(effort.rounds_a_point(), subjects)?;
        for (side, loads) in [(fresh, &our_fresh), (reuse, &our_reuse)] {
            group.rows.push(Row::new(
                format!("http/connections/{}/{count}", side.id),
                format!("{}, connections: {count}", side.name),
                &loads.map(|load| load.per_second),
                native.name,
                &floor.map(|load| load.per_second),
                Unit::PerSecond,
            ));
            group.rows.push(Row::new(
                format!("http/connections/{}/{count}/p99", side.id),
                format!("{}, connections: {count}, p99", side.name),
                &loads.map(|load| load.micros(0.99)),
                native.name,
                &floor.map(|load| load.micros(0.99)),
                Unit::Microseconds,
            ));
        }
        let lines = [(fresh, &our_fresh), (reuse, &our_reuse), (native, &floor)];
        for (side, loads) in lines {
            let at = count as f64;
            let line = side.name.trim_matches('`');
            throughput.point(line, at, loads.map(|load| load.per_second).median());
            p99.point(line, at, loads.map(|load| load.micros(0.99)).median());
        }
    }
    group.plots = vec![throughput, p99];
    Ok(())
}

// === impl Side ===

impl Side {
    fn closed(&self, connections: usize, effort: &Effort) -> Done<Load> {
        load::closed(
            &self.server.address,
            &load::get(PATH),
            connections,
            effort.load,
        )
    }

    fn open(&self, rate: f64, effort: &Effort) -> Done<Load> {
        load::open(
            &self.server.address,
            &load::get(PATH),
            CONNECTIONS,
            rate,
            effort.load,
        )
    }
}

// === impl Pair ===

impl Pair {
    fn new(ours: usize, other: usize, goal: Option<Goal>) -> Self {
        Self { ours, other, goal }
    }
}
