use std::sync::Arc;
use std::time::Duration;

use keywell_memory::{History, MemoryStore};
use keywell_runtime::watch::{Backoff, WatchOptions, WatchTarget};
use keywell_store::layer::{Faults, Faulty, Grant, Layered, Limits, Method, Script};
use keywell_store::{Bucket, Error, Store};
use keywell_wasi::Grants;

use crate::lossy::{Watched, Watches};
use crate::support::*;

/// A store of a short history, and the script of the reads of the bucket that is watched.
fn shop(is_exclusive: bool) -> (Arc<dyn Store>, Script) {
    let inner = MemoryStore::with_history(History {
        events: 10,
        bytes: 1 << 20,
    });
    scripted(Watched {
        inner,
        watches: Watches::Resumable,
        is_exclusive,
    })
}

/// The same of a store whose watches repeat nothing, and that other processes can open, too.
fn lossy_shop() -> (Arc<dyn Store>, Script) {
    scripted(Watched {
        inner: MemoryStore::default(),
        watches: Watches::Lossy(Arc::default()),
        is_exclusive: false,
    })
}

fn scripted(store: Watched) -> (Arc<dyn Store>, Script) {
    let script = Script::of(&[Method::Get, Method::Exists, Method::GetMany]);
    let follows = script.clone();
    let store = Layered::late(Arc::new(store), move |name, bucket| {
        if !name.is_default() {
            return bucket;
        }
        Arc::new(Faulty::new(bucket, Faults::default()).following(&follows))
    });
    (Arc::new(store), script)
}

fn brisk() -> WatchOptions {
    WatchOptions {
        lease: Duration::from_millis(600),
        ..options()
    }
}

