use std::sync::Arc;

use keywell_store::Store;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_generations_are_called_for_sets_and_removals() {
    for guest in ["reactor", "reactor_draft"] {
        let store = memory();
        let (watched, record) = (open(&store, "").await, open(&store, "record").await);
        let process = Process::of(guest);
        let trigger = process.watch(&store, "SET@*,DEL@*").await;
        set(&watched, "k", "1").await;
        watched.delete("k").await.unwrap();
        until(&record, "log/k", |log| log == "1;nil;").await;
        let counts = trigger.stop().await;
        assert_eq!((counts.delivered, counts.retried), (2, 0), "{guest}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bucket_handed_over_reads_writes_and_may_be_dropped_or_kept() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let trigger = Process::new().watch(&store, "SET@*:k").await;
    for key in ["read:k", "drop:k", "keep:k"] {
        set(&watched, key, "v").await;
        until(&record, &format!("log/{key}"), |log| log == "v;").await;
    }
    assert_eq!(text(&record, "read/read:k").await.unwrap(), "v");
    assert_eq!(text(&watched, "written").await.unwrap(), "by the handle");
    assert_eq!(text(&record, "read/drop:k").await.unwrap(), "true");
    assert_eq!(trigger.stop().await.delivered, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_delivered_once_however_many_entries_are_about_it() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let trigger = Process::new()
        .watch(&store, "SET@a,SET@a*,SET@*,SET@=a")
        .await;
    set(&watched, "a", "1").await;
    watched.delete("a").await.unwrap();
    set(&watched, "a", "2").await;
    until(&record, "log/a", |log| log.ends_with("2;")).await;
    assert_eq!(text(&record, "log/a").await.unwrap(), "1;2;");
    assert_eq!(trigger.stop().await.delivered, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_wait_for_themselves_only_and_no_more_run_than_may() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let bounded = keywell_runtime::watch::WatchOptions {
        parallel: 4,
        ..options()
    };
    let process = Process::new();
    let trigger = process
        .try_watch(&store, target("SET@slow:*"), &bounded)
        .await
        .unwrap();
    for value in ["1", "2", "3"] {
        for key in 0..8 {
            set(&watched, &format!("slow:{key}"), value).await;
        }
    }
    for key in 0..8 {
        until(&record, &format!("log/slow:{key}"), |log| log == "1;2;3;").await;
    }
    let at_once = |n: u32| {
        let record = record.clone();
        async move { text(&record, &format!("running/{n}")).await.is_some() }
    };
    assert!(at_once(2).await, "different keys run in parallel");
    assert!(!at_once(5).await, "no more than four run");
    assert_eq!(trigger.stop().await.delivered, 24);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_and_little_room_change_no_order() {
    let seed =
        std::env::var("KEYWELL_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("KEYWELL_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let cramped = keywell_runtime::watch::WatchOptions {
        queued_events: random.random_range(1..8),
        queued_bytes: random.random_range(1..40),
        parallel: random.random_range(1..6),
        ..options()
    };
    let process = Process::new();
    let trigger = process
        .try_watch(&store, target("SET@*"), &cramped)
        .await
        .unwrap();
    let mut expected = std::collections::HashMap::<String, String>::new();
    let mut writes: Vec<usize> = (0..200).map(|write| write % 12).collect();
    writes.shuffle(&mut random);
    for (number, key) in writes.into_iter().enumerate() {
        // Some fail at first, which must not let later ones of their key pass.
        let misdeed = ["", "trap:1:", "trap:2:"][key % 3];
        let key = format!("{misdeed}{key}");
        set(&watched, &key, &number.to_string()).await;
        let log = expected.entry(key).or_default();
        log.push_str(&number.to_string());
        log.push(';');
    }
    for (key, expected) in &expected {
        until(&record, &format!("log/{key}"), |log| log == expected).await;
    }
    let counts = trigger.stop().await;
    assert_eq!((counts.delivered, counts.dead, counts.gaps), (200, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_triggers_start_and_stop_without_effect_on_each_other() {
    let store: Arc<dyn Store> = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let mut triggers = Vec::new();
    for number in 0..50 {
        let target = keywell_runtime::watch::WatchTarget {
            name: Some(format!("trigger {number}")),
            ..target(&format!("SET@{number}:*"))
        };
        triggers.push(process.try_watch(&store, target, &options()).await.unwrap());
    }
    let mut staying = Vec::new();
    for (number, trigger) in triggers.into_iter().enumerate() {
        if number % 2 == 0 {
            assert_eq!(trigger.stop().await.delivered, 0);
        } else {
            staying.push((number, trigger));
        }
    }
    for number in 0..50 {
        set(&watched, &format!("{number}:k"), "v").await;
    }
    for (number, trigger) in staying {
        until(&record, &format!("log/{number}:k"), |log| log == "v;").await;
        assert_eq!(trigger.stop().await.delivered, 1);
    }
    assert_eq!(text(&record, "log/0:k").await, None);
}
