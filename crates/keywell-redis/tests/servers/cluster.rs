//! Clusters: slots that move, replicas that take over, and nothing done twice on the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_conformance::Subject;
use keywell_servers::{Cluster, Redis};
use keywell_store::{Bucket, Filter, Set, Store};

use crate::conformance::whole_suite;
use crate::load::{Keeps, Load};
use crate::support::{
    bucket, hasty, next, next_after_loss, on_both_layouts, open, patient, until, watch,
};

on_both_layouts! {
    slots_move_under_load
    slots_are_handed_over_under_load
    a_replica_takes_over_under_load_and_nothing_is_lost
    a_primary_is_killed_and_its_replica_takes_over
}

async fn connect(cluster: &Cluster, settings: &str) -> Arc<dyn Store> {
    let addrs: Vec<String> = cluster.addrs().iter().map(ToString::to_string).collect();
    let url = format!("redis+cluster://{}", addrs.join(","));
    open(&url, settings).await
}

/// `tests/plain` does the same for the other layout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_keeps_the_promises_on_a_cluster() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    // One node leads to the others.
    let url = format!("redis+cluster://{}", cluster.addrs()[1]);
    let store = open(&url, "layout=journal").await;
    whole_suite(Subject::shared(store).keeping(cluster)).await;
}

/// A node that is to be named and has no name is `?`, or nothing at all: it is where the node is that
/// points to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_name_is_where_the_one_is_that_points_to_it() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    for (number, kind) in ["hostname", "unknown-endpoint"].into_iter().enumerate() {
        for node in cluster.nodes() {
            let names = ["CONFIG", "SET", "cluster-preferred-endpoint-type", kind];
            if node.command(&names).await.is_err() {
                eprintln!("this server always says an address");
                return;
            }
        }
        let store = connect(&cluster, &patient("plain")).await;
        let bucket = bucket(&store, "b").await;
        let key = format!("n{number}");
        bucket.increment(&key, 1).await.unwrap();
        let slot = cluster.slot(&format!("b:{key}")).await.unwrap();
        let from = cluster.owner(slot).await.unwrap();
        let mut others = cluster.primaries().iter();
        let to = others.find(|node| node.addr() != from.addr()).unwrap();
        let moving = cluster.move_slot(slot, from, to).await.unwrap();
        assert_eq!(moving.move_keys(1).await.unwrap(), 1);
        assert_eq!(bucket.increment(&key, 1).await.unwrap(), 2, "by ASK");
        moving.finish().await.unwrap();
        assert_eq!(bucket.increment(&key, 1).await.unwrap(), 3, "by MOVED");
    }
}

/// The node whose share has most of the load's keys.
async fn busiest(cluster: &Cluster) -> &Redis {
    let mut most = (0, &cluster.primaries()[0]);
    for node in cluster.primaries() {
        let size = node.cli(&["dbsize"]).await.unwrap();
        let size: usize = size.trim().parse().unwrap();
        if size > most.0 {
            most = (size, node);
        }
    }
    most.1
}

/// The slots of a node in which there are keys.
async fn slots_of(cluster: &Cluster, node: &Redis) -> Vec<u16> {
    let keys = node.cli(&["keys", "*"]).await.unwrap();
    let mut slots = Vec::new();
    for key in keys.lines() {
        slots.push(cluster.slot(key).await.unwrap());
    }
    slots.sort_unstable();
    slots.dedup();
    slots
}

async fn slots_move_under_load(layout: &str) {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let store = connect(&cluster, &patient(layout)).await;
    let bucket = bucket(&store, "b").await;
    let load = Load::start(&bucket, 8, Keeps::All);
    load.goes_on(200).await;
    for _ in 0..2 {
        let from = busiest(&cluster).await;
        let to = cluster
            .primaries()
            .iter()
            .find(|node| node.addr() != from.addr());
        for slot in slots_of(&cluster, from).await.into_iter().take(4) {
            let moving = cluster.move_slot(slot, from, to.unwrap()).await.unwrap();
            if layout == "plain" {
                load.goes_on(50).await;
            }
            // What is about several keys of a slot has to wait while they are at two nodes.
            moving.move_keys(1).await.unwrap();
            moving.move_keys(1000).await.unwrap();
            if layout == "plain" {
                load.goes_on(50).await;
            }
            moving.finish().await.unwrap();
            load.goes_on(50).await;
        }
    }
    let counts = load.check(Keeps::All).await;
    assert_eq!(counts.increments.ambiguous, 0, "{counts:?}");
}