/// Changes keys without a watch, until the history has nothing else.
async fn bustle(watched: &Arc<dyn Bucket>) {
    for number in 0..20 {
        set(watched, "unwatched", &number.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_after_a_gap_and_not_delivered_is_read_again() {
    for is_exclusive in [true, false] {
        let (store, _) = shop(is_exclusive);
        let (watched, record) = (open(&store, "").await, open(&store, "record").await);
        let process = Process::new();
        let patient = WatchOptions {
            backoff: Backoff {
                first: Duration::from_hours(1),
                most: Duration::from_hours(1),
            },
            ..options()
        };
        let on = || target("SET@trap:1:k,SET@early");
        let trigger = process.try_watch(&store, on(), &patient).await.unwrap();
        set(&watched, "early", "0").await;
        until(&record, "log/early", |log| log == "0;").await;
        watched.delete("early").await.unwrap();
        trigger.stop().await;
        set(&watched, "trap:1:k", "v").await;
        bustle(&watched).await;

        let trigger = process.try_watch(&store, on(), &patient).await.unwrap();
        let failed = async {
            while trigger.counters.read().retried == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, failed).await.unwrap();
        set(&watched, "unwatched", "again").await;
        let counts = trigger.stop().await;
        assert_eq!((counts.gaps, counts.delivered), (1, 0), "{is_exclusive}");

        let trigger = process.try_watch(&store, on(), &patient).await.unwrap();
        until(&record, "log/trap:1:k", |log| log == "v;").await;
        let counts = trigger.stop().await;
        assert_eq!((counts.gaps, counts.delivered), (1, 1), "{is_exclusive}");
        let trigger = process.try_watch(&store, on(), &patient).await.unwrap();
        set(&watched, "early", "1").await;
        until(&record, "log/early", |log| log == "0;1;").await;
        let gaps = trigger.stop().await.gaps;
        assert_eq!(gaps, 0, "the position is past the gap");
    }
}

#[tokio::test]
async fn a_process_that_is_killed_right_after_its_first_start_misses_nothing() {
    for is_exclusive in [true, false] {
        let (store, _) = shop(is_exclusive);
        let (watched, record) = (open(&store, "").await, open(&store, "record").await);
        let process = Process::new();
        // On one thread, its task has not run by then.
        process.watch(&store, "SET@k").await.crash().await;
        set(&watched, "k", "v").await;
        let trigger = process.watch(&store, "SET@k").await;
        until(&record, "log/k", |log| log == "v;").await;
        assert_eq!(trigger.stop().await.gaps, 0, "{is_exclusive}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_of_all_shares_is_one() {
    let (store, reads) = shop(false);
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let named = |on| WatchTarget {
        name: Some("named".to_owned()),
        ..target(on)
    };
    let trigger = process.try_watch(&store, named("SET@*"), &options()).await;
    let trigger = trigger.unwrap();
    // Each moves the position of its share, so that shares have not all the same.
    for key in 0..100 {
        set(&watched, &format!("k{key}"), "v").await;
        until(&record, &format!("log/k{key}"), |log| log == "v;").await;
    }
    trigger.stop().await;
    bustle(&watched).await;
    let on = named("SET@k0,SET@k1,SET@k2");
    let trigger = process.try_watch(&store, on, &options()).await.unwrap();
    for key in ["k0", "k1", "k2"] {
        until(&record, &format!("log/{key}"), |log| log == "v;v;").await;
    }
    assert_eq!(trigger.stop().await.gaps, 1);
    assert_eq!(reads.counts().answered, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_while_named_keys_are_read_again_is_waited_for() {
    let (store, reads) = lossy_shop();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    set(&watched, "named", "v").await;
    let on = || target("SET@named,SET@early");
    let process = Process::new();
    let first = process.try_watch(&store, on(), &brisk()).await.unwrap();
    set(&watched, "early", "v").await;
    until(&record, "log/early", |log| log == "v;").await;
    watched.delete("early").await.unwrap();
    first.crash().await;
    reads.fail_next(3, &Error::Unavailable("frozen".into()));
    let second = process.try_watch(&store, on(), &brisk()).await.unwrap();
    until(&record, "log/named", |log| log == "v;").await;
    assert_eq!(reads.counts().failed, 3);
    assert_eq!(second.stop().await.gaps, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_again_is_not_delivered_after_a_later_event() {
    let (store, reads) = lossy_shop();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let keys: Vec<String> = (0..20).map(|key| format!("n{key}")).collect();
    let on = || {
        target(
            &keys
                .iter()
                .map(|key| format!("SET@{key}"))
                .collect::<Vec<_>>()
                .join(","),
        )
    };
    let process = Process::new();
    let first = process.try_watch(&store, on(), &brisk()).await.unwrap();
    for key in &keys {
        set(&watched, key, "old").await;
    }
    for key in &keys {
        until(&record, &format!("log/{key}"), |log| log == "old;").await;
    }
    first.crash().await;
    reads.hold();
    let second = process.try_watch(&store, on(), &brisk()).await.unwrap();
    let begun = reads.until(|counts| counts.held > 0);
    tokio::time::timeout(PATIENCE, begun).await.unwrap();
    for key in &keys {
        set(&watched, key, "new").await;
    }
    for key in &keys {
        until(&record, &format!("log/{key}"), |log| log == "old;new;").await;
    }
    reads.release();
    let answered = reads.until(|counts| counts.answered > 0);
    tokio::time::timeout(PATIENCE, answered).await.unwrap();
    for key in &keys {
        set(&watched, key, "newer").await;
    }
    for key in &keys {
        let log = format!("log/{key}");
        until(&record, &log, |log| log.ends_with("newer;")).await;
        let log = text(&record, &log).await.unwrap();
        assert_eq!(log, "old;new;newer;", "{key}");
    }
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn named_keys_that_no_batch_may_have_together_are_read_one_by_one() {
    let (store, reads) = shop(true);
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    process.watch(&store, "SET@a,SET@b").await.stop().await;
    set(&watched, "a", "1").await;
    set(&watched, "b", "2").await;
    bustle(&watched).await;
    let singly = Limits {
        batch_keys: 1,
        ..Limits::default()
    };
    let grants = ["default", "record"]
        .into_iter()
        .fold(Grants::none(), |grants, bucket| {
            let (inside, granted) = (name(bucket), name(bucket));
            grants.with(inside, store.clone(), granted, Grant::default(), singly)
        });
    let (grants, on, options) = (Arc::new(grants), target("SET@a,SET@b"), options());
    let trigger = process
        .runtime
        .watch(&process.component, grants, on, &options);
    let trigger = trigger.await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(trigger.run(async move { drop(stopped.await) }));
    until(&record, "log/a", |log| log == "1;").await;
    until(&record, "log/b", |log| log == "2;").await;
    drop(stop);
    running.await.unwrap().unwrap();
    assert_eq!(reads.counts().answered, 2);
}
