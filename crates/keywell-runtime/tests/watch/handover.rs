//! Which process delivers what while processes come and go, on a store that repeats no event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keywell_runtime::watch::WatchOptions;
use keywell_store::{Bucket, Store};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::lossy::public;
use crate::sharing::{brisk, owners};
use crate::support::*;

/// Keys that are set one after the other, until it is stopped.
struct Sets {
    stop: Arc<AtomicBool>,
    setting: JoinHandle<usize>,
}

// === impl Sets ===

impl Sets {
    fn begin(watched: &Arc<dyn Bucket>, prefix: &'static str) -> Self {
        let (watched, stop) = (watched.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let setting = tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(4));
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut keys = 0;
            while !stopped.load(Ordering::SeqCst) {
                pace.tick().await;
                set(&watched, &format!("{prefix}{keys}"), "v").await;
                keys += 1;
            }
            keys
        });
        Self { stop, setting }
    }

    /// Answers how many keys were set, once each was delivered, and how often more than once.
    async fn end(self, record: &Arc<dyn Bucket>, prefix: &str) -> (usize, usize) {
        self.stop.store(true, Ordering::SeqCst);
        let keys = self.setting.await.unwrap();
        let mut again = 0;
        for key in 0..keys {
            let log = format!("log/{prefix}{key}");
            until(record, &log, |log| log.starts_with("v;")).await;
            again += usize::from(text(record, &log).await.unwrap() != "v;");
        }
        println!("{again} of {keys} were delivered twice");
        (keys, again)
    }
}

async fn state(store: &Arc<dyn Store>) -> Arc<dyn Bucket> {
    open(store, "keywell-triggers").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_processes_come_and_go() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let state = state(&store).await;
    let (one, two) = (Process::new(), Process::new());
    let start = async |process: &Process| {
        let trigger = process.try_watch(&store, target("SET@*"), &brisk()).await;
        trigger.unwrap()
    };
    let mut running = start(&one).await;
    owners(&state, |members, shares| members == 1 && shares == 16).await;
    let sets = Sets::begin(&watched, "k");
    let mut gaps = 0;
    for process in [&two, &one, &two, &one] {
        let next = start(process).await;
        owners(&state, |members, shares| members == 2 && shares == 16).await;
        let third = start(process).await;
        owners(&state, |members, shares| members == 3 && shares == 16).await;
        gaps += third.stop().await.gaps;
        gaps += std::mem::replace(&mut running, next).stop().await.gaps;
        owners(&state, |members, shares| members == 1 && shares == 16).await;
    }
    let (keys, again) = sets.end(&record, "k").await;
    gaps += running.stop().await.gaps;
    assert_eq!(gaps, 0);
    // Only what came in the very moment of a handover; there were more than a dozen.
    assert!(again * 4 <= keys, "{again} of {keys} were delivered twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_delivery_does_not_keep_others_from_taking_over() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let state = state(&store).await;
    let one_by_one = WatchOptions {
        parallel: 1,
        ..brisk()
    };
    let (one, two) = (Process::new(), Process::new());
    let first = one.try_watch(&store, target("SET@*"), &one_by_one).await;
    let first = first.unwrap();
    owners(&state, |members, shares| members == 1 && shares == 16).await;
    let second = two.try_watch(&store, target("SET@*"), &brisk()).await;
    let second = second.unwrap();
    owners(&state, |members, shares| members == 2 && shares == 16).await;
    // A second of work for the first one alone.
    for key in 0..100 {
        set(&watched, &format!("slow:{key}"), "v").await;
    }
    let sets = Sets::begin(&watched, "k");
    let counts = first.stop().await;
    assert!(counts.delivered > 20, "{counts}");
    let (keys, again) = sets.end(&record, "k").await;
    assert!(keys > 0 && again * 4 <= keys + 20, "{again} of {keys}");
    for key in 0..100 {
        let log = format!("log/slow:{key}");
        until(&record, &log, |log| log.starts_with("v;")).await;
    }
    assert_eq!(second.stop().await.gaps, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_lost_while_no_process_watched_are_a_gap() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let named = || target("SET@named,SET@other:*");
    let first = process.try_watch(&store, named(), &brisk()).await.unwrap();
    set(&watched, "named", "1").await;
    until(&record, "log/named", |log| log == "1;").await;
    assert_eq!(first.stop().await.gaps, 0);
    set(&watched, "named", "2").await;
    let next = process.try_watch(&store, named(), &brisk()).await.unwrap();
    until(&record, "log/named", |log| log == "1;2;").await;
    assert_eq!(next.stop().await.gaps, 1);
}
