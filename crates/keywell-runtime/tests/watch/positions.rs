use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use keywell_disk::DiskStore;
use keywell_memory::{History, MemoryStore};
use keywell_runtime::watch::WatchOptions;
use keywell_store::{Filter, Since, Store};

use crate::support::*;

fn disk(folder: &std::path::Path) -> Arc<dyn Store> {
    Arc::new(DiskStore::open(folder).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_while_it_is_stopped_is_delivered_afterwards_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::new();
    let store = disk(folder.path());
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    set(&watched, "before", "0").await;
    let trigger = process.watch(&store, "SET@*,DEL@*").await;
    for key in 0..20 {
        set(&watched, &format!("k{key}"), "1").await;
    }
    until(&record, "log/k19", |log| log == "1;").await;
    let mut delivered = trigger.stop().await.delivered;
    set(&watched, "k0", "2").await;
    watched.delete("k1").await.unwrap();
    store.close().await.unwrap();
    drop((watched, record, store));

    let store = disk(folder.path());
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let trigger = process.watch(&store, "SET@*,DEL@*").await;
    set(&watched, "last", "3").await;
    for (key, expected) in [
        ("k0", "1;2;"),
        ("k1", "1;nil;"),
        ("k2", "1;"),
        ("last", "3;"),
    ] {
        until(&record, &format!("log/{key}"), |log| log == expected).await;
    }
    assert_eq!(
        text(&record, "log/before").await,
        None,
        "it was set before the first start"
    );
    delivered += trigger.stop().await.delivered;
    assert_eq!(delivered, 23);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_trigger_stores_pushes_no_event_of_a_user_out_of_the_history() {
    const EVENTS: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    // Room for each event and for the attempt that the component records of it.
    let history = DiskStore::builder().history_events(3 * EVENTS as u64);
    let store: Arc<dyn Store> = Arc::new(history.open(folder.path()).unwrap());
    let watched = open(&store, "").await;
    let watch = watched.watch(Filter::All, Since::Now).await.unwrap();
    let start = watch.start().unwrap().clone();
    drop(watch);
    let options = WatchOptions {
        retries: 0,
        ..options()
    };
    let process = Process::new();
    let trigger = process.try_watch(&store, target("SET@*"), &options).await;
    let trigger = trigger.unwrap();
    for event in 0..EVENTS {
        let key = format!("trap:99:{event}");
        set(&watched, &key, "1").await;
        letter(&store, |letter| letter.key == key).await;
    }
    assert_eq!(trigger.stop().await.dead, EVENTS as u64);
    let resumed = watched.watch(Filter::All, Since::After(start)).await;
    let resumed: Vec<_> = resumed.unwrap().take(EVENTS).collect().await;
    assert!(resumed.iter().all(Result::is_ok), "{resumed:?}");
}

const FOLDER: &str = "KEYWELL_TEST_FOLDER";

/// Not a test: the process that the next one kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is run by another test"]
async fn a_process_to_be_killed() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let store = disk(folder.as_ref());
    let watched = open(&store, "").await;
    let _trigger = Process::new().watch(&store, "SET@*").await;
    for key in 0..u64::MAX {
        set(&watched, &format!("k{key}"), "v").await;
        println!("\nset {key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_no_event_and_repeats_few() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "positions::a_process_to_be_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let printed: Vec<String> = stdout
        .lines()
        .map_while(Result::ok)
        .filter(|line| line.starts_with("set "))
        .take(150)
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(printed.len(), 150);

    let store = disk(folder.path());
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let delivered_before = {
        let mut count = 0;
        for key in 0..150 {
            count += u32::from(text(&record, &format!("log/k{key}")).await.is_some());
        }
        count
    };
    println!("{delivered_before} of 150 were delivered before the kill");
    let trigger = Process::new().watch(&store, "SET@*").await;
    set(&watched, "last", "v").await;
    until(&record, "log/last", |log| log == "v;").await;
    let mut repeated = 0;
    for key in 0..150 {
        let key = format!("log/k{key}");
        until(&record, &key, |log| log.starts_with("v;")).await;
        repeated += u32::from(text(&record, &key).await.unwrap() != "v;");
    }
    println!("{repeated} of 150 were delivered twice");
    assert_eq!(trigger.stop().await.gaps, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_history_a_gap_is_counted_and_named_keys_are_read_again() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::with_history(History {
        events: 10,
        bytes: 1 << 20,
    }));
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let trigger = process
        .watch(&store, "SET@named,DEL@gone,SET@other:*")
        .await;
    set(&watched, "named", "1").await;
    set(&watched, "gone", "1").await;
    until(&record, "log/named", |log| log == "1;").await;
    assert_eq!(trigger.stop().await.gaps, 0);
    set(&watched, "named", "2").await;
    watched.delete("gone").await.unwrap();
    for number in 0..20 {
        set(&watched, "other:k", &number.to_string()).await;
    }
    set(&watched, "named", "3").await;
    for number in 0..20 {
        set(&watched, "unwatched", &number.to_string()).await;
    }
    let trigger = process
        .watch(&store, "SET@named,DEL@gone,SET@other:*")
        .await;
    until(&record, "log/named", |log| log == "1;3;").await;
    until(&record, "log/gone", |log| log == "nil;").await;
    set(&watched, "other:k", "last").await;
    until(&record, "log/other:k", |log| log == "last;").await;
    let counts = trigger.stop().await;
    assert_eq!((counts.gaps, counts.delivered), (1, 3));
    let trigger = process
        .watch(&store, "SET@named,DEL@gone,SET@other:*")
        .await;
    assert_eq!(trigger.stop().await.gaps, 0, "the position is past the gap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_other_keys_do_not_push_a_position_out_of_the_history() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::with_history(History {
        events: 100,
        bytes: 1 << 20,
    }));
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let state = open(&store, "keywell-triggers").await;
    let often = WatchOptions {
        checkpoint: Duration::from_millis(5),
        ..options()
    };
    let process = Process::new();
    let trigger = process
        .try_watch(&store, target("SET@named"), &often)
        .await
        .unwrap();
    for round in 0..10 {
        let position = format!("positions/{}", target("SET@named").name());
        let before = text(&state, &position).await.unwrap();
        for number in 0..30 {
            set(&watched, &format!("other{round}"), &number.to_string()).await;
        }
        until(&state, &position, |now| now != before).await;
    }
    trigger.crash().await;
    set(&watched, "named", "meanwhile").await;
    let trigger = process
        .try_watch(&store, target("SET@named"), &often)
        .await
        .unwrap();
    until(&record, "log/named", |log| log == "meanwhile;").await;
    assert_eq!(trigger.stop().await.gaps, 0);
}
