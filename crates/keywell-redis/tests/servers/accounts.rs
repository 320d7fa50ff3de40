//! A watch delivers every acknowledged write, in order, whatever happens to the server:
//! each once on the journal, the last at least on the plain layout.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use keywell_servers::{Cluster, Proxy, Redis, Towards};
use keywell_store::{Bucket, Error, Event, Filter, Set, Watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::support::{PATIENCE, bucket, hasty, next, on_both_layouts, open, recovered, watch};

on_both_layouts! {
    through_kills_of_the_server
    through_cuts_on_both_ways
    through_failovers_and_moves_of_a_cluster
}

/// Counts a key up; what was acknowledged is in order.
struct Writer {
    stop: Arc<AtomicBool>,
    writing: JoinHandle<Vec<u64>>,
}

impl Writer {
    fn start(bucket: &Arc<dyn Bucket>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let writing = tokio::spawn(count(bucket.clone(), stop.clone()));
        Self { stop, writing }
    }

    /// Ends it, writes `end`, and compares what a watch delivers with what was acknowledged.
    async fn check(self, bucket: &Arc<dyn Bucket>, watch: &mut Watch, layout: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let acknowledged = self.writing.await.unwrap();
        recovered(bucket).await;
        let ending = async {
            // A cluster's other nodes may still be away.
            while bucket.set("k", "end".into(), Set::default()).await.is_err() {
                recovered(bucket).await;
            }
        };
        timeout(PATIENCE, ending).await.expect("it can be written");
        let mut heard: Vec<u64> = Vec::new();
        let mut gaps = 0;
        loop {
            match next(watch).await {
                Event::Set { value, .. } if value == "end" => break,
                Event::Set { value, .. } => {
                    heard.push(String::from_utf8_lossy(&value).parse().unwrap());
                }
                Event::Gap => gaps += 1,
                other => panic!("{other:?}"),
            }
        }
        println!(
            "{} acknowledged, {} heard, {gaps} gaps, {} coalesced",
            acknowledged.len(),
            heard.len(),
            watch.coalesced()
        );
        assert!(!acknowledged.is_empty());
        if layout == "journal" {
            assert_eq!(gaps, 0);
            let in_order = heard.is_sorted_by(|one, other| one < other);
            assert!(in_order, "{heard:?}");
            let missing = acknowledged
                .iter()
                .find(|number| heard.binary_search(number).is_err());
            assert_eq!(missing, None, "was acknowledged and not delivered");
        } else {
            assert!(heard.is_sorted(), "{heard:?}");
        }
    }
}

async fn count(bucket: Arc<dyn Bucket>, stop: Arc<AtomicBool>) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    let mut turns = interval(Duration::from_millis(1));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0.. {
        turns.tick().await;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let value = Bytes::from(number.to_string());
        match bucket.set("k", value, Set::default()).await {
            Ok(_) => acknowledged.push(number),
            // It may still be on its way, and arrive after the next one: not with one connection,
            // on which commands keep their order.
            Err(Error::Ambiguous(_) | Error::Unavailable(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    acknowledged
}

async fn a_moment() {
    let mut turns = interval(Duration::from_millis(150));
    turns.tick().await;
    turns.tick().await;
}

async fn through_kills_of_the_server(layout: &str) {
    let redis = Redis::builder()
        .append_only(true)
        .config("notify-keyspace-events KEA")
        .start()
        .await
        .unwrap();
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let mut one = watch(&bucket, Filter::Key("k".into())).await;
    let writer = Writer::start(&bucket);
    for _ in 0..4 {
        a_moment().await;
        redis.kill().await.unwrap();
        redis.restart().await.unwrap();
        recovered(&bucket).await;
    }
    writer.check(&bucket, &mut one, layout).await;
}

async fn through_cuts_on_both_ways(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let mut one = watch(&bucket, Filter::AnyOf(vec![Filter::Key("k".into())])).await;
    let writer = Writer::start(&bucket);
    for round in 0..10 {
        let connections = proxy.accepted();
        let towards = [Towards::Client, Towards::Server][round % 2];
        proxy.cut_after_bytes(towards, 2001);
        // Both that to call and that to watch come back.
        proxy.has_accepted(connections + 2).await.unwrap();
        recovered(&bucket).await;
    }
    writer.check(&bucket, &mut one, layout).await;
}

async fn through_failovers_and_moves_of_a_cluster(layout: &str) {
    let cluster = Cluster::start(3, 1).await.unwrap();
    let addrs: Vec<String> = cluster.addrs().iter().map(ToString::to_string).collect();
    let url = format!("redis+cluster://{}", addrs.join(","));
    let store = open(&url, &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let mut one = watch(&bucket, Filter::Key("k".into())).await;
    let writer = Writer::start(&bucket);
    a_moment().await;
    for _ in 0..2 {
        // The node that has the keys gives them away, to one node and then to another.
        let mut slots = Vec::new();
        let mut from = None;
        for node in cluster.primaries() {
            let keys = node.cli(&["keys", "*"]).await.unwrap();
            for key in keys.lines() {
                slots.push(cluster.slot(key).await.unwrap());
                from = Some(node);
            }
        }
        slots.sort_unstable();
        slots.dedup();
        let from = from.expect("some node has the keys");
        let mut others = cluster.primaries().iter();
        let to = others.find(|node| node.addr() != from.addr()).unwrap();
        for slot in slots {
            if cluster.owner(slot).await.unwrap().addr() == from.addr() {
                let moving = cluster.move_slot(slot, from, to).await.unwrap();
                moving.finish().await.unwrap();
                a_moment().await;
            }
        }
    }
    for primary in 0..3 {
        cluster.fail_over(primary).await.unwrap();
        a_moment().await;
    }
    writer.check(&bucket, &mut one, layout).await;
}

/// Only here: on the plain layout, both nodes emit events of the keys meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_is_delivered_while_slots_move() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let url = format!("redis+cluster://{}", cluster.addrs()[0]);
    let store = open(&url, &hasty("journal")).await;
    let bucket = bucket(&store, "b").await;
    let mut one = watch(&bucket, Filter::Key("k".into())).await;
    let slot = cluster.slot(":keywell:{b}=k").await.unwrap();
    let writer = Writer::start(&bucket);
    a_moment().await;
    for _ in 0..4 {
        let from = cluster.owner(slot).await.unwrap();
        let mut others = cluster.primaries().iter();
        let to = others.find(|node| node.addr() != from.addr()).unwrap();
        if !cluster.hand_over(slot, from, to).await.unwrap() {
            eprintln!("this server hands over no slots");
            break;
        }
        a_moment().await;
    }
    writer.check(&bucket, &mut one, "journal").await;
}
