use std::time::Duration;

use keywell_servers::{Nats, Proxy};

use crate::bridge::Bridge;
use crate::copies::{Copy, at, equal, on, until};

/// Changes all copies at once, so often.
async fn change(copies: &[Copy], rounds: usize) {
    for round in 0..rounds {
        for (n, copy) in copies.iter().enumerate() {
            copy.add("visits", 1).await;
            copy.add(&format!("own{n}"), 1).await;
            copy.set(&format!("key{}", round % 40), format!("{n} {round}"))
                .await;
            if round % 7 == n {
                copy.delete(&format!("key{}", (round + 3) % 40)).await;
            }
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_become_equal_after_losses_and_a_partition() {
    let seed = std::env::var("KEYWELL_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("KEYWELL_SEED={seed}");
    let bridge = Bridge::between(3, seed).await;
    let mut copies = Vec::new();
    for nats in &bridge.servers {
        copies.push(Copy::open(on(nats)).await);
    }
    let all: Vec<&Copy> = copies.iter().collect();
    bridge.lose(30);
    change(&copies, 300).await;
    equal(&all).await;
    assert_eq!(copies[0].get("visits").await.as_deref(), Some("900"));

    // Both sides change and delete what the other has.
    bridge.cut(true);
    change(&copies, 300).await;
    copies[0].set("gone", "first").await;
    copies[1].add("visits", 50).await;
    until(
        "the second to be cut off from the first alone",
        async || copies[2].get("visits").await != copies[0].get("visits").await,
    )
    .await;
    bridge.cut(false);
    let took = equal(&all).await;
    println!("equal {took:?} after the partition");
    for copy in &copies {
        assert_eq!(copy.get("visits").await.as_deref(), Some("1850"));
        assert_eq!(copy.get("own1").await.as_deref(), Some("600"));
        assert_eq!(copy.get("gone").await.as_deref(), Some("first"));
    }
    let (lost, carried) = bridge.counts();
    assert!(lost > carried / 20, "{lost} lost, {carried} carried");
}

/// The heartbeat is a minute: what is lost last is made good long before.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_message_lost_is_made_good_within_a_few_beacons() {
    let bridge = Bridge::between(2, 1).await;
    let a = Copy::open(on(&bridge.servers[0])).await;
    let b = Copy::open(on(&bridge.servers[1])).await;
    a.set("key", "before").await;
    b.has("key", Some("before")).await;
    let (before, _) = bridge.counts();
    bridge.lose(100);
    a.set("key", "after").await;
    until("the message to be lost", async || {
        bridge.counts().0 > before
    })
    .await;
    bridge.lose(0);
    let took = equal(&[&a, &b]).await;
    assert_eq!(b.get("key").await.as_deref(), Some("after"));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn what_is_written_without_a_connection_arrives_once_there_is_one() {
    let nats = Nats::start().await.unwrap();
    let proxy = Proxy::to(nats.addr()).await.unwrap();
    let a = Copy::open(at(proxy.addr())).await;
    let b = Copy::open(on(&nats)).await;
    a.set("key", "before").await;
    b.has("key", Some("before")).await;
    proxy.refuse(true);
    proxy.cut();
    until("the connection to be lost", async || proxy.open() == 0).await;
    // Reads and writes go on, on both sides.
    for n in 0..100 {
        a.add("visits", 1).await;
        b.add("visits", 1).await;
        a.set(&format!("a{n}"), "value").await;
    }
    b.delete("key").await;
    assert_eq!(a.get("visits").await.as_deref(), Some("100"));
    proxy.refuse(false);
    let took = equal(&[&a, &b]).await;
    assert_eq!(a.get("visits").await.as_deref(), Some("200"));
    assert_eq!(a.get("key").await, None);
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_server_that_is_killed_and_started_again_costs_nothing() {
    let nats = Nats::start().await.unwrap();
    let (a, b) = (Copy::open(on(&nats)).await, Copy::open(on(&nats)).await);
    a.add("visits", 1).await;
    b.has("visits", Some("1")).await;
    nats.kill().await.unwrap();
    for _ in 0..50 {
        a.add("visits", 1).await;
        b.add("visits", 1).await;
    }
    nats.restart().await.unwrap();
    let took = equal(&[&a, &b]).await;
    assert_eq!(b.get("visits").await.as_deref(), Some("101"));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_server_that_stands_still_delays_and_loses_nothing() {
    let nats = Nats::start().await.unwrap();
    let (a, b) = (Copy::open(on(&nats)).await, Copy::open(on(&nats)).await);
    nats.freeze().unwrap();
    for n in 0..1000 {
        a.set(&format!("key{n}"), "value").await;
    }
    nats.thaw().unwrap();
    equal(&[&a, &b]).await;
    assert_eq!(b.contents().await.len(), 1000);
}

#[tokio::test]
async fn a_copy_that_returns_has_what_it_had_written() {
    let nats = Nats::start().await.unwrap();
    let (a, b) = (Copy::open(on(&nats)).await, Copy::open(on(&nats)).await);
    for round in 1..=5_i64 {
        let guest = Copy::open(on(&nats)).await;
        guest.add("visits", 10).await;
        a.add("visits", 1).await;
        let total = (11 * round).to_string();
        for copy in [&a, &b, &guest] {
            copy.has("visits", Some(&total)).await;
        }
    }
}
