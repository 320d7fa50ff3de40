use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use keywell_memory::MemoryStore;
use keywell_runtime::watch::{WatchOptions, WatchTarget};
use keywell_store::{Answer, Bucket, BucketName, Filter, Promptness, Since, Store};
use keywell_wasi::Grants;

use crate::support::*;

/// A store that other processes can open, too.
struct Public(MemoryStore);

impl Store for Public {
    fn promptness(&self) -> Promptness {
        self.0.promptness()
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.0.open(name)
    }
}

/// The record of the processes that share the trigger of these tests.
pub(crate) fn group() -> String {
    format!("groups/{}", target("SET@*").name())
}

pub(crate) fn public() -> Arc<dyn Store> {
    Arc::new(Public(MemoryStore::default()))
}

pub(crate) fn brisk() -> WatchOptions {
    WatchOptions {
        lease: Duration::from_millis(600),
        ..options()
    }
}

pub(crate) async fn owners(state: &Arc<dyn Bucket>, owners: impl Fn(usize, usize) -> bool) {
    until(state, &group(), |record| {
        let record: serde_json::Value = serde_json::from_str(record).unwrap();
        let shares = record["owners"].as_object().unwrap();
        let mut members: Vec<_> = shares
            .values()
            .map(|owner| owner.as_str().unwrap())
            .collect();
        members.sort_unstable();
        members.dedup();
        owners(members.len(), shares.len())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_events_and_each_is_handled_once() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let state = open(&store, "keywell-triggers").await;
    let (one, two) = (Process::new(), Process::new());
    let first = one
        .try_watch(&store, target("SET@*"), &brisk())
        .await
        .unwrap();
    set(&watched, "early", "v").await;
    until(&record, "log/early", |log| log == "v;").await;
    let second = two
        .try_watch(&store, target("SET@*"), &brisk())
        .await
        .unwrap();
    for key in 0..40 {
        set(&watched, &format!("joining{key}"), "v").await;
    }
    owners(&state, |members, shares| members == 2 && shares == 16).await;
    for key in 0..100 {
        for value in ["1", "2"] {
            set(&watched, &format!("k{key}"), value).await;
        }
    }
    for key in 0..100 {
        until(&record, &format!("log/k{key}"), |log| log == "1;2;").await;
    }
    for key in 0..40 {
        until(&record, &format!("log/joining{key}"), |log| log == "v;").await;
    }
    let (first, second) = (first.stop().await, second.stop().await);
    assert_eq!(first.delivered + second.delivered, 241);
    assert!(
        first.delivered > 20 && second.delivered > 20,
        "{first}; {second}"
    );
    assert_eq!((first.gaps, second.gaps), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_alone_and_idle_writes_nothing_and_yet_makes_way() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let state = open(&store, "keywell-triggers").await;
    let (one, two) = (Process::new(), Process::new());
    let first = one
        .try_watch(&store, target("SET@*"), &brisk())
        .await
        .unwrap();
    owners(&state, |members, shares| members == 1 && shares == 16).await;
    let filter = Filter::Key(group());
    let mut renewals = state.watch(filter, Since::Now).await.unwrap();
    let idle = tokio::time::timeout(3 * brisk().lease, renewals.next()).await;
    assert!(idle.is_err(), "it renews though it is alone: {idle:?}");
    // Its lease has ended by now, so it renews before it delivers.
    set(&watched, "late", "v").await;
    until(&record, "log/late", |log| log == "v;").await;
    assert!(renewals.next().await.unwrap().is_ok());
    let second = two
        .try_watch(&store, target("SET@*"), &brisk())
        .await
        .unwrap();
    owners(&state, |members, shares| members == 2 && shares == 16).await;
    for key in 0..100 {
        set(&watched, &format!("k{key}"), "v").await;
    }
    for key in 0..100 {
        until(&record, &format!("log/k{key}"), |log| log == "v;").await;
    }
    let (first, second) = (first.stop().await, second.stop().await);
    assert_eq!(first.delivered + second.delivered, 101);
    assert!(second.delivered > 20, "{first}; {second}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_died_is_replaced_where_it_stood() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let state = open(&store, "keywell-triggers").await;
    let (one, two) = (Process::new(), Process::new());
    let first = one
        .try_watch(&store, target("SET@*"), &brisk())
        .await
        .unwrap();
    let second = two
        .try_watch(&store, target("SET@*"), &brisk())
        .await
        .unwrap();
    owners(&state, |members, shares| members == 2 && shares == 16).await;
    first.crash().await;
    for key in 0..100 {
        set(&watched, &format!("k{key}"), "v").await;
    }
    for key in 0..100 {
        until(&record, &format!("log/k{key}"), |log| log == "v;").await;
    }
    let counts = second.stop().await;
    assert_eq!((counts.delivered, counts.gaps), (100, 0));
    // A process that leaves releases its partitions, so the next one need not wait for a lease.
    let long = WatchOptions {
        lease: Duration::from_mins(10),
        ..options()
    };
    set(&watched, "between", "v").await;
    let third = one.try_watch(&store, target("SET@*"), &long).await.unwrap();
    until(&record, "log/between", |log| log == "v;").await;
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_died_on_the_same_machine_is_replaced_before_its_lease_expires() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let state = open(&store, "keywell-triggers").await;
    let folder = tempfile::tempdir().unwrap();
    let long = WatchOptions {
        lease: Duration::from_hours(1),
        members: Some(folder.path().join("members")),
        ..options()
    };
    let process = Process::new();
    let first = process
        .try_watch(&store, target("SET@*"), &long)
        .await
        .unwrap();
    owners(&state, |members, shares| members == 1 && shares == 16).await;
    first.crash().await;
    set(&watched, "between", "v").await;
    let second = process
        .try_watch(&store, target("SET@*"), &long)
        .await
        .unwrap();
    until(&record, "log/between", |log| log == "v;").await;
    second.stop().await;
    let members = long.members.unwrap();
    assert_eq!(members.read_dir().unwrap().count(), 0, "files are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_are_kept_where_the_process_that_was_to_have_them_leaves_again() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let state = open(&store, "keywell-triggers").await;
    let (one, two) = (Process::new(), Process::new());
    let first = one
        .try_watch(&store, target("SET@*"), &brisk())
        .await
        .unwrap();
    owners(&state, |members, shares| members == 1 && shares == 16).await;
    let counts = |record: &str| {
        let record: serde_json::Value = serde_json::from_str(record).unwrap();
        let members = record["members"].as_object().unwrap().clone();
        members
            .into_iter()
            .map(|(member, count)| (member, count.as_u64().unwrap()))
            .collect::<BTreeMap<_, _>>()
    };
    let alone = counts(&text(&state, &group()).await.unwrap());
    let second = two
        .try_watch(&store, target("SET@*"), &brisk())
        .await
        .unwrap();
    // The first one has seen that it has too many, and is about to give them away.
    until(&state, &group(), |record| {
        let counts = counts(record);
        counts.len() == 2 && alone.iter().all(|(member, count)| counts[member] > *count)
    })
    .await;
    second.stop().await;
    for key in 0..100 {
        set(&watched, &format!("k{key}"), "v").await;
    }
    for key in 0..100 {
        until(&record, &format!("log/k{key}"), |log| log == "v;").await;
    }
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_of_different_changes_have_no_effect_on_each_other() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let (one, two) = (Process::new(), Process::new());
    let mut running = Vec::new();
    for (process, on) in [
        (&one, "SET@a:*"),
        (&two, "SET@b:*"),
        (&two, "SET@b:*,DEL@b"),
    ] {
        let trigger = process.try_watch(&store, target(on), &brisk()).await;
        running.push(trigger.unwrap());
    }
    for key in 0..50 {
        set(&watched, &format!("a:{key}"), "v").await;
        set(&watched, &format!("b:{key}"), "v").await;
    }
    for key in 0..50 {
        until(&record, &format!("log/a:{key}"), |log| log == "v;").await;
        until(&record, &format!("attempts/b:{key}"), |text| text == "2").await;
    }
    for trigger in running {
        assert_eq!(trigger.stop().await.delivered, 50);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_has_one_purpose_as_long_as_a_process_uses_it() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let folder = tempfile::tempdir().unwrap();
    let long = WatchOptions {
        lease: Duration::from_mins(1),
        members: Some(folder.path().join("members")),
        ..options()
    };
    let named = |on| WatchTarget {
        name: Some("orders".to_owned()),
        ..target(on)
    };
    let (one, two) = (Process::new(), Process::new());
    let first = one
        .try_watch(&store, named("SET@a:*"), &long)
        .await
        .unwrap();
    set(&watched, "a:1", "v").await;
    until(&record, "log/a:1", |log| log == "v;").await;
    // It is idle by now, and proves that it lives when it is asked.
    let error = two.try_watch(&store, named("SET@b:*"), &long).await;
    let error = error.err().unwrap().to_string();
    assert!(
        error.contains("another process runs a trigger of this name")
            && error.contains("--watch-name"),
        "{error}"
    );
    let like = two.try_watch(&store, named("SET@a:*,SET@a:*"), &long);
    like.await.unwrap().stop().await;
    first.stop().await;
    // The next process continues from where they were.
    set(&watched, "b:between", "v").await;
    let next = two
        .try_watch(&store, named("SET@b:*"), &long)
        .await
        .unwrap();
    until(&record, "log/b:between", |log| log == "v;").await;
    next.crash().await;
    let last = one
        .try_watch(&store, named("SET@c:*"), &long)
        .await
        .unwrap();
    set(&watched, "c:1", "v").await;
    until(&record, "log/c:1", |log| log == "v;").await;
    last.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_never_ran_leaves_no_file() {
    let store = public();
    let folder = tempfile::tempdir().unwrap();
    let shown = WatchOptions {
        members: Some(folder.path().to_owned()),
        ..options()
    };
    let process = Process::new();
    let grants = Arc::new(Grants::everything_in(store));
    let trigger = process
        .runtime
        .watch(&process.component, grants, target("SET@*"), &shown)
        .await
        .unwrap();
    drop(trigger);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
