//! The Redis store beside the server's own benchmark, and its watches beside a bare subscriber.

mod client;
mod throughput;
mod watching;

use keywell_servers::Redis;
use tokio::runtime::Runtime;

use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::group::Group;
use crate::measure::{Subject, rounds};
use crate::row::{Relation, Row};
use crate::unit::Unit;
use client::Client;
use throughput::{Call, Throughput};
use watching::{BareSubscriber, Watcher};

const LAYOUTS: [&str; 2] = ["plain", "journal"];
const PERCENTILES: [(&str, f64); 2] = [("p50", 0.5), ("p99", 0.99)];

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("redis", "Redis");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let server = Redis::builder()
        .config("notify-keyspace-events AKE")
        .start();
    let server = match runtime.block_on(server) {
        Ok(server) => server,
        Err(error) => {
            group.miss(&error.to_string());
            return Ok(group);
        }
    };
    for call in [Call::Get, Call::Set] {
        group
            .rows
            .extend(throughput_rows(&runtime, &server, call, effort)?);
    }
    for layout in LAYOUTS {
        if let Err(error) = watch_rows(&mut group, &runtime, &server, layout, effort) {
            group.miss(&format!("watches of the {layout} layout: {error}"));
        }
    }
    Ok(group)
}

/// Both layouts beside `redis-benchmark`, in the same rounds.
fn throughput_rows(
    runtime: &Runtime,
    server: &Redis,
    call: Call,
    effort: &Effort,
) -> Done<Vec<Row>> {
    let throughput = Throughput::new(runtime, server, call, effort.load)?;
    let subjects: [Subject<'_>; 3] = [
        Box::new(|| throughput.of_store("plain")),
        Box::new(|| throughput.of_store("journal")),
        Box::new(|| throughput.of_benchmark()),
    ];
    let [plain, journal, benchmark] = rounds(effort.rounds, subjects)?;
    let row = |layout, ours| {
        Row::new(
            format!("redis/{}/{layout}", call.name()),
            format!("`{}`, 64 tasks, {layout}", call.name()),
            ours,
            "`redis-benchmark -c 64`, no pipeline",
            &benchmark,
            Unit::PerSecond,
        )
    };
    Ok(vec![
        row("plain", &plain).goal(Goal::AtLeast(1.0)),
        row("journal", &journal),
    ])
}

/// From before a `SET` is sent to the first instruction of `on-set`, beside a subscriber that does nothing else; and what a
/// watcher asks while nothing happens.
fn watch_rows(
    group: &mut Group,
    runtime: &Runtime,
    server: &Redis,
    layout: &str,
    effort: &Effort,
) -> Done {
    let mut client = Client::connect(runtime, server, layout)?;
    let quiet = client.commands_during(effort.load)?;
    let mut watcher = Watcher::start(server, layout)?;
    // An event, and a while in which what it and the start left to do is done.
    watcher.settle(&mut client)?;
    client.commands_during(effort.load)?;
    let idle = client.commands_during(effort.load)?;
    let row = Row::new(
        format!("redis/idle/{layout}"),
        format!("commands of an idle watcher, {layout}"),
        &[idle].into_iter().collect(),
        "no watcher",
        &[quiet].into_iter().collect(),
        Unit::Commands,
    );
    group
        .rows
        .push(row.related(Relation::Difference).goal(Goal::AtMost(0.0)));

    let mut bare = BareSubscriber::hearing(server)?;
    let mut reading = BareSubscriber::reading(server)?;
    let mut other = Client::connect(runtime, server, "plain")?;
    let mut third = Client::connect(runtime, server, "plain")?;
    let events = effort.starts * 20;
    let subjects: [Subject<'_, watching::Latencies>; 3] = [
        Box::new(|| watcher.latencies(&mut client, events)),
        Box::new(|| bare.latencies(&mut other, events)),
        Box::new(|| reading.latencies(&mut third, events)),
    ];
    let [ours, bare, reading] = rounds(effort.rounds, subjects)?;
    for (name, quantile) in PERCENTILES {
        let ours = ours.map(|latencies| latencies.micros(quantile));
        for (who, floor, goal) in [
            ("", &bare, ("plain", "p50")),
            (" that reads the value", &reading, ("", "")),
        ] {
            let row = Row::new(
                format!("redis/on-set{}/{layout}/{name}", who.replace(' ', "-")),
                format!("from `SET` to `on-set`, {layout}, {name}"),
                &ours,
                format!("bare subscriber{who}, keyspace events"),
                &floor.map(|latencies| latencies.micros(quantile)),
                Unit::Microseconds,
            );
            group.rows.push(if (layout, name) == goal {
                row.goal(Goal::AtMost(1.5))
            } else {
                row
            });
        }
    }
    Ok(())
}
