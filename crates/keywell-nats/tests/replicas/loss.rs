use std::time::Duration;

use futures::StreamExt as _;
use keywell_servers::{Nats, Proxy};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::copies::{Copy, at, equal, often, on, until};

/// How long a copy is cut off, and how long the others go on without it before and after.
const CUT: Duration = Duration::from_secs(10);
const AROUND: Duration = Duration::from_secs(2);
/// How long messages are counted that copies send while nothing happens.
const QUIET: Duration = Duration::from_secs(5);

/// Adds at each copy a hundred times a second, for so long; answers how much.
async fn add(copies: &[&Copy], time: Duration) -> u64 {
    let end = Instant::now() + time;
    let mut turns = interval(Duration::from_millis(10));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sum = 0;
    while Instant::now() < end {
        turns.tick().await;
        for copy in copies {
            copy.add("visits", 1).await;
            sum += 1;
        }
    }
    sum
}

/// How many messages copies send while nothing happens.
async fn heard(server: &Nats) -> usize {
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut all = client.subscribe("lattice.state.>").await.unwrap();
    let end = Instant::now() + QUIET;
    let mut heard = 0;
    while let Ok(Some(_)) = timeout_at(end, all.next()).await {
        heard += 1;
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn three_of_ten_messages_and_ten_seconds_apart_cost_no_increment() {
    // A mapping that adds up to less than all drops the rest.
    let server = Nats::builder().config(
        "mappings { \"lattice.state.>\": [{ destination: \"lattice.state.>\", weight: \"70%\" }] }",
    );
    let server = server.start().await.unwrap();
    let way = Proxy::to(server.addr()).await.unwrap();
    let first = Copy::open(often(on(&server))).await;
    let second = Copy::open(often(on(&server))).await;
    let third = Copy::open(often(at(way.addr()))).await;
    let three = [&first, &second, &third];

    let mut sum = add(&three, AROUND).await;
    way.refuse(true);
    way.cut();
    until("the third to be cut off", async || way.open() == 0).await;
    sum += add(&three, CUT).await;
    way.refuse(false);
    sum += add(&three, AROUND).await;
    let took = equal(&three).await;
    println!("equal after {took:?}");
    third.has("visits", Some(&sum.to_string())).await;

    let late = Copy::open(often(on(&server))).await;
    equal(&[&late, &first, &second, &third]).await;
    late.has("visits", Some(&sum.to_string())).await;
    // Four that say what they have, ever more rarely.
    let heard = heard(&server).await;
    assert!(heard <= 60, "{heard} messages");
}