async fn slots_are_handed_over_under_load(layout: &str) {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let store = connect(&cluster, &patient(layout)).await;
    let bucket = bucket(&store, "b").await;
    let mut all = watch(&bucket, Filter::All).await;
    let load = Load::start(&bucket, 8, Keeps::All);
    load.goes_on(200).await;
    for _ in 0..2 {
        let from = busiest(&cluster).await;
        let to = cluster
            .primaries()
            .iter()
            .find(|node| node.addr() != from.addr());
        for slot in slots_of(&cluster, from).await.into_iter().take(4) {
            if !cluster.hand_over(slot, from, to.unwrap()).await.unwrap() {
                eprintln!("this server hands over no slots");
                return;
            }
            load.goes_on(50).await;
        }
    }
    let counts = load.check(Keeps::All).await;
    assert_eq!(counts.increments.ambiguous, 0, "{counts:?}");
    hears_of_every_node(&bucket, &mut all, Keeps::All).await;
}

async fn a_replica_takes_over_under_load_and_nothing_is_lost(layout: &str) {
    let cluster = Cluster::start(3, 1).await.unwrap();
    let store = connect(&cluster, &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let mut all = watch(&bucket, Filter::All).await;
    let load = Load::start(&bucket, 8, Keeps::All);
    load.goes_on(200).await;
    for primary in 0..3 {
        cluster.fail_over(primary).await.unwrap();
        load.goes_on(200).await;
    }
    load.check(Keeps::All).await;
    hears_of_every_node(&bucket, &mut all, Keeps::All).await;
}

async fn a_primary_is_killed_and_its_replica_takes_over(layout: &str) {
    let cluster = Cluster::start(3, 1).await.unwrap();
    let store = connect(&cluster, &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let mut all = watch(&bucket, Filter::All).await;
    let load = Load::start(&bucket, 8, Keeps::Some);
    load.goes_on(200).await;
    let victim = busiest(&cluster).await;
    let number = cluster
        .primaries()
        .iter()
        .position(|node| node.addr() == victim.addr());
    victim.kill().await.unwrap();
    cluster.promoted(number.unwrap()).await.unwrap();
    cluster.settle().await.unwrap();
    load.goes_on(200).await;
    load.check(Keeps::Some).await;
    hears_of_every_node(&bucket, &mut all, Keeps::Some).await;
}

/// While nothing else happens, a watched cluster is asked for its primaries every five seconds. A
/// write that misses one makes the store ask at once, and the watch hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_follows_a_failover_that_a_write_has_noticed() {
    const ASKED_EVERY: Duration = Duration::from_secs(5);
    let mut late = Vec::new();
    for _ in 0..5 {
        let cluster = Cluster::start(3, 1).await.unwrap();
        let store = connect(&cluster, &hasty("plain")).await;
        let bucket = bucket(&store, "b").await;
        let slot = cluster.slot("b:k").await.unwrap();
        let victim = cluster.owner(slot).await.unwrap().addr();
        let mut primaries = cluster.primaries().iter();
        let number = primaries.position(|node| node.addr() == victim).unwrap();
        let begun = Instant::now();
        let mut all = watch(&bucket, Filter::All).await;
        cluster.primaries()[number].kill().await.unwrap();
        cluster.promoted(number).await.unwrap();
        cluster.settle().await.unwrap();
        if begun.elapsed() > ASKED_EVERY / 5 * 4 {
            eprintln!("the cluster took {:?}", begun.elapsed());
            continue;
        }
        let writing = until("never", || async {
            let _ = bucket.set("k", "v".into(), Set::default()).await;
            Err("not delivered")
        });
        tokio::select! {
            () = async { while next(&mut all).await.key() != Some("k") {} } => {}
            () = writing => {}
        }
        let within = begun.elapsed();
        if within < ASKED_EVERY {
            return;
        }
        late.push(within);
    }
    assert!(late.is_empty(), "only after {late:?}");
    eprintln!("a busy machine: no failover was fast enough to decide");
}

/// Writes keys of all nodes, again and again, until the watch has delivered each.
async fn hears_of_every_node(
    bucket: &Arc<dyn Bucket>,
    watch: &mut keywell_store::Watch,
    keeps: Keeps,
) {
    let mut missing: Vec<String> = (0..30).map(|number| format!("every/{number}")).collect();
    let turns = std::cell::Cell::new(0_u32);
    let wanted = missing.clone();
    let listening = async {
        while !missing.is_empty() {
            let event = match keeps {
                Keeps::All => next(watch).await,
                Keeps::Some => next_after_loss(bucket, watch, &Filter::All).await,
            };
            missing.retain(|key| event.key() != Some(key.as_str()));
        }
    };
    let writing = until("never", || async {
        turns.set(turns.get() + 1);
        if turns.get() % 20 == 1 {
            for key in &wanted {
                let value = Bytes::from(turns.get().to_string());
                let _ = bucket.set(key, value, Set::default()).await;
            }
        }
        Err("not all keys were delivered")
    });
    tokio::select! {
        () = listening => {}
        () = writing => {}
    }
}
