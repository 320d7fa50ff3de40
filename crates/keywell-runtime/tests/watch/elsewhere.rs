//! Positions in another store than the one that is watched.

use std::sync::Arc;

use keywell_runtime::watch::{PositionsStore, WatchTarget};
use keywell_store::layer::{Grant, Granted, Layered};
use keywell_store::{List, Store, reserved};

use crate::lossy::public;
use crate::support::*;

/// A store whose reserved buckets may not be written, as for an account that may only read.
fn refusing() -> Arc<dyn Store> {
    Arc::new(Layered::new(public(), |name, bucket| {
        let grant = Grant {
            read_only: reserved::is_reserved(name),
            ..Grant::default()
        };
        Arc::new(Granted::new(bucket, grant))
    }))
}

/// What is watched in a store of this name, with positions in another.
fn kept_in(store: &Arc<dyn Store>, watched: &str) -> WatchTarget {
    WatchTarget {
        name: Some("t".to_owned()),
        positions: Some(PositionsStore {
            store: store.clone(),
            watched: watched.to_owned(),
        }),
        ..target("SET@*")
    }
}

async fn keys(store: &Arc<dyn Store>, bucket: &str) -> Vec<String> {
    let bucket = open(store, bucket).await;
    bucket.list(List::default()).await.unwrap().keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_cannot_write_its_records_says_which_setting_helps() {
    let process = Process::new();
    let store = refusing();
    let error = process.try_watch(&store, target("SET@*"), &options()).await;
    let error = error.err().unwrap().to_string();
    for part in [
        "keywell-triggers",
        "access denied",
        "`positions`",
        "--positions URL",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // Dead letters that are left in the watched store are tried as well.
    let elsewhere = WatchTarget {
        dead_letters: (Some(store.clone()), name(WatchTarget::DEAD_LETTERS)),
        ..kept_in(&public(), "a")
    };
    let error = process.try_watch(&store, elsewhere, &options()).await;
    let error = error.err().unwrap().to_string();
    assert!(error.contains("keywell-deadletters"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_and_dead_letters_are_kept_in_the_other_store() {
    for positions in [memory(), public()] {
        let store = refusing();
        let (watched, record) = (open(&store, "").await, open(&store, "record").await);
        let trigger = Process::new()
            .try_watch(&store, kept_in(&positions, "a"), &options())
            .await
            .unwrap();
        set(&watched, "k", "1").await;
        until(&record, "log/k", |log| log == "1;").await;
        set(&watched, "trap:", "2").await;
        let dead = letter(&positions, |letter| letter.key == "trap:").await;
        assert_eq!(dead.value.unwrap(), "2");
        assert_eq!(trigger.stop().await.dead, 1);
        for own in ["keywell-triggers", "keywell-deadletters"] {
            assert_eq!(keys(&store, own).await, [""; 0], "{own}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_goes_on_from_the_position_in_the_other_store() {
    let (store, positions) = (memory(), memory());
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let start = async || {
        let target = kept_in(&positions, "a");
        process.try_watch(&store, target, &options()).await.unwrap()
    };
    let trigger = start().await;
    set(&watched, "k", "1").await;
    until(&record, "log/k", |log| log == "1;").await;
    trigger.stop().await;
    set(&watched, "k", "2").await;
    let trigger = start().await;
    until(&record, "log/k", |log| log == "1;2;").await;
    trigger.stop().await;
    assert_eq!(keys(&store, "keywell-triggers").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_watch_one_store_share_its_events_by_another() {
    let (store, positions) = (refusing(), public());
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let processes = [Process::new(), Process::new()];
    let mut triggers = Vec::new();
    for process in &processes {
        let target = kept_in(&positions, "a");
        triggers.push(process.try_watch(&store, target, &options()).await.unwrap());
    }
    for n in 0..100 {
        set(&watched, &format!("k{n}"), "v").await;
    }
    for n in 0..100 {
        until(&record, &format!("log/k{n}"), |log| log.starts_with("v;")).await;
    }
    let mut delivered = 0;
    for trigger in triggers {
        delivered += trigger.stop().await.delivered;
    }
    assert!(delivered >= 100, "{delivered}");
}

/// Also where their records are in one store, and they have one name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn triggers_that_watch_different_stores_share_no_events() {
    let positions = public();
    let mut triggers = Vec::new();
    let process = Process::new();
    for watched in ["a", "b"] {
        let store = public();
        let target = kept_in(&positions, watched);
        let trigger = process.try_watch(&store, target, &options()).await.unwrap();
        triggers.push((store, trigger));
    }
    for (store, trigger) in triggers {
        let (watched, record) = (open(&store, "").await, open(&store, "record").await);
        for n in 0..40 {
            set(&watched, &format!("k{n}"), "v").await;
        }
        for n in 0..40 {
            until(&record, &format!("log/k{n}"), |log| log == "v;").await;
        }
        assert_eq!(trigger.stop().await.delivered, 40);
    }
}

/// One name in one process, where the records are that process's alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_used_once_in_a_store_of_positions() {
    let (store, positions) = (public(), memory());
    let process = Process::new();
    let watch = async |watched: &str| {
        let target = kept_in(&positions, watched);
        process.try_watch(&store, target, &options()).await
    };
    let first = watch("a").await.unwrap();
    let error = watch("a").await.err().unwrap().to_string();
    assert!(error.contains("already runs"), "{error}");
    watch("b").await.unwrap().stop().await;
    first.stop().await;
}
